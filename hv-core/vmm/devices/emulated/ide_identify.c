// SPDX-License-Identifier: GPL-2.0-only
/* What a drive says of itself: the 256 words of IDENTIFY DEVICE, as ATA-7 numbers them. */
#include "ide.h"

#include <stdio.h>
#include <string.h>

#define CHS_CYLINDERS_MAX 16383
#define CHS_HEADS 16
#define CHS_TRACK 63

void ide_geometry_default(struct ide_drive *drive)
{
	uint64_t cylinders = drive->sectors / (CHS_HEADS * CHS_TRACK);

	drive->heads = CHS_HEADS;
	drive->track = CHS_TRACK;
	drive->cylinders = cylinders < CHS_CYLINDERS_MAX ? cylinders : CHS_CYLINDERS_MAX;
}

/* Text is padded with blanks, and the first character of a pair is in the upper byte. */
static void put_text(uint16_t *words, unsigned int nr_words, const char *text)
{
	for (unsigned int i = 0; i < nr_words; i++) {
		char a = *text ? *text++ : ' ';
		char b = *text ? *text++ : ' ';

		words[i] = (uint8_t)a << 8 | (uint8_t)b;
	}
}

static void put_number(uint16_t *words, unsigned int nr_words, uint64_t value)
{
	for (unsigned int i = 0; i < nr_words; i++)
		words[i] = value >> 16 * i;
}

static void identify_names(const struct ide_drive *drive, uint16_t *w)
{
	char serial[21];

	/* By place, so that it stays over runs and when an image moves. */
	snprintf(serial, sizeof(serial), "PVNIDE%04u", drive->index);
	put_text(w + 10, 10, serial);
	put_text(w + 23, 4, "1.0");
	put_text(w + 27, 20, "PARAVANE IDE DISK");
}

static void identify_capacity(const struct ide_drive *drive, uint16_t *w)
{
	uint64_t cylinders = drive->sectors / (CHS_HEADS * CHS_TRACK);
	uint64_t max28 = IDE_LBA28_SECTORS - 1;

	w[1] = cylinders < CHS_CYLINDERS_MAX ? cylinders : CHS_CYLINDERS_MAX;
	w[3] = CHS_HEADS;
	w[6] = CHS_TRACK;
	w[54] = drive->cylinders;
	w[55] = drive->heads;
	w[56] = drive->track;
	put_number(w + 57, 2, (uint64_t)drive->cylinders * drive->heads * drive->track);
	put_number(w + 60, 2, drive->sectors < max28 ? drive->sectors : max28);
	put_number(w + 100, 4, drive->sectors);
	/* A host disk with 4 KiB blocks: the guest should align to them. */
	if (drive->disk->logical_block == 4096)
		w[106] = 0x6003;
}

static void identify_modes(const struct ide_drive *drive, uint16_t *w)
{
	w[49] = 0x0f00; /* DMA, LBA, IORDY */
	w[50] = 0x4000;
	w[51] = w[52] = 0x0200;
	w[53] = 0x0007; /* words 54–58, 64–70 and 88 are valid */
	w[63] = 0x07 | drive->mwdma << 8;
	w[64] = 0x03; /* PIO 3 and 4 */
	w[65] = w[66] = w[67] = w[68] = 120;
	w[88] = 0x3f | drive->udma << 8;
	/* How reset found out which drive it is, and that the cable is good for the fast modes. */
	w[93] = drive->unit ? 0x6b00 : 0x600b;
}

static void identify_features(const struct ide_drive *drive, uint16_t *w)
{
	w[47] = 0x8000 | IDE_MULTIPLE_MAX;
	if (drive->multiple)
		w[59] = 0x0100 | drive->multiple;
	w[80] = 0x00f0; /* ATA-4 to ATA-7 */
	w[81] = 0x001d;
	w[82] = 0x4068; /* NOP, look-ahead, write cache, power management */
	w[83] = 0x7400; /* FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses */
	w[84] = 0x4040; /* WRITE … FUA EXT */
	w[85] = 0x4008 | (drive->write_cache ? 0x20 : 0) | (drive->look_ahead ? 0x40 : 0);
	w[86] = 0x3400;
	w[87] = 0x4040;
	if (drive->disk->can_discard && !drive->disk->read_only) {
		w[105] = IDE_TRIM_BLOCKS;
		w[169] = 0x0001;
	}
}

void ide_identify(const struct ide_drive *drive, uint8_t *out)
{
	uint16_t w[256] = { 0 };
	uint8_t sum = 0;

	w[0] = 0x0040; /* fixed disk */
	w[2] = 0xc837; /* this is complete, and nothing has to be spun up */
	identify_names(drive, w);
	identify_capacity(drive, w);
	identify_modes(drive, w);
	identify_features(drive, w);
	w[255] = 0x00a5;
	for (unsigned int i = 0; i < 256; i++) {
		out[2 * i] = w[i];
		out[2 * i + 1] = w[i] >> 8;
	}
	/* All bytes add up to zero. */
	for (unsigned int i = 0; i < 511; i++)
		sum += out[i];
	out[511] = -sum;
}
