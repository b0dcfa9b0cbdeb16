#!/usr/bin/env python3
"""A folder of files of every kind, there and back, as single code files and as one archive.

  folder.py TOOLS [--files N]

Makes a folder with folders of N small images (PNG of all kinds, JPEG, PNM, TIFF, BMP, GIF, WebP), and among
them files that are cut, empty, no images or hard to name. Prints what the tools say and take, and compares
what comes back: Netpbm files byte by byte, other images sample by sample (read by Pillow), times and modes.
Needs python3-pil and python3-numpy.
"""
import argparse
import io
import os
import pathlib
import resource
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("tools", type=pathlib.Path)
parser.add_argument("--files", type=int, default=2000)
args = parser.parse_args()
tools = args.tools.resolve()
scratch = tempfile.TemporaryDirectory()
root = pathlib.Path(scratch.name)
rng = np.random.default_rng(1)


def picture(channels, bits=8):
    """A smooth image with a little noise, of a size that varies."""
    height, width = rng.integers(8, 72, 2)
    y, x = np.mgrid[:height, :width]
    planes = [128 + 60 * np.sin(x / rng.uniform(5, 20) + c) + 40 * np.cos(y / rng.uniform(5, 20)) for c in range(channels)]
    image = np.clip(np.stack(planes, -1) + rng.normal(0, 2, (height, width, channels)), 0, 255)
    return (image * (257 if bits == 16 else 1)).astype(">u2" if bits == 16 else np.uint8)


def netpbm(magic, image, maxval):
    height, width, _ = image.shape
    return f"{magic}\n{width} {height}\n{maxval}\n".encode() + image.tobytes()


def pam(image):
    height, width, depth = image.shape
    kind = ["GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"][depth - 1]
    return f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n".encode() + image.tobytes()


def pillow(kind, image, **options):
    out = io.BytesIO()
    Image.fromarray(image.squeeze() if image.shape[2] == 1 else image).save(out, kind, **options)
    return out.getvalue()


def gray16(kind):
    out = io.BytesIO()
    Image.fromarray(picture(1, 16).squeeze().astype(np.uint16)).save(out, kind)
    return out.getvalue()


MAKERS = [
    ("png", lambda: pillow("PNG", picture(int(rng.integers(1, 5))))),
    ("png", lambda: gray16("PNG")),
    ("png", lambda: pillow("PNG", picture(3), dpi=(300, 300), icc_profile=b"profile" * 9)),
    ("jpg", lambda: pillow("JPEG", picture(3), quality=90)),
    ("pgm", lambda: netpbm("P5", picture(1), 255)),
    ("pgm", lambda: netpbm("P5", picture(1, 16), 65535)),
    ("ppm", lambda: netpbm("P6", picture(3), 255)),
    ("pam", lambda: pam(picture(4))),
    ("tif", lambda: pillow("TIFF", picture(3), compression="tiff_lzw")),
    ("tiff", lambda: gray16("TIFF")),
    ("bmp", lambda: pillow("BMP", picture(3))),
    ("gif", lambda: pillow("GIF", picture(1))),
    ("webp", lambda: pillow("WEBP", picture(3), lossless=True)),
]
FOLDERS = ["", "holidays", "holidays/last year", "scans/2024/May", "-dash", "ünïcode", "[x]*"]
ODD_NAMES = ["with space", "-o", "ümlaut", "a,b", "$HOME", "quote'\"", "*", "back\\slash", "tab\there", os.fsdecode(b"latin\xe9")]


def make():
    """The folder; returns the names of images, and of files that are none."""
    images, broken = [], []
    for i in range(args.files):
        folder = root / "in" / FOLDERS[i % len(FOLDERS)]
        folder.mkdir(parents=True, exist_ok=True)
        suffix, maker = MAKERS[i % len(MAKERS)]
        data = maker()
        name = f"{ODD_NAMES[i // 50 % len(ODD_NAMES)]} {i}" if i % 50 == 3 else f"image-{i:04}"
        path = folder / f"{name}.{suffix}"
        if i % 97 == 5:
            data = [data[:len(data) // 2], b"", b"no image at all\n"][i // 97 % 3]
            broken.append(path)
        else:
            images.append(path)
        path.write_bytes(data)
        os.utime(path, (1.6e9 + i, 1.6e9 + i))
        path.chmod(0o600 if i % 11 == 0 else 0o644)
    (root / "in" / "notes.txt").write_text("not an image\n")
    return images, broken


def run(*command):
    start = time.time()
    done = subprocess.run([str(c) for c in command], cwd=root, capture_output=True)
    lines = done.stderr.decode(errors="replace").splitlines()
    print(f"$ {' '.join(str(c) for c in command[:1])} {' '.join(str(c) for c in command[1:])}\n"
          f"  exit {done.returncode}, {time.time() - start:.1f} s, {len(lines)} lines; the last: {lines[-1] if lines else ''}",
          flush=True)
    return done.returncode, lines


def samples(path):
    image = Image.open(path)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    return np.asarray(image)


def compare(out, images):
    """Counts what came back, and raises if anything is wrong."""
    counts = {"bytes": 0, "samples": 0}
    for path in images:
        name = path.relative_to(root / "in")
        back = out / name
        if path.suffix not in (".png", ".pgm", ".ppm", ".pam", ".tif", ".tiff"):
            back = out / (str(name) + ".png")
        if not back.exists():
            raise SystemExit(f"{name} did not come back")
        if path.suffix in (".pgm", ".ppm", ".pam"):
            assert path.read_bytes() == back.read_bytes(), name
            counts["bytes"] += 1
        else:
            a, b = samples(path), samples(back)
            if path.suffix == ".gif" and b.ndim == 2:
                a = a[..., 0]
            assert a.shape == b.shape and (a == b).all(), name
            counts["samples"] += 1
        before, after = path.stat(), back.stat()
        assert (before.st_mode, int(before.st_mtime)) == (after.st_mode, int(after.st_mtime)), name
    print(f"  {counts['bytes']} files came back byte by byte, {counts['samples']} sample by sample")


images, broken = make()
print(f"{len(images)} images, {len(broken)} broken ones")
tool = {name: tools / f"pie-{name}" for name in ("encode", "decode")}

code, lines = run(tool["encode"], "-r", "in", "-O", "codes")
assert code in (3, 6), lines[-5:]
for path in broken:
    assert any(path.name in line for line in lines), f"nothing is said of {path}"
run(tool["decode"], "-r", "codes", "-O", "files")
compare(root / "files", images)

# An archive has all or nothing: the broken ones are left out of its list.
(root / "list").write_bytes(b"".join(os.fsencode(str(p)) + b"\0" for p in images))
for path in broken:
    path.unlink()
(root / "in" / "notes.txt").unlink()
code, lines = run(tool["encode"], "-r", "in", "-o", "all.pie")
code, lines = run(tool["decode"], "all.pie", "-O", "archive")
compare(root / "archive", [p for p in images if "\t" not in p.name])
sizes = [sum(f.stat().st_size for f in p.rglob("*") if f.is_file()) for p in (root / "in", root / "codes")]
print(f"in {sizes[0]} B, as code files {sizes[1]} B, as one archive {(root / 'all.pie').stat().st_size} B")
print(f"largest process {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB")
