# SPDX-License-Identifier: GPL-2.0-only
# The guest's program of `make bench-cpu`, and the initrd in which it is the first process.

CPU_BENCH_SRCS := $(wildcard benchmarks/cpu/*.c)

# Runs in guests that have nothing else, so without libraries.
$(OUT)/bin/cpu-bench: $(CPU_BENCH_SRCS) $(wildcard benchmarks/cpu/*.h) pv-drivers/include/pvn_test_ioctl.h
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -Ipv-drivers/include -static -o $@ $(CPU_BENCH_SRCS)

PROGRAMS += $(OUT)/bin/cpu-bench

# The modules that hypercall.null goes through, for the kernel that set-up fetched, for the patched one, whose build folder
# is PVN_GUEST_KERNEL_KDIR, and for that without patches. Made anew each time, since another one may be asked for.
CPU_INITRD := $(OUT)/cpu/initrd
CPU_INITRD_TREE := $(OUT)/cpu/tree
CPU_GUEST_KERNEL_OUT := $(if $(PVN_GUEST_KERNEL_KDIR),$(OUT)/cpu/guest-kernel)
CPU_STOCK_KERNEL_OUT := $(if $(PVN_GUEST_KERNEL_STOCK_KDIR),$(OUT)/cpu/stock-kernel)

$(CPU_INITRD): $(OUT)/bin/cpu-bench $(MODULES) FORCE
	@rm -rf $(CPU_INITRD_TREE) && mkdir -p $(CPU_INITRD_TREE)
	@strip -o $(CPU_INITRD_TREE)/init $(OUT)/bin/cpu-bench
	+@$(if $(CPU_GUEST_KERNEL_OUT),$(MAKE) -s OUT=$(CPU_GUEST_KERNEL_OUT) KDIR=$(PVN_GUEST_KERNEL_KDIR) modules)
	+@$(if $(CPU_STOCK_KERNEL_OUT),$(MAKE) -s OUT=$(CPU_STOCK_KERNEL_OUT) KDIR=$(PVN_GUEST_KERNEL_STOCK_KDIR) modules)
	@benchmarks/cpu/add-modules $(CPU_INITRD_TREE) $(OUT)/modules $(CPU_GUEST_KERNEL_OUT:%=%/modules) \
		$(CPU_STOCK_KERNEL_OUT:%=%/modules)
	@tests/images/pack-overlay $(CPU_INITRD_TREE) $@
