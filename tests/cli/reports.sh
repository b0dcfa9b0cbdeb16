#!/usr/bin/env bash
# Reports: JSON that parses and has the promised keys, CSV, and figures that agree with each other.
. "$(dirname "$0")/helpers.sh"
train tiny
expect 0 pie-encode -m tiny "$testdata/digit-0.png" "$digits" -O . --json
cp "$out" encode.json
expect 0 pie-decode -l --json digit-0.png.pie ./*.gz.pie
cp "$out" list.json
expect 0 pie-decode -t --json digit-0.png.pie
cp "$out" test.json
expect 0 pie-decode --breakpoints --json digit-0.png.pie
cp "$out" breakpoints.json
expect 0 flow-eval --images "$digits" --json
cp "$out" images.json
expect 0 flow-eval --images "$digits"
grep -q '^sharpness.data	0\.18' "$out" || fail "another sharpness"
expect 0 flow-eval -m tiny "$digits[:20]" --samples 8 --noise-draws 2 --json --pictures pictures
cp "$out" eval.json
[ "$(ls pictures)" = $'tiny-interpolations.png\ntiny-reconstructions.png\ntiny-samples.png' ] ||
  fail "pictures: $(ls pictures)"
expect 0 flow-eval -m tiny -m tiny --metrics likelihood --noise-draws 2 "$digits[:20]" --csv two.csv
head -n "$(($(wc -l <"$out") / 2))" "$out" >table.txt
expect 0 flow-eval -m tiny -m pie-int-mnist -m tiny --metrics latents,reconstruction "$digits[:3]" --csv mixed.csv
mkdir images
python3 "$here/images.py" split "$digits" images
expect 0 flow-eval -m tiny --metrics likelihood --json "images[:20]" --noise-draws 2
cp "$out" png.json
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
def keys(value, path=""):
    if not isinstance(value, dict): return {path}
    return {path}.union(*(keys(inner, f"{path}.{key}") for key, inner in value.items()))
promised = """.schema .tool .model.name .model.preset .model.arch .model.fingerprint .model.params .data.images
    .data.dims_per_image .likelihood.bits_per_dim .likelihood.stderr
    .likelihood.log_likelihood_nats_per_image .likelihood.noise_draws .likelihood.parts_bits_per_dim.z
    .likelihood.parts_bits_per_dim.r .likelihood.parts_bits_per_dim.log_det
    .likelihood.parts_bits_per_dim.pre_transform .likelihood.parts_bits_per_dim.offset
    .likelihood.logdet.method .likelihood.logdet.terms .likelihood.logdet.probes
    .likelihood.logdet.bias_bound .sharpness.kernel .sharpness.on .sharpness.data
    .sharpness.reconstructions .sharpness.samples .reconstruction.layers_used .reconstruction.psnr_db
    .reconstruction.psnr_db_mean_of_images .reconstruction.ssim .code.file_bytes
    .code.file_bits_per_dim .code.ideal_bits_per_dim .code.layers .time_s .env .warnings""".split()
missing = set(promised) - keys(report)
assert not missing, missing
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
table = dict(line.rstrip("\n").split("\t") for line in open("table.txt"))
assert float(table["likelihood.bits_per_dim"]) == likelihood["bits_per_dim"]
assert not any(key.startswith(("sharpness", "code")) for key in table)
assert abs(load("png.json")["likelihood"]["bits_per_dim"] - likelihood["bits_per_dim"]) < 1e-6
P
expect 2 flow-eval --images "$digits" --pictures folder
says '--html, --pictures and --metrics need a model'
expect 1 flow-eval -m tiny "$digits" --csv two.csv
[ ! -s "$out" ] || fail "evaluated first, refused afterwards"
says 'two.csv: exists already: use -f to overwrite'
expect 2 flow-eval
expect 2 flow-eval -m tiny
expect 2 flow-eval -m tiny --metrics beauty "$digits"
