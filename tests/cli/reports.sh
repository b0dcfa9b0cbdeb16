#!/usr/bin/env bash
# Reports: JSON with the keys of report_keys.py and no others, CSV, and figures that agree with each
# other.
. "$(dirname "$0")/helpers.sh"
train tiny --val "$digits[:20]" --set train.validate_every=5 --log log-validated.json --json
head -n 1 "$out" >train.json
expect 0 pie-encode -m tiny "$testdata/digit-0.png" "$digits" -O . --json
cp "$out" encode.json
expect 0 pie-decode -l --json digit-0.png.pie ./*.gz.pie
cp "$out" list.json
expect 0 pie-encode -m tiny "$testdata"/digit-[01].png -o named.pie
expect 0 pie-decode -l --json named.pie
cp "$out" named.json
# A name need not be text, but a report is.
odd=$'caf\xe9.png'
cp "$testdata/digit-0.png" "$odd"
cp named.pie "$odd.pie"
while read -r file command; do
  expect 0 $command --json "$file"
  python "$out" <<'P'
import json, sys
assert "caf" in json.dumps(json.loads(open(sys.argv[1], encoding="utf-8").read()))
P
done <<commands
$odd pie-encode -f -m tiny
$odd.pie pie-decode -l
$odd.pie pie-decode -t
commands
rm "$odd" "$odd.pie"
expect 0 pie-encode -f -v "$testdata/digit-0.png" -o cut.pie
says 'z ' ' MB/s' ', lossless, '
expect 0 pie-encode -f --layers 1 "$testdata/photo-48x32.png" -o cut.pie
says ', lossy, '
head -c 100 digit-0.png.pie >cut.pie
for option in -t -tt; do # bad files too
  expect 3 pie-decode $option --json cut.pie digit-0.png.pie
  python "$out" <<'P'
import json, sys
assert json.load(open(sys.argv[1])) == [{"file": "cut.pie", "ok": False}, {"file": "digit-0.png.pie", "ok": True}]
P
done
rm cut.pie
expect 0 pie-decode -t --json digit-0.png.pie
cp "$out" test.json
expect 0 pie-decode --breakpoints --json digit-0.png.pie
cp "$out" breakpoints.json
expect 0 flow-eval --images "$digits" --json
cp "$out" images.json
expect 0 flow-eval --images "$digits"
grep -qx '  data *0\.18[0-9]*' "$out" || fail "another sharpness: $(cat "$out")"
expect 0 flow-eval -m tiny "$digits[:20]" --samples 8 --noise-draws 2 --json --pictures pictures
cp "$out" eval.json
[ "$(ls pictures)" = $'tiny-interpolations.png\ntiny-reconstructions.png\ntiny-samples.png' ] ||
  fail "pictures: $(ls pictures)"
expect 0 flow-eval -m tiny -m tiny --metrics likelihood --noise-draws 2 "$digits[:20]" --csv two.csv
cp "$out" table.txt
expect 0 flow-eval -m tiny -m pie-exact-mnist --metrics likelihood "$digits[:2]" --json
cp "$out" models.json
expect 0 flow-eval -m tiny -m pie-exact-mnist -m tiny --metrics latents,reconstruction "$digits[:3]" --csv mixed.csv
mkdir images
python3 "$here/images.py" split "$digits" images
expect 0 flow-eval -m tiny --metrics likelihood --json "images[:20]" --noise-draws 2
cp "$out" png.json
# Photographs of any sizes, whole.
expect 0 pie-decode --layers 4 "$testdata/golden/pie-photo.pie" -o other.png
pie-encode -q -c --coder model other.png | wc -c >other.bytes
expect 0 flow-eval -m pie-photo --metrics code --json "$testdata/photo-48x32.png" other.png
cp "$out" photos.json
python <<'P'
import csv, json, math
load = lambda name: json.load(open(name))
encode, listed = load("encode.json"), load("list.json")
assert [e["images"] for e in encode] == [1, 100]
assert [e["file_bytes"] for e in encode] == [f["file_bytes"] for f in listed]
for e, f in zip(encode, listed):
    layers = f["frames"][0]["layers"]
    assert [l["name"] for l in layers] == ["z", "r_4", "r_3", "r_2", "r_1"]
    assert [l["payload_bytes"] for l in e["layers"]] == [l["bytes"] for l in layers]
    assert f["payload_bytes"] + f["overhead_bytes"] == f["file_bytes"] and not f["truncated"]
assert listed[0]["overhead_bytes"] <= 32 + 4 * 7
assert load("test.json") == [{"file": "digit-0.png.pie", "ok": True}]
points = load("breakpoints.json")
assert points[-1]["offset"] == listed[0]["file_bytes"] and len(points) == 5

images = load("images.json")
assert images["schema"] == "pie.flow-eval/1" and images["data"]["images"] == 100
report = load("eval.json")
assert report["sharpness"]["kernel"] == "laplacian_4n_valid"
assert report["sharpness"]["on"] == "luma_bt601_0_1"
likelihood = report["likelihood"]
parts = likelihood["parts_bits_per_dim"]
total = sum(sum(v) if isinstance(v, list) else v for v in parts.values())
assert abs(total - likelihood["bits_per_dim"]) < 1e-6 and parts["offset"] == 8
nats = -likelihood["bits_per_dim"] * 784 * math.log(2)
assert abs(nats - likelihood["log_likelihood_nats_per_image"]) < 1e-6 * abs(nats)
code = report["code"]
assert abs(code["file_bytes"] * 8 / (20 * 784) - code["file_bits_per_dim"]) < 1e-9
psnr = [layer["psnr_db"] for layer in code["layers"]]
assert psnr == sorted(psnr)

rows = list(csv.reader(open("two.csv")))
assert len(rows) == 3 and len(rows[0]) == len(rows[1]) == len(rows[2])
for row in rows[1:]:
    assert float(dict(zip(rows[0], row))["likelihood.bits_per_dim"]) == likelihood["bits_per_dim"]
mixed = list(csv.DictReader(open("mixed.csv")))
assert [row["latents.dims"] for row in mixed] == ["10", "", "10"] and all(row["reconstruction.psnr_db"] for row in mixed)
table = open("table.txt").read().splitlines()
assert table[0].split() == ["tiny", "tiny"]
values = next(line.split()[1:] for line in table if line.startswith("  bits_per_dim "))
assert values == [f"{likelihood['bits_per_dim']:.4g}"] * 2
assert "likelihood" in table and not {"sharpness", "code"} & set(table)
assert [report["model"]["name"] for report in load("models.json")] == ["tiny", "pie-exact-mnist"]
photos = load("photos.json")["code"]
assert photos["lossless"] and photos["layers"][-1]["psnr_db"] is None
assert photos["file_bytes"] == 1834 + int(open("other.bytes").read())
assert abs(load("png.json")["likelihood"]["bits_per_dim"] - likelihood["bits_per_dim"]) < 1e-6
P

# Every report of every kind of model, for its keys.
small() {
  local preset=$1 name=$2
  shift 2
  expect 0 pie-train --preset "$preset" --batch 4 --steps 2 --val "$digits[:4]" --set train.validate_every=2 \
    --data "$digits" --log "log-$name.json" --json -o "$name.safetensors" "$@"
  head -n 1 "$out" >"train-$name.json"
}
evaluate() {
  local name=$1
  shift
  expect 0 flow-eval --samples 2 --json "$@" "$digits[:4]"
  cp "$out" "eval-$name.json"
}
expect 0 pie-train --preset nice-mnist --set linear.hidden=8 --batch 4 --steps 50 --data "$digits" --log log.json \
  --json -o x.safetensors
head -n 1 "$out" >train-alone.json
iresnet=(--set block.blocks=1 --set block.hidden=8)
small iresnet-mnist-classifier classify "${iresnet[@]}"
small iresnet-mnist-small hybrid "${iresnet[@]}" --task hybrid --set classes=10
for kind in vae wae; do
  small $kind-mnist $kind --set filters=4
  evaluate $kind -m ./$kind.safetensors
done
evaluate iresnet -m iresnet-mnist-small --iterations 1,2
evaluate classifier -m ./classify.safetensors
evaluate integer -m pie-exact-mnist
evaluate more -m tiny --neighbours "$digits[20:30]" --features iresnet-mnist-classifier --html page.html
expect 0 flow-eval --features iresnet-mnist-classifier --images "$digits[:4]" "$digits[4:8]" --json
cp "$out" features.json
python3 "$here/report_keys.py" pie-encode=encode.json pie-decode-list=list.json pie-decode-list-named=named.json pie-decode-test=test.json \
  pie-decode-breakpoints=breakpoints.json pie-train=train.json pie-train-alone=train-alone.json \
  pie-train-classify=train-classify.json pie-train-hybrid=train-hybrid.json pie-train-wae=train-wae.json \
  log=log.json log-validated=log-validated.json log-classify=log-classify.json log-hybrid=log-hybrid.json \
  log-wae=log-wae.json flow-eval-images=images.json flow-eval-features=features.json flow-eval=eval.json \
  flow-eval-more=eval-more.json flow-eval-iresnet=eval-iresnet.json flow-eval-classifier=eval-classifier.json \
  flow-eval-integer=eval-integer.json flow-eval-vae=eval-vae.json flow-eval-wae=eval-wae.json >"$err" ||
  fail "reports have other keys"

# A reader of reports.
expect 0 python3 "$here/../bench/rate_distortion.py" "$tools/.." tiny "$digits[:4]" --steps 1,0.1
[ "$(wc -l <"$out")" = 10 ] || fail "5 layers at 2 steps: $(cat "$out")"
expect 0 python3 "$here/../bench/rate_distortion.py" "$tools/.." pie-exact-mnist "$digits[:4]" --steps 1

expect 2 flow-eval --images "$digits" --pictures folder
says '--html, --pictures and --metrics need a model'
expect 1 flow-eval -m tiny "$digits" --csv two.csv
[ ! -s "$out" ] || fail "evaluated first, refused afterwards"
says 'two.csv: exists already: use -f to overwrite'
expect 2 flow-eval
expect 2 flow-eval -m tiny
expect 2 flow-eval -m tiny --metrics beauty "$digits"
