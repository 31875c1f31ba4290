// SPDX-License-Identifier: GPL-2.0-only
/* Receiving: which frames are for this card, and what is known of their checksums. */
#include <arpa/inet.h>
#include <string.h>

#include "../../net_csum.h"
#include "e1000.h"

#define ETH_HEADER 14
#define VLAN_TAG 4
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define PROTO_TCP 6
#define PROTO_UDP 17

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static bool rx_unicast_match(struct e1000 *e, const uint8_t *to)
{
	uint32_t low = to[0] | to[1] << 8 | to[2] << 16 | (uint32_t)to[3] << 24, high = to[4] | to[5] << 8;

	for (unsigned int i = 0; i < 16; i++) {
		uint32_t rah = *e1000_reg(e, R_RAL + 8 * i + 4);

		if (rah & RAH_AV && (rah & 0xffff) == high && *e1000_reg(e, R_RAL + 8 * i) == low)
			return true;
	}
	return false;
}

static bool rx_multicast_hash(struct e1000 *e, const uint8_t *to)
{
	static const unsigned int shift[] = { 4, 3, 2, 0 };
	unsigned int bits = (to[4] | to[5] << 8) >> shift[*e1000_reg(e, R_RCTL) >> RCTL_MO_SHIFT & 3] & 0xfff;

	return *e1000_reg(e, R_MTA + 4 * (bits >> 5)) >> (bits & 31) & 1;
}

bool e1000_rx_accept(struct e1000 *e, const uint8_t *frame, uint32_t len, bool *inexact)
{
	uint32_t rctl = *e1000_reg(e, R_RCTL);

	*inexact = false;
	if (rctl & RCTL_VFE && len >= ETH_HEADER + VLAN_TAG && get16(frame + 12) == *e1000_reg(e, R_VET)) {
		unsigned int id = get16(frame + 14) & 0xfff;

		if (!(*e1000_reg(e, R_VFTA + 4 * (id >> 5)) >> (id & 31) & 1))
			return false;
	}
	if (!(frame[0] & 1))
		return rctl & RCTL_UPE || rx_unicast_match(e, frame);
	if (!memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6))
		return rctl & (RCTL_BAM | RCTL_MPE);
	if (rctl & RCTL_MPE || rx_unicast_match(e, frame))
		return true;
	*inexact = true;
	return rx_multicast_hash(e, frame);
}

struct rx_parsed {
	bool ipv4, ipv6;
	uint8_t proto; /* 0: not TCP or UDP, or a fragment */
	uint32_t ip_at, ip_bytes, tu_at;
	uint32_t end; /* of the IP packet, padding left out */
};

static void rx_parse(const uint8_t *f, uint32_t len, struct rx_parsed *p)
{
	uint32_t at = ETH_HEADER, total;
	uint16_t type = get16(f + 12);

	memset(p, 0, sizeof(*p));
	if (type == 0x8100 && len >= ETH_HEADER + VLAN_TAG) {
		type = get16(f + 16);
		at += VLAN_TAG;
	}
	p->ip_at = at;
	if (type == TYPE_IPV4 && len >= at + 20 && f[at] >> 4 == 4) {
		p->ip_bytes = (f[at] & 15) * 4;
		total = get16(f + at + 2);
		if (p->ip_bytes < 20 || total < p->ip_bytes || total > len - at)
			return;
		p->ipv4 = true;
		if (!(get16(f + at + 6) & 0x3fff))
			p->proto = f[at + 9];
	} else if (type == TYPE_IPV6 && len >= at + 40 && f[at] >> 4 == 6) {
		p->ip_bytes = 40;
		total = 40 + get16(f + at + 4);
		if (total > len - at)
			return;
		p->ipv6 = true;
		p->proto = f[at + 6];
	} else {
		return;
	}
	p->tu_at = at + p->ip_bytes;
	p->end = at + total;
	if (!(p->proto == PROTO_TCP && p->end - p->tu_at >= 20) && !(p->proto == PROTO_UDP && p->end - p->tu_at >= 8))
		p->proto = 0;
}

/* Sum of the pseudo header over `bytes` of TCP or UDP. */
static uint32_t rx_pseudo(const uint8_t *f, const struct rx_parsed *p, uint32_t bytes)
{
	uint32_t sum = htons(p->proto) + htons(bytes);

	return p->ipv4 ? net_csum_add(sum, f + p->ip_at + 12, 8) : net_csum_add(sum, f + p->ip_at + 8, 32);
}

static void rx_status_csum(struct e1000 *e, const uint8_t *f, const struct rx_parsed *p, bool known_good)
{
	struct e1000_rx *r = &e->rx;
	uint32_t rxcsum = *e1000_reg(e, R_RXCSUM);
	bool has_sum = p->proto && !(p->proto == PROTO_UDP && p->ipv4 && !get16(f + p->tu_at + 6));

	if (rxcsum & RXCSUM_IPOFL && p->ipv4) {
		r->status |= RXD_IPCS;
		if (!known_good && net_csum_finish(net_csum_add(0, f + p->ip_at, p->ip_bytes)))
			r->errors |= RXD_ERR_IPE;
	}
	if (rxcsum & RXCSUM_TUOFL && has_sum) {
		uint32_t bytes = p->end - p->tu_at;

		r->status |= RXD_TCPCS;
		if (!known_good && net_csum_finish(net_csum_add(rx_pseudo(f, p, bytes), f + p->tu_at, bytes)))
			r->errors |= RXD_ERR_TCPE;
	}
	if (!(r->status & (RXD_IPCS | RXD_TCPCS)))
		r->status |= RXD_IXSM;
}

/* The sender left the checksum to the card: the guest may forward the frame, so what it gets is complete. */
static bool rx_complete_csum(uint8_t *f, uint32_t len, const struct virtio_net_hdr_v1 *h)
{
	uint32_t start = h->csum_start, at = start + h->csum_offset;
	uint16_t sum;

	if (start > len || at + 2 > len)
		return false;
	sum = net_csum_finish(net_csum_add(0, f + start, len - start));
	if (!sum)
		sum = 0xffff;
	memcpy(f + at, &sum, sizeof(sum));
	return true;
}

static void rx_strip_tag(struct e1000 *e)
{
	struct e1000_rx *r = &e->rx;

	if (!e1000_vlan(e) || r->len < ETH_HEADER + VLAN_TAG || get16(r->frame + 12) != *e1000_reg(e, R_VET))
		return;
	r->status |= RXD_VP;
	r->tag = get16(r->frame + 14);
	memmove(r->frame + VLAN_TAG, r->frame, 12);
	r->frame += VLAN_TAG;
	r->len -= VLAN_TAG;
}

bool e1000_rx_prepare(struct e1000 *e, const struct virtio_net_hdr_v1 *h)
{
	unsigned int gso = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	bool known_good = h->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
	struct e1000_rx *r = &e->rx;
	struct rx_parsed p;

	r->header = 0;
	r->cut = 0;
	r->segments = 0;
	if (gso == VIRTIO_NET_HDR_GSO_NONE && h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    !rx_complete_csum(r->frame, r->len, h))
		return false;
	rx_strip_tag(e);
	rx_parse(r->frame, r->len, &p);
	rx_status_csum(e, r->frame, &p, known_good || gso != VIRTIO_NET_HDR_GSO_NONE);
	if (gso == VIRTIO_NET_HDR_GSO_NONE)
		return true;

	if (gso != VIRTIO_NET_HDR_GSO_TCPV4 && gso != VIRTIO_NET_HDR_GSO_TCPV6)
		return false;
	if (p.proto != PROTO_TCP || !h->gso_size)
		return false;
	r->header = p.tu_at + (r->frame[p.tu_at + 12] >> 4) * 4;
	if (r->header < p.tu_at + 20 || r->header > p.end || r->header > E1000_HEADER_MAX)
		return false;
	r->len = p.end;
	r->ip_at = p.ip_at;
	r->tcp_at = p.tu_at;
	r->ipv6 = p.ipv6;
	r->mss = h->gso_size;
	return true;
}

/* Make the next segment's header in `to`, for payload bytes [cut, cut + n). */
void e1000_rx_segment_header(struct e1000 *e, uint8_t *to, uint32_t n)
{
	struct e1000_rx *r = &e->rx;
	struct rx_parsed p = {
		.ipv4 = !r->ipv6,
		.ipv6 = r->ipv6,
		.proto = PROTO_TCP,
		.ip_at = r->ip_at,
	};
	uint32_t tcp_bytes = r->header - r->tcp_at + n, seq, sum;
	uint8_t *ip = to + r->ip_at, *tcp = to + r->tcp_at;
	uint16_t word;

	memcpy(to, r->frame, r->header);
	if (r->ipv6) {
		word = htons(r->tcp_at - r->ip_at - 40 + tcp_bytes);
		memcpy(ip + 4, &word, 2);
	} else {
		word = htons(r->tcp_at - r->ip_at + tcp_bytes);
		memcpy(ip + 2, &word, 2);
		word = htons(get16(ip + 4) + r->segments);
		memcpy(ip + 4, &word, 2);
		memset(ip + 10, 0, 2);
		word = net_csum_finish(net_csum_add(0, ip, r->tcp_at - r->ip_at));
		memcpy(ip + 10, &word, 2);
	}
	memcpy(&seq, tcp + 4, sizeof(seq));
	seq = htonl(ntohl(seq) + r->cut);
	memcpy(tcp + 4, &seq, sizeof(seq));
	if (r->cut + n < r->len - r->header)
		tcp[13] &= ~0x09; /* FIN and PSH belong to the last */
	if (r->cut)
		tcp[13] &= ~0x80; /* CWR to the first */
	memset(tcp + 16, 0, 2);
	sum = rx_pseudo(to, &p, tcp_bytes);
	sum = net_csum_add(sum, tcp, r->header - r->tcp_at);
	sum = net_csum_add(sum, r->frame + r->header + r->cut, n);
	word = net_csum_finish(sum);
	memcpy(tcp + 16, &word, 2);
}
