/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors injected between a queue and its disk, behind `--fault disk=…`: what a failing disk, a full file system
 * and a shrinking file look like to the guest, on demand.
 *
 * SPEC: KIND[:op=read|write|flush|discard|any][:every=N][:after=N][:count=N][:from=BYTES][:to=BYTES]
 *	eio	the request fails with EIO
 *	enospc	the request fails with ENOSPC
 *	short	the host moves only a part at first; the rest must follow, unseen by the guest
 *	eof	the host moves nothing, as past the end of a file cut short
 *	lost	the request is acknowledged and never done: what a backend without flush would be
 * every: each Nth matching request (1); after: spare the first N (0); count: stop after N (no limit); from, to: only
 * requests that touch these bytes of the disk (all; flushes have no place and match).
 */
#ifndef VMM_BLK_FAULT_H
#define VMM_BLK_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "blk_queue.h"

enum blk_fault_kind { BLK_FAULT_NONE, BLK_FAULT_EIO, BLK_FAULT_ENOSPC, BLK_FAULT_SHORT, BLK_FAULT_EOF, BLK_FAULT_LOST };

struct blk_fault {
	enum blk_fault_kind kind;
	int op; /* enum blk_op, or -1 for any */
	uint64_t every, after, count, from, to;
	uint64_t seen, injected; /* shared by the disk's queues: atomic */
};

/* 0, or -EINVAL with a message in err. */
int blk_fault_parse(struct blk_fault *fault, const char *spec, char *err, unsigned int errlen);
/* What happens to this request. */
enum blk_fault_kind blk_fault_next(struct blk_fault *fault, const struct blk_io *io);

#endif
