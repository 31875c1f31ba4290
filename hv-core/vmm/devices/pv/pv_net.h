/* SPDX-License-Identifier: GPL-2.0-only */
/* PV net, between its files: the thread and the wire (pv_net.c), sending (pv_net_tx.c), receiving (pv_net_rx.c). */
#ifndef VMM_PV_NET_H
#define VMM_PV_NET_H

#include <sys/uio.h>

#include <paravane/net.h>

#include "pv.h"
#include "pv_device.h"
#include "pv_worker.h"

#define PV_NET_QUEUE_TX 0
#define PV_NET_QUEUE_RX 1
#define PV_NET_MAX_ORDER 8
#define PV_NET_HEADER ((unsigned int)sizeof(struct pvn_net_rx_header))
/* Frames in one direction before the other one has its turn. */
#define PV_NET_BUDGET 64
#define PV_NET_MTU 1500

/* A frame on its way to the wire. */
struct pv_net_frame {
	bool held; /* the wire was full: to be tried again */
	uint32_t id;
	struct pvn_net_rx_header header; /* of the backend, laid out alike in both directions */
	unsigned int nr_iov;
	unsigned int nr_own; /* of these: the header, if there is one; the others are the guest's memory, held */
	struct iovec iov[1 + PVN_NET_MAX_SEGS];
};

/* A buffer that the guest posted and no frame has used yet. */
struct pv_net_buffer {
	uint32_t id;
	uint32_t len;
	char *host;
};

struct pv_net {
	struct pv_device dev;
	struct net_backend *nb;
	struct pvn_net_config config;
	struct pv_worker worker;

	/* The worker's own. */
	int epoll;
	bool running;
	bool may_spin;
	bool on_epoll;
	bool readable, writable; /* as far as known: until EAGAIN */
	bool starved;		 /* frames wait for buffers */
	bool link_up;
	uint64_t next_recover; /* ns */
	struct pv_net_frame tx;
	struct pv_net_buffer buffer[1 << PV_NET_MAX_ORDER]; /* a ring of those held */
	unsigned int first_buffer, nr_buffers;
	uint32_t buffered; /* bytes that they hold */
	char *spill;	   /* where the end of a frame that fits no buffer goes */
	uint64_t tx_frames, rx_frames, rx_dropped;
};

/* Each returns how many frames and entries it moved. Completions are published by the caller. */
unsigned int pv_net_send(struct pv_net *n);
unsigned int pv_net_receive(struct pv_net *n);
/* Give back what is held, with an error, since the device stops. */
void pv_net_cancel_send(struct pv_net *n);
void pv_net_cancel_receive(struct pv_net *n);
/* read() or write() failed with this errno: EAGAIN has been dealt with. */
void pv_net_wire_error(struct pv_net *n, int error);

#endif
