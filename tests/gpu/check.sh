#!/usr/bin/env bash
# What needs a GPU: builds with a LibTorch that knows CUDA, trains models of every kind for a few steps on
# the CPU and on the GPU, from the same start and with the same images, and compares; then prints how fast
# each trains. Nothing has run this where there is a GPU yet.
# Usage: tests/gpu/check.sh LIBTORCH_FOLDER [DEVICE]   (BUILD=folder; with the device cpu it checks itself)
set -euo pipefail
cd "$(dirname "$0")/../.."
libtorch=${1:?usage: $0 LIBTORCH_FOLDER [DEVICE]}
device=${2:-cuda}
build=${BUILD:-build-gpu}
digits=$PWD/testdata/digits-images-idx3-ubyte.gz
if [ ! -x "$build/bin/pie-train" ]; then
  cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$libtorch" -DPIE_DEVELOPER_MODE=OFF
  cmake --build "$build" -j "$(nproc)"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$build/bin/pie-train" -vV

# train DEVICE NAME STEPS OPTION...: a state, and its log.
train() {
  local where=$1 name=$2 steps=$3
  shift 3
  "$build/bin/pie-train" -q --device "$where" --precision f32 --data "$digits" --steps 1000 --stop-at "$steps" \
    --val "$digits[:20]" --set train.validate_every="$steps" --log "$scratch/$name.log" -f -o "$scratch/$name" "$@" >/dev/null
}

echo "| preset | largest difference of the held-out figure, CPU and $device | images/s, CPU | images/s, $device |"
echo "|---|---|---|---|"
for preset in pie-mnist nice-mnist realnvp-mnist glow-mnist vae-mnist wae-mnist iresnet-mnist-small pie-exact-mnist; do
  how=(20 --preset "$preset" --batch 20 --set train.warmup_steps=0)
  train cpu here "${how[@]}"
  train "$device" there "${how[@]}"
  python3 - "$preset" "$scratch/here.log" "$scratch/there.log" <<'P'
import json, sys
preset, *logs = sys.argv[1:]
cpu, other = (json.loads(open(log).readlines()[-1]) for log in logs)
keys = [key for key in cpu if key.startswith("val_")]
difference = max(abs(cpu[key] - other[key]) for key in keys)
print(f"| `{preset}` | {difference:.2g} | {cpu['images_per_s']:.0f} | {other['images_per_s']:.0f} |")
# Rounding grows along 20 steps, in exact models by the rounding of their networks too.
sys.exit(0 if keys and difference < 0.05 else f"{preset}: {cpu} and {other}")
P
done
echo "every kind of model trains on $device as on the CPU"
