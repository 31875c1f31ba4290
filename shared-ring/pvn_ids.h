/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which request ids are in flight: what a guest checks a completion's id against. A host that
 * replays an id, or makes one up, is caught here, before a request is completed twice or a
 * table is indexed out of bounds.
 *
 * One bit an id, in words that the caller provides. Marking and claiming may run on different
 * CPUs.
 */
#ifndef PVN_IDS_H
#define PVN_IDS_H

#include <paravane/types.h>

#ifdef __KERNEL__
#include <linux/bitops.h>
#include <linux/string.h>
#define pvn_ids_test_and_set(bit, map) test_and_set_bit(bit, map)
#define pvn_ids_test_and_clear(bit, map) test_and_clear_bit(bit, map)
#else
#include <stdbool.h>
#include <string.h>
static inline bool pvn_ids_test_and_set(pvn_u32 bit, unsigned long *map)
{
	unsigned long mask = 1ul << (bit % 64);

	return __atomic_fetch_or(&map[bit / 64], mask, __ATOMIC_ACQ_REL) & mask;
}

static inline bool pvn_ids_test_and_clear(pvn_u32 bit, unsigned long *map)
{
	unsigned long mask = 1ul << (bit % 64);

	return __atomic_fetch_and(&map[bit / 64], ~mask, __ATOMIC_ACQ_REL) & mask;
}
#endif

struct pvn_ids {
	unsigned long *map; /* a set bit: in flight */
	pvn_u32 nr;
	pvn_u32 hint; /* where get() looks first; used by it alone */
};

#define PVN_IDS_WORDS(nr) (((nr) + 63) / 64)

/* words: PVN_IDS_WORDS(nr) of them. */
static inline void pvn_ids_init(struct pvn_ids *ids, unsigned long *words, pvn_u32 nr)
{
	memset(words, 0, PVN_IDS_WORDS(nr) * sizeof(*words));
	ids->map = words;
	ids->nr = nr;
	ids->hint = 0;
}

/* Marks an id chosen by the caller (a blk-mq tag). False: out of range, or in flight already.
 */
static inline bool pvn_ids_mark(struct pvn_ids *ids, pvn_u32 id)
{
	return id < ids->nr && !pvn_ids_test_and_set(id, ids->map);
}

/* Chooses a free id and marks it; -1 when all are in flight. One caller at a time. */
static inline int pvn_ids_get(struct pvn_ids *ids)
{
	pvn_u32 i;

	for (i = 0; i < ids->nr; i++) {
		pvn_u32 id = ids->hint;

		ids->hint = id + 1 == ids->nr ? 0 : id + 1;
		if (pvn_ids_mark(ids, id))
			return (int)id;
	}
	return -1;
}

/* Takes an id back, at its completion. False: it is not in flight, so the peer lies. */
static inline bool pvn_ids_claim(struct pvn_ids *ids, pvn_u32 id)
{
	return id < ids->nr && pvn_ids_test_and_clear(id, ids->map);
}

#endif /* PVN_IDS_H */
