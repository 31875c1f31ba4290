# SPDX-License-Identifier: GPL-2.0-only
# Whole-guest tests: one program a topic, all of them with the guest driver in guest.c.

include tests/guest/pv.mk

GUEST_TESTS := boot disk net debian boot_many drivers_bus drivers_block drivers_net drivers_console drivers_lies kernel pv_linux pv_smp pv_devices debian_work selftests
GUEST_TEST_PROGRAMS := $(GUEST_TESTS:%=$(OUT)/tests/guest/%)

$(GUEST_TEST_PROGRAMS): $(OUT)/tests/guest/%: tests/guest/%.c tests/guest/guest.c tests/guest/guest.h
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(KSELFTEST_CFLAGS) -o $@ $(filter %.c,$^)

$(OUT)/tests/guest/debian $(OUT)/tests/guest/debian_work $(OUT)/tests/guest/selftests: tests/guest/debian_guest.c tests/guest/debian_guest.h
$(OUT)/tests/guest/kernel $(OUT)/tests/guest/pv_linux $(OUT)/tests/guest/pv_smp: tests/guest/kernel_parts.h

# The cached initrd with its tools, and our modules on top: archives simply follow one another.
$(OUT)/guest-initrd: $(MODULES) $(OUT)/bin/pvn-hypercall $(PVN_GUEST_INITRD_TOOLS) tests/images/pack-overlay
	rm -rf $(OUT)/guest-overlay && mkdir -p $(OUT)/guest-overlay/usr/bin
	cp $(OUT)/bin/pvn-hypercall $(OUT)/guest-overlay/usr/bin/
	tests/images/pack-overlay --modules $(OUT)/modules --base "$(PVN_GUEST_INITRD)" $(OUT)/guest-overlay $(OUT)/guest-overlay.cpio
	cat $(PVN_GUEST_INITRD_TOOLS) $(OUT)/guest-overlay.cpio > $@

# What programs in a pv-mode guest have of the processor: runs in the guest, so it brings its libraries along.
PV_USER_DIR := tests/guest/pv_linux
PV_USER_SRCS := $(addprefix $(PV_USER_DIR)/,user.c user_faults.c user_memory.c user_smp.c user_tasks.c)

$(OUT)/tests/guest/pv-user: $(PV_USER_SRCS) $(PV_USER_DIR)/user.h
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -static -pthread -o $@ $(PV_USER_SRCS)

$(OUT)/guest-kernel/initrd-pv: $(OUT)/guest-kernel/initrd $(OUT)/tests/guest/pv-user tests/images/pack-overlay
	rm -rf $(OUT)/guest-kernel/overlay-pv && mkdir -p $(OUT)/guest-kernel/overlay-pv/usr/bin
	cp $(OUT)/tests/guest/pv-user $(OUT)/guest-kernel/overlay-pv/usr/bin/
	tests/images/pack-overlay --base $(OUT)/guest-kernel/initrd $(OUT)/guest-kernel/overlay-pv $@

# The patched kernel's, once `make guest-kernel` has made that.
TEST_PROGRAMS += $(GUEST_TEST_PROGRAMS) $(OUT)/guest-initrd $(if $(wildcard $(OUT)/guest-kernel/built),$(OUT)/guest-kernel/initrd-pv)
