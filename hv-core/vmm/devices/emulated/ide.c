// SPDX-License-Identifier: GPL-2.0-only
/*
 * PIIX3 IDE: the PCI function, its life and its resets.
 *
 * In legacy mode, as on the chip: ports and wires of the two channels are those of the PC/AT, only the bus master's
 * registers are in a BAR. The chip has no UltraDMA, so that guests use multiword DMA 2; the mode costs nothing here.
 */
#include "ide.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emulated.h"

#define PIIX_IDETIM 0x40 /* 16 bits a channel: timings, and decode enable */
#define PIIX_SIDETIM 0x44
#define PIIX_DECODE_HIGH 0x80 /* in the upper byte */

static const struct ide_ports {
	uint16_t command, control;
	unsigned int gsi;
} ide_ports[2] = { { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 } };

static bool channel_has_drives(const struct ide_channel *ch)
{
	return ch->drive[0].disk || ch->drive[1].disk;
}

static void decode_update(struct ide *ide)
{
	const uint8_t *config = ide->pci.config;

	for (unsigned int i = 0; i < 2; i++) {
		struct ide_channel *ch = &ide->channel[i];

		pthread_mutex_lock(&ch->lock);
		ch->decoded = config[PCI_COMMAND] & PCI_COMMAND_IO &&
			      config[PIIX_IDETIM + 2 * i + 1] & PIIX_DECODE_HIGH;
		pthread_mutex_unlock(&ch->lock);
	}
}

/* What a PC's firmware leaves behind: a channel with drives is enabled, another is off. */
static void timing_default(struct ide *ide)
{
	for (unsigned int i = 0; i < 2; i++) {
		ide->pci.config[PIIX_IDETIM + 2 * i] = 0;
		ide->pci.config[PIIX_IDETIM + 2 * i + 1] =
			channel_has_drives(&ide->channel[i]) ? PIIX_DECODE_HIGH : 0;
	}
	ide->pci.config[PIIX_SIDETIM] = 0;
}

static void ide_config_written(struct pci_device *dev, unsigned int offset, unsigned int len)
{
	struct ide *ide = dev->opaque;

	if (offset <= PCI_COMMAND + 1 && offset + len > PCI_COMMAND) {
		for (unsigned int i = 0; i < 2; i++) {
			struct ide_channel *ch = &ide->channel[i];

			pthread_mutex_lock(&ch->lock);
			if (dev->bus_master)
				ide_dma_run(ch);
			else
				ide_dma_forbid(ch);
			ide_io_pump(ch);
			pthread_mutex_unlock(&ch->lock);
		}
	}
	decode_update(ide);
}

static void ide_pci_reset(struct pci_device *dev)
{
	struct ide *ide = dev->opaque;

	for (unsigned int i = 0; i < 2; i++) {
		struct ide_channel *ch = &ide->channel[i];

		pthread_mutex_lock(&ch->lock);
		ide_channel_reset(ch);
		pthread_mutex_unlock(&ch->lock);
	}
	timing_default(ide);
	decode_update(ide);
}

void ide_channel_reset(struct ide_channel *ch)
{
	ide_cancel(ch);
	ch->control = 0;
	ch->hob = false;
	memset(&ch->dma, 0, sizeof(ch->dma));
	for (unsigned int i = 0; i < 2; i++)
		ide_drive_defaults(&ch->drive[i]);
	ide_signature(ch);
	ide_line_update(ch);
}

static void pci_identity(struct ide *ide)
{
	struct pci_device *dev = &ide->pci;

	dev->name = "ide";
	dev->vendor = 0x8086;
	dev->device = 0x7010;
	dev->class_code = 0x010180; /* IDE, legacy mode on both channels, can be bus master */
	dev->slot = -1;
	dev->opaque = ide;
	dev->config_written = ide_config_written;
	dev->reset = ide_pci_reset;
	pci_set_bar(dev, 4, PCI_BAR_IO, 16, "ide bus master", &ide_dma_ops, ide);
	memset(dev->wmask + PIIX_IDETIM, 0xff, 4);
	dev->wmask[PIIX_SIDETIM] = 0xff;
}

static int channel_ports_add(struct ide_channel *ch)
{
	struct bus *pio = &ch->ide->m->pio;
	int err;

	ch->command_range = (struct bus_range){
		.name = ch->nr ? "ide channel 1" : "ide channel 0",
		.base = ide_ports[ch->nr].command,
		.len = IDE_NR_REGS,
		.ops = &ide_command_ops,
		.opaque = ch,
	};
	ch->control_range = (struct bus_range){
		.name = ch->nr ? "ide control 1" : "ide control 0",
		.base = ide_ports[ch->nr].control,
		.len = 1,
		.ops = &ide_control_ops,
		.opaque = ch,
	};
	err = bus_add(pio, &ch->command_range);
	if (err)
		return err;
	err = bus_add(pio, &ch->control_range);
	if (err)
		bus_remove(pio, &ch->command_range);
	return err;
}

static void channel_ports_remove(struct ide_channel *ch)
{
	bus_remove(&ch->ide->m->pio, &ch->control_range);
	bus_remove(&ch->ide->m->pio, &ch->command_range);
}

static void channel_free(struct ide_channel *ch)
{
	for (unsigned int i = 0; i < 2; i++)
		ide_io_destroy(&ch->drive[i]);
	if (ch->pio.buf)
		munmap(ch->pio.buf, IDE_PIO_SECTORS * IDE_SECTOR);
	pthread_mutex_destroy(&ch->lock);
}

static int channel_init(struct ide *ide, unsigned int nr, struct blk_disk *const disks[2])
{
	struct ide_channel *ch = &ide->channel[nr];
	int err = 0;

	ch->ide = ide;
	ch->nr = nr;
	ch->gsi = ide_ports[nr].gsi;
	pthread_mutex_init(&ch->lock, NULL);
	/* Mapped, so that what DMA never touches costs no memory. */
	ch->pio.buf = mmap(NULL, IDE_PIO_SECTORS * IDE_SECTOR, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ch->pio.buf == MAP_FAILED) {
		ch->pio.buf = NULL;
		err = -ENOMEM;
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct ide_drive *drive = &ch->drive[i];

		drive->ch = ch;
		drive->unit = i;
		drive->index = 2 * nr + i;
		drive->watch.fd = -1;
		if (err || !disks[i])
			continue;
		drive->disk = disks[i];
		drive->sectors = disks[i]->bytes / IDE_SECTOR;
		if (drive->sectors > IDE_LBA48_SECTORS)
			drive->sectors = IDE_LBA48_SECTORS;
		err = drive->sectors ? ide_io_create(drive) : -EINVAL;
	}
	if (err) {
		channel_free(ch);
		return err;
	}
	ide_channel_reset(ch);
	return 0;
}

int ide_create(struct machine *m, struct blk_disk *const disks[4], struct ide **out)
{
	struct ide *ide = calloc(1, sizeof(*ide));
	int err;

	if (!ide)
		return -ENOMEM;
	ide->m = m;
	err = channel_init(ide, 0, disks);
	if (err)
		goto free_ide;
	err = channel_init(ide, 1, disks + 2);
	if (err)
		goto free_channel0;
	err = channel_ports_add(&ide->channel[0]);
	if (err)
		goto free_channel1;
	err = channel_ports_add(&ide->channel[1]);
	if (err)
		goto remove_ports0;
	pci_identity(ide);
	err = pci_add(m, &ide->pci);
	if (err)
		goto remove_ports1;
	timing_default(ide);
	decode_update(ide);
	*out = ide;
	return 0;

remove_ports1:
	pci_remove(&ide->pci);
	channel_ports_remove(&ide->channel[1]);
remove_ports0:
	channel_ports_remove(&ide->channel[0]);
free_channel1:
	channel_free(&ide->channel[1]);
free_channel0:
	channel_free(&ide->channel[0]);
free_ide:
	free(ide);
	return err;
}

void ide_destroy(struct ide *ide)
{
	if (!ide)
		return;
	pci_remove(&ide->pci);
	for (unsigned int i = 0; i < 2; i++)
		channel_ports_remove(&ide->channel[i]);
	for (unsigned int i = 0; i < 2; i++)
		channel_free(&ide->channel[i]);
	free(ide);
}
