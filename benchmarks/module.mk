# SPDX-License-Identifier: GPL-2.0-only
# The guest's program of `make bench-cpu`, and the initrd in which it is the first process.

CPU_BENCH_SRCS := $(wildcard benchmarks/cpu/*.c)

# Runs in guests that have nothing else, so without libraries.
$(OUT)/bin/cpu-bench: $(CPU_BENCH_SRCS) $(wildcard benchmarks/cpu/*.h) pv-drivers/include/pvn_test_ioctl.h
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -Ipv-drivers/include -static -o $@ $(CPU_BENCH_SRCS)

PROGRAMS += $(OUT)/bin/cpu-bench

# The modules that hypercall.null goes through, in the order in which they are loaded, for the kernel that set-up fetched;
# PVN_GUEST_KERNEL_MODULES names a folder of the same modules for the patched kernel.
CPU_INITRD := $(OUT)/cpu/initrd
CPU_INITRD_TREE := $(OUT)/cpu/tree

# Made anew each time, since other modules may be asked for.
$(CPU_INITRD): $(OUT)/bin/cpu-bench $(MODULES) FORCE
	@rm -rf $(CPU_INITRD_TREE) && mkdir -p $(CPU_INITRD_TREE)
	@strip -o $(CPU_INITRD_TREE)/init $(OUT)/bin/cpu-bench
	@benchmarks/cpu/add-modules $(CPU_INITRD_TREE) $(OUT)/modules $(PVN_GUEST_KERNEL_MODULES)
	@tests/images/pack-overlay $(CPU_INITRD_TREE) $@
