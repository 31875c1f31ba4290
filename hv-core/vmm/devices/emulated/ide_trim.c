// SPDX-License-Identifier: GPL-2.0-only
/* DATA SET MANAGEMENT with TRIM: ranges of sectors that the guest no longer needs, discarded one after the other. */
#include "ide.h"

#include <errno.h>

#define RANGE_BYTES 8
#define FEATURE_TRIM 0x01

/* Range `nr` of the list: its length, 0 for an unused one. */
static uint32_t range_get(const struct ide_channel *ch, uint32_t nr, uint64_t *lba)
{
	const uint8_t *e = ch->pio.buf + nr * RANGE_BYTES;

	*lba = 0;
	for (unsigned int i = 0; i < 6; i++)
		*lba |= (uint64_t)e[i] << 8 * i;
	return e[6] | e[7] << 8;
}

static uint32_t range_count(const struct ide_channel *ch)
{
	return ch->cmd.nr * IDE_SECTOR / RANGE_BYTES;
}

static void range_discarded(struct ide_channel *ch, int error, uint32_t good);

static void range_next(struct ide_channel *ch)
{
	uint64_t lba;
	uint32_t len;

	while (ch->cmd.step < range_count(ch)) {
		len = range_get(ch, ch->cmd.step++, &lba);
		if (!len)
			continue;
		ide_io_other(ch, BLK_DISCARD, lba, len, range_discarded);
		return;
	}
	ide_cmd_done(ch);
}

static void range_discarded(struct ide_channel *ch, int error, uint32_t good)
{
	if (error)
		ide_cmd_abort(ch, IDE_ERR_ABRT);
	else
		range_next(ch);
}

/* All or nothing: a list with a bad range discards none. */
static void list_received(struct ide_channel *ch)
{
	for (uint32_t i = 0; i < range_count(ch); i++) {
		uint64_t lba;
		uint32_t len = range_get(ch, i, &lba);

		if (len && (lba >= ch->cmd.drive->sectors || len > ch->cmd.drive->sectors - lba)) {
			ide_rw_fail(ch, lba, -ERANGE);
			return;
		}
	}
	range_next(ch);
}

void ide_trim(struct ide_channel *ch)
{
	struct ide_cmd *cmd = &ch->cmd;
	const struct blk_disk *disk = cmd->drive->disk;

	cmd->nr = ch->reg[IDE_REG_NSECT].cur | ch->reg[IDE_REG_NSECT].prev << 8;
	if (!disk->can_discard || disk->read_only || !(ch->reg[IDE_REG_FEATURE].cur & FEATURE_TRIM) || !cmd->nr ||
	    cmd->nr > IDE_TRIM_BLOCKS) {
		ide_cmd_abort(ch, IDE_ERR_ABRT);
		return;
	}
	cmd->write = true;
	cmd->ext = true;
	cmd->received = list_received;
	ch->phase = IDE_DMA;
	cmd->drive->status = IDE_ST_READY | IDE_ST_DRQ;
	ide_dma_run(ch);
}
