#!/usr/bin/env python3
"""Peak memory and time of large inputs, and what decoding reads to find its model, for one or more builds.

    footprint.py [OLDER/bin...] BUILD/bin [--mnist t10k-images-idx3-ubyte.gz] [--short | --quick]

Without --mnist the archive of 10,000 digits repeats the test digits. Files opened and bytes read need strace.
"""
import argparse, gzip, os, pathlib, re, shutil, struct, subprocess, sys, tempfile, time

root = pathlib.Path(__file__).resolve().parents[2]


def measured(command, env):
    """Peak memory in MB and seconds of one process."""
    start = time.time()
    pid = os.spawnvpe(os.P_NOWAIT, command[0], command, env)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, command
    return usage.ru_maxrss / 1024, time.time() - start


def idx(path, repeat, source):
    raw = gzip.decompress(source.read_bytes())
    images = raw[16:]
    with open(path, "wb") as out:
        out.write(raw[:4] + struct.pack(">I", repeat * (len(images) // 784)) + raw[8:16])
        for _ in range(repeat):
            out.write(images)


def photograph(path, repeat, decode):
    """The test photograph, repeat x repeat times; 125 times: 6000 x 4000."""
    pixels = subprocess.run([decode], stdout=subprocess.PIPE, check=True, shell=True).stdout
    match = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", pixels)
    width, height, data = int(match[1]), int(match[2]), pixels[match.end():]
    rows = b"".join(data[3 * width * y:3 * width * (y + 1)] * repeat for y in range(height))
    path.write_bytes(b"P6\n%d %d\n255\n" % (repeat * width, repeat * height) + rows * repeat)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+")
    parser.add_argument("--mnist", type=pathlib.Path)
    parser.add_argument("--short", action="store_true", help="without the longest archive")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the images: only to see that this script works")
    arguments = parser.parse_args()
    digits = root / "testdata/digits-images-idx3-ubyte.gz"
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        mnist = arguments.mnist
        if mnist is None:
            idx(mnist := folder / "ten.idx", 1 if arguments.quick else 100, digits)
        idx(folder / "many.idx", 3 if arguments.quick else 300, digits)
        idx(folder / "more.idx", 30 if arguments.quick else 3000, digits)
        first = pathlib.Path(arguments.builds[0]).resolve()
        env = dict(os.environ, PIE_MODEL_PATH=str(root / "models"), LD_LIBRARY_PATH=str(first))
        os.environ.update(env)
        photograph(folder / "large.ppm", 10 if arguments.quick else 125, f"{first}/pie-decode -q -c {root}/testdata/golden/pie-photo.pie")
        for build in arguments.builds:
            bin = pathlib.Path(build).resolve()
            env["LD_LIBRARY_PATH"] = str(bin)
            encode, decode = f"{bin}/pie-encode", f"{bin}/pie-decode"
            jobs = [("6000 x 4000 RGB, encode", [encode, "-qf", f"{folder}/large.ppm", "-o", f"{folder}/large.pie"]),
                    ("6000 x 4000 RGB, decode", [decode, "-qf", f"{folder}/large.pie", "-o", f"{folder}/again.ppm"]),
                    ("10,000 digits, encode", [encode, "-qf", "-m", "pie-exact-mnist", str(mnist), "-o", f"{folder}/ten.pie"]),
                    ("10,000 digits, decode", [decode, "-qf", f"{folder}/ten.pie", "-o", f"{folder}/again.idx"]),
                    ("30,000 digits, encode", [encode, "-qf", "-m", "pie-exact-mnist", f"{folder}/many.idx", "-o", f"{folder}/many.pie"]),
                    ("30,000 digits, decode", [decode, "-qf", f"{folder}/many.pie", "-o", f"{folder}/again.idx"])]
            if build == arguments.builds[-1] and not arguments.short:  # it takes long, and two sizes tell whether memory grows
                jobs += [("300,000 digits, encode", [encode, "-qf", "-m", "pie-exact-mnist", f"{folder}/more.idx", "-o", f"{folder}/more.pie"]),
                         ("300,000 digits, decode", [decode, "-qf", f"{folder}/more.pie", "-o", f"{folder}/again.idx"])]
            for what, command in jobs:
                memory, seconds = measured(command, env)
                print(f"{build}: {what}: {memory:.0f} MB, {seconds:.1f} s", file=sys.stderr, flush=True)
                rows.setdefault(what, []).append(f"{memory:.0f} MB, {seconds:.1f} s")
            if shutil.which("strace"):
                trace = folder / "trace"
                subprocess.run(["strace", "-f", "-y", "-e", "trace=openat,read,pread64", "-o", trace, decode, "-q", "-c",
                                root / "testdata/golden/pie-photo.pie"], env=env, stdout=subprocess.DEVNULL, check=True)
                lines = trace.read_text(errors="replace").splitlines()
                models = [l for l in lines if ".safetensors" in l]
                opened = {m[1] for l in models if "openat(" in l and (m := re.search(r'"([^"]*)"', l)) and " = -1" not in l}
                read = sum(int(m[1]) for l in models if "openat(" not in l and (m := re.search(r"= (\d+)$", l)))
                rows.setdefault("model files opened, bytes read to decode one file", []).append(f"{len(opened)}, {read}")
    print("| |" + "".join(f" {build} |" for build in arguments.builds))
    print("|---|" + "---|" * len(arguments.builds))
    for what, figures in rows.items():
        missing = [""] * (len(arguments.builds) - len(figures))
        print(f"| {what} |" + "".join(f" {figure} |" for figure in missing + figures))


main()
