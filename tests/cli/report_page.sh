#!/usr/bin/env bash
# flow-eval --html: one well-formed page that needs nothing else and shows what the JSON says.
. "$(dirname "$0")/helpers.sh"
train tiny --val "$digits[:20]" --set train.validate_every=2
expect 0 pie-train --preset iresnet-mnist-classifier --set block.blocks=1 --set block.hidden=8 --batch 4 --steps 4 \
  --data "$digits" --val "$digits[:20]" --set train.validate_every=2 -o classifier.safetensors
mkdir page
expect 0 flow-eval -m tiny -m iresnet-mnist-small -m ./classifier.safetensors --samples 20 --temperature 1,0.5 "$digits[:20]" --iterations 2,8 \
  --neighbours "$digits[20:60]" --features iresnet-mnist-classifier --html page/report.html --json
cp "$out" reports.json
python <<'P'
import base64, html.parser, json, re
page = open("page/report.html").read()
reports = json.load(open("reports.json"))
void = {"meta", "link", "img"}

class Checker(html.parser.HTMLParser):
    """Every tag is closed in order; nothing is fetched; pictures are PNG files."""
    def __init__(self):
        super().__init__()
        self.open, self.pictures, self.charts = [], 0, 0
    def handle_starttag(self, tag, attributes):
        assert tag != "script"
        for key, value in attributes:
            assert key not in ("onclick", "onload"), key
            if key in ("src", "href"):
                assert value.startswith("data:"), value[:80]
            if key == "src":
                assert base64.b64decode(value.split(",", 1)[1], validate=True).startswith(b"\x89PNG")
                self.pictures += 1
        self.charts += tag == "svg"
        if tag not in void: self.open.append(tag)
    def handle_startendtag(self, tag, attributes): pass
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

checker = Checker()
checker.feed(page)
assert not checker.open, checker.open
assert checker.pictures >= 8 and checker.charts >= 8, (checker.pictures, checker.charts)
assert len(page) < 5_000_000 and "http" not in page
assert not re.search(r"\b(nan|inf)\b", re.sub("base64,[^\"]*", "", page))
# Every row and every figure, or the page looks for a key that the reports do not have.
for row in """architecture;fingerprint;parameters;training steps;images evaluated;bits per dimension;its standard error
    of these: z;r_1, r_2, ...;log-determinant;pre-transform;offset;PSNR from z alone, dB;SSIM from z alone
    labels kept from z alone, %;dimensions of z;labels by the nearest neighbour in z, %;classification error, %
    sharpness of the data;sharpness of samples;Frechet distance of samples;code, bits per dimension
    largest error of the inverse;certified Lipschitz bound""".replace("\n    ", ";").split(";"):
    assert f"<tr><td>{row}</td>" in page, row
for caption in """Likelihood of the averaged weights;Reconstructions from z alone, at most;Classification of held-out images
    Every prefix of whole layers;Variance of the Laplacian;Frechet distance between;largest error of a pixel in
    certified Lipschitz bound of each residual block;% of the variance;JPEG, one picture of all images
    Likelihood of tiny""".replace("\n    ", ";").split(";"):
    assert caption in page, caption
for report in reports:
    assert report["model"]["name"] in page and report["model"]["fingerprint"] in page
for report in reports[:2]:
    assert "%.4g" % report["likelihood"]["bits_per_dim"] in page
    assert [s["temperature"] for s in report["samples"]] == [1, 0.5]
    assert all(s["frechet_distance"] > 0 for s in report["samples"])
tiny, iresnet, classifier = reports
assert [p["step"] for p in tiny["training"]["curve"]] == [2, 4]
assert len(tiny["latents"]["map"]["points"]) == 20 and tiny["latents"]["dims"] == 10
assert 0 <= tiny["latents"]["labels_by_nearest_neighbour_percent"] <= 100
assert tiny["code"]["baselines"][0]["points"]
assert [p["iterations"] for p in iresnet["reconstruction"]["inverse"]["by_iterations"]] == [2, 8]
assert [p["step"] for p in classifier["training"]["curve"]] == [2, 4]
P
expect 2 flow-eval --html x.html "$digits"
expect 1 flow-eval -m tiny --html page/report.html "$digits[:5]"
