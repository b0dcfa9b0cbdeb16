#!/usr/bin/env python3
"""Rate-distortion curve of a model: every layer prefix at several quantization steps.

    tests/bench/rate_distortion.py BUILD_DIR MODEL DATA -o curve.png [--steps 1,0.5,0.25,0.1015625,0.0625]

Prints one line a point and draws the curve. Needs Debian's python3-matplotlib.
"""
import argparse, json, os, subprocess

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--steps", default="1,0.5,0.25,0.1015625,0.0625")
    arguments = parser.parse_args()
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for step in arguments.steps.split(","):
        report = json.loads(subprocess.run(
            [os.path.join(arguments.build, "bin", "flow-eval"), "-m", arguments.model, "--metrics",
             "code", "--step", step, "--json", arguments.data],
            check=True, stdout=subprocess.PIPE).stdout)
        layers = report["code"]["layers"]
        for layer in layers:
            print(f"step {step:>8}  to {layer['name']:>4}  {layer['prefix_bytes_per_image']:8.2f} "
                  f"B/image  {layer['prefix_bits_per_dim']:.4f} bits/dim  {layer['psnr_db']:.2f} dB  "
                  f"worse {layer['images_made_worse_percent']:.2f} %  gap {layer['gap_percent']:.3f} %",
                  flush=True)
        axes.plot([l["prefix_bytes_per_image"] for l in layers], [l["psnr_db"] for l in layers],
                  marker="o", label=f"step {step}")
    axes.set_xscale("log")
    axes.set_xlabel("bytes per image, z only to all layers")
    axes.set_ylabel("pooled PSNR, dB")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    axes.set_title(f"{report['model']['name']}, {report['data']['images']} images")
    figure.tight_layout()
    figure.savefig(arguments.output, dpi=110)


if __name__ == "__main__":
    main()
