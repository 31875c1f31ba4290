/* SPDX-License-Identifier: GPL-2.0-only */
/* A zone with a table of each level in it, for kernel mode and for user mode, not linked: what tests of the mmu family begin with. */
#ifndef TESTS_MONITOR_TABLES_H
#define TESTS_MONITOR_TABLES_H

#include "space.h"

#define ZONE (4ull << 20) /* chunk 2 */
#define KERNEL PVN_MMU_TABLE_KERNEL
#define LINK (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define LEAF (PTE_PRESENT | PTE_USER | PTE_NX)
#define LIST 0x1000ull /* where arguments lie */

/* The tables: kernel mode's, from 4 down to 1, then user mode's. */
#define K(level) (ZONE + (4 - (level)) * PAGE_BYTES)
#define U(level) (ZONE + 0x10000 + (4 - (level)) * PAGE_BYTES)
#define FREE (ZONE + 0x40000)

#define EXPECT_SOUND() \
	do { \
		const char *wrong = space_check(); \
		EXPECT_EQ(NULL, wrong) TH_LOG("%s", wrong); \
	} while (0)

/* The sum of what the calls answered: 0. */
static inline int64_t tables_init(void)
{
	int64_t ret;

	fake_init();
	space_init();
	ret = space_zone_add(ZONE, CHUNK_BYTES);
	for (unsigned int level = 4; level; level--)
		ret += space_alloc(K(level), level, KERNEL) + space_alloc(U(level), level, 0);
	return ret;
}

static inline void tables_destroy(void)
{
	space_destroy();
	fake_destroy();
}

static inline uint64_t uses(uint64_t gpa)
{
	return mmu_frame(&fake.vm.mmu, gpa)->uses;
}

#endif
