// SPDX-License-Identifier: GPL-2.0-only
/* ACPI tables: DSDT from iasl, the others from what the machine has. Field names are those of ACPI 6.3. */
#include "acpi.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "pci.h"

/* Compiled from acpi/dsdt.asl: dsdt_aml_code[]. */
#include "dsdt.hex"

#define packed __attribute__((packed))

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} packed;

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address; /* 0: a 64-bit guest reads the XSDT */
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} packed;

struct acpi_gas {
	uint8_t space; /* 1: I/O ports */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size; /* 1 byte, 2 word, 3 dword */
	uint64_t address;
} packed;

struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved0, preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk, gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct acpi_gas x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk, x_pm2_cnt_blk, x_pm_tmr_blk,
		x_gpe0_blk, x_gpe1_blk, sleep_control_reg, sleep_status_reg;
	uint64_t hypervisor_vendor;
} packed;
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT of revision 6");

#define BOOT_NO_VGA (1 << 2)
#define BOOT_NO_ASPM (1 << 4)

#define FADT_WBINVD (1 << 0)
#define FADT_PROC_C1 (1 << 2)
#define FADT_NO_SLEEP_BUTTON (1 << 5)
#define FADT_NO_RTC_WAKE (1 << 6)
#define FADT_TMR_32BIT (1 << 8)
#define FADT_RESET_REG (1 << 10)

struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature, firmware_waking_vector, global_lock, flags;
	uint64_t x_firmware_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} packed;
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_address;
	uint32_t flags; /* bit 0: there are 8259s */
} packed;

struct madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags; /* bit 0: enabled */
} packed;

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} packed;

struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags; /* bits 0–1 polarity, 2–3 trigger mode; 0 as the bus has it */
} packed;

#define MADT_HIGH_LEVEL (1 | 3 << 2)

struct madt_lapic_nmi {
	uint8_t type, length, uid;
	uint16_t flags;
	uint8_t lint;
} packed;

struct acpi_mcfg {
	struct acpi_header header;
	uint64_t reserved;
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved2;
} packed;

struct acpi_xsdt {
	struct acpi_header header;
	uint64_t entry[3]; /* FADT, MADT, MCFG */
} packed;

/* Where the next table goes. The tables' bytes are guest memory, but no vCPU runs yet. */
struct acpi_writer {
	struct machine *m;
	uint64_t at;
};

static void *table_reserve(struct acpi_writer *w, uint64_t len, uint64_t align, uint64_t *gpa)
{
	void *p;

	w->at = (w->at + align - 1) & ~(align - 1);
	if (w->at + len > ACPI_TABLES_END)
		return NULL;
	p = gmem_ptr(&w->m->gmem, GPA(w->at), len);
	if (!p)
		return NULL;
	memset(p, 0, len);
	*gpa = w->at;
	w->at += len;
	return p;
}

static uint8_t checksum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum += *b++;
	return -sum;
}

static void header_fill(struct acpi_header *h, const char *signature, uint8_t revision, uint32_t length)
{
	memcpy(h->signature, signature, 4);
	h->length = length;
	h->revision = revision;
	memcpy(h->oem_id, "PARAVN", 6);
	memcpy(h->oem_table_id, "PARAVANE", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "PVN ", 4);
	h->creator_revision = 1;
	/* Of everything, so it comes last. */
	h->checksum = 0;
	h->checksum = checksum(h, length);
}

static struct acpi_gas io_gas(uint16_t port, uint8_t bytes)
{
	return (struct acpi_gas){
		.space = 1,
		.bit_width = 8 * bytes,
		/* PM1 registers are 16 bits wide each, though the event block has 4 bytes. */
		.access_size = bytes == 1 ? 1 : port == ACPI_PM_TMR ? 3 : 2,
		.address = port,
	};
}

static int write_facs(struct acpi_writer *w, uint64_t *gpa)
{
	struct acpi_facs *facs = table_reserve(w, sizeof(*facs), 64, gpa);

	if (!facs)
		return -EFAULT;
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->version = 2;
	return 0;
}

static int write_dsdt(struct acpi_writer *w, uint64_t *gpa)
{
	void *dsdt = table_reserve(w, sizeof(dsdt_aml_code), 16, gpa);

	if (!dsdt)
		return -EFAULT;
	memcpy(dsdt, dsdt_aml_code, sizeof(dsdt_aml_code));
	return 0;
}

static int write_fadt(struct acpi_writer *w, uint64_t facs, uint64_t dsdt, uint64_t *gpa)
{
	struct acpi_fadt *fadt = table_reserve(w, sizeof(*fadt), 16, gpa);

	if (!fadt)
		return -EFAULT;
	fadt->firmware_ctrl = facs;
	fadt->dsdt = dsdt;
	fadt->x_dsdt = dsdt;
	fadt->sci_int = ACPI_SCI_GSI;
	/* smi_cmd 0: the machine is in ACPI mode from the start, there is nothing to enable. */
	fadt->pm1a_evt_blk = ACPI_PM1_EVT;
	fadt->pm1_evt_len = 4;
	fadt->pm1a_cnt_blk = ACPI_PM1_CNT;
	fadt->pm1_cnt_len = 2;
	fadt->pm_tmr_blk = ACPI_PM_TMR;
	fadt->pm_tmr_len = 4;
	fadt->x_pm1a_evt_blk = io_gas(ACPI_PM1_EVT, 4);
	fadt->x_pm1a_cnt_blk = io_gas(ACPI_PM1_CNT, 2);
	fadt->x_pm_tmr_blk = io_gas(ACPI_PM_TMR, 4);
	/* Above 100 and 1000: no C2, no C3. */
	fadt->p_lvl2_lat = 0xfff;
	fadt->p_lvl3_lat = 0xfff;
	fadt->century = ACPI_CMOS_CENTURY;
	/* No keyboard controller, no VGA, and nothing on a link whose power could be managed. */
	fadt->iapc_boot_arch = BOOT_NO_VGA | BOOT_NO_ASPM;
	fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_RTC_WAKE | FADT_TMR_32BIT |
		      FADT_RESET_REG;
	fadt->reset_reg = io_gas(ACPI_RESET_PORT, 1);
	fadt->reset_value = ACPI_RESET_VALUE;
	fadt->minor_version = 3;
	header_fill(&fadt->header, "FACP", 6, sizeof(*fadt));
	return 0;
}

static int write_madt(struct acpi_writer *w, const struct acpi_config *config, uint64_t *gpa)
{
	static const struct madt_override overrides[] = {
		/* The timer's wire is pin 2 of the I/O APIC, as on every PC. */
		{ .type = 2, .length = sizeof(struct madt_override), .source = 0, .gsi = 2 },
		{ .type = 2,
		  .length = sizeof(struct madt_override),
		  .source = ACPI_SCI_GSI,
		  .gsi = ACPI_SCI_GSI,
		  .flags = MADT_HIGH_LEVEL },
	};
	size_t len = sizeof(struct acpi_madt) + config->nr_vcpus * sizeof(struct madt_lapic) +
		     sizeof(struct madt_ioapic) + sizeof(overrides) + sizeof(struct madt_lapic_nmi);
	struct acpi_madt *madt = table_reserve(w, len, 16, gpa);
	uint8_t *p;

	if (!madt)
		return -EFAULT;
	madt->lapic_address = ACPI_LAPIC_ADDR;
	madt->flags = 1;
	p = (uint8_t *)(madt + 1);
	for (unsigned int i = 0; i < config->nr_vcpus; i++) {
		struct madt_lapic lapic = { .type = 0, .length = sizeof(lapic), .uid = i, .apic_id = i, .flags = 1 };

		memcpy(p, &lapic, sizeof(lapic));
		p += sizeof(lapic);
	}
	struct madt_ioapic ioapic = {
		.type = 1,
		.length = sizeof(ioapic),
		.id = config->ioapic_id,
		.address = ACPI_IOAPIC_ADDR,
	};

	memcpy(p, &ioapic, sizeof(ioapic));
	p += sizeof(ioapic);
	memcpy(p, overrides, sizeof(overrides));
	p += sizeof(overrides);
	/* LINT1 is the non-maskable interrupt on every CPU (uid 0xff). */
	struct madt_lapic_nmi nmi = { .type = 4, .length = sizeof(nmi), .uid = 0xff, .lint = 1 };

	memcpy(p, &nmi, sizeof(nmi));
	header_fill(&madt->header, "APIC", 5, len);
	return 0;
}

static int write_mcfg(struct acpi_writer *w, uint64_t *gpa)
{
	struct acpi_mcfg *mcfg = table_reserve(w, sizeof(*mcfg), 16, gpa);

	if (!mcfg)
		return -EFAULT;
	mcfg->base = PCI_ECAM_BASE;
	mcfg->last_bus = PCI_ECAM_SIZE / (256 * PCI_CONFIG_SIZE) - 1;
	header_fill(&mcfg->header, "MCFG", 1, sizeof(*mcfg));
	return 0;
}

int acpi_build(struct machine *m, const struct acpi_config *config)
{
	struct acpi_writer w = { .m = m, .at = ACPI_TABLES_BASE };
	uint64_t rsdp_gpa, facs_gpa, dsdt_gpa, xsdt_gpa;
	struct acpi_rsdp *rsdp;
	struct acpi_xsdt *xsdt;
	uint64_t entry[3];
	int err;

	/* 254 APIC ids fit into a local APIC entry; more would need x2APIC entries. */
	if (!config->nr_vcpus || config->nr_vcpus > 254)
		return -EINVAL;
	rsdp = table_reserve(&w, sizeof(*rsdp), 16, &rsdp_gpa);
	if (!rsdp)
		return -EFAULT;
	err = write_facs(&w, &facs_gpa);
	if (!err)
		err = write_dsdt(&w, &dsdt_gpa);
	if (!err)
		err = write_fadt(&w, facs_gpa, dsdt_gpa, &entry[0]);
	if (!err)
		err = write_madt(&w, config, &entry[1]);
	if (!err)
		err = write_mcfg(&w, &entry[2]);
	if (err)
		return err;
	xsdt = table_reserve(&w, sizeof(*xsdt), 16, &xsdt_gpa);
	if (!xsdt)
		return -EFAULT;
	memcpy(xsdt->entry, entry, sizeof(entry));
	header_fill(&xsdt->header, "XSDT", 1, sizeof(*xsdt));

	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "PARAVN", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt_address = xsdt_gpa;
	rsdp->checksum = checksum(rsdp, offsetof(struct acpi_rsdp, length));
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return 0;
}

gpa_t acpi_rsdp_address(void)
{
	return GPA(ACPI_TABLES_BASE);
}
