#!/usr/bin/env bash
# i-ResNets through the tools: training of all tasks, exact resuming, codes by the fixed-point
# inverse, samples, reports, and what has no density or no classes.
. "$(dirname "$0")/helpers.sh"
tiny=(--preset iresnet-mnist-small --set block.blocks=1 --set block.hidden=8 --batch 4
  --precision f32)

# Stopped and resumed: the same bytes as in one go, the power iterations' vectors included.
expect 0 pie-train "${tiny[@]}" --data "$digits" --steps 30 -o whole.safetensors
expect 0 pie-train "${tiny[@]}" --data "$digits" --steps 30 --stop-at 11 -o parts.safetensors
expect 0 pie-train --resume parts.safetensors.state --precision f32 --data "$digits" \
  -o parts.safetensors
same whole.safetensors parts.safetensors
# Recomputed activations differ by the error of the inverse, not more: the same first step.
expect 0 pie-train "${tiny[@]}" --data "$digits" --steps 1 --set train.recompute=true \
  --log recomputed.jsonl --val "$digits[:4]" --set train.validate_every=1 -o r.safetensors
expect 0 pie-train "${tiny[@]}" --data "$digits" --steps 1 --log kept.jsonl --val "$digits[:4]" \
  --set train.validate_every=1 -o k.safetensors
python recomputed.jsonl kept.jsonl <<'E2'
import json, sys
a, b = (json.loads(open(name).readline()) for name in sys.argv[1:])
assert a["train_bits_per_dim"] == b["train_bits_per_dim"], (a, b)
assert abs(a["grad_norm"] / b["grad_norm"] - 1) < 1e-3, (a, b)
E2

# All pixels come back from the latents; how far, and why that is certain, is in the report.
expect 0 flow-eval -m whole.safetensors --samples 2 --iterations 1,60 --json "$digits[:20]"
python "$out" <<'E2'
import json, sys
r = json.load(open(sys.argv[1]))
inverse = r["reconstruction"]["inverse"]
assert inverse["max_abs_error"] < 1 / 512, inverse
assert inverse["lipschitz_bound"] <= 0.98 ** 3 * (1 + 1e-9), inverse
assert len(inverse["lipschitz_bound_of_blocks"]) == 3
first, last = inverse["by_iterations"]
assert first["max_abs_error"] > 0.01 and last["max_abs_error"] < 1 / 512
assert r["likelihood"]["logdet"]["method"] == "roulette"
assert "classification" not in r
E2
# Whichever way the log-determinant is computed, within the stated errors.
for options in "roulette --probes 8" "series --terms 30 --probes 8" exact; do
  expect 0 flow-eval -m whole.safetensors --metrics likelihood --logdet $options --json "$digits[:6]"
  cat "$out" >>likelihoods.jsonl
done
python likelihoods.jsonl <<'E2'
import json, sys
roulette, series, exact = (json.loads(line)["likelihood"] for line in open(sys.argv[1]))
assert exact["logdet"]["bias_bound"] == 0 and roulette["logdet"]["bias_bound"] == 0
# 6 images x 8 probes of a trace whose deviation is a few nats of 784 dimensions.
for estimate in roulette, series:
    difference = abs(estimate["bits_per_dim"] - exact["bits_per_dim"])
    assert difference < 0.01 + estimate["logdet"]["bias_bound"], (estimate, exact)
E2

# A code file holds quantized latents; the finer the step, the closer the image.
for step in 0.5 0.01; do
  expect 0 pie-encode -m whole.safetensors --step $step "$digits[:20]" -o $step.pie
  expect 0 pie-decode -m whole.safetensors -tt $step.pie
  expect 0 pie-decode -m whole.safetensors $step.pie -o $step.idx
done
python 0.5.idx 0.01.idx "$digits" <<'E2'
import gzip, sys
coarse, fine = (open(name, "rb").read()[16:] for name in sys.argv[1:3])
true = gzip.open(sys.argv[3], "rb").read()[16:][: len(fine)]
errors = [sum(abs(a - b) for a, b in zip(image, true)) for image in (coarse, fine)]
assert errors[1] < errors[0] / 4 and errors[1] / len(true) < 3, errors
E2
expect 0 pie-sample -m whole.safetensors -n 4 --temperature 0.7 -o samples.idx

# Classes, with labels from beside the images; zero-padded inputs have no density.
expect 0 pie-train "${tiny[@]}" --task hybrid --set classes=10 --set train.labelled=8 \
  --data "$digits" --val "$digits" --steps 3 -o hybrid.safetensors --json
grep -q held_out_bits_per_dim "$out" && grep -q held_out_error_percent "$out" || fail "hybrid figures"
# A file of few labels says the same as all labels of which few are used.
few=(--set classes=10 --set head_features=4 --data "$digits" --steps 3)
labels=$testdata/digits-labels-idx1-ubyte.gz
expect 0 pie-train "${tiny[@]}" "${few[@]}" --task hybrid --set train.labelled=8 -o some.safetensors
python "$labels" <<'E2'
import gzip, sys
labels = gzip.open(sys.argv[1]).read()[8:16]
open("labels", "wb").write(bytes([0, 0, 8, 1, 0, 0, 0, 8]) + labels)
E2
expect 0 pie-train "${tiny[@]}" "${few[@]}" --task hybrid --labels labels -o few.safetensors
for name in some few; do
  expect 0 flow-eval -m $name.safetensors --metrics likelihood --json "$digits[:4]"
  grep -o '"bits_per_dim":[0-9.]*' "$out" >$name.bits
done
same some.bits few.bits
expect 2 pie-train "${tiny[@]}" "${few[@]}" --task classify --labels labels -f -o few.safetensors
says '8 labels for 100 images'
classify=(--preset iresnet-mnist-classifier --set block.blocks=1 --set block.hidden=8 --batch 4)
expect 0 pie-train "${classify[@]}" --data "$digits" --steps 3 -o classifier.safetensors
expect 0 flow-eval -m classifier.safetensors --json "$digits[:20]"
python "$out" <<'E2'
import json, sys
r = json.load(open(sys.argv[1]))
assert 0 <= r["classification"]["error_percent"] <= 100
assert r["reconstruction"]["inverse"]["max_abs_error"] < 1 / 512
assert "likelihood" not in r and "code" not in r
E2
for task in density hybrid; do
  expect 2 pie-train "${classify[@]}" --task $task --data "$digits" --steps 3 -o x.safetensors
  says 'pad_channels' 'density'
done
expect 2 pie-encode -m classifier.safetensors "$testdata/digit-0.png" -o x.pie
says 'no density'
expect 2 pie-sample -m classifier.safetensors -n 1 -o x.png
expect 2 pie-train "${tiny[@]}" --task classify --data "$digits" --steps 3 -o x.safetensors
says 'needs a model with classes'

# Without a constraint there is no guarantee, hence no density, and no code file that might not decode.
expect 2 pie-train "${tiny[@]}" --set block.coefficient=0 --data "$digits" --steps 3 -o x.safetensors
says 'coefficient' 'density'
expect 0 pie-train "${classify[@]}" --set pad_channels=0 --set block.coefficient=0 --data "$digits" \
  --steps 30 --lr 0.05 -o free.safetensors
expect 2 pie-encode -m free.safetensors "$testdata/digit-0.png" -o x.pie
says 'no density'

# A metric that was asked for and cannot be had is a warning; unlabelled images only cost the error.
expect 0 flow-eval -m classifier.safetensors --metrics likelihood --json "$digits[:4]"
grep -q '"warnings":\["likelihood: this model has none"\]' "$out" || fail "warning"
expect 0 flow-eval -m classifier.safetensors --json "$testdata/digit-0.png"
grep -q '"max_abs_error"' "$out" && grep -q 'classification: ' "$out" || fail "unlabelled images"

# The inverse that recomputes activations needs float32, and training sees to it.
expect 0 pie-train --preset iresnet-mnist-small --set block.blocks=1 --set block.hidden=8 --batch 4 \
  --set train.recompute=true --data "$digits" --steps 2 -o recompute.safetensors
expect 2 pie-train --preset iresnet-mnist-small --precision bf16 --set train.recompute=true \
  --data "$digits" --steps 2 -o x.safetensors
says 'recompute'
# A run is resumed in the precision it had.
expect 0 pie-train --resume parts.safetensors.state --steps 40 --stop-at 31 --data "$digits" \
  -o parts.safetensors
says 'float32'
# Scales override the defaults.
expect 0 pie-train "${tiny[@]}" --set scales.0.hidden=4 --set scales.1.keep=392 --data "$digits" \
  --steps 1 -o scales.safetensors
expect 2 pie-train "${tiny[@]}" --set block.blocks=0 --data "$digits" --steps 1 -o x.safetensors
# On two threads, batches side by side before and products of whole batches after them.
expect 0 timeout 120 "$tools/flow-eval" -T 2 -m "$here/../../models/iresnet-mnist-small.safetensors" \
  --metrics reconstruction --iterations 1,2,3 "$digits"
