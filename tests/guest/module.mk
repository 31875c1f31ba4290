# SPDX-License-Identifier: GPL-2.0-only
# Whole-guest tests: one program a topic, all of them with the guest driver in guest.c.

include tests/guest/pv.mk

GUEST_TESTS := boot disk net debian boot_many drivers_bus drivers_block drivers_net drivers_console drivers_lies kernel
GUEST_TEST_PROGRAMS := $(GUEST_TESTS:%=$(OUT)/tests/guest/%)

$(GUEST_TEST_PROGRAMS): $(OUT)/tests/guest/%: tests/guest/%.c tests/guest/guest.c tests/guest/guest.h
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(KSELFTEST_CFLAGS) -o $@ $(filter %.c,$^)

# The cached initrd with its tools, and our modules on top: archives simply follow one another.
$(OUT)/guest-initrd: $(MODULES) $(OUT)/bin/pvn-hypercall $(PVN_GUEST_INITRD_TOOLS) tests/images/pack-overlay
	rm -rf $(OUT)/guest-overlay && mkdir -p $(OUT)/guest-overlay/usr/bin
	cp $(OUT)/bin/pvn-hypercall $(OUT)/guest-overlay/usr/bin/
	tests/images/pack-overlay --modules $(OUT)/modules --base "$(PVN_GUEST_INITRD)" $(OUT)/guest-overlay $(OUT)/guest-overlay.cpio
	cat $(PVN_GUEST_INITRD_TOOLS) $(OUT)/guest-overlay.cpio > $@

# The patched kernel's, once `make guest-kernel` has made that.
TEST_PROGRAMS += $(GUEST_TEST_PROGRAMS) $(OUT)/guest-initrd $(if $(wildcard $(OUT)/guest-kernel/built),$(OUT)/guest-kernel/initrd)
