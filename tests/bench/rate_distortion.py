#!/usr/bin/env python3
"""Rate-distortion curve of a model: every layer prefix at several quantization steps.

    tests/bench/rate_distortion.py BUILD_DIR MODEL DATA [-o curve.png] [--steps 1,0.5,0.25,0.1015625,0.0625]

Prints one line a point, and with -o draws the curve, which needs Debian's python3-matplotlib.
"""
import argparse, json, os, subprocess


def draw(curves, title, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    for step, layers in curves.items():
        # Matplotlib leaves out the exact images of a whole lossless code, whose PSNR is null.
        axes.plot([l["prefix_bytes_per_image"] for l in layers], [l["psnr_db"] for l in layers],
                  marker="o", label=f"step {step}")
    axes.set_xscale("log")
    axes.set_xlabel("bytes per image, z only to all layers")
    axes.set_ylabel("pooled PSNR, dB")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    axes.set_title(title)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("-o", "--output")
    parser.add_argument("--steps", default="1,0.5,0.25,0.1015625,0.0625")
    arguments = parser.parse_args()
    curves = {}
    for step in arguments.steps.split(","):
        report = json.loads(subprocess.run(
            [os.path.join(arguments.build, "bin", "flow-eval"), "-m", arguments.model, "--metrics",
             "code", "--step", step, "--json", arguments.data],
            check=True, stdout=subprocess.PIPE).stdout)
        curves[step] = report["code"]["layers"]
        for layer in curves[step]:
            psnr = "exact" if layer["psnr_db"] is None else f"{layer['psnr_db']:.2f} dB"
            print(f"step {step:>8}  to {layer['name']:>4}  {layer['prefix_bytes_per_image']:8.2f} "
                  f"B/image  {layer['prefix_bits_per_dim']:.4f} bits/dim  {psnr}  "
                  f"worse {layer['images_made_worse_percent']:.2f} %  gap {layer['gap_percent']:.3f} %",
                  flush=True)
    if arguments.output:
        draw(curves, f"{report['model']['name']}, {report['data']['images']} images",
             arguments.output)


if __name__ == "__main__":
    main()
