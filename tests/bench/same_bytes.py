#!/usr/bin/env python3
"""Whether two builds write the same code files: for a change that must not change the format.

    same_bytes.py OLD/bin NEW/bin [--quick] [FILE...]

Encodes with both, and compares byte by byte: the test images, FILEs, and images that are made here of all
channels and depths, odd sizes, sizes that need tiles, archives of IDX and CIFAR files and of single images,
prefixes of layers, cut files; with every shipped model that takes them. Then each build decodes what the
other has written, and the samples are compared. Exit code 1 if anything differs.
"""
import gzip, os, pathlib, random, struct, subprocess, sys, tempfile, zlib

root = pathlib.Path(__file__).resolve().parents[2]
digits = root / "testdata/digits-images-idx3-ubyte.gz"


def png(path, width, height, channels, bits, sample):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    code = "B" if bits == 8 else "H"
    rows = b"".join(b"\0" + struct.pack(f">{width * channels}{code}",
                    *(sample(x, y, c) for x in range(width) for c in range(channels))) for y in range(height))
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make_inputs(folder):
    random.seed(1)
    for bits in (8, 16):
        for channels in (1, 2, 3, 4):
            most = 2 ** bits
            png(folder / f"{bits}-{channels}.png", 37, 21, channels, bits,
                lambda x, y, c: (x * y * 40 + c * 900 + random.randrange(99)) % most)
    for width, height in ((1, 1), (7, 1), (33, 31), (3, 600), (300, 270), (28, 28)):
        for channels in (1, 3):
            png(folder / f"size-{width}x{height}x{channels}.png", width, height, channels, 8,
                lambda x, y, c: min(255, max(0, 128 + x % 64 - y % 32 + 9 * c + random.randrange(-3, 4))))
    raw = gzip.decompress(digits.read_bytes())
    many = raw[16:] * 7
    (folder / "many-images-idx3-ubyte").write_bytes(raw[:4] + struct.pack(">I", len(many) // 784) + raw[8:16] + many)
    records = bytes((i * 7 + i // 3073 * 13 + random.randrange(5)) % 256 for i in range(300 * 3073))
    (folder / "cifar.bin").write_bytes(records)
    for i in range(3):  # an archive of tiled images
        png(folder / f"tiled-{i}.png", 280, 30, 3, 8, lambda x, y, c: (x + 3 * y + 50 * i + random.randrange(7)) % 256)


def main():
    quick = "--quick" in sys.argv  # a few images with one model: only to see that this script works
    names = [name for name in sys.argv[1:] if name != "--quick"]
    if len(names) < 2:
        sys.exit(__doc__)
    bins = [pathlib.Path(p).resolve() for p in names[:2]]
    extra = [pathlib.Path(p).resolve() for p in names[2:]]
    wrong = done = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_inputs(folder)

        def run(build, tool, *arguments):
            env = dict(os.environ, LD_LIBRARY_PATH=str(build), PIE_MODEL_PATH=str(root / "models"))
            result = subprocess.run([build / tool, "-q", "-T", "2", *map(str, arguments)], env=env, cwd=folder,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            return result.returncode, result.stdout

        def compare(what, a, b):
            nonlocal wrong, done
            done += 1
            if a != b:
                wrong += 1
                print(f"DIFFERS: {what}: exit codes {a[0]} and {b[0]}, {len(a[1])} and {len(b[1])} bytes", flush=True)

        images = sorted(folder.glob("*.png")) + sorted((root / "testdata").glob("*.png")) + extra
        sets = [[folder / "many-images-idx3-ubyte"], [digits], [folder / "cifar.bin"], sorted(folder.glob("tiled-*.png")),
                [f"{folder / 'many-images-idx3-ubyte'}[250:530]"], [root / "testdata/digit-0.png", root / "testdata/digit-1.png"]]
        jobs = [(["-c"], [image]) for image in images] + [(["-o", "-"], files) for files in sets]
        if quick:
            jobs = jobs[:2]
        for model in ("pie-photo", "pie-exact-mnist", "pie-exact-fashion", "pie-mnist", "iresnet-mnist-small")[:1 if quick else 5]:
            for options, files in jobs:
                for layers in ([], ["--layers", "2"]):
                    arguments = ["-m", model, *options, *layers, *files]
                    old, new = (run(build, "pie-encode", *arguments) for build in bins)
                    compare(" ".join(map(str, arguments)), old, new)
                    if old[0] not in (0, 6) or layers:
                        continue
                    code = folder / "code.pie"
                    code.write_bytes(new[1])
                    step = ["--layers", "1"], ["--select", "0"], []
                    for rest in step:
                        compare(f"decoding {' '.join(map(str, arguments))} {rest}",
                                *(run(build, "pie-decode", *rest, "--format", "png", "-c", code) for build in bins))
                    compare(f"cutting {' '.join(map(str, arguments))}",
                            *(run(build, "pie-encode", "--layers", "1", "-c", code) for build in bins))
    print(f"{done} outputs compared, {wrong} differ")
    return 1 if wrong else 0


sys.exit(main())
