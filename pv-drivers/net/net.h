/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the network driver: the interface (main.c), sending (tx.c) and receiving (rx.c).
 *
 * A pair of queues shares a vector and a NAPI context. The sending ring is worked on under the
 * netdev queue's lock, the receiving ring by NAPI alone.
 */
#ifndef PVN_NET_DRIVER_H
#define PVN_NET_DRIVER_H

#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>
#include <paravane/net.h>
#include <pvn_bus.h>
#include <pvn_ids.h>

#define PVN_NET_MAX_PAIRS (PVN_DEVICE_MAX_QUEUES / 2)
#define PVN_NET_MAX_DEPTH 4096 /* of PVN_RING_ORDER_MAX */
#define PVN_NET_RECYCLE 32

struct pvn_net;

struct pvn_net_stats {
	struct u64_stats_sync syncp;
	u64_stats_t packets;
	u64_stats_t bytes;
	u64_stats_t drops;	/* ours: no memory, or the host gave something that cannot be */
	u64_stats_t doorbells;
};

struct pvn_net_tx_slot {
	struct sk_buff *skb;
	u32 bytes;
};

struct pvn_net_txq {
	struct pvn_queue *q;
	struct netdev_queue *nq;
	struct pvn_ids ids;
	unsigned long id_words[PVN_IDS_WORDS(PVN_NET_MAX_DEPTH)];
	struct pvn_net_tx_slot *slots;
	struct pvn_segment *tables;	/* PVN_NET_MAX_SEGS for each slot */
	u32 depth;
	u32 in_flight;
	u32 in_flight_bytes;
	u32 reaped;	/* completions seen since the attachment */
	u32 event;	/* the interrupt comes when `reaped` could pass this */
	bool armed;
	unsigned int timeouts;
	struct delayed_work straggler;
	struct pvn_net_stats stats;
};

/* A buffer of `buf_bytes`, a piece of a larger page. */
struct pvn_net_buffer {
	struct page *page;
	u32 offset;
};

struct pvn_net_rxq {
	struct pvn_queue *q;
	struct pvn_ids ids;
	unsigned long id_words[PVN_IDS_WORDS(PVN_NET_MAX_DEPTH)];
	struct pvn_net_buffer *buffers;	/* by id */
	struct pvn_net_buffer recycle[PVN_NET_RECYCLE];
	unsigned int nr_recycle;
	struct page_frag frag;	/* where new buffers are cut from */
	u32 depth;
	u32 posted;
	/* The frame being put together. */
	struct sk_buff *skb;
	struct pvn_net_rx_header header;
	bool in_frame;
	bool dropping;
	struct delayed_work refill;
	struct pvn_net_stats stats;
};

struct pvn_net_pair {
	struct pvn_net *net;
	struct napi_struct napi;
	int irq;
	char name[24];
	struct pvn_net_txq tx;
	struct pvn_net_rxq rx;
};

struct pvn_net {
	struct pvn_device *pdev;
	struct net_device *dev;
	u64 features;
	u32 buf_bytes;
	unsigned int nr_pairs;
	bool running;	/* attached, NAPI on; under RTNL */
	struct pvn_net_pair *pairs;
};

static inline bool pvn_net_can(const struct pvn_net *net, u64 feature)
{
	return net->features & feature;
}

static inline void pvn_net_count(struct pvn_net_stats *stats, u64_stats_t *what, u64 n)
{
	u64_stats_update_begin(&stats->syncp);
	u64_stats_add(what, n);
	u64_stats_update_end(&stats->syncp);
}

/* tx.c */
int pvn_net_tx_create(struct pvn_net_pair *pair, unsigned int index);
void pvn_net_tx_destroy(struct pvn_net_txq *tx);
void pvn_net_tx_start(struct pvn_net_txq *tx);
/* After a detach: forgets what was in flight. */
void pvn_net_tx_drop_all(struct pvn_net_txq *tx);
netdev_tx_t pvn_net_xmit(struct sk_buff *skb, struct net_device *dev);
void pvn_net_tx_poll(struct pvn_net_txq *tx, int budget);

/* rx.c */
int pvn_net_rx_create(struct pvn_net_pair *pair, unsigned int index);
void pvn_net_rx_destroy(struct pvn_net_rxq *rx);
void pvn_net_rx_start(struct pvn_net_rxq *rx);
/* After a detach: frees the buffers. */
void pvn_net_rx_drop_all(struct pvn_net_rxq *rx);
int pvn_net_rx_poll(struct pvn_net_pair *pair, int budget);

/* ethtool.c */
extern const struct ethtool_ops pvn_net_ethtool_ops;

#endif /* PVN_NET_DRIVER_H */
