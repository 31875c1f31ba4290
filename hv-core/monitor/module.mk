# SPDX-License-Identifier: GPL-2.0-only
# The monitor: freestanding, at an address of its own, and then as bytes in an object that the VMM links.

MONITOR_DIR := hv-core/monitor
MONITOR_OUT := $(OUT)/obj/$(MONITOR_DIR)
# What needs no ring 0: tests/monitor builds these a second time, as an ordinary library.
MONITOR_PLAIN_SRCS := $(addprefix $(MONITOR_DIR)/,call_core.c call_cpu.c call_ring.c call_segment.c call_vcpu.c control.c decode.c emulate.c \
	frame.c guest.c hypercall.c interrupt.c mmu_entry.c mmu_space.c mmu_update.c mmu_zone.c mode.c stop.c trap.c vcpu.c)
MONITOR_SRCS := $(MONITOR_PLAIN_SRCS) $(addprefix $(MONITOR_DIR)/,arch.c boot.c fault.c)
MONITOR_OBJS := $(MONITOR_SRCS:%.c=$(OUT)/obj/%.o) $(MONITOR_OUT)/entry.o $(MONITOR_OUT)/fast.o
MONITOR_IMAGE := $(MONITOR_OUT)/image.o
# Position-independent only so that the compiler reaches everything relative to itself: the address is far from zero.
# Nothing may use vector registers, which are the guest's, or memory below the stack pointer, which is an exception's.
MONITOR_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wno-unused-parameter -Werror \
	-fno-strict-aliasing -ffreestanding -fno-stack-protector -fcf-protection=none -fpie -fvisibility=hidden \
	-mno-red-zone -mgeneral-regs-only -fno-asynchronous-unwind-tables -fno-jump-tables -Iabi/include

$(MONITOR_SRCS:%.c=$(OUT)/obj/%.o): $(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(MONITOR_CFLAGS) -MMD -MP -c -o $@ $<

$(MONITOR_OUT)/offsets.h: $(MONITOR_DIR)/offsets.c
	@mkdir -p $(@D)
	$(CC) $(MONITOR_CFLAGS) -MMD -MP -MT $@ -MF $(MONITOR_OUT)/offsets.d -S -o $(MONITOR_OUT)/offsets.s $<
	sed -n 's/^\s*->\(\w*\) \(.*\)/#define \1 \2/p' $(MONITOR_OUT)/offsets.s > $@

$(MONITOR_OUT)/entry.o $(MONITOR_OUT)/fast.o: $(MONITOR_OUT)/%.o: $(MONITOR_DIR)/%.S $(MONITOR_OUT)/offsets.h
	$(CC) $(MONITOR_CFLAGS) -I$(MONITOR_OUT) -MMD -MP -c -o $@ $<

$(MONITOR_OUT)/monitor.elf: $(MONITOR_OBJS) $(MONITOR_DIR)/monitor.lds
	$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-T,$(MONITOR_DIR)/monitor.lds \
		-o $@ $(MONITOR_OBJS)

$(MONITOR_OUT)/monitor.bin: $(MONITOR_OUT)/monitor.elf
	objcopy -O binary $< $@

$(MONITOR_IMAGE): $(MONITOR_DIR)/image.S $(MONITOR_OUT)/monitor.bin
	$(CC) -Wa,-I,$(MONITOR_OUT) -c -o $@ $<
