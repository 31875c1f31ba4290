// SPDX-License-Identifier: GPL-2.0-only
/* The IDE tests' driver. */
#include "ide_driver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 5000

static void die(const char *what)
{
	fprintf(stderr, "ide test driver: %s\n", what);
	abort();
}

void rig_pattern(uint64_t sector, uint32_t salt, void *buf)
{
	uint32_t x = (uint32_t)sector * 2654435761u + salt + 1;
	uint32_t *w = buf;

	for (unsigned int i = 0; i < 128; i++) {
		x = x * 1664525u + 1013904223u;
		w[i] = x;
	}
}

static void make_file(char *path, uint64_t sectors)
{
	uint8_t buf[512];
	FILE *file;
	int fd;

	strcpy(path, "/tmp/ide-test-XXXXXX");
	fd = mkstemp(path);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		die("cannot make a file in /tmp");
	for (uint64_t s = 0; s < sectors; s++) {
		rig_pattern(s, 0, buf);
		fwrite(buf, 512, 1, file);
	}
	if (fclose(file))
		die("cannot fill the disk's file");
}

void rig_create_on(struct rig *r, struct blk_disk *const disks[4])
{
	r->f = fake_machine_create(RIG_RAM);
	if (!r->f)
		die("no memory for the machine");
	if (ide_create(&r->f->m, disks, &r->ide))
		die("ide_create failed");
	for (unsigned int slot = 0; slot < 32; slot++) {
		struct pci_device *dev = pci_bus_slot(r->f->pci, slot);

		if (dev && dev->vendor == 0x8086 && dev->device == 0x7010)
			r->dev = dev;
	}
	if (!r->dev)
		die("no IDE function on the bus");
	fake_device_enable(r->f, r->dev);
	r->ram = gmem_ptr(&r->f->m.gmem, GPA(0), RIG_RAM);
	rig_select(r, 0, 0);
}

void rig_create(struct rig *r, const uint64_t sectors[4], enum blk_cache cache, bool read_only)
{
	struct blk_disk *disks[4] = { NULL };
	char err[512];

	memset(r, 0, sizeof(*r));
	for (unsigned int i = 0; i < 4; i++) {
		if (!sectors[i])
			continue;
		make_file(r->path[i], sectors[i]);
		if (blk_disk_open(&r->disk[i], r->path[i], read_only, cache, err, sizeof(err)))
			die(err);
		disks[i] = &r->disk[i];
	}
	rig_create_on(r, disks);
}

void rig_destroy(struct rig *r)
{
	ide_destroy(r->ide);
	for (unsigned int i = 0; i < 4; i++) {
		if (!r->path[i][0])
			continue;
		blk_disk_close(&r->disk[i]);
		unlink(r->path[i]);
	}
	fake_machine_destroy(r->f);
}

void rig_select(struct rig *r, unsigned int channel, unsigned int unit)
{
	r->base = channel ? 0x170 : 0x1f0;
	r->ctl = channel ? 0x376 : 0x3f6;
	r->gsi = channel ? 15 : 14;
	r->bm = fake_bar(r->dev, 4) + 8 * channel;
	r->select = 0xe0 | unit << 4;
	fake_pio_write(r->f, r->base + 6, 1, r->select);
}

uint8_t rig_status(struct rig *r)
{
	return fake_pio_read(r->f, r->base + 7, 1);
}

uint8_t rig_alt_status(struct rig *r)
{
	return fake_pio_read(r->f, r->ctl, 1);
}

uint8_t rig_error(struct rig *r)
{
	return fake_pio_read(r->f, r->base + 1, 1);
}

uint64_t rig_lba_28(struct rig *r)
{
	return fake_pio_read(r->f, r->base + 3, 1) | fake_pio_read(r->f, r->base + 4, 1) << 8 |
	       fake_pio_read(r->f, r->base + 5, 1) << 16 | (fake_pio_read(r->f, r->base + 6, 1) & 0xf) << 24;
}

uint64_t rig_lba_48(struct rig *r)
{
	uint64_t lba = 0;

	for (unsigned int i = 0; i < 3; i++)
		lba |= fake_pio_read(r->f, r->base + 3 + i, 1) << 8 * i;
	rig_control(r, CTL_HOB);
	for (unsigned int i = 0; i < 3; i++)
		lba |= fake_pio_read(r->f, r->base + 3 + i, 1) << (24 + 8 * i);
	rig_control(r, 0);
	return lba;
}

void rig_control(struct rig *r, uint8_t value)
{
	fake_pio_write(r->f, r->ctl, 1, value);
}

void rig_reset(struct rig *r)
{
	rig_control(r, CTL_SRST);
	rig_control(r, 0);
}

bool rig_irq(const struct rig *r)
{
	return r->f->irq_level[r->gsi];
}

static bool irq_raised(void *arg)
{
	return rig_irq(arg);
}

uint8_t rig_wait_irq(struct rig *r)
{
	if (!fake_wait(r->f, irq_raised, r, WAIT_MS))
		die("no interrupt");
	return rig_status(r);
}

static void task_file(struct rig *r, uint8_t feature, uint64_t lba, uint32_t nr)
{
	fake_pio_write(r->f, r->base + 1, 1, feature);
	fake_pio_write(r->f, r->base + 2, 1, nr & 0xff);
	for (unsigned int i = 0; i < 3; i++)
		fake_pio_write(r->f, r->base + 3 + i, 1, lba >> 8 * i & 0xff);
}

void rig_command(struct rig *r, uint8_t opcode, uint8_t feature, uint64_t lba, uint32_t nr)
{
	task_file(r, feature, lba, nr);
	fake_pio_write(r->f, r->base + 6, 1, r->select | (lba >> 24 & 0xf));
	fake_pio_write(r->f, r->base + 7, 1, opcode);
}

void rig_command_ext(struct rig *r, uint8_t opcode, uint8_t feature, uint64_t lba, uint32_t nr)
{
	task_file(r, 0, lba >> 24, nr >> 8);
	task_file(r, feature, lba, nr);
	fake_pio_write(r->f, r->base + 6, 1, r->select);
	fake_pio_write(r->f, r->base + 7, 1, opcode);
}

uint8_t rig_no_data(struct rig *r, uint8_t opcode, uint8_t feature, uint32_t nr)
{
	rig_command(r, opcode, feature, 0, nr);
	return rig_wait_irq(r);
}

uint8_t rig_pio_read(struct rig *r, uint32_t nr, uint32_t block, void *buf, unsigned int *blocks)
{
	uint8_t *p = buf;

	*blocks = 0;
	while (nr) {
		uint32_t n = nr < block ? nr : block;
		uint8_t status = rig_wait_irq(r);

		if ((status & (BSY | DRQ | ERR)) != DRQ)
			return status;
		(*blocks)++;
		fake_pio_string(r->f, r->base, 2, n * 256, p, false);
		p += n * 512;
		nr -= n;
	}
	return rig_alt_status(r);
}

uint8_t rig_pio_write(struct rig *r, uint32_t nr, uint32_t block, const void *buf, unsigned int *blocks)
{
	const uint8_t *p = buf;
	uint8_t status = rig_alt_status(r);

	*blocks = 0;
	while (nr) {
		uint32_t n = nr < block ? nr : block;

		if ((status & (BSY | DRQ | ERR)) != DRQ)
			return status;
		fake_pio_string(r->f, r->base, 4, n * 128, (void *)p, true);
		p += n * 512;
		nr -= n;
		status = rig_wait_irq(r);
		(*blocks)++;
	}
	return status;
}

void rig_identify(struct rig *r, uint16_t id[256])
{
	unsigned int blocks;

	rig_command(r, 0xec, 0, 0, 0);
	rig_pio_read(r, 1, 1, id, &blocks);
}

void rig_prd(struct rig *r, unsigned int i, uint32_t addr, uint32_t len, bool last)
{
	uint32_t e[2] = { addr, (len & 0xffff) | (last ? 0x80000000u : 0) };

	memcpy(r->ram + RIG_PRD + 8 * i, e, sizeof(e));
}

void rig_prd_linear(struct rig *r, uint32_t addr, uint32_t len)
{
	unsigned int i = 0;

	while (len) {
		uint32_t n = 0x10000 - (addr & 0xffff);

		if (n > len)
			n = len;
		rig_prd(r, i++, addr, n, n == len);
		addr += n;
		len -= n;
	}
}

void rig_dma_start(struct rig *r, bool to_memory)
{
	fake_pio_write(r->f, r->bm + 4, 4, RIG_PRD);
	fake_pio_write(r->f, r->bm, 1, to_memory ? 8 : 0);
	fake_pio_write(r->f, r->bm + 2, 1, BM_INTR | BM_ERROR);
	fake_pio_write(r->f, r->bm, 1, (to_memory ? 8 : 0) | 1);
}

uint8_t rig_dma_status(struct rig *r)
{
	return fake_pio_read(r->f, r->bm + 2, 1) & (BM_ACTIVE | BM_ERROR | BM_INTR);
}

uint8_t rig_dma_finish(struct rig *r)
{
	uint8_t status = rig_dma_status(r);

	fake_pio_write(r->f, r->bm, 1, fake_pio_read(r->f, r->bm, 1) & ~1u);
	fake_pio_write(r->f, r->bm + 2, 1, BM_INTR | BM_ERROR);
	return status;
}
