#!/usr/bin/env bash
# Code files that were made once, with each shipped integer model, give the same pixels for ever and
# everywhere: all layers and a prefix, on any processor; and encoding gives the same bytes again.
. "$(dirname "$0")/helpers.sh"
golden=$testdata/golden
models=(pie-int-mnist pie-int-fashion pie-int-photo)
originals=("$digits" "$digits" "$testdata/photo-48x32.png")
codes=("${models[@]/#/$golden/}")
codes=("${codes[@]/%/.pie}")

check() { # check SETTING TOOL OPTION...
  for i in 0 1 2; do
    expect 0 env "$@" -m "${models[i]}" "${originals[i]}" -o again.pie
    same "${codes[i]}" again.pie
  done
}

for setting in X=1 OPENBLAS_CORETYPE=Nehalem OPENBLAS_CORETYPE=Haswell ATEN_CPU_CAPABILITY=default \
               ATEN_CPU_CAPABILITY=avx2 ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=SSE41 \
               ONEDNN_MAX_CPU_ISA=AVX2 ONEDNN_MAX_CPU_ISA=AVX512_CORE; do
  for threads in 1 2; do
    check "$setting" "$tools/pie-encode" -q -f -T $threads
    expect 0 env "$setting" "$tools/pie-decode" -q -T $threads -tt "${codes[@]}"
    expect 0 env "$setting" "$tools/pie-decode" -q -T $threads --layers 2 --select 0 -c "${codes[@]}"
    same "$golden/two-layers.pnm" "$out"
  done
done

# What they decode to.
expect 0 pie-decode -q "${codes[0]}" -o digits.idx
gzip -dc "$digits" | cmp - digits.idx || fail "other digits"
expect 0 pie-decode -q "${codes[2]}" -o photo.ppm
expect 0 pie-encode -q photo.ppm -o photo.pie # with the default model
same "${codes[2]}" photo.pie
