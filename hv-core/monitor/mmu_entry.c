// SPDX-License-Identifier: GPL-2.0-only
/* Table entries: what may stand in one, and the calls that write them. */
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
static unsigned int child_kind(const struct mmu_frame *table, unsigned int index, uint64_t value)
{
	unsigned int level = TABLE_LEVEL(table->kind);

	if (level < 4)
		return table->kind - 1;
	if (index >= SLOT_KERNEL)
		return 3 | TABLE_KERNEL;
	/* Kernel mode executes nothing of the lower half: level 3 has no SMEP. */
	return table->kind & TABLE_KERNEL && !(value & PTE_NX) ? 0 : 3;
}

static bool upper_allowed(const struct mmu *mmu, const struct mmu_frame *table, unsigned int index, uint64_t value)
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

static inline int entry_set(struct monitor_vcpu *v, uint64_t gpa, uint64_t value, uint64_t *old)
{
	struct place at;
	int ret = place_find(v, gpa, &at);

	if (ret)
		return ret;
	if (!allowed(v, at.table, at.index, value))
		return -PVN_EINVAL;
	*old = entry_write(&v->vm->mmu, &at, value);
	return 0;
}

/* Only the hardware's bits can change under the lock, so the comparison fails a few times at most. */
static int entry_mask(struct monitor_vcpu *v, uint64_t gpa, uint64_t mask, uint64_t value, uint64_t *old)
{
	struct mmu_frame *before, *after;
	struct place at;
	uint64_t new;
	int ret = place_find(v, gpa, &at);

	if (ret)
		return ret;
	*old = __atomic_load_n(at.entry, __ATOMIC_RELAXED);
	do {
		new = (*old & mask) | value;
		if (!allowed(v, at.table, at.index, new))
			return -PVN_EINVAL;
	} while (!__atomic_compare_exchange_n(at.entry, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	before = child_of(&v->vm->mmu, at.table, *old);
	after = child_of(&v->vm->mmu, at.table, new);
	if (after)
		after->uses++;
	if (before)
		mmu_unuse(&v->vm->mmu, before);
	return 0;
}

void mmu_table_clear(struct monitor_vcpu *v, uint64_t gpa, struct mmu_frame *frame)
{
	struct place at = { .table = frame, .entry = (uint64_t *)(v->ram + gpa) };

	for (; at.index < TABLE_ENTRIES; at.index++, at.entry++) {
		if (TABLE_LEVEL(frame->kind) == 4 && at.index >= SLOT_HOLE && at.index < SLOT_KERNEL)
			*at.entry = 0;
		else
			entry_write(&v->vm->mmu, &at, 0);
	}
}

int64_t monitor_mmu_entry_set(struct monitor_call *c, uint64_t entry, uint64_t value)
{
	uint64_t old;
	int ret;

	mmu_lock(&c->v->vm->mmu);
	ret = entry_set(c->v, entry, value, &old);
	mmu_unlock(&c->v->vm->mmu);
	return ret;
}

/* Exchange and mask: the old contents go where they don't lie in a table. */
static int64_t hand_back(struct monitor_vcpu *v, uint64_t gpa, uint64_t entry, uint64_t mask, uint64_t value)
{
	uint64_t *to, old;
	int ret;

	if (gpa % 8)
		return -PVN_EINVAL;
	mmu_lock(&v->vm->mmu);
	to = guest_ram_writable(v, gpa, sizeof(*to));
	if (!to)
		ret = -PVN_EFAULT;
	else if (mask)
		ret = entry_mask(v, entry, mask, value, &old);
	else
		ret = entry_set(v, entry, value, &old);
	if (!ret)
		__atomic_store_n(to, old, __ATOMIC_RELAXED);
	mmu_unlock(&v->vm->mmu);
	return ret;
}

int64_t monitor_mmu_entry_exchange(struct monitor_call *c, uint64_t entry, uint64_t value, uint64_t old)
{
	return hand_back(c->v, old, entry, 0, value);
}

int64_t monitor_mmu_entry_mask(struct monitor_call *c, uint64_t entry, uint64_t mask, uint64_t value, uint64_t old)
{
	/* Without a bit to keep it is the exchange. */
	return hand_back(c->v, old, entry, mask, value);
}

/* Two passes over a copy: the table changes as a whole or not at all. */
static int table_fill(struct monitor_vcpu *v, uint64_t frame, uint32_t first, uint32_t count, const uint64_t *shared)
{
	uint64_t copy[TABLE_ENTRIES];
	struct place at;
	int ret = place_find(v, frame + 8ull * first, &at);

	if (ret)
		return ret;
	for (uint32_t i = 0; i < count; i++) {
		copy[i] = __atomic_load_n(&shared[i], __ATOMIC_RELAXED);
		if (!allowed(v, at.table, first + i, copy[i]))
			return -PVN_EINVAL;
	}
	for (uint32_t i = 0; i < count; i++, at.entry++)
		entry_write(&v->vm->mmu, &at, copy[i]);
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

static int update_one(struct monitor_vcpu *v, const struct pvn_mmu_update *shared)
{
	struct pvn_mmu_update u = *shared;
	uint64_t old;

	/* The copy is what counts: without this the compiler may read the guest's memory again later. */
	__asm__ __volatile__("" : "+m"(u));
	switch (u.entry & 7) {
	case PVN_MMU_SET:
		return u.mask ? -PVN_EINVAL : entry_set(v, u.entry, u.value, &old);
	case PVN_MMU_MASK:
		return entry_mask(v, u.entry & ~7ull, u.mask, u.value, &old);
	default:
		return -PVN_EINVAL;
	}
}

int64_t monitor_mmu_update(struct monitor_call *c, uint64_t list, uint32_t count)
{
	const struct pvn_mmu_update *shared;
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
		ret = update_one(c->v, &shared[done]);
	mmu_unlock(&c->v->vm->mmu);
	return done ? (int64_t)done : ret;
}
