"""Makes one call of the system fail after the other - memory, opening, writing, fsync, renaming - and looks
at what the tools leave: an exit code, never a signal; the right bytes or none under the final name; inputs
as they were; no other file. Usage: faults.py FOLDER_OF_TOOLS FAIL_CALL_LIBRARY [MOST]

MOST calls of a kind are tried in a command, evenly spread over all; 0: every one. Prints the counts by exit code."""
import collections
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

tools, library = (os.path.abspath(path) for path in sys.argv[1:3])
most = int(sys.argv[3]) if len(sys.argv) > 3 else 12
testdata = pathlib.Path(__file__).resolve().parents[2] / "testdata"
tiny = ["--preset", "pie-exact-mnist", "--batch", "4", "--steps", "2",
        "--set", 'networks=[{"hidden":8,"first_blocks":0,"phase_blocks":0}]']

# Name, command, outputs; those of a training are not the same twice, and checked for being whole.
commands = [
    ("check", ["pie-decode", "-t", "in.pie"], []),
    ("list", ["pie-decode", "-l", "in.pie"], []),
    ("cut", ["pie-encode", "--layers", "1", "in.pie", "-o", "out.pie"], ["out.pie"]),
    ("encode", ["pie-encode", "-m", "model.safetensors", "in.png", "-o", "out.pie"], ["out.pie"]),
    ("decode", ["pie-decode", "in.pie", "-o", "out.png"], ["out.png"]),
    ("train", ["pie-train", *tiny, "--data", "digits.gz[:16]", "-o", "new.safetensors"],
     ["new.safetensors", "new.safetensors.state"]),
]
calls = ["alloc", "open", "write", "fsync", "rename"]


def fail(message):
    sys.exit(f"FAILED: {message}")


def run(folder, command, call=None, at=0):
    environment = {**os.environ, "PIE_MODEL_PATH": str(folder), "GOMP_SPINCOUNT": "0"}
    if call:
        environment.update(LD_PRELOAD=library, FAIL_CALL=call, FAIL_AT=str(at), FAIL_COUNT=str(folder / "../count"))
    try:
        done = subprocess.run([f"{tools}/{command[0]}", "-T", "1", *command[1:]], cwd=folder, env=environment,
                              capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        fail(f"{command} hangs where {call} {at} fails")
    return done.returncode, done.stdout + done.stderr


def whole_tensors(data):
    """Whether these are all bytes of a safetensors file with the hash that it states."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return "sha256" in header["__metadata__"] and len(data) == 8 + length + max(ends)


def prepare(folder):
    shutil.copy(testdata / "digit-0.png", folder / "in.png")
    shutil.copy(testdata / "digits-images-idx3-ubyte.gz", folder / "digits.gz")
    for command in (["pie-train", *tiny, "--data", "digits.gz", "-o", "model.safetensors"],
                    ["pie-encode", "--coder", "model", "-m", "model.safetensors", "in.png", "-o", "in.pie"]):
        code, messages = run(folder, command)
        if code != 0:
            fail(f"{command}: {messages.decode()}")


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def check_folder(folder, before, outputs, wanted, code, what):
    """Inputs untouched, outputs right or absent - all there after success - and nothing else."""
    after = contents(folder)
    for name, value in before.items():
        if after.pop(name, None) != value:
            fail(f"{what}: {name} is not what it was")
    for name in outputs:
        if name not in after:
            if code == 0 and name in wanted:
                fail(f"{what}: success without {name}")
            continue
        right = whole_tensors((folder / name).read_bytes()) if name.startswith("new.") else after[name] == wanted[name]
        if not right:
            fail(f"{what}: {name} is wrong")
        del after[name]
        (folder / name).unlink()
    if after:
        fail(f"{what}: left {sorted(after)}")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "work"
        folder.mkdir()
        prepare(folder)
        before = contents(folder)
        for name, command, outputs in commands:
            code, messages = run(folder, command)
            if code != 0:
                fail(f"{command}: {messages.decode()}")
            wanted = {key: value for key, value in contents(folder).items() if key not in before}
            check_folder(folder, before, outputs, wanted, 0, name)
            for call in calls:
                run(folder, command, call)
                check_folder(folder, before, outputs, wanted, 0, name)
                total = int((folder / "../count").read_text())
                tried = range(1, total + 1)
                if most and total > most:
                    tried = [1 + i * (total - 1) // (most - 1) for i in range(most)]
                codes = collections.Counter()
                for at in tried:
                    code, messages = run(folder, command, call, at)
                    what = f"{name}, {call} {at} of {total}"
                    if code < 0 or code >= 128 or (code != 0 and call != "write" and not messages):
                        fail(f"{what}: exit code {code}: {messages.decode(errors='replace')[-500:]}")
                    check_folder(folder, before, outputs, wanted, code, what)
                    codes[code] += 1
                counts = ", ".join(f"{n} x exit {code}" for code, n in sorted(codes.items()))
                print(f"{name:7} {call:7} {total:7} calls, {len(tried):5} failed in turn: {counts}", flush=True)


main()
