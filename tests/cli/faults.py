"""Makes one call of the system fail after the other - memory, opening, writing, fsync, renaming - and looks at
what the tools leave (trial.py). Usage: faults.py FOLDER_OF_TOOLS FAIL_CALL_LIBRARY [MOST]

MOST calls of a kind are tried in a command, evenly spread over all; 0: every one. Prints the counts by exit code."""
import collections
import os
import socket
import struct
import sys

from trial import commands, counted, fail, run, start, with_trial

library = os.path.abspath(sys.argv[2])
most = int(sys.argv[3]) if len(sys.argv) > 3 else 12


# Beside those, whose failures are spread over all a command does: libraries every allocation of which fails in a
# command, because they may not say so.
calls_of_all = ["alloc", "open", "write", "fsync", "rename"]
libraries = {"tiff": ["libwebp"]}


def spread(call, total):
    if most and total > most and call in calls_of_all:
        return [1 + i * (total - 1) // (most - 1) for i in range(most)]
    return range(1, total + 1)


class Server:
    """A command in which one call after the other fails, from where it has loaded the engine (fail_call.cc)."""

    def __init__(self, folder, command, environment):
        self.connection, theirs = socket.socketpair()
        self.connection.settimeout(120)
        self.command = command
        self.messages = folder.parent / "messages"
        with open(self.messages, "ab") as out, theirs:
            self.process = start(folder, command, {**environment, "FAIL_SERVER": str(theirs.fileno())}, out=out,
                                 pass_fds=[theirs.fileno()])
        calls = self.connection.recv(8)
        # How many calls come before that; all where the engine is not loaded.
        self.calls_before = struct.unpack("q", calls)[0] if calls else sys.maxsize

    def run(self, at):
        """Exit code and messages of the command in which call `at` fails."""
        os.truncate(self.messages, 0)
        self.connection.send(struct.pack("q", at))
        try:
            (status,) = struct.unpack("i", self.connection.recv(4))
        except TimeoutError:
            fail(f"{self.command} hangs where call {at} fails")
        return os.waitstatus_to_exitcode(status), self.messages.read_text(errors="replace")

    def end(self):
        self.connection.close()
        self.process.wait()


def faults(trial):
    count = trial.folder.parent / "count"
    for name, command, outputs in commands:
        for call in calls_of_all + libraries.get(name, []):
            environment = {"LD_PRELOAD": library, "FAIL_CALL": call, "FAIL_AT": "0", "FAIL_COUNT": str(count)}
            run(trial.folder, command, environment)
            trial.check(outputs, 0, name)
            total = int(count.read_text())
            codes = collections.Counter()
            server = Server(trial.folder, command, environment)
            if server.calls_before == sys.maxsize:
                trial.check(outputs, 0, name)
            for at in spread(call, total):
                if at <= server.calls_before:
                    code, messages = run(trial.folder, command, {**environment, "FAIL_AT": str(at)})
                else:
                    code, messages = server.run(at)
                what = f"{name}, {call} {at} of {total}"
                if code < 0 or code >= 128 or (code != 0 and call != "write" and not messages):
                    fail(f"{what}: exit code {code}: {messages[-500:]}")
                if (call == "alloc" or call.startswith("lib")) and code > 1:
                    fail(f"{what}: no memory is told as something else: exit code {code}: {messages[-500:]}")
                trial.check(outputs, code, what)
                codes[code] += 1
            server.end()
            print(f"{name:7} {call:7} {total:7} calls, {sum(codes.values()):5} failed in turn: {counted(codes)}",
                  flush=True)


with_trial(faults)
