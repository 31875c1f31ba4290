/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small ATA driver on the fake machine, for the IDE tests: what a guest does to the registers, step by step.
 * The functions abort the test program when the device leaves them waiting.
 */
#ifndef TESTS_IDE_DRIVER_H
#define TESTS_IDE_DRIVER_H

#include <stdint.h>

#include "../../hv-core/vmm/devices/emulated/emulated.h"
#include "fake_machine.h"

#define RIG_RAM ((64u << 20) + 4096) /* no multiple of 64 KiB, so that a region can lie across its end */
#define RIG_PRD 0x10000u  /* where the driver keeps its PRD table */
#define RIG_DATA 0x200000u /* and its data */

enum { ERR = 0x01, DRQ = 0x08, DSC = 0x10, DF = 0x20, DRDY = 0x40, BSY = 0x80 };
enum { ABRT = 0x04, IDNF = 0x10, UNC = 0x40, WP = 0x40 };
enum { BM_ACTIVE = 1, BM_ERROR = 2, BM_INTR = 4 };
enum { CTL_NIEN = 2, CTL_SRST = 4, CTL_HOB = 0x80 };

struct rig {
	struct fake_machine *f;
	struct blk_disk disk[4];
	char path[4][64];
	struct ide *ide;
	struct pci_device *dev;
	/* the channel and drive that the functions below work on */
	unsigned int base, ctl, gsi, bm;
	uint8_t select; /* device register, LBA */
	uint8_t *ram;
};

/* A file of `sectors` for each disk, 0: no disk. Sector n is filled by rig_pattern(n). */
void rig_create(struct rig *r, const uint64_t sectors[4], enum blk_cache cache, bool read_only);
/* With disks that the test has opened by itself. */
void rig_create_on(struct rig *r, struct blk_disk *const disks[4]);
void rig_destroy(struct rig *r);
void rig_select(struct rig *r, unsigned int channel, unsigned int unit);
void rig_pattern(uint64_t sector, uint32_t salt, void *buf);

uint8_t rig_status(struct rig *r); /* clears the interrupt */
uint8_t rig_alt_status(struct rig *r);
uint8_t rig_error(struct rig *r);
uint64_t rig_lba_28(struct rig *r);
uint64_t rig_lba_48(struct rig *r);
void rig_control(struct rig *r, uint8_t value);
void rig_reset(struct rig *r);
bool rig_irq(const struct rig *r);
/* Run the loop until the interrupt is there, then read the status. */
uint8_t rig_wait_irq(struct rig *r);

/* Write the task file and the command. nr 0 stands for the largest count. */
void rig_command(struct rig *r, uint8_t opcode, uint8_t feature, uint64_t lba, uint32_t nr);
void rig_command_ext(struct rig *r, uint8_t opcode, uint8_t feature, uint64_t lba, uint32_t nr);
/* A command without data: the status it ends with. */
uint8_t rig_no_data(struct rig *r, uint8_t opcode, uint8_t feature, uint32_t nr);
void rig_identify(struct rig *r, uint16_t id[256]);

/* PIO by interrupts, `block` sectors each. The final status; *blocks counts the interrupts. */
uint8_t rig_pio_read(struct rig *r, uint32_t nr, uint32_t block, void *buf, unsigned int *blocks);
uint8_t rig_pio_write(struct rig *r, uint32_t nr, uint32_t block, const void *buf, unsigned int *blocks);

/* PRD entry `i` of the table at RIG_PRD. */
void rig_prd(struct rig *r, unsigned int i, uint32_t addr, uint32_t len, bool last);
/* One region list for len bytes at addr, split at 64 KiB. */
void rig_prd_linear(struct rig *r, uint32_t addr, uint32_t len);
void rig_dma_start(struct rig *r, bool to_memory);
uint8_t rig_dma_status(struct rig *r);
/* What libata does at the end: the bus master's status, then it stops it and clears its bits. */
uint8_t rig_dma_finish(struct rig *r);

#endif
