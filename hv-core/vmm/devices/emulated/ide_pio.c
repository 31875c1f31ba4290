// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data port. Sectors go by way of the channel's buffer, up to IDE_PIO_SECTORS with one disk I/O; DRQ and an interrupt
 * come for each block of them: a sector, or as many as SET MULTIPLE said.
 */
#include "ide.h"

#include <string.h>

/* How the guest sees that the next block can be moved. */
static void block_ready(struct ide_channel *ch, enum ide_phase phase, bool interrupt)
{
	struct ide_drive *drive = ch->cmd.drive;
	uint32_t len = ch->cmd.block * IDE_SECTOR;

	if (len > ch->pio.fill - ch->pio.pos)
		len = ch->pio.fill - ch->pio.pos;
	ch->pio.drq_end = ch->pio.pos + len;
	ch->phase = phase;
	drive->status = IDE_ST_READY | IDE_ST_DRQ;
	if (interrupt) {
		drive->intrq = true;
		ide_line_update(ch);
	}
}

static void busy(struct ide_channel *ch)
{
	ch->phase = IDE_BUSY;
	ch->cmd.drive->status = IDE_ST_BSY;
}

/* The next bufferful of the command, as one I/O's segment. Returns its sectors. */
static uint32_t buffer_next(struct ide_channel *ch)
{
	uint32_t n = ch->cmd.nr - ch->cmd.done;

	if (n > IDE_PIO_SECTORS)
		n = IDE_PIO_SECTORS;
	ch->io.iov[0] = (struct iovec){ ch->pio.buf, (size_t)n * IDE_SECTOR };
	ch->io.nr_iov = 1;
	return n;
}

static void read_ahead_done(struct ide_channel *ch, int error, uint32_t good)
{
	uint32_t whole = error ? good - good % ch->cmd.block : good;

	/* Blocks before the bad sector's are delivered; then the next I/O starts in the bad block, and fails. */
	if (!whole) {
		ide_rw_fail(ch, ch->cmd.lba + ch->cmd.done + good, error);
		return;
	}
	ch->cmd.done += whole;
	ch->pio.pos = 0;
	ch->pio.fill = whole * IDE_SECTOR;
	block_ready(ch, IDE_PIO_IN, true);
}

void ide_pio_in(struct ide_channel *ch)
{
	uint32_t n = buffer_next(ch);

	busy(ch);
	ide_io_transfer(ch, BLK_READ, ch->cmd.lba + ch->cmd.done, n, read_ahead_done);
}

void ide_pio_in_buffer(struct ide_channel *ch, uint32_t bytes)
{
	ch->cmd.block = 1;
	ch->cmd.nr = ch->cmd.done = bytes / IDE_SECTOR;
	ch->pio.pos = 0;
	ch->pio.fill = bytes;
	block_ready(ch, IDE_PIO_IN, true);
}

static void block_was_read(struct ide_channel *ch)
{
	if (ch->pio.pos < ch->pio.fill) {
		block_ready(ch, IDE_PIO_IN, true);
	} else if (ch->cmd.done < ch->cmd.nr) {
		ide_pio_in(ch);
	} else {
		/* The last block's interrupt was the command's last. */
		ch->phase = IDE_IDLE;
		ch->cmd.drive->status = IDE_ST_READY;
	}
}

static void write_begin(struct ide_channel *ch, bool interrupt)
{
	ch->pio.pos = 0;
	ch->pio.fill = buffer_next(ch) * IDE_SECTOR;
	block_ready(ch, IDE_PIO_OUT, interrupt);
}

static void written(struct ide_channel *ch, int error, uint32_t good)
{
	ch->cmd.done += good;
	if (error)
		ide_rw_fail(ch, ch->cmd.lba + ch->cmd.done, error);
	else if (ch->cmd.done == ch->cmd.nr)
		ide_cmd_done(ch);
	else
		write_begin(ch, true);
}

void ide_pio_out(struct ide_channel *ch)
{
	/* The guest waits for the first DRQ without an interrupt. */
	write_begin(ch, false);
}

static void block_was_written(struct ide_channel *ch)
{
	if (ch->pio.pos < ch->pio.fill) {
		block_ready(ch, IDE_PIO_OUT, true);
		return;
	}
	busy(ch);
	ide_io_transfer(ch, BLK_WRITE, ch->cmd.lba + ch->cmd.done, ch->pio.fill / IDE_SECTOR, written);
}

void ide_pio_data(struct ide_channel *ch, uint8_t *data, uint32_t len, bool is_write)
{
	enum ide_phase phase = is_write ? IDE_PIO_OUT : IDE_PIO_IN;
	struct ide_pio *pio = &ch->pio;

	while (len && ch->phase == phase && ide_selected(ch) == ch->cmd.drive) {
		uint32_t n = pio->drq_end - pio->pos;

		if (n > len)
			n = len;
		if (is_write)
			memcpy(pio->buf + pio->pos, data, n);
		else
			memcpy(data, pio->buf + pio->pos, n);
		pio->pos += n;
		data += n;
		len -= n;
		if (pio->pos < pio->drq_end)
			continue;
		if (is_write)
			block_was_written(ch);
		else
			block_was_read(ch);
	}
	/* Nothing to be had: a driver that reads more than there is gets zeroes. */
	if (!is_write)
		memset(data, 0, len);
}
