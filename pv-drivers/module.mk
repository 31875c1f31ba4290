# SPDX-License-Identifier: GPL-2.0-only
#
# The Linux modules, built by the kernel's own Kbuild in a farm of links under out/, so that nothing is written among
# the sources. The modules in the farm keep their debug information. KDIR=<kernel build folder> builds for another kernel than the one that set-up fetched.

KDIR ?= $(PVN_KDIR)
MODULE_NAMES := paravane_bus paravane_block paravane_net paravane_console paravane_test
MODULES := $(MODULE_NAMES:%=$(OUT)/modules/%.ko)
MODULE_FARM := $(OUT)/obj/modules
MODULE_SOURCES := Kbuild $(wildcard pv-drivers/*/*.[chS] pv-drivers/probe.sh abi/include/paravane/*.h shared-ring/*.h)

modules: $(MODULES) $(OUT)/bin/pvn-hypercall

$(MODULES) &: $(MODULE_SOURCES) pv-drivers/module.mk
	$(if $(KDIR),,$(error the kernel headers are not there: run `make setup`, or give KDIR=<kernel build folder>))
	@mkdir -p $(MODULE_FARM) $(OUT)/modules
	@pv-drivers/farm.sh $(MODULE_FARM) $(MODULE_SOURCES)
	+$(if $(V),,@echo '  KBUILD  $(OUT)/modules') ; $(MAKE) -C $(KDIR) M=$(abspath $(MODULE_FARM)) $(if $(V),,-s) \
		CONFIG_DEBUG_INFO_BTF_MODULES= $(KBUILD_ARGS) modules
	@for name in $(MODULE_NAMES); do \
		objcopy --strip-debug $(MODULE_FARM)/$$name.ko $(OUT)/modules/$$name.ko || exit 1; done

# Runs inside guests of any user space, so without libraries.
$(OUT)/bin/pvn-hypercall: pv-drivers/test/pvn-hypercall.c pv-drivers/include/pvn_test_ioctl.h
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -Ipv-drivers/include -static -o $@ $<

.PHONY: lint-drivers
lint-drivers:
	tests/guest/lint_drivers
