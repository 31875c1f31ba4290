// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending: from a collected frame to what the backend takes. With a header before each frame (tap, user) checksums and
 * segmentation are asked for there and the host does them, if at all; else they are done here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../net_csum.h"
#include "e1000.h"

#define ETH_ADDRESSES 12
#define ETH_MIN 60
#define TCP_FIN_PSH 0x09
#define TCP_CWR 0x80
#define MSS_MIN 32	/* below what any TCP uses: a guest that asks for it wants to see its host work */
#define CUT_BURST 64	/* segments in one go */

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return ntohs(v);
}

static void put16(uint8_t *p, uint16_t v)
{
	v = htons(v);
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, sizeof(v));
}

/* Sum [start, end], end being the last byte or 0 for the frame's, and store it at `at`. */
static void tx_insert(uint8_t *frame, uint32_t len, uint32_t start, uint32_t at, uint32_t end, bool never_zero)
{
	uint16_t sum;

	end = end && end < len ? end + 1 : len;
	if (start >= end || at + 2 > len)
		return;
	sum = net_csum_finish(net_csum_add(0, frame + start, end - start));
	if (!sum && never_zero)
		sum = 0xffff; /* UDP's zero would say that there is no checksum */
	memcpy(frame + at, &sum, sizeof(sum));
}

static void tx_insert_ip(struct e1000 *e, uint8_t *frame, uint32_t len)
{
	const struct e1000_tx_context *c = &e->tx.context;

	if (e->tx.insert_ip && c->ip_at + 2u <= len) {
		memset(frame + c->ip_at, 0, 2);
		tx_insert(frame, len, c->ip_start, c->ip_at, c->ip_end, false);
	}
}

/*
 * Make the prototype header that starts at `frame` that of a segment of len bytes: lengths, identification, sequence
 * number and flags; and the TCP or UDP checksum field, which holds the pseudo header's sum without its length.
 */
static void tx_segment_header(struct e1000 *e, uint8_t *frame, uint32_t len, uint32_t done, uint16_t nr, bool last)
{
	const struct e1000_tx_context *c = &e->tx.context;
	uint32_t sum;
	uint16_t old, add;

	if (c->ipv4) {
		put16(frame + c->ip_start + 2, len - c->ip_start);
		put16(frame + c->ip_start + 4, get16(frame + c->ip_start + 4) + nr);
	} else {
		put16(frame + c->ip_start + 4, len - c->ip_start - 40);
	}
	if (c->tcp) {
		uint32_t seq;

		memcpy(&seq, frame + c->tu_start + 4, sizeof(seq));
		put32(frame + c->tu_start + 4, ntohl(seq) + done);
		if (!last)
			frame[c->tu_start + 13] &= ~TCP_FIN_PSH;
	} else {
		put16(frame + c->tu_start + 4, len - c->tu_start);
	}
	memcpy(&old, frame + c->tu_at, sizeof(old));
	add = htons(len - c->tu_start);
	sum = (uint32_t)old + add;
	sum = (sum & 0xffff) + (sum >> 16);
	old = sum;
	memcpy(frame + c->tu_at, &old, sizeof(old));
	tx_insert_ip(e, frame, len);
}

/* Is the context one that frames can be cut by? Everything that tx_segment_header() touches is in the header. */
static bool tx_context_sane(const struct e1000_tx *t)
{
	const struct e1000_tx_context *c = &t->context;
	uint32_t ip_bytes = c->ipv4 ? 20 : 40, tu_bytes = c->tcp ? 20 : 8;

	return c->mss >= MSS_MIN && c->ip_start >= 14 && c->ip_start + ip_bytes <= c->tu_start &&
	       c->tu_start + tu_bytes <= c->header && c->tu_at + 2u <= c->header && c->header <= t->len;
}

static void tx_count(struct e1000 *e, const uint8_t *frame, uint32_t len, uint32_t frames, uint32_t bytes)
{
	struct e1000_tx_counts *c = &e->tx.counts;

	/* The counters are of the wire: with the check sequence of each frame. */
	c->frames += frames;
	c->bytes += bytes + 4 * frames;
	c->size[e1000_size_class(len + 4)] += frames;
	if (frame[0] & 1) {
		if (!memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6))
			c->broadcast += frames;
		else
			c->multicast += frames;
	}
}

/* Hand over a frame that has E1000_TX_ROOM bytes before it: for a tag and for the header, which is in host order. */
static int tx_write(struct e1000 *e, uint8_t *frame, uint32_t len, struct virtio_net_hdr_v1 *header)
{
	struct e1000_tx *t = &e->tx;
	uint8_t keep[ETH_ADDRESSES + 4], *from = frame;
	int ret = 0;

	memcpy(keep, frame - 4, sizeof(keep));
	if (t->vlan) {
		from -= 4;
		memmove(from, frame, ETH_ADDRESSES);
		put16(from + 12, t->vlan_type);
		put16(from + 14, t->tag);
		len += 4;
		if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			header->csum_start += 4;
		if (header->hdr_len)
			header->hdr_len += 4;
	}
	if (e->nb->vnet_header) {
		from -= E1000_HEADER_BYTES;
		memcpy(from, header, E1000_HEADER_BYTES);
		len += E1000_HEADER_BYTES;
	}
	if (write(e->nb->fd, from, len) < 0) {
		ret = -errno;
		/* As it was, for another try. */
		memcpy(frame - 4, keep, sizeof(keep));
	}
	return ret;
}

static int tx_send_plain(struct e1000 *e)
{
	struct e1000_tx *t = &e->tx;
	const struct e1000_tx_context *c = &t->context;
	uint8_t *frame = t->frame + E1000_TX_ROOM;
	struct virtio_net_hdr_v1 header = { 0 };
	int ret;

	if (t->len < ETH_MIN) {
		memset(frame + t->len, 0, ETH_MIN - t->len);
		t->len = ETH_MIN;
	}
	if (!t->prepared) {
		tx_insert_ip(e, frame, t->len);
		if (t->legacy_at)
			tx_insert(frame, t->len, t->legacy_start, t->legacy_at, 0, false);
	}
	if (t->insert_tu && e->nb->can_csum && e->nb->vnet_header && !c->tu_end && c->tu_at >= c->tu_start &&
	    c->tu_start >= 14 && c->tu_at + 2u <= t->len) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = c->tu_start;
		header.csum_offset = c->tu_at - c->tu_start;
	} else if (t->insert_tu && !t->prepared) {
		tx_insert(frame, t->len, c->tu_start, c->tu_at, c->tu_end, !c->tcp);
	}
	t->prepared = true;
	ret = tx_write(e, frame, t->len, &header);
	if (!ret)
		tx_count(e, frame, t->len, 1, t->len);
	return ret;
}

/* The host cuts it, or never: a tap's other end may be the host itself. */
static int tx_send_large(struct e1000 *e)
{
	struct e1000_tx *t = &e->tx;
	const struct e1000_tx_context *c = &t->context;
	uint8_t *frame = t->frame + E1000_TX_ROOM;
	uint32_t payload = t->len - c->header, frames = (payload + c->mss - 1) / c->mss;
	struct virtio_net_hdr_v1 header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = c->tu_start,
		.csum_offset = c->tu_at - c->tu_start,
	};
	int ret;

	if (frames > 1) {
		header.gso_type = c->ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		if (frame[c->tu_start + 13] & TCP_CWR)
			header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		header.hdr_len = c->header;
		header.gso_size = c->mss;
	}
	if (!t->prepared)
		tx_segment_header(e, frame, t->len, 0, 0, true);
	t->prepared = true;
	ret = tx_write(e, frame, t->len, &header);
	if (!ret) {
		if (!frames)
			frames = 1;
		tx_count(e, frame, payload < c->mss ? t->len : (uint32_t)c->header + c->mss, frames,
			 payload + frames * c->header);
		t->counts.segmented++;
	}
	return ret;
}

static int tx_send_cut(struct e1000 *e)
{
	struct e1000_tx *t = &e->tx;
	const struct e1000_tx_context *c = &t->context;
	const uint8_t *frame = t->frame + E1000_TX_ROOM;
	uint8_t *segment = t->segment + E1000_TX_ROOM;
	uint32_t payload = t->len - c->header;
	unsigned int burst = CUT_BURST;
	int ret;

	do {
		struct virtio_net_hdr_v1 header = { 0 };
		uint32_t n = payload - t->cut < c->mss ? payload - t->cut : c->mss;

		if (!burst--)
			return -EINPROGRESS;
		memcpy(segment, frame, c->header);
		memcpy(segment + c->header, frame + c->header + t->cut, n);
		tx_segment_header(e, segment, c->header + n, t->cut, t->segments, t->cut + n == payload);
		if (t->insert_tu)
			tx_insert(segment, c->header + n, c->tu_start, c->tu_at, 0, !c->tcp);
		ret = tx_write(e, segment, c->header + n, &header);
		if (ret)
			return ret;
		tx_count(e, segment, c->header + n, 1, c->header + n);
		t->cut += n;
		t->segments++;
	} while (t->cut < payload);
	t->counts.segmented++;
	return 0;
}

int e1000_tx_send(struct e1000 *e)
{
	struct e1000_tx *t = &e->tx;
	const struct e1000_tx_context *c = &t->context;

	if (t->len >= 14 && !t->tse && __atomic_load_n(&e->loopback, __ATOMIC_RELAXED)) {
		e1000_rx_loop(e, t->frame + E1000_TX_ROOM, t->len);
		return 0;
	}
	/* A cable that is not plugged in takes everything. */
	if (t->len < 14 || __atomic_load_n(&e->lost, __ATOMIC_RELAXED) || !__atomic_load_n(&e->link_up, __ATOMIC_RELAXED))
		return 0;
	if (!t->tse)
		return tx_send_plain(e);
	if (!tx_context_sane(t))
		return 0;
	if (e->nb->vnet_header && e->nb->can_tso && c->tcp && t->insert_tu && c->tu_at == c->tu_start + 16 &&
	    t->len - c->ip_start <= 65535)
		return tx_send_large(e);
	return tx_send_cut(e);
}
