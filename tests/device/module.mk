# SPDX-License-Identifier: GPL-2.0-only
# Tests of the fabric and of device models, on the fake machine. Each is built twice: as it is, and with the address
# and undefined-behaviour sanitizers (out/tests/asan/device/…).
#
# A test is tests/device/NAME.c. Its program takes in the fake machine, the fabric, and what device_test names:
#	$(eval $(call device_test,NAME,SOURCES,LIBRARIES))
# More tests of one device family may be declared in a file of their own here: all *.mk are read.

DEVICE_FABRIC := $(addprefix hv-core/vmm/,memory.c bus.c loop.c machine.c pci.c pci_bar.c pci_config.c msix.c) tests/device/fake_machine.c
# The harness defines functions without declaring them.
DEVICE_CFLAGS = -isystem $(PVN_KSELFTEST_INC) -Wno-missing-prototypes

$(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/obj/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(SANITIZE) -MMD -MP -c $< -o $@

$(OUT)/obj/tsan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(VMM_CFLAGS) -fsanitize=thread -MMD -MP -c $< -o $@

define device_test
TEST_PROGRAMS += $(OUT)/tests/device/$(1) $(OUT)/tests/asan/device/$(1)
$(OUT)/tests/device/$(1): $(patsubst %.c,$(OUT)/obj/%.o,tests/device/$(1).c $(DEVICE_FABRIC) $(2))
	@mkdir -p $$(@D)
	$$(CC) $$(PVN_CFLAGS) $$^ -o $$@ $(3)
$(OUT)/tests/asan/device/$(1): $(patsubst %.c,$(OUT)/obj/asan/%.o,tests/device/$(1).c $(DEVICE_FABRIC) $(2))
	@mkdir -p $$(@D)
	$$(CC) $$(PVN_CFLAGS) $$(SANITIZE) $$^ -o $$@ $(3)
$(OUT)/obj/tests/device/$(1).o $(OUT)/obj/asan/tests/device/$(1).o: PVN_CFLAGS += $$(DEVICE_CFLAGS)
endef

# Those whose point is several threads, a third time with the thread sanitizer.
define device_test_threads
TEST_PROGRAMS += $(OUT)/tests/tsan/device/$(1)
$(OUT)/tests/tsan/device/$(1): $(patsubst %.c,$(OUT)/obj/tsan/%.o,tests/device/$(1).c $(DEVICE_FABRIC))
	@mkdir -p $$(@D)
	$$(CC) $$(PVN_CFLAGS) -fsanitize=thread $$^ -o $$@
$(OUT)/obj/tsan/tests/device/$(1).o: PVN_CFLAGS += $$(DEVICE_CFLAGS)
endef

DEVICE_EMULATED := hv-core/vmm/devices/emulated

$(eval $(call device_test,memory))
$(eval $(call device_test,bus))
$(eval $(call device_test,loop))
$(eval $(call device_test,pci))
$(eval $(call device_test,msix))
$(foreach t,bus loop pci msix,$(eval $(call device_test_threads,$(t))))
$(eval $(call device_test,acpi,hv-core/vmm/acpi.c))
$(eval $(call device_test,acpi_pm,$(DEVICE_EMULATED)/acpi_pm.c))
$(eval $(call device_test,uart,$(DEVICE_EMULATED)/uart.c))
$(eval $(call device_test,rtc,$(DEVICE_EMULATED)/rtc.c))
# The whole machine: every model, and what moves its data.
DEVICE_ALL := $(sort $(wildcard $(DEVICE_EMULATED)/*.c hv-core/vmm/devices/pv/*.c)) \
	$(addprefix hv-core/vmm/,blk_disk.c blk_fault.c blk_queue.c net_backend.c net_tap.c net_slirp.c net_socket.c \
	net_csum.c pv_registry.c)
$(eval $(call device_test,fuzz_registers,$(DEVICE_ALL),-luring -lslirp))

include $(filter-out tests/device/module.mk,$(wildcard tests/device/*.mk))
