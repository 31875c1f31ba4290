// SPDX-License-Identifier: GPL-2.0-only
/* IDE bus master: data integrity over real files, and what the status bits say for each kind of PRD table. */
#include "ide_driver.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#define SECTORS 70000u
#define DATA_BYTES (40u << 20)

FIXTURE(dma)
{
	struct rig r;
	uint8_t *want;
};

FIXTURE_VARIANT(dma)
{
	enum blk_cache cache;
};

FIXTURE_VARIANT_ADD(dma, page_cache)
{
	.cache = BLK_CACHE_WRITEBACK,
};

FIXTURE_VARIANT_ADD(dma, direct)
{
	.cache = BLK_CACHE_NONE,
};

FIXTURE_SETUP(dma)
{
	const uint64_t sectors[4] = { SECTORS, 0, 0, 0 };

	rig_create(&self->r, sectors, variant->cache, false);
	self->want = malloc(DATA_BYTES);
}

FIXTURE_TEARDOWN(dma)
{
	rig_destroy(&self->r);
	free(self->want);
}

static void patterns(uint8_t *buf, uint64_t lba, uint32_t nr, uint32_t salt)
{
	for (uint32_t i = 0; i < nr; i++)
		rig_pattern(lba + i, salt, buf + 512 * i);
}

TEST_F(dma, read)
{
	struct rig *r = &self->r;

	patterns(self->want, 3, 256, 0);
	rig_prd_linear(r, RIG_DATA, 8 * 512);
	rig_command(r, 0xc8, 0, 3, 8);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, rig_dma_status(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 8 * 512));
	/* The engine may be started before the command as well; 0 is 256 sectors, and a count of 0 is 64 KiB. */
	rig_prd(r, 0, RIG_DATA, 0, false);
	rig_prd(r, 1, RIG_DATA + 0x10000, 0, true);
	rig_dma_start(r, true);
	EXPECT_EQ(BM_ACTIVE, rig_dma_status(r));
	rig_command(r, 0xc8, 0, 3, 0);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 256 * 512));
}

TEST_F(dma, write)
{
	struct rig *r = &self->r;
	uint8_t *seen = malloc(300 * 512);

	patterns(r->ram + RIG_DATA + 0x200, 900, 300, 7);
	rig_prd_linear(r, RIG_DATA + 0x200, 300 * 512);
	rig_command_ext(r, 0x35, 0, 900, 300);
	rig_dma_start(r, false);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	ASSERT_EQ(300 * 512, pread(r->disk[0].fd_buffered, seen, 300 * 512, 900 * 512));
	EXPECT_EQ(0, memcmp(seen, r->ram + RIG_DATA + 0x200, 300 * 512));
	/* FUA, and a drive whose write cache is off. */
	rig_command_ext(r, 0x3d, 0, 5, 300);
	rig_dma_start(r, false);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	rig_dma_finish(r);
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xef, 0x82, 0));
	rig_command(r, 0xca, 0, 2000, 16);
	rig_dma_start(r, false);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_ACTIVE | BM_INTR, rig_dma_finish(r));
	free(seen);
}

/* Regions of odd sizes at odd places: sectors lie across them as they like. */
TEST_F(dma, scattered_regions)
{
	struct rig *r = &self->r;
	uint32_t nr = 500, left = nr * 512, at = RIG_DATA, i = 0, x = 1;
	uint8_t *p = self->want;
	struct {
		uint32_t addr, len;
	} part[4096];

	while (left) {
		uint32_t len;

		x = x * 1103515245u + 12345u;
		len = (x >> 16) % 300 * 2 + 2;
		if ((at & 0xffff) + len > 0x10000)
			at = (at | 0xffff) + 1;
		if (len > left)
			len = left;
		left -= len;
		rig_prd(r, i, at, len, !left);
		part[i].addr = at;
		part[i++].len = len;
		at += len + (x >> 24 & 6);
	}
	ASSERT_GT(i, 512); /* more than one I/O takes */
	rig_command_ext(r, 0x25, 0, 1234, nr);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	for (uint32_t k = 0; k < i; k++, p += part[k - 1].len)
		memcpy(p, r->ram + part[k].addr, part[k].len);
	patterns(r->ram, 1234, 1, 0);
	for (uint32_t s = 0; s < nr; s++) {
		rig_pattern(1234 + s, 0, r->ram);
		ASSERT_EQ(0, memcmp(r->ram, self->want + 512 * s, 512));
	}
	/* And back to another place on the disk. */
	rig_command_ext(r, 0x35, 0, 40000, nr);
	rig_dma_start(r, false);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	ASSERT_EQ(nr * 512, pread(r->disk[0].fd_buffered, r->ram + (32 << 20), nr * 512, 40000 * 512));
	EXPECT_EQ(0, memcmp(r->ram + (32 << 20), self->want, nr * 512));
}

TEST_F(dma, largest_command)
{
	struct rig *r = &self->r;

	rig_prd_linear(r, RIG_DATA, 65536 * 512);
	rig_command_ext(r, 0x25, 0, 77, 0);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	patterns(self->want, 77, 65536, 0);
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 65536 * 512));
}

TEST_F(dma, table_longer_than_transfer)
{
	struct rig *r = &self->r;

	rig_prd(r, 0, RIG_DATA, 2048, true);
	rig_command(r, 0xc8, 0, 3, 2);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_ACTIVE | BM_INTR, rig_dma_status(r));
	EXPECT_EQ(BM_ACTIVE | BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, rig_dma_status(r));
}

TEST_F(dma, end_mark_missing)
{
	struct rig *r = &self->r;

	/* The transfer's length ends it. */
	rig_prd(r, 0, RIG_DATA, 1024, false);
	rig_prd(r, 1, 0xfffffffe, 2, false);
	rig_command(r, 0xc8, 0, 3, 2);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_ACTIVE | BM_INTR, rig_dma_finish(r));
}

TEST_F(dma, table_shorter_than_transfer)
{
	struct rig *r = &self->r;

	memset(r->ram + RIG_DATA, 0xee, 4096);
	patterns(self->want, 3, 4, 0);
	rig_prd(r, 0, RIG_DATA, 512, false);
	rig_prd(r, 1, RIG_DATA + 512, 256, true);
	rig_command(r, 0xc8, 0, 3, 4);
	rig_dma_start(r, true);
	for (unsigned int i = 0; i < 50 && rig_dma_status(r); i++)
		loop_run_once(r->f->m.loop, 5);
	/* Neither active nor interrupting, no error, and the drive waits. */
	EXPECT_EQ(0, rig_dma_status(r));
	EXPECT_EQ(DRDY | DSC | DRQ, rig_alt_status(r));
	EXPECT_FALSE(rig_irq(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 768));
	EXPECT_EQ(0xee, r->ram[RIG_DATA + 768]);
	/* The rest by another table: from the sector that was cut. */
	rig_dma_finish(r);
	rig_prd(r, 0, RIG_DATA + 512, 3 * 512, true);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 2048));
}

TEST_F(dma, short_table_writes_whole_sectors_only)
{
	struct rig *r = &self->r;
	uint8_t seen[1024], old[512];

	memset(r->ram + RIG_DATA, 0x5a, 4096);
	rig_prd(r, 0, RIG_DATA, 510, false);
	rig_prd(r, 1, RIG_DATA, 2, false);
	rig_prd(r, 2, RIG_DATA, 4, false);
	rig_prd(r, 3, RIG_DATA, 6, true);
	rig_command(r, 0xca, 0, 60, 4);
	rig_dma_start(r, false);
	for (unsigned int i = 0; i < 50 && rig_dma_status(r); i++)
		loop_run_once(r->f->m.loop, 5);
	EXPECT_EQ(0, rig_dma_status(r));
	rig_reset(r);
	rig_dma_finish(r);
	pread(r->disk[0].fd_buffered, seen, 1024, 60 * 512);
	rig_pattern(61, 0, old);
	EXPECT_EQ(0x5a, seen[511]);
	EXPECT_EQ(0, memcmp(seen + 512, old, 512));
	/* Not even one. */
	rig_prd(r, 0, RIG_DATA, 100, true);
	rig_command(r, 0xca, 0, 61, 4);
	rig_dma_start(r, false);
	EXPECT_EQ(0, rig_dma_status(r));
	rig_reset(r);
	pread(r->disk[0].fd_buffered, seen, 512, 61 * 512);
	EXPECT_EQ(0, memcmp(seen, old, 512));
}

TEST_F(dma, region_outside_memory)
{
	static const uint32_t bad[] = { RIG_RAM, 0xc0000000, 0xe0000000, 0xfffffffe, RIG_RAM - 512 };
	struct rig *r = &self->r;

	for (unsigned int i = 0; i < 5; i++) {
		rig_prd(r, 0, RIG_DATA, 512, false);
		rig_prd(r, 1, bad[i], 1024, true);
		rig_command(r, 0xc8, 0, 3, 3);
		rig_dma_start(r, true);
		EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r)) {
			TH_LOG("address %#x", bad[i]);
		}
		EXPECT_EQ(ABRT, rig_error(r));
		EXPECT_EQ(BM_ERROR | BM_INTR, rig_dma_finish(r));
		EXPECT_EQ(0, rig_dma_status(r));
	}
	/* The table itself. */
	rig_command(r, 0xc8, 0, 3, 3);
	fake_pio_write(r->f, r->bm + 4, 4, 0xfffffffc);
	fake_pio_write(r->f, r->bm, 1, 9);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(BM_ERROR | BM_INTR, rig_dma_finish(r));
}

/* A region that passes a 64 KiB boundary goes on at the start of its 64 KiB. */
TEST_F(dma, region_wraps)
{
	struct rig *r = &self->r;

	patterns(self->want, 10, 2, 0);
	rig_prd(r, 0, 0x30ff00, 1024, true);
	rig_command(r, 0xc8, 0, 10, 2);
	memset(r->ram + 0x300000, 0, 0x20000);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, memcmp(r->ram + 0x30ff00, self->want, 256));
	EXPECT_EQ(0, memcmp(r->ram + 0x300000, self->want + 256, 768));
	EXPECT_EQ(0, r->ram[0x310000]);
}

/* So does the table: entry 0 at its end, entry 1 at the start of the 64 KiB. */
TEST_F(dma, table_wraps)
{
	struct rig *r = &self->r;
	uint32_t e0[2] = { RIG_DATA, 512 }, e1[2] = { RIG_DATA + 512, 512 | 0x80000000u };

	memcpy(r->ram + 0x2fff8, e0, 8);
	memcpy(r->ram + 0x20000, e1, 8);
	memset(r->ram + 0x30000, 0xff, 8);
	patterns(self->want, 10, 2, 0);
	rig_command(r, 0xc8, 0, 10, 2);
	fake_pio_write(r->f, r->bm + 4, 4, 0x2fff8);
	fake_pio_write(r->f, r->bm, 1, 9);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 1024));
}

/* As small as regions get, and the table runs round: one command becomes 600 requests, done in portions. */
TEST_F(dma, smallest_regions_without_end)
{
	struct rig *r = &self->r;

	for (unsigned int i = 0; i < 8192; i++)
		rig_prd(r, i, RIG_DATA + 2 * i, 2, false);
	rig_command_ext(r, 0x25, 0, 50, 600);
	rig_dma_start(r, true);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_ACTIVE | BM_INTR, rig_dma_finish(r));
	for (uint32_t s = 0; s < 600; s++)
		rig_pattern(50 + s, 0, self->want + s % 32 * 512);
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 32 * 512));
}

TEST_F(dma, bus_mastering_forbidden)
{
	struct rig *r = &self->r;
	uint32_t command = fake_config_read(r->f, r->dev, PCI_COMMAND, 2);

	memset(r->ram + RIG_DATA, 0xee, 512);
	rig_prd(r, 0, RIG_DATA, 512, true);
	fake_config_write(r->f, r->dev, PCI_COMMAND, 2, command & ~PCI_COMMAND_MASTER);
	rig_command(r, 0xc8, 0, 10, 1);
	rig_dma_start(r, true);
	loop_run_once(r->f->m.loop, 20);
	EXPECT_EQ(BM_ACTIVE, rig_dma_status(r));
	EXPECT_EQ(0xee, r->ram[RIG_DATA]);
	/* It goes on as soon as it may. */
	fake_config_write(r->f, r->dev, PCI_COMMAND, 2, command);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	rig_pattern(10, 0, self->want);
	EXPECT_EQ(0, memcmp(r->ram + RIG_DATA, self->want, 512));
}

TEST_F(dma, registers)
{
	struct rig *r = &self->r;

	fake_pio_write(r->f, r->bm + 4, 4, 0x12345678);
	EXPECT_EQ(0x12345678, fake_pio_read(r->f, r->bm + 4, 4));
	fake_pio_write(r->f, r->bm + 6, 2, 0xabcd);
	EXPECT_EQ(0xabcd5678, fake_pio_read(r->f, r->bm + 4, 4));
	/* The notes on drives stay, simplex is never claimed. */
	fake_pio_write(r->f, r->bm + 2, 1, 0xff);
	EXPECT_EQ(0x60, fake_pio_read(r->f, r->bm + 2, 1));
	/* The other channel has its own. */
	fake_pio_write(r->f, r->bm + 12, 4, 0x1000);
	EXPECT_EQ(0xabcd5678, fake_pio_read(r->f, r->bm + 4, 4));
}

TEST_F(dma, trim)
{
	struct rig *r = &self->r;
	uint64_t *range = (uint64_t *)(r->ram + RIG_DATA);
	uint16_t id[256];
	uint8_t seen[512], zero[512] = { 0 }, old[512];

	rig_identify(r, id);
	if (!(id[169] & 1))
		SKIP(return, "the file system of /tmp does not discard");
	memset(range, 0, 1024);
	range[0] = 64 | 64ull << 48;
	range[70] = 1024 | 8ull << 48;
	rig_prd(r, 0, RIG_DATA, 600, false);
	rig_prd(r, 1, RIG_DATA + 600, 424, true);
	rig_command_ext(r, 0x06, 1, 0, 2);
	rig_dma_start(r, false);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	EXPECT_EQ(BM_INTR, rig_dma_finish(r));
	pread(r->disk[0].fd_buffered, seen, 512, 127 * 512);
	EXPECT_EQ(0, memcmp(seen, zero, 512));
	pread(r->disk[0].fd_buffered, seen, 512, 1031 * 512);
	EXPECT_EQ(0, memcmp(seen, zero, 512));
	pread(r->disk[0].fd_buffered, seen, 512, 128 * 512);
	rig_pattern(128, 0, old);
	EXPECT_EQ(0, memcmp(seen, old, 512));
	/* One range too far, and none is done. */
	range[0] = 256 | 8ull << 48;
	range[70] = (SECTORS - 1) | 2ull << 48;
	rig_command_ext(r, 0x06, 1, 0, 2);
	rig_dma_start(r, false);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(IDNF, rig_error(r));
	rig_dma_finish(r);
	pread(r->disk[0].fd_buffered, seen, 512, 256 * 512);
	rig_pattern(256, 0, old);
	EXPECT_EQ(0, memcmp(seen, old, 512));
	/* More blocks than it says it takes, and a function it does not have. */
	rig_command_ext(r, 0x06, 1, 0, 9);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	rig_command_ext(r, 0x06, 0, 0, 1);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
}

TEST_HARNESS_MAIN
