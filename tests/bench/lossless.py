#!/usr/bin/env python3
"""Sizes and speeds of lossless coding, side by side with JPEG XL, WebP, PNG and xz on the same images.

  lossless.py BUILD MODEL IMAGES [--speed] [--coder CODER] [--images N]

IMAGES is an IDX file, a CIFAR file (.bin) or a folder of PNG files. A set of small images is given to the baselines as one
large picture of all images, to JPEG XL also one by one. Every size is that of a file on disk; every
coder's result is decoded and compared. Needs cjxl, djxl, cwebp, dwebp, optipng, xz and python3-pil.
"""
import argparse
import gzip
import json
import pathlib
import struct
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("build")
parser.add_argument("model")
parser.add_argument("images")
parser.add_argument("--speed", action="store_true", help="time the coders instead of measuring sizes")
parser.add_argument("--coder", default="model", help="of pie-encode: model, floor or auto")
parser.add_argument("--images", dest="count", type=int, help="only the first N images")
args = parser.parse_args()
tools = pathlib.Path(args.build) / "bin"
scratch = pathlib.Path(tempfile.mkdtemp())


def load():
    path = pathlib.Path(args.images)
    if path.is_dir():
        return [np.array(Image.open(p)) for p in sorted(path.glob("*.png"))][: args.count]
    if path.suffix == ".bin":
        records = np.fromfile(path, np.uint8).reshape(-1, 3073)[: args.count]
        return list(np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)))
    data = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    n, h, w = struct.unpack(">3I", data[4:16])
    return list(np.frombuffer(data[16:], np.uint8).reshape(n, h, w)[: args.count])


def run(*command):
    start = time.time()
    done = subprocess.run([str(c) for c in command], capture_output=True, check=True)
    return done.stdout, time.time() - start


images = load()
samples = sum(image.size for image in images)
small = images[0].size < 4096  # a set of images of one size
raw = scratch / "raw"
raw.write_bytes(b"".join(image.tobytes() for image in images))


def mosaic():
    columns = int(np.ceil(np.sqrt(len(images))))
    h, w = images[0].shape[:2]
    page = np.zeros((-(-len(images) // columns) * h, columns * w) + images[0].shape[2:], np.uint8)
    for i, image in enumerate(images):
        page[i // columns * h:][:h, i % columns * w:][:, :w] = image
    return page


pages = [mosaic()] if small else images
pngs = []
for i, page in enumerate(pages):
    pngs.append(scratch / f"{i:05}.png")
    Image.fromarray(page).save(pngs[-1])
# What pie reads: the set as one IDX or CIFAR file, or the same PNG files.
set_name = "set.idx" if images[0].ndim == 2 else "set.bin"
inputs = [scratch / set_name] if small else pngs
if small and images[0].ndim == 2:
    inputs[0].write_bytes(struct.pack(">4I", 0x803, len(images), *images[0].shape) + raw.read_bytes())
elif small:
    inputs[0].write_bytes(b"".join(bytes(1) + image.transpose(2, 0, 1).tobytes() for image in images))


def report(name, size):
    print(f"{name:34} {size:>10} B  {8 * size / samples:.4f} bits/dim", flush=True)


def pie(threads):
    """Encodes and decodes; returns bytes, encode and decode times, and the reports."""
    for old in scratch.glob("*.pie"):
        old.unlink()
    out = ["-o", scratch / "set.pie"] if small else ["-O", scratch]
    told, encode = run(tools / "pie-encode", "-q", "-f", "--json", "-T", threads, "--coder", args.coder, "-m", args.model, *out, *inputs)
    codes = [scratch / "set.pie"] if small else [scratch / (p.name + ".pie") for p in pngs]
    decoded = scratch / "decoded"
    decoded.mkdir(exist_ok=True)
    back = ["-o", decoded / set_name] if small else ["--format", "ppm", "-O", decoded]
    _, decode = run(tools / "pie-decode", "-q", "-f", "-T", threads, "-m", args.model, *back, *codes)
    if small:
        assert (decoded / set_name).read_bytes() == inputs[0].read_bytes()
    else:
        for png in pngs:
            found = next(decoded.glob(png.stem + "*.ppm"))
            assert (np.array(Image.open(found)) == np.array(Image.open(png))).all(), png
    return codes, encode, decode, json.loads(told)


def jxl(effort):
    encode = decode = size = 0.0
    for png in pngs:
        out = scratch / "x.jxl"
        encode += run("cjxl", "-d", "0", "-e", effort, "--num_threads=2", png, out)[1]
        decode += run("djxl", "--num_threads=2", out, scratch / "x.ppm")[1]
        back = np.array(Image.open(scratch / "x.ppm"))
        page = np.array(Image.open(png))
        assert (back == page).all() if back.shape == page.shape else (back[..., 0] == page).all()
        size += out.stat().st_size
    return int(size), encode, decode


def webp(effort):
    encode = decode = size = 0.0
    for png in pngs:
        out = scratch / "x.webp"
        encode += run("cwebp", "-quiet", "-mt", "-lossless", "-z", effort, png, "-o", out)[1]
        decode += run("dwebp", "-quiet", "-mt", out, "-ppm", "-o", scratch / "x.ppm")[1]
        size += out.stat().st_size
    return int(size), encode, decode


print(f"{len(images)} images, {samples} samples; model {args.model}")
if args.speed:
    mb = samples / 1e6
    # What starting a process with the model costs: one tiny image.
    tiny = scratch / "tiny.png"
    Image.fromarray(images[0][:28, :28]).save(tiny)
    load_encode = min(run(tools / "pie-encode", "-q", "-f", "--coder", "model", "-m", args.model, tiny, "-o", scratch / "t.pie")[1] for _ in range(3))
    load_decode = min(run(tools / "pie-decode", "-q", "-f", "-m", args.model, scratch / "t.pie", "-o", scratch / "t.pgm" if images[0].ndim == 2 else scratch / "t.ppm")[1] for _ in range(3))
    print(f"load: encode {load_encode:.2f} s, decode {load_decode:.2f} s (taken off below)")
    rows = []
    for threads in (1, 2):
        _, e, d, _ = pie(threads)
        rows.append((f"pie -T {threads}", e - load_encode, d - load_decode))
    rows.append(("cjxl -e 7 / djxl", *jxl(7)[1:]))
    rows.append(("cwebp -lossless -z 6 / dwebp", *webp(6)[1:]))
    for name, e, d in rows:
        print(f"{name:30} encode {len(images) / e:9.1f} images/s {mb / e:7.2f} MB/s   "
              f"decode {len(images) / d:9.1f} images/s {mb / d:7.2f} MB/s")
    raise SystemExit

codes, _, _, told = pie(2)
size = sum(code.stat().st_size for code in codes)
payload = sum(layer["payload_bytes"] for entry in told for layer in entry["layers"])
ideal = sum(layer["ideal_bytes"] for entry in told for layer in entry["layers"])
model_blocks = sum(layer["model_blocks"] for entry in told for layer in entry["layers"])
plain_blocks = sum(layer["plain_blocks"] for entry in told for layer in entry["layers"])
report("pie", size)
print(f"  the exact model asks for {8 * ideal / samples:.4f} bits/dim, {100 * (size / ideal - 1):.2f} % less; "
      f"{model_blocks} blocks by the model, {plain_blocks} plain")
report("cjxl -d 0 -e 9", jxl(9)[0])
report("cwebp -lossless -z 9", webp(9)[0])
if small:  # what the set costs without a common picture
    some = images[:1000]
    single = 0
    for image in some:
        Image.fromarray(image).save(scratch / "one.png")
        run("cjxl", "-d", "0", "-e", 9, scratch / "one.png", scratch / "one.jxl")
        single += (scratch / "one.jxl").stat().st_size
    part = sum(image.size for image in some)
    print(f"{'cjxl -d 0 -e 9, a file each':34} {single:>10} B  {8 * single / part:.4f} bits/dim (first {len(some)})")
for png in pngs:
    run("optipng", "-quiet", "-o2" if small else "-o5", png)
report("PNG (optipng)", sum(png.stat().st_size for png in pngs))
run("xz", "-9e", "-k", raw)
report("xz -9e of the raw set", (scratch / "raw.xz").stat().st_size)
