#!/usr/bin/env python3
"""Draws maps of latents by UMAP (McInnes et al. 2018), one panel for each file.

    pie-encode -m MODEL --latents z.npy images.gz
    models/latent_map.py LABELS -o map.png z.npy...

LABELS is an IDX file with a label for each image. Needs Debian's umap-learn and python3-matplotlib.
The seed is fixed, so the same latents give the same map.
"""
import argparse
import gzip
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import umap


def read_labels(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        return np.frombuffer(file.read()[8:], np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=pathlib.Path)
    parser.add_argument("latents", nargs="+", type=pathlib.Path)
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    labels = read_labels(args.labels)
    figure, panels = plt.subplots(1, len(args.latents), figsize=(5 * len(args.latents), 5), squeeze=False)
    for panel, path in zip(panels[0], args.latents):
        latents = np.load(path)
        if len(latents) > len(labels):
            parser.error(f"{path} has {len(latents)} latents, {args.labels} only {len(labels)} labels")
        at = umap.UMAP(random_state=1).fit_transform(latents)
        dots = panel.scatter(at[:, 0], at[:, 1], c=labels[: len(at)], s=2, cmap="tab10", vmin=-0.5, vmax=9.5)
        panel.set_title(path.stem)
        panel.set_xticks([])
        panel.set_yticks([])
    figure.colorbar(dots, ax=panels[0].tolist(), ticks=range(10), label="label")
    figure.savefig(args.output, dpi=100, bbox_inches="tight")


if __name__ == "__main__":
    main()
