/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU with RAM, a start's address space and room for a table zone; and the zone's invariants, told from the bytes of
 * the tables alone.
 */
#ifndef TESTS_MONITOR_SPACE_H
#define TESTS_MONITOR_SPACE_H

#include "fake.h"

#define SPACE_RAM (16ull << 20)
#define SPACE_CHUNKS (SPACE_RAM >> CHUNK_SHIFT)
#define SPACE_SLOTS 3		 /* chunks that the zone can have */
#define SPACE_MONITOR (1ull << 39) /* guest-physical address of the monitor's memory */
#define SPACE_MONITOR_BYTES 0x10000ull
#define SPACE_KERNEL (6ull << 20)  /* chunk 3 has the kernel's segments: a read-only page, then a writable one */
#define SPACE_FRAMES (SPACE_RAM / PAGE_BYTES)

struct space {
	uint8_t *own; /* the monitor's memory */
	uint64_t *start[6]; /* tables of the start: top, direct map, segments */
	uint16_t *directory;
	struct mmu_slot *slot;
	/* What the test knows by the results of its own calls. */
	bool zone[SPACE_CHUNKS];
	uint8_t kind[SPACE_FRAMES];
	uint64_t kernel, user;
};

extern struct space space;

/* After fake_init(): all of it, features accepted. */
void space_init(void);
void space_destroy(void);
uint64_t *space_table(uint64_t gpa);

/* Calls, whose success is noted. */
int64_t space_zone_add(uint64_t start, uint64_t bytes);
int64_t space_zone_remove(uint64_t start, uint64_t bytes);
int64_t space_alloc(uint64_t frame, uint64_t level, uint64_t flags);
int64_t space_free(uint64_t frame);
int64_t space_switch(uint64_t kernel, uint64_t user);
int64_t space_set(uint64_t table, unsigned int index, uint64_t value);

/*
 * NULL, or what is wrong: every table is walked as hardware would, every use counted again, and all of it compared with
 * what the monitor knows.
 */
const char *space_check(void);

#endif
