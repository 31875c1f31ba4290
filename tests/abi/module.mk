# SPDX-License-Identifier: GPL-2.0-only
# Tests of the interface: the calls in a fake machine, the headers, what is generated from the table.

ABI_CALL_TESTS := core sched time event ring console memory debug pv fuzz
ABI_VMM_SOURCES := hypercall hypercall_core hypercall_sched hypercall_time hypercall_event hypercall_ring \
	hypercall_console hypercall_memory hypercall_mmu hypercall_debug pv_registry cpuid_pvn machine memory loop
ABI_VMM_OBJECTS := $(ABI_VMM_SOURCES:%=out/obj/tests/abi/vmm_%.o)
# The harness compares signed with unsigned, and its fixtures have no prototypes.
ABI_TEST_FLAGS = $(PVN_CFLAGS) -Wno-sign-compare -Wno-missing-prototypes -Ihv-core/vmm -Itests/abi $(if $(PVN_KSELFTEST_INC),-I$(PVN_KSELFTEST_INC)) \
	$(SANITIZE) -MMD -MP

TEST_PROGRAMS += $(ABI_CALL_TESTS:%=out/tests/abi/calls_%) out/tests/abi/decoder out/tests/abi/cpuid_leaves \
	out/tests/abi/dispatch_cost

out/obj/tests/abi/vmm_%.o: hv-core/vmm/%.c
	@mkdir -p $(@D)
	$(CC) $(ABI_TEST_FLAGS) -c -o $@ $<

out/obj/tests/abi/%.o: tests/abi/%.c
	@mkdir -p $(@D)
	$(CC) $(ABI_TEST_FLAGS) -c -o $@ $<

$(ABI_CALL_TESTS:%=out/tests/abi/calls_%): out/tests/abi/calls_%: out/obj/tests/abi/calls_%.o \
		out/obj/tests/abi/abi_fake.o $(ABI_VMM_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ABI_TEST_FLAGS) -o $@ $^

out/tests/abi/cpuid_leaves: out/obj/tests/abi/cpuid_leaves.o out/obj/tests/abi/abi_fake.o $(ABI_VMM_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(ABI_TEST_FLAGS) -o $@ $^

out/tests/abi/decoder: tests/abi/decoder.c abi/decode/decode.h abi/decode/hypercall_decode_table.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(ABI_TEST_FLAGS)) -o $@ $<

# As the VMM is compiled: sanitizers would be all that it measures.
out/tests/abi/dispatch_cost: tests/abi/dispatch_cost.c tests/abi/abi_fake.c $(ABI_VMM_SOURCES:%=hv-core/vmm/%.c)
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP $(SANITIZE),$(ABI_TEST_FLAGS)) -o $@ $^

out/tests/abi/calls_memory: ABI_TEST_FLAGS += -Wl,--wrap=madvise

# A guest of a few hundred lines that makes the calls for real. No start-up code, no library, nothing that saves
# vector registers; it runs where it is linked.
TINY_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fcf-protection=none \
	-fno-pic -mno-red-zone -mgeneral-regs-only -mcmodel=small -fno-asynchronous-unwind-tables -Iabi/include

TEST_PROGRAMS += out/tests/tiny/hypercalls.elf

out/tests/tiny/hypercalls.elf: tests/guest/tiny/boot.S tests/guest/tiny/tiny.c tests/guest/tiny/hypercalls.c \
		tests/guest/tiny/tiny.h tests/guest/tiny/tiny.ld $(wildcard abi/include/paravane/*.h)
	@mkdir -p $(@D)
	$(CC) $(TINY_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
		-Wl,-T,tests/guest/tiny/tiny.ld -o $@ $(filter %.S %.c,$^)
