/* SPDX-License-Identifier: GPL-2.0-only */
/* A queue in guarded memory: it ends where an inaccessible page begins, and begins after one. */
#ifndef RING_CHECK_H
#define RING_CHECK_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "pvn_ids.h"
#include "pvn_ring.h"

#define RING_PAGE 4096ul

struct guarded {
	char *map;
	size_t map_bytes;
	void *ring;
};

/* at_end: the last byte lies before the guard; else the first byte after one. Both are needed to see both ends. */
static inline int guarded_map(struct guarded *g, pvn_u32 sq_order, pvn_u32 cq_order, bool at_end)
{
	size_t bytes = pvn_ring_bytes(sq_order, cq_order);
	size_t room = (bytes + RING_PAGE - 1) & ~(RING_PAGE - 1);

	g->map_bytes = room + 2 * RING_PAGE;
	g->map = mmap(NULL, g->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->map == MAP_FAILED)
		return -1;
	if (mprotect(g->map + RING_PAGE, room, PROT_READ | PROT_WRITE))
		return -1;
	g->ring = g->map + RING_PAGE + (at_end ? room - bytes : 0);
	return 0;
}

static inline void guarded_unmap(struct guarded *g)
{
	munmap(g->map, g->map_bytes);
}

/* xorshift: the same sequence on every machine. */
static inline uint32_t ring_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

/* An entry whose every word says which it is, so that a torn or stale copy shows. */
static inline void ring_fill(void *slot, uint32_t n)
{
	uint32_t *words = slot;
	unsigned int i;

	for (i = 0; i < PVN_RING_SQE_BYTES / 4; i++)
		words[i] = n * 2654435761u + i;
}

static inline bool ring_filled_with(const void *entry, uint32_t n)
{
	const uint32_t *words = entry;
	unsigned int i;

	for (i = 0; i < PVN_RING_SQE_BYTES / 4; i++) {
		if (words[i] != n * 2654435761u + i)
			return false;
	}
	return true;
}

#endif
