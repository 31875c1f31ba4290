// SPDX-License-Identifier: GPL-2.0-only
/*
 * IDE and a hostile guest: any register, any width, any time, tables of any content, over a disk that stalls and fails
 * as it likes. Built with the sanitizers, this looks for accesses out of bounds; in any build the drive must work
 * after a reset. Arguments: seed, number of accesses; without them a few fixed seeds.
 */
#include "ide_driver.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ide_slow_disk.h"

#define SECTORS 4096u
#define ACCESSES 60000u

static uint64_t state;

static uint32_t rnd(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state >> 33;
}

static bool one_in(uint32_t n)
{
	return rnd() % n == 0;
}

/* Values that mean something are as likely as any others. */
static uint8_t some_command(void)
{
	static const uint8_t known[] = { 0x06, 0x10, 0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x3d, 0x40, 0x42,
					 0x70, 0x90, 0x91, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xce, 0xe0, 0xe1, 0xe3, 0xe5,
					 0xe7, 0xea, 0xec, 0xef };

	return one_in(8) ? rnd() : known[rnd() % sizeof(known)];
}

static uint32_t some_address(void)
{
	switch (rnd() % 128) {
	case 0:
		return rnd() << 1;
	case 1:
		return RIG_RAM - rnd() % 2048;
	case 2:
		return 0xffffffff - rnd() % 2048;
	default:
		return RIG_DATA + rnd() % 0x40000;
	}
}

static void some_table(struct rig *r)
{
	uint32_t n = 1 + rnd() % 64;

	for (uint32_t i = 0; i < n; i++)
		rig_prd(r, i, some_address(), one_in(4) ? rnd() % 2048 : (rnd() % 4 + 1) * 512, i == n - 1 && !one_in(4));
}

static void some_task_file(struct rig *r)
{
	for (unsigned int i = 1; i < 6; i++)
		fake_pio_write(r->f, r->base + i, 1, one_in(3) ? rnd() & 0xff : i == 5 || i == 4 ? 0 : rnd() & 0x3f);
	fake_pio_write(r->f, r->base + 6, 1, one_in(4) ? rnd() & 0xff : 0xe0);
}

/* A request that can be done. */
static void good_task_file(struct rig *r)
{
	static const uint8_t features[] = { 0x01, 0x02, 0x03, 0x55, 0x66, 0x82, 0xaa };
	static const uint8_t counts[] = { 1, 2, 4, 8, 16, 0x08, 0x22, 0x45, 0 };

	for (unsigned int i = 1; i < 6; i++)
		fake_pio_write(r->f, r->base + i, 1, 0);
	fake_pio_write(r->f, r->base + 1, 1, features[rnd() % sizeof(features)]);
	fake_pio_write(r->f, r->base + 2, 1, counts[rnd() % sizeof(counts)]);
	fake_pio_write(r->f, r->base + 3, 1, rnd() & 0xff);
	fake_pio_write(r->f, r->base + 4, 1, one_in(4) ? rnd() & 0x0f : 0);
	fake_pio_write(r->f, r->base + 6, 1, one_in(4) ? 0xa0 | (rnd() & 1) : 0xe0);
}

/* Ranges of TRIM where data are written from. */
static void some_ranges(struct rig *r)
{
	uint64_t *range = (uint64_t *)(r->ram + RIG_DATA);

	for (unsigned int i = 0; i < 512; i++)
		range[i] = one_in(4) ? rnd() % SECTORS | (uint64_t)(rnd() % 16) << 48 : 0;
}

/* What a driver does, but with any command and any table, and cut off anywhere. */
static void near_miss(struct rig *r, uint8_t *buf)
{
	uint8_t command = some_command();
	unsigned int n = rnd() % 16;

	if (one_in(2))
		some_table(r);
	else
		rig_prd_linear(r, RIG_DATA, (1 + rnd() % 512) * 512);
	if (one_in(3))
		some_task_file(r);
	else
		good_task_file(r);
	if (command == 0x06)
		some_ranges(r);
	fake_pio_write(r->f, r->base + 7, 1, command);
	while (n--)
		fake_pio_string(r->f, r->base, 2, one_in(4) ? rnd() % 2048 : 256, buf, command & 0x10);
	if (one_in(4))
		return;
	rig_dma_start(r, rnd() & 1);
}

static void access_any(struct rig *r, uint8_t *buf)
{
	unsigned int size = 1u << rnd() % 3;
	unsigned int port, room;

	switch (rnd() % 5) {
	case 0:
		port = r->bm & ~15u;
		room = 16;
		break;
	case 1:
		port = r->ctl;
		room = size = 1;
		break;
	default:
		port = r->base;
		room = 8;
	}
	port += one_in(3) ? 0 : rnd() % (room - size + 1);
	if (one_in(3))
		fake_pio_string(r->f, port, size, 1 + rnd() % 1024, buf, rnd() & 1);
	else if (one_in(2))
		fake_pio_read(r->f, port, size);
	else
		fake_pio_write(r->f, port, size, rnd());
}

static void disturb_disk(void)
{
	slow_disk.hold = one_in(2);
	slow_disk.bad_read = one_in(3) ? rnd() % 256 : UINT64_MAX;
	slow_disk.bad_write = one_in(3) ? rnd() % 256 : UINT64_MAX;
	slow_disk.bad_flush = one_in(3);
}

static void step(struct rig *r, uint8_t *buf)
{
	switch (rnd() % 16) {
	case 0:
		rig_select(r, rnd() & 1, rnd() & 1);
		break;
	case 1:
		rig_control(r, rnd());
		break;
	case 2:
		rig_reset(r);
		break;
	case 3:
		disturb_disk();
		break;
	case 4:
		slow_release();
		break;
	case 5:
		loop_run_once(r->f->m.loop, 0);
		break;
	case 6:
		if (one_in(4))
			fake_config_write(r->f, r->dev, one_in(2) ? PCI_COMMAND : 0x40 + rnd() % 4, 1, rnd());
		break;
	case 7:
		if (one_in(50))
			r->dev->reset(r->dev);
		break;
	case 8 ... 11:
		near_miss(r, buf);
		break;
	default:
		access_any(r, buf);
	}
}

/* A guest that starts anew finds a drive that works. */
static bool works(struct rig *r)
{
	unsigned int blocks;
	uint16_t id[256];
	uint8_t buf[512];

	slow_disk.hold = false;
	slow_disk.bad_read = slow_disk.bad_write = UINT64_MAX;
	slow_disk.bad_flush = false;
	r->dev->reset(r->dev);
	fake_device_enable(r->f, r->dev);
	rig_select(r, 0, 0);
	rig_reset(r);
	rig_identify(r, id);
	if (id[60] != SECTORS)
		return false;
	rig_command(r, 0x20, 0, 11, 1);
	rig_pio_read(r, 1, 1, buf, &blocks);
	if (memcmp(buf, slow_disk.data + 11 * 512, 512))
		return false;
	rig_prd_linear(r, RIG_DATA, 8 * 512);
	rig_command(r, 0xc8, 0, 64, 8);
	rig_dma_start(r, true);
	return rig_wait_irq(r) == (DRDY | DSC) && !memcmp(r->ram + RIG_DATA, slow_disk.data + 64 * 512, 8 * 512);
}

static bool fuzz(uint64_t seed, unsigned int accesses)
{
	struct rig r = { 0 };
	struct blk_disk disk;
	struct blk_disk *disks[4] = { &disk };
	uint8_t *buf = malloc(4096);
	bool ok;

	state = seed * 2862933555777941757ull + 3037000493ull;
	slow_disk_init(&disk, SECTORS, one_in(5));
	rig_create_on(&r, disks);
	for (unsigned int i = 0; i < accesses; i++)
		step(&r, buf);
	ok = works(&r);
	rig_destroy(&r);
	slow_disk_destroy();
	free(buf);
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	unsigned int accesses = argc > 2 ? strtoul(argv[2], NULL, 0) : ACCESSES;
	unsigned int nr = argc > 1 ? 1 : 6;
	int failed = 0;

	printf("TAP version 13\n1..%u\n", nr);
	for (unsigned int i = 0; i < nr; i++) {
		bool ok = fuzz(seed + i, accesses);

		failed += !ok;
		printf("%s %u ide works after %u hostile accesses, seed %llu\n", ok ? "ok" : "not ok", i + 1, accesses,
		       (unsigned long long)(seed + i));
		fflush(stdout);
	}
	return failed != 0;
}
