#!/usr/bin/env python3
"""Inversion error of i-ResNets against the number of fixed-point iterations.

    tests/bench/inverse_iterations.py BUILD_DIR DATA -o curve.png LABEL=MODEL...

Prints one line a point and draws one curve a model. Needs Debian's python3-matplotlib.
"""
import argparse, json, os, subprocess

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ITERATIONS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("data")
    parser.add_argument("models", nargs="+", metavar="LABEL=MODEL")
    parser.add_argument("-o", "--output", required=True)
    arguments = parser.parse_args()
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for item in arguments.models:
        label, model = item.split("=", 1)
        inverse = json.loads(subprocess.run(
            [os.path.join(arguments.build, "bin", "flow-eval"), "-m", model, "--metrics",
             "reconstruction", "--iterations", ",".join(map(str, ITERATIONS)), "--json",
             arguments.data], check=True, stdout=subprocess.PIPE).stdout)["reconstruction"]["inverse"]
        points = inverse["by_iterations"]
        for p in points:
            print(f"{label:>12}  {p['iterations']:3d} iterations  rms {p['rms_error']:.2e}  "
                  f"max {p['max_abs_error']:.2e}", flush=True)
        axes.plot([p["iterations"] for p in points], [p["rms_error"] for p in points], marker="o",
                  markersize=3, label=f"{label}: every block's constant below {inverse['lipschitz_bound']:.2f}")
    axes.axhline(1 / 512, color="grey", linestyle="--", linewidth=1)
    axes.text(ITERATIONS[-1], 1 / 512, "half a level of a pixel", ha="right", va="bottom", color="grey")
    axes.set_yscale("log")
    axes.set_xlabel("fixed-point iterations of every block")
    axes.set_ylabel("root mean square error, pixels in [0, 1]")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(arguments.output, dpi=110)


if __name__ == "__main__":
    main()
