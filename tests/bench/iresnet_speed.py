#!/usr/bin/env python3
"""Training speed of iresnet-mnist-small on one thread, and what bench_iresnet measures of a trained one.

    iresnet_speed.py build train-images-idx3-ubyte.gz [MODEL]

Prints JSON. The configuration is that of the Residual Flows reference code's comparison: 4-4-4 blocks
of 64 filters, LipSwish, logit, Poisson roulette behind 2 exact terms with one probe, batch 64.
"""
import json, os, statistics, subprocess, sys, tempfile

build, data = sys.argv[1:3]
# As the tools do: OpenBLAS takes a processor newer than itself for a very old one.
if "avx512bw" in open("/proc/cpuinfo").read():
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
tool = os.path.join(build, "bin", "pie-train")
report = {}
with tempfile.TemporaryDirectory() as folder:
    for precision in ("f32", "bf16"):
        log = os.path.join(folder, precision + ".jsonl")
        subprocess.run(
            [tool, "--preset", "iresnet-mnist-small", "--batch", "64", "--steps", "100", "-T", "1", "-q",
             "--precision", precision, "--data", data, "-o", os.path.join(folder, precision + ".safetensors"),
             "--log", log], check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for line in open(log)]
        seconds = [b["elapsed_s"] - a["elapsed_s"] for a, b in zip(lines, lines[1:])]
        report["train_images_per_s_" + precision] = 64 * 50 / statistics.median(seconds)
if len(sys.argv) > 3:
    output = subprocess.run([os.path.join(build, "bin", "bench_iresnet"), sys.argv[3], data, "64"],
                            check=True, capture_output=True, text=True).stdout
    report.update(json.loads(output))
print(json.dumps(report, indent=1))
