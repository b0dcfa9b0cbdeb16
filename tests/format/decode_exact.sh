#!/usr/bin/env bash
# A decoder written from FORMAT.md alone gives what pie-decode gives, for code files of exact PIEs:
# all layers and prefixes, any size, few colours and many, archives, and every mode of a block.
. "$(dirname "$0")/../cli/helpers.sh"
reader=$testdata/../tests/format/decode_exact.py
photo=$testdata/photo-48x32.png
tiny=(--set components=2 --batch 4 --lr 0.01 --precision f32
  --set 'networks=[{"hidden":8,"first_blocks":1,"phase_blocks":1},{"hidden":6,"first_blocks":0,"phase_blocks":1}]')
expect 0 pie-train --preset pie-photo "${tiny[@]}" --set input.height=32 --set input.width=32 \
  --data "$photo" --steps 60 -o photo.safetensors
# Absolute means and positions.
expect 0 pie-train --preset pie-photo "${tiny[@]}" --set input.channels=1 --set input.height=28 --set input.width=28 \
  --set position=true --set relative_means=false --set depth=4 --set layers=3 --data "$digits" --steps 200 -o digits.safetensors

check() { # check MODEL CODE LAYERS...: that both decode alike
  local model=$1 code=$2
  shift 2
  for k in "$@"; do
    expect 0 pie-decode -f -m "./$model.safetensors" --layers "$k" "$code" -o ours.pnm
    "$reader" "$model.safetensors" "$code" "$k" >theirs.pnm 2>modes || fail "cannot be read"
    same ours.pnm theirs.pnm
  done
}

python <<'P'
import random
random.seed(3)
def write(name, w, h, channels, level):
    pixels = bytes(level(x, y, c) % 256 for y in range(h) for x in range(w) for c in range(channels))
    open(name, "wb").write(b"P%d\n%d %d\n255\n" % (channels // 2 + 5, w, h) + pixels)
# Planes of which some are large enough for corrections; edges where cells have no samples; noise; few
# colours, of which blue follows from the others; gray.
write("smooth.pnm", 66, 63, 3, lambda x, y, c: 2 * x + y * (c + 1) + random.randrange(4))
write("row.pnm", 33, 1, 3, lambda x, y, c: 40 * (x // 4) + 9 * c)
write("noise.pnm", 40, 30, 3, lambda x, y, c: random.randrange(256))
write("flat.pnm", 70, 67, 3, lambda x, y, c: (x // 9 * 31 + y // 7 * 17) * (c + 1))
write("gray.pnm", 50, 41, 1, lambda x, y, c: x * y // 9 + random.randrange(3))
P
for image in smooth row noise flat gray; do
  expect 0 pie-encode --coder model -m ./photo.safetensors $image.pnm -o $image.pie
  check photo $image.pie 1 3 5
done
expect 0 pie-encode --coder model -m ./photo.safetensors "$photo" -o photo.pie
check photo photo.pie 1 2 3 4 5
grep -q ' 0 0$' modes || fail "the photograph does not need the model: $(cat modes)"

expect 0 pie-encode --coder model -m ./digits.safetensors "$testdata/digit-0.png" -o digit.pie
check digits digit.pie 1 2 4
expect 0 pie-encode --coder model -m ./digits.safetensors "$testdata"/digit-{0,1,2}.png -o digits.pie
"$reader" digits.safetensors digits.pie >theirs.pnm 2>modes || fail "cannot be read"
for i in 0 1 2; do
  expect 0 pie-decode -f -m ./digits.safetensors --select $i -c digits.pie
  cat "$out"
done >ours.pnm
same ours.pnm theirs.pnm

# The files that decode for ever, with the models that are shipped.
models=$testdata/../models golden=$testdata/golden
PIE_MODEL_PATH=$models
export PIE_MODEL_PATH
"$reader" "$models/pie-photo.safetensors" "$golden/pie-photo.pie" >theirs.pnm
expect 0 pie-decode -f "$golden/pie-photo.pie" -o ours.pnm
same ours.pnm theirs.pnm
for model in pie-exact-mnist pie-exact-fashion; do
  "$reader" "$models/$model.safetensors" "$golden/$model.pie" >theirs.pnm
  expect 0 pie-decode -f "$golden/$model.pie" -o ours.idx
  python ours.idx theirs.pnm <<'P'
import sys
ours, theirs = open(sys.argv[1], "rb").read()[16:], open(sys.argv[2], "rb").read()
header = b"P5\n28 28\n255\n"
each = len(header) + 784
images = [theirs[i:i + each] for i in range(0, len(theirs), each)]
assert all(image[:len(header)] == header for image in images)
assert b"".join(image[len(header):] for image in images) == ours
P
done
