# SPDX-License-Identifier: GPL-2.0-only
"""What a piece of work cost: VM exits, the host's CPU time, the VMM's memory.

Definitions (docs/benchmarks.md): exits come from KVM's own statistics in debugfs, summed over vCPUs; host CPU is the
non-idle time of the whole host, so that kernel threads and softirqs count; memory is Pss outside guest RAM.
"""

import glob
import os
import re
import time

DEBUGFS_KVM = "/sys/kernel/debug/kvm"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def kvm_stats(pid):
    """Counters of the VM that process pid made: exits, halt exits, interrupt exits; None where debugfs is not to be read."""
    folders = glob.glob(f"{DEBUGFS_KVM}/{pid}-*")
    if not folders:
        return None
    stats = {}
    for name in ("exits", "halt_exits", "irq_exits", "io_exits", "mmio_exits"):
        try:
            with open(os.path.join(folders[0], name), encoding="ascii") as f:
                stats[name] = int(f.read())
        except OSError:
            return None
    return stats


def host_busy_us():
    """Non-idle CPU time of the whole machine since boot, µs. Guest time is inside user time already."""
    with open("/proc/stat", encoding="ascii") as f:
        fields = [int(x) for x in f.readline().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) * 1_000_000 // CLOCK_TICKS


def vmm_memory(pid, guest_bytes):
    """Pss outside guest RAM and KVM's page tables, in KiB. Guest RAM: mappings named so, or as large as a piece of it."""
    inside = total = 0
    header = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)$")
    guest = False
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
        for line in f:
            match = header.match(line)
            if match:
                size = int(match.group(2), 16) - int(match.group(1), 16)
                guest = "guest-ram" in match.group(3) or size >= min(guest_bytes, 256 << 20)
            elif line.startswith("Pss:"):
                kib = int(line.split()[1])
                total += kib
                inside += kib if guest else 0
    return total - inside


class Span:
    """Counters between two moments of one VM, with the rates of the idle guest taken off."""

    def __init__(self, pid, idle=None):
        self.pid, self.idle = pid, idle
        self.at = time.monotonic()
        self.busy = host_busy_us()
        self.stats = kvm_stats(pid)

    def end(self):
        seconds = time.monotonic() - self.at
        busy = host_busy_us() - self.busy
        after = kvm_stats(self.pid)
        result = {"seconds": seconds, "host_us": busy, "host_us_net": busy}
        if self.idle:
            result["host_us_net"] = max(0.0, busy - self.idle["host_us_per_s"] * seconds)
        if self.stats is None or after is None:
            return result
        for name in after:
            result[name] = after[name] - self.stats[name]
        result["exits_net"] = result["exits"]
        if self.idle and "exits_per_s" in self.idle:
            result["exits_net"] = max(0.0, result["exits"] - self.idle["exits_per_s"] * seconds)
        return result


def idle_rates(pid, seconds):
    """What the VM does a second while its guest waits at the console."""
    span = Span(pid)
    time.sleep(seconds)
    cost = span.end()
    rates = {"host_us_per_s": cost["host_us"] / cost["seconds"]}
    if "exits" in cost:
        rates["exits_per_s"] = cost["exits"] / cost["seconds"]
    return rates
