#!/usr/bin/env bash
# Runs every benchmark script once on a few small images, so that none of them rots. What they print
# then says nothing about speed.  Usage: smoke.sh BUILD_FOLDER
set -euo pipefail
build=$(cd "${1:?usage: smoke.sh BUILD_FOLDER}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
models=$(cd "$here/../../models" && pwd)
digits=$here/../../testdata/digits-images-idx3-ubyte.gz
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

declare -A arguments=(
  [inverse_iterations]="-o curve.png small=iresnet-mnist-small"
  [iresnet_speed]="$models/iresnet-mnist-small.safetensors --batch 2"
  [lossless]="--images 5"
  [partial]="--images 5 -o picture.png"
  [rate_distortion]="-o curve.png --steps 1"
  [sizes]=""
  [train_speed]="--steps 50 --rounds 1"
)
# Those that take the folder of tools alone.
declare -A comparisons=([archives]="pie-exact-mnist $digits --most 300" [ranks]="$digits --presets pie-mnist --seconds 4 --rounds 1" [folder]="--files 120" [footprint]="--quick" [same_bytes]="$build/bin --quick")
declare -A images=([sizes]="${digits%/*}/photo-48x32.png")
declare -A model=([lossless]=pie-exact-mnist [partial]=pie-exact-mnist [rate_distortion]=pie-mnist)
for script in "$here"/*.py; do
  name=$(basename "$script" .py)
  echo "== $name.py"
  if [ -n "${comparisons[$name]+known}" ]; then
    # shellcheck disable=SC2086
    python3 "$script" "$build/bin" ${comparisons[$name]}
    continue
  fi
  [ -n "${arguments[$name]+known}" ] || { echo "smoke.sh does not know $name.py"; exit 1; }
  # shellcheck disable=SC2086
  python3 "$script" "$build" ${model[$name]-} "${images[$name]-$digits}" ${arguments[$name]}
done
echo "== lossless.py --speed"
python3 "$here/lossless.py" "$build" pie-exact-mnist "$digits" --images 5 --speed
echo "== gpu/check.sh, on the CPU"
BUILD=$build PIE_MODEL_PATH=$models "$here/../gpu/check.sh" /usr cpu
