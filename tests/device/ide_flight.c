// SPDX-License-Identifier: GPL-2.0-only
/* IDE while the disk takes its time, and when it fails: what is busy, what a reset ends, which sector was bad. */
#include "ide_driver.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ide_slow_disk.h"
#include "kselftest_harness.h"

#define SECTORS 4096u

FIXTURE(flight)
{
	struct rig r;
	struct blk_disk disk;
	uint8_t *buf;
};

FIXTURE_VARIANT(flight)
{
	uint32_t nr; /* sectors of a request */
};

FIXTURE_VARIANT_ADD(flight, small)
{
	.nr = 16, /* the vCPU hands it to the kernel */
};

FIXTURE_VARIANT_ADD(flight, large)
{
	.nr = 200, /* the loop does */
};

FIXTURE_SETUP(flight)
{
	struct blk_disk *disks[4] = { &self->disk };

	memset(&self->r, 0, sizeof(self->r));
	slow_disk_init(&self->disk, SECTORS, false);
	for (uint64_t s = 0; s < SECTORS; s++)
		rig_pattern(s, 0, slow_disk.data + 512 * s);
	rig_create_on(&self->r, disks);
	self->buf = calloc(1, 1 << 20);
}

FIXTURE_TEARDOWN(flight)
{
	rig_destroy(&self->r);
	slow_disk_destroy();
	free(self->buf);
}

static void dma_read_begin(struct rig *r, uint64_t lba, uint32_t nr)
{
	memset(r->ram + RIG_DATA, 0xee, nr * 512);
	rig_prd_linear(r, RIG_DATA, nr * 512);
	rig_command(r, 0xc8, 0, lba, nr);
	rig_dma_start(r, true);
}

static bool untouched(const struct rig *r, uint32_t nr)
{
	for (uint32_t i = 0; i < nr * 512; i++)
		if (r->ram[RIG_DATA + i] != 0xee)
			return false;
	return true;
}

/* The disk answers what it has been given, which is the loop's work for large requests. */
static void release(struct rig *r)
{
	loop_run_once(r->f->m.loop, 0);
	slow_release();
}

/* The vCPU is free while the disk works, the registers say busy, and the loop ends it. */
TEST_F(flight, busy_until_the_loop_is_told)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	EXPECT_EQ(1, slow_waiting());
	EXPECT_EQ(BSY, rig_alt_status(r) & BSY);
	EXPECT_EQ(BM_ACTIVE, rig_dma_status(r));
	loop_run_once(r->f->m.loop, 10);
	EXPECT_FALSE(rig_irq(r));
	release(r);
	EXPECT_FALSE(rig_irq(r));
	loop_run_once(r->f->m.loop, 1000);
	EXPECT_TRUE(rig_irq(r));
	EXPECT_EQ(DRDY | DSC, rig_status(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, slow_disk.data + 5 * 512, variant->nr * 512));
}

/* A driver that polls needs no loop. */
TEST_F(flight, polling_finds_the_end)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	release(r);
	EXPECT_EQ(DRDY | DSC, rig_alt_status(r));
	EXPECT_TRUE(rig_irq(r));
}

TEST_F(flight, commands_while_busy_change_nothing)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	rig_command(r, 0xca, 0, 99, 7);
	rig_command(r, 0xec, 0, 0, 0);
	rig_command(r, 0x08, 0, 0, 0);
	rig_command(r, 0x90, 0, 0, 0);
	fake_pio_write(r->f, r->base, 2, 0x1234);
	EXPECT_EQ(0, fake_pio_read(r->f, r->base, 2));
	EXPECT_EQ(1, slow_waiting());
	release(r);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, slow_disk.data + 5 * 512, variant->nr * 512));
	EXPECT_EQ(0, slow_disk.writes);
}

/* After the reset's write has returned, nothing reaches the guest's memory any more, and no interrupt comes. */
TEST_F(flight, reset_ends_transfers)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	rig_control(r, CTL_SRST);
	EXPECT_EQ(1, slow_disk.waits);
	EXPECT_EQ(0, slow_waiting());
	memset(r->ram + RIG_DATA, 0xee, variant->nr * 512);
	release(r);
	rig_control(r, 0);
	loop_run_once(r->f->m.loop, 20);
	EXPECT_TRUE(untouched(r, variant->nr));
	EXPECT_FALSE(rig_irq(r));
	EXPECT_EQ(DRDY | DSC, rig_status(r));
	slow_disk.hold = false;
	rig_dma_finish(r);
	dma_read_begin(r, 7, 3);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, slow_disk.data + 7 * 512, 3 * 512));
}

TEST_F(flight, stopping_the_engine_ends_transfers)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	fake_pio_write(r->f, r->bm, 1, 8);
	EXPECT_EQ(0, slow_waiting());
	EXPECT_EQ(0, rig_dma_status(r) & BM_ACTIVE);
	memset(r->ram + RIG_DATA, 0xee, variant->nr * 512);
	release(r);
	loop_run_once(r->f->m.loop, 20);
	EXPECT_TRUE(untouched(r, variant->nr));
}

TEST_F(flight, forbidding_bus_mastering_ends_transfers)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	fake_config_write(r->f, r->dev, PCI_COMMAND, 2, PCI_COMMAND_IO);
	EXPECT_EQ(0, slow_waiting());
	memset(r->ram + RIG_DATA, 0xee, variant->nr * 512);
	release(r);
	loop_run_once(r->f->m.loop, 20);
	EXPECT_TRUE(untouched(r, variant->nr));
}

TEST_F(flight, pci_reset_and_destroy_in_flight)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	r->dev->reset(r->dev);
	EXPECT_EQ(0, slow_waiting());
	EXPECT_EQ(0, rig_dma_status(r));
	rig_select(r, 0, 0);
	dma_read_begin(r, 5, variant->nr);
	EXPECT_EQ(1, slow_waiting());
	/* The teardown destroys it now. */
}

TEST_F(flight, table_changed_in_flight)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	dma_read_begin(r, 5, variant->nr);
	/* Too late: the entry has been read. */
	rig_prd(r, 0, 0xfffffff0, 2, true);
	release(r);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, slow_disk.data + 5 * 512, variant->nr * 512));
}

TEST_F(flight, dma_read_error_names_the_sector)
{
	struct rig *r = &self->r;

	for (uint32_t bad = 100; bad < 150; bad++) {
		slow_disk.bad_read = bad;
		dma_read_begin(r, 100, 50);
		EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
		EXPECT_EQ(UNC, rig_error(r));
		EXPECT_EQ(bad, rig_lba_28(r));
		EXPECT_EQ(BM_ACTIVE | BM_INTR, rig_dma_finish(r));
		EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, slow_disk.data + 100 * 512, (bad - 100) * 512));
	}
	slow_disk.bad_read = UINT64_MAX;
	dma_read_begin(r, 100, 50);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
}

/* Regions that do not fit sectors, so that the search cuts through them. */
TEST_F(flight, search_cuts_regions)
{
	struct rig *r = &self->r;
	uint32_t at = RIG_DATA, left = 50 * 512, i = 0;

	slow_disk.bad_read = 131;
	while (left) {
		uint32_t len = left < 700 ? left : 700;

		left -= len;
		rig_prd(r, i++, at, len, !left);
		at += len;
	}
	rig_command_ext(r, 0x25, 0, 100, 50);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(131, rig_lba_48(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, slow_disk.data + 100 * 512, 31 * 512));
}

TEST_F(flight, write_errors)
{
	static const int errors[] = { -EIO, -ENOSPC };
	struct rig *r = &self->r;
	unsigned int blocks;

	for (unsigned int i = 0; i < 2; i++) {
		slow_disk.error = errors[i];
		slow_disk.bad_write = 777;
		rig_prd_linear(r, RIG_DATA, 64 * 512);
		rig_command_ext(r, 0x35, 0, 760, 64);
		rig_dma_start(r, false);
		EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
		EXPECT_EQ(ABRT, rig_error(r));
		EXPECT_EQ(777, rig_lba_48(r));
		rig_dma_finish(r);
		rig_command(r, 0xc5, 0, 760, 64);
		EXPECT_EQ(DRDY | DSC | ERR, rig_pio_write(r, 64, 16, self->buf, &blocks));
		EXPECT_EQ(777, rig_lba_28(r));
	}
}

TEST_F(flight, pio_read_delivers_what_is_good)
{
	struct rig *r = &self->r;
	unsigned int blocks;

	slow_disk.bad_read = 137;
	rig_command(r, 0xc4, 0, 100, 64);
	EXPECT_EQ(DRDY | DSC | ERR, rig_pio_read(r, 64, 16, self->buf, &blocks));
	EXPECT_EQ(2, blocks); /* 100 to 131; the bad one is in the third */
	EXPECT_EQ(UNC, rig_error(r));
	EXPECT_EQ(137, rig_lba_28(r));
	EXPECT_EQ(0, memcmp(self->buf, slow_disk.data + 100 * 512, 32 * 512));
	/* One by one, up to it. */
	rig_command(r, 0x20, 0, 100, 64);
	EXPECT_EQ(DRDY | DSC | ERR, rig_pio_read(r, 64, 1, self->buf, &blocks));
	EXPECT_EQ(37, blocks);
	EXPECT_EQ(137, rig_lba_28(r));
	/* In CHS the address comes back as such: 137 is cylinder 0, head 2, sector 12. */
	r->select = 0xa0;
	rig_command(r, 0x20, 0, 12 | 2 << 24, 1);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(12 | 2 << 24, rig_lba_28(r));
}

TEST_F(flight, verify_error)
{
	struct rig *r = &self->r;

	slow_disk.bad_read = 3000;
	rig_command_ext(r, 0x42, 0, 0, SECTORS);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(UNC, rig_error(r));
	EXPECT_EQ(3000, rig_lba_48(r));
}

TEST_F(flight, flush_and_fua_reach_the_disk)
{
	struct rig *r = &self->r;
	unsigned int blocks;

	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xe7, 0, 0));
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xea, 0, 0));
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xe0, 0, 0));
	EXPECT_EQ(3, slow_disk.flushes);
	slow_disk.hold = true;
	rig_command(r, 0xe7, 0, 0, 0);
	EXPECT_EQ(BSY, rig_alt_status(r) & BSY);
	release(r);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	slow_disk.hold = false;
	slow_disk.bad_flush = true;
	EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, 0xe7, 0, 0));
	EXPECT_EQ(ABRT, rig_error(r));
	slow_disk.bad_flush = false;
	/* Writes: cached, forced, and with the cache off. */
	rig_command(r, 0x30, 0, 1, 1);
	rig_pio_write(r, 1, 1, self->buf, &blocks);
	EXPECT_EQ(0, slow_disk.fua_writes);
	rig_command_ext(r, 0xce, 0, 1, 1);
	rig_pio_write(r, 1, 1, self->buf, &blocks);
	EXPECT_EQ(1, slow_disk.fua_writes);
	rig_no_data(r, 0xef, 0x82, 0);
	rig_command(r, 0x30, 0, 1, 1);
	rig_pio_write(r, 1, 1, self->buf, &blocks);
	EXPECT_EQ(2, slow_disk.fua_writes);
}

TEST_F(flight, slow_pio)
{
	struct rig *r = &self->r;

	slow_disk.hold = true;
	rig_command(r, 0x20, 0, 9, 1);
	EXPECT_EQ(BSY, rig_status(r) & BSY);
	EXPECT_EQ(0, fake_pio_read(r->f, r->base, 4));
	release(r);
	EXPECT_EQ(DRDY | DSC | DRQ, rig_wait_irq(r));
	fake_pio_string(r->f, r->base, 2, 256, self->buf, false);
	EXPECT_EQ(0, memcmp(self->buf, slow_disk.data + 9 * 512, 512));
}

struct hammer {
	struct rig *r;
	bool stop;
};

static void *hammer_loop(void *arg)
{
	struct hammer *h = arg;

	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED))
		loop_run_once(h->r->f->m.loop, 1);
	return NULL;
}

static void *hammer_vcpu(void *arg)
{
	struct hammer *h = arg;

	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
		rig_alt_status(h->r);
		rig_reset(h->r);
		rig_dma_status(h->r);
	}
	return NULL;
}

/* Commands on one vCPU, resets on another, completions on the loop: for the sanitizers to look at. */
TEST_F(flight, three_threads)
{
	struct rig *r = &self->r;
	struct hammer h = { .r = r };
	pthread_t loop, vcpu;

	pthread_create(&loop, NULL, hammer_loop, &h);
	pthread_create(&vcpu, NULL, hammer_vcpu, &h);
	for (unsigned int i = 0; i < 3000; i++) {
		dma_read_begin(r, i % 100, variant->nr);
		rig_dma_finish(r);
	}
	__atomic_store_n(&h.stop, true, __ATOMIC_RELAXED);
	pthread_join(loop, NULL);
	pthread_join(vcpu, NULL);
	rig_reset(r);
	dma_read_begin(r, 1, 16);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
}

TEST_HARNESS_MAIN
