/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk in the test's memory, behind the functions of blk_queue.h: it answers when the test lets it, and fails where
 * the test says. Programs link it instead of blk_queue.c.
 */
#ifndef TESTS_IDE_SLOW_DISK_H
#define TESTS_IDE_SLOW_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "../../hv-core/vmm/blk_queue.h"

struct slow_disk {
	uint8_t *data;
	uint64_t sectors;
	bool hold;	      /* requests wait for slow_release() */
	uint64_t bad_read;    /* sector that cannot be read; UINT64_MAX: none */
	uint64_t bad_write;
	int error;	      /* what the bad sector ends with */
	bool bad_flush;
	unsigned int reads, writes, flushes, discards, fua_writes; /* answered, each part of a search too */
	unsigned int waits;   /* drains that found something in flight */
};

extern struct slow_disk slow_disk;

void slow_disk_init(struct blk_disk *disk, uint64_t sectors, bool read_only);
void slow_disk_destroy(void);
/* Let what waits finish: the queue becomes readable. */
void slow_release(void);
/* Requests that wait, submitted or not. */
unsigned int slow_waiting(void);

#endif
