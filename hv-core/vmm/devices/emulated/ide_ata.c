// SPDX-License-Identifier: GPL-2.0-only
/* ATA commands: the table of them, and those that move no data. */
#include "ide.h"

#include <string.h>

enum {
	ATA_NOP = 0x00,
	ATA_DATA_SET_MANAGEMENT = 0x06,
	ATA_RECALIBRATE = 0x10,
	ATA_SEEK = 0x70,
	ATA_EXECUTE_DEVICE_DIAGNOSTIC = 0x90,
	ATA_INITIALIZE_DEVICE_PARAMETERS = 0x91,
	ATA_SET_MULTIPLE = 0xc6,
	ATA_STANDBY_IMMEDIATE = 0xe0,
	ATA_IDLE_IMMEDIATE = 0xe1,
	ATA_STANDBY = 0xe2,
	ATA_IDLE = 0xe3,
	ATA_CHECK_POWER_MODE = 0xe5,
	ATA_SLEEP = 0xe6,
	ATA_FLUSH_CACHE = 0xe7,
	ATA_FLUSH_CACHE_EXT = 0xea,
	ATA_IDENTIFY = 0xec,
	ATA_SET_FEATURES = 0xef,
};

static void cmd_end(struct ide_channel *ch, uint8_t status, uint8_t error)
{
	struct ide_drive *drive = ch->cmd.drive;

	ch->phase = IDE_IDLE;
	drive->status = status;
	drive->error = error;
	drive->intrq = true;
	ide_line_update(ch);
}

void ide_cmd_done(struct ide_channel *ch)
{
	cmd_end(ch, IDE_ST_READY, 0);
}

void ide_cmd_abort(struct ide_channel *ch, uint8_t error)
{
	cmd_end(ch, IDE_ST_READY | IDE_ST_ERR, error);
}

static void flushed(struct ide_channel *ch, int error, uint32_t good)
{
	if (error) {
		ide_cmd_abort(ch, IDE_ERR_ABRT);
		return;
	}
	if (ch->cmd.opcode == ATA_SLEEP || ch->cmd.opcode == 0x99)
		ch->cmd.drive->asleep = true;
	ide_cmd_done(ch);
}

void ide_cmd_flush(struct ide_channel *ch)
{
	ide_io_other(ch, BLK_FLUSH, 0, 0, flushed);
}

static void cmd_flush(struct ide_channel *ch, unsigned int arg)
{
	ide_cmd_flush(ch);
}

/* The platters stop, and what the cache holds must be on them. */
static void cmd_standby(struct ide_channel *ch, unsigned int arg)
{
	ch->cmd.drive->standby = true;
	ide_cmd_flush(ch);
}

static void cmd_idle(struct ide_channel *ch, unsigned int arg)
{
	ch->cmd.drive->standby = false;
	ide_cmd_done(ch);
}

static void cmd_check_power(struct ide_channel *ch, unsigned int arg)
{
	ch->reg[IDE_REG_NSECT].cur = ch->cmd.drive->standby ? 0 : 0xff;
	ide_cmd_done(ch);
}

static void cmd_identify(struct ide_channel *ch, unsigned int arg)
{
	ide_identify(ch->cmd.drive, ch->pio.buf);
	ide_pio_in_buffer(ch, IDE_SECTOR);
}

static void cmd_set_multiple(struct ide_channel *ch, unsigned int arg)
{
	uint8_t n = ch->reg[IDE_REG_NSECT].cur;

	ch->cmd.drive->multiple = 0;
	if (n & (n - 1) || n > IDE_MULTIPLE_MAX) {
		ide_cmd_abort(ch, IDE_ERR_ABRT);
		return;
	}
	ch->cmd.drive->multiple = n;
	ide_cmd_done(ch);
}

static void cmd_set_geometry(struct ide_channel *ch, unsigned int arg)
{
	struct ide_drive *drive = ch->cmd.drive;
	unsigned int heads = (ch->device & 0x0f) + 1;
	unsigned int track = ch->reg[IDE_REG_NSECT].cur;
	uint64_t cylinders = track ? drive->sectors / (heads * track) : 0;

	if (!cylinders) {
		ide_cmd_abort(ch, IDE_ERR_ABRT);
		return;
	}
	drive->heads = heads;
	drive->track = track;
	drive->cylinders = cylinders < 65535 ? cylinders : 65535;
	ide_cmd_done(ch);
}

static void cmd_seek(struct ide_channel *ch, unsigned int arg)
{
	uint64_t lba;

	if (ide_rw_address(ch, false, &lba) && lba < ch->cmd.drive->sectors)
		ide_cmd_done(ch);
	else
		ide_cmd_abort(ch, IDE_ERR_IDNF);
}

static void cmd_no_effect(struct ide_channel *ch, unsigned int arg)
{
	ide_cmd_done(ch);
}

static bool set_transfer_mode(struct ide_drive *drive, uint8_t mode)
{
	unsigned int kind = mode >> 3, nr = mode & 7;

	switch (kind) {
	case 0: /* default PIO, with or without IORDY */
		return nr <= 1;
	case 1:
		return nr <= 4;
	case 4:
		if (nr > 2)
			return false;
		drive->mwdma = 1 << nr;
		drive->udma = 0;
		return true;
	case 8:
		if (nr > 5)
			return false;
		drive->udma = 1 << nr;
		drive->mwdma = 0;
		return true;
	default:
		return false;
	}
}

static void cmd_set_features(struct ide_channel *ch, unsigned int arg)
{
	struct ide_drive *drive = ch->cmd.drive;

	switch (ch->reg[IDE_REG_FEATURE].cur) {
	case 0x02:
		drive->write_cache = true;
		break;
	case 0x82:
		/* What it holds goes to the disk first; from now on each write is durable before it is over. */
		drive->write_cache = false;
		ide_cmd_flush(ch);
		return;
	case 0x03:
		if (!set_transfer_mode(drive, ch->reg[IDE_REG_NSECT].cur)) {
			ide_cmd_abort(ch, IDE_ERR_ABRT);
			return;
		}
		break;
	case 0x55:
		drive->look_ahead = false;
		break;
	case 0xaa:
		drive->look_ahead = true;
		break;
	case 0x66: /* keep settings over a software reset: they always are */
	case 0xcc:
		break;
	default:
		ide_cmd_abort(ch, IDE_ERR_ABRT);
		return;
	}
	ide_cmd_done(ch);
}

static void cmd_trim(struct ide_channel *ch, unsigned int arg)
{
	ide_trim(ch);
}

static const struct {
	void (*fn)(struct ide_channel *ch, unsigned int arg);
	unsigned int arg;
} commands[256] = {
	/* NOP's effect is that it is aborted. DEVICE RESET and IDENTIFY PACKET are for packet devices: aborted too. */
	[ATA_DATA_SET_MANAGEMENT] = { cmd_trim, 0 },
	[ATA_RECALIBRATE] = { cmd_no_effect, 0 },
	[ATA_SEEK] = { cmd_seek, 0 },
	[ATA_INITIALIZE_DEVICE_PARAMETERS] = { cmd_set_geometry, 0 },
	[ATA_SET_MULTIPLE] = { cmd_set_multiple, 0 },
	[ATA_IDENTIFY] = { cmd_identify, 0 },
	[ATA_SET_FEATURES] = { cmd_set_features, 0 },
	[ATA_FLUSH_CACHE] = { cmd_flush, 0 },
	[ATA_FLUSH_CACHE_EXT] = { cmd_flush, 0 },
	/* Power, and its numbers of ATA-1. */
	[ATA_STANDBY_IMMEDIATE] = { cmd_standby, 0 },
	[ATA_IDLE_IMMEDIATE] = { cmd_idle, 0 },
	[ATA_STANDBY] = { cmd_standby, 0 },
	[ATA_IDLE] = { cmd_idle, 0 },
	[ATA_CHECK_POWER_MODE] = { cmd_check_power, 0 },
	[ATA_SLEEP] = { cmd_standby, 0 },
	[0x94] = { cmd_standby, 0 },
	[0x95] = { cmd_idle, 0 },
	[0x96] = { cmd_standby, 0 },
	[0x97] = { cmd_idle, 0 },
	[0x98] = { cmd_check_power, 0 },
	[0x99] = { cmd_standby, 0 },
	/* READ and WRITE, each also with its number that forbids retries */
	[0x20] = { ide_rw, 0 },
	[0x21] = { ide_rw, 0 },
	[0x24] = { ide_rw, IDE_RW_EXT },
	[0x25] = { ide_rw, IDE_RW_EXT | IDE_RW_DMA },
	[0x29] = { ide_rw, IDE_RW_EXT | IDE_RW_MULTIPLE },
	[0x30] = { ide_rw, IDE_RW_WRITE },
	[0x31] = { ide_rw, IDE_RW_WRITE },
	[0x34] = { ide_rw, IDE_RW_WRITE | IDE_RW_EXT },
	[0x35] = { ide_rw, IDE_RW_WRITE | IDE_RW_EXT | IDE_RW_DMA },
	[0x39] = { ide_rw, IDE_RW_WRITE | IDE_RW_EXT | IDE_RW_MULTIPLE },
	[0x3d] = { ide_rw, IDE_RW_WRITE | IDE_RW_EXT | IDE_RW_DMA | IDE_RW_FUA },
	[0x40] = { ide_rw, IDE_RW_VERIFY },
	[0x41] = { ide_rw, IDE_RW_VERIFY },
	[0x42] = { ide_rw, IDE_RW_VERIFY | IDE_RW_EXT },
	[0xc4] = { ide_rw, IDE_RW_MULTIPLE },
	[0xc5] = { ide_rw, IDE_RW_WRITE | IDE_RW_MULTIPLE },
	[0xc8] = { ide_rw, IDE_RW_DMA },
	[0xc9] = { ide_rw, IDE_RW_DMA },
	[0xca] = { ide_rw, IDE_RW_WRITE | IDE_RW_DMA },
	[0xcb] = { ide_rw, IDE_RW_WRITE | IDE_RW_DMA },
	[0xce] = { ide_rw, IDE_RW_WRITE | IDE_RW_EXT | IDE_RW_MULTIPLE | IDE_RW_FUA },
};

/* Both drives test themselves, whichever is selected; drive 0 reports. */
static void device_diagnostic(struct ide_channel *ch)
{
	ide_signature(ch);
	ch->drive[0].intrq = true;
	ide_line_update(ch);
}

void ide_command(struct ide_channel *ch, uint8_t opcode)
{
	struct ide_drive *drive = ide_selected(ch);

	if (opcode == ATA_EXECUTE_DEVICE_DIAGNOSTIC) {
		device_diagnostic(ch);
		return;
	}
	/* Only a reset wakes a sleeping drive. */
	if (!drive->disk || drive->asleep)
		return;
	drive->intrq = false;
	ide_line_update(ch);
	drive->status = IDE_ST_BSY;
	ch->phase = IDE_BUSY;
	memset(&ch->cmd, 0, sizeof(ch->cmd));
	ch->cmd.drive = drive;
	ch->cmd.opcode = opcode;
	ch->cmd.address_mode = ch->device & IDE_DEV_LBA;
	if (commands[opcode].fn)
		commands[opcode].fn(ch, commands[opcode].arg);
	else
		ide_cmd_abort(ch, IDE_ERR_ABRT);
}

void ide_drive_defaults(struct ide_drive *drive)
{
	drive->multiple = IDE_MULTIPLE_MAX;
	drive->write_cache = true;
	drive->look_ahead = true;
	drive->standby = false;
	drive->asleep = false;
	drive->mwdma = 0;
	drive->udma = 1 << 5;
	ide_geometry_default(drive);
}
