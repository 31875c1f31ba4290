/* SPDX-License-Identifier: GPL-2.0-only */
/* What may stand in an entry of a table, and how one is written: for the calls about single ones and about many. */
#ifndef MONITOR_MMU_RULES_H
#define MONITOR_MMU_RULES_H

#include "monitor.h"

/* A place in a table. */
struct place {
	struct mmu_frame *table;
	uint64_t *entry;
	unsigned int index;
};

static inline bool is_leaf(unsigned int level, uint64_t value)
{
	return level == 1 || (level == 2 && value & PTE_LARGE);
}

/* What an entry that is in a table already names: NULL for none, and for memory. */
static inline struct mmu_frame *child_of(const struct mmu *mmu, const struct mmu_frame *table, uint64_t value)
{
	if (!(value & PTE_PRESENT) || is_leaf(TABLE_LEVEL(table->kind), value))
		return NULL;
	return mmu_frame(mmu, value & PTE_ADDR);
}

static inline bool leaf_allowed(const struct monitor_vcpu *v, const struct mmu_frame *table, uint64_t value)
{
	bool large = TABLE_LEVEL(table->kind) == 2;
	uint64_t bytes = large ? CHUNK_BYTES : PAGE_BYTES, addr = value & PTE_ADDR;

	if (large) {
		addr &= ~PAGE_BYTES; /* the memory type's third bit */
		if (addr % CHUNK_BYTES)
			return false;
	}
	/* A global translation would outlive the flushes that the rules on frames count on. */
	if (value & PTE_GLOBAL || !guest_ram(v, addr, bytes))
		return false;
	if (!(value & PTE_WRITE))
		return true;
	/* The zone is made of whole chunks: one look-up answers for 2 MiB too. */
	return !mmu_in_zone(&v->vm->mmu, addr) && !(table->kind & TABLE_KERNEL && !(value & PTE_NX));
}

/* The kind of table that an entry must name; 0: it may name none. */
static inline unsigned int child_kind(const struct mmu_frame *table, unsigned int index, uint64_t value)
{
	unsigned int level = TABLE_LEVEL(table->kind);

	if (level < 4)
		return table->kind - 1;
	if (index >= SLOT_KERNEL)
		return 3 | TABLE_KERNEL;
	/* Kernel mode executes nothing of the lower half: level 3 has no SMEP. */
	return table->kind & TABLE_KERNEL && !(value & PTE_NX) ? 0 : 3;
}

static inline bool upper_allowed(const struct mmu *mmu, const struct mmu_frame *table, unsigned int index, uint64_t value)
{
	const struct mmu_frame *child = mmu_frame(mmu, value & PTE_ADDR);

	/* The walk of a table goes through the caches as the monitor's writes do. */
	if (value & (PTE_CACHE | PTE_LARGE) || !child)
		return false;
	return child->kind && child->kind == child_kind(table, index, value);
}

static inline bool allowed(const struct monitor_vcpu *v, const struct mmu_frame *table, unsigned int index,
			   uint64_t value)
{
	unsigned int level = TABLE_LEVEL(table->kind);

	if (level == 4 && index >= SLOT_HOLE && (index < SLOT_KERNEL || !(table->kind & TABLE_KERNEL)))
		return false;
	/* Whatever the guest notes in an entry that the hardware doesn't look at. */
	if (!(value & PTE_PRESENT))
		return true;
	return is_leaf(level, value) ? leaf_allowed(v, table, value) : upper_allowed(&v->vm->mmu, table, index, value);
}

static inline int place_find(const struct monitor_vcpu *v, uint64_t gpa, struct place *place)
{
	if (gpa % 8)
		return -PVN_EINVAL;
	place->table = mmu_frame(&v->vm->mmu, gpa);
	if (!place->table)
		return mmu_not_in_zone(&v->vm->mmu);
	if (!place->table->kind)
		return -PVN_ESTATE;
	place->entry = (uint64_t *)(v->ram + gpa);
	place->index = gpa / 8 & (TABLE_ENTRIES - 1);
	return 0;
}

/*
 * A table is in use before an entry names it, and loses the use after none does. The hardware sets accessed and dirty
 * bits meanwhile, so the old contents are those that the exchange found.
 */
static inline uint64_t entry_write(struct mmu *mmu, const struct place *at, uint64_t value)
{
	struct mmu_frame *child = child_of(mmu, at->table, value);
	uint64_t old;

	if (child)
		child->uses++;
	old = __atomic_exchange_n(at->entry, value, __ATOMIC_SEQ_CST);
	child = child_of(mmu, at->table, old);
	if (child)
		mmu_unuse(mmu, child);
	return old;
}

/* Only the hardware's bits can change under the lock, so the comparison fails a few times at most. */
static inline int place_mask(struct monitor_vcpu *v, const struct place *at, uint64_t mask, uint64_t value, uint64_t *old)
{
	struct mmu_frame *before, *after;
	uint64_t new;

	*old = __atomic_load_n(at->entry, __ATOMIC_RELAXED);
	do {
		new = (*old & mask) | value;
		if (!allowed(v, at->table, at->index, new))
			return -PVN_EINVAL;
	} while (!__atomic_compare_exchange_n(at->entry, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	before = child_of(&v->vm->mmu, at->table, *old);
	after = child_of(&v->vm->mmu, at->table, new);
	if (after)
		after->uses++;
	if (before)
		mmu_unuse(&v->vm->mmu, before);
	return 0;
}

#endif
