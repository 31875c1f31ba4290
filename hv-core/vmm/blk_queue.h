/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disk images and asynchronous I/O on them, over io_uring. A disk is opened once and shared by every front end
 * (IDE or PV); a queue belongs to one thread, which pushes, submits and reaps.
 */
#ifndef VMM_BLK_QUEUE_H
#define VMM_BLK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES };

enum blk_cache {
	BLK_CACHE_NONE,	     /* O_DIRECT where the file allows it; flush is fdatasync */
	BLK_CACHE_WRITEBACK, /* page cache; flush is fdatasync */
	BLK_CACHE_UNSAFE,    /* page cache; flush does nothing: for throw-away guests, said so in --help */
};

struct blk_disk {
	const char *path; /* or "null" for the backend that moves no data */
	int fd;
	uint64_t bytes; /* capacity, a multiple of 512 */
	bool read_only;
	bool is_null;
	bool direct;
	uint32_t logical_block; /* bytes: smallest aligned unit of the backend, 512 or 4096 */
	bool can_discard;
	enum blk_cache cache;
	struct blk_fault *fault; /* injected errors, for tests; NULL otherwise (blk_fault.h) */
	int fd_buffered; /* the same file through the page cache, for what O_DIRECT cannot do */
	bool is_block_device;
};

/*
 * Open an image. 0, or -errno with a message in err that says what was asked, what is wrong and what to do: missing,
 * no permission, directory, size not a multiple of 512, locked by another run (an OFD write lock is held while open).
 * On success err holds a note for the user ("O_DIRECT is not possible, …"), or is empty.
 */
int blk_disk_open(struct blk_disk *disk, const char *path, bool read_only, enum blk_cache cache, char *err,
		  unsigned int errlen);
void blk_disk_close(struct blk_disk *disk);

struct blk_io {
	enum blk_op op;
	bool fua;	    /* with WRITE, WRITE_ZEROES: durable when done */
	bool keep_allocated; /* with WRITE_ZEROES */
	uint64_t offset;    /* bytes, a multiple of 512 */
	uint64_t len;	    /* bytes, a multiple of 512; READ and WRITE: the sum over iov */
	struct iovec *iov;  /* stays valid until done; blk_queue advances the pointer, and has left the array as it was */
	unsigned int nr_iov;
	/* result: 0, or -errno. All of len was moved, or it is an error. Called from blk_queue_reap() or _submit(). */
	void (*done)(struct blk_io *io, int result);
	/* blk_queue's own */
	uint64_t moved;
	size_t skipped; /* of iov[0]: moved already, and left out of it */
	struct blk_io *next;
	int result;
	uint8_t stage;
};

struct blk_queue;

/* depth: most blk_ios in flight. 0 or -errno. */
int blk_queue_create(struct blk_disk *disk, unsigned int depth, struct blk_queue **q);
/* Waits for what is in flight. */
void blk_queue_destroy(struct blk_queue *q);
/* Queue one. Bounds and read-only are checked here; a failed check still calls done, never returns an error. */
void blk_queue_push(struct blk_queue *q, struct blk_io *io);
/* Hand over what was pushed: one system call, or none when nothing was. */
void blk_queue_submit(struct blk_queue *q);
/* Call done for what has finished; returns how many. */
unsigned int blk_queue_reap(struct blk_queue *q);
/* Becomes readable (EPOLLIN) when there is something to reap. */
int blk_queue_fd(struct blk_queue *q);
unsigned int blk_queue_in_flight(const struct blk_queue *q);
/* Submit, then wait until nothing is in flight. */
void blk_queue_drain(struct blk_queue *q);

/*
 * A queue with a thread of its own, which creates, uses and destroys it: completions wait in the kernel until that
 * thread asks, so that one system call submits, waits and collects. Doorbells are watched by the same call.
 */
int blk_queue_create_owned(struct blk_disk *disk, unsigned int depth, struct blk_queue **q);
/* Call fn from blk_queue_wait() whenever the eventfd is signalled. It is never read. 0 or -errno. */
int blk_queue_watch(struct blk_queue *q, int eventfd, void (*fn)(void *opaque), void *opaque);
/* Submit, and reap what has finished, without sleeping: one system call, or none when there is nothing to do. */
unsigned int blk_queue_poll(struct blk_queue *q);
/* Submit, sleep until a completion or a watched eventfd, and reap. One system call. */
void blk_queue_wait(struct blk_queue *q);
/* System calls made so far: what a benchmark divides by its requests. */
uint64_t blk_queue_syscalls(const struct blk_queue *q);

#endif
