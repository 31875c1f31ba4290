// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV net, receiving: each frame is read by one readv() straight into the buffers that the guest posted. Buffers are
 * taken from the ring as frames need them; what a frame left over is held for the next.
 */
#include <errno.h>
#include <string.h>

#include "pv_net.h"

#define HELD_MAX (1u << PV_NET_MAX_ORDER)
#define RX_MIN_BUFFER 256u
#define RX_MAX_BUFFER 65536u
#define FLAG_PARTIAL 1 /* pvn_net_rx_header.flags */

static int check_buffer(struct pv_net *n, const struct pvn_net_rx_buffer *rb, char **host)
{
	pvn_u64 reserved = rb->flags | rb->reserved0 | rb->reserved1;
	unsigned int i;

	if (rb->op != PVN_NET_RX_BUFFER)
		return -PVN_ENOSYS;
	for (i = 0; i < 5; i++)
		reserved |= rb->reserved2[i];
	if (reserved || rb->len < RX_MIN_BUFFER || rb->len > RX_MAX_BUFFER)
		return -PVN_EINVAL;
	*host = gmem_ptr_held(&n->dev.m->gmem, GPA(rb->addr), rb->len);
	return *host ? 0 : -PVN_EFAULT;
}

static bool merges(const struct pv_net *n)
{
	return n->dev.accepted & PVN_NET_F_MERGE;
}

/* Bytes that the largest frame takes. */
static uint32_t frame_room(const struct pv_net *n)
{
	if (n->dev.accepted & (PVN_NET_F_RX_TSO4 | PVN_NET_F_RX_TSO6))
		return PV_NET_HEADER + PVN_NET_MAX_FRAME;
	return PV_NET_HEADER + PV_NET_MTU + 14 + 4;
}

/* Hold enough buffers for the largest frame. False: the guest has not posted them. */
static bool hold_buffers(struct pv_net *n)
{
	struct pv_queue *q = &n->dev.queue[PV_NET_QUEUE_RX];
	uint32_t want = merges(n) ? frame_room(n) : 1;
	struct pvn_net_rx_buffer rb;

	while (n->buffered < want && n->nr_buffers < HELD_MAX && pv_queue_pop(q, &rb)) {
		struct pv_net_buffer *buffer = &n->buffer[(n->first_buffer + n->nr_buffers) % HELD_MAX];
		int rc = check_buffer(n, &rb, &buffer->host);

		if (rc) {
			pv_queue_complete(q, rb.id, rc, 0);
			continue;
		}
		buffer->id = rb.id;
		buffer->len = rb.len;
		n->nr_buffers++;
		n->buffered += rb.len;
	}
	/*
	 * A guest whose ring is too small ever to hold the largest frame gets those that fit. Otherwise waiting is
	 * right: a large frame that is dropped for want of a buffer costs a retransmission.
	 */
	return n->buffered >= want || (n->nr_buffers && q->ring.in_flight == q->ring.cq_size);
}

/* A frame with what the guest did not accept: only another guest's socket sends such. */
static bool header_accepted(const struct pv_net *n, const struct pvn_net_rx_header *h)
{
	uint64_t features = n->dev.accepted;

	if (h->flags & FLAG_PARTIAL && !(features & PVN_NET_F_RX_CSUM))
		return false;
	switch (h->gso_type & (uint8_t)~PVN_NET_GSO_ECN) {
	case PVN_NET_GSO_NONE:
		return true;
	case PVN_NET_GSO_TCPV4:
		return features & PVN_NET_F_RX_TSO4;
	case PVN_NET_GSO_TCPV6:
		return features & PVN_NET_F_RX_TSO6;
	default:
		return false;
	}
}

/* Of the buffers held, the first goes back to the guest. */
static void complete_first(struct pv_net *n, int32_t status, uint32_t flags)
{
	const struct pv_net_buffer *buffer = &n->buffer[n->first_buffer];

	gmem_release(&n->dev.m->gmem, buffer->host, buffer->len);
	pv_queue_complete(&n->dev.queue[PV_NET_QUEUE_RX], buffer->id, status, flags);
	n->buffered -= buffer->len;
	n->first_buffer = (n->first_buffer + 1) % HELD_MAX;
	n->nr_buffers--;
}

/* The frame of `bytes` (header included) lies in the first buffers held: hand those to the guest. */
static void complete_buffers(struct pv_net *n, uint32_t bytes)
{
	while (bytes) {
		uint32_t len = n->buffer[n->first_buffer].len, part = bytes < len ? bytes : len;

		bytes -= part;
		complete_first(n, (int32_t)part, bytes ? PVN_NET_CQE_MORE : 0);
	}
}

/* One frame. 1: came, 0: none there, or the wire is cut. */
static int read_frame(struct pv_net *n)
{
	struct pvn_net_rx_header header = { 0 };
	struct iovec iov[HELD_MAX + 2];
	unsigned int nr = 0, i, count = merges(n) ? n->nr_buffers : 1;
	uint32_t room = 0;
	ssize_t rc;

	if (n->nb->vnet_header)
		iov[nr++] = (struct iovec){ &header, sizeof(header) };
	for (i = 0; i < count; i++) {
		const struct pv_net_buffer *buffer = &n->buffer[(n->first_buffer + i) % HELD_MAX];
		uint32_t skip = i ? 0 : PV_NET_HEADER;

		iov[nr++] = (struct iovec){ buffer->host + skip, buffer->len - skip };
		room += buffer->len;
	}
	iov[nr++] = (struct iovec){ n->spill, PVN_NET_MAX_FRAME };
	do {
		rc = readv(n->nb->fd, iov, (int)nr);
	} while (rc < 0 && errno == EINTR);
	if (rc <= 0) {
		n->readable = false;
		if (rc == 0 || errno != EAGAIN)
			pv_net_wire_error(n, rc ? errno : EPIPE);
		return 0;
	}
	if (!n->nb->vnet_header)
		rc += PV_NET_HEADER;
	if (rc < PV_NET_HEADER + 14 || (uint64_t)rc > room || !header_accepted(n, &header)) {
		n->rx_dropped++;
		return 1;
	}
	header.reserved = 0;
	memcpy(n->buffer[n->first_buffer].host, &header, sizeof(header));
	complete_buffers(n, (uint32_t)rc);
	n->rx_frames++;
	return 1;
}

unsigned int pv_net_receive(struct pv_net *n)
{
	unsigned int moved = 0;

	n->starved = false;
	while (moved < PV_NET_BUDGET && n->link_up && n->readable && !pv_device_failed(&n->dev)) {
		if (!hold_buffers(n)) {
			n->starved = true;
			break;
		}
		if (!read_frame(n))
			break;
		moved++;
	}
	return moved;
}

void pv_net_cancel_receive(struct pv_net *n)
{
	while (n->nr_buffers)
		complete_first(n, -PVN_ECANCELED, 0);
}
