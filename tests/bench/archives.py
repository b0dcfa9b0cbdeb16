#!/usr/bin/env python3
"""Archives of ever more images: memory, time of an image, some of them by number, and shards that are joined.

    archives.py BUILD/bin MODEL IMAGES-idx3-ubyte.gz [--most 1000000] [--shards 4]

The images are repeated, each with its number in its first pixels, and read from one gzip IDX file. Everything is
decoded and compared. Seconds for an image leave out what an archive of one image takes.
"""
import argparse, gzip, hashlib, os, pathlib, struct, subprocess, tempfile, time


def measured(*command):
    """Peak memory in MB and seconds of one process."""
    start = time.time()
    pid = os.spawnvpe(os.P_NOWAIT, str(command[0]), [str(c) for c in command], os.environ)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, command
    return usage.ru_maxrss / 1024, time.time() - start


def numbered(path, count, head, images, size):
    """Writes the archive; returns the hash of what it holds."""
    digest = hashlib.sha256()
    with gzip.open(path, "wb", compresslevel=1) as out:
        def put(data):
            out.write(data)
            digest.update(data)
        put(head[:4] + struct.pack(">I", count) + head[8:])
        whole = len(images) // size
        for i in range(count):
            at = i % whole * size
            put(struct.pack(">I", i) + images[at + 4:at + size])
    return digest.hexdigest()


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("model")
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--most", type=int, default=1000000)
    parser.add_argument("--shards", type=int, default=4)
    arguments = parser.parse_args()
    encode, decode = arguments.bin / "pie-encode", arguments.bin / "pie-decode"
    raw = gzip.decompress(arguments.images.read_bytes())
    head, images = raw[:16], raw[16:]
    size = struct.unpack(">I", raw[8:12])[0] * struct.unpack(">I", raw[12:16])[0]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source, code, back = folder / "x-idx3-ubyte.gz", folder / "x.pie", folder / "y-idx3-ubyte"
        print("| images | bytes | encode: MB, s, images/s | decode: MB, s, images/s | ten of them, s | one of them, s |")
        print("|---|---|---|---|---|---|")
        alone = None
        counts, count = [1], min(1000, arguments.most)
        while count < arguments.most:
            counts.append(count)
            count *= 10
        for count in counts + [arguments.most]:
            wanted = numbered(source, count, head, images, size)
            there = measured(encode, "-qf", "-m", arguments.model, source, "-o", code)
            again = measured(decode, "-qf", code, "-o", back)
            assert hash_of(back) == wanted, count
            if alone is None:
                alone = there[1], again[1]
                continue
            ten = ",".join(str(count * k // 10 + k) for k in range(10))
            some = measured(decode, "-qf", "--select", ten, code, "-o", folder / "ten-idx3-ubyte")[1]
            data = (folder / "ten-idx3-ubyte").read_bytes()[16:]
            assert [struct.unpack(">I", data[k * size:k * size + 4])[0] for k in range(10)] == [int(n) for n in ten.split(",")]
            one = measured(decode, "-qf", "--select", str(count - 1), code, "-o", folder / "one.pgm")[1]
            rates = [count / max(1e-3, figure[1] - start) for figure, start in zip((there, again), alone)]
            print(f"| {count:,} | {code.stat().st_size:,} | {there[0]:.0f}, {there[1]:.1f}, {rates[0]:,.0f} | "
                  f"{again[0]:.0f}, {again[1]:.1f}, {rates[1]:,.0f} | {some:.2f} | {one:.2f} |", flush=True)
        print(f"\nAn archive of one image: {alone[0]:.2f} s, {alone[1]:.2f} s.")
        parts = [folder / f"part-{i}.pie" for i in range(1, arguments.shards + 1)]
        took = [measured(encode, "-qf", "-m", arguments.model, "--shard", f"{i}/{arguments.shards}", source, "-o", part)[1]
                for i, part in enumerate(parts, 1)]
        # A part without images is not written.
        joining = measured(encode, "-qf", *(part for part in parts if part.exists()), "-o", folder / "joined.pie")[1]
        assert (folder / "joined.pie").read_bytes() == code.read_bytes()
        print(f"{arguments.shards} shards of {arguments.most:,}, one after the other: "
              f"{', '.join(f'{s:.1f}' for s in took)} s; joined in {joining:.2f} s: the same bytes.")


main()
