// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving. Buffers are pieces of page fragments, cut one after the other, so that a large frame
 * that fills several in a row becomes few fragments. Small frames are copied and their buffer is
 * posted again.
 *
 * Our header and the protocols' headers are copied, and only the copy is believed: of the original
 * only how much to copy is taken, and that is bounded. What stays in the buffer is payload, which
 * a hostile host may spoil but could have spoiled on the wire as well.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/virtio_net.h>

#include "net.h"

#define COPY_ALL 256	/* frames up to this are copied whole */
#define REFILL_BATCH 16
#define HEADER_BYTES sizeof(struct pvn_net_rx_header)

static struct pvn_net_pair *pair_of(struct pvn_net_rxq *rx)
{
	return container_of(rx, struct pvn_net_pair, rx);
}

static void refill_work(struct work_struct *work)
{
	struct pvn_net_rxq *rx = container_of(to_delayed_work(work), struct pvn_net_rxq, refill);

	local_bh_disable();
	napi_schedule(&pair_of(rx)->napi);
	local_bh_enable();
}

int pvn_net_rx_create(struct pvn_net_pair *pair, unsigned int index)
{
	struct pvn_net_rxq *rx = &pair->rx;

	rx->q = &pair->net->pdev->queues[2 * index + 1];
	rx->depth = 1U << rx->q->sq_order;
	u64_stats_init(&rx->stats.syncp);
	INIT_DELAYED_WORK(&rx->refill, refill_work);
	pvn_ids_init(&rx->ids, rx->id_words, rx->depth);
	rx->buffers = kcalloc(rx->depth, sizeof(*rx->buffers), GFP_KERNEL);
	return rx->buffers ? 0 : -ENOMEM;
}

void pvn_net_rx_destroy(struct pvn_net_rxq *rx)
{
	kfree(rx->buffers);
}

void pvn_net_rx_start(struct pvn_net_rxq *rx)
{
	rx->posted = 0;
	rx->in_frame = false;
	rx->dropping = false;
}

static bool buffer_get(struct pvn_net_rxq *rx, u32 bytes, struct pvn_net_buffer *buffer)
{
	if (rx->nr_recycle) {
		*buffer = rx->recycle[--rx->nr_recycle];
		return true;
	}
	if (!skb_page_frag_refill(bytes, &rx->frag, GFP_ATOMIC | __GFP_NOWARN) ||
	    rx->frag.size - rx->frag.offset < bytes)
		return false;
	buffer->page = rx->frag.page;
	buffer->offset = rx->frag.offset;
	rx->frag.offset += bytes;
	get_page(buffer->page);
	return true;
}

static void buffer_put(struct pvn_net_rxq *rx, const struct pvn_net_buffer *buffer)
{
	if (rx->nr_recycle < PVN_NET_RECYCLE)
		rx->recycle[rx->nr_recycle++] = *buffer;
	else
		put_page(buffer->page);
}

static void rx_refill(struct pvn_net_rxq *rx)
{
	u32 bytes = pair_of(rx)->net->buf_bytes;
	struct pvn_net_rx_buffer entry = { .op = PVN_NET_RX_BUFFER, .len = bytes };
	struct pvn_net_buffer buffer;
	void *slot;
	int id;

	if (rx->depth - rx->posted < min_t(u32, REFILL_BATCH, rx->depth / 2))
		return;
	while (rx->posted < rx->depth && buffer_get(rx, bytes, &buffer)) {
		slot = pvn_ring_guest_next(&rx->q->ring);
		id = slot ? pvn_ids_get(&rx->ids) : -1;
		if (id < 0) {
			buffer_put(rx, &buffer);
			pvn_device_fail(rx->q->pdev,
					"queue %u: the host does not take what was submitted",
					rx->q->index);
			return;
		}
		rx->buffers[id] = buffer;
		entry.id = id;
		entry.addr = page_to_phys(buffer.page) + buffer.offset;
		memcpy(slot, &entry, sizeof(entry));
		rx->posted++;
	}
	if (pvn_queue_publish(rx->q))
		pvn_net_count(&rx->stats, &rx->stats.doorbells, 1);
	/* Without any buffer no frame comes, and none would make us try again. */
	if (!rx->posted)
		schedule_delayed_work(&rx->refill, HZ / 20);
}

static void frame_drop(struct pvn_net_rxq *rx)
{
	if (!rx->dropping)
		pvn_net_count(&rx->stats, &rx->stats.drops, 1);
	rx->dropping = true;
	if (rx->skb)
		kfree_skb(rx->skb);
	rx->skb = NULL;
}

/* The frame's first buffer. Takes the buffer over. */
static void frame_begin(struct pvn_net_pair *pair, const struct pvn_net_buffer *buffer, u32 len)
{
	struct pvn_net_rxq *rx = &pair->rx;
	void *data = page_address(buffer->page) + buffer->offset;
	struct sk_buff *skb;
	u32 head;

	rx->dropping = false;
	if (len < HEADER_BYTES + ETH_HLEN)
		goto drop;
	skb = napi_alloc_skb(&pair->napi, COPY_ALL);
	if (!skb)
		goto drop;
	rx->skb = skb;
	memcpy(&rx->header, data, HEADER_BYTES);
	data += HEADER_BYTES;
	len -= HEADER_BYTES;
	head = len;
	if (len > COPY_ALL)
		head = eth_get_headlen(pair->net->dev, data, COPY_ALL);
	skb_put_data(skb, data, head);
	if (head == len) {
		buffer_put(rx, buffer);
		return;
	}
	skb_add_rx_frag(skb, 0, buffer->page, buffer->offset + HEADER_BYTES + head, len - head,
			pair->net->buf_bytes);
	return;

drop:
	buffer_put(rx, buffer);
	frame_drop(rx);
}

/* A further buffer. Takes the buffer over. */
static void frame_add(struct pvn_net_pair *pair, const struct pvn_net_buffer *buffer, u32 len)
{
	struct pvn_net_rxq *rx = &pair->rx;
	struct sk_buff *skb = rx->skb;
	unsigned int frags;

	if (rx->dropping) {
		buffer_put(rx, buffer);
		return;
	}
	frags = skb_shinfo(skb)->nr_frags;
	if (!len || skb->len + len > PVN_NET_MAX_FRAME)
		goto drop;
	if (skb_can_coalesce(skb, frags, buffer->page, buffer->offset)) {
		skb_coalesce_rx_frag(skb, frags - 1, len, pair->net->buf_bytes);
		put_page(buffer->page);
		return;
	}
	if (frags == MAX_SKB_FRAGS)
		goto drop;
	skb_add_rx_frag(skb, frags, buffer->page, buffer->offset, len, pair->net->buf_bytes);
	return;

drop:
	buffer_put(rx, buffer);
	frame_drop(rx);
}

/* What the header asks for must have been agreed on. The kernel's own helper then checks it
 * against the frame: the layout is the same on purpose.
 */
static bool frame_add_offloads(struct pvn_net *net, struct sk_buff *skb,
			       const struct pvn_net_rx_header *header)
{
	struct virtio_net_hdr hdr = {
		.flags = header->flags,
		.gso_type = header->gso_type,
		.hdr_len = (__force __virtio16)header->hdr_len,
		.gso_size = (__force __virtio16)header->gso_size,
		.csum_start = (__force __virtio16)header->csum_start,
		.csum_offset = (__force __virtio16)header->csum_offset,
	};

	if (header->flags && !pvn_net_can(net, PVN_NET_F_RX_CSUM))
		return false;
	switch (header->gso_type & ~PVN_NET_GSO_ECN) {
	case PVN_NET_GSO_NONE:
		hdr.gso_type = PVN_NET_GSO_NONE;
		break;
	case PVN_NET_GSO_TCPV4:
		if (!pvn_net_can(net, PVN_NET_F_RX_TSO4))
			return false;
		break;
	case PVN_NET_GSO_TCPV6:
		if (!pvn_net_can(net, PVN_NET_F_RX_TSO6))
			return false;
		break;
	default:
		return false;
	}
	if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	return !virtio_net_hdr_to_skb(skb, &hdr, true);
}

static void frame_deliver(struct pvn_net_pair *pair, unsigned int index)
{
	struct pvn_net_rxq *rx = &pair->rx;
	struct sk_buff *skb = rx->skb;

	if (!skb)
		return;
	if (!frame_add_offloads(pair->net, skb, &rx->header)) {
		frame_drop(rx);
		return;
	}
	rx->skb = NULL;
	u64_stats_update_begin(&rx->stats.syncp);
	u64_stats_add(&rx->stats.packets, 1);
	u64_stats_add(&rx->stats.bytes, skb->len);
	u64_stats_update_end(&rx->stats.syncp);
	skb_record_rx_queue(skb, index);
	skb->protocol = eth_type_trans(skb, pair->net->dev);
	napi_gro_receive(&pair->napi, skb);
}

/* 1: a frame is complete, 0: not yet, -1: the host lies. */
static int completion_take(struct pvn_net_pair *pair, const struct pvn_cqe *cqe)
{
	struct pvn_net_rxq *rx = &pair->rx;
	bool more = cqe->flags & PVN_NET_CQE_MORE;
	struct pvn_net_buffer buffer;

	if (cqe->status < -PVN_EMAX || cqe->status > (s32)pair->net->buf_bytes ||
	    cqe->flags & ~PVN_NET_CQE_MORE ||
	    (more && !pvn_net_can(pair->net, PVN_NET_F_MERGE)) ||
	    !pvn_ids_claim(&rx->ids, cqe->id)) {
		pvn_device_fail(rx->q->pdev,
				"queue %u: impossible completion: id %u, status %d, flags %#x",
				rx->q->index, cqe->id, cqe->status, cqe->flags);
		return -1;
	}
	buffer = rx->buffers[cqe->id];
	rx->buffers[cqe->id].page = NULL;
	rx->posted--;
	if (cqe->status < 0) {
		buffer_put(rx, &buffer);
		frame_drop(rx);
	} else if (!rx->in_frame) {
		frame_begin(pair, &buffer, cqe->status);
	} else {
		frame_add(pair, &buffer, cqe->status);
	}
	rx->in_frame = more;
	if (more)
		return 0;
	frame_deliver(pair, rx->q->index / 2);
	rx->dropping = false;
	return 1;
}

/* Frames taken, or budget when there may be more. */
int pvn_net_rx_poll(struct pvn_net_pair *pair, int budget)
{
	struct pvn_net_rxq *rx = &pair->rx;
	struct pvn_cqe cqe;
	int frames = 0, entries = 0;
	int got = 0;

	if (pvn_device_dead(pair->net->pdev))
		return 0;
	/* A frame that never ends must not keep us here: entries count too. */
	while (frames < budget && entries < 32 * budget) {
		got = pvn_ring_guest_pop(&rx->q->ring, &cqe);
		if (got <= 0)
			break;
		entries++;
		got = completion_take(pair, &cqe);
		if (got < 0)
			return frames;
		frames += got;
	}
	if (got < 0) {
		pvn_device_fail(pair->net->pdev, "queue %u: the host's index is wild",
				rx->q->index);
		return frames;
	}
	pvn_ring_guest_release(&rx->q->ring);
	rx_refill(rx);
	if (frames == budget || entries == 32 * budget)
		return budget;
	/* Armed before NAPI is given up, since arming releases completions: two at a time would
	 * not do. An interrupt in between makes NAPI run again.
	 */
	return pvn_ring_guest_arm(&rx->q->ring) ? budget : frames;
}

void pvn_net_rx_drop_all(struct pvn_net_rxq *rx)
{
	u32 id;

	if (rx->skb)
		kfree_skb(rx->skb);
	rx->skb = NULL;
	for (id = 0; id < rx->depth; id++)
		if (pvn_ids_claim(&rx->ids, id))
			put_page(rx->buffers[id].page);
	while (rx->nr_recycle)
		put_page(rx->recycle[--rx->nr_recycle].page);
	if (rx->frag.page)
		put_page(rx->frag.page);
	rx->frag.page = NULL;
	rx->posted = 0;
}
