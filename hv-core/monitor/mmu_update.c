// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many entries by one call: part of a table, and lists of changes.
 *
 * What fork, exit, mprotect and munmap cost is the loops here. So a run of entries of one table looks the table up once,
 * and level 1, which names no tables that would have to be counted, has loops of its own: by those for any level an
 * entry took 142 instructions (pv.elf's bench), with these it takes 1 to 26.
 */
#include "mmu_rules.h"

/* Entries that one call changes at most: the lock is held for them, and this vCPU takes no interrupts. */
#define ENTRIES_MAX 4096

/* Bits whose loss makes no entry of level 1 one that isn't allowed. */
#define MASK_HARMLESS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

/* Entries of one table, one after the other; `place` is the first. */
struct run {
	struct place place;
	unsigned int count;
};

/*
 * leaf_allowed() for level 1, with what is the same for all entries of a table found before. RAM consists of whole
 * pages, and the directory reaches to its end, so that neither needs a comparison of its own here.
 */
struct leaf_rules {
	struct monitor_ram ram[2];
	const uint16_t *directory;
	uint64_t writable_needs; /* bits */
};

static inline struct leaf_rules leaf_rules(const struct monitor_vcpu *v, const struct mmu_frame *table)
{
	return (struct leaf_rules){
		.ram = { v->shared.boot.ram[0], v->shared.boot.ram[1] },
		.directory = v->vm->mmu.directory,
		.writable_needs = table->kind & TABLE_KERNEL ? PTE_NX : 0,
	};
}

static inline bool page_allowed(const struct leaf_rules *rules, uint64_t value)
{
	uint64_t addr = value & PTE_ADDR;

	if (!(value & PTE_PRESENT))
		return true;
	if (value & PTE_GLOBAL)
		return false;
	if (addr - rules->ram[0].start >= rules->ram[0].bytes && addr - rules->ram[1].start >= rules->ram[1].bytes)
		return false;
	if (!(value & PTE_WRITE))
		return true;
	return !rules->directory[addr >> CHUNK_SHIFT] && (value & rules->writable_needs) == rules->writable_needs;
}

static inline void zero_entries(uint64_t *entry, uint64_t count)
{
	__asm__ __volatile__("rep stosq" : "+D"(entry), "+c"(count) : "a"(0ull) : "memory");
}

/* Plain stores here and in pages_copy(): what the hardware notes in an entry that is replaced is lost, as with any store. */
static int pages_set(const struct leaf_rules *rules, const struct run *run, uint64_t value)
{
	if (!value) {
		zero_entries(run->place.entry, run->count);
		return 0;
	}
	if (!page_allowed(rules, value))
		return -PVN_EINVAL;
	for (uint64_t *entry = run->place.entry, *end = entry + run->count; entry < end; entry++)
		__atomic_store_n(entry, value, __ATOMIC_RELAXED);
	return 0;
}

static int pages_mask(const struct leaf_rules *rules, const struct run *run, uint64_t mask, uint64_t value)
{
	uint64_t *entry = run->place.entry, *end = entry + run->count;

	if (!value && !(~mask & ~MASK_HARMLESS)) {
		for (; entry < end; entry++)
			__atomic_fetch_and(entry, mask, __ATOMIC_SEQ_CST);
		return 0;
	}
	for (; entry < end; entry++) {
		uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED);

		/* Only the hardware's bits can change under the lock, so this ends. */
		do {
			if (!page_allowed(rules, (old & mask) | value))
				return -PVN_EINVAL;
		} while (!__atomic_compare_exchange_n(entry, &old, (old & mask) | value, false, __ATOMIC_SEQ_CST,
						      __ATOMIC_RELAXED));
	}
	return 0;
}

static int pages_copy(const struct leaf_rules *rules, const struct run *run, const uint64_t *shared)
{
	for (uint64_t *entry = run->place.entry, *end = entry + run->count; entry < end; entry++, shared++) {
		uint64_t value = __atomic_load_n(shared, __ATOMIC_RELAXED);

		if (!page_allowed(rules, value))
			return -PVN_EINVAL;
		__atomic_store_n(entry, value, __ATOMIC_RELAXED);
	}
	return 0;
}

/* `shared`: the values of PVN_MMU_COPY. */
static int update_pages(struct monitor_vcpu *v, const struct pvn_mmu_update *u, const struct run *run,
			const uint64_t *shared)
{
	struct leaf_rules rules = leaf_rules(v, run->place.table);

	if (shared)
		return pages_copy(&rules, run, shared);
	if ((u->entry & 7) == PVN_MMU_MASK && u->mask)
		return pages_mask(&rules, run, u->mask, u->value);
	return pages_set(&rules, run, u->value);
}

/* The same where entries may name tables. */
static int update_any(struct monitor_vcpu *v, const struct pvn_mmu_update *u, struct run *run, const uint64_t *shared)
{
	for (; run->count; run->count--, run->place.entry++, run->place.index++) {
		uint64_t value = shared ? __atomic_load_n(shared++, __ATOMIC_RELAXED) : u->value, old;

		if ((u->entry & 7) == PVN_MMU_MASK) {
			if (place_mask(v, &run->place, u->mask, value, &old))
				return -PVN_EINVAL;
			continue;
		}
		if (!allowed(v, run->place.table, run->place.index, value))
			return -PVN_EINVAL;
		entry_write(&v->vm->mmu, &run->place, value);
	}
	return 0;
}

/* Two passes over a copy: the table changes as a whole or not at all. */
static int table_fill(struct monitor_vcpu *v, uint64_t frame, uint32_t first, uint32_t count, const uint64_t *shared)
{
	uint64_t copy[TABLE_ENTRIES];
	struct leaf_rules rules;
	struct place at;
	bool pages;
	int ret = place_find(v, frame + 8ull * first, &at);

	if (ret)
		return ret;
	pages = TABLE_LEVEL(at.table->kind) == 1;
	rules = leaf_rules(v, at.table);
	for (uint32_t i = 0; i < count; i++) {
		copy[i] = __atomic_load_n(&shared[i], __ATOMIC_RELAXED);
		if (pages ? !page_allowed(&rules, copy[i]) : !allowed(v, at.table, first + i, copy[i]))
			return -PVN_EINVAL;
	}
	for (uint32_t i = 0; i < count; i++, at.entry++) {
		if (pages)
			__atomic_store_n(at.entry, copy[i], __ATOMIC_RELAXED);
		else if (copy[i] || *at.entry)
			entry_write(&v->vm->mmu, &at, copy[i]);
	}
	return 0;
}

int64_t monitor_mmu_table_fill(struct monitor_call *c, uint64_t frame, uint32_t first, uint32_t count, uint64_t values)
{
	const uint64_t *shared;
	int ret;

	if (frame % PAGE_BYTES || values % 8)
		return -PVN_EINVAL;
	if (!count || first >= TABLE_ENTRIES || count > TABLE_ENTRIES - first)
		return -PVN_ERANGE;
	shared = guest_ram(c->v, values, 8ull * count);
	if (!shared)
		return -PVN_EFAULT;
	mmu_lock(&c->v->vm->mmu);
	ret = table_fill(c->v, frame, first, count, shared);
	mmu_unlock(&c->v->vm->mmu);
	return ret;
}

static int update_run(struct monitor_vcpu *v, const struct pvn_mmu_update *u, struct run *run)
{
	const uint64_t *shared = NULL;

	if ((u->entry & 7) > PVN_MMU_COPY || (u->mask && (u->entry & 7) != PVN_MMU_MASK))
		return -PVN_EINVAL;
	if ((u->entry & 7) == PVN_MMU_COPY) {
		if (u->value % 8)
			return -PVN_EINVAL;
		shared = guest_ram(v, u->value, 8ull * run->count);
		if (!shared)
			return -PVN_EFAULT;
	}
	if (TABLE_LEVEL(run->place.table->kind) == 1)
		return update_pages(v, u, run, shared);
	return update_any(v, u, run, shared);
}

/* `budget`: entries that the call may still change. */
static int update_one(struct monitor_vcpu *v, const struct pvn_mmu_update *shared, unsigned int *budget)
{
	struct pvn_mmu_update u = *shared;
	struct run run;
	int ret;

	/* The copy is what counts: without this the compiler may read the guest's memory again later. */
	__asm__ __volatile__("" : "+m"(u));
	run.count = (unsigned int)(u.entry >> PVN_MMU_MORE_SHIFT) + 1;
	ret = place_find(v, u.entry & PVN_MMU_ENTRY_ADDRESS, &run.place);
	if (ret)
		return ret;
	if (run.count > TABLE_ENTRIES - run.place.index || run.count > *budget)
		return -PVN_ERANGE;
	*budget -= run.count;
	return update_run(v, &u, &run);
}

int64_t monitor_mmu_update(struct monitor_call *c, uint64_t list, uint32_t count)
{
	const struct pvn_mmu_update *shared;
	unsigned int budget = ENTRIES_MAX;
	uint32_t done = 0;
	int ret = 0;

	if (list % 8)
		return -PVN_EINVAL;
	if (!count || count > PVN_MMU_UPDATE_MAX)
		return -PVN_ERANGE;
	shared = guest_ram(c->v, list, count * sizeof(*shared));
	if (!shared)
		return -PVN_EFAULT;
	mmu_lock(&c->v->vm->mmu);
	for (; done < count && !ret; done += !ret)
		ret = update_one(c->v, &shared[done], &budget);
	mmu_unlock(&c->v->vm->mmu);
	return done ? (int64_t)done : ret;
}
