// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI tables: walked from the RSDP as a guest does; taken apart by iasl and put together again; and compared with
 * what pci.h and acpi.h say about the machine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/acpi.h"
#include "fake_machine.h"

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[26];
} __attribute__((packed));

FIXTURE(tables)
{
	struct fake_machine *f;
	char dir[32];
};

FIXTURE_SETUP(tables)
{
	struct acpi_config config = { .nr_vcpus = 4, .ioapic_id = 9 };

	memset(self, 0, sizeof(*self));
	self->f = fake_machine_create(2 << 20);
	ASSERT_NE(NULL, self->f);
	ASSERT_EQ(0, acpi_build(&self->f->m, &config));
}

FIXTURE_TEARDOWN(tables)
{
	char command[64];

	if (self->dir[0]) {
		snprintf(command, sizeof(command), "rm -rf %s", self->dir);
		EXPECT_EQ(0, system(command));
	}
	fake_machine_destroy(self->f);
}

static const uint8_t *at(FIXTURE_DATA(tables) *t, uint64_t gpa, uint64_t len)
{
	return gmem_ptr(&t->f->m.gmem, GPA(gpa), len);
}

static uint64_t u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t u32(const uint8_t *p)
{
	return u64(p);
}

static uint16_t u16(const uint8_t *p)
{
	return u64(p);
}

static uint8_t sum(const uint8_t *p, uint32_t len)
{
	uint8_t s = 0;

	while (len--)
		s += *p++;
	return s;
}

/* A table that the XSDT, or for the DSDT the FADT, names; NULL when it isn't there or is damaged. */
static const uint8_t *table(FIXTURE_DATA(tables) *t, const char *signature)
{
	const uint8_t *rsdp = at(t, acpi_rsdp_address().v, 36);
	const uint8_t *xsdt = at(t, u64(rsdp + 24), 36);
	uint64_t gpa = 0;

	if (!strcmp(signature, "XSDT")) {
		gpa = u64(rsdp + 24);
	} else if (!strcmp(signature, "DSDT")) {
		gpa = u64(table(t, "FACP") + 140);
	} else {
		for (uint32_t i = 36; i + 8 <= u32(xsdt + 4); i += 8)
			if (!memcmp(at(t, u64(xsdt + i), 4), signature, 4))
				gpa = u64(xsdt + i);
	}
	if (gpa < ACPI_TABLES_BASE || gpa + 36 > ACPI_TABLES_END)
		return NULL;
	if (gpa + u32(at(t, gpa + 4, 4)) > ACPI_TABLES_END || sum(at(t, gpa, 4), u32(at(t, gpa + 4, 4))))
		return NULL;
	return at(t, gpa, 4);
}

TEST_F(tables, root_pointer)
{
	const uint8_t *rsdp = at(self, acpi_rsdp_address().v, 36);

	/* Where a guest that wasn't told would look: on 16 bytes in 0xe0000–0xfffff. */
	EXPECT_GE(acpi_rsdp_address().v, 0xe0000u);
	EXPECT_LT(acpi_rsdp_address().v, 0x100000u);
	EXPECT_EQ(0u, acpi_rsdp_address().v % 16);
	EXPECT_EQ(0, memcmp(rsdp, "RSD PTR ", 8));
	EXPECT_EQ(0, sum(rsdp, 20));
	EXPECT_EQ(0, sum(rsdp, 36));
	EXPECT_EQ(2, rsdp[15]);
	EXPECT_NE(NULL, table(self, "XSDT"));
}

TEST_F(tables, fixed_hardware)
{
	const uint8_t *fadt = table(self, "FACP");

	ASSERT_NE(NULL, fadt);
	EXPECT_EQ(ACPI_SCI_GSI, u16(fadt + 46));
	EXPECT_EQ(0u, u32(fadt + 48));
	EXPECT_EQ((unsigned int)ACPI_PM1_EVT, u32(fadt + 56));
	EXPECT_EQ((unsigned int)ACPI_PM1_CNT, u32(fadt + 64));
	EXPECT_EQ((unsigned int)ACPI_PM_TMR, u32(fadt + 76));
	/* Each block twice, as number and as a generic address with the same width. */
	EXPECT_EQ((unsigned int)ACPI_PM1_EVT, u64(fadt + 152));
	EXPECT_EQ(8 * fadt[88], fadt[149]);
	EXPECT_EQ((unsigned int)ACPI_PM1_CNT, u64(fadt + 176));
	EXPECT_EQ(8 * fadt[89], fadt[173]);
	EXPECT_EQ((unsigned int)ACPI_PM_TMR, u64(fadt + 212));
	EXPECT_EQ(8 * fadt[91], fadt[209]);
	EXPECT_EQ(ACPI_CMOS_CENTURY, fadt[108]);
	EXPECT_EQ((unsigned int)ACPI_RESET_PORT, u64(fadt + 120));
	EXPECT_EQ(ACPI_RESET_VALUE, fadt[128]);
	/* No VGA, and neither keyboard controller nor other legacy devices. */
	EXPECT_EQ(0x4, u16(fadt + 109) & 0x7);
	/* FACS: no checksum, but 64 bytes on 64. */
	ASSERT_NE(NULL, at(self, u32(fadt + 36), 64));
	EXPECT_EQ(0, memcmp(at(self, u32(fadt + 36), 64), "FACS", 4));
	EXPECT_EQ(0u, u32(fadt + 36) % 64);
}

TEST_F(tables, interrupt_controllers)
{
	const uint8_t *madt = table(self, "APIC"), *p;
	unsigned int cpus = 0, ioapics = 0, overrides = 0, nmis = 0;

	ASSERT_NE(NULL, madt);
	EXPECT_EQ(0xfee00000u, u32(madt + 36));
	for (p = madt + 44; p < madt + u32(madt + 4); p += p[1]) {
		ASSERT_GE(p[1], 2);
		switch (p[0]) {
		case 0:
			EXPECT_EQ(cpus, p[3]);
			EXPECT_EQ(1u, u32(p + 4));
			cpus++;
			break;
		case 1:
			EXPECT_EQ(9, p[2]);
			EXPECT_EQ(0xfec00000u, u32(p + 4));
			EXPECT_EQ(0u, u32(p + 8));
			ioapics++;
			break;
		case 2:
			if (p[3] == 0) {
				EXPECT_EQ(2u, u32(p + 4));
			} else {
				/* Active high, level triggered. */
				EXPECT_EQ(ACPI_SCI_GSI, p[3]);
				EXPECT_EQ(0xd, u16(p + 8));
			}
			overrides++;
			break;
		case 4:
			nmis++;
			break;
		default:
			EXPECT_EQ(-1, p[0]);
		}
	}
	EXPECT_EQ(p, madt + u32(madt + 4));
	EXPECT_EQ(4u, cpus);
	EXPECT_EQ(1u, ioapics);
	EXPECT_EQ(2u, overrides);
	EXPECT_EQ(1u, nmis);
}

TEST_F(tables, configuration_space)
{
	const uint8_t *mcfg = table(self, "MCFG");

	ASSERT_NE(NULL, mcfg);
	EXPECT_EQ(60u, u32(mcfg + 4));
	EXPECT_EQ(PCI_ECAM_BASE, u64(mcfg + 44));
	EXPECT_EQ(0, u16(mcfg + 52));
	EXPECT_EQ(0, mcfg[54]);
	EXPECT_EQ(0, mcfg[55]);
}

TEST_F(tables, refused)
{
	struct acpi_config none = { 0 }, many = { .nr_vcpus = 255 }, one = { .nr_vcpus = 1 };
	struct gmem whole = self->f->m.gmem;

	EXPECT_EQ(-EINVAL, acpi_build(&self->f->m, &none));
	EXPECT_EQ(-EINVAL, acpi_build(&self->f->m, &many));
	/* Memory that ends below the tables, and amid them. */
	self->f->m.gmem.region[0].size = ACPI_TABLES_BASE;
	EXPECT_EQ(-EFAULT, acpi_build(&self->f->m, &one));
	self->f->m.gmem.region[0].size = ACPI_TABLES_BASE + 4096;
	EXPECT_EQ(0, acpi_build(&self->f->m, &one));
	self->f->m.gmem.region[0].size = ACPI_TABLES_BASE + 1024;
	EXPECT_EQ(-EFAULT, acpi_build(&self->f->m, &one));
	self->f->m.gmem = whole;
}

TEST_F(tables, as_many_cpus_as_fit)
{
	struct acpi_config config = { .nr_vcpus = 254 };

	EXPECT_EQ(0, acpi_build(&self->f->m, &config));
	EXPECT_NE(NULL, table(self, "APIC"));
	EXPECT_NE(NULL, table(self, "MCFG"));
}

static bool dump(FIXTURE_DATA(tables) *t, const char *signature)
{
	const uint8_t *bytes = table(t, signature);
	char path[64];
	FILE *f;
	bool ok;

	if (!t->dir[0]) {
		strcpy(t->dir, "/tmp/acpi-test-XXXXXX");
		if (!mkdtemp(t->dir))
			return false;
	}
	snprintf(path, sizeof(path), "%s/%s.aml", t->dir, signature);
	f = fopen(path, "w");
	if (!bytes || !f)
		return false;
	ok = fwrite(bytes, u32(bytes + 4), 1, f) == 1;
	return fclose(f) == 0 && ok;
}

static int in_dir(FIXTURE_DATA(tables) *t, const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "cd %s && %s", t->dir, command);
	return system(line);
}

TEST_F(tables, iasl_understands_each)
{
	static const char *const signature[] = { "FACP", "APIC", "MCFG", "DSDT" };
	char command[160];

	if (system("iasl -v >/dev/null 2>&1"))
		SKIP(return, "iasl is not installed (package acpica-tools)");
	for (unsigned int i = 0; i < sizeof(signature) / sizeof(signature[0]); i++) {
		ASSERT_TRUE(dump(self, signature[i]));
		snprintf(command, sizeof(command), "iasl -d %s.aml >log 2>&1", signature[i]);
		ASSERT_EQ(0, in_dir(self, command));
		/* What the disassembler finds wrong it writes into the text, not into its exit status. */
		snprintf(command, sizeof(command), "! grep -inE 'invalid|error|incorrect|warning|unknown' log %s.dsl",
			 signature[i]);
		EXPECT_EQ(0, in_dir(self, command));
		snprintf(command, sizeof(command), "iasl -we -p again %s.dsl >log 2>&1 || { cat log; false; }",
			 signature[i]);
		EXPECT_EQ(0, in_dir(self, command));
	}
	/* Put together again it is the same DSDT, but for the compiler's stamp. */
	EXPECT_EQ(0, in_dir(self, "cmp -i 36 again.aml DSDT.aml"));
}

/* The next integer of disassembled text: 0x…, Zero or One. */
static const char *number(const char *p, unsigned long *v)
{
	char *end;

	p += strcspn(p, "0ZO");
	if (!strncmp(p, "Zero", 4)) {
		*v = 0;
		return p + 4;
	}
	if (!strncmp(p, "One", 3)) {
		*v = 1;
		return p + 3;
	}
	*v = strtoul(p, &end, 16);
	return end;
}

TEST_F(tables, interrupt_routing_is_that_of_the_bus)
{
	unsigned int pins = 0;
	const char *p;
	char *text;
	FILE *f;
	size_t n;

	if (system("iasl -v >/dev/null 2>&1"))
		SKIP(return, "iasl is not installed (package acpica-tools)");
	ASSERT_TRUE(dump(self, "DSDT"));
	ASSERT_EQ(0, in_dir(self, "iasl -d DSDT.aml >log 2>&1 && mv DSDT.dsl text"));
	text = calloc(1, 1 << 20);
	char path[64];

	snprintf(path, sizeof(path), "%s/text", self->dir);
	f = fopen(path, "r");
	ASSERT_NE(NULL, f);
	n = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	ASSERT_GT(n, 0u);
	p = strstr(text, "_PRT");
	ASSERT_NE(NULL, p);
	while ((p = strstr(p, "Package (0x04)")) != NULL) {
		unsigned long addr, pin, source, gsi;

		p += strlen("Package (0x04)");
		p = number(number(number(number(p, &addr), &pin), &source), &gsi);
		EXPECT_EQ(pins / 4 << 16 | 0xffff, addr);
		EXPECT_EQ(pins % 4, pin);
		EXPECT_EQ(0u, source);
		EXPECT_EQ(PCI_GSI_BASE + (pins / 4 + pin) % PCI_NR_GSI, gsi);
		pins++;
	}
	EXPECT_EQ(32u * 4, pins);
	free(text);
}

static bool dsdt_has(FIXTURE_DATA(tables) *t, const void *bytes, size_t len)
{
	const uint8_t *dsdt = table(t, "DSDT");

	return memmem(dsdt, u32(dsdt + 4), bytes, len) != NULL;
}

/* Resource descriptors as the ACPI specification lays them out, with the numbers of our headers. */
TEST_F(tables, resources_are_those_of_the_machine)
{
	struct {
		uint8_t tag;
		uint16_t length;
		uint8_t writable;
		uint32_t base, size;
	} __attribute__((packed)) ecam = { 0x86, 9, 1, PCI_ECAM_BASE, PCI_ECAM_SIZE };
	struct {
		uint32_t granularity, min, max, translation, length;
	} __attribute__((packed)) window = { 0, PCI_MMIO_BASE, PCI_MMIO_END - 1, 0, PCI_MMIO_END - PCI_MMIO_BASE };
	struct {
		uint16_t granularity, min, max, translation, length;
	} __attribute__((packed)) buses = { 0, 0, 0, 0, 1 }, ports = { 0, PCI_PORT_BASE, PCI_PORT_END, 0, PCI_PORT_END + 1 - PCI_PORT_BASE };
	const uint8_t uart[] = { 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8 };
	const uint8_t rtc[] = { 0x47, 1, 0x70, 0, 0x70, 0, 1, 2 };
	const uint8_t pm[] = { 0x47, 1, ACPI_PM_BASE & 0xff, ACPI_PM_BASE >> 8, ACPI_PM_BASE & 0xff,
			       ACPI_PM_BASE >> 8, 1, 12 };
	const uint8_t s5[] = { '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, ACPI_SLP_TYP_S5, 0x0a, ACPI_SLP_TYP_S5 };

	ASSERT_NE(NULL, table(self, "DSDT"));
	EXPECT_TRUE(dsdt_has(self, &ecam, sizeof(ecam)));
	EXPECT_TRUE(dsdt_has(self, &window, sizeof(window)));
	EXPECT_TRUE(dsdt_has(self, &buses, sizeof(buses)));
	EXPECT_TRUE(dsdt_has(self, &ports, sizeof(ports)));
	EXPECT_TRUE(dsdt_has(self, uart, sizeof(uart)));
	EXPECT_TRUE(dsdt_has(self, rtc, sizeof(rtc)));
	EXPECT_TRUE(dsdt_has(self, pm, sizeof(pm)));
	EXPECT_TRUE(dsdt_has(self, s5, sizeof(s5)));
}

TEST_HARNESS_MAIN
