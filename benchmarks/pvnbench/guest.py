# SPDX-License-Identifier: GPL-2.0-only
"""A running guest, of Paravane's VMM or of QEMU, spoken to through the agent on its serial console.

The agent (tests/images/) prints PVN-GUEST-READY and PVN-AGENT-READY, then takes lines `RUN <id> <command>` and answers with what the
command prints between `BEGIN <id>` and `END <id> <status>`. Both VMMs have their guest's console on stdin and stdout,
so the same words drive both and neither needs a network or a driver of ours for it.
"""

import os
import re
import select
import signal
import subprocess
import time

READY = b"PVN-GUEST-READY"
AGENT_READY = b"PVN-AGENT-READY"


class GuestError(Exception):
    """The guest or its VMM did not do what was asked; the text says what, and ends with the console's last lines."""


class Guest:
    """Starts `command` and waits on its console. log: file that keeps all that the guest printed."""

    def __init__(self, name, command, log, ram_bytes):
        self.name, self.ram_bytes = name, ram_bytes
        self.buffer = b""
        self.number = 0
        self.log = open(log, "wb")
        self.errors = open(log + ".stderr", "wb")
        self.started = time.monotonic()
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                      start_new_session=True)
        os.set_blocking(self.child.stdout.fileno(), False)

    @property
    def pid(self):
        return self.child.pid

    def fail(self, what):
        with open(self.errors.name, "rb") as f:
            errors = f.read().decode(errors="replace")[-2000:]
        tail = self.buffer.decode(errors="replace")[-2000:]
        raise GuestError(f"{self.name}: {what}\n--- console\n{tail}\n--- stderr\n{errors}")

    def wait_for(self, pattern, seconds):
        """Read the console until the bytes pattern is found; what came before and the match. Raises at the limit."""
        deadline = time.monotonic() + seconds
        scan = 0
        while True:
            match = re.compile(pattern).search(self.buffer, scan)
            if match:
                before = self.buffer[:match.start()]
                self.buffer = self.buffer[match.end():]
                return before, match
            scan = max(0, len(self.buffer) - 256)
            left = deadline - time.monotonic()
            if left <= 0:
                self.fail(f"no {pattern!r} on the console within {seconds} s")
            if not select.select([self.child.stdout], [], [], min(left, 1.0))[0]:
                continue
            data = self.child.stdout.read(65536)
            if data == b"":
                self.child.wait()
                self.fail(f"ended with status {self.child.returncode} while {pattern!r} was awaited")
            if data:
                self.log.write(data)
                self.log.flush()
                self.buffer += data

    def wait_init(self, seconds=120):
        """Wait for init's first line; seconds from the VMM's start to it."""
        self.wait_for(READY + rb"[^\n]*\n", seconds)
        return time.monotonic() - self.started

    def wait_ready(self, seconds=120):
        """Wait until the agent takes commands; seconds from the VMM's start to init's first line."""
        took = self.wait_init(seconds)
        self.wait_for(AGENT_READY + rb"\r?\n", 30)
        return took

    def run(self, command, seconds=60, check=True):
        """Run a shell command in the guest: (exit status, output)."""
        self.number += 1
        tag = str(self.number).encode()
        self.child.stdin.write(b"RUN " + tag + b" " + command.encode() + b"\n")
        self.child.stdin.flush()
        self.wait_for(rb"BEGIN " + tag + rb"\r?\n", seconds)
        output, match = self.wait_for(rb"END " + tag + rb" (\d+)\r?\n", seconds)
        status, text = int(match.group(1)), output.decode(errors="replace").replace("\r", "")
        if check and status != 0:
            raise GuestError(f"{self.name}: `{command}` ended with status {status}:\n{text[-2000:]}")
        return status, text

    def close(self):
        """Power off; kill what does not go."""
        if self.child.poll() is None:
            try:
                self.child.stdin.write(b"RUN 0 sync; poweroff -f\n")
                self.child.stdin.flush()
                self.child.wait(timeout=15)
            except (subprocess.TimeoutExpired, OSError):
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()
        self.log.close()
        self.errors.close()
