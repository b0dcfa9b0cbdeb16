#!/usr/bin/env bash
# Images of other kinds than the model's are refused; other sizes are cut into tiles.
. "$(dirname "$0")/helpers.sh"
train tiny
for kind in gray16 gray-alpha rgb rgba; do
  python3 "$here/images.py" make $kind.png $kind 28 28
done
cp "$testdata/digit-0.png" good.png
expect 2 pie-encode -m tiny gray16.png gray-alpha.png rgb.png rgba.png good.png
says 'gray16.png: the image is 1x28x28 of 16 bits, the model pie-mnist codes images of 1 channel(s) of 8 bits' \
  'gray-alpha.png: the image is 2x28x28 of 8 bits' \
  'rgb.png: the image is 3x28x28' 'rgba.png: the image is 4x28x28'
folder_has gray16.png gray-alpha.png rgb.png rgba.png good.png good.png.pie
expect 2 pie-encode --lossless -m tiny good.png
says '--lossless needs an exact model'
expect 2 pie-encode --layers 6 -m tiny good.png -o x.pie
says 'has 5 layer(s); 6 cannot be kept'
expect 1 flow-eval -m tiny missing.png
expect 2 flow-eval -m tiny rgb.png
expect 2 pie-train -q --preset pie-mnist --data rgb.png -o x.safetensors
says 'rgb.png' '1x28x28'
rm -- *

mkdir in codes back
for size in '50 33' '1 1' '28 29' '3 90' '28 28'; do
  python3 "$here/images.py" make "in/${size/ /x}.pgm" gray $size
done
expect 0 pie-encode -m tiny in/* -O codes
expect 0 pie-decode -O back codes/*
for image in in/*; do
  name=$(basename "$image")
  starts_with "back/$name" "P5
$(basename "$name" .pgm | tr x ' ')
"
  # All layers are there: what is lost is the quantization of an untrained model.
  difference=$(python3 "$here/images.py" difference "$image" "back/$name")
  [ "$difference" -le 4 ] || fail "$name: pixels differ by $difference"
done
expect 0 pie-decode -l --json codes/50x33.pgm.pie
grep -q '"tiles_per_image": 4' "$out" || fail "not four tiles"

# A frame has one size, an archive as many as its files.
expect 0 pie-encode -m tiny in/50x33.pgm in/1x1.pgm -o all.pie
expect 0 pie-decode all.pie -O all
same all/in/1x1.pgm back/1x1.pgm
rm -r all all.pie
folder_has in codes back
