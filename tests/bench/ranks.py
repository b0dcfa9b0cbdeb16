#!/usr/bin/env python3
"""Training by several processes against one process with as many threads, in turns, and what they send each other.

    ranks.py BUILD/bin IMAGES [--presets pie-mnist,...] [--ranks 2] [--seconds 20] [--rounds 2]

Images a second are those of the training's own log. Bytes are what the loopback interface carried, beside all
that others send over it, while the processes trained.
"""
import argparse, json, os, pathlib, socket, statistics, subprocess, tempfile


def loopback_bytes():
    for line in open("/proc/net/dev"):
        name, _, figures = line.partition(":")
        if name.strip() == "lo":
            return int(figures.split()[0])
    raise SystemExit("no loopback interface")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def train(arguments, preset, ranks, threads, folder):
    """Images a second, bytes a step."""
    log = folder / "log.jsonl"
    log.unlink(missing_ok=True)
    before = loopback_bytes()
    env = dict(os.environ, MASTER_PORT=str(free_port()))
    command = [arguments.bin / "pie-train", "-qf", "-T", str(threads), "--preset", preset, "--data", arguments.images,
               "--time", f"{arguments.seconds}s", "--log", log, "-o", folder / "m.safetensors"]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                  env=env if ranks == 1 else dict(env, RANK=str(rank), WORLD_SIZE=str(ranks)))
                 for rank in range(ranks)]
    assert all(process.wait() == 0 for process in processes), preset
    last = json.loads(log.read_text().splitlines()[-1])
    return last["images_per_s"], (loopback_bytes() - before) / last["step"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("images")
    parser.add_argument("--presets", default="pie-mnist,pie-exact-mnist,iresnet-mnist-small")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    n = arguments.ranks
    print(f"| images/s | 1 process, 1 thread | 1 process, {n} threads | {n} processes, 1 thread each | of {n} threads | KB a step and process |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for preset in arguments.presets.split(","):
            figures = {how: [] for how in ((1, 1), (1, n), (n, 1))}
            for _ in range(arguments.rounds):
                for how, found in figures.items():
                    found.append(train(arguments, preset, *how, pathlib.Path(name)))
            one, threads, ranks = (statistics.median(f[0] for f in found) for found in figures.values())
            sent = statistics.median(f[1] for f in figures[n, 1]) / n / 1000
            print(f"| `{preset}` | {one:.0f} | {threads:.0f} | {ranks:.0f} | {100 * ranks / threads:.0f} % | {sent:.0f} |", flush=True)


main()
