# SPDX-License-Identifier: GPL-2.0-only
"""The frequency of this machine's time stamp counter.

QEMU's software CPU shows its guests the counter of the machine. A kernel that finds out its frequency by itself compares it
with a timer that QEMU emulates, and when the machine has other things to do in those milliseconds it is wrong: once by 38
times, after which every time limit in the test host was over at once. So the kernel is told.
"""

import ctypes
import mmap
import platform
import time

# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
CODE = bytes.fromhex("0f31 48c1e220 4809d0 c3")
SAMPLES = 20
SECONDS = 0.1


def khz():
    """In kHz; None where there is no such counter, or no memory that may be executed."""
    if platform.machine() != "x86_64":
        return None
    try:
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None
    code.write(CODE)
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def sample():
        """Both clocks at one time: the closest of some tries, since this process may lose its CPU in between."""
        tries = []
        for _ in range(SAMPLES):
            before, ticks, after = time.monotonic_ns(), rdtsc(), time.monotonic_ns()
            tries.append((after - before, (before + after) // 2, ticks))
        return min(tries)[1:]

    start = sample()
    time.sleep(SECONDS)
    end = sample()
    return (end[1] - start[1]) * 1000000 // (end[0] - start[0])
