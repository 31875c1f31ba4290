// SPDX-License-Identifier: GPL-2.0-only
/* MSI-X: table, masks, pending bits; and that no interrupt is lost between a mask and a raise. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "kselftest_harness.h"

#include "fake_machine.h"

#define NR_VECTORS 3
#define PBA 0x800
#define ADDR 0xfee00000ull

FIXTURE(msix_table)
{
	struct fake_machine *f;
	struct pci_device dev;
	uint64_t table;
};

FIXTURE_SETUP(msix_table)
{
	struct pci_device *dev = &self->dev;

	memset(self, 0, sizeof(*self));
	self->f = fake_machine_create(1 << 20);
	ASSERT_NE(NULL, self->f);
	*dev = (struct pci_device){ .name = "test", .vendor = 1, .device = 2, .slot = -1 };
	ASSERT_EQ(0, msix_init(dev, 1, NR_VECTORS, PBA));
	ASSERT_EQ(0, pci_add(&self->f->m, dev));
	fake_device_enable(self->f, dev);
	self->table = fake_bar(dev, 1);
}

FIXTURE_TEARDOWN(msix_table)
{
	pci_remove(&self->dev);
	msix_destroy(&self->dev);
	for (unsigned int i = 0; i < FAKE_MAX_ROUTES; i++)
		EXPECT_FALSE(self->f->route[i].used);
	fake_machine_destroy(self->f);
}

static uint64_t pending(FIXTURE_DATA(msix_table) *t)
{
	return fake_mmio_read(t->f, t->table + PBA, 8);
}

TEST_F(msix_table, refused_shapes)
{
	struct pci_device d = { .name = "d", .slot = -1 };

	EXPECT_EQ(-EINVAL, msix_init(&d, 1, 0, PBA));
	EXPECT_EQ(-EINVAL, msix_init(&d, 1, 2049, 0x10000));
	EXPECT_EQ(-EINVAL, msix_init(&d, 6, 1, PBA));
	/* Pending bits inside the table, or not aligned. */
	EXPECT_EQ(-EINVAL, msix_init(&d, 1, 4, 48));
	EXPECT_EQ(-EINVAL, msix_init(&d, 1, 4, 68));
	EXPECT_EQ(-EINVAL, msix_init(&self->dev, 1, 4, PBA));
	pci_remove(&d);
}

TEST_F(msix_table, capability)
{
	unsigned int cap = fake_find_capability(self->f, &self->dev, PCI_CAP_ID_MSIX);

	ASSERT_NE(0u, cap);
	EXPECT_EQ(NR_VECTORS - 1u, fake_config_read(self->f, &self->dev, cap + PCI_MSIX_FLAGS, 2));
	EXPECT_EQ(1u, fake_config_read(self->f, &self->dev, cap + PCI_MSIX_TABLE, 4));
	EXPECT_EQ(PBA | 1u, fake_config_read(self->f, &self->dev, cap + PCI_MSIX_PBA, 4));
	/* The size is read-only. */
	fake_config_write(self->f, &self->dev, cap + PCI_MSIX_FLAGS, 2, 0xffff);
	EXPECT_EQ(0xc000u | (NR_VECTORS - 1), fake_config_read(self->f, &self->dev, cap + PCI_MSIX_FLAGS, 2));
	EXPECT_TRUE(msix_enabled(&self->dev));
}

TEST_F(msix_table, power_on_state)
{
	EXPECT_FALSE(msix_enabled(&self->dev));
	for (unsigned int v = 0; v < NR_VECTORS; v++)
		EXPECT_EQ(1u, fake_mmio_read(self->f, self->table + 16 * v + 12, 4));
	/* Off: an interrupt goes nowhere, and is not remembered for a later driver. */
	msix_raise(&self->dev, 0);
	EXPECT_EQ(0u, pending(self));
	EXPECT_EQ(0u, self->f->nr_msi);
}

TEST_F(msix_table, table_accesses)
{
	fake_mmio_write(self->f, self->table + 16, 8, 0x11223344fee01003);
	/* The lowest two address bits are zero, reserved bits of the control word don't stick. */
	EXPECT_EQ(0x11223344fee01000ull, fake_mmio_read(self->f, self->table + 16, 8));
	fake_mmio_write(self->f, self->table + 28, 4, ~0u);
	EXPECT_EQ(1u, fake_mmio_read(self->f, self->table + 28, 4));
	/* Narrow and misaligned writes are dropped. */
	fake_mmio_write(self->f, self->table + 24, 1, 0x55);
	fake_mmio_write(self->f, self->table + 24, 2, 0x5555);
	fake_mmio_write(self->f, self->table + 20 + 2, 4, 0);
	EXPECT_EQ(0u, fake_mmio_read(self->f, self->table + 24, 4));
	EXPECT_EQ(0x11223344u, fake_mmio_read(self->f, self->table + 20, 4));
	/* Behind the table nothing can be written, pending bits neither. */
	fake_mmio_write(self->f, self->table + 16 * NR_VECTORS, 4, ~0u);
	EXPECT_EQ(0u, fake_mmio_read(self->f, self->table + 16 * NR_VECTORS, 4));
	fake_mmio_write(self->f, self->table + PBA, 8, ~0ull);
	EXPECT_EQ(0u, pending(self));
	/* The last entry's last bytes with an 8-byte access; and the BAR's last. */
	EXPECT_EQ(1ull << 32, fake_mmio_read(self->f, self->table + 16 * NR_VECTORS - 8, 8));
	EXPECT_EQ(0ull, fake_mmio_read(self->f, self->table + 4096 - 8, 8));
}

TEST_F(msix_table, raised_by_eventfd)
{
	fake_msix_enable(self->f, &self->dev, true);
	fake_msix_program(self->f, &self->dev, 1, ADDR, 0x41);
	EXPECT_EQ(1u, self->f->route[0].binds);
	msix_raise(&self->dev, 1);
	msix_raise(&self->dev, 1);
	EXPECT_EQ(2u, fake_msix_take(self->f, &self->dev, 1));
	EXPECT_EQ(0u, self->f->nr_msi);
	/* No such vector. */
	msix_raise(&self->dev, NR_VECTORS);
	msix_raise(&self->dev, ~0u);
}

TEST_F(msix_table, raised_by_call_when_the_kernel_is_full)
{
	self->f->fail_msi_bind = true;
	fake_msix_enable(self->f, &self->dev, true);
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x42);
	msix_raise(&self->dev, 0);
	ASSERT_EQ(1u, self->f->nr_msi);
	EXPECT_EQ(0x42u, self->f->msi[0].data);
	/* A binding that can't be changed is given up: the old message must not be sent any more. */
	self->f->fail_msi_bind = false;
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x43);
	EXPECT_TRUE(self->f->route[0].used);
	self->f->fail_msi_bind = true;
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x44);
	EXPECT_FALSE(self->f->route[0].used);
	msix_raise(&self->dev, 0);
	EXPECT_EQ(1u, fake_msix_take(self->f, &self->dev, 0));
}

TEST_F(msix_table, masked_is_pending_until_unmasked)
{
	fake_msix_enable(self->f, &self->dev, true);
	fake_msix_program(self->f, &self->dev, 2, ADDR, 0x50);
	fake_msix_mask(self->f, &self->dev, 2, true);
	msix_raise(&self->dev, 2);
	msix_raise(&self->dev, 2);
	EXPECT_EQ(4u, pending(self));
	EXPECT_EQ(0u, fake_msix_take(self->f, &self->dev, 2));
	fake_msix_mask(self->f, &self->dev, 2, false);
	EXPECT_EQ(0u, pending(self));
	EXPECT_EQ(1u, fake_msix_take(self->f, &self->dev, 2));
	/* Masking alone takes no system call. */
	EXPECT_EQ(1u, self->f->route[0].binds);
}

TEST_F(msix_table, whole_function_masked)
{
	unsigned int cap = fake_find_capability(self->f, &self->dev, PCI_CAP_ID_MSIX);

	fake_msix_enable(self->f, &self->dev, true);
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x60);
	fake_msix_program(self->f, &self->dev, 1, ADDR, 0x61);
	fake_config_write(self->f, &self->dev, cap + PCI_MSIX_FLAGS, 2, 0xc000);
	msix_raise(&self->dev, 0);
	msix_raise(&self->dev, 1);
	EXPECT_EQ(3u, pending(self));
	fake_msix_mask(self->f, &self->dev, 1, true);
	fake_config_write(self->f, &self->dev, cap + PCI_MSIX_FLAGS, 2, 0x8000);
	EXPECT_EQ(1u, fake_msix_take(self->f, &self->dev, 0));
	EXPECT_EQ(2u, pending(self));
	/* Turned off as a whole: nothing is pending any more. */
	fake_msix_enable(self->f, &self->dev, false);
	EXPECT_EQ(0u, pending(self));
}

TEST_F(msix_table, message_changed)
{
	fake_msix_enable(self->f, &self->dev, true);
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x70);
	fake_msix_program(self->f, &self->dev, 0, ADDR | 0x1000, 0x71);
	EXPECT_EQ(2u, self->f->route[0].binds);
	EXPECT_FALSE(self->f->route[1].used);
	EXPECT_EQ(ADDR | 0x1000, self->f->route[0].addr);
	/* Programmed while pending: the new message is the one that is sent. */
	fake_msix_mask(self->f, &self->dev, 0, true);
	msix_raise(&self->dev, 0);
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x72);
	EXPECT_EQ(0x72u, self->f->route[0].data);
	EXPECT_EQ(1u, fake_msix_take(self->f, &self->dev, 0));
}

TEST_F(msix_table, reset)
{
	fake_msix_enable(self->f, &self->dev, true);
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x80);
	pci_bus_reset(self->f->pci);
	EXPECT_FALSE(msix_enabled(&self->dev));
	fake_device_enable(self->f, &self->dev);
	EXPECT_EQ(1u, fake_mmio_read(self->f, self->table + 12, 4));
	EXPECT_EQ(0u, fake_mmio_read(self->f, self->table, 4));
}

/* The two sides meet at each round's start; on a machine with other work one of them may have to wait for a CPU. */
static void wait_for(unsigned int *word, unsigned int value)
{
	for (unsigned int spin = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; spin++)
		if (spin > 1000)
			sched_yield();
}

struct racer {
	FIXTURE_DATA(msix_table) *t;
	bool stop;	   /* before the last go */
	unsigned int go;   /* atomic: round that may raise */
	unsigned int done; /* atomic: round that has raised */
};

static void *raise_each_round(void *opaque)
{
	struct racer *r = opaque;

	for (unsigned int i = 1; i; i++) {
		wait_for(&r->go, i);
		if (__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
			break;
		msix_raise(&r->t->dev, 0);
		__atomic_store_n(&r->done, i, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* One raise races with mask and unmask: afterwards it was delivered, exactly once, whichever came first. */
TEST_F_TIMEOUT(msix_table, nothing_lost_between_mask_and_raise, 80)
{
	struct racer r = { .t = self };
	uint64_t end = loop_now_ns() + 5000000000ull;
	pthread_t thread;
	unsigned int i;

	fake_msix_enable(self->f, &self->dev, true);
	fake_msix_program(self->f, &self->dev, 0, ADDR, 0x90);
	ASSERT_EQ(0, pthread_create(&thread, NULL, raise_each_round, &r));
	for (i = 1; i <= 20000 && loop_now_ns() < end; i++) {
		__atomic_store_n(&r.go, i, __ATOMIC_RELEASE);
		for (unsigned int spin = 0; spin < i % 64; spin++)
			__asm__ volatile("pause");
		fake_msix_mask(self->f, &self->dev, 0, true);
		fake_msix_mask(self->f, &self->dev, 0, false);
		wait_for(&r.done, i);
		ASSERT_EQ(1u, fake_msix_take(self->f, &self->dev, 0));
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	__atomic_store_n(&r.go, i, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
