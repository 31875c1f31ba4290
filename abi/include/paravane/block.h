/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * PV block: requests, features and configuration. Every queue serves the whole disk; requests are not ordered
 * against each other, in one queue or between two. FLUSH covers every write whose completion the guest had seen
 * when it submitted the flush; a write with PVN_BLOCK_FUA is on stable storage when it completes.
 */
#ifndef PARAVANE_BLOCK_H
#define PARAVANE_BLOCK_H

#include <paravane/ring.h>
#include <paravane/types.h>

/* Features, PVN_REG_FEATURES. */
#define PVN_BLOCK_F_FLUSH PVN_U64(0x1)	      /* the backend caches: PVN_BLOCK_FLUSH and _FUA mean something */
#define PVN_BLOCK_F_READ_ONLY PVN_U64(0x2)
#define PVN_BLOCK_F_DISCARD PVN_U64(0x4)
#define PVN_BLOCK_F_WRITE_ZEROES PVN_U64(0x8)

#define PVN_BLOCK_READ 0
#define PVN_BLOCK_WRITE 1
#define PVN_BLOCK_FLUSH 2
#define PVN_BLOCK_DISCARD 3
#define PVN_BLOCK_WRITE_ZEROES 4

#define PVN_BLOCK_FUA 0x1	/* flags: with WRITE and WRITE_ZEROES */
#define PVN_BLOCK_NOUNMAP 0x2	/* flags: with WRITE_ZEROES, keep the blocks allocated */

#define PVN_BLOCK_SECTOR 512
#define PVN_BLOCK_INLINE_SEGS 2
#define PVN_BLOCK_MAX_SEGS 256

#ifndef __ASSEMBLER__

/*
 * One request. writer: guest. The data is the segments in order; their lengths are multiples of 512 and add up to
 * bytes. With nr_segs of 2 or less they stand in seg[]; with more, `table` is the guest-physical address (16-byte
 * aligned) of nr_segs of them, which the host copies once. READ and WRITE have segments; the others have none.
 */
struct pvn_block_request {
	pvn_u32 id;		/* echoed in the completion; unique among those in flight */
	pvn_u8 op;
	pvn_u8 flags;
	pvn_u16 nr_segs;	/* 0 … PVN_BLOCK_MAX_SEGS */
	pvn_u64 sector;		/* first sector, units of 512 bytes */
	pvn_u32 reserved;	/* zero */
	pvn_u32 nr_sectors;	/* length, units of 512 bytes; zero for FLUSH */
	struct pvn_segment seg[PVN_BLOCK_INLINE_SEGS];
	pvn_u64 table;		/* zero with nr_segs of 2 or less */
};
PVN_ASSERT_SIZE(struct pvn_block_request, PVN_RING_SQE_BYTES);
PVN_ASSERT_OFFSET(struct pvn_block_request, sector, 8);
PVN_ASSERT_OFFSET(struct pvn_block_request, nr_sectors, 20);
PVN_ASSERT_OFFSET(struct pvn_block_request, seg, 24);
PVN_ASSERT_OFFSET(struct pvn_block_request, table, 56);

/* At PVN_REG_CONFIG. writer: host. */
struct pvn_block_config {
	pvn_u64 nr_sectors;	 /* capacity, units of 512 bytes */
	pvn_u32 logical_block;	 /* bytes: 512 or 4096; requests are aligned to it */
	pvn_u32 physical_block;	 /* bytes: best write granularity */
	pvn_u32 max_segs;	 /* segments a request, up to PVN_BLOCK_MAX_SEGS */
	pvn_u32 max_sectors;	 /* sectors in one READ or WRITE */
	pvn_u32 max_discard;	 /* sectors in one DISCARD or WRITE_ZEROES */
	pvn_u32 discard_granularity; /* bytes */
	char serial[24];	 /* printable ASCII, zero-padded */
};
PVN_ASSERT_SIZE(struct pvn_block_config, 56);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_BLOCK_H */
