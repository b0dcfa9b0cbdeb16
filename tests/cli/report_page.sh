#!/usr/bin/env bash
# flow-eval --html: one well-formed page that needs nothing else and shows what the JSON says.
. "$(dirname "$0")/helpers.sh"
train tiny --val "$digits[:20]" --set train.validate_every=2
mkdir page
expect 0 flow-eval -m tiny -m iresnet-mnist-small --samples 20 --temperature 1,0.5 "$digits[:20]" --iterations 2,8 \
  --neighbours "$digits[20:60]" --features iresnet-mnist-classifier --html page/report.html --json
cp "$out" reports.json
python <<'P'
import base64, html.parser, json, re
page = open("page/report.html").read()
reports = [json.loads(line) for line in open("reports.json")]
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
for report in reports:
    assert report["model"]["name"] in page and report["model"]["fingerprint"] in page
    assert "%.4g" % report["likelihood"]["bits_per_dim"] in page
    assert [s["temperature"] for s in report["samples"]] == [1, 0.5]
    assert all(s["frechet_distance"] > 0 for s in report["samples"])
tiny, iresnet = reports
assert [p["step"] for p in tiny["training"]["curve"]] == [2, 4]
assert len(tiny["latents"]["map"]["points"]) == 20 and tiny["latents"]["dims"] == 10
assert 0 <= tiny["latents"]["labels_by_nearest_neighbour_percent"] <= 100
assert tiny["code"]["baselines"][0]["points"]
assert [p["iterations"] for p in iresnet["reconstruction"]["inverse"]["by_iterations"]] == [2, 8]
P
expect 2 flow-eval --html x.html "$digits"
expect 1 flow-eval -m tiny --html page/report.html "$digits[:5]"
