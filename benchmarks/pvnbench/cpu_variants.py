# SPDX-License-Identifier: GPL-2.0-only
"""The variants of `make bench-cpu`, as a table: kernel, kind of host, options of the VMM, and what is the same for all.

A variant that cannot run here has words that say why; it never has a figure.
"""

import os
import struct
import subprocess

MEMORY_MIB = 256
# One command line for all. The console that is there is used: ttyS0 in hvm mode, hvc0 in pv mode.
KERNEL_LINE = ("console=ttyS0 console=hvc0 quiet panic=-1 mitigations=off pti=off tsc=reliable nokaslr "
               "norandmaps transparent_hugepage=never")
# The test host's own: its memory is what guests' memory is made of.
HOST_LINE = "transparent_hugepage=never"


def bits(*numbers):
    return hex(sum(1 << number for number in numbers))


# One CPUID for all: what pv mode hides (hv-core/vmm/cpuid.c:pv_masks), hidden in hvm mode too, so that no kernel uses what
# another one can't; and XSAVE, so that a switch costs all the same on any CPU. Guests report what they see, and the report says whether it was the same.
CPUID_MASK = (
    f"1:ecx:{bits(3, 5, 12, 17, 21, 24, 26, 27, 28, 29)}",
    f"1:edx:{bits(7, 9, 11, 12, 13, 14)}",
    f"7:ebx:{bits(0, 1, 5, 7, 10, 14, 16, 17, 20, 21, 26, 27, 28, 30, 31)}",
    f"7:ecx:{bits(1, 2, 3, 4, 6, 7, 9, 10, 11, 12, 14, 16)}",
    f"7:edx:{bits(2, 3, 8, 20, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31)}",
    f"80000001:ecx:{bits(2, 11, 16)}",
    f"80000001:edx:{bits(7, 9, 12, 13, 14)}",
    f"80000008:ebx:{bits(12, 14, 15, 24, 25)}",
)
SAME_FOR_ALL = ["--memory", f"{MEMORY_MIB}M", "--cpus", "1", "--kvm-features", "none"] + [
    word for mask in CPUID_MASK for word in ("--cpuid-mask", mask)]


class Variant:
    """kernel: 'stock', 'patched', or 'either' (patched when it is there). append: words on the kernel's command line."""

    def __init__(self, name, kernel, npt=True, options=(), append=""):
        self.name, self.kernel, self.npt, self.options, self.append = name, kernel, npt, list(options), append


VARIANTS = (
    Variant("hvm-stock", "stock"),
    Variant("hvm", "patched"),
    Variant("hvm-shadow", "either", npt=False),
    Variant("pv", "patched", options=("--mode", "pv")),
    Variant("pv-unbatched", "patched", options=("--mode", "pv"), append="paravane.mmu=unbatched"),
    Variant("pv-trusted", "patched", options=("--mode", "pv", "--pv-tables", "trusted")),
)


class Kernels:
    """Which files are the kernels, and where that was said."""

    def __init__(self, environment, set_up, top):
        self.patched = self.patched_from = None
        for where, path in (("PVN_GUEST_KERNEL", environment.get("PVN_GUEST_KERNEL")),
                            ("set-up", set_up.get("PVN_GUEST_KERNEL")),
                            ("out/guest-kernel", os.path.join(top, "out", "guest-kernel", "vmlinux"))):
            if path and (where == "PVN_GUEST_KERNEL" or os.path.exists(path)):
                self.patched, self.patched_from = os.path.abspath(path), where
                break
        own, made = environment.get("PVN_GUEST_KERNEL_STOCK"), set_up.get("PVN_GUEST_KERNEL_STOCK")
        self.stock = os.path.abspath(own) if own else made or set_up.get("PVN_KERNEL_VMLINUX")
        self.stock_is = ("the unpatched kernel that PVN_GUEST_KERNEL_STOCK names" if own
                         else "the patched kernel's source and configuration without the patches" if made
                         else "Debian's kernel, with Debian's configuration")

    def patched_missing(self):
        """Words, or None when the patched kernel is there and is one."""
        if not self.patched:
            return ("there is no patched kernel: out/guest-kernel/vmlinux is not there, and PVN_GUEST_KERNEL names no other "
                    "(docs/benchmarks.md)")
        if not os.path.exists(self.patched):
            return f"{self.patched}, which {self.patched_from} names, is not there"
        if not has_pv_note(self.patched):
            return f"{self.patched} has no note for pv mode: it is not the patched kernel"
        return None

    def pick(self, variant):
        """(path, words): the kernel that the variant runs, or why there is none."""
        missing = self.patched_missing()
        if variant.kernel == "patched" or (variant.kernel == "either" and not missing):
            return (None, missing) if missing else (self.patched, None)
        if not self.stock or not os.path.exists(self.stock):
            return None, f"there is no unpatched kernel ({self.stock or 'set-up has fetched none: make setup'})"
        return self.stock, None

    def describe(self, path):
        return self.stock_is if path == self.stock else "the patched kernel"


def notes(path):
    """(owner, type) of each note in an ELF file's program headers; nothing for what isn't one."""
    found = []
    with open(path, "rb") as f:
        head = f.read(64)
        if len(head) < 64 or head[:5] != b"\x7fELF\x02":
            return found
        offset, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        for number in range(count):
            f.seek(offset + number * size)
            raw = f.read(56)
            if len(raw) < 56:
                break
            kind, _, at, _, _, length = struct.unpack("<IIQQQQ", raw[:40])
            if kind != 4 or length > 1 << 20:  # PT_NOTE
                continue
            f.seek(at)
            found += notes_in(f.read(length))
    return found


def notes_in(data):
    found, at = [], 0
    while at + 12 <= len(data):
        name, contents, kind = struct.unpack_from("<III", data, at)
        found.append((data[at + 12:at + 12 + name].rstrip(b"\0").decode(errors="replace"), kind))
        at += 12 + (name + 3) // 4 * 4 + (contents + 3) // 4 * 4
    return found


def has_pv_note(path):
    return ("Paravane", 1) in notes(path)


def known_options(paravane):
    done = subprocess.run([paravane, "run", "--help"], capture_output=True, text=True, check=False)
    return set(word for word in done.stdout.split() if word.startswith("--"))


def plan(kernels, paravane, initrd, wanted=None):
    """The variants that can run, {name: {command, npt, kernel, kernel_is}}, and the others, {name: why not}."""
    known, run, not_run = known_options(paravane), {}, {}
    for variant in VARIANTS:
        if wanted and variant.name not in wanted:
            continue
        kernel, missing = kernels.pick(variant)
        lacking = [word for word in variant.options if word.startswith("--") and word not in known]
        if missing:
            not_run[variant.name] = missing
        elif lacking:
            not_run[variant.name] = f"{os.path.basename(paravane)} run has no option {lacking[0]} yet"
        else:
            run[variant.name] = {
                "command": [paravane, "run", "--name", variant.name, "--kernel", kernel, "--initrd", initrd, "--append",
                            " ".join(filter(None, (KERNEL_LINE, variant.append, "-- --serve")))] + SAME_FOR_ALL + variant.options,
                "npt": variant.npt, "kernel": kernel, "kernel_is": kernels.describe(kernel)}
    return run, not_run
