# SPDX-License-Identifier: GPL-2.0-only
# Durability: boots a test host of its own for each cut, so it is a test of the build machine.

TEST_PROGRAMS += $(OUT)/tests/host/power_cut

$(OUT)/tests/host/power_cut: tests/host/power_cut.c | $(OUT)/guest-initrd $(PARAVANE)
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(KSELFTEST_CFLAGS) -o $@ $<
