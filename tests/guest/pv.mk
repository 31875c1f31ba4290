# SPDX-License-Identifier: GPL-2.0-only
# Tiny kernels for pv mode. As the tiny guests of hvm mode, but linked in the upper half.

PV_GUEST_DIR := tests/guest/pv
PV_GUEST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fcf-protection=none \
	-fno-pic -mno-red-zone -mgeneral-regs-only -mcmodel=kernel -fno-asynchronous-unwind-tables -Iabi/include -I$(PV_GUEST_DIR)
PV_GUEST_LINK := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-T,$(PV_GUEST_DIR)/pv.ld
PV_GUEST_PARTS := $(PV_GUEST_DIR)/boot.S $(PV_GUEST_DIR)/pv.c

TEST_PROGRAMS += $(OUT)/tests/tiny/pv.elf

$(OUT)/tests/tiny/pv.elf: $(PV_GUEST_PARTS) $(PV_GUEST_DIR)/suite.c $(PV_GUEST_DIR)/pv.h $(PV_GUEST_DIR)/pv.ld \
		$(wildcard abi/include/paravane/*.h)
	@mkdir -p $(@D)
	$(CC) $(PV_GUEST_CFLAGS) $(PV_GUEST_LINK) -Wl,--defsym=pv_base=0xffffffff80000000 -o $@ $(PV_GUEST_PARTS) $(PV_GUEST_DIR)/suite.c
