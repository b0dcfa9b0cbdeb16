#!/usr/bin/env bash
# Installs what is needed, builds, and does the main jobs once: a photograph without loss and back;
# digits with loss, their rate and reconstruction error, and pictures.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/install-deps.sh
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >build-quickstart.log 2>&1 ||
  { cat build-quickstart.log >&2; exit 1; }
rm -f build-quickstart.log
cmake --build build --target pie-train pie-encode pie-decode pie-sample flow-eval

bin=$PWD/build/bin
out=$PWD/build/quickstart
mkdir -p "$out"
digits=testdata/digits-images-idx3-ubyte.gz

photo=testdata/photo-48x32.png
echo "== a photograph without loss, and its PNG file"
"$bin/pie-encode" -f "$photo" -o "$out/photo.pie"
ls -l "$photo" "$out/photo.pie"
echo "== decode it, prove that every bit is there, and a preview of its first three layers"
"$bin/pie-decode" -f "$out/photo.pie" -o "$out/photo.png"
"$bin/pie-decode" -tt "$out/photo.pie"
"$bin/pie-decode" -f --layers 3 "$out/photo.pie" -o "$out/preview.png"
echo "== encode 100 digits with loss: all layers, then the latents alone"
"$bin/pie-encode" -f -m pie-mnist "$digits" -o "$out/digits.pie"
"$bin/pie-encode" -f --layers 1 "$out/digits.pie" -o "$out/digits-z.pie"
echo "== what is in the file"
"$bin/pie-decode" -l "$out/digits.pie"
echo "== decode: all layers, then z alone, to IDX files"
"$bin/pie-decode" -f "$out/digits.pie" -o "$out/digits.idx"
"$bin/pie-decode" -f "$out/digits-z.pie" -o "$out/digits-z.idx"
ls -l "$out"/*.idx
echo "== rate and reconstruction error of each prefix of the file"
"$bin/flow-eval" -f -m pie-mnist --metrics reconstruction,code --pictures "$out" "$digits"
"$bin/pie-sample" -f -m pie-mnist --grid 8x8 -o "$out/samples.png"
echo "== look at $out/preview.png, $out/pie-mnist-reconstructions.png and $out/samples.png"
