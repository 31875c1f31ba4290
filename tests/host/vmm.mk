# SPDX-License-Identifier: GPL-2.0-only
# Tests of the VMM as a program: options and loaders with sanitizers, and whole runs with tiny guests.

HOST_UNIT_TESTS := options loader pv_loader
HOST_UNIT_PROGRAMS := $(HOST_UNIT_TESTS:%=$(OUT)/tests/host/%)
TEST_PROGRAMS += $(HOST_UNIT_PROGRAMS) $(OUT)/tests/tiny/machine.elf

# The harness compares signed with unsigned, and its fixtures have no prototypes.
$(HOST_UNIT_PROGRAMS): $(OUT)/tests/host/%: tests/host/%.c $(VMM_LIB_ASAN)
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(VMM_CFLAGS) $(SANITIZE) -isystem $(PVN_KSELFTEST_INC) -Wno-sign-compare -Wno-missing-prototypes \
		-o $@ $^ $(VMM_LIBS)

$(OUT)/tests/tiny/machine.elf: tests/guest/tiny/boot.S tests/guest/tiny/tiny.c tests/host/tiny_machine.c \
		tests/guest/tiny/tiny.h tests/guest/tiny/tiny.ld
	@mkdir -p $(@D)
	$(CC) $(TINY_CFLAGS) -Itests/guest/tiny -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
		-Wl,--no-warn-rwx-segments -Wl,-T,tests/guest/tiny/tiny.ld -o $@ $(filter %.S %.c,$^)
