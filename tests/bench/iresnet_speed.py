#!/usr/bin/env python3
"""Training speed of iresnet-mnist-small on one thread, and what bench_iresnet measures of a trained one.

    iresnet_speed.py build train-images-idx3-ubyte.gz [MODEL] [--batch N]

Prints JSON. The configuration is that of the Residual Flows reference code's comparison: 4-4-4 blocks
of 64 filters, LipSwish, logit, Poisson roulette behind 2 exact terms with one probe, by default batch 64.
"""
import argparse, json, os, statistics, subprocess, tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("build")
parser.add_argument("data")
parser.add_argument("model", nargs="?", help="file of a trained one")
parser.add_argument("--batch", type=int, default=64)
arguments = parser.parse_args()
build, data, batch = arguments.build, arguments.data, arguments.batch
# As the tools do: OpenBLAS takes a processor newer than itself for a very old one.
if "avx512bw" in open("/proc/cpuinfo").read():
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
tool = os.path.join(build, "bin", "pie-train")
report = {}
with tempfile.TemporaryDirectory() as folder:
    for precision in ("f32", "bf16"):
        log = os.path.join(folder, precision + ".jsonl")
        subprocess.run(
            [tool, "--preset", "iresnet-mnist-small", "--batch", str(batch), "--steps", "100", "-T", "1", "-q",
             "--precision", precision, "--data", data, "-o", os.path.join(folder, precision + ".safetensors"),
             "--log", log], check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for line in open(log)]
        seconds = [b["elapsed_s"] - a["elapsed_s"] for a, b in zip(lines, lines[1:])]
        report["train_images_per_s_" + precision] = batch * 50 / statistics.median(seconds)
if arguments.model:
    output = subprocess.run([os.path.join(build, "bin", "bench_iresnet"), arguments.model, data, str(batch)],
                            check=True, capture_output=True, text=True).stdout
    report.update(json.loads(output))
print(json.dumps(report, indent=1))
