/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asynchronous disk I/O on io_uring: one submission entry for one request wherever the kernel has the operation.
 *
 * A request lives in one of three places: the list of those to submit, the kernel's ring, or the list of those
 * finished without the kernel (failed checks, the null backend). done() is called from reap, submit and wait, never from push, so
 * that a caller may hold its own lock while it pushes.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk_fault.h"
#include "blk_queue.h"

#define BLK_MAX_WATCHES 16
#define BLK_ZERO_BYTES 65536
#define BLK_WATCH_TAG 1ul /* in user_data: a watch, not a request; both are aligned, so bit 0 is free */

/* What a request waits for, when it takes more than one operation. */
enum blk_stage {
	BLK_STAGE_FIRST,
	BLK_STAGE_FILL, /* WRITE_ZEROES on a file system without it: zeroes are written */
	BLK_STAGE_SYNC, /* WRITE_ZEROES with fua: the zeroes are down, now make them durable */
};

struct blk_watch {
	int fd;
	void (*fn)(void *opaque);
	void *opaque;
	bool armed;
};

struct blk_list {
	struct blk_io *first;
	struct blk_io **last;
};

struct blk_queue {
	struct io_uring ring;
	struct blk_disk *disk;
	struct blk_list ready;	  /* to be submitted */
	struct blk_list finished; /* done() is due */
	unsigned int in_flight;	  /* pushed, done() not yet called */
	unsigned int in_ring;	  /* of these, the kernel's */
	unsigned int depth;
	bool owned;
	bool fixed_files; /* registered: 0 is disk->fd, 1 is disk->fd_buffered */
	bool in_submit;
	unsigned int nr_watches;
	uint64_t syscalls;
	struct blk_watch watch[BLK_MAX_WATCHES];
};

/* Shared by all queues, only ever read. Part of a page of zeroes is as good as any. */
static const char blk_zeroes[BLK_ZERO_BYTES] __attribute__((aligned(4096)));

static void list_init(struct blk_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_append(struct blk_list *list, struct blk_io *io)
{
	io->next = NULL;
	*list->last = io;
	list->last = &io->next;
}

static struct blk_io *list_pop(struct blk_list *list)
{
	struct blk_io *io = list->first;

	if (io) {
		list->first = io->next;
		if (!list->first)
			list->last = &list->first;
	}
	return io;
}

static int queue_create(struct blk_disk *disk, unsigned int depth, bool owned, struct blk_queue **out)
{
	struct io_uring_params params = { 0 };
	struct blk_queue *q;
	unsigned int entries = 1;
	int rc;

	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->disk = disk;
	q->depth = depth;
	q->owned = owned;
	list_init(&q->ready);
	list_init(&q->finished);
	while (entries < depth + BLK_MAX_WATCHES)
		entries <<= 1;
	params.flags = IORING_SETUP_CQSIZE;
	params.cq_entries = 2 * entries;
	if (owned)
		params.flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	rc = io_uring_queue_init_params(entries, &q->ring, &params);
	if (rc == -EINVAL && owned) {
		/* Before Linux 6.1: completions interrupt the thread, which costs time and nothing else. */
		params = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = 2 * entries };
		rc = io_uring_queue_init_params(entries, &q->ring, &params);
	}
	if (rc) {
		free(q);
		return rc;
	}
	/* Spares a look-up for each request; where it is not possible all works without. */
	if (!disk->is_null)
		q->fixed_files = !io_uring_register_files(&q->ring, (const int[]){ disk->fd, disk->fd_buffered }, 2);
	*out = q;
	return 0;
}

int blk_queue_create(struct blk_disk *disk, unsigned int depth, struct blk_queue **q)
{
	return queue_create(disk, depth, false, q);
}

int blk_queue_create_owned(struct blk_disk *disk, unsigned int depth, struct blk_queue **q)
{
	return queue_create(disk, depth, true, q);
}

void blk_queue_destroy(struct blk_queue *q)
{
	if (!q)
		return;
	blk_queue_drain(q);
	io_uring_queue_exit(&q->ring);
	free(q);
}

/* iov[0] is whole again. */
static void io_unskip(struct blk_io *io)
{
	if (!io->skipped)
		return;
	io->iov->iov_base = (char *)io->iov->iov_base - io->skipped;
	io->iov->iov_len += io->skipped;
	io->skipped = 0;
}

static void io_finish(struct blk_queue *q, struct blk_io *io, int result)
{
	io_unskip(io);
	io->result = result;
	list_append(&q->finished, io);
}

/* done() may push, and may free the request; what it pushes is submitted by the caller's loop. */
static unsigned int call_finished(struct blk_queue *q)
{
	struct blk_io *io;
	unsigned int n = 0;

	while ((io = list_pop(&q->finished))) {
		q->in_flight--;
		io->done(io, io->result);
		n++;
	}
	return n;
}

static int io_check(const struct blk_queue *q, const struct blk_io *io)
{
	const struct blk_disk *disk = q->disk;

	if (io->op == BLK_FLUSH)
		return 0;
	if (io->op > BLK_WRITE_ZEROES || !io->len || (io->offset | io->len) % 512)
		return -EINVAL;
	if (io->len > disk->bytes || io->offset > disk->bytes - io->len)
		return -ERANGE;
	if (io->op != BLK_READ && disk->read_only)
		return -EROFS;
	if ((io->op == BLK_READ || io->op == BLK_WRITE) && !io->nr_iov)
		return -EINVAL;
	return 0;
}

void blk_queue_push(struct blk_queue *q, struct blk_io *io)
{
	const struct blk_disk *disk = q->disk;
	int rc = io_check(q, io);

	q->in_flight++;
	io->moved = 0;
	io->skipped = 0;
	io->stage = BLK_STAGE_FIRST;
	if (disk->cache == BLK_CACHE_UNSAFE)
		io->fua = false;
	if (rc || disk->is_null || (io->op == BLK_FLUSH && (disk->cache == BLK_CACHE_UNSAFE || disk->read_only)))
		io_finish(q, io, rc);
	else
		list_append(&q->ready, io);
}

/* O_DIRECT takes only aligned memory, offsets and lengths; anything else goes through the page cache, which
 * the kernel keeps coherent with direct I/O, and which fdatasync on either descriptor writes out. */
static int io_fd(const struct blk_disk *disk, const struct blk_io *io)
{
	uint64_t align = disk->logical_block - 1;
	uint64_t bits = io->offset + io->moved;
	unsigned int i;

	if (!disk->direct)
		return disk->fd;
	for (i = 0; i < io->nr_iov; i++)
		bits |= (uint64_t)(uintptr_t)io->iov[i].iov_base | io->iov[i].iov_len;
	return bits & align ? disk->fd_buffered : disk->fd;
}

static void prepare_transfer(struct blk_queue *q, struct blk_io *io, struct io_uring_sqe *sqe, bool shorten)
{
	uint64_t offset = io->offset + io->moved;
	int fd = io_fd(q->disk, io);
	unsigned int nr = io->nr_iov;
	unsigned int len = (unsigned int)io->iov[0].iov_len;

	if (shorten) {
		if (nr == 1 && len > 512)
			len = len / 2 & ~511u;
		nr = 1;
	}
	if (nr == 1 && io->op == BLK_READ)
		io_uring_prep_read(sqe, fd, io->iov[0].iov_base, len, offset);
	else if (nr == 1)
		io_uring_prep_write(sqe, fd, io->iov[0].iov_base, len, offset);
	else if (io->op == BLK_READ)
		io_uring_prep_readv(sqe, fd, io->iov, nr, offset);
	else
		io_uring_prep_writev(sqe, fd, io->iov, nr, offset);
	if (io->op == BLK_WRITE && io->fua)
		sqe->rw_flags = RWF_DSYNC;
}

static void prepare_fill(struct blk_queue *q, struct blk_io *io, struct io_uring_sqe *sqe)
{
	uint64_t left = io->len - io->moved;

	io_uring_prep_write(sqe, q->disk->fd_buffered, blk_zeroes,
			    (unsigned int)(left < BLK_ZERO_BYTES ? left : BLK_ZERO_BYTES),
			    io->offset + io->moved);
}

static void prepare(struct blk_queue *q, struct blk_io *io, struct io_uring_sqe *sqe, bool shorten)
{
	int mode;

	if (io->stage == BLK_STAGE_FILL) {
		prepare_fill(q, io, sqe);
	} else if (io->stage == BLK_STAGE_SYNC || io->op == BLK_FLUSH) {
		io_uring_prep_fsync(sqe, q->disk->fd, IORING_FSYNC_DATASYNC);
	} else if (io->op == BLK_READ || io->op == BLK_WRITE) {
		prepare_transfer(q, io, sqe, shorten);
	} else {
		/* On a file, discarded blocks are a hole and read as zeroes, so one operation serves both. */
		mode = FALLOC_FL_KEEP_SIZE;
		if (io->op == BLK_WRITE_ZEROES && io->keep_allocated)
			mode |= FALLOC_FL_ZERO_RANGE;
		else
			mode |= FALLOC_FL_PUNCH_HOLE;
		/* On a block device this flag alone makes it a discard. */
		if (io->op == BLK_DISCARD && q->disk->is_block_device)
			mode |= FALLOC_FL_NO_HIDE_STALE;
		io_uring_prep_fallocate(sqe, q->disk->fd, mode, (off_t)io->offset, (off_t)io->len);
	}
	io_uring_sqe_set_data(sqe, io);
	if (q->fixed_files) {
		sqe->fd = sqe->fd != q->disk->fd;
		sqe->flags |= IOSQE_FIXED_FILE;
	}
}

/* Past what was moved: a short transfer goes on from there. */
static void io_advance(struct blk_io *io, uint64_t n)
{
	io->moved += n;
	while (n && io->nr_iov) {
		if (n < io->iov->iov_len) {
			io->iov->iov_base = (char *)io->iov->iov_base + n;
			io->iov->iov_len -= n;
			io->skipped += n;
			return;
		}
		n -= io->iov->iov_len;
		io_unskip(io);
		io->iov++;
		io->nr_iov--;
	}
}

/* The kernel's answer: finish the request, or queue what is left of it. */
static void io_answered(struct blk_queue *q, struct blk_io *io, int res)
{
	bool transfer = io->op == BLK_READ || io->op == BLK_WRITE;

	if (res == -EAGAIN || res == -EINTR) {
		list_append(&q->ready, io);
		return;
	}
	if (io->stage == BLK_STAGE_FIRST && !transfer && res == -EOPNOTSUPP) {
		if (io->op == BLK_DISCARD) {
			io_finish(q, io, 0); /* a hint, and nothing was promised */
			return;
		}
		if (io->op == BLK_WRITE_ZEROES) {
			io->stage = BLK_STAGE_FILL;
			list_append(&q->ready, io);
			return;
		}
	}
	if (res < 0) {
		io_finish(q, io, res);
		return;
	}
	if (transfer || io->stage == BLK_STAGE_FILL) {
		/* Nothing moved: the file has been cut short under the guest. */
		if (!res) {
			io_finish(q, io, -EIO);
			return;
		}
		if (transfer)
			io_advance(io, (uint64_t)res);
		else
			io->moved += (uint64_t)res;
		if (io->moved < io->len) {
			if (transfer && !io->nr_iov)
				io_finish(q, io, -EINVAL); /* the segments were shorter than len */
			else
				list_append(&q->ready, io);
			return;
		}
	}
	if (io->op == BLK_WRITE_ZEROES && io->fua && io->stage != BLK_STAGE_SYNC) {
		io->stage = BLK_STAGE_SYNC;
		list_append(&q->ready, io);
		return;
	}
	io_finish(q, io, 0);
}

static void arm_watches(struct blk_queue *q)
{
	unsigned int i;

	for (i = 0; i < q->nr_watches; i++) {
		struct blk_watch *w = &q->watch[i];
		struct io_uring_sqe *sqe;

		if (w->armed)
			continue;
		sqe = io_uring_get_sqe(&q->ring);
		if (!sqe)
			return;
		/* Every signal makes one completion, whether or not the eventfd's count was ever read. */
		io_uring_prep_poll_multishot(sqe, w->fd, POLLIN);
		io_uring_sqe_set_data(sqe, (void *)((uintptr_t)w | BLK_WATCH_TAG));
		w->armed = true;
	}
}

/* Move requests into the submission ring as far as there is room. The kernel is not called. */
static void fill_ring(struct blk_queue *q)
{
	struct blk_disk *disk = q->disk;

	arm_watches(q);
	while (q->ready.first && q->in_ring < q->depth) {
		enum blk_fault_kind fault = BLK_FAULT_NONE;
		struct io_uring_sqe *sqe;
		struct blk_io *io;

		/* Only the first try of a request, so that the rest of a short transfer always follows. */
		if (disk->fault && !q->ready.first->moved && q->ready.first->stage == BLK_STAGE_FIRST)
			fault = blk_fault_next(disk->fault, q->ready.first);
		if (fault != BLK_FAULT_NONE && fault != BLK_FAULT_SHORT) {
			io = list_pop(&q->ready);
			io_finish(q, io, fault == BLK_FAULT_LOST ? 0 : fault == BLK_FAULT_ENOSPC ? -ENOSPC : -EIO);
			continue;
		}
		sqe = io_uring_get_sqe(&q->ring);
		if (!sqe)
			return;
		io = list_pop(&q->ready);
		prepare(q, io, sqe, fault == BLK_FAULT_SHORT);
		q->in_ring++;
	}
}

/* The kernel refused the call itself: our bug or the host's failure. Requests must not be lost over it. */
static void submit_failed(struct blk_queue *q, int rc)
{
	if (rc == -EAGAIN || rc == -EBUSY || rc == -EINTR)
		return;
	fprintf(stderr, "paravane: disk %s: io_uring does not take requests: %s\n", q->disk->path,
		strerror(-rc));
	abort();
}

static void handle_completions(struct blk_queue *q)
{
	struct io_uring_cqe *cqes[32];
	unsigned int i, n;

	while ((n = io_uring_peek_batch_cqe(&q->ring, cqes, 32))) {
		for (i = 0; i < n; i++) {
			uintptr_t data = (uintptr_t)io_uring_cqe_get_data(cqes[i]);
			struct blk_watch *w = (struct blk_watch *)(data & ~BLK_WATCH_TAG);

			if (!(data & BLK_WATCH_TAG)) {
				q->in_ring--;
				io_answered(q, (struct blk_io *)data, cqes[i]->res);
				continue;
			}
			if (!(cqes[i]->flags & IORING_CQE_F_MORE))
				w->armed = false;
			w->fn(w->opaque);
		}
		io_uring_cq_advance(&q->ring, n);
	}
}

static unsigned int submit_and_finish(struct blk_queue *q)
{
	unsigned int n = 0;
	int rc;

	/* done() may come here again by way of submit: the outermost call does the work. */
	if (q->in_submit)
		return 0;
	q->in_submit = true;
	do {
		fill_ring(q);
		if (io_uring_sq_ready(&q->ring)) {
			q->syscalls++;
			rc = io_uring_submit(&q->ring);
			if (rc < 0) {
				/* A full completion ring is emptied by the next reap, which comes back here. */
				submit_failed(q, rc);
				n += call_finished(q);
				break;
			}
		}
		n += call_finished(q);
		/* Again for what done() pushed; not for what waits for room in the ring. */
	} while (q->finished.first || (q->ready.first && q->in_ring < q->depth));
	q->in_submit = false;
	return n;
}

void blk_queue_submit(struct blk_queue *q)
{
	submit_and_finish(q);
}

/* With deferred completions the kernel delivers only when asked; a flag in shared memory says that it has some. */
static bool has_deferred(const struct blk_queue *q)
{
	return IO_URING_READ_ONCE(*q->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

unsigned int blk_queue_reap(struct blk_queue *q)
{
	if (has_deferred(q)) {
		q->syscalls++;
		io_uring_get_events(&q->ring);
	}
	handle_completions(q);
	return submit_and_finish(q);
}

unsigned int blk_queue_poll(struct blk_queue *q)
{
	int rc;

	fill_ring(q);
	if (io_uring_sq_ready(&q->ring) || has_deferred(q)) {
		q->syscalls++;
		rc = io_uring_submit_and_get_events(&q->ring);
		if (rc < 0)
			submit_failed(q, rc);
	}
	handle_completions(q);
	return call_finished(q);
}

int blk_queue_fd(struct blk_queue *q)
{
	return q->ring.ring_fd;
}

unsigned int blk_queue_in_flight(const struct blk_queue *q)
{
	return q->in_flight;
}

uint64_t blk_queue_syscalls(const struct blk_queue *q)
{
	return q->syscalls;
}

int blk_queue_watch(struct blk_queue *q, int eventfd, void (*fn)(void *opaque), void *opaque)
{
	if (q->nr_watches == BLK_MAX_WATCHES)
		return -ENOSPC;
	q->watch[q->nr_watches++] = (struct blk_watch){ .fd = eventfd, .fn = fn, .opaque = opaque };
	return 0;
}

void blk_queue_wait(struct blk_queue *q)
{
	int rc;

	fill_ring(q);
	if (!q->finished.first && !io_uring_cq_ready(&q->ring)) {
		q->syscalls++;
		rc = io_uring_submit_and_wait(&q->ring, 1);
		if (rc < 0)
			submit_failed(q, rc);
	}
	handle_completions(q);
	/* Also when a done() waits in its turn. */
	call_finished(q);
	submit_and_finish(q);
}

void blk_queue_drain(struct blk_queue *q)
{
	submit_and_finish(q);
	while (q->in_flight)
		blk_queue_wait(q);
}
