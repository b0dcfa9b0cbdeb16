#!/usr/bin/env python3
"""Sizes of images of any kind, file by file, beside the files they come in and JPEG XL.

  sizes.py BUILD [--coder auto|model|floor] [--jxl "-e 7 -g 3"] IMAGES...

IMAGES are files and folders. Every size is that of a file on disk, without metadata; every pie file is
decoded and compared. Files with metadata are also coded with it, and what comes back is compared by Pillow.
Needs cjxl (also --jxl "" leaves it out) and python3-pil.
"""
import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("build")
parser.add_argument("images", nargs="+", type=pathlib.Path)
parser.add_argument("--coder", default="auto")
parser.add_argument("--jxl", default="-e 7 -g 3")
args = parser.parse_args()
tools = pathlib.Path(args.build) / "bin"
Image.MAX_IMAGE_PIXELS = None


def run(*command):
    subprocess.run([str(c) for c in command], check=True, capture_output=True)


def samples(path):
    image = Image.open(path)
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    return np.asarray(image)


def metadata(path):
    """What Pillow finds beside samples; of palettes it says how they were stored."""
    info = dict(Image.open(path).info)
    for key in ("transparency", "background", "interlace", "aspect"):
        info.pop(key, None)
    return info


files = sorted(f for p in args.images for f in (p.rglob("*.png") if p.is_dir() else [p]))
total = {"bits": 0, "file": 0, "pie": 0, "jxl": 0}
larger = beyond = with_metadata = 0
print(f"{'file':40} {'bytes':>9} {'pie':>9} {'JPEG XL':>9}  bits/dim")
with tempfile.TemporaryDirectory() as name:
    code, whole, back, jxl = (pathlib.Path(name) / f for f in ("x.pie", "y.pie", "x.png", "x.jxl"))
    for file in files:
        run(tools / "pie-encode", "-f", "--strip", "--coder", args.coder, file, "-o", code)
        run(tools / "pie-decode", "-f", code, "-o", back)
        before, after = samples(file), samples(back)
        assert before.shape == after.shape and (before == after).all(), file
        if metadata(file):
            with_metadata += 1
            run(tools / "pie-encode", "-f", "--coder", args.coder, file, "-o", whole)
            run(tools / "pie-decode", "-f", whole, "-o", back)
            assert metadata(file) == metadata(back), (file, metadata(file), metadata(back))
        if args.jxl:
            run("cjxl", "-d", "0", *args.jxl.split(), file, jxl)
        sizes = {"file": file.stat().st_size, "pie": code.stat().st_size,
                 "jxl": jxl.stat().st_size if args.jxl else 0}
        for key, size in sizes.items():
            total[key] += size
        total["bits"] += before.size
        larger += sizes["pie"] > sizes["file"]
        beyond += bool(args.jxl) and sizes["pie"] > sizes["jxl"] + 64
        print(f"{file.name:40} {sizes['file']:>9} {sizes['pie']:>9} {sizes['jxl']:>9}  {8 * sizes['pie'] / before.size:.4f}",
              flush=True)
share = f"{total['pie'] / total['file']:.4f} of their bytes"
if args.jxl:
    share += f", {total['pie'] / total['jxl']:.4f} of JPEG XL's ({beyond} files more than 64 bytes larger)"
print(f"{len(files)} files, {larger} larger than they came, {with_metadata} with metadata, which came back: "
      f"{share}, {8 * total['pie'] / total['bits']:.4f} bits/dim")
