#!/usr/bin/env python3
"""What the layers of lossless files are worth: PSNR against bytes, and beside it bicubic upsampling of
the same coarse image.

  partial.py BUILD MODEL IMAGES [--images N] [-o PICTURE.png]

IMAGES is an IDX file or a folder of PNG files. The picture shows the first images after each layer but
the last: as the model fills them in, bicubic, and the original. Needs python3-pil.
"""
import argparse
import gzip
import pathlib
import struct
import subprocess
import tempfile

import numpy as np
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("build")
parser.add_argument("model")
parser.add_argument("images")
parser.add_argument("--images", dest="count", type=int, help="only the first N images")
parser.add_argument("-o", dest="picture")
args = parser.parse_args()
tools = pathlib.Path(args.build) / "bin"
scratch = pathlib.Path(tempfile.mkdtemp())


def read_idx(path):
    data = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    n, h, w = struct.unpack(">3I", data[4:16])
    return list(np.frombuffer(data[16:], np.uint8).reshape(n, h, w, 1)[: args.count])


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, check=True, text=True).stdout


def cubic(coarse, size, factor, axis):
    """Catmull-Rom interpolation; coarse sample i lies at position factor * i."""
    at = np.arange(size) / factor
    base = np.floor(at).astype(int)
    t = at - base
    weights = np.stack([-t**3 + 2 * t**2 - t, 3 * t**3 - 5 * t**2 + 2, -3 * t**3 + 4 * t**2 + t, t**3 - t**2]) / 2
    shape = [1] * coarse.ndim
    shape[axis] = size
    return sum(weights[k].reshape(shape) * np.take(coarse, np.clip(base + k - 1, 0, coarse.shape[axis] - 1), axis)
               for k in range(4))


def upsample(image, factor):
    h, w = image.shape[:2]
    coarse = image[::factor, ::factor].astype(float)
    return np.clip(np.rint(cubic(cubic(coarse, h, factor, 0), w, factor, 1)), 0, 255).astype(np.uint8)


def psnr(a, b):
    error = np.mean([np.mean((x.astype(float) - y) ** 2) for x, y in zip(a, b)])
    return 10 * np.log10(255**2 / error)


path = pathlib.Path(args.images)
if path.is_dir():
    files = sorted(path.glob("*.png"))[: args.count]
    images = [np.array(Image.open(f)) for f in files]
    codes = [scratch / (f.name + ".pie") for f in files]
    run(tools / "pie-encode", "-q", "--coder", "model", "-m", args.model, "-O", scratch, *files)
else:
    images = read_idx(path)
    plain = scratch / "set.idx"
    plain.write_bytes(struct.pack(">4I", 0x803, len(images), *images[0].shape[:2]) + b"".join(i.tobytes() for i in images))
    codes = [scratch / "set.pie"]
    run(tools / "pie-encode", "-q", "--coder", "model", "-m", args.model, plain, "-o", codes[0])

ends = {}
for code in codes:
    for line in run(tools / "pie-decode", "--breakpoints", code).splitlines():
        name, offset = line.split("\t")[:2]
        ends[name] = ends.get(name, 0) + int(offset)
samples = sum(i.size for i in images)
print(f"{len(images)} images, model {args.model}")
print("layers to     bytes/image  bits/dim  PSNR filled in  PSNR bicubic")
rows = []
for k, (name, size) in enumerate(ends.items(), 1):
    if path.is_dir():
        out = scratch / f"{k}"
        run(tools / "pie-decode", "-q", "-m", args.model, "--layers", k, "--format", "ppm", "-O", out, *codes)
        decoded = [np.array(Image.open(next(out.glob(f.stem + "*")))) for f in files]
    else:
        run(tools / "pie-decode", "-q", "-f", "-m", args.model, "--layers", k, codes[0], "-o", scratch / "k.idx")
        decoded = read_idx(scratch / "k.idx")
    factor = 2 ** (len(ends) - k)
    if factor == 1:
        assert all((a == b).all() for a, b in zip(images, decoded))
        print(f"{name:10} {size / len(images):14.1f} {8 * size / samples:9.4f}  lossless")
        continue
    smooth = [upsample(i, factor) for i in images]
    print(f"{name:10} {size / len(images):14.1f} {8 * size / samples:9.4f} {psnr(images, decoded):15.2f} {psnr(images, smooth):13.2f}")
    rows += [decoded, smooth]
if args.picture:
    n = 20 if images[0].size < 4096 else 3
    strips = [np.concatenate([i[:160, :160] for i in row[:n]], 1) for row in rows + [images]]
    page = np.concatenate(strips)
    Image.fromarray(page[..., 0] if page.shape[-1] == 1 else page).save(args.picture)
