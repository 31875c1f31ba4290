/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * PV net: queue 2 * i sends (guest to host), queue 2 * i + 1 receives, for pair i.
 *
 * Receive: the guest posts empty buffers. A frame takes one or more of them, in the order in which they were
 * posted (buffers merge only with PVN_NET_F_MERGE; without it a frame that does not fit is dropped). The first
 * begins with struct pvn_net_rx_header. Each used buffer gets a completion whose status is the number of bytes
 * written into it, header included; PVN_NET_CQE_MORE says that the frame goes on in the next completion.
 * A guest that accepted RX_TSO keeps buffers for PVN_NET_MAX_FRAME + 12 bytes posted, or as many buffers as its ring
 * holds: with fewer the host waits for more before it delivers. QUIESCE and DETACH complete buffers that the host has
 * taken and no frame has used with -PVN_ECANCELED.
 */
#ifndef PARAVANE_NET_H
#define PARAVANE_NET_H

#include <paravane/ring.h>
#include <paravane/types.h>

/* Features, PVN_REG_FEATURES. */
#define PVN_NET_F_TX_CSUM PVN_U64(0x01)	  /* host completes partial checksums of sent frames */
#define PVN_NET_F_TX_TSO4 PVN_U64(0x02)
#define PVN_NET_F_TX_TSO6 PVN_U64(0x04)
#define PVN_NET_F_RX_CSUM PVN_U64(0x08)	  /* guest takes frames with partial checksums */
#define PVN_NET_F_RX_TSO4 PVN_U64(0x10)	  /* guest takes large receives; needs MERGE */
#define PVN_NET_F_RX_TSO6 PVN_U64(0x20)
#define PVN_NET_F_MERGE PVN_U64(0x40)	  /* a frame may span buffers */
#define PVN_NET_F_STATUS PVN_U64(0x80)	  /* pvn_net_config.link is valid */

#define PVN_NET_TX 0	   /* op */
#define PVN_NET_RX_BUFFER 1 /* op */

#define PVN_NET_TX_NEEDS_CSUM 0x1 /* flags: csum_start and csum_offset are valid */

#define PVN_NET_GSO_NONE 0
#define PVN_NET_GSO_TCPV4 1
#define PVN_NET_GSO_TCPV6 4
#define PVN_NET_GSO_ECN 0x80

#define PVN_NET_CQE_MORE 0x1 /* cqe.flags: the frame goes on in the next completion */

#define PVN_NET_INLINE_SEGS 2
#define PVN_NET_MAX_SEGS 32
#define PVN_NET_MAX_FRAME 65550 /* 64 KiB - 1 of IP packet, Ethernet header, one VLAN tag: rounded up */
#define PVN_NET_LINK_UP 0x1

#ifndef __ASSEMBLER__

/* A frame to send. writer: guest. Segments as in struct pvn_block_request, but of any length of 1 or more. */
struct pvn_net_tx {
	pvn_u32 id;
	pvn_u8 op;		/* PVN_NET_TX */
	pvn_u8 flags;		/* PVN_NET_TX_* */
	pvn_u16 nr_segs;	/* 1 … PVN_NET_MAX_SEGS */
	pvn_u16 csum_start;	/* bytes from the frame's start */
	pvn_u16 csum_offset;	/* bytes from csum_start to the 16-bit sum */
	pvn_u16 gso_size;	/* payload bytes a segment; zero without GSO */
	pvn_u16 hdr_len;	/* bytes of Ethernet, IP and TCP headers; zero without GSO */
	pvn_u8 gso_type;	/* PVN_NET_GSO_* */
	pvn_u8 reserved[3];	/* zero */
	pvn_u32 bytes;		/* length of the frame: the segments' sum, 14 … PVN_NET_MAX_FRAME */
	struct pvn_segment seg[PVN_NET_INLINE_SEGS];
	pvn_u64 table;		/* zero with nr_segs of 2 or less; else address of nr_segs segments */
};
PVN_ASSERT_SIZE(struct pvn_net_tx, PVN_RING_SQE_BYTES);
PVN_ASSERT_OFFSET(struct pvn_net_tx, bytes, 20);
PVN_ASSERT_OFFSET(struct pvn_net_tx, seg, 24);
PVN_ASSERT_OFFSET(struct pvn_net_tx, table, 56);

/* An empty buffer. writer: guest. */
struct pvn_net_rx_buffer {
	pvn_u32 id;
	pvn_u8 op;		/* PVN_NET_RX_BUFFER */
	pvn_u8 flags;		/* zero */
	pvn_u16 reserved0;	/* zero */
	pvn_u64 addr;		/* guest-physical */
	pvn_u32 len;		/* bytes: 256 … 65536 */
	pvn_u32 reserved1;	/* zero */
	pvn_u64 reserved2[5];	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_net_rx_buffer, PVN_RING_SQE_BYTES);

/*
 * At the start of a received frame's first buffer. writer: host. Laid out as the 12-byte header of Linux TUN/TAP
 * (IFF_VNET_HDR with IFHDR size 12), so that a host may receive from a tap straight into guest memory.
 */
struct pvn_net_rx_header {
	pvn_u8 flags;		/* 1: checksum is partial, csum_start and csum_offset say where; 2: checksum verified */
	pvn_u8 gso_type;	/* PVN_NET_GSO_* */
	pvn_u16 hdr_len;
	pvn_u16 gso_size;
	pvn_u16 csum_start;
	pvn_u16 csum_offset;
	pvn_u16 reserved;	/* the guest ignores it */
};
PVN_ASSERT_SIZE(struct pvn_net_rx_header, 12);

/* At PVN_REG_CONFIG. writer: host. */
struct pvn_net_config {
	pvn_u8 mac[6];
	pvn_u16 mtu;		/* bytes, 68 … 65535 */
	pvn_u32 link;		/* PVN_NET_LINK_UP */
	pvn_u32 reserved;	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_net_config, 16);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_NET_H */
