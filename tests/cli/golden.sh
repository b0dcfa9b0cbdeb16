#!/usr/bin/env bash
# Code files that were made once, with each shipped exact model, give the same pixels for ever and
# everywhere: all layers and a prefix, on any processor; and encoding gives the same bytes again.
. "$(dirname "$0")/helpers.sh"
golden=$testdata/golden
models=(pie-exact-mnist pie-exact-fashion pie-photo)
# Twice as many digits: their largest layer has more than one lane.
originals=("$digits" "$digits" "$testdata/photo-48x32.png")
again=("$digits" "" "")
codes=("${models[@]/#/$golden/}")
codes=("${codes[@]/%/.pie}")

check() { # check SETTING TOOL OPTION...
  for i in 0 1 2; do
    expect 0 env "$@" -m "${models[i]}" "${originals[i]}" ${again[i]:+"${again[i]}"} -o again.pie
    same "${codes[i]}" again.pie
  done
}

for setting in X=1 OPENBLAS_CORETYPE=Nehalem OPENBLAS_CORETYPE=Haswell ATEN_CPU_CAPABILITY=default \
               ATEN_CPU_CAPABILITY=avx2 ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=SSE41 \
               ONEDNN_MAX_CPU_ISA=AVX2 ONEDNN_MAX_CPU_ISA=AVX512_CORE; do
  # What this processor lacks cannot be forced on it.
  case $setting in *=avx2 | *=avx512) grep -qw "${setting#*=}f\?" /proc/cpuinfo || continue ;; esac
  for threads in 1 2; do
    check "$setting" "$tools/pie-encode" -q -f --coder model -T $threads
    expect 0 env "$setting" "$tools/pie-decode" -q -T $threads -tt "${codes[@]}"
    expect 0 env "$setting" "$tools/pie-decode" -q -T $threads --layers 2 --select 0 -c "${codes[@]}"
    same "$golden/two-layers.pnm" "$out"
  done
done

# What they decode to.
expect 0 pie-decode -q --select 0-99 "${codes[0]}" -o first.idx
expect 0 pie-decode -q --select 100-199 "${codes[0]}" -o second.idx
for half in first second; do gzip -dc "$digits" | cmp - $half.idx || fail "other digits"; done
expect 0 pie-decode -q "${codes[2]}" -o photo.ppm
expect 0 pie-encode -q photo.ppm -o photo.pie # with the default model
same "${codes[2]}" photo.pie

# Whatever samples an image has come back: 16 bits, alpha, and sizes of all kinds.
python <<'P'
import random, struct, zlib
random.seed(1)
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
for bits, kind, channels in ((8, 6, 4), (16, 6, 4), (16, 4, 2), (16, 2, 3), (16, 0, 1)):
    w, h, maximum = 37, 21, 2**bits - 1
    rows = [[min(maximum, (x * y * 40 + c * 900 + random.randrange(99)) % 2**bits)
             for x in range(w) for c in range(channels)] for y in range(h)]
    data = [struct.pack(f">{len(r)}{'B' if bits == 8 else 'H'}", *r) for r in rows]
    png = struct.pack(">IIBBBBB", w, h, bits, kind, 0, 0, 0)
    name = f"{bits}-{channels}"
    open(name + ".png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", png)
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in data))) + chunk(b"IEND", b""))
    if channels in (1, 3):
        open(name + ".pnm", "wb").write(b"P%d\n%d %d\n%d\n" % (channels // 2 + 5, w, h, maximum) + b"".join(data))
for w, h in ((1, 1), (7, 1), (33, 31), (3, 4097)):
    open(f"size-{w}-{h}.ppm", "wb").write(b"P6\n%d %d\n255\n" % (w, h) + bytes(
        random.randrange(256) for _ in range(3 * w * h)))
    open(f"size-{w}-{h}.pgm", "wb").write(b"P5\n%d %d\n255\n" % (w, h) + bytes(w * h))
P
expect 0 pie-encode -q --coder model ./*.png size-*
expect 0 pie-decode -q -tt ./*.pie
for pnm in ./*.pnm; do
  expect 0 pie-decode -q "${pnm%.pnm}.png.pie" -c
  same "$pnm" "$out"
done
for png in ./*.png; do # its hash of the pixels is in the code, so equal codes are equal images
  expect 0 pie-decode -q "$png.pie" -o again.png
  expect 0 pie-encode -q -f --coder model again.png -o again.pie
  same "$png.pie" again.pie
  rm again.png
done
for image in size-*.p?m; do
  expect 0 pie-decode -q "$image.pie" -c
  same "$image" "$out"
done
# Alpha comes last: a file cut before it is opaque, with a warning.
head -c "$(pie-decode --breakpoints 8-4.png.pie | tail -n 1 | cut -f 2)" 8-4.png.pie >cut.pie
expect 3 pie-decode cut.pie -o x.png
expect 6 pie-decode --allow-partial cut.pie -o x.png
says 'alpha'
