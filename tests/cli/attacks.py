"""Damaged files, kills, full disks and limits, and what the tools leave (trial.py).
Usage: attacks.py FOLDER_OF_TOOLS [SHARE]

SHARE of what is tried, 1 for all of it: every byte of code files flipped and every cut, 2,000 mutated models,
300 kills, disks of up to 1 MB. Prints the counts by exit code."""
import collections
import random
import shutil
import signal
import subprocess
import sys
import time

from trial import commands, counted, fail, run, start, whole_tensors, with_trial

share = float(sys.argv[2]) if len(sys.argv) > 2 else 0.02
random.seed(1)
by_name = {name: (command, outputs) for name, command, outputs in commands}


def some(count):
    return max(1, round(share * count))


def report(what, codes):
    print(f"{what:48} {counted(codes)}", flush=True)


def code_files(trial):
    """Each damaged file is refused for what it is."""
    deep = trial.folder.parent / "deep.pgm"
    deep.write_bytes(b"P5 9 7 65535\n" + random.randbytes(126))
    made = {"exact": (trial.folder / "in.pie").read_bytes()}
    for name, source in {"floor": trial.folder / "in.png", "16 bits": deep}.items():
        coder = "floor" if name == "floor" else "model"
        file = trial.folder.parent / "made.pie"
        code, messages = run(trial.folder, ["pie-encode", "--coder", coder, str(source), "-f", "-o", str(file)],
                             {"PIE_MODEL_PATH": ""})
        if code != 0:
            fail(messages)
        made[name] = file.read_bytes()
    bad = trial.folder.parent / "bad.pie"
    for name, data in made.items():
        flips, cuts = collections.Counter(), collections.Counter()
        for at in sorted(random.sample(range(len(data)), some(len(data)))):
            for codes, damaged in ((cuts, data[:at]),
                                   (flips, data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1:])):
                bad.write_bytes(damaged)
                code, messages = run(trial.folder, ["pie-decode", "-t", str(bad)])
                codes[code] += 1
                if code not in (3, 4) or str(bad) not in messages:
                    fail(f"{name}, byte {at}: exit code {code}: {messages}")
        report(f"{name}: every byte flipped, -t", flips)
        report(f"{name}: every cut, -t", cuts)


def mutated(data):
    kind, at = random.randrange(4), random.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + random.randbytes(random.randrange(1, 9)) + data[at:]
    if kind == 2:
        end = at + random.randrange(1, 64)
        return data[:at] + data[end:]
    changed = bytearray(data)
    for _ in range(random.randrange(1, 4)):
        changed[random.randrange(min(len(data), random.choice((16, 3000, len(data)))))] = random.randrange(256)
    return bytes(changed)


def models(trial):
    """None of them is taken for the model that the file needs; a hundred of them at a time."""
    data = (trial.folder / "model.safetensors").read_bytes()
    folder = trial.folder.parent / "models"
    codes = collections.Counter()
    left = some(2000)
    while left > 0:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for i in range(min(left, 100)):
            bytes_of_model = mutated(data)
            if bytes_of_model != data:
                (folder / f"{i}.safetensors").write_bytes(bytes_of_model)
        left -= 100
        code, messages = run(trial.folder, ["pie-decode", "in.pie", "-o", "out.png"], {"PIE_MODEL_PATH": str(folder)})
        if code != 4:
            fail(f"mutated models: exit code {code}: {messages[-500:]}")
        trial.check(["out.png"], code, "mutated models")
        codes[code] += 1
        name = random.choice(sorted(folder.iterdir()))
        code, messages = run(trial.folder, ["pie-encode", "-m", str(name), "in.png", "-o", "out.pie"])
        if code not in (3, 4):
            fail(f"mutated model: exit code {code}: {messages[-500:]}")
        trial.check(["out.pie"], code, "mutated models")
        codes[code] += 1
    report(f"{some(2000)} mutated models", codes)


def kills(trial):
    """At any moment, by signals that can be taken and one that cannot."""
    for name in ("encode", "decode", "train"):
        command, outputs = by_name[name]
        begun = time.monotonic()
        run(trial.folder, command)
        whole = time.monotonic() - begun
        trial.check(outputs, 0, name)
        codes = collections.Counter()
        for _ in range(some(100)):
            process = start(trial.folder, command, out=subprocess.DEVNULL)
            time.sleep(random.random() * whole * 1.05)
            sent = random.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL))
            process.send_signal(sent)
            try:
                code = process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                fail(f"{name}: {sent} does not end it")
            if code not in (0, -sent):
                fail(f"{name}: exit code {code} after {sent}")
            trial.check(outputs, code, f"{name}, {sent}", killed=sent == signal.SIGKILL)
            codes["0" if code == 0 else "signal"] += 1
        report(f"{name}: kills at random moments", codes)


def full_disks(trial):
    """Needs the right to mount."""
    disk = trial.folder.parent / "disk"
    disk.mkdir()
    for name in ("encode", "decode", "train"):
        command, outputs = by_name[name]
        codes = collections.Counter()
        for pages in sorted({1, 2, 3, *random.sample(range(1, 257), some(40))}):
            mount = ["mount", "-t", "tmpfs", "-o", f"size={4 * pages}k", "tmpfs", str(disk)]
            if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
                print("full disks: not tried, nothing can be mounted here")
                return
            try:
                target = [word if word not in outputs else str(disk / word) for word in command]
                code, messages = run(trial.folder, target)
                if code not in (0, 1):
                    fail(f"{name}, {pages} pages: exit code {code}: {messages}")
                for path in disk.iterdir():
                    data = path.read_bytes()
                    if path.name not in outputs or not data or (path.name.startswith("new.") and not whole_tensors(data)):
                        fail(f"{name}, {pages} pages: left {path.name} of {len(data)} bytes")
                    if path.name in trial.wanted and not path.name.startswith("new."):
                        shutil.copy(path, trial.folder / path.name)
                        trial.check([path.name], None, name)
                if code == 0 and not any(disk.iterdir()):
                    fail(f"{name}, {pages} pages: success without an output")
            finally:
                subprocess.run(["umount", str(disk)], check=True)
            trial.check([], None, name)
            codes[code] += 1
        report(f"{name}: disks of 4 KB to 1 MB", codes)


def limits(trial):
    for option, values in {"v": (200000, 900000, 1500000), "n": (4, 8, 16), "f": (0, 1, 8), "u": (1, 2, 4)}.items():
        for name in ("check", "encode", "decode", "train"):
            command, outputs = by_name[name]
            codes = collections.Counter()
            for value in values:
                shell = f'ulimit -c 0; ulimit -{option} {value}; exec "$@"'
                code, messages = run(trial.folder, command, before=["bash", "-c", shell, "-"])
                if code < 0 or code > 6:
                    fail(f"{name}, ulimit -{option} {value}: exit code {code}: {messages[-500:]}")
                trial.check(outputs, code, f"{name}, ulimit -{option} {value}")
                codes[code] += 1
            report(f"{name}: ulimit -{option} {', '.join(map(str, values))}", codes)


def attacks(trial):
    for attack in (code_files, models, kills, full_disks, limits):
        attack(trial)


with_trial(attacks)
