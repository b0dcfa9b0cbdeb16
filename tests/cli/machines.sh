#!/usr/bin/env bash
# A code file made with the shipped model decodes whatever the processor, the BLAS and the number of
# threads: symbols never differ (exit code 0), pixels at most by a few levels.
. "$(dirname "$0")/helpers.sh"
expect 0 pie-encode -m pie-mnist "$digits" -o set.pie
expect 0 pie-decode set.pie -o here.idx
python "$digits" <<'P'
import gzip, sys
original, decoded = gzip.open(sys.argv[1]).read(), open("here.idx", "rb").read()
error = sum(abs(a - b) for a, b in zip(original, decoded)) / len(original)
print(f"decoded pixels are wrong by {error:.2f} on average")
assert error < 4
P
for setting in OPENBLAS_CORETYPE=Nehalem OPENBLAS_CORETYPE=Haswell \
               ATEN_CPU_CAPABILITY=default ATEN_CPU_CAPABILITY=avx2 ATEN_CPU_CAPABILITY=avx512; do
  for threads in 1 2; do
    expect 0 env "$setting" "$tools/pie-decode" -f -T $threads set.pie -o there.idx
    difference=$(python3 "$here/images.py" difference here.idx there.idx)
    echo "$setting, $threads thread(s): pixels differ by at most $difference"
    [ "$difference" -le 3 ] || fail "pixels differ by $difference"
  done
done
# Encoded there, decoded here.
expect 0 env OPENBLAS_CORETYPE=Nehalem ATEN_CPU_CAPABILITY=default "$tools/pie-encode" -T 2 \
  -m pie-mnist "$digits" -o there.pie
expect 0 pie-decode -f there.pie -o there.idx
difference=$(python3 "$here/images.py" difference here.idx there.idx)
echo "encoded elsewhere: pixels differ by at most $difference"
