// SPDX-License-Identifier: GPL-2.0-only
/* Single entries: the calls that write one, and hand back what was there. */
#include "mmu_rules.h"

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

static int entry_mask(struct monitor_vcpu *v, uint64_t gpa, uint64_t mask, uint64_t value, uint64_t *old)
{
	struct place at;
	int ret = place_find(v, gpa, &at);

	return ret ? ret : place_mask(v, &at, mask, value, old);
}

/* Nothing uses the table any more, so nobody sets bits in it, and what it names goes without an exchange. */
void mmu_table_clear(struct monitor_vcpu *v, uint64_t gpa, struct mmu_frame *frame)
{
	unsigned int level = TABLE_LEVEL(frame->kind);
	uint64_t *entry = (uint64_t *)(v->ram + gpa), count = TABLE_ENTRIES;

	for (unsigned int i = 0; level > 1 && i < TABLE_ENTRIES; i++) {
		struct mmu_frame *child;

		/* Most entries of most tables are none, or were taken away by the guest. */
		if (!entry[i] || (level == 4 && i >= SLOT_HOLE && i < SLOT_KERNEL))
			continue;
		child = child_of(&v->vm->mmu, frame, entry[i]);
		if (child)
			mmu_unuse(&v->vm->mmu, child);
	}
	__asm__ __volatile__("rep stosq" : "+D"(entry), "+c"(count) : "a"(0ull) : "memory");
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
