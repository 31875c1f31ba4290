/* SPDX-License-Identifier: GPL-2.0-only */
/* PV block, between its two files: the thread that moves requests, and the checks of one request. */
#ifndef VMM_PV_BLOCK_H
#define VMM_PV_BLOCK_H

#include <paravane/block.h>

#include "pv.h"
#include "pv_device.h"
#include "pv_worker.h"

#define PV_BLOCK_MAX_SEGS 128
#define PV_BLOCK_MAX_ORDER 8
/* In flight at most, all queues together: what is beyond waits in the rings. */
#define PV_BLOCK_DEPTH 256
#define PV_BLOCK_MAX_SECTORS (PV_BLOCK_MAX_SEGS * 4096u / PVN_BLOCK_SECTOR)
#define PV_BLOCK_MAX_DISCARD (1u << 22) /* 2 GiB */

/* A request in flight. */
struct pv_block_slot {
	struct blk_io io;
	struct pv_queue *q;
	uint32_t id;
	unsigned int nr_held; /* of iov: the guest's memory, held */
	struct iovec iov[PV_BLOCK_MAX_SEGS];
};

struct pv_block {
	struct pv_device dev;
	struct blk_disk *disk;
	struct pvn_block_config config;
	struct pv_worker worker;

	/* The worker's own. */
	struct blk_queue *bq;
	bool running;
	bool may_spin;
	struct pv_block_slot *slots;
	uint16_t free[PV_BLOCK_DEPTH]; /* a stack: the slot used last is the one in the cache */
	unsigned int nr_free;
	unsigned int turn;	  /* rounds so far */
	uint32_t fresh;		  /* queues with completions that were not shown yet */
	uint32_t quiet;		  /* queues with completions of which the guest was not notified yet */
	unsigned int unseen;	  /* completions shown there and not taken by the guest */
	uint64_t unseen_since;	  /* ns: there have been such, and the guest has taken none */
	uint64_t taken;		  /* ns: the guest took some */
	bool urgent;		  /* one of them is large */
	unsigned int deep;	  /* above 0: the guest keeps several requests in flight, or did a few requests ago */
	unsigned int peak;	  /* completions of a notification, lately: the most */
	unsigned int notified;	  /* notifications so far */
	uint64_t gap;		  /* ns: four times what usually lies between two requests */
	uint64_t arrived;	  /* ns: the last request */
};

/* Check one request, a private copy, and translate it into slot->io, whose memory is held. 0 or -PVN_E*. */
int pv_block_translate(struct pv_block *b, const struct pvn_block_request *req, struct pv_block_slot *slot);

#endif
