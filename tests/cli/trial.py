"""What faults.py and attacks.py try on the tools, and what has to hold afterwards: an exit code, never a
signal; the right bytes or none under the final name; inputs as they were; no other file."""
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

tools = os.path.abspath(sys.argv[1])
testdata = pathlib.Path(__file__).resolve().parents[2] / "testdata"
tiny = ["--preset", "pie-exact-mnist", "--batch", "4", "--steps", "2",
        "--set", 'networks=[{"hidden":8,"first_blocks":0,"phase_blocks":0}]']

# Name, command, outputs, called differently in each; those of a training are not the same twice, and checked for being whole.
commands = [
    ("check", ["pie-decode", "-t", "in.pie"], []),
    ("list", ["pie-decode", "-l", "in.pie"], []),
    ("cut", ["pie-encode", "--layers", "1", "in.pie", "-o", "cut.pie"], ["cut.pie"]),
    ("encode", ["pie-encode", "-m", "model.safetensors", "in.png", "-o", "out.pie"], ["out.pie"]),
    ("tiff", ["pie-encode", "--coder", "floor", "in.tiff", "-o", "tiff.pie"], ["tiff.pie"]),
    ("decode", ["pie-decode", "in.pie", "-o", "out.png"], ["out.png"]),
    ("train", ["pie-train", *tiny, "--data", "digits.gz[:16]", "-o", "new.safetensors"],
     ["new.safetensors", "new.safetensors.state"]),
]


def fail(message):
    sys.exit(f"FAILED: {message}")


def start(folder, command, environment=(), before=(), out=subprocess.PIPE, pass_fds=()):
    """A tool at work in a folder; `before` stands before it on the command line."""
    variables = {**os.environ, "PIE_MODEL_PATH": str(folder), "GOMP_SPINCOUNT": "0", **dict(environment)}
    return subprocess.Popen([*before, f"{tools}/{command[0]}", "-T", "1", *command[1:]], cwd=folder, env=variables,
                            stdout=out, stderr=subprocess.STDOUT, pass_fds=pass_fds)


def run(folder, command, environment=(), before=()):
    """Its exit code and what it says."""
    process = start(folder, command, environment, before)
    try:
        messages, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        fail(f"{command} hangs with {dict(environment)}, {before}")
    return process.returncode, messages.decode(errors="replace")


def whole_tensors(data):
    """Whether these are all bytes of a safetensors file that states its hash."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return "sha256" in header["__metadata__"] and len(data) == 8 + length + max(ends)


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


class Trial:
    """A folder with inputs, and what each command makes of them when nothing goes wrong."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        shutil.copy(testdata / "digit-0.png", self.folder / "in.png")
        shutil.copy(testdata / "digits-images-idx3-ubyte.gz", self.folder / "digits.gz")
        self.require(["pie-train", *tiny, "--data", "digits.gz", "-o", "model.safetensors"])
        self.require(["pie-encode", "--coder", "model", "-m", "model.safetensors", "in.png", "-o", "in.pie"])
        self.require(["pie-decode", "in.pie", "-o", "in.tiff"])
        self.before = contents(self.folder)
        self.wanted = {}
        for name, command, outputs in commands:
            self.require(command)
            self.wanted.update({key: value for key, value in contents(self.folder).items() if key in outputs})
            self.check(outputs, None, name)

    def require(self, command):
        code, messages = run(self.folder, command)
        if code != 0:
            fail(f"{command}: {messages}")

    def check(self, outputs, code, what, killed=False):
        """`code` 0: outputs that a success leaves must be there. They are removed. A process that was killed
        may leave a file under a temporary name."""
        after = contents(self.folder)
        for name, value in self.before.items():
            if after.pop(name, None) != value:
                fail(f"{what}: {name} is not what it was")
        for name in outputs:
            if name not in after:
                if code == 0 and name in self.wanted:
                    fail(f"{what}: success without {name}")
                continue
            path = self.folder / name
            if not (whole_tensors(path.read_bytes()) if name.startswith("new.") else after[name] == self.wanted[name]):
                fail(f"{what}: {name} is wrong")
            del after[name]
            path.unlink()
        for name in list(after):
            if killed and name.startswith(".pie-") and name.endswith(".tmp"):
                (self.folder / name).unlink()
                del after[name]
        if after:
            fail(f"{what}: left {sorted(after)}")


def counted(codes):
    return ", ".join(f"{n} x exit {code}" for code, n in sorted(codes.items()))


def with_trial(work):
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "work"
        folder.mkdir()
        work(Trial(folder))
