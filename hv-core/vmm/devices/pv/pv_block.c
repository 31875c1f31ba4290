// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV block: one thread moves requests from the rings to io_uring and completions back.
 *
 * What costs here are exits of the guest (a doorbell, an interrupt) and system calls of ours; so both are paid by the
 * batch. One round takes all requests from the rings, hands them to the kernel and collects what has finished in one
 * call. When a round finds nothing the thread looks on for a short while before it asks for a doorbell and sleeps in
 * io_uring, which waits for completions and doorbells alike.
 *
 * Completions are shown to the guest at once, so that a driver that looks at the ring while it submits takes them without
 * an interrupt. When to notify it is another matter: a guest that keeps one request in flight waits for each, so at once. A
 * guest that keeps many goes on submitting while the first ones complete; an interrupt in the midst of that costs it more
 * than the wait. So while such a guest's requests still arrive or completions are taken, the notification
 * is held: until as many are left there as the guest kept in flight lately, or nothing has happened for the time that four requests
 * usually take to come, or the guest has taken none for too long. A large request ends its round and is notified at once:
 * moving its data costs more than an interrupt, and guest and host should do that side by side.
 */
#include "pv_block.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../loop.h"

/* How long to look for work before sleeping. Sleeping costs two system calls and the guest an exit. */
#define PV_BLOCK_SPIN_NS 50000
/* The same when requests come in streams: the guest is about to send the next. In gaps, and at most. */
#define PV_BLOCK_SPIN_GAPS 8
#define PV_BLOCK_SPIN_MAX_NS 2000000
/* So many requests one at a time make a guest that waits for each. */
#define PV_BLOCK_DEEP 16
/* Bounds of what "the time that four usually take" may be, whatever was measured. */
#define PV_BLOCK_GAP_MIN_NS 2000
#define PV_BLOCK_GAP_MAX_NS 400000
/* Bytes from which on a request is large. */
#define PV_BLOCK_LARGE 32768u
/* Held at most. */
#define PV_BLOCK_HOLD_COUNT 64
#define PV_BLOCK_HOLD_GAPS 10
#define PV_BLOCK_HOLD_MAX_NS 4000000

static void note_completion(struct pv_block *b, const struct pv_queue *q)
{
	b->fresh |= 1u << q->index;
}

static void request_done(struct blk_io *io, int result)
{
	struct pv_block_slot *slot = (struct pv_block_slot *)((char *)io - offsetof(struct pv_block_slot, io));
	struct pv_block *b = (struct pv_block *)slot->q->dev;
	int32_t status = pv_error(result);

	if (!status && (io->op == BLK_READ || io->op == BLK_WRITE))
		status = (int32_t)io->len;
	gmem_release_iov(&b->dev.m->gmem, slot->iov, slot->nr_held);
	pv_queue_complete(slot->q, slot->id, status, 0);
	note_completion(b, slot->q);
	b->urgent |= io->len >= PV_BLOCK_LARGE;
	b->free[b->nr_free++] = (uint16_t)(slot - b->slots);
}

/* Show what has completed, and see what the guest has taken of it. */
static void show(struct pv_block *b, uint64_t now)
{
	unsigned int before = b->unseen, added = 0;
	uint32_t queues = b->quiet | b->fresh;

	if (!queues)
		return;
	b->unseen = 0;
	while (queues) {
		unsigned int i = (unsigned int)__builtin_ctz(queues);
		struct pv_queue *q = &b->dev.queue[i];
		uint32_t tail = q->ring.cq_tail, unseen;

		queues &= queues - 1;
		if (b->fresh & 1u << i)
			pv_queue_show(q);
		added += q->ring.cq_tail - tail;
		unseen = pvn_ring_host_unseen(&q->ring);
		b->unseen += unseen;
		/* All taken: nobody waits for a notification. */
		b->quiet = unseen ? b->quiet | 1u << i : b->quiet & ~(1u << i);
	}
	b->fresh = 0;
	if (b->unseen < before + added)
		b->taken = now;
	if (!before || b->taken == now)
		b->unseen_since = now;
	if (!b->unseen)
		b->urgent = false;
}

static void notify(struct pv_block *b)
{
	while (b->quiet) {
		unsigned int i = (unsigned int)__builtin_ctz(b->quiet);

		b->quiet &= b->quiet - 1;
		pv_queue_notify(&b->dev.queue[i]);
	}
	b->peak -= b->peak / 8;
	if (b->peak < b->unseen)
		b->peak = b->unseen;
	b->notified++;
	b->unseen = 0;
	b->urgent = false;
}

/* Accept what the rings hold, as far as there are slots. Returns how many. */
static unsigned int take_requests(struct pv_block *b)
{
	struct pvn_block_request req;
	unsigned int i, n = 0;

	/* Each round begins with another queue, since a large request ends it. */
	b->turn++;
	for (i = 0; i < b->dev.nr_queues; i++) {
		struct pv_queue *q = &b->dev.queue[(b->turn + i) % b->dev.nr_queues];

		while (b->nr_free && pv_queue_pop(q, &req)) {
			struct pv_block_slot *slot = &b->slots[b->free[--b->nr_free]];
			int rc;

			slot->q = q;
			slot->id = req.id;
			rc = pv_block_translate(b, &req, slot);
			n++;
			if (!rc) {
				blk_queue_push(b->bq, &slot->io);
				if (slot->io.len >= PV_BLOCK_LARGE)
					return n;
				continue;
			}
			b->nr_free++;
			pv_queue_complete(q, req.id, rc, 0);
			note_completion(b, q);
		}
	}
	return n;
}

/* Ask for doorbells. True: there is work already. Without a free slot a doorbell would be of no use. */
static bool arm(struct pv_block *b)
{
	bool more = false;
	unsigned int i;

	for (i = 0; b->nr_free && i < b->dev.nr_queues; i++)
		more |= pvn_ring_host_arm(&b->dev.queue[i].ring);
	return more;
}

static void disarm(struct pv_block *b)
{
	unsigned int i;

	for (i = 0; i < b->dev.nr_queues; i++)
		pvn_ring_host_disarm(&b->dev.queue[i].ring);
}

/* n requests arrived: how long do they usually take to come, one after the other? */
static void note_arrival(struct pv_block *b, unsigned int n, bool others, uint64_t now)
{
	uint64_t took = (now - b->arrived) / n;

	/* A guest that waits for each sends one when it has taken the one before. */
	if (others || n > 1)
		b->deep = PV_BLOCK_DEEP;
	else if (b->deep)
		b->deep--;
	if (took < PV_BLOCK_GAP_MAX_NS)
		b->gap += ((int64_t)(4 * took) - (int64_t)b->gap) / 8;
	if (b->gap < PV_BLOCK_GAP_MIN_NS)
		b->gap = PV_BLOCK_GAP_MIN_NS;
	if (b->gap > PV_BLOCK_GAP_MAX_NS)
		b->gap = PV_BLOCK_GAP_MAX_NS;
	b->arrived = now;
}

static bool notify_due(const struct pv_block *b, bool arriving, uint64_t now)
{
	uint64_t held = now - b->unseen_since, last = b->taken > b->arrived ? b->taken : b->arrived;

	if (!b->unseen)
		return false;
	if (b->urgent || b->unseen >= PV_BLOCK_HOLD_COUNT || held > PV_BLOCK_HOLD_MAX_NS ||
	    held > PV_BLOCK_HOLD_GAPS * b->gap)
		return true;
	if (arriving)
		return false;
	if (!b->deep || !b->may_spin)
		return true;
	/* All that the guest keeps in flight? Now and then that is not believed, since it may have become more. */
	if (b->nr_free == PV_BLOCK_DEPTH && b->unseen >= b->peak && b->notified % 16)
		return true;
	return now - last > b->gap;
}

static uint64_t spin_ns(const struct pv_block *b)
{
	uint64_t ns = PV_BLOCK_SPIN_GAPS * b->gap;

	if (!b->may_spin)
		return 0;
	if (!b->deep || ns < PV_BLOCK_SPIN_NS)
		return PV_BLOCK_SPIN_NS;
	return ns < PV_BLOCK_SPIN_MAX_NS ? ns : PV_BLOCK_SPIN_MAX_NS;
}

static void serve(struct pv_block *b)
{
	uint64_t idle_since = 0;

	while (pv_worker_request(&b->worker) == PV_REQUEST_NONE && !pv_device_failed(&b->dev)) {
		bool others = b->unseen || b->nr_free < PV_BLOCK_DEPTH;
		unsigned int taken = take_requests(b);
		unsigned int done = blk_queue_poll(b->bq);
		uint64_t now = loop_now_ns();

		if (taken)
			note_arrival(b, taken, others, now);
		show(b, now);
		if (notify_due(b, taken, now))
			notify(b);
		if (taken || done || b->quiet) {
			idle_since = now;
			continue;
		}
		if (!idle_since)
			idle_since = now;
		if (now - idle_since < spin_ns(b)) {
			__builtin_ia32_pause();
			continue;
		}
		/*
		 * Look for a command again: blk_queue_poll() above may have taken the wake-up of one that was given after
		 * the loop's test, and nobody wakes this thread a second time (tests/device/fuzz_registers.c hangs then).
		 */
		if (!arm(b) && pv_worker_request(&b->worker) == PV_REQUEST_NONE)
			blk_queue_wait(b->bq);
		disarm(b);
		idle_since = 0;
	}
}

/* All that was accepted gets its completion; entries not yet accepted stay in the ring. */
static void finish(struct pv_block *b)
{
	blk_queue_drain(b->bq);
	show(b, loop_now_ns());
	notify(b);
	b->running = false;
}

static void doorbell(void *opaque)
{
	/* Waking up is all: a round looks at every ring. */
}

static int worker_init(struct pv_block *b)
{
	unsigned int i;
	int rc;

	rc = blk_queue_create_owned(b->disk, PV_BLOCK_DEPTH, &b->bq);
	if (rc)
		return rc;
	rc = blk_queue_watch(b->bq, b->worker.wake, doorbell, b);
	for (i = 0; !rc && i < b->dev.max_queues; i++)
		rc = blk_queue_watch(b->bq, b->dev.queue[i].doorbell, doorbell, b);
	if (rc)
		blk_queue_destroy(b->bq);
	return rc;
}

static void *worker_main(void *opaque)
{
	struct pv_block *b = opaque;
	int rc = worker_init(b);

	pv_worker_answer(&b->worker, rc);
	if (rc)
		return NULL;
	for (;;) {
		switch (pv_worker_request(&b->worker)) {
		case PV_REQUEST_START:
			b->running = true;
			pv_worker_answer(&b->worker, 0);
			break;
		case PV_REQUEST_STOP:
			finish(b);
			pv_worker_answer(&b->worker, 0);
			break;
		case PV_REQUEST_EXIT:
			blk_queue_destroy(b->bq);
			pv_worker_answer(&b->worker, 0);
			return NULL;
		default:
			if (b->running && !pv_device_failed(&b->dev))
				serve(b);
			else
				blk_queue_wait(b->bq);
		}
	}
}

static int block_start(struct pv_device *dev)
{
	return pv_worker_ask(&((struct pv_block *)dev)->worker, PV_REQUEST_START);
}

static void block_stop(struct pv_device *dev)
{
	pv_worker_ask(&((struct pv_block *)dev)->worker, PV_REQUEST_STOP);
}

static const struct pv_class block_class = {
	.name = "pv-block",
	.type = PVN_PCI_DEVICE_BLOCK,
	.pci_class = 0x018000, /* mass storage, other */
	.max_order = PV_BLOCK_MAX_ORDER,
	.start = block_start,
	.stop = block_stop,
};

static void describe(struct pv_block *b, unsigned int index)
{
	const struct blk_disk *disk = b->disk;
	struct pvn_block_config *config = &b->config;

	config->nr_sectors = disk->bytes / PVN_BLOCK_SECTOR;
	config->logical_block = disk->logical_block ? disk->logical_block : PVN_BLOCK_SECTOR;
	config->physical_block = 4096;
	config->max_segs = PV_BLOCK_MAX_SEGS;
	config->max_sectors = PV_BLOCK_MAX_SECTORS;
	config->max_discard = PV_BLOCK_MAX_DISCARD;
	config->discard_granularity = 4096;
	snprintf(config->serial, sizeof(config->serial), "paravane-%u", index);
	if (disk->cache != BLK_CACHE_UNSAFE && !disk->read_only)
		b->dev.features |= PVN_BLOCK_F_FLUSH;
	if (disk->read_only)
		b->dev.features |= PVN_BLOCK_F_READ_ONLY;
	else
		b->dev.features |= PVN_BLOCK_F_WRITE_ZEROES;
	if (disk->can_discard && !disk->read_only)
		b->dev.features |= PVN_BLOCK_F_DISCARD;
	b->dev.config = config;
	b->dev.config_bytes = sizeof(*config);
}

int pv_block_create(struct machine *m, struct blk_disk *disk, struct pv_fault *fault, struct pv_block **out)
{
	static unsigned int created;
	struct pv_block *b = calloc(1, sizeof(*b));
	unsigned int i;
	int rc = -ENOMEM;

	if (!b)
		return -ENOMEM;
	b->slots = calloc(PV_BLOCK_DEPTH, sizeof(*b->slots));
	if (!b->slots)
		goto free_block;
	for (i = 0; i < PV_BLOCK_DEPTH; i++) {
		b->free[b->nr_free++] = (uint16_t)(PV_BLOCK_DEPTH - 1 - i);
		b->slots[i].io.done = request_done;
	}
	b->disk = disk;
	b->may_spin = pv_worker_may_spin(m->nr_vcpus);
	b->dev.class = &block_class;
	b->dev.fault = fault;
	b->dev.max_queues = m->nr_vcpus < 8 ? m->nr_vcpus : 8;
	describe(b, created);
	rc = pv_device_init(&b->dev, m, created);
	if (rc)
		goto free_slots;
	created++;
	rc = pv_worker_create(&b->worker, b->dev.name, worker_main, b);
	if (rc)
		goto destroy_device;
	*out = b;
	return 0;

destroy_device:
	pv_device_destroy(&b->dev);
free_slots:
	free(b->slots);
free_block:
	free(b);
	return rc;
}

void pv_block_destroy(struct pv_block *b)
{
	if (!b)
		return;
	pv_device_command(&b->dev, PVN_CMD_DETACH, GPA(0));
	pv_worker_destroy(&b->worker);
	pv_device_destroy(&b->dev);
	free(b->slots);
	free(b);
}
