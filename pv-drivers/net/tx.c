// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending. Everything here runs under the netdev queue's lock, so stopping and waking the queue
 * needs no barriers of its own.
 *
 * Few interrupts: a completion is taken up when the next frame is sent or when NAPI runs for
 * received ones. An interrupt is asked for only when somebody may be waiting for it (the queue is
 * stopped, or enough bytes are in flight that a socket may have run out of room), and then for
 * when three quarters are done. A delayed work collects what is left when traffic ends.
 */
#include <linux/etherdevice.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <linux/tcp.h>

#include "net.h"

#define BYTES_WORTH_AN_INTERRUPT 16384
#define STRAGGLER_DELAY max_t(unsigned long, 1, HZ / 100)

static struct pvn_net_pair *pair_of(struct pvn_net_txq *tx)
{
	return container_of(tx, struct pvn_net_pair, tx);
}

static void straggler_work(struct work_struct *work)
{
	struct pvn_net_txq *tx = container_of(to_delayed_work(work), struct pvn_net_txq, straggler);

	local_bh_disable();
	napi_schedule(&pair_of(tx)->napi);
	local_bh_enable();
}

int pvn_net_tx_create(struct pvn_net_pair *pair, unsigned int index)
{
	struct pvn_net_txq *tx = &pair->tx;

	tx->q = &pair->net->pdev->queues[2 * index];
	tx->nq = netdev_get_tx_queue(pair->net->dev, index);
	tx->depth = 1U << tx->q->sq_order;
	u64_stats_init(&tx->stats.syncp);
	INIT_DELAYED_WORK(&tx->straggler, straggler_work);
	pvn_ids_init(&tx->ids, tx->id_words, tx->depth);
	tx->slots = kcalloc(tx->depth, sizeof(*tx->slots), GFP_KERNEL);
	tx->tables = alloc_pages_exact(tx->depth * PVN_NET_MAX_SEGS * sizeof(*tx->tables),
				       GFP_KERNEL | __GFP_ZERO);
	return tx->slots && tx->tables ? 0 : -ENOMEM;
}

void pvn_net_tx_destroy(struct pvn_net_txq *tx)
{
	if (tx->tables)
		free_pages_exact(tx->tables,
				 tx->depth * PVN_NET_MAX_SEGS * sizeof(*tx->tables));
	kfree(tx->slots);
}

/* After the attachment, before NAPI. */
void pvn_net_tx_start(struct pvn_net_txq *tx)
{
	tx->in_flight = 0;
	tx->in_flight_bytes = 0;
	tx->reaped = 0;
	tx->armed = false;
	tx->timeouts = 0;
	netdev_tx_reset_queue(tx->nq);
}

static void slot_done(struct pvn_net_txq *tx, u32 id, int budget)
{
	struct pvn_net_tx_slot *slot = &tx->slots[id];

	tx->in_flight--;
	tx->in_flight_bytes -= slot->bytes;
	napi_consume_skb(slot->skb, budget);
	slot->skb = NULL;
}

static void tx_reap(struct pvn_net_txq *tx, int budget)
{
	struct pvn_device *pdev = tx->q->pdev;
	unsigned int packets = 0, bytes = 0, failed = 0;
	struct pvn_cqe cqe;
	int got;

	/* After a failure the slots belong to pvn_net_tx_drop_all(). */
	if (pvn_device_dead(pdev))
		return;
	while ((got = pvn_ring_guest_pop(&tx->q->ring, &cqe)) > 0) {
		if (cqe.status < -PVN_EMAX || cqe.flags || !pvn_ids_claim(&tx->ids, cqe.id)) {
			pvn_device_fail(pdev, "queue %u: impossible completion: id %u, status %d",
					tx->q->index, cqe.id, cqe.status);
			break;
		}
		if (cqe.status < 0)
			failed++;
		packets++;
		bytes += tx->slots[cqe.id].bytes;
		slot_done(tx, cqe.id, budget);
	}
	if (got < 0)
		pvn_device_fail(pdev, "queue %u: the host's index is wild", tx->q->index);
	pvn_ring_guest_release(&tx->q->ring);
	if (!packets)
		return;
	tx->reaped += packets;
	tx->timeouts = 0;
	if (tx->armed && (s32)(tx->reaped - tx->event) > 0)
		tx->armed = false;
	netdev_tx_completed_queue(tx->nq, packets, bytes);
	u64_stats_update_begin(&tx->stats.syncp);
	u64_stats_add(&tx->stats.packets, packets - failed);
	u64_stats_add(&tx->stats.bytes, bytes);
	u64_stats_add(&tx->stats.drops, failed);
	u64_stats_update_end(&tx->stats.syncp);
}

static void tx_wake(struct pvn_net_txq *tx)
{
	/* A quarter, so that the queue is not stopped and woken frame by frame. */
	if (netif_tx_queue_stopped(tx->nq) && tx->in_flight <= tx->depth - tx->depth / 4)
		netif_tx_wake_queue(tx->nq);
}

/* Asks for an interrupt when one is worth it; takes up what comes in meanwhile. */
static void tx_arm(struct pvn_net_txq *tx, int budget)
{
	while (tx->in_flight && !tx->armed && !pvn_device_dead(tx->q->pdev)) {
		u32 after = (tx->in_flight - 1) * 3 / 4;

		if (!netif_xmit_stopped(tx->nq) && tx->in_flight_bytes < BYTES_WORTH_AN_INTERRUPT) {
			if (!delayed_work_pending(&tx->straggler))
				schedule_delayed_work(&tx->straggler, STRAGGLER_DELAY);
			return;
		}
		tx->event = tx->reaped + after;
		tx->armed = true;
		if (!pvn_ring_guest_arm_after(&tx->q->ring, after))
			return;
		/* So many are there already that the host may not have seen it. */
		tx->armed = false;
		tx_reap(tx, budget);
		tx_wake(tx);
	}
}

/* From NAPI. */
void pvn_net_tx_poll(struct pvn_net_txq *tx, int budget)
{
	__netif_tx_lock(tx->nq, smp_processor_id());
	tx_reap(tx, budget);
	tx_wake(tx);
	tx_arm(tx, budget);
	__netif_tx_unlock(tx->nq);
}

static void entry_add_offloads(struct pvn_net_tx *entry, const struct sk_buff *skb)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		entry->flags = PVN_NET_TX_NEEDS_CSUM;
		entry->csum_start = skb_checksum_start_offset(skb);
		entry->csum_offset = skb->csum_offset;
	}
	if (skb_is_gso(skb)) {
		entry->gso_type = skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4 ? PVN_NET_GSO_TCPV4 :
									     PVN_NET_GSO_TCPV6;
		entry->gso_size = skb_shinfo(skb)->gso_size;
		entry->hdr_len = skb_tcp_all_headers(skb);
	}
}

static void entry_add_segments(struct pvn_net_txq *tx, struct pvn_net_tx *entry,
			       const struct sk_buff *skb)
{
	struct pvn_segment *seg = entry->seg;
	unsigned int i;

	entry->nr_segs = 1 + skb_shinfo(skb)->nr_frags;
	if (entry->nr_segs > PVN_NET_INLINE_SEGS) {
		seg = &tx->tables[entry->id * PVN_NET_MAX_SEGS];
		entry->table = virt_to_phys(seg);
	}
	seg[0].addr = virt_to_phys(skb->data);
	seg[0].len = skb_headlen(skb);
	seg[0].reserved = 0;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		seg[1 + i].addr = page_to_phys(skb_frag_page(frag)) + skb_frag_off(frag);
		seg[1 + i].len = skb_frag_size(frag);
		seg[1 + i].reserved = 0;
	}
}

/* False: no room, which only a host that lies about its index can bring about. */
static bool tx_submit(struct pvn_net_txq *tx, struct sk_buff *skb)
{
	struct pvn_net_tx entry = { .op = PVN_NET_TX, .bytes = skb->len };
	void *slot = pvn_ring_guest_next(&tx->q->ring);
	int id;

	if (!slot)
		return false;
	id = pvn_ids_get(&tx->ids);
	if (WARN_ON_ONCE(id < 0))
		return false;
	entry.id = id;
	entry_add_offloads(&entry, skb);
	entry_add_segments(tx, &entry, skb);
	memcpy(slot, &entry, sizeof(entry));
	tx->slots[id].skb = skb;
	tx->slots[id].bytes = skb->len;
	tx->in_flight++;
	tx->in_flight_bytes += skb->len;
	return true;
}

/* The stack's rules keep these out but for packet sockets, and odd configurations. */
static bool skb_sendable(struct sk_buff *skb)
{
	if (skb->len < ETH_HLEN || skb->len > PVN_NET_MAX_FRAME || !skb_headlen(skb))
		return false;
	return 1 + skb_shinfo(skb)->nr_frags <= PVN_NET_MAX_SEGS || !skb_linearize(skb);
}

netdev_tx_t pvn_net_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct pvn_net *net = netdev_priv(dev);
	struct pvn_net_txq *tx = &net->pairs[skb_get_queue_mapping(skb)].tx;
	bool more = netdev_xmit_more();
	unsigned int bytes = skb->len;
	bool kick = true;

	tx_reap(tx, 0);
	if (pvn_device_dead(net->pdev) || !skb_sendable(skb))
		goto drop;
	skb_tx_timestamp(skb);
	if (!tx_submit(tx, skb)) {
		pvn_device_fail(net->pdev, "queue %u: the host does not take what was submitted",
				tx->q->index);
		goto drop;
	}
	kick = __netdev_tx_sent_queue(tx->nq, bytes, more);
	if (tx->in_flight == tx->depth) {
		netif_tx_stop_queue(tx->nq);
		kick = true;
	}
	if (kick && pvn_queue_publish(tx->q))
		pvn_net_count(&tx->stats, &tx->stats.doorbells, 1);
	/* Only for what the host has been told of. */
	if (kick)
		tx_arm(tx, 0);
	return NETDEV_TX_OK;

drop:
	/* Frames before it may have relied on this one to be told to the host. */
	if (!more && pvn_queue_publish(tx->q))
		pvn_net_count(&tx->stats, &tx->stats.doorbells, 1);
	pvn_net_count(&tx->stats, &tx->stats.drops, 1);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

void pvn_net_tx_drop_all(struct pvn_net_txq *tx)
{
	u32 id;

	__netif_tx_lock_bh(tx->nq);
	for (id = 0; id < tx->depth; id++) {
		if (!pvn_ids_claim(&tx->ids, id))
			continue;
		slot_done(tx, id, 0);
		pvn_net_count(&tx->stats, &tx->stats.drops, 1);
	}
	netdev_tx_reset_queue(tx->nq);
	__netif_tx_unlock_bh(tx->nq);
}
