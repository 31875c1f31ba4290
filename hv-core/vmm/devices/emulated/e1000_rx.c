// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving, on the main loop's thread: a frame is read into a buffer here, filtered, and copied into the guest's
 * descriptors. (Reading straight into them would save one copy, but a frame that is not for this guest would then have
 * been seen by it.) Large segments from a tap are cut here, so that the host sends one where the wire carries forty.
 *
 * Without descriptors nothing is read: frames wait in the backend's queue, not here, and a write to RDT goes on.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "e1000.h"

#define RX_BURST 128 /* steps between two looks at timers and other devices */
#define ETH_MIN 60
#define FCS_BYTES 4
#define FRAME_MAX_STANDARD 1522 /* without LPE; check sequence and tag included */

struct rx_ring {
	uint64_t base;
	uint32_t n, head, tail, free;
};

/* Lock held. False when there is none to write to. */
static bool rx_ring(struct e1000 *e, struct rx_ring *ring)
{
	ring->base = *e1000_reg(e, R_RDBAL) | (uint64_t)*e1000_reg(e, R_RDBAH) << 32;
	ring->n = *e1000_reg(e, R_RDLEN) / sizeof(struct e1000_rx_desc);
	ring->head = *e1000_reg(e, R_RDH);
	ring->tail = *e1000_reg(e, R_RDT);
	if (!(*e1000_reg(e, R_RCTL) & RCTL_EN) || !__atomic_load_n(&e->pci.bus_master, __ATOMIC_ACQUIRE))
		return false;
	if (ring->head >= ring->n || ring->tail >= ring->n)
		return false;
	ring->free = (ring->tail + ring->n - ring->head) % ring->n;
	return ring->free;
}

bool e1000_rx_wanted(struct e1000 *e)
{
	struct rx_ring ring;

	return !e->loopback && rx_ring(e, &ring);
}

static uint32_t rx_buffer_bytes(struct e1000 *e)
{
	uint32_t rctl = *e1000_reg(e, R_RCTL), bytes = 2048u >> (rctl >> RCTL_BSIZE_SHIFT & 3);

	/* With BSEX sizes are 16 times as large; the one that would be 32 KiB is reserved. */
	if (rctl & RCTL_BSEX)
		bytes = bytes == 2048 ? 16384 : bytes * 16;
	return bytes;
}

/* The bytes of a frame, in up to two parts and followed by zeros: padding, and in place of a check sequence. */
struct rx_source {
	struct iovec part[2];
	unsigned int i;
	uint32_t at;
};

static void rx_copy(struct e1000 *e, struct rx_source *s, uint64_t addr, uint32_t len)
{
	static const uint8_t zeros[64];

	while (len) {
		const uint8_t *from = zeros;
		uint32_t n = sizeof(zeros);

		while (s->i < 2 && s->at == s->part[s->i].iov_len) {
			s->i++;
			s->at = 0;
		}
		if (s->i < 2) {
			from = (const uint8_t *)s->part[s->i].iov_base + s->at;
			n = s->part[s->i].iov_len - s->at;
		}
		if (n > len)
			n = len;
		/* A wild address takes nothing: the bus has nobody there. */
		gmem_write(&e->m->gmem, GPA(addr), from, n);
		s->at += s->i < 2 ? n : 0;
		addr += n;
		len -= n;
	}
}

static void rx_threshold(struct e1000 *e, const struct rx_ring *ring)
{
	uint32_t shift = 1 + (*e1000_reg(e, R_RCTL) >> RCTL_RDMTS_SHIFT & 3), low = ring->n >> shift;
	uint32_t left = (ring->tail + ring->n - *e1000_reg(e, R_RDH)) % ring->n;

	if (ring->free > low && left <= low)
		e1000_irq_cause(&e->irq, INT_RXDMT0);
}

static void rx_account(struct e1000 *e, const uint8_t *to, uint32_t len)
{
	e1000_count(e, R_GPRC, 1);
	e1000_count(e, R_TPR, 1);
	e1000_count64(e, R_GORCL, len);
	e1000_count64(e, R_TORL, len);
	e1000_count(e, R_PRC64 + 4 * e1000_size_class(len), 1);
	if (to[0] & 1)
		e1000_count(e, memcmp(to, "\xff\xff\xff\xff\xff\xff", 6) ? R_MPRC : R_BPRC, 1);
}

/* Write one frame of the wire into descriptors. False: there are too few now. */
static bool rx_write(struct e1000 *e, struct rx_source *s)
{
	struct e1000_rx *r = &e->rx;
	uint32_t bytes = s->part[0].iov_len + s->part[1].iov_len, size = rx_buffer_bytes(e), left, wire;
	struct rx_ring ring;

	if (bytes < ETH_MIN)
		bytes = ETH_MIN;
	wire = bytes + FCS_BYTES;
	if (!(*e1000_reg(e, R_RCTL) & RCTL_SECRC))
		bytes = wire;
	if (!rx_ring(e, &ring))
		return false;
	/* Not even the whole ring could hold it. */
	if ((bytes + size - 1) / size > ring.n - 1) {
		e1000_count(e, R_MPC, 1);
		return true;
	}
	/* Null descriptors on the way may ask for more than this: then the frame's rest is lost, as its sender's fault. */
	if ((bytes + size - 1) / size > ring.free)
		return false;

	rx_account(e, s->part[0].iov_base, wire);
	for (left = bytes; left && ring.head != ring.tail;) {
		gpa_t at = GPA(ring.base + ring.head * sizeof(struct e1000_rx_desc));
		struct e1000_rx_desc d;
		uint32_t n = left < size ? left : size;

		if (gmem_read(&e->m->gmem, at, &d, sizeof(d)))
			break; /* the ring itself is nowhere */
		d.length = 0;
		d.csum = 0;
		d.errors = 0;
		d.special = 0;
		d.status = RXD_DD;
		if (d.addr) {
			rx_copy(e, s, d.addr, n);
			d.length = n;
			left -= n;
			d.status |= r->status & ~RXD_EOP;
			d.errors = r->errors;
			d.special = r->tag;
			if (!left)
				d.status |= RXD_EOP;
		}
		/* The frame's bytes before the status that shows them: x86 keeps the order, the compiler must. */
		__atomic_thread_fence(__ATOMIC_RELEASE);
		gmem_write(&e->m->gmem, GPA(at.v + 8), &d.length, sizeof(d) - 8);
		e->rx_shown_at = at.v + offsetof(struct e1000_rx_desc, status);
		ring.head = ring.head + 1 == ring.n ? 0 : ring.head + 1;
	}
	*e1000_reg(e, R_RDH) = ring.head;
	rx_threshold(e, &ring);
	if (*e1000_reg(e, R_RDTR))
		e1000_irq_rx_later(&e->irq, *e1000_reg(e, R_RDTR), *e1000_reg(e, R_RADV), loop_now_ns());
	else
		e1000_irq_cause(&e->irq, INT_RXT0);
	if (bytes <= *e1000_reg(e, R_RSRPD))
		e1000_irq_cause(&e->irq, INT_SRPD);
	e1000_irq_update(e);
	return true;
}

/* Lock held; a frame waits. Deliver it or its next segment. False: no descriptors. */
static bool rx_deliver(struct e1000 *e)
{
	struct e1000_rx *r = &e->rx;
	struct rx_source s = { .part[0] = { .iov_base = r->frame, .iov_len = r->len } };
	uint8_t header[E1000_HEADER_MAX];
	uint32_t n;

	if (!r->header) {
		if (!rx_write(e, &s))
			return false;
		r->len = 0;
		return true;
	}
	n = r->len - r->header - r->cut;
	if (n > r->mss)
		n = r->mss;
	/* Before work is spent on a header for which there is no place. */
	if (!e1000_rx_wanted(e))
		return false;
	e1000_rx_segment_header(e, header, n);
	s.part[0] = (struct iovec){ .iov_base = header, .iov_len = r->header };
	s.part[1] = (struct iovec){ .iov_base = r->frame + r->header + r->cut, .iov_len = n };
	if (!rx_write(e, &s))
		return false;
	r->cut += n;
	r->segments++;
	if (r->cut >= r->len - r->header)
		r->len = 0;
	return true;
}

/* Lock held. What was read becomes the frame that waits, unless it is not for the guest. */
static void rx_take(struct e1000 *e, uint32_t bytes)
{
	struct virtio_net_hdr_v1 header = { 0 };
	struct e1000_rx *r = &e->rx;
	uint32_t max = *e1000_reg(e, R_RCTL) & RCTL_LPE ? E1000_JUMBO_MAX : FRAME_MAX_STANDARD;
	bool inexact;

	r->frame = r->buffer;
	if (e->nb->vnet_header) {
		if (bytes < E1000_HEADER_BYTES)
			return;
		memcpy(&header, r->frame, sizeof(header));
		r->frame += E1000_HEADER_BYTES;
		bytes -= E1000_HEADER_BYTES;
	}
	if (bytes < 14 || !e1000_rx_accept(e, r->frame, bytes, &inexact))
		return;
	if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE && bytes + FCS_BYTES > max) {
		e1000_count(e, R_ROC, 1);
		return;
	}
	r->len = bytes;
	r->status = inexact ? RXD_PIF : 0;
	r->errors = 0;
	r->tag = 0;
	if (!e1000_rx_prepare(e, &header))
		r->len = 0;
}

/*
 * The PHY loops back what is sent, for a driver's self-test: no wire, no queue, and what finds no descriptor is lost.
 * The frame takes the place of one from the backend for as long as the lock is held.
 */
void e1000_rx_loop(struct e1000 *e, uint8_t *frame, uint32_t len)
{
	struct virtio_net_hdr_v1 none = { 0 };
	struct e1000_rx *r = &e->rx;
	bool inexact;

	pthread_mutex_lock(&e->lock);
	if (!r->len && e1000_rx_accept(e, frame, len, &inexact)) {
		r->frame = frame;
		r->len = len;
		r->status = inexact ? RXD_PIF : 0;
		r->errors = 0;
		r->tag = 0;
		if (e1000_rx_prepare(e, &none))
			rx_deliver(e);
		r->len = 0;
	}
	pthread_mutex_unlock(&e->lock);
}

void e1000_rx_ready(struct e1000 *e)
{
	for (unsigned int i = 0; i < RX_BURST; i++) {
		ssize_t n;

		pthread_mutex_lock(&e->lock);
		e->rx.stalled = e->rx.len && !rx_deliver(e);
		if (e->rx.stalled || (!e->rx.len && !e1000_rx_wanted(e))) {
			e1000_watch(e);
			pthread_mutex_unlock(&e->lock);
			return;
		}
		if (e->rx.len) {
			pthread_mutex_unlock(&e->lock);
			continue;
		}
		pthread_mutex_unlock(&e->lock);

		n = read(e->nb->fd, e->rx.buffer, E1000_HEADER_BYTES + E1000_FRAME_MAX);
		if (n <= 0) {
			if (n == 0 || net_backend_lost(errno))
				__atomic_store_n(&e->lost, true, __ATOMIC_RELAXED);
			break;
		}
		pthread_mutex_lock(&e->lock);
		rx_take(e, n);
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_lock(&e->lock);
	/* A segment that is only cut in part shows no EPOLLIN. */
	if (e->rx.len)
		e1000_signal(e->kick);
	e1000_watch(e);
	pthread_mutex_unlock(&e->lock);
	if (__atomic_load_n(&e->lost, __ATOMIC_RELAXED))
		e1000_signal(e->kick);
}

void e1000_rx_reset(struct e1000 *e)
{
	e->rx.len = 0;
	e->rx.stalled = false;
}
