// SPDX-License-Identifier: GPL-2.0-only
/* Commands that move sectors: address, range, and where a failed one says that it failed. */
#include "ide.h"

#include <errno.h>

static uint64_t address_28(const struct ide_channel *ch)
{
	return ch->reg[IDE_REG_LBA_LOW].cur | ch->reg[IDE_REG_LBA_MID].cur << 8 | ch->reg[IDE_REG_LBA_HIGH].cur << 16 |
	       (uint64_t)(ch->device & 0x0f) << 24;
}

static uint64_t address_48(const struct ide_channel *ch)
{
	uint64_t low = ch->reg[IDE_REG_LBA_LOW].cur | ch->reg[IDE_REG_LBA_MID].cur << 8 |
		       ch->reg[IDE_REG_LBA_HIGH].cur << 16;
	uint64_t high = ch->reg[IDE_REG_LBA_LOW].prev | ch->reg[IDE_REG_LBA_MID].prev << 8 |
			ch->reg[IDE_REG_LBA_HIGH].prev << 16;

	return high << 24 | low;
}

bool ide_rw_address(struct ide_channel *ch, bool ext, uint64_t *lba)
{
	const struct ide_drive *drive = ch->cmd.drive;
	unsigned int sector = ch->reg[IDE_REG_LBA_LOW].cur;
	unsigned int cylinder = ch->reg[IDE_REG_LBA_MID].cur | ch->reg[IDE_REG_LBA_HIGH].cur << 8;
	unsigned int head = ch->device & 0x0f;

	if (ext || ch->device & IDE_DEV_LBA) {
		*lba = ext ? address_48(ch) : address_28(ch);
		return true;
	}
	if (!sector || sector > drive->track || head >= drive->heads || cylinder >= drive->cylinders)
		return false;
	*lba = ((uint64_t)cylinder * drive->heads + head) * drive->track + sector - 1;
	return true;
}

static void address_set(struct ide_channel *ch, uint64_t lba)
{
	const struct ide_drive *drive = ch->cmd.drive;
	uint64_t v = lba;
	uint8_t head = lba >> 24 & 0x0f;

	if (ch->cmd.ext) {
		for (unsigned int i = 0; i < 3; i++)
			ch->reg[IDE_REG_LBA_LOW + i].prev = lba >> (24 + 8 * i);
	} else if (ch->cmd.address_mode) {
		ch->device = (ch->device & 0xf0) | head;
	} else {
		head = lba / drive->track % drive->heads;
		v = lba / ((uint64_t)drive->track * drive->heads) << 8 | (lba % drive->track + 1);
		ch->device = (ch->device & 0xf0) | head;
	}
	for (unsigned int i = 0; i < 3; i++)
		ch->reg[IDE_REG_LBA_LOW + i].cur = v >> 8 * i;
}

void ide_rw_fail(struct ide_channel *ch, uint64_t lba, int error)
{
	uint8_t bits;

	if (error == -EROFS)
		bits = IDE_ERR_WP | IDE_ERR_ABRT;
	else if (error == -ERANGE)
		bits = IDE_ERR_IDNF;
	else if (ch->cmd.write)
		bits = IDE_ERR_ABRT; /* a write has no bit for the medium; a full host disk ends here too */
	else
		bits = IDE_ERR_UNC;
	address_set(ch, lba);
	ide_cmd_abort(ch, bits);
}

/* READ VERIFY reads all of it, by the buffer's size, and throws it away. */
static void verify_next(struct ide_channel *ch);

static void verified(struct ide_channel *ch, int error, uint32_t good)
{
	ch->cmd.done += good;
	if (error)
		ide_rw_fail(ch, ch->cmd.lba + ch->cmd.done, error);
	else if (ch->cmd.done == ch->cmd.nr)
		ide_cmd_done(ch);
	else
		verify_next(ch);
}

static void verify_next(struct ide_channel *ch)
{
	uint32_t n = ch->cmd.nr - ch->cmd.done;

	if (n > IDE_PIO_SECTORS)
		n = IDE_PIO_SECTORS;
	ch->io.iov[0] = (struct iovec){ ch->pio.buf, (size_t)n * IDE_SECTOR };
	ch->io.nr_iov = 1;
	ide_io_transfer(ch, BLK_READ, ch->cmd.lba + ch->cmd.done, n, verified);
}

void ide_rw(struct ide_channel *ch, unsigned int flags)
{
	struct ide_cmd *cmd = &ch->cmd;
	struct ide_drive *drive = cmd->drive;
	bool address_ok;

	drive->standby = false;
	cmd->ext = flags & IDE_RW_EXT;
	cmd->write = flags & IDE_RW_WRITE;
	cmd->fua = flags & IDE_RW_FUA;
	cmd->block = flags & IDE_RW_MULTIPLE ? drive->multiple : 1;
	cmd->nr = ch->reg[IDE_REG_NSECT].cur;
	if (cmd->ext)
		cmd->nr |= ch->reg[IDE_REG_NSECT].prev << 8;
	if (!cmd->nr)
		cmd->nr = cmd->ext ? 65536 : 256;
	if (!cmd->block) {
		ide_cmd_abort(ch, IDE_ERR_ABRT);
		return;
	}
	address_ok = ide_rw_address(ch, cmd->ext, &cmd->lba);
	if (!address_ok) {
		ide_cmd_abort(ch, IDE_ERR_IDNF);
		return;
	}
	if (cmd->lba >= drive->sectors || cmd->nr > drive->sectors - cmd->lba) {
		ide_rw_fail(ch, cmd->lba > drive->sectors ? cmd->lba : drive->sectors, -ERANGE);
		return;
	}
	if (cmd->write && drive->disk->read_only) {
		ide_rw_fail(ch, cmd->lba, -EROFS);
		return;
	}
	if (flags & IDE_RW_VERIFY) {
		verify_next(ch);
	} else if (flags & IDE_RW_DMA) {
		ch->phase = IDE_DMA;
		drive->status = IDE_ST_READY | IDE_ST_DRQ;
		ide_dma_run(ch);
	} else if (cmd->write) {
		ide_pio_out(ch);
	} else {
		ide_pio_in(ch);
	}
}
