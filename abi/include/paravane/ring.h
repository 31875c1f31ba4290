/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Shared-memory layout of one queue: a submission ring (guest to host) and a completion ring (host to guest).
 *
 * A queue is one guest-physically contiguous block, 64-byte aligned:
 *
 *	0			struct pvn_ring_header (512 bytes)
 *	512			submission entries, 64 bytes each, 1 << sq_order of them
 *	512 + (64 << sq_order)	completion entries, 16 bytes each, 1 << cq_order of them
 *
 * Indices run freely in 32 bits; the slot of index i is i modulo the ring's size. Each index stands alone on a
 * 64-byte line, and only one side ever writes it. shared-ring/ holds the protocol and its implementation.
 */
#ifndef PARAVANE_RING_H
#define PARAVANE_RING_H

#include <paravane/types.h>

#define PVN_RING_LINE 64
#define PVN_RING_HEADER_BYTES 512
#define PVN_RING_SQE_BYTES 64
#define PVN_RING_CQE_BYTES 16
#define PVN_RING_ORDER_MIN 1
#define PVN_RING_ORDER_MAX 12

#ifndef __ASSEMBLER__

struct pvn_ring_header {
	pvn_u32 sq_tail;	/* writer: guest. Entries before it are ready for the host. */
	pvn_u32 pad0[15];
	pvn_u32 sq_head;	/* writer: host. Entries before it have been copied: their slots are free. */
	pvn_u32 pad1[15];
	pvn_u32 sq_event;	/* writer: host. Ring the doorbell when sq_tail moves past this index. */
	pvn_u32 pad2[15];
	pvn_u32 cq_tail;	/* writer: host. Completions before it are ready for the guest. */
	pvn_u32 pad3[15];
	pvn_u32 cq_head;	/* writer: guest. Completions before it have been copied. */
	pvn_u32 pad4[15];
	pvn_u32 cq_event;	/* writer: guest. Raise the interrupt when cq_tail moves past this index. */
	pvn_u32 pad5[15];
	pvn_u32 pad6[32];	/* reserved, zero */
};
PVN_ASSERT_SIZE(struct pvn_ring_header, PVN_RING_HEADER_BYTES);
PVN_ASSERT_OFFSET(struct pvn_ring_header, sq_tail, 0);
PVN_ASSERT_OFFSET(struct pvn_ring_header, sq_head, 64);
PVN_ASSERT_OFFSET(struct pvn_ring_header, sq_event, 128);
PVN_ASSERT_OFFSET(struct pvn_ring_header, cq_tail, 192);
PVN_ASSERT_OFFSET(struct pvn_ring_header, cq_head, 256);
PVN_ASSERT_OFFSET(struct pvn_ring_header, cq_event, 320);

/* A piece of guest memory. addr: guest-physical, bytes; len: bytes, 1 or more. */
struct pvn_segment {
	pvn_u64 addr;
	pvn_u32 len;
	pvn_u32 reserved;	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_segment, 16);

/* A completion, the same for every device. writer: host. */
struct pvn_cqe {
	pvn_u32 id;		/* the id of the submission that this completes */
	pvn_s32 status;		/* 0 or more: done (bytes moved where that means something); negative: -PVN_E* */
	pvn_u32 flags;		/* by device: PVN_NET_CQE_*; else zero */
	pvn_u32 aux;		/* by device; else zero */
};
PVN_ASSERT_SIZE(struct pvn_cqe, PVN_RING_CQE_BYTES);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_RING_H */
