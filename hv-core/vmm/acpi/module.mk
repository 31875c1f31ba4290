# SPDX-License-Identifier: GPL-2.0-only
# The DSDT: ASL compiled by iasl to a C array, which acpi.c includes as "dsdt.hex".

ACPI_OUT := $(OUT)/obj/hv-core/vmm/acpi
ACPI_DSDT := $(ACPI_OUT)/dsdt.hex
GENERATED += $(ACPI_DSDT)

$(ACPI_DSDT): hv-core/vmm/acpi/dsdt.asl hv-core/vmm/acpi/routing.asl
	@mkdir -p $(@D)
	iasl -we -vs -p $(ACPI_OUT)/dsdt -tc $< >$(ACPI_OUT)/iasl.log 2>&1 || { cat $(ACPI_OUT)/iasl.log; exit 1; }

$(OUT)/obj/hv-core/vmm/acpi.o $(OUT)/obj/asan/hv-core/vmm/acpi.o: $(ACPI_DSDT)
$(OUT)/obj/hv-core/vmm/acpi.o $(OUT)/obj/asan/hv-core/vmm/acpi.o: PVN_CFLAGS += -I$(ACPI_OUT)
