/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables, written into guest memory below 1 MiB before the guest starts. The loader must mark three ranges as
 * reserved in the memory map that it hands to the guest (e820, PVH):
 *	ACPI_TABLES_BASE … ACPI_TABLES_END	else the guest overwrites the tables;
 *	PCI_ECAM_BASE, PCI_ECAM_SIZE		else Linux doesn't trust MCFG, and has no way to configuration space,
 *						as there are no ports 0xcf8–0xcff.
 */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

#define ACPI_TABLES_BASE 0xe0000ull /* the RSDP is its first bytes */
#define ACPI_TABLES_END 0x100000ull

/* Fixed hardware: devices/emulated/acpi_pm.c has it, the FADT describes it. */
#define ACPI_SCI_GSI 9
#define ACPI_PM_BASE 0x600
#define ACPI_PM1_EVT (ACPI_PM_BASE + 0) /* 4 bytes: status, enable */
#define ACPI_PM1_CNT (ACPI_PM_BASE + 4) /* 2 bytes */
#define ACPI_PM_TMR (ACPI_PM_BASE + 8)	/* 4 bytes */
#define ACPI_RESET_PORT 0xcf9
#define ACPI_RESET_VALUE 6
#define ACPI_SLP_TYP_S5 5

#define ACPI_IOAPIC_ADDR 0xfec00000u
#define ACPI_LAPIC_ADDR 0xfee00000u
#define ACPI_CMOS_CENTURY 0x32

struct acpi_config {
	unsigned int nr_vcpus; /* APIC ids 0 … nr_vcpus - 1 */
	unsigned int ioapic_id;
};

/* Write all tables. 0, or -errno: -EINVAL no or too many vCPUs, -EFAULT guest memory ends below the tables. */
int acpi_build(struct machine *m, const struct acpi_config *config);
/* For boot_params.acpi_rsdp_addr and hvm_start_info.rsdp_paddr. Valid after acpi_build(). */
gpa_t acpi_rsdp_address(void);

#endif
