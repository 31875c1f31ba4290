/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How a guest finds a PV device and attaches to its queues.
 *
 * In hvm mode each device is one PCI function:
 *	BAR 0	memory, 4 KiB	the register file below
 *	BAR 1	memory, 4 KiB	MSI-X table (offset 0) and pending bits (offset 0x800)
 *	BAR 2	I/O, 64 bytes	doorbells: a 32-bit write of any value to offset 4 * q kicks queue q
 * MSI-X vector 0 tells of a change of status or configuration; a queue uses the vector that its descriptor names.
 *
 * In pv mode there is no PCI: the ring calls read the register file and carry the commands and doorbells, and event
 * ports take the place of vectors.
 *
 * All of a device's queues are attached by one command, from one structure in guest memory which the host copies
 * once. The guest writes ATTACH_ADDR, then COMMAND; the write returns when the command is done, and STATUS and
 * ERROR are valid then. After DETACH or a finished QUIESCE the host touches no ring and no guest buffer of it.
 */
#ifndef PARAVANE_DEVICE_H
#define PARAVANE_DEVICE_H

#include <paravane/types.h>

/* PCI identity. The vendor number is not assigned by the PCI-SIG; it spells "PV". */
#define PVN_PCI_VENDOR 0x5056
#define PVN_PCI_DEVICE_BLOCK 0x0001
#define PVN_PCI_DEVICE_NET 0x0002
#define PVN_PCI_DEVICE_CONSOLE 0x0003
#define PVN_PCI_BAR_REGS 0
#define PVN_PCI_BAR_MSIX 1
#define PVN_PCI_BAR_DOORBELL 2
#define PVN_PCI_REGS_BYTES 4096
#define PVN_PCI_MSIX_BYTES 4096
#define PVN_PCI_MSIX_PBA_OFFSET 0x800
#define PVN_PCI_DOORBELL_BYTES 64
#define PVN_PCI_DOORBELL_STRIDE 4

#define PVN_DEVICE_MAGIC 0x314e5650	/* "PVN1" read as bytes */
#define PVN_DEVICE_MAX_QUEUES 16
#define PVN_DEVICE_VECTOR_CONFIG 0

/* Register file: offset, width in bits, writer. Anything else reads as zero and ignores writes. */
#define PVN_REG_MAGIC 0x00	   /* 32 host */
#define PVN_REG_VERSION 0x04	   /* 32 host: major << 16 | minor of the device interface */
#define PVN_REG_TYPE 0x08	   /* 32 host: PVN_PCI_DEVICE_* */
#define PVN_REG_MAX_QUEUES 0x0c	   /* 32 host */
#define PVN_REG_FEATURES 0x10	   /* 64 host: what the device offers (two 32-bit reads are allowed) */
#define PVN_REG_MAX_ORDER 0x18	   /* 32 host: largest sq_order and cq_order */
#define PVN_REG_CONFIG_GEN 0x1c	   /* 32 host: changes when the device configuration below does */
#define PVN_REG_ATTACH_ADDR 0x20   /* 64 guest: address of struct pvn_attach (two 32-bit writes, low first, or one) */
#define PVN_REG_COMMAND 0x28	   /* 32 guest: PVN_CMD_* */
#define PVN_REG_STATUS 0x2c	   /* 32 host: PVN_STATUS_* */
#define PVN_REG_ERROR 0x30	   /* 32 host: PVN_E* of the last command, or why the device failed */
#define PVN_REG_CONFIG 0x100	   /* device configuration: struct pvn_block_config, … */

#define PVN_DEVICE_VERSION_MAJOR 1
#define PVN_DEVICE_VERSION_MINOR 0
#define PVN_DEVICE_VERSION ((PVN_DEVICE_VERSION_MAJOR << 16) | PVN_DEVICE_VERSION_MINOR)

#define PVN_CMD_ATTACH 1  /* from detached: validate and start all queues */
#define PVN_CMD_DETACH 2  /* from any state: cancel or finish what is in flight, forget the rings */
#define PVN_CMD_QUIESCE 3 /* finish what was accepted, accept no more; rings stay as they are */
#define PVN_CMD_RESUME 4  /* after QUIESCE, or after a restore: go on with the same rings */

#define PVN_STATUS_ATTACHED 0x1
#define PVN_STATUS_QUIESCED 0x2
#define PVN_STATUS_FAILED 0x4 /* the ring was malformed: nothing moves until DETACH */

#ifndef __ASSEMBLER__

/* One queue. writer: guest, before ATTACH. */
struct pvn_queue_desc {
	pvn_u64 ring_addr;	/* guest-physical address of struct pvn_ring_header, 64-byte aligned */
	pvn_u16 sq_order;	/* PVN_RING_ORDER_MIN … PVN_REG_MAX_ORDER */
	pvn_u16 cq_order;	/* sq_order or more, up to PVN_REG_MAX_ORDER */
	pvn_u16 vector;		/* for completions: MSI-X vector; in pv mode event port, 0 for none */
	pvn_u16 flags;		/* zero */
	pvn_u64 reserved[2];	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_queue_desc, 32);

/* What ATTACH reads. 64-byte aligned. writer: guest; the host copies it once. */
struct pvn_attach {
	pvn_u32 version;	/* PVN_DEVICE_VERSION of the driver; another major is PVN_EVERSION */
	pvn_u32 nr_queues;	/* 1 … PVN_REG_MAX_QUEUES */
	pvn_u64 features;	/* a subset of PVN_REG_FEATURES */
	pvn_u32 config_port;	/* in pv mode: event port for changes of status and configuration, 0 for none; else zero */
	pvn_u32 reserved0;	/* zero */
	pvn_u64 reserved[5];	/* zero */
	struct pvn_queue_desc queue[PVN_DEVICE_MAX_QUEUES]; /* those from nr_queues on are not read */
};
PVN_ASSERT_SIZE(struct pvn_attach, 64 + 32 * PVN_DEVICE_MAX_QUEUES);
PVN_ASSERT_OFFSET(struct pvn_attach, queue, 64);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_DEVICE_H */
