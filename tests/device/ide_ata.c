// SPDX-License-Identifier: GPL-2.0-only
/* IDE: probing, IDENTIFY, commands without data, and PIO, driven as a guest's driver does, over real files. */
#include "ide_driver.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#define SECTORS 4096u

FIXTURE(ide)
{
	struct rig r;
	uint8_t *buf, *want;
};

FIXTURE_SETUP(ide)
{
	const uint64_t sectors[4] = { SECTORS, 2048, 0, 0 };

	rig_create(&self->r, sectors, BLK_CACHE_WRITEBACK, false);
	self->buf = malloc(1 << 20);
	self->want = malloc(1 << 20);
}

FIXTURE_TEARDOWN(ide)
{
	rig_destroy(&self->r);
	free(self->buf);
	free(self->want);
}

static void patterns(uint8_t *buf, uint64_t lba, uint32_t nr, uint32_t salt)
{
	for (uint32_t i = 0; i < nr; i++)
		rig_pattern(lba + i, salt, buf + 512 * i);
}

TEST_F(ide, pci_identity)
{
	struct rig *r = &self->r;

	EXPECT_EQ(0x70108086, fake_config_read(r->f, r->dev, 0, 4));
	EXPECT_EQ(0x010180, fake_config_read(r->f, r->dev, PCI_CLASS_REVISION, 4) >> 8);
	/* IDETIM: the channel with disks decodes its ports, the other does not. */
	EXPECT_EQ(0x80, fake_config_read(r->f, r->dev, 0x41, 1) & 0x80);
	EXPECT_EQ(0, fake_config_read(r->f, r->dev, 0x43, 1) & 0x80);
	EXPECT_EQ(0xff, fake_pio_read(r->f, 0x177, 1));
	fake_config_write(r->f, r->dev, 0x42, 2, 0x8000);
	EXPECT_EQ(0x7f, fake_pio_read(r->f, 0x177, 1));
	/* I/O space off: nothing decodes. */
	fake_config_write(r->f, r->dev, PCI_COMMAND, 2, 0);
	EXPECT_EQ(0xff, rig_status(r));
}

TEST_F(ide, absent_drives_end_a_probe_at_once)
{
	struct rig *r = &self->r;

	fake_config_write(r->f, r->dev, 0x42, 2, 0x8000);
	rig_select(r, 1, 0);
	fake_pio_write(r->f, r->base + 2, 1, 0x55);
	EXPECT_NE(0x55, fake_pio_read(r->f, r->base + 2, 1));
	EXPECT_EQ(0, rig_status(r) & BSY);
	rig_command(r, 0xec, 0, 0, 0);
	EXPECT_FALSE(rig_irq(r));
	EXPECT_EQ(0, rig_status(r) & BSY);
}

TEST(absent_slave_reads_zero)
{
	const uint64_t sectors[4] = { 2048, 0, 0, 2048 };
	struct rig r;

	rig_create(&r, sectors, BLK_CACHE_WRITEBACK, false);
	rig_select(&r, 0, 1);
	EXPECT_EQ(0, rig_status(&r));
	fake_pio_write(r.f, r.base + 2, 1, 0x55);
	EXPECT_EQ(0, fake_pio_read(r.f, r.base + 2, 1));
	/* A slave alone on its cable works too. */
	rig_select(&r, 1, 0);
	EXPECT_EQ(0x7f, rig_status(&r));
	rig_select(&r, 1, 1);
	EXPECT_EQ(DRDY | DSC, rig_status(&r));
	rig_destroy(&r);
}

TEST_F(ide, soft_reset_leaves_signature)
{
	struct rig *r = &self->r;

	rig_control(r, CTL_SRST);
	EXPECT_EQ(BSY, rig_alt_status(r));
	rig_control(r, 0);
	for (unsigned int unit = 0; unit < 2; unit++) {
		rig_select(r, 0, unit);
		EXPECT_EQ(DRDY | DSC, rig_status(r));
		EXPECT_EQ(1, rig_error(r));
	}
	rig_reset(r);
	EXPECT_EQ(1, fake_pio_read(r->f, r->base + 2, 1));
	EXPECT_EQ(1, fake_pio_read(r->f, r->base + 3, 1));
	EXPECT_EQ(0, fake_pio_read(r->f, r->base + 4, 1));
	EXPECT_EQ(0, fake_pio_read(r->f, r->base + 5, 1));
	EXPECT_FALSE(rig_irq(r));
}

TEST_F(ide, identify)
{
	struct rig *r = &self->r;
	uint16_t id[256];
	uint8_t sum = 0;

	rig_identify(r, id);
	EXPECT_EQ(SECTORS, id[60] | id[61] << 16);
	EXPECT_EQ(SECTORS, id[100] | id[101] << 16);
	EXPECT_EQ(16, id[3]);
	EXPECT_EQ(63, id[6]);
	EXPECT_EQ(SECTORS / (16 * 63), id[1]);
	EXPECT_EQ(0, memcmp("APARAVENI EDD SI K", &id[27], 18));
	EXPECT_EQ(0x0300, id[49] & 0x0300);
	EXPECT_EQ(0x07, id[63] & 0xff);
	EXPECT_EQ(0x3f, id[88] & 0xff);
	EXPECT_EQ(0x7400, id[83] & 0x7400);
	EXPECT_EQ(0x0020, id[85] & 0x0020);
	EXPECT_EQ(0xa5, id[255] & 0xff);
	for (unsigned int i = 0; i < 512; i++)
		sum += ((uint8_t *)id)[i];
	EXPECT_EQ(0, sum);
	rig_select(r, 0, 1);
	rig_identify(r, id);
	EXPECT_EQ(2048, id[60]);
	EXPECT_EQ('1' | '0' << 8, id[14]); /* PVNIDE0001: the last pair */
}

TEST_F(ide, interrupt_follows_status_nien_and_selection)
{
	struct rig *r = &self->r;

	rig_control(r, CTL_NIEN);
	rig_command(r, 0xe7, 0, 0, 0);
	while (rig_alt_status(r) & BSY)
		loop_run_once(r->f->m.loop, 5);
	EXPECT_FALSE(rig_irq(r));
	rig_control(r, 0);
	EXPECT_TRUE(rig_irq(r));
	rig_alt_status(r);
	EXPECT_TRUE(rig_irq(r));
	/* The other drive does not drive the wire. */
	fake_pio_write(r->f, r->base + 6, 1, 0xf0);
	EXPECT_FALSE(rig_irq(r));
	fake_pio_write(r->f, r->base + 6, 1, 0xe0);
	EXPECT_TRUE(rig_irq(r));
	rig_status(r);
	EXPECT_FALSE(rig_irq(r));
}

TEST_F(ide, commands_without_data)
{
	static const uint8_t good[] = { 0x10, 0x91, 0xe0, 0xe1, 0xe2, 0xe3, 0xe7, 0xea, 0x40 };
	static const uint8_t unknown[] = { 0x00, 0x08, 0xa0, 0xa1, 0xb0, 0xf1, 0xf8, 0xff, 0x03, 0x60 };
	struct rig *r = &self->r;

	for (unsigned int i = 0; i < sizeof(good); i++) {
		EXPECT_EQ(DRDY | DSC, rig_no_data(r, good[i], 0, 16)) TH_LOG("command %02x", good[i]);
	}
	for (unsigned int i = 0; i < sizeof(unknown); i++) {
		EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, unknown[i], 0, 16)) TH_LOG("command %02x", unknown[i]);
		EXPECT_EQ(ABRT, rig_error(r));
	}
}

TEST_F(ide, power_modes)
{
	struct rig *r = &self->r;
	unsigned int blocks;

	rig_no_data(r, 0xe5, 0, 0);
	EXPECT_EQ(0xff, fake_pio_read(r->f, r->base + 2, 1));
	rig_no_data(r, 0xe0, 0, 0);
	rig_no_data(r, 0xe5, 0, 0);
	EXPECT_EQ(0, fake_pio_read(r->f, r->base + 2, 1));
	/* A read spins it up. */
	rig_command(r, 0x20, 0, 1, 1);
	rig_pio_read(r, 1, 1, self->buf, &blocks);
	rig_no_data(r, 0xe5, 0, 0);
	EXPECT_EQ(0xff, fake_pio_read(r->f, r->base + 2, 1));
	/* Asleep it hears nothing but a reset. */
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xe6, 0, 0));
	rig_command(r, 0xe5, 0, 0, 0);
	EXPECT_FALSE(rig_irq(r));
	rig_reset(r);
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xe5, 0, 0));
}

TEST_F(ide, set_features)
{
	struct rig *r = &self->r;
	uint16_t id[256];

	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xef, 0x03, 0x22));
	rig_identify(r, id);
	EXPECT_EQ(0x0407, id[63]);
	EXPECT_EQ(0x003f, id[88]);
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xef, 0x03, 0x45));
	rig_identify(r, id);
	EXPECT_EQ(0x0007, id[63]);
	EXPECT_EQ(0x203f, id[88]);
	EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, 0xef, 0x03, 0x46));
	EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, 0xef, 0x03, 0x23));
	EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, 0xef, 0x99, 0));
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xef, 0x82, 0));
	rig_identify(r, id);
	EXPECT_EQ(0, id[85] & 0x20);
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xef, 0x02, 0));
	rig_identify(r, id);
	EXPECT_EQ(0x20, id[85] & 0x20);
}

TEST_F(ide, diagnostic)
{
	struct rig *r = &self->r;

	rig_select(r, 0, 1);
	rig_command(r, 0x90, 0, 0, 0);
	EXPECT_TRUE(rig_irq(r));
	EXPECT_EQ(0xa0, fake_pio_read(r->f, r->base + 6, 1));
	EXPECT_EQ(1, rig_error(r));
	EXPECT_EQ(DRDY | DSC, rig_status(r));
}

TEST_F(ide, pio_read_each_way)
{
	struct rig *r = &self->r;
	unsigned int blocks;

	patterns(self->want, 100, 1024, 0);
	rig_command(r, 0x20, 0, 100, 7);
	EXPECT_EQ(DRDY | DSC, rig_pio_read(r, 7, 1, self->buf, &blocks));
	EXPECT_EQ(0, memcmp(self->buf, self->want, 7 * 512));
	/* 0 is 256 sectors. */
	rig_command(r, 0x20, 0, 100, 0);
	EXPECT_EQ(DRDY | DSC, rig_pio_read(r, 256, 1, self->buf, &blocks));
	EXPECT_EQ(256, blocks);
	EXPECT_EQ(0, memcmp(self->buf, self->want, 256 * 512));
	/* More than the buffer takes, by blocks of 16. */
	rig_command_ext(r, 0x29, 0, 100, 1000);
	EXPECT_EQ(DRDY | DSC, rig_pio_read(r, 1000, 16, self->buf, &blocks));
	EXPECT_EQ(63, blocks);
	EXPECT_EQ(0, memcmp(self->buf, self->want, 1000 * 512));
	EXPECT_FALSE(rig_irq(r));
}

TEST_F(ide, pio_single_accesses_of_each_width)
{
	struct rig *r = &self->r;

	rig_pattern(9, 0, self->want);
	for (unsigned int size = 1; size <= 4; size *= 2) {
		rig_command(r, 0x20, 0, 9, 1);
		rig_wait_irq(r);
		for (unsigned int i = 0; i < 512; i += size) {
			uint32_t v = fake_pio_read(r->f, r->base, size);

			memcpy(self->buf + i, &v, size);
		}
		EXPECT_EQ(0, memcmp(self->buf, self->want, 512)) TH_LOG("width %u", size);
		EXPECT_EQ(DRDY | DSC, rig_status(r));
	}
	/* Past the end of the data there are zeroes, and no harm. */
	EXPECT_EQ(0, fake_pio_read(r->f, r->base, 4));
}

TEST_F(ide, pio_write_each_way)
{
	static const struct {
		uint8_t opcode;
		bool ext;
		uint32_t nr, block;
	} way[] = { { 0x30, false, 9, 1 }, { 0x34, true, 700, 1 }, { 0xc5, false, 40, 16 }, { 0x39, true, 900, 16 },
		    { 0xce, true, 33, 16 } };
	struct rig *r = &self->r;
	unsigned int blocks;

	for (unsigned int i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		uint64_t lba = 1000 + i;

		patterns(self->want, lba, way[i].nr, i + 1);
		if (way[i].ext)
			rig_command_ext(r, way[i].opcode, 0, lba, way[i].nr);
		else
			rig_command(r, way[i].opcode, 0, lba, way[i].nr);
		EXPECT_FALSE(rig_irq(r)); /* none before the first block */
		EXPECT_EQ(DRDY | DSC, rig_pio_write(r, way[i].nr, way[i].block, self->want, &blocks));
		EXPECT_EQ((way[i].nr + way[i].block - 1) / way[i].block, blocks);
		ASSERT_EQ(way[i].nr * 512, pread(r->disk[0].fd, self->buf, way[i].nr * 512, lba * 512));
		EXPECT_EQ(0, memcmp(self->buf, self->want, way[i].nr * 512)) TH_LOG("way %u", i);
		/* The neighbours are as they were. */
		pread(r->disk[0].fd, self->buf, 512, (lba + way[i].nr) * 512);
		rig_pattern(lba + way[i].nr, 0, self->want);
		if (i == 0) {
			EXPECT_EQ(0, memcmp(self->buf, self->want, 512));
		}
	}
}

TEST_F(ide, set_multiple)
{
	struct rig *r = &self->r;
	unsigned int blocks;
	uint16_t id[256];

	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xc6, 0, 4));
	rig_identify(r, id);
	EXPECT_EQ(0x0104, id[59]);
	rig_command(r, 0xc4, 0, 0, 10);
	rig_pio_read(r, 10, 4, self->buf, &blocks);
	EXPECT_EQ(3, blocks);
	EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, 0xc6, 0, 5));
	EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, 0xc6, 0, 32));
	/* Now it is off, and the commands are refused. */
	EXPECT_EQ(DRDY | DSC | ERR, rig_no_data(r, 0xc4, 0, 1));
	EXPECT_EQ(ABRT, rig_error(r));
	EXPECT_EQ(DRDY | DSC, rig_no_data(r, 0xc6, 0, 16));
}

TEST_F(ide, chs)
{
	struct rig *r = &self->r;
	unsigned int blocks;

	/* Cylinder 2, head 3, sector 4 of 16 heads and 63 sectors. */
	r->select = 0xa0;
	rig_command(r, 0x20, 0, 4 | 2 << 8 | 3 << 24, 1);
	rig_pio_read(r, 1, 1, self->buf, &blocks);
	rig_pattern((2 * 16 + 3) * 63 + 3, 0, self->want);
	EXPECT_EQ(0, memcmp(self->buf, self->want, 512));
	/* Another translation: 8 heads of 32. */
	rig_command(r, 0x91, 0, 7 << 24, 32);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	rig_command(r, 0x20, 0, 4 | 2 << 8 | 3 << 24, 1);
	rig_pio_read(r, 1, 1, self->buf, &blocks);
	rig_pattern((2 * 8 + 3) * 32 + 3, 0, self->want);
	EXPECT_EQ(0, memcmp(self->buf, self->want, 512));
	/* Sectors count from 1. */
	rig_command(r, 0x20, 0, 0 | 2 << 8, 1);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(IDNF, rig_error(r));
	rig_command(r, 0x91, 0, 0, 0);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
}

TEST_F(ide, range)
{
	struct rig *r = &self->r;
	unsigned int blocks;

	rig_command(r, 0x20, 0, SECTORS - 1, 1);
	EXPECT_EQ(DRDY | DSC, rig_pio_read(r, 1, 1, self->buf, &blocks));
	rig_command(r, 0x20, 0, SECTORS - 1, 2);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(IDNF, rig_error(r));
	EXPECT_EQ(SECTORS, rig_lba_28(r));
	rig_command_ext(r, 0x35, 0, 0xfffffffffffful, 0);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	EXPECT_EQ(IDNF, rig_error(r));
	EXPECT_EQ(0xfffffffffffful, rig_lba_48(r));
	rig_command(r, 0x40, 0, SECTORS - 255, 0);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(r));
	rig_command(r, 0x40, 0, SECTORS - 256, 0);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
	rig_command_ext(r, 0x42, 0, 0, SECTORS);
	EXPECT_EQ(DRDY | DSC, rig_wait_irq(r));
}

TEST(read_only_disk)
{
	const uint64_t sectors[4] = { 256, 0, 0, 0 };
	uint8_t buf[512];
	unsigned int blocks;
	struct rig r;

	rig_create(&r, sectors, BLK_CACHE_WRITEBACK, true);
	rig_command(&r, 0x30, 0, 5, 1);
	EXPECT_EQ(DRDY | DSC | ERR, rig_wait_irq(&r));
	EXPECT_EQ(WP | ABRT, rig_error(&r));
	EXPECT_EQ(5, rig_lba_28(&r));
	EXPECT_EQ(DRDY | DSC, rig_no_data(&r, 0xe7, 0, 0));
	rig_command(&r, 0x20, 0, 5, 1);
	EXPECT_EQ(DRDY | DSC, rig_pio_read(&r, 1, 1, buf, &blocks));
	rig_destroy(&r);
}

TEST(four_drives_are_four_disks)
{
	const uint64_t sectors[4] = { 64, 128, 192, 256 };
	struct rig r;
	uint16_t id[256];

	rig_create(&r, sectors, BLK_CACHE_WRITEBACK, false);
	for (unsigned int i = 0; i < 4; i++) {
		rig_select(&r, i / 2, i % 2);
		rig_identify(&r, id);
		EXPECT_EQ(sectors[i], id[60]);
	}
	rig_destroy(&r);
}

TEST_F(ide, pci_reset_brings_power_on_state)
{
	struct rig *r = &self->r;
	uint16_t id[256];

	rig_no_data(r, 0xc6, 0, 4);
	rig_command(r, 0x20, 0, 0, 4); /* left in the middle */
	rig_wait_irq(r);
	r->dev->reset(r->dev);
	EXPECT_EQ(DRDY | DSC, rig_status(r));
	EXPECT_FALSE(rig_irq(r));
	rig_identify(r, id);
	EXPECT_EQ(0x0110, id[59]);
}

TEST_HARNESS_MAIN
