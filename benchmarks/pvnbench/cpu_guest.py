# SPDX-License-Identifier: GPL-2.0-only
"""A guest whose first process is cpu-bench (benchmarks/cpu/), and what one run in it took, seen from both sides."""

import glob
import os
import re

from . import counters, guest

# Exit codes of SVM (AMD64 manual, volume 2, appendix C).
SVM_EXITS = {0x03: "read_cr3", 0x13: "cr3", 0x14: "cr4", 0x4e: "page_fault", 0x60: "interrupt", 0x64: "vintr", 0x72: "cpuid",
             0x78: "hlt", 0x79: "invlpg", 0x7b: "io", 0x7c: "msr"}
ALWAYS = ("cr3", "cr4", "invlpg")
TRACING = "/sys/kernel/tracing"


class Unmeasured(Exception):
    """A bench that this guest cannot run; the guest goes on."""


class CpuGuest(guest.Guest):
    def __init__(self, name, command, log, ram_bytes, limit):
        super().__init__(name, command, log, ram_bytes)
        self.limit = limit

    def start(self, seconds):
        """Wait for cpu-bench; what it says of its machine. The memory has been used once afterwards."""
        before, _ = self.wait_for(rb"SERVING\r?\n", seconds)
        notes = re.findall(r"^NOTE (.*?)\r?$", before.decode(errors="replace"), re.M)
        text, _ = self.ask("machine", rb"MACHINE end=")
        machine = machine_lines(text)
        _, match = self.ask("touch", rb"TOUCHED (\d+)")
        machine["touched_pages"] = int(match.group(1))
        if notes:
            machine["notes"] = notes
        return machine

    def ask(self, words, answer):
        self.child.stdin.write(words.encode() + b"\n")
        self.child.stdin.flush()
        before, match = self.wait_for(rb"(?m)^(?:" + answer + rb"|FAILED (?P<why>[^\r\n]*))\r?\n", self.limit)
        if match.group("why") is not None:
            raise Unmeasured(re.sub(r"^bench=\S+: ", "", match.group("why").decode(errors="replace")))
        return before.decode(errors="replace"), match

    def measure(self, bench, trace=None):
        """One run: operations, net ticks, and the change of KVM's counters while it ran."""
        self.ask(f"prepare {bench}", rb"ARMED")
        before = vm_counters(self.pid)
        traced = trace.counts(self.pid) if trace else {}
        try:
            _, match = self.ask("go", rb"DONE ([0-9a-f]{16}) ([0-9a-f]{16}) ([0-9a-f]{16})")
            after = vm_counters(self.pid)
            traced_after = trace.counts(self.pid) if trace else {}
        finally:
            self.ask("end", rb"ENDED")
        done, ticks, overhead = (int(match.group(i), 16) for i in (1, 2, 3))
        change = {name: after[name] - before[name] for name in after if name in before}
        change.update({name: traced_after[name] - traced.get(name, 0) for name in traced_after})
        return {"ops": done, "ticks": ticks - overhead, "overhead": overhead, "counters": change}

    def close(self):
        if self.child.poll() is None:
            try:
                self.child.stdin.write(b"quit\n")
                self.child.stdin.flush()
            except OSError:
                pass
            try:
                self.child.wait(timeout=30)
            except guest.subprocess.TimeoutExpired:
                pass
        super().close()


def machine_lines(text):
    return dict(re.findall(r"^MACHINE ([^=\s]+)=(.*?)\r?$", text, re.M))


def vm_counters(pid):
    """All that KVM counts of the VM that process pid made: {} where debugfs is not to be read."""
    found = {}
    for path in glob.glob(f"{counters.DEBUGFS_KVM}/{pid}-*/*"):
        try:
            with open(path, encoding="ascii") as f:
                found[os.path.basename(path)] = int(f.read())
        except (OSError, ValueError):
            continue
    return found


class ExitTrace:
    """Exits by reason, counted by the kernel's own histogram over kvm:kvm_exit. Tracing costs instructions: no run that
    is timed has it on."""

    TRIGGER = "hist:keys=common_pid,exit_reason:size=2048"

    def __init__(self):
        self.folder = os.path.join(TRACING, "events/kvm/kvm_exit")
        self.error = None

    def __enter__(self):
        try:
            if not os.path.isdir(self.folder):
                guest.subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=False, capture_output=True)
            self.write(self.TRIGGER)
        except OSError as error:
            self.error = f"exits by reason can't be counted: {error}"
        return self

    def write(self, text):
        with open(os.path.join(self.folder, "trigger"), "a", encoding="ascii") as f:
            f.write(text + "\n")

    def counts(self, pid):
        found = {f"exit_{name}": 0 for name in ALWAYS}
        if self.error:
            return {}
        threads = set(os.listdir(f"/proc/{pid}/task"))
        with open(os.path.join(self.folder, "hist"), encoding="ascii") as f:
            text = f.read()
        for thread, reason, hits in re.findall(r"common_pid:\s*(\d+), exit_reason:\s*(\d+) \} hitcount:\s*(\d+)", text):
            if thread in threads:
                name = f"exit_{SVM_EXITS.get(int(reason), hex(int(reason)))}"
                found[name] = found.get(name, 0) + int(hits)
        return found

    def __exit__(self, *_):
        if not self.error:
            self.write("!" + self.TRIGGER)
