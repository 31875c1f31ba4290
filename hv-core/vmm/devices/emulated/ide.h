/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PIIX3 IDE, shared by the ide*.c files only.
 *
 * Two channels of two drives. A channel runs one command at a time, as the cable does, and all of its state is under
 * one lock: register handlers take it on vCPU threads, completions of disk I/O on the loop's thread.
 *
 *	ide.c		PCI function, life and reset
 *	ide_port.c	ports, interrupt line
 *	ide_ata.c	commands without data, and which command is which
 *	ide_rw.c	sector transfers: what is asked, how it ends
 *	ide_pio.c	the data port
 *	ide_dma.c	the bus master
 *	ide_io.c	disk I/O of the channel
 *	ide_identify.c	what a drive says of itself
 *	ide_trim.c	DATA SET MANAGEMENT
 */
#ifndef VMM_IDE_H
#define VMM_IDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../blk_queue.h"
#include "../../loop.h"
#include "../../machine.h"
#include "../../pci.h"

#define IDE_SECTOR 512u
#define IDE_LBA28_SECTORS (1ull << 28)
#define IDE_LBA48_SECTORS (1ull << 48)
#define IDE_PIO_SECTORS 256u   /* the channel's buffer; a multiple of any DRQ block */
#define IDE_MULTIPLE_MAX 16u   /* sectors in a DRQ block of READ/WRITE MULTIPLE: what real drives of the time have */
#define IDE_MAX_IOV 256u       /* a sector is at most this many PRDs of 2 bytes, so each I/O moves one at least */
#define IDE_MAX_IO_SECTORS 8192u
#define IDE_TRIM_BLOCKS 8u     /* blocks of 64 ranges that one DATA SET MANAGEMENT may carry */

/* Command block registers, by offset. */
enum {
	IDE_REG_DATA,
	IDE_REG_ERROR, /* write: features */
	IDE_REG_NSECT,
	IDE_REG_LBA_LOW,
	IDE_REG_LBA_MID,
	IDE_REG_LBA_HIGH,
	IDE_REG_DEVICE,
	IDE_REG_STATUS, /* write: command */
	IDE_NR_REGS,
};
#define IDE_REG_FEATURE IDE_REG_ERROR

#define IDE_ST_BSY 0x80
#define IDE_ST_DRDY 0x40
#define IDE_ST_DF 0x20
#define IDE_ST_DSC 0x10
#define IDE_ST_DRQ 0x08
#define IDE_ST_ERR 0x01
#define IDE_ST_READY (IDE_ST_DRDY | IDE_ST_DSC)

#define IDE_ERR_UNC 0x40
#define IDE_ERR_WP 0x40 /* for writes */
#define IDE_ERR_IDNF 0x10
#define IDE_ERR_ABRT 0x04

#define IDE_DEV_LBA 0x40
#define IDE_DEV_DEV1 0x10
#define IDE_CTL_HOB 0x80
#define IDE_CTL_SRST 0x04
#define IDE_CTL_NIEN 0x02

#define IDE_BM_START 0x01
#define IDE_BM_TO_MEMORY 0x08
#define IDE_BM_ACTIVE 0x01
#define IDE_BM_ERROR 0x02
#define IDE_BM_INTR 0x04
#define IDE_BM_CAPABLE 0x60 /* drive 0 and 1 can do DMA: software's notes */

struct ide;
struct ide_channel;

enum ide_phase {
	IDE_IDLE,
	IDE_BUSY,    /* disk I/O, or something else that ends by itself */
	IDE_PIO_IN,  /* DRQ: the guest reads the data port */
	IDE_PIO_OUT, /* DRQ: the guest writes it */
	IDE_DMA,     /* waits for the bus master, or it runs */
	IDE_RESET,   /* SRST is held */
};

struct ide_drive {
	struct ide_channel *ch;
	struct blk_disk *disk; /* NULL: not there */
	struct blk_queue *queue;
	struct loop_fd watch;
	bool watched; /* the loop is told of completions */
	struct loop_fd start;
	int start_fd; /* eventfd: the loop shall submit, or go on */
	unsigned int unit;
	unsigned int index; /* 0 to 3 */
	uint64_t sectors;
	uint8_t status, error;
	bool intrq;
	/* settings */
	unsigned int multiple; /* sectors a DRQ block, 0: off */
	bool write_cache, look_ahead;
	bool standby, asleep;
	uint8_t mwdma, udma; /* selected mode as a bit, 0: none */
	unsigned int cylinders, heads, track; /* current translation */
};

/* A task file register holds two bytes: 48-bit commands use both. */
struct ide_reg {
	uint8_t cur, prev;
};

typedef void (*ide_io_fn)(struct ide_channel *ch, int error, uint32_t good);

struct ide_io {
	struct blk_io blk;
	struct ide_drive *drive;
	ide_io_fn finish;
	uint64_t lba;
	uint32_t nr;
	bool in_flight; /* blk_queue has it */
	bool answered;  /* done() was called; finish is due */
	bool begun;	/* submitted; else the loop will */
	bool waited;	/* it was not over at first sight */
	int result;
	/* After an error: [0, lo) was moved, and the first bad sector is in [lo, hi). */
	int error;
	uint32_t lo, hi;
	unsigned int nr_iov;
	struct iovec iov[IDE_MAX_IOV];	/* what was asked for */
	struct iovec work[IDE_MAX_IOV]; /* what blk_queue gets, and advances */
};

/* The command in progress. */
struct ide_cmd {
	struct ide_drive *drive;
	uint8_t opcode;
	bool write, ext, fua;
	uint64_t lba;
	uint32_t nr;	/* sectors */
	uint32_t done;	/* of these, moved between disk and buffer or memory */
	uint32_t block; /* sectors a DRQ block */
	uint8_t address_mode; /* device register's LBA bit, for the address of a failed sector */
	/* After the data of a command that is not for the disk has come in by DMA. NULL: the disk. */
	void (*received)(struct ide_channel *ch);
	uint32_t step; /* TRIM: the next range */
};

struct ide_pio {
	uint8_t *buf; /* IDE_PIO_SECTORS */
	uint32_t pos, drq_end, fill;
};

/* Where the bus master is in its table. */
struct ide_prd {
	uint32_t next; /* address of the next entry */
	uint32_t addr, left; /* in the current one */
	bool last;
};

struct ide_dma {
	uint8_t command, status;
	uint32_t table;
	struct ide_prd prd;
	bool partial; /* of the last sector in flight the guest's buffer takes only a part */
};

struct ide_channel {
	struct ide *ide;
	unsigned int nr;
	unsigned int gsi;
	pthread_mutex_t lock;
	struct bus_range command_range, control_range;
	bool decoded; /* PCI command and IDETIM let the ports through */
	bool line;
	enum ide_phase phase;
	struct ide_reg reg[IDE_REG_DEVICE]; /* error's is features */
	uint8_t device, control;
	bool hob;
	struct ide_drive drive[2];
	struct ide_cmd cmd;
	struct ide_pio pio;
	struct ide_dma dma;
	struct ide_io io;
	bool on_loop; /* who holds the lock is the loop's thread */
};

struct ide {
	struct machine *m;
	struct pci_device pci;
	struct ide_channel channel[2];
};

/* The lock is held in all of these. */

/* ide_port.c */
extern const struct bus_ops ide_command_ops, ide_control_ops;
void ide_line_update(struct ide_channel *ch);
static inline struct ide_drive *ide_selected(struct ide_channel *ch)
{
	return &ch->drive[!!(ch->device & IDE_DEV_DEV1)];
}
/* After SRST, power-on and EXECUTE DEVICE DIAGNOSTIC. */
void ide_signature(struct ide_channel *ch);
/* Give up the command in progress. No access to guest memory or to the buffer is under way after it. */
void ide_cancel(struct ide_channel *ch);
/* Power-on. */
void ide_channel_reset(struct ide_channel *ch);

/* ide_ata.c */
void ide_command(struct ide_channel *ch, uint8_t opcode);
void ide_drive_defaults(struct ide_drive *drive);
/* End the command: status, interrupt. */
void ide_cmd_done(struct ide_channel *ch);
void ide_cmd_abort(struct ide_channel *ch, uint8_t error);
void ide_cmd_flush(struct ide_channel *ch);

/* ide_rw.c */
enum { IDE_RW_WRITE = 1, IDE_RW_EXT = 2, IDE_RW_DMA = 4, IDE_RW_MULTIPLE = 8, IDE_RW_FUA = 16, IDE_RW_VERIFY = 32 };
void ide_rw(struct ide_channel *ch, unsigned int flags);
bool ide_rw_address(struct ide_channel *ch, bool ext, uint64_t *lba);
/* The command failed at sector lba: address and error to the registers. */
void ide_rw_fail(struct ide_channel *ch, uint64_t lba, int error);

/* ide_pio.c */
void ide_pio_in(struct ide_channel *ch);
void ide_pio_out(struct ide_channel *ch);
void ide_pio_in_buffer(struct ide_channel *ch, uint32_t bytes);
void ide_pio_data(struct ide_channel *ch, uint8_t *data, uint32_t len, bool is_write);

/* ide_dma.c */
extern const struct bus_ops ide_dma_ops;
/* Go on with the command if the bus master is ready for it. */
void ide_dma_run(struct ide_channel *ch);
/* Bus mastering was forbidden by the command register. */
void ide_dma_forbid(struct ide_channel *ch);

/* ide_io.c */
int ide_io_create(struct ide_drive *drive);
void ide_io_destroy(struct ide_drive *drive);
/* Move nr sectors at lba to or from io.iov; finish is called by the pump. READ, WRITE. */
void ide_io_transfer(struct ide_channel *ch, enum blk_op op, uint64_t lba, uint32_t nr, ide_io_fn finish);
/* FLUSH, DISCARD. */
void ide_io_other(struct ide_channel *ch, enum blk_op op, uint64_t lba, uint32_t nr, ide_io_fn finish);
/* Let what is finished go on. Each way into the channel ends with it. */
void ide_io_pump(struct ide_channel *ch);
/* Wait for what is in flight; its finish is not called. */
void ide_io_cancel(struct ide_channel *ch);
/* Wait for what is in flight, finish is due. */
void ide_io_settle(struct ide_channel *ch);

/* ide_identify.c */
void ide_identify(const struct ide_drive *drive, uint8_t *out);
void ide_geometry_default(struct ide_drive *drive);

/* ide_trim.c */
void ide_trim(struct ide_channel *ch);

#endif
