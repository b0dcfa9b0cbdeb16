#!/usr/bin/env bash
# What needs a GPU: builds with a LibTorch that knows CUDA, trains models of every kind for a few steps on
# the CPU and on the GPU, from the same start and with the same images, and compares; then what is coded,
# drawn and measured by trained ones; and prints how fast each trains. Nothing has run this where there is
# a GPU yet.
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
for preset in pie-mnist nice-mnist realnvp-mnist glow-mnist made-mnist maf-mnist ffjord-mnist vae-mnist wae-mnist \
  iresnet-mnist-small pie-exact-mnist; do
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

# What the GPU encodes the CPU decodes, and so on; figures differ by rounding alone.
for model in pie-mnist iresnet-mnist-small iresnet-mnist-classifier; do
  for where in cpu "$device"; do
    "$build/bin/flow-eval" -q --device "$where" -m "$model" --json "$digits[:40]" >"$scratch/$where.json"
  done
  if [ "$model" != iresnet-mnist-classifier ]; then
    "$build/bin/pie-encode" -q --device "$device" -m "$model" -f -o "$scratch/x.pie" "$digits[:40]"
    "$build/bin/pie-decode" -q -f -o "$scratch/x.idx" "$scratch/x.pie"
    "$build/bin/pie-decode" -q --device "$device" -f -o "$scratch/y.idx" "$scratch/x.pie"
    "$build/bin/pie-sample" -q --device "$device" -m "$model" -n 8 -f -o "$scratch/s.png"
  fi
  python3 - "$model" "$scratch" "$device" <<'P'
import json, os, sys
model, scratch, device = sys.argv[1:]

def figures(value, path=""):
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from figures(inside, f"{path}.{key}")
    elif isinstance(value, list):
        for i, inside in enumerate(value):
            yield from figures(inside, f"{path}.{i}")
    elif isinstance(value, float):
        yield path, value

cpu, other = (dict(figures(json.load(open(f"{scratch}/{where}.json")))) for where in ("cpu", device))
# Times differ, and how an inverse ends; a draw or a nearest neighbour may tip over.
skipped = ("time", "inverse", "samples", "latents", "percent")
worst = max(((abs(a - other.get(key, float("inf"))) / (1 + abs(a)), key) for key, a in cpu.items()
             if not any(s in key for s in skipped)))
print(f"{model}: largest difference of a figure {worst[0]:.2g} ({worst[1]})")
if worst[0] > 0.01:
    sys.exit(f"{model}: {worst}")
if os.path.exists(f"{scratch}/x.idx"):
    a, b = (open(f"{scratch}/{n}.idx", "rb").read() for n in "xy")
    far = max(abs(p - q) for p, q in zip(a, b, strict=True))
    print(f"{model}: decoded pixels of {device} and CPU differ by at most {far} levels")
    if far > 2:
        sys.exit(f"{model}: pixels differ by {far} levels")
    os.remove(f"{scratch}/x.idx")
P
done
echo "every kind of model trains on $device as on the CPU; a PIE and i-ResNets code, draw and are measured as there"
