// SPDX-License-Identifier: GPL-2.0-only
/* The disk that answers when it is told to. One queue at a time, and few requests. */
#include "ide_slow_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NONE UINT64_MAX

struct slow_disk slow_disk;

struct blk_queue {
	struct blk_disk *disk;
	int fd;
	struct blk_io *pushed, *waiting, *finished;
	unsigned int in_flight;
};

static struct blk_queue *last_queue;

void slow_disk_init(struct blk_disk *disk, uint64_t sectors, bool read_only)
{
	memset(&slow_disk, 0, sizeof(slow_disk));
	slow_disk.sectors = sectors;
	slow_disk.data = calloc(sectors, 512);
	slow_disk.bad_read = slow_disk.bad_write = NONE;
	slow_disk.error = -EIO;
	*disk = (struct blk_disk){
		.path = "slow",
		.fd = -1,
		.fd_buffered = -1,
		.bytes = sectors * 512,
		.read_only = read_only,
		.logical_block = 512,
		.can_discard = true,
	};
}

void slow_disk_destroy(void)
{
	free(slow_disk.data);
	slow_disk.data = NULL;
}

int blk_queue_create(struct blk_disk *disk, unsigned int depth, struct blk_queue **out)
{
	struct blk_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->disk = disk;
	q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	last_queue = q;
	*out = q;
	return 0;
}

static void append(struct blk_io **list, struct blk_io *io)
{
	while (*list)
		list = &(*list)->next;
	io->next = NULL;
	*list = io;
}

static bool hits(const struct blk_io *io, uint64_t sector)
{
	return sector != NONE && io->offset / 512 <= sector && sector < (io->offset + io->len) / 512;
}

static int transfer(struct blk_io *io)
{
	uint8_t *p = slow_disk.data + io->offset;
	uint64_t sum = 0;

	/* What blk_queue.h promises to check, and what it demands of its caller. */
	if (io->offset + io->len > slow_disk.sectors * 512)
		return -ERANGE;
	for (unsigned int i = 0; i < io->nr_iov; i++)
		sum += io->iov[i].iov_len;
	if (sum != io->len || !sum)
		abort();
	if (hits(io, io->op == BLK_READ ? slow_disk.bad_read : slow_disk.bad_write))
		return slow_disk.error;
	for (unsigned int i = 0; i < io->nr_iov; i++) {
		if (io->op == BLK_READ)
			memcpy(io->iov[i].iov_base, p, io->iov[i].iov_len);
		else
			memcpy(p, io->iov[i].iov_base, io->iov[i].iov_len);
		p += io->iov[i].iov_len;
		/* A caller may not count on its vector afterwards. */
		io->iov[i].iov_base = NULL;
		io->iov[i].iov_len = 0;
	}
	return 0;
}

static int perform(struct blk_io *io)
{
	switch (io->op) {
	case BLK_READ:
		slow_disk.reads++;
		return transfer(io);
	case BLK_WRITE:
		slow_disk.writes++;
		slow_disk.fua_writes += io->fua;
		return transfer(io);
	case BLK_FLUSH:
		slow_disk.flushes++;
		return slow_disk.bad_flush ? -EIO : 0;
	case BLK_DISCARD:
		slow_disk.discards++;
		return 0;
	default:
		abort();
	}
}

/* Requests that are answered now: their memory is touched here, and never later. */
static void answer(struct blk_queue *q, struct blk_io **list)
{
	struct blk_io *io;

	while ((io = *list)) {
		*list = io->next;
		io->result = perform(io);
		append(&q->finished, io);
	}
}

static unsigned int call_done(struct blk_queue *q)
{
	struct blk_io *io;
	unsigned int n = 0;

	while ((io = q->finished)) {
		q->finished = io->next;
		q->in_flight--;
		n++;
		io->done(io, io->result);
	}
	return n;
}

void blk_queue_push(struct blk_queue *q, struct blk_io *io)
{
	q->in_flight++;
	append(&q->pushed, io);
}

void blk_queue_submit(struct blk_queue *q)
{
	struct blk_io *io;

	if (!slow_disk.hold) {
		answer(q, &q->pushed);
	} else {
		while ((io = q->pushed)) {
			q->pushed = io->next;
			append(&q->waiting, io);
		}
	}
	call_done(q);
}

unsigned int blk_queue_reap(struct blk_queue *q)
{
	uint64_t count;

	if (read(q->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
	return call_done(q);
}

void blk_queue_drain(struct blk_queue *q)
{
	if (q->in_flight)
		slow_disk.waits++;
	answer(q, &q->pushed);
	answer(q, &q->waiting);
	call_done(q);
}

void blk_queue_destroy(struct blk_queue *q)
{
	if (!q)
		return;
	blk_queue_drain(q);
	close(q->fd);
	if (last_queue == q)
		last_queue = NULL;
	free(q);
}

int blk_queue_fd(struct blk_queue *q)
{
	return q->fd;
}

unsigned int blk_queue_in_flight(const struct blk_queue *q)
{
	return q->in_flight;
}

void slow_release(void)
{
	uint64_t one = 1;

	answer(last_queue, &last_queue->waiting);
	if (write(last_queue->fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

unsigned int slow_waiting(void)
{
	unsigned int n = 0;

	for (struct blk_io *io = last_queue->waiting; io; io = io->next)
		n++;
	for (struct blk_io *io = last_queue->pushed; io; io = io->next)
		n++;
	return n;
}
