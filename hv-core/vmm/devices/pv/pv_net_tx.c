// SPDX-License-Identifier: GPL-2.0-only
/* PV net, sending: each frame is gathered from guest memory by one writev(). */
#include <errno.h>

#include "pv_net.h"

static int check_offload(const struct pv_net *n, const struct pvn_net_tx *tx)
{
	uint64_t features = n->dev.accepted;
	uint8_t gso = tx->gso_type & (uint8_t)~PVN_NET_GSO_ECN;

	if (tx->flags & ~PVN_NET_TX_NEEDS_CSUM)
		return -PVN_EINVAL;
	if (tx->flags & PVN_NET_TX_NEEDS_CSUM) {
		if (!(features & PVN_NET_F_TX_CSUM))
			return -PVN_ENOTSUP;
		if ((uint32_t)tx->csum_start + tx->csum_offset + 2 > tx->bytes)
			return -PVN_ERANGE;
	} else if (tx->csum_start || tx->csum_offset) {
		return -PVN_EINVAL;
	}
	if (!tx->gso_type)
		return tx->gso_size || tx->hdr_len ? -PVN_EINVAL : 0;
	if (gso != PVN_NET_GSO_TCPV4 && gso != PVN_NET_GSO_TCPV6)
		return -PVN_EINVAL;
	if (!(features & (gso == PVN_NET_GSO_TCPV4 ? PVN_NET_F_TX_TSO4 : PVN_NET_F_TX_TSO6)))
		return -PVN_ENOTSUP;
	/* Segments without checksums of their own would leave the host broken. */
	if (!(tx->flags & PVN_NET_TX_NEEDS_CSUM) || !tx->gso_size || tx->hdr_len < 14 || tx->hdr_len >= tx->bytes)
		return -PVN_EINVAL;
	return 0;
}

/* Check one entry, a private copy, and translate it into n->tx. 0 or -PVN_E*. */
static int translate(struct pv_net *n, const struct pvn_net_tx *tx)
{
	const struct gmem *gm = &n->dev.m->gmem;
	struct pvn_segment table[PVN_NET_MAX_SEGS];
	const struct pvn_segment *segs = tx->seg;
	struct pv_net_frame *frame = &n->tx;
	uint64_t bytes = 0;
	unsigned int i;
	int rc;

	if (tx->op != PVN_NET_TX)
		return -PVN_ENOSYS;
	if (tx->reserved[0] | tx->reserved[1] | tx->reserved[2])
		return -PVN_EINVAL;
	if (tx->bytes < 14 || tx->bytes > PVN_NET_MAX_FRAME || !tx->nr_segs || tx->nr_segs > PVN_NET_MAX_SEGS)
		return -PVN_EINVAL;
	rc = check_offload(n, tx);
	if (rc)
		return rc;
	if (tx->nr_segs > PVN_NET_INLINE_SEGS) {
		if (tx->table % sizeof(table[0]))
			return -PVN_EINVAL;
		if (gmem_read(gm, GPA(tx->table), table, tx->nr_segs * sizeof(table[0])))
			return -PVN_EFAULT;
		segs = table;
	} else if (tx->table) {
		return -PVN_EINVAL;
	}
	frame->nr_iov = 0;
	if (n->nb->vnet_header) {
		frame->header = (struct pvn_net_rx_header){
			.flags = tx->flags,
			.gso_type = tx->gso_type,
			.hdr_len = tx->hdr_len,
			.gso_size = tx->gso_size,
			.csum_start = tx->csum_start,
			.csum_offset = tx->csum_offset,
		};
		frame->iov[frame->nr_iov++] = (struct iovec){ &frame->header, sizeof(frame->header) };
	}
	frame->nr_own = frame->nr_iov;
	for (i = 0; i < tx->nr_segs; i++) {
		void *host;

		if (!segs[i].len || segs[i].reserved)
			return -PVN_EINVAL;
		host = gmem_ptr(gm, GPA(segs[i].addr), segs[i].len);
		if (!host)
			return -PVN_EFAULT;
		frame->iov[frame->nr_iov++] = (struct iovec){ host, segs[i].len };
		bytes += segs[i].len;
	}
	if (bytes != tx->bytes)
		return -PVN_EINVAL;
	return gmem_hold_iov(gm, frame->iov + frame->nr_own, frame->nr_iov - frame->nr_own) ? -PVN_EFAULT : 0;
}

/* The frame's memory is the guest's again. */
static void complete(struct pv_net *n, int32_t status)
{
	struct pv_net_frame *frame = &n->tx;

	gmem_release_iov(&n->dev.m->gmem, frame->iov + frame->nr_own, frame->nr_iov - frame->nr_own);
	frame->held = false;
	pv_queue_complete(&n->dev.queue[PV_NET_QUEUE_TX], frame->id, status, 0);
}

/* To the wire. False: it is full, and the frame is held. */
static bool write_frame(struct pv_net *n)
{
	struct pv_net_frame *frame = &n->tx;
	ssize_t rc = -1;

	frame->held = false;
	while (n->link_up && (rc = writev(n->nb->fd, frame->iov, (int)frame->nr_iov)) < 0 && errno == EINTR)
		;
	if (n->link_up && rc < 0) {
		if (errno == EAGAIN) {
			frame->held = true;
			n->writable = false;
			return false;
		}
		pv_net_wire_error(n, errno);
	}
	/* A cut wire takes frames and loses them, as a cable does. */
	n->tx_frames++;
	complete(n, 0);
	return true;
}

unsigned int pv_net_send(struct pv_net *n)
{
	struct pv_queue *q = &n->dev.queue[PV_NET_QUEUE_TX];
	struct pvn_net_tx tx;
	unsigned int moved = 0;

	if (n->tx.held) {
		if (!n->writable || !write_frame(n))
			return 0;
		moved++;
	}
	while (moved < PV_NET_BUDGET && pv_queue_pop(q, &tx)) {
		int rc = translate(n, &tx);

		moved++;
		if (rc) {
			pv_queue_complete(q, tx.id, rc, 0);
			continue;
		}
		n->tx.id = tx.id;
		if (!write_frame(n))
			break;
	}
	return moved;
}

void pv_net_cancel_send(struct pv_net *n)
{
	if (n->tx.held)
		complete(n, -PVN_ECANCELED);
}
