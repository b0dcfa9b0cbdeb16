#!/usr/bin/env bash
# Baselines go through the same tools: autoencoders and coupling flows are trained, code, sample and are
# measured, and say what their likelihood is.
. "$(dirname "$0")/helpers.sh"
export PIE_MODEL_PATH=$scratch/models
mkdir "$PIE_MODEL_PATH"

small() {
  local name=$1
  shift
  expect 0 pie-train --preset "$name-mnist" --batch 16 --steps 6 --data "$digits" --val "$digits[:20]" \
    --set train.validate_every=3 -o "$PIE_MODEL_PATH/$name.safetensors" "$@"
}

for kind in vae wae; do
  small "$kind" --set filters=4
  expect 0 pie-encode -m "$kind" "$digits[:20]" -o "$kind.pie" --latents "$kind.npy"
  # z of 8 numbers, then the pixels' errors.
  expect 0 pie-decode -l --json "$kind.pie"
  cp "$out" list.json
  expect 0 pie-decode "$kind.pie" -o "$kind.idx"
  expect 0 pie-decode --layers 1 "$kind.pie" -o "$kind-z.idx"
  expect 0 pie-sample -m "$kind" -n 6 -o "$kind-samples.png"
  expect 0 pie-sample -m "$kind" --interpolate "$digits[0]" "$digits[1]" --steps 5 -o "$kind-path.png"
  expect 0 flow-eval -m "$kind" --samples 8 "$digits[:20]" --json
  cp "$out" "$kind.json"
  python "$kind" <<'P'
import json, math, struct, sys
kind = sys.argv[1]
layers = json.load(open("list.json"))[0]["frames"][0]["layers"]
assert [l["name"] for l in layers] == ["z", "r_1"], layers
assert b"(20, 8)" in open(f"{kind}.npy", "rb").read(128)
report = json.load(open(f"{kind}.json"))
assert report["model"]["arch"] == kind
assert report["reconstruction"]["psnr_db"] < report["code"]["layers"][1]["psnr_db"]
if kind == "vae":
    likelihood = report["likelihood"]
    assert "ELBO" in likelihood["definition"]
    parts = likelihood["parts_bits_per_dim"]
    assert abs(parts["z"] + sum(parts["r"]) + parts["offset"] - likelihood["bits_per_dim"]) < 1e-6
    assert parts["z"] >= 0  # a Kullback-Leibler divergence
    curve = report["training"]["curve"]
    assert [p["step"] for p in curve] == [3, 6] and all("held_out_bits_per_dim" in p for p in curve)
else:
    assert "likelihood" not in report
P
done
expect 0 flow-eval -m wae --metrics likelihood "$digits[:20]"
grep -q "likelihood: this model has none" "$out" || fail "no word about the missing likelihood"

small nice --set linear.hidden=8
small realnvp --set conv.hidden=4 --set conv.steps=1
small glow --set conv.hidden=4 --set conv.steps=1
small glow --set conv.hidden=4 --set conv.steps=1 --set classes=10 --task classify -f
for kind in nice realnvp; do
  expect 0 flow-eval -m "$kind" --metrics likelihood,latents "$digits[:20]" --json
done
expect 0 flow-eval -m glow --metrics classification "$digits" --json

# Autoregressive and continuous flows code, come back and draw like the others.
small made --set linear.hidden=40
small made-mixture --set linear.hidden=40 --set linear.components=3
small maf --set linear.hidden=40 --set linear.steps=2 --set linear.mixing=shuffle
small ffjord --set conv.hidden=4
for kind in made made-mixture maf ffjord; do
  expect 0 pie-encode -m "$kind" "$digits[:3]" -o "$kind.pie"
  expect 0 pie-decode "$kind.pie" -o "$kind.idx"
  expect 0 pie-sample -m "$kind" -n 2 -o "$kind.png"
  expect 0 flow-eval -m "$kind" --metrics likelihood,code "$digits[:6]" --json
  python "$out" "$kind" <<'P'
import json, sys
report = json.load(open(sys.argv[1]))
likelihood, continuous = report["likelihood"], sys.argv[2] == "ffjord"
assert likelihood["logdet"]["method"] == ("trace" if continuous else "exact"), likelihood
# A trajectory takes 1 + 6 evaluations for each step tried, and there are two.
evaluations = likelihood["function_evaluations"]
assert evaluations >= 14 if continuous else evaluations == 0, likelihood
# z alone, or all layers, give images back but for the steps of quantization.
assert report["code"]["layers"][-1]["psnr_db"] > 30, report["code"]
P
done
expect 0 flow-eval -m ffjord --metrics likelihood --probes 8 "$digits[:6]" --json
expect 2 pie-train --preset maf-mnist --set linear.transform=recurrent --data "$digits" -o x.safetensors
says "transform"

# Distances between sets of images in the features of a classifier: 0 from itself.
expect 0 flow-eval --features glow --images "$digits" "$digits" --json
python "$out" <<'P'
import json, sys
assert abs(json.load(open(sys.argv[1]))["images"]["frechet_distance"]) < 1e-6
P
expect 2 flow-eval --features glow "$digits"
says "give both"
expect 2 flow-eval --features vae --images "$digits" "$digits"
says "classifier"
