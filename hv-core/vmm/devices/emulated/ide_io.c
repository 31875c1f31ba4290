// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disk I/O of a channel: one request in flight, on the drive's queue.
 *
 * done() only notes the result. The pump, which each way into the channel ends with, lets the command go on; so the
 * stack stays flat however many requests finish at once.
 *
 * Whose thread does it? A hop to the loop's thread and back costs more than a small read from a fast disk, and the vCPU
 * would go idle meanwhile. So the vCPU that starts a small request hands it to the kernel by itself and looks once
 * whether it is over already: 4 KiB reads from a RAM disk were 1.5 times as fast that way. Large requests go by way of
 * the loop: the guest runs on while the kernel copies, and its block layer merges what is queued while the drive is busy.
 * A drive that is never busy gets 64 KiB reads one by one, at 27 port accesses each instead of 22 (fio, depth 4).
 */
#include "ide.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A request of at most this size may be over when it has hardly begun. */
#define IDE_LOOK_BYTES 8192
#define IDE_PUMP_BUDGET 64

static void io_done(struct blk_io *blk, int result)
{
	struct ide_io *io = (struct ide_io *)((char *)blk - offsetof(struct ide_io, blk));

	io->in_flight = false;
	io->answered = true;
	io->result = result;
}

/* Have the pump run on the loop's thread. */
static void loop_call(struct ide_drive *drive)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the loop is awake. */
	if (write(drive->start_fd, &one, sizeof(one)) != sizeof(one))
		return;
}

static void io_push(struct ide_channel *ch, enum blk_op op, uint32_t first, uint32_t nr)
{
	struct ide_io *io = &ch->io;
	struct blk_io *blk = &io->blk;

	blk->op = op;
	blk->offset = (io->lba + first) * IDE_SECTOR;
	blk->len = (uint64_t)nr * IDE_SECTOR;
	blk->done = io_done;
	io->in_flight = true;
	io->waited = false;
	io->begun = ch->on_loop || blk->len <= IDE_LOOK_BYTES;
	blk_queue_push(io->drive->queue, blk);
	if (io->begun)
		blk_queue_submit(io->drive->queue);
	else
		loop_call(io->drive);
}

/* Sectors [first, first + nr) of the request: that part of iov goes to work, for blk_queue advances what it gets. */
static void io_transfer_part(struct ide_channel *ch, uint32_t first, uint32_t nr)
{
	struct ide_io *io = &ch->io;
	size_t skip = (size_t)first * IDE_SECTOR;
	size_t left = (size_t)nr * IDE_SECTOR;
	unsigned int n = 0;

	for (unsigned int i = 0; i < io->nr_iov && left; i++) {
		struct iovec v = io->iov[i];

		if (skip >= v.iov_len) {
			skip -= v.iov_len;
			continue;
		}
		v.iov_base = (char *)v.iov_base + skip;
		v.iov_len -= skip;
		skip = 0;
		if (v.iov_len > left)
			v.iov_len = left;
		left -= v.iov_len;
		io->work[n++] = v;
	}
	io->blk.iov = io->work;
	io->blk.nr_iov = n;
	io_push(ch, io->blk.op, first, nr);
}

static void io_start(struct ide_channel *ch, enum blk_op op, uint64_t lba, uint32_t nr, ide_io_fn finish)
{
	struct ide_io *io = &ch->io;

	io->drive = ch->cmd.drive;
	io->finish = finish;
	io->lba = lba;
	io->nr = nr;
	io->error = 0;
	io->lo = 0;
	io->hi = nr;
	io->answered = false;
	io->blk.op = op;
	io->blk.keep_allocated = false;
	/* Without a write cache, a write is over when it is durable. */
	io->blk.fua = op == BLK_WRITE && (ch->cmd.fua || !io->drive->write_cache);
}

void ide_io_transfer(struct ide_channel *ch, enum blk_op op, uint64_t lba, uint32_t nr, ide_io_fn finish)
{
	io_start(ch, op, lba, nr, finish);
	io_transfer_part(ch, 0, nr);
}

void ide_io_other(struct ide_channel *ch, enum blk_op op, uint64_t lba, uint32_t nr, ide_io_fn finish)
{
	io_start(ch, op, lba, nr, finish);
	ch->io.blk.iov = NULL;
	ch->io.blk.nr_iov = 0;
	io_push(ch, op, 0, nr);
}

/*
 * The host says only that a transfer failed, the guest wants to know where: halve until the sector is found. Doing a
 * part twice does no harm. True while the search goes on.
 */
static bool io_search(struct ide_channel *ch)
{
	struct ide_io *io = &ch->io;
	uint32_t middle;

	if (io->blk.op != BLK_READ && io->blk.op != BLK_WRITE)
		return false;
	if (!io->error) {
		io->error = io->result;
	} else {
		middle = io->lo + (io->hi - io->lo) / 2;
		if (io->result)
			io->hi = middle;
		else
			io->lo = middle;
	}
	if (io->hi - io->lo < 2)
		return false;
	io_transfer_part(ch, io->lo, (io->hi - io->lo) / 2);
	return true;
}

static void io_answer(struct ide_channel *ch)
{
	struct ide_io *io = &ch->io;

	io->answered = false;
	if (!io->result && !io->error) {
		io->finish(ch, 0, io->nr);
		return;
	}
	if (io_search(ch))
		return;
	io->finish(ch, io->error ? io->error : io->result, io->lo);
}

static void drive_watch(struct ide_drive *drive, bool on)
{
	if (drive->watched == on)
		return;
	drive->watched = on;
	loop_modify_fd(drive->ch->ide->m->loop, &drive->watch, on ? EPOLLIN : 0);
}

void ide_io_pump(struct ide_channel *ch)
{
	unsigned int budget = IDE_PUMP_BUDGET;
	struct ide_io *io = &ch->io;

	while (io->in_flight || io->answered) {
		if (io->in_flight && !io->begun) {
			if (!ch->on_loop)
				return;
			io->begun = true;
			blk_queue_submit(io->drive->queue);
		}
		if (io->in_flight)
			blk_queue_reap(io->drive->queue);
		if (!io->answered) {
			io->waited = true;
			drive_watch(io->drive, true);
			return;
		}
		/* A guest can cut one command into 65,536 requests: they keep neither vCPU nor loop from their work. */
		if (!budget--) {
			loop_call(io->drive);
			return;
		}
		/* With a disk this fast the loop would be woken for nothing. A slow one stays watched. */
		if (!io->waited)
			drive_watch(io->drive, false);
		io_answer(ch);
	}
}

void ide_io_settle(struct ide_channel *ch)
{
	if (ch->io.in_flight)
		blk_queue_drain(ch->io.drive->queue);
}

void ide_io_cancel(struct ide_channel *ch)
{
	ide_io_settle(ch);
	ch->io.answered = false;
}

static void pump_on_loop(struct ide_channel *ch)
{
	pthread_mutex_lock(&ch->lock);
	ch->on_loop = true;
	ide_io_pump(ch);
	ch->on_loop = false;
	pthread_mutex_unlock(&ch->lock);
}

static void queue_readable(void *opaque, uint32_t events)
{
	struct ide_drive *drive = opaque;

	pump_on_loop(drive->ch);
}

static void start_readable(void *opaque, uint32_t events)
{
	struct ide_drive *drive = opaque;
	uint64_t count;

	/* Nothing to read is as good: the pump looks for itself. */
	if (read(drive->start_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	pump_on_loop(drive->ch);
}

int ide_io_create(struct ide_drive *drive)
{
	struct loop *loop = drive->ch->ide->m->loop;
	int err;

	err = blk_queue_create(drive->disk, 1, &drive->queue);
	if (err)
		return err;
	drive->start_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (drive->start_fd < 0) {
		err = -errno;
		goto destroy_queue;
	}
	err = loop_add_fd(loop, &drive->start, drive->start_fd, EPOLLIN, start_readable, drive);
	if (err)
		goto close_start;
	err = loop_add_fd(loop, &drive->watch, blk_queue_fd(drive->queue), 0, queue_readable, drive);
	if (err)
		goto remove_start;
	return 0;

remove_start:
	loop_remove_fd(loop, &drive->start);
close_start:
	close(drive->start_fd);
destroy_queue:
	blk_queue_destroy(drive->queue);
	drive->queue = NULL;
	return err;
}

void ide_io_destroy(struct ide_drive *drive)
{
	struct ide_channel *ch = drive->ch;
	struct loop *loop;

	if (!drive->queue)
		return;
	loop = ch->ide->m->loop;
	pthread_mutex_lock(&ch->lock);
	if (ch->io.drive == drive)
		ide_cancel(ch);
	pthread_mutex_unlock(&ch->lock);
	loop_remove_fd(loop, &drive->watch);
	loop_remove_fd(loop, &drive->start);
	close(drive->start_fd);
	blk_queue_destroy(drive->queue);
	drive->queue = NULL;
}
