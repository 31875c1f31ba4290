// SPDX-License-Identifier: GPL-2.0-only
/* IDE ports: task file, device control, interrupt line, software reset. */
#include "ide.h"

#include <string.h>

/* Nobody drives the cable: bit 7 is pulled down, so that an empty channel does not look busy. */
#define IDE_FLOATING 0x7f

void ide_line_update(struct ide_channel *ch)
{
	const struct ide_drive *drive = ide_selected(ch);
	bool level = drive->disk && drive->intrq && !(ch->control & IDE_CTL_NIEN);

	if (level == ch->line)
		return;
	ch->line = level;
	if (level)
		ch->dma.status |= IDE_BM_INTR;
	irq_set(ch->ide->m, ch->gsi, level);
}

void ide_signature(struct ide_channel *ch)
{
	memset(ch->reg, 0, sizeof(ch->reg));
	ch->reg[IDE_REG_NSECT].cur = 1;
	ch->reg[IDE_REG_LBA_LOW].cur = 1;
	ch->device = 0;
	for (unsigned int i = 0; i < 2; i++) {
		ch->drive[i].error = 1; /* passed its diagnostics */
		ch->drive[i].status = IDE_ST_READY;
		ch->drive[i].asleep = false;
	}
}

void ide_cancel(struct ide_channel *ch)
{
	ide_io_cancel(ch);
	ch->phase = IDE_IDLE;
	memset(&ch->cmd, 0, sizeof(ch->cmd));
	for (unsigned int i = 0; i < 2; i++)
		ch->drive[i].intrq = false;
}

static void control_write(struct ide_channel *ch, uint8_t value)
{
	uint8_t rising = value & ~ch->control;
	uint8_t falling = ch->control & ~value;

	ch->control = value & (IDE_CTL_SRST | IDE_CTL_NIEN);
	ch->hob = value & IDE_CTL_HOB;
	if (rising & IDE_CTL_SRST) {
		/*
		 * The guest may reuse its buffers once it has reset the drive, so transfers end first. This makes
		 * the vCPU wait for the host's disk; only a guest that has lost patience with it gets here.
		 */
		ide_cancel(ch);
		ch->phase = IDE_RESET;
		for (unsigned int i = 0; i < 2; i++)
			ch->drive[i].status = IDE_ST_BSY;
	} else if (falling & IDE_CTL_SRST) {
		ch->phase = IDE_IDLE;
		ide_signature(ch);
	}
	ide_line_update(ch);
}

/* The register's byte, or what an absent drive leaves on the cable. Drive 0 answers for an absent drive 1. */
static bool drive_answers(struct ide_channel *ch, uint8_t *value)
{
	if (ide_selected(ch)->disk)
		return true;
	*value = ch->drive[0].disk ? 0 : IDE_FLOATING;
	return false;
}

static uint8_t reg_read(struct ide_channel *ch, unsigned int reg)
{
	struct ide_drive *drive = ide_selected(ch);
	uint8_t value;

	if (!drive_answers(ch, &value))
		return value;
	switch (reg) {
	case IDE_REG_ERROR:
		return ch->hob ? ch->reg[reg].prev : drive->error;
	case IDE_REG_DEVICE:
		return ch->device | 0xa0;
	case IDE_REG_STATUS:
		value = drive->status;
		drive->intrq = false;
		ide_line_update(ch);
		return value;
	default:
		return ch->hob ? ch->reg[reg].prev : ch->reg[reg].cur;
	}
}

static void reg_write(struct ide_channel *ch, unsigned int reg, uint8_t value)
{
	ch->hob = false;
	/* A busy drive does not listen. EXECUTE DEVICE DIAGNOSTIC is no exception: SRST is the way out. */
	if (ch->phase != IDE_IDLE)
		return;
	switch (reg) {
	case IDE_REG_STATUS:
		ide_command(ch, value);
		break;
	case IDE_REG_DEVICE:
		ch->device = value & ~0xa0;
		ide_line_update(ch);
		break;
	default:
		ch->reg[reg].prev = ch->reg[reg].cur;
		ch->reg[reg].cur = value;
	}
}

static uint64_t all_ones(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << 8 * size) - 1;
}

static void put_le(uint8_t *bytes, unsigned int size, uint64_t value)
{
	for (unsigned int i = 0; i < size; i++)
		bytes[i] = value >> 8 * i;
}

static uint64_t get_le(const uint8_t *bytes, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static uint64_t command_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ide_channel *ch = opaque;
	uint8_t bytes[8];
	uint64_t value = all_ones(size);

	pthread_mutex_lock(&ch->lock);
	ide_io_pump(ch);
	if (ch->decoded && offset == IDE_REG_DATA) {
		ide_pio_data(ch, bytes, size, false);
		value = get_le(bytes, size);
	} else if (ch->decoded) {
		/* A wide access to byte registers is one access for each, as the bus splits it. */
		for (unsigned int i = 0; i < size; i++)
			bytes[i] = reg_read(ch, offset + i);
		value = get_le(bytes, size);
	}
	ide_io_pump(ch);
	pthread_mutex_unlock(&ch->lock);
	return value;
}

static void command_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct ide_channel *ch = opaque;
	uint8_t bytes[8];

	put_le(bytes, size, value);
	pthread_mutex_lock(&ch->lock);
	if (ch->decoded && offset == IDE_REG_DATA)
		ide_pio_data(ch, bytes, size, true);
	else if (ch->decoded)
		for (unsigned int i = 0; i < size; i++)
			reg_write(ch, offset + i, bytes[i]);
	ide_io_pump(ch);
	pthread_mutex_unlock(&ch->lock);
}

static void command_string(void *opaque, uint64_t offset, unsigned int size, unsigned int count, void *buf,
			   bool is_write)
{
	struct ide_channel *ch = opaque;
	uint8_t *bytes = buf;

	if (offset == IDE_REG_DATA) {
		pthread_mutex_lock(&ch->lock);
		if (ch->decoded)
			ide_pio_data(ch, bytes, size * count, is_write);
		else if (!is_write)
			memset(bytes, 0xff, size * count);
		ide_io_pump(ch);
		pthread_mutex_unlock(&ch->lock);
		return;
	}
	for (unsigned int i = 0; i < count; i++, bytes += size) {
		if (is_write)
			command_write(ch, offset, size, get_le(bytes, size));
		else
			put_le(bytes, size, command_read(ch, offset, size));
	}
}

const struct bus_ops ide_command_ops = {
	.read = command_read,
	.write = command_write,
	.string = command_string,
};

/* The control block is one byte wide: alternate status, which leaves the interrupt pending, and device control. */
static uint64_t control_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ide_channel *ch = opaque;
	uint8_t value = 0xff;

	pthread_mutex_lock(&ch->lock);
	/* Drivers poll here for the end of a command: don't make them wait for the loop. */
	ide_io_pump(ch);
	if (ch->decoded && drive_answers(ch, &value))
		value = ide_selected(ch)->status;
	pthread_mutex_unlock(&ch->lock);
	return value;
}

static void control_port_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct ide_channel *ch = opaque;

	pthread_mutex_lock(&ch->lock);
	if (ch->decoded)
		control_write(ch, value);
	ide_io_pump(ch);
	pthread_mutex_unlock(&ch->lock);
}

const struct bus_ops ide_control_ops = { .read = control_read, .write = control_port_write };
