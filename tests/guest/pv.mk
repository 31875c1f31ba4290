# SPDX-License-Identifier: GPL-2.0-only
# Tiny kernels for pv mode. As the tiny guests of hvm mode, but linked in the upper half. pv.elf is the one that runs; the
# others are refused: linked into the monitor's place, of another version, too large.

PV_GUEST_DIR := tests/guest/pv
PV_GUEST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fcf-protection=none \
	-fno-pic -mno-red-zone -mgeneral-regs-only -mcmodel=kernel -fno-asynchronous-unwind-tables -Iabi/include -I$(PV_GUEST_DIR)
PV_GUEST_LINK := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-T,$(PV_GUEST_DIR)/pv.ld
PV_GUEST_SRCS := $(addprefix $(PV_GUEST_DIR)/,boot.S user.S pv.c suite.c control.c mmu.c user.c events.c stress.c smp.S smp.c smp_suite.c smp_stress.c smp_ends.c)
PV_GUESTS := $(addprefix $(OUT)/tests/tiny/,pv.elf pv_in_hole.elf pv_version.elf pv_large.elf)

TEST_PROGRAMS += $(PV_GUESTS)

$(OUT)/tests/tiny/pv_in_hole.elf: PV_GUEST_CFLAGS := $(PV_GUEST_CFLAGS) -mcmodel=large -DPV_BASE=0xffff800100000000
$(OUT)/tests/tiny/pv_in_hole.elf: PV_GUEST_BASE := 0xffff800100000000
$(OUT)/tests/tiny/pv_version.elf: PV_GUEST_CFLAGS += -DPV_NOTE_VERSION=0x20000
$(OUT)/tests/tiny/pv_large.elf: PV_GUEST_CFLAGS += -DPV_LARGE=0x4000000

$(PV_GUESTS): $(PV_GUEST_SRCS) $(PV_GUEST_DIR)/pv.h $(PV_GUEST_DIR)/smp.h $(PV_GUEST_DIR)/pv.ld $(wildcard abi/include/paravane/*.h)
	@mkdir -p $(@D)
	$(CC) $(PV_GUEST_CFLAGS) $(PV_GUEST_LINK) -Wl,--defsym=pv_base=$(or $(PV_GUEST_BASE),0xffffffff80000000) -o $@ $(PV_GUEST_SRCS)
