#!/usr/bin/env bash
# A code file made with the shipped model decodes whatever the processor, the BLAS and the number of
# threads: symbols never differ (exit code 0), pixels at most by a few levels.
. "$(dirname "$0")/helpers.sh"
expect 0 pie-encode -m pie-mnist "$digits" -o set.pie
expect 0 pie-decode set.pie -o here.idx
# check_errors FILE...: each is as near the originals as the first one.
check_errors() {
  python "$digits" "$@" <<'P'
import gzip, sys
original = gzip.open(sys.argv[1]).read()
errors = [sum(abs(a - b) for a, b in zip(original, open(name, "rb").read())) / len(original)
          for name in sys.argv[2:]]
print("decoded pixels are wrong on average by", errors)
assert errors[0] < 4 and all(abs(error - errors[0]) < 0.01 for error in errors), errors
P
}
check_errors here.idx
settings=(OPENBLAS_CORETYPE=Nehalem ATEN_CPU_CAPABILITY=default)
has() { grep -qw "$1" /proc/cpuinfo; }
! has avx2 || settings+=(OPENBLAS_CORETYPE=Haswell ATEN_CPU_CAPABILITY=avx2)
! has avx512bw || settings+=(ATEN_CPU_CAPABILITY=avx512)
for setting in "${settings[@]}"; do
  for threads in 1 2; do
    expect 0 env "$setting" "$tools/pie-decode" -f -T $threads set.pie -o there.idx
    difference=$(python3 "$here/images.py" difference here.idx there.idx)
    echo "$setting, $threads thread(s): pixels differ by at most $difference"
    [ "$difference" -le 3 ] || fail "pixels differ by $difference"
  done
done
# Encoded there, decoded here: another rounding may choose the neighbour of a symbol, which is as good.
expect 0 env OPENBLAS_CORETYPE=Nehalem ATEN_CPU_CAPABILITY=default "$tools/pie-encode" -T 2 \
  -m pie-mnist "$digits" -o there.pie
expect 0 pie-decode -f there.pie -o there.idx
check_errors here.idx there.idx
