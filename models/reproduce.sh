#!/usr/bin/env bash
# Reproduces the tables and figures of the PIE paper and of the i-ResNet slides with this toolkit, and
# prints ours beside the published figures:
#
#   models/reproduce.sh [--quick] [--data DIR] [--fashion DIR] [--cifar DIR] [--out DIR] [--bin DIR] WHAT...
#
# WHAT: table1 figure7 figure8 figure9 likelihood classification across-tasks convergence cifar-likelihood
# cifar-classification, or all. DIR of --data has MNIST's four files (default: $MNIST, else
# /usr/share/datasets/mnist), of --fashion Fashion-MNIST's (Debian's dataset-fashion-mnist), of --cifar
# CIFAR-10's as distributed (data_batch_1.bin to data_batch_5.bin, test_batch.bin; default: $CIFAR10, else
# /usr/share/datasets/cifar-10-batches-bin); the last 5,000 training images are held out. Models and
# pictures go to --out (default: reproduced, or reproduced-quick); the tools are those in --bin (default:
# build/bin). A training that was stopped goes on where it was when the same command is given again; a
# model that is finished is used again. --quick trains for seconds on testdata/: it shows that all of it
# runs, its figures mean nothing.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
quick= data=${MNIST:-/usr/share/datasets/mnist} fashion=/usr/share/datasets/fashion-mnist
cifar=${CIFAR10:-/usr/share/datasets/cifar-10-batches-bin}
out= bin=$root/build/bin what=()
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit "$1"; }
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=1 ;;
    --data) data=${2:?--data needs DIR}; shift ;;
    --fashion) fashion=${2:?--fashion needs DIR}; shift ;;
    --cifar) cifar=${2:?--cifar needs DIR}; shift ;;
    --out) out=${2:?--out needs DIR}; shift ;;
    --bin) bin=${2:?--bin needs DIR}; shift ;;
    -h | --help) usage 0 ;;
    -*) usage 2 >&2 ;;
    *) what+=("$1") ;;
  esac
  shift
done
[ ${#what[@]} -gt 0 ] || usage 2 >&2
all="table1 figure7 figure8 figure9 likelihood classification across-tasks convergence cifar-likelihood cifar-classification"
[ "${what[0]}" != all ] || read -ra what <<<"$all"
for item in "${what[@]}"; do [[ " $all " = *" $item "* ]] || usage 2 >&2; done
out=${out:-reproduced${quick:+-quick}}
mkdir -p "$out"

if [ "$quick" ]; then
  digits=$root/testdata/digits-images-idx3-ubyte.gz
  train=${digits}[:80] held_out=${digits}[80:] test=${digits}[:40] neighbours=${digits}[40:] samples=40 grid=4x6 inverted=8 threads=1
  clothes_train=$train clothes_held_out=$held_out clothes_test=$test
else
  train=$data/train-images-idx3-ubyte.gz[:55000] held_out=$data/train-images-idx3-ubyte.gz[55000:57000]
  test=$data/t10k-images-idx3-ubyte.gz neighbours=$data/train-images-idx3-ubyte.gz samples=10000 grid=20x30 inverted=50 threads=0
  clothes_train=$fashion/train-images-idx3-ubyte.gz[:55000]
  clothes_held_out=$fashion/train-images-idx3-ubyte.gz[55000:57000]
  clothes_test=$fashion/t10k-images-idx3-ubyte.gz
fi
cifar_train=("$cifar"/data_batch_{1,2,3,4}.bin "$cifar/data_batch_5.bin[:5000]")
cifar_held_out="$cifar/data_batch_5.bin[5000:]" cifar_test=$cifar/test_batch.bin
if [ "$quick" ]; then
  # Cut from a photograph; classes by turns.
  "$bin/pie-encode" -q -c "$root/testdata/photo-48x32.png" | "$bin/pie-decode" -q -c - | python3 -c '
import sys
data = sys.stdin.buffer.read()
pixels, out = data[-48 * 32 * 3:], open(sys.argv[1], "wb")
for i in range(80):
    square = [pixels[(48 * y + i % 17) * 3:(48 * y + i % 17 + 32) * 3] for y in range(32)]
    out.write(bytes([i % 10]) + b"".join(b"".join(row[c::3] for row in square) for c in range(3)))
' "$out/cifar.bin"
  cifar_train=("$out/cifar.bin[:60]") cifar_held_out="$out/cifar.bin[60:]" cifar_test="$out/cifar.bin[40:]"
fi
features=iresnet-mnist-classifier
images=("$train") validation=$held_out # of train_model

# train_model NAME MINUTES PRESET OPTION...: a model trained for so long on one core, $out/NAME.safetensors.
train_model() {
  local file=$out/$1.safetensors minutes=$2 preset=$3
  shift 3
  if [ -f "$file" ] && [ ! -f "$file.state" ]; then return; fi  # finished
  local command=("$bin/pie-train" -q -f -T 1 --data "${images[@]}" --val "$validation"
    --log "$file.jsonl" -o "$file")
  if [ -f "$file.state" ]; then
    command+=(--resume "$file.state")
  else
    command+=(--preset "$preset" "$@")
    [ ! "$quick" ] || command+=(--batch 8 --set train.validate_every=2)
  fi
  if [ "$quick" ]; then command+=(--steps 4); else command+=(--time "${minutes}m"); fi
  echo "training $file: $preset $*" >&2
  "${command[@]}" >/dev/null
  rm "$file.state"
}

# evaluate NAMES OPTION... DATA: the report of each model of train_model, or shipped one, in $out/NAME.json.
evaluate() {
  local names name models=()
  read -ra names <<<"$1"
  shift
  for name in "${names[@]}"; do models+=(-m "$(file_of "$name")"); done
  "$bin/flow-eval" -T $threads -q "${models[@]}" --json "$@" >"$out/reports.json"
  python3 - "$out" "${names[@]}" <<'P'
import json, sys
folder, *names = sys.argv[1:]
reports = json.load(open(f"{folder}/reports.json"))
for name, report in zip(names, reports if isinstance(reports, list) else [reports], strict=True):
    json.dump(report, open(f"{folder}/{name}.json", "w"))
P
}

# The file of a model of train_model, or of a shipped one.
file_of() {
  local file=$out/$1.safetensors
  if [ -f "$file" ]; then echo "$file"; else echo "$root/models/$1.safetensors"; fi
}

# The rows of a table on stdin, columns split by |; {NAME:a.b.0} is a figure of $out/NAME.json.
table() {
  python3 - "$out" /dev/fd/3 3<&0 <<'P'
import json, re, sys
folder, rows = sys.argv[1], open(sys.argv[2]).read().splitlines()

def figure(match):
    value = json.load(open(f"{folder}/{match[1]}.json"))
    for key in match[2].split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)

cells = [[re.sub(r"\{([^:{}]+):([^{}]+)\}", figure, cell.strip()) for cell in row.split("|")] for row in rows]
widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(max(map(len, cells)))]
for row in cells:
    print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
P
}

# How many images a second a model was trained with, by its log.
training_speed() {
  python3 - "$out/$1.safetensors.jsonl" "$out/$1.json" <<'P'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
report = json.load(open(sys.argv[2]))
report["training"]["images_per_s"] = round(lines[-1]["images_per_s"])
report["training"]["minutes"] = round(lines[-1]["elapsed_s"] / 60)
json.dump(report, open(sys.argv[2], "w"))
P
}

# PIE for the three variances of its residuals; the shipped one is eps0^2 = 0.01.
pie_of() {
  case $1 in
    0.01) if [ "$quick" ]; then echo pie-e0.01; else echo pie-mnist; fi ;;
    *) echo "pie-e$1" ;;
  esac
}
train_pies() {
  local e
  for e in 0.01 0.1 1.0; do
    [ "$(pie_of $e)" = pie-mnist ] || train_model "pie-e$e" 30 pie-mnist --set eps0_squared=$e
  done
}

table1() {
  train_model vae 30 vae-mnist
  train_model wae 30 wae-mnist
  train_model pie8 30 pie-mnist --set blocks.3.keep=8 --set blocks.4.keep=8
  train_pies
  local common=(--metrics sharpness,samples --samples $samples --features $features "$test") name file label published r
  for name in vae wae pie8 "$(pie_of 0.1)" "$(pie_of 1.0)"; do
    evaluate $name --temperature 1,0.707,0.5 "${common[@]}"
    cp "$out/$name.json" "$out/$name-r0.json"
    evaluate $name --temperature 1,0.707,0.5 --residual-temperature 1 "${common[@]}"
    cp "$out/$name.json" "$out/$name-r1.json"
  done
  echo "Table 1: sharpness of $samples samples, z of 8 numbers (data: of the test images); Frechet distance of"
  echo "the samples from the test images in a classifier's features"
  {
    echo "model|published|T = 1|T = 0.707|T = 0.5|Frechet, T = 1|0.707|0.5"
    echo "data|0.18|{vae-r0:sharpness.data}"
    for name in vae:VAE:0.08 wae:WAE:0.07 pie8:PIE:0.49 "$(pie_of 0.1):PIE, eps0^2 = 0.1, 10 numbers:-" \
      "$(pie_of 1.0):PIE, eps0^2 = 1, 10 numbers:-"; do
      IFS=: read -r file label published <<<"$name"
      for r in 0 1; do
        echo "$label, R = $r|$published|{$file-r$r:samples.0.sharpness}|{$file-r$r:samples.1.sharpness}|{$file-r$r:samples.2.sharpness}|{$file-r$r:samples.0.frechet_distance}|{$file-r$r:samples.1.frechet_distance}|{$file-r$r:samples.2.frechet_distance}"
      done
    done
  } | table
}

figure7() {
  train_pies
  local e name
  evaluate "$(pie_of 0.01) $(pie_of 0.1) $(pie_of 1.0)" --metrics reconstruction,sharpness,samples,latents --samples $((samples / 5)) --temperature 1,0.707,0.5 \
    --neighbours "$neighbours" --pictures "$out/figure7" --html "$out/figure7.html" -f "$test"
  for e in 0.01 0.1 1.0; do
    "$bin/pie-encode" -T $threads -q -m "$(file_of "$(pie_of $e)")" --latents "$out/figure7/e$e.npy" -f "$test"
  done
  echo "Figure 7: reconstructions from z (a), samples at T = 1 (b) and 0.707 (c), interpolations (d), maps of z (e):"
  echo "$out/figure7/*.png, $out/figure7.html"
  if python3 -c "import umap, matplotlib" 2>/dev/null; then
    local labels=${test%%\[*}
    python3 "$root/models/latent_map.py" "${labels/images-idx3/labels-idx1}" -o "$out/figure7/umap.png" "$out"/figure7/e{0.01,0.1,1.0}.npy
    echo "(e) by UMAP: $out/figure7/umap.png"
  else
    echo "(e) by UMAP: needs Debian's umap-learn and python3-matplotlib; the maps on the page are by principal components"
  fi
  {
    echo "eps0^2|PSNR from z, dB|digit kept, %|sharpness from z|of samples|nearest neighbour in z, %"
    for e in 0.01 0.1 1.0; do
      name=$(pie_of $e)
      echo "$e|{$name:reconstruction.psnr_db}|{$name:reconstruction.labels_kept_percent}|{$name:sharpness.reconstructions}|{$name:sharpness.samples}|{$name:latents.labels_by_nearest_neighbour_percent}"
    done
  } | table
}

# pictures FIGURE WHAT OPTION...: pie-sample's picture for each of the three variances.
pictures() {
  local figure=$1 content=$2 e
  shift 2
  train_pies
  for e in 0.01 0.1 1.0; do
    "$bin/pie-sample" -T $threads -q -m "$(file_of "$(pie_of $e)")" "$@" -f -o "$out/figure$figure-e$e.png"
    echo "Figure $figure, $content at eps0^2 = $e: $out/figure$figure-e$e.png"
  done
}
figure8() { pictures 8 interpolation --interpolate "${test%%\[*}[0]" "${test%%\[*}[1]" --steps 12; }
figure9() { pictures 9 samples --grid $grid; }

likelihood() {
  local name preset label published row names=
  local rows="nice:nice-mnist:NICE:4.36 made:made-mnist:MADE:2.04 made-mixture:made-mixture-mnist:MADE,_mixtures:- maf:maf-mnist:MAF:1.89
    realnvp:realnvp-mnist:Real_NVP:1.06 glow:glow-mnist:Glow:1.05 ffjord:ffjord-mnist:FFJORD:0.99 pie:pie-mnist:PIE:-
    iresnet:iresnet-mnist-small:i-ResNet:1.06"
  for row in $rows; do
    IFS=: read -r name preset label published <<<"$row"
    train_model "$name" 60 "$preset"
    names+="$name "
  done
  evaluate "$names" --metrics likelihood "$test"
  for name in $names; do training_speed "$name"; done
  echo "Likelihood of MNIST's test images, bits/dim, after the same time on one core; published figures are of"
  echo "much larger models and trainings, and i-ResNet's may be on another scale (see models/RESULTS.md)"
  {
    echo "model|published|ours|standard error|parameters|steps|minutes|training images/s|function evaluations"
    for row in $rows; do
      IFS=: read -r name preset label published <<<"$row"
      echo "${label//_/ }|$published|{$name:likelihood.bits_per_dim}|{$name:likelihood.stderr}|{$name:model.params}|{$name:training.steps}|{$name:training.minutes}|{$name:training.images_per_s}|{$name:likelihood.function_evaluations}"
    done
  } | table
}

classification() {
  train_model classifier 30 iresnet-mnist-classifier
  train_model classifier-free 30 iresnet-mnist-classifier --set block.coefficient=0
  evaluate "classifier classifier-free" --metrics classification "$test"
  echo "Classification of MNIST's test images, error in %"
  table <<'T'
model|published|ours
i-ResNet, no constraint|0.38|{classifier-free:classification.error_percent}
i-ResNet, c = 0.9|0.40|{classifier:classification.error_percent}
T
}

across-tasks() {
  local set images validation of
  local common=(--task classify --set classes=10 --set train.shift=2 --set train.weight_decay=0.05)
  for set in digits clothes; do
    images=("$train") validation=$held_out of=$test
    if [ $set = clothes ]; then images=("$clothes_train") validation=$clothes_held_out of=$clothes_test; fi
    train_model glow-affine-$set 15 glow-mnist "${common[@]}"
    train_model glow-additive-$set 15 glow-mnist "${common[@]}" --set conv.mixing=reversal --set conv.scale_clamp=0
    train_model iresnet-glow-$set 15 iresnet-mnist-classifier "${common[@]}" --set pad_channels=0
    train_model iresnet-$set 15 iresnet-mnist-classifier "${common[@]}"
    evaluate "glow-affine-$set glow-additive-$set iresnet-glow-$set iresnet-$set" --metrics classification "$of"
  done
  echo "Each architecture as a classifier, error in % (published: of CIFAR-10)"
  table <<'T'
architecture|published|MNIST|Fashion-MNIST|parameters|steps (MNIST)
affine Glow, 1x1 convolutions|12.63|{glow-affine-digits:classification.error_percent}|{glow-affine-clothes:classification.error_percent}|{glow-affine-digits:model.params}|{glow-affine-digits:training.steps}
additive Glow, reversal|12.36|{glow-additive-digits:classification.error_percent}|{glow-additive-clothes:classification.error_percent}|{glow-additive-digits:model.params}|{glow-additive-digits:training.steps}
i-ResNet, Glow-style|8.03|{iresnet-glow-digits:classification.error_percent}|{iresnet-glow-clothes:classification.error_percent}|{iresnet-glow-digits:model.params}|{iresnet-glow-digits:training.steps}
i-ResNet|6.69|{iresnet-digits:classification.error_percent}|{iresnet-clothes:classification.error_percent}|{iresnet-digits:model.params}|{iresnet-digits:training.steps}
T
}

convergence() {
  local c k model steps=1,2,3,4,5,6,8,10,15,20,30,40
  for c in 0.5 0.7 0.9; do train_model iresnet-c$c 4 iresnet-mnist-small --set block.coefficient=$c; done
  evaluate "iresnet-c0.5 iresnet-c0.7 iresnet-c0.9" --metrics reconstruction --iterations $steps --html "$out/convergence.html" \
    -f "${test%%\[*}[:$inverted]"
  echo "Convergence of the inverse: root mean square error of pixels after iterations; $out/convergence.html"
  {
    echo "iterations|c = 0.5|c = 0.7|c = 0.9"
    c=0
    for k in ${steps//,/ }; do
      printf %s "$k"
      for model in iresnet-c0.5 iresnet-c0.7 iresnet-c0.9; do
        printf '|%s' "{$model:reconstruction.inverse.by_iterations.$c.rms_error}"
      done
      echo
      c=$((c + 1))
    done
  } | table
}

# evaluate_cifar NAMES METRIC: the reports on held-out images, $out/NAME-held-out.json, and on test images.
evaluate_cifar() {
  local name
  evaluate "$1" --metrics "$2" "$cifar_held_out"
  for name in $1; do cp "$out/$name.json" "$out/$name-held-out.json"; done
  evaluate "$1" --metrics "$2" "$cifar_test"
}

cifar-likelihood() {
  local images=("${cifar_train[@]}") validation=$cifar_held_out name label published row names=
  local rows="realnvp-cifar10:Real_NVP:3.49 glow-cifar10:Glow:3.35 ffjord-cifar10:FFJORD:3.40 iresnet-cifar10-small:i-ResNet:3.45
    pie-cifar10:PIE:- pie-exact-cifar10:exact_PIE,_of_levels:-"
  for row in $rows; do
    IFS=: read -r name label published <<<"$row"
    train_model "$name" 60 "$name"
    names+="$name "
  done
  evaluate_cifar "$names" likelihood
  for name in $names; do training_speed "$name"; done
  echo "Likelihood of CIFAR-10, bits/dim, after the same time on one core"
  {
    echo "model|published|held out|standard error|test|standard error|parameters|steps|training images/s"
    for row in $rows; do
      IFS=: read -r name label published <<<"$row"
      echo "${label//_/ }|$published|{$name-held-out:likelihood.bits_per_dim}|{$name-held-out:likelihood.stderr}|{$name:likelihood.bits_per_dim}|{$name:likelihood.stderr}|{$name:model.params}|{$name:training.steps}|{$name:training.images_per_s}"
    done
  } | table
}

cifar-classification() {
  local images=("${cifar_train[@]}") validation=$cifar_held_out names row name label published
  local common=(--task classify --set classes=10 --set train.shift=3 --set train.weight_decay=0.05 --set train.lr=0.001
    --set train.clip_norm=5) # by the preset's rate the affine one ends at chance
  train_model cifar-glow-affine 60 glow-cifar10 "${common[@]}"
  train_model cifar-glow-additive 60 glow-cifar10 "${common[@]}" --set conv.mixing=reversal --set conv.scale_clamp=0
  train_model cifar-iresnet-glow 60 iresnet-cifar10-classifier --set pad_channels=0
  train_model cifar-iresnet 60 iresnet-cifar10-classifier
  train_model cifar-iresnet-free 60 iresnet-cifar10-classifier --set block.coefficient=0
  train_model cifar-irevnet 60 irevnet-cifar10
  names="cifar-glow-affine cifar-glow-additive cifar-iresnet-glow cifar-iresnet cifar-iresnet-free cifar-irevnet"
  evaluate_cifar "$names" classification
  echo "Classification of CIFAR-10, error in %"
  {
    echo "model|published|held out|test|parameters|steps"
    for row in glow-affine:affine_Glow:12.63 glow-additive:additive_Glow:12.36 iresnet-glow:i-ResNet,_Glow-style:8.03 \
      iresnet-free:i-ResNet,_no_constraint:6.69 iresnet:i-ResNet,_c_=_0.9:6.78 irevnet:i-RevNet:-; do
      IFS=: read -r name label published <<<"$row"
      echo "${label//_/ }|$published|{cifar-$name-held-out:classification.error_percent}|{cifar-$name:classification.error_percent}|{cifar-$name:model.params}|{cifar-$name:training.steps}"
    done
  } | table
}

for item in "${what[@]}"; do
  "$item"
  echo
done
