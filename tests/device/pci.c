// SPDX-License-Identifier: GPL-2.0-only
/* The PCI root as a guest sees it: identity, absent functions, BARs, capabilities, INTx. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <string.h>

#include "kselftest_harness.h"

#include "fake_machine.h"

#define MEM_BYTES 0x4000
#define IO_BYTES 64

struct changes {
	unsigned int mapped, unmapped;
	uint64_t base;
};

FIXTURE(pci_root)
{
	struct fake_machine *f;
	struct pci_device dev;
	uint64_t last_write;
	struct changes changes;
	unsigned int config_writes, resets;
	unsigned int written_offset, written_len;
};

static uint64_t dev_read(void *opaque, uint64_t offset, unsigned int size)
{
	return 0xabcd0000 + offset;
}

static void dev_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	*(uint64_t *)opaque = value;
}

static const struct bus_ops dev_ops = { .read = dev_read, .write = dev_write };

static void dev_bar_changed(struct pci_device *dev, unsigned int bar, uint64_t base, bool mapped);
static void dev_config_written(struct pci_device *dev, unsigned int offset, unsigned int len);
static void dev_reset(struct pci_device *dev);

FIXTURE_SETUP(pci_root)
{
	struct pci_device *dev = &self->dev;

	memset(self, 0, sizeof(*self));
	self->f = fake_machine_create(1 << 20);
	ASSERT_NE(NULL, self->f);
	*dev = (struct pci_device){
		.name = "test",
		.vendor = 0x1234,
		.device = 0x5678,
		.subsys_vendor = 0x9abc,
		.subsys_device = 0xdef0,
		.class_code = 0x020304,
		.revision = 5,
		.int_pin = 1,
		.slot = -1,
		.config_written = dev_config_written,
		.reset = dev_reset,
	};
	pci_set_bar(dev, 0, PCI_BAR_MMIO32, MEM_BYTES, "test-mem", &dev_ops, &self->last_write);
	pci_set_bar(dev, 2, PCI_BAR_IO, IO_BYTES, "test-io", &dev_ops, &self->last_write);
	dev->bar[0].changed = dev_bar_changed;
	ASSERT_EQ(0, pci_add(&self->f->m, dev));
}

FIXTURE_TEARDOWN(pci_root)
{
	pci_remove(&self->dev);
	fake_machine_destroy(self->f);
}

static FIXTURE_DATA(pci_root) *test_of_device(struct pci_device *dev)
{
	return (void *)((char *)dev - offsetof(FIXTURE_DATA(pci_root), dev));
}

static void dev_bar_changed(struct pci_device *dev, unsigned int bar, uint64_t base, bool mapped)
{
	struct changes *c = &test_of_device(dev)->changes;

	c->base = base;
	if (mapped)
		c->mapped++;
	else
		c->unmapped++;
}

static void dev_config_written(struct pci_device *dev, unsigned int offset, unsigned int len)
{
	FIXTURE_DATA(pci_root) *t = test_of_device(dev);

	t->config_writes++;
	t->written_offset = offset;
	t->written_len = len;
}

static void dev_reset(struct pci_device *dev)
{
	test_of_device(dev)->resets++;
}

static uint32_t cfg(FIXTURE_DATA(pci_root) *t, unsigned int offset, unsigned int size)
{
	return fake_config_read(t->f, &t->dev, offset, size);
}

static void cfg_set(FIXTURE_DATA(pci_root) *t, unsigned int offset, unsigned int size, uint32_t v)
{
	fake_config_write(t->f, &t->dev, offset, size, v);
}

TEST_F(pci_root, identity)
{
	EXPECT_EQ(0x56781234u, cfg(self, PCI_VENDOR_ID, 4));
	EXPECT_EQ(0x02030405u, cfg(self, PCI_CLASS_REVISION, 4));
	EXPECT_EQ(0xdef09abcu, cfg(self, PCI_SUBSYSTEM_VENDOR_ID, 4));
	EXPECT_EQ(1u, cfg(self, PCI_INTERRUPT_PIN, 1));
	EXPECT_EQ(0u, cfg(self, PCI_HEADER_TYPE, 1));
	/* The first free slot after the host bridge's. */
	EXPECT_EQ(1, self->dev.slot);
	EXPECT_EQ(&self->dev, pci_bus_slot(self->f->pci, 1));
	EXPECT_EQ(NULL, pci_bus_slot(self->f->pci, 2));
	EXPECT_EQ(NULL, pci_bus_slot(self->f->pci, 99));
}

TEST_F(pci_root, host_bridge)
{
	struct pci_device *bridge = pci_bus_slot(self->f->pci, 0);

	ASSERT_NE(NULL, bridge);
	EXPECT_EQ(0x0600u, fake_config_read(self->f, bridge, PCI_CLASS_DEVICE, 2));
}

/* What the guest maps, without an exit: the same bytes that handlers see. */
TEST_F(pci_root, ecam_memory)
{
	const uint8_t *ecam = pci_ecam_memory(self->f->pci);

	EXPECT_EQ(0, memcmp(ecam + 8 * PCI_CONFIG_SIZE, "\x34\x12\x78\x56", 4));
	for (unsigned int fn = 0; fn < 256; fn++) {
		if (fn == 0 || fn == 8)
			continue;
		ASSERT_EQ(0xff, ecam[fn * PCI_CONFIG_SIZE]);
		ASSERT_EQ(0xff, ecam[fn * PCI_CONFIG_SIZE + 4095]);
	}
}

TEST_F(pci_root, absent_functions_take_no_writes)
{
	fake_mmio_write(self->f, PCI_ECAM_BASE + 3 * 8 * PCI_CONFIG_SIZE + PCI_COMMAND, 2, 7);
	EXPECT_EQ(0xffffu, fake_mmio_read(self->f, PCI_ECAM_BASE + 3 * 8 * PCI_CONFIG_SIZE + PCI_COMMAND, 2));
	/* Another function of a slot that is taken. */
	fake_mmio_write(self->f, PCI_ECAM_BASE + 9 * PCI_CONFIG_SIZE, 4, 0);
	EXPECT_EQ(~0u, (uint32_t)fake_mmio_read(self->f, PCI_ECAM_BASE + 9 * PCI_CONFIG_SIZE, 4));
	EXPECT_EQ(0u, self->config_writes);
}

TEST_F(pci_root, read_only_registers)
{
	static const unsigned int at[] = { PCI_VENDOR_ID, PCI_DEVICE_ID, PCI_CLASS_REVISION, PCI_HEADER_TYPE,
					   PCI_SUBSYSTEM_VENDOR_ID, PCI_STATUS, PCI_CAPABILITY_LIST,
					   PCI_INTERRUPT_PIN, PCI_BASE_ADDRESS_1, PCI_ROM_ADDRESS, 0x100, 0xffc };

	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		unsigned int size = at[i] % 4 ? at[i] % 2 ? 1 : 2 : 4;
		uint32_t before = cfg(self, at[i], size);

		cfg_set(self, at[i], size, ~before);
		EXPECT_EQ(before, cfg(self, at[i], size));
	}
}

TEST_F(pci_root, writes_of_each_size)
{
	cfg_set(self, PCI_INTERRUPT_LINE, 1, 0x5a);
	EXPECT_EQ(0x5au, cfg(self, PCI_INTERRUPT_LINE, 1));
	cfg_set(self, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	EXPECT_EQ((unsigned int)PCI_COMMAND_MASTER, cfg(self, PCI_COMMAND, 2));
	EXPECT_TRUE(self->dev.bus_master);
	/* The upper byte alone. */
	cfg_set(self, PCI_COMMAND + 1, 1, PCI_COMMAND_INTX_DISABLE >> 8);
	EXPECT_EQ((unsigned int)(PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE), cfg(self, PCI_COMMAND, 2));
	EXPECT_EQ(3u, self->config_writes);
	EXPECT_EQ((unsigned int)PCI_COMMAND + 1, self->written_offset);
	EXPECT_EQ(1u, self->written_len);
	/* Four bytes: command is taken, status stays. */
	cfg_set(self, PCI_COMMAND, 4, 0xffff0000);
	EXPECT_EQ(0u, cfg(self, PCI_COMMAND, 2));
	EXPECT_FALSE(self->dev.bus_master);
	/* Not aligned: dropped. */
	cfg_set(self, PCI_COMMAND + 1, 2, 0xffff);
	EXPECT_EQ(0u, cfg(self, PCI_COMMAND, 2));
	/* The last bytes of the function, and an access across its end. */
	cfg_set(self, 0xffc, 4, 0);
	fake_mmio_write(self->f, PCI_ECAM_BASE + PCI_ECAM_SIZE - 4, 8, 0);
	EXPECT_EQ(1u, self->f->m.mmio.unclaimed);
}

TEST_F(pci_root, bar_sizing)
{
	uint32_t home = cfg(self, PCI_BASE_ADDRESS_0, 4), io = cfg(self, PCI_BASE_ADDRESS_2, 4);

	EXPECT_GE(home, PCI_MMIO_BASE);
	EXPECT_EQ(0u, home % MEM_BYTES);
	EXPECT_EQ((unsigned int)PCI_BASE_ADDRESS_SPACE_IO, io & 3);
	cfg_set(self, PCI_BASE_ADDRESS_0, 4, ~0u);
	EXPECT_EQ(~(MEM_BYTES - 1u), cfg(self, PCI_BASE_ADDRESS_0, 4));
	cfg_set(self, PCI_BASE_ADDRESS_0, 4, home);
	EXPECT_EQ(home, cfg(self, PCI_BASE_ADDRESS_0, 4));
	cfg_set(self, PCI_BASE_ADDRESS_2, 4, ~0u);
	EXPECT_EQ((0xffffu & ~(IO_BYTES - 1u)) | 1, cfg(self, PCI_BASE_ADDRESS_2, 4));
	cfg_set(self, PCI_BASE_ADDRESS_2, 4, io);
	cfg_set(self, PCI_BASE_ADDRESS_1, 4, ~0u);
	EXPECT_EQ(0u, cfg(self, PCI_BASE_ADDRESS_1, 4));
}

TEST_F(pci_root, decodes_only_when_enabled)
{
	uint64_t mem = fake_bar(&self->dev, 0), io = fake_bar(&self->dev, 2);

	EXPECT_EQ(0xffffffffull, fake_mmio_read(self->f, mem, 4));
	cfg_set(self, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	EXPECT_EQ(0xabcd0010ull, fake_mmio_read(self->f, mem + 0x10, 4));
	EXPECT_EQ(1u, self->changes.mapped);
	EXPECT_EQ(mem, self->changes.base);
	EXPECT_EQ(0xffull, fake_pio_read(self->f, io, 1));
	cfg_set(self, PCI_COMMAND, 2, PCI_COMMAND_IO);
	EXPECT_EQ(0xffffffffull, fake_mmio_read(self->f, mem, 4));
	EXPECT_EQ(1u, self->changes.unmapped);
	fake_pio_write(self->f, io + IO_BYTES - 1, 1, 0x77);
	EXPECT_EQ(0x77u, self->last_write);
	cfg_set(self, PCI_COMMAND, 2, 0);
	EXPECT_EQ(0xffull, fake_pio_read(self->f, io, 1));
}

TEST_F(pci_root, bar_moves)
{
	uint64_t mem = fake_bar(&self->dev, 0);

	fake_device_enable(self->f, &self->dev);
	cfg_set(self, PCI_BASE_ADDRESS_0, 4, mem + 0x100000);
	EXPECT_EQ(0xffffffffull, fake_mmio_read(self->f, mem, 4));
	EXPECT_EQ(0xabcd0000ull, fake_mmio_read(self->f, mem + 0x100000, 4));
	EXPECT_EQ(2u, self->changes.mapped);
	/* Written with what it has: nothing happens. */
	cfg_set(self, PCI_BASE_ADDRESS_0, 4, mem + 0x100000);
	EXPECT_EQ(2u, self->changes.mapped);
}

/* RAM, the interrupt controllers, configuration space: a BAR put there decodes nothing. */
TEST_F(pci_root, bar_outside_the_window)
{
	static const uint32_t at[] = { 0, 0x100000, 0xbfffc000, 0xe0000000, 0xfec00000, 0xfee00000, 0xffffc000 };

	fake_device_enable(self->f, &self->dev);
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		cfg_set(self, PCI_BASE_ADDRESS_0, 4, at[i]);
		EXPECT_FALSE(self->dev.bar[0].mapped);
	}
	cfg_set(self, PCI_BASE_ADDRESS_0, 4, PCI_MMIO_END - MEM_BYTES);
	EXPECT_TRUE(self->dev.bar[0].mapped);
	/* I/O: on top of the UART. */
	cfg_set(self, PCI_BASE_ADDRESS_2, 4, 0x3c0);
	EXPECT_FALSE(self->dev.bar[2].mapped);
	cfg_set(self, PCI_BASE_ADDRESS_2, 4, 0xffc0);
	EXPECT_TRUE(self->dev.bar[2].mapped);
}

static uint64_t other_read(void *opaque, uint64_t offset, unsigned int size)
{
	return 0x99;
}

static const struct bus_ops other_ops = { .read = other_read };

TEST_F(pci_root, two_bars_at_one_address)
{
	struct pci_device other = { .name = "other", .vendor = 1, .device = 2, .slot = 7 };
	uint64_t mem = fake_bar(&self->dev, 0), other_mem;

	pci_set_bar(&other, 0, PCI_BAR_MMIO32, MEM_BYTES, "other", &other_ops, NULL);
	ASSERT_EQ(0, pci_add(&self->f->m, &other));
	EXPECT_EQ(7, other.slot);
	other_mem = fake_bar(&other, 0);
	EXPECT_NE(mem, other_mem);
	fake_device_enable(self->f, &self->dev);
	fake_device_enable(self->f, &other);
	/* Collision: the older one keeps it; moved apart again, both work. */
	fake_config_write(self->f, &other, PCI_BASE_ADDRESS_0, 4, mem);
	EXPECT_EQ(0xabcd0000ull, fake_mmio_read(self->f, mem, 4));
	EXPECT_EQ(0xffffffffull, fake_mmio_read(self->f, other_mem, 4));
	fake_config_write(self->f, &other, PCI_BASE_ADDRESS_0, 4, other_mem);
	EXPECT_EQ(0x99ull, fake_mmio_read(self->f, other_mem, 4));
	pci_remove(&other);
	EXPECT_EQ(0xffffffffull, fake_mmio_read(self->f, other_mem, 4));
	EXPECT_EQ(0xffffffffull, fake_mmio_read(self->f, PCI_ECAM_BASE + 7 * 8 * PCI_CONFIG_SIZE, 4));
}

TEST_F(pci_root, refused_functions)
{
	struct pci_device d = { .name = "d", .slot = 1 };

	EXPECT_EQ(-EBUSY, pci_add(&self->f->m, &d));
	pci_remove(&d);
	d = (struct pci_device){ .name = "d", .slot = 32 };
	EXPECT_EQ(-EINVAL, pci_add(&self->f->m, &d));
	pci_remove(&d);
	d = (struct pci_device){ .name = "d", .slot = -1 };
	pci_set_bar(&d, 0, PCI_BAR_MMIO32, 0x3000, "not a power of two", &dev_ops, NULL);
	EXPECT_EQ(-EINVAL, pci_add(&self->f->m, &d));
	pci_remove(&d);
	d = (struct pci_device){ .name = "d", .slot = -1 };
	pci_set_bar(&d, 0, PCI_BAR_MMIO32, 0x40000000, "larger than the window", &dev_ops, NULL);
	EXPECT_EQ(-ENOSPC, pci_add(&self->f->m, &d));
	pci_remove(&d);
}

TEST_F(pci_root, slots_run_out)
{
	struct pci_device d[32];

	memset(d, 0, sizeof(d));
	for (int i = 0; i < 30; i++) {
		d[i].slot = -1;
		d[i].name = "filler";
		EXPECT_EQ(0, pci_add(&self->f->m, &d[i]));
	}
	d[30].slot = -1;
	EXPECT_EQ(-ENOSPC, pci_add(&self->f->m, &d[30]));
	for (int i = 0; i < 31; i++)
		pci_remove(&d[i]);
}

TEST_F(pci_root, capabilities)
{
	struct pci_device d = { .name = "d", .slot = -1 };
	unsigned int first = pci_add_capability(&d, PCI_CAP_ID_VNDR, 7);
	unsigned int second = pci_add_capability(&d, PCI_CAP_ID_PM, 8);

	ASSERT_NE(0u, first);
	ASSERT_NE(0u, second);
	d.config[first + 2] = 7;
	d.wmask[first + 3] = 0xf0;
	ASSERT_EQ(0, pci_add(&self->f->m, &d));
	EXPECT_EQ(first, fake_find_capability(self->f, &d, PCI_CAP_ID_VNDR));
	EXPECT_EQ(second, fake_find_capability(self->f, &d, PCI_CAP_ID_PM));
	EXPECT_EQ(0u, fake_find_capability(self->f, &d, PCI_CAP_ID_MSI));
	EXPECT_EQ(7u, fake_config_read(self->f, &d, first + 2, 1));
	fake_config_write(self->f, &d, first, 4, ~0u);
	/* Id, next and the rest are read-only but for the bits that the device opened. */
	EXPECT_EQ(0xf0070000u | PCI_CAP_ID_VNDR, fake_config_read(self->f, &d, first, 4));
	EXPECT_EQ(0u, pci_add_capability(&d, PCI_CAP_ID_VNDR, 250));
	pci_remove(&d);
	EXPECT_FALSE(cfg(self, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
}

TEST_F(pci_root, intx)
{
	unsigned int gsi = self->dev.gsi;

	EXPECT_EQ(PCI_GSI_BASE + 1u, gsi);
	EXPECT_EQ(gsi, cfg(self, PCI_INTERRUPT_LINE, 1));
	pci_intx(&self->dev, 1);
	EXPECT_EQ(1, self->f->irq_level[gsi]);
	EXPECT_TRUE(cfg(self, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	pci_intx(&self->dev, 1);
	EXPECT_EQ(1u, self->f->irq_calls[gsi]);
	/* Disabled: the wire falls, the status stays; and comes back. */
	cfg_set(self, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	EXPECT_EQ(0, self->f->irq_level[gsi]);
	EXPECT_TRUE(cfg(self, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	cfg_set(self, PCI_COMMAND, 2, 0);
	EXPECT_EQ(1, self->f->irq_level[gsi]);
	pci_intx(&self->dev, 0);
	EXPECT_EQ(0, self->f->irq_level[gsi]);
	EXPECT_FALSE(cfg(self, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	/* A write to all four bytes can't change the status. */
	cfg_set(self, PCI_COMMAND, 4, PCI_STATUS_INTERRUPT << 16);
	EXPECT_FALSE(cfg(self, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
}

TEST_F(pci_root, shared_wire)
{
	struct pci_device other = { .name = "other", .slot = 9, .int_pin = 1 };

	ASSERT_EQ(0, pci_add(&self->f->m, &other));
	ASSERT_EQ(self->dev.gsi, other.gsi);
	pci_intx(&self->dev, 1);
	pci_intx(&other, 1);
	pci_intx(&self->dev, 0);
	EXPECT_EQ(1, self->f->irq_level[other.gsi]);
	/* A function that goes away takes its level along. */
	pci_remove(&other);
	EXPECT_EQ(0, self->f->irq_level[self->dev.gsi]);
}

TEST_F(pci_root, reset)
{
	uint64_t mem = fake_bar(&self->dev, 0);

	fake_device_enable(self->f, &self->dev);
	cfg_set(self, PCI_BASE_ADDRESS_0, 4, mem + 0x100000);
	pci_intx(&self->dev, 1);
	pci_bus_reset(self->f->pci);
	EXPECT_EQ(1u, self->resets);
	EXPECT_EQ(mem, fake_bar(&self->dev, 0));
	EXPECT_EQ(0u, cfg(self, PCI_COMMAND, 2));
	EXPECT_FALSE(self->dev.bus_master);
	EXPECT_EQ(0, self->f->irq_level[self->dev.gsi]);
	EXPECT_EQ(0xffffffffull, fake_mmio_read(self->f, mem + 0x100000, 4));
}

struct mover {
	struct fake_machine *f;
	struct pci_device *dev;
	int stop;
	unsigned int hits;
};

static void *reader(void *opaque)
{
	struct mover *mv = opaque;

	while (!__atomic_load_n(&mv->stop, __ATOMIC_RELAXED)) {
		uint64_t v = fake_mmio_read(mv->f, PCI_MMIO_BASE + 0x8000, 4);

		if (v != 0xffffffff && v != 0xabcd0000)
			abort();
		if (v == 0xabcd0000)
			__atomic_add_fetch(&mv->hits, 1, __ATOMIC_RELAXED);
		pci_intx(mv->dev, __atomic_load_n(&mv->hits, __ATOMIC_RELAXED) & 1);
	}
	return NULL;
}

TEST_F(pci_root, bar_moved_under_load)
{
	struct mover mv = { .f = self->f, .dev = &self->dev };
	pthread_t thread;

	fake_device_enable(self->f, &self->dev);
	ASSERT_EQ(0, pthread_create(&thread, NULL, reader, &mv));
	for (unsigned int i = 0; i < 2000 || (!__atomic_load_n(&mv.hits, __ATOMIC_RELAXED) && i < 10000000); i++) {
		cfg_set(self, PCI_BASE_ADDRESS_0, 4, PCI_MMIO_BASE + (i & 1 ? 0x8000 : 0x10000));
		cfg_set(self, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | (i & 2 ? PCI_COMMAND_INTX_DISABLE : 0));
	}
	__atomic_store_n(&mv.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_GT(mv.hits, 0u);
	/* Status bit and wire agree after all of that. */
	cfg_set(self, PCI_COMMAND, 2, 0);
	EXPECT_EQ(self->f->irq_level[self->dev.gsi], !!(cfg(self, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT));
}

TEST_HARNESS_MAIN
