# SPDX-License-Identifier: GPL-2.0-only
"""boot.init: the VMM's start to the first line of the guest's init, and the exits up to there.

The guest has one vCPU and 512 MiB; the kernel, its command line and the initrd are the same for every VMM. The patched kernel,
as an hvm guest and in pv mode, has the same initrd and a configuration of its own.
"""

import os

from . import counters, guest, host, results


def commands(args):
    common = ["--kernel", args.kernel, "--initrd", args.boot_initrd, "--append", host.KERNEL_LINE]
    found = {"hvm": [args.paravane, "run", "--memory", f"{host.RAM_MIB}M", "--cpus", "1"] + common}
    if args.guest_kernel:
        for name, mode in host.PATCHED_MODES.items():
            found[name] = [args.paravane, "run", "--mode", mode, "--memory", f"{host.RAM_MIB}M", "--cpus", "1",
                           "--kernel", args.guest_kernel, "--initrd", args.boot_initrd, "--append", host.kernel_line(mode)]
    if args.peer == "qemu":
        found["qemu-pc"] = [args.qemu, "-L", args.qemu_data, "-machine", "pc,accel=kvm", "-cpu", "host",
                            "-m", str(host.RAM_MIB), "-smp", "1", "-nodefaults", "-display", "none",
                            "-serial", "stdio", "-no-reboot", "-kernel", args.kernel, "-initrd", args.boot_initrd,
                            "-append", host.KERNEL_LINE]
    return found


def measure(args, say):
    """Entries of report.json; rounds interleaved, one warm-up."""
    runs = {}
    for number in range(args.rounds + 1):
        for variant, command in commands(args).items():
            one = guest.Guest(f"boot {variant}", command, os.path.join(args.out, f"boot-{variant}.log"), host.RAM_BYTES)
            try:
                seconds = one.wait_init(args.boot_limit)
                cost = counters.kvm_stats(one.pid) or {}
            finally:
                one.close()
            say(f"    boot.init {variant:12} {seconds:8.2f} s" + (f"  {cost['exits']} exits" if cost else ""))
            if number:
                runs.setdefault(variant, []).append({"value": seconds, "ops": 1, "cost": cost})
    return [results.fold("boot.init", variant, "s", "lower", these) for variant, these in runs.items()]
