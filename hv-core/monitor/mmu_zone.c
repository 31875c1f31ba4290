// SPDX-License-Identifier: GPL-2.0-only
/* The table zone: which memory it is, and which of its frames are tables. */
#include "monitor.h"

void mmu_start(struct monitor_vcpu *v)
{
	const struct monitor_boot *boot = &v->shared.boot;
	struct mmu *mmu = &v->vm->mmu;

	/* Of the others, none has a table of its own before vcpu.create. */
	v->mmu.flushed = boot->vcpu ? ~0ull : __atomic_add_fetch(&mmu->clock, 1, __ATOMIC_SEQ_CST);
	if (boot->vcpu)
		return;
	v->mmu.kernel = boot->top;
	mmu->own = (uint8_t *)MONITOR_VA;
	mmu->own_gpa = boot->memory;
	mmu->start_top = boot->top;
	mmu->chunks = boot->chunks;
	mmu->nr_slots = boot->slots;
	mmu->directory = (uint16_t *)(MONITOR_VA + boot->directory);
	mmu->slot = (struct mmu_slot *)(MONITOR_VA + boot->slot);
}

static uint64_t *start_table(const struct mmu *mmu, uint64_t gpa)
{
	return (uint64_t *)(mmu->own + (gpa - mmu->own_gpa));
}

/* The entry of the start's direct map for a chunk of RAM: it is made of pages as large as one. */
static uint64_t *start_direct(const struct mmu *mmu, uint64_t gpa)
{
	uint64_t va = PVN_PV_DIRECT_MAP + gpa;
	uint64_t *table = start_table(mmu, mmu->start_top);

	table = start_table(mmu, table[va >> 39 & 511] & PTE_ADDR);
	table = start_table(mmu, table[va >> 30 & 511] & PTE_ADDR);
	return &table[va >> 21 & 511];
}

/* The part of a table that this entry of the start's tables maps writable has something of the range. */
static bool leaf_hits(uint64_t value, uint64_t bytes, uint64_t start, uint64_t end)
{
	uint64_t addr = value & PTE_ADDR & ~(bytes - 1);

	return value & PTE_WRITE && addr < end && addr + bytes > start;
}

/*
 * Is part of the range mapped writable by a segment of the kernel's? `va` without its upper 16 bits. The direct map is
 * passed over: it follows the zone by itself.
 */
static bool start_maps_writable(const struct mmu *mmu, uint64_t table, unsigned int level, uint64_t va, uint64_t start,
				uint64_t end)
{
	const uint64_t *entry = start_table(mmu, table);
	unsigned int shift = 12 + 9 * (level - 1);

	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t at = va | (uint64_t)i << shift, value = entry[i];
		uint64_t direct = at - (PVN_PV_DIRECT_MAP & ((1ull << 48) - 1));

		if (!(value & PTE_PRESENT) || (level == 4 && i >= SLOT_HOLE && i < SLOT_KERNEL))
			continue;
		if (direct < PVN_PV_DIRECT_MAX)
			continue;
		if (level == 1 || value & PTE_LARGE) {
			if (leaf_hits(value, 1ull << shift, start, end))
				return true;
		} else if (start_maps_writable(mmu, value & PTE_ADDR, level - 1, at, start, end)) {
			return true;
		}
	}
	return false;
}

static bool table_maps_writable(const uint64_t *entry, unsigned int level, uint64_t start, uint64_t end)
{
	uint64_t bytes = level == 1 ? PAGE_BYTES : CHUNK_BYTES;

	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t value = entry[i];

		if (value & PTE_PRESENT && (level == 1 || value & PTE_LARGE) && leaf_hits(value, bytes, start, end))
			return true;
	}
	return false;
}

/* The same of all tables in the zone, whether something uses them or not. */
static bool zone_maps_writable(const struct monitor_vcpu *v, uint64_t start, uint64_t end)
{
	const struct mmu *mmu = &v->vm->mmu;

	for (uint32_t s = 0; s < mmu->nr_slots; s++) {
		const struct mmu_slot *slot = &mmu->slot[s];

		for (unsigned int i = 0; slot->in_use && slot->tables && i < TABLE_ENTRIES; i++) {
			unsigned int level = TABLE_LEVEL(slot->frame[i].kind);
			uint64_t gpa = (slot->chunk << CHUNK_SHIFT) + i * PAGE_BYTES;

			if ((level == 1 || level == 2) &&
			    table_maps_writable((const uint64_t *)(v->ram + gpa), level, start, end))
				return true;
		}
	}
	return false;
}

/* Memory that the monitor itself writes as the guest told it to. */
static bool shared_with_monitor(const struct monitor_vcpu *v, uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < v->vm->nr_vcpus; i++) {
		const uint8_t *info = (const uint8_t *)v->vm->vcpu[i]->info;

		if (info >= v->ram + start && info < v->ram + end)
			return true;
	}
	return false;
}

static uint64_t slots_free(const struct mmu *mmu)
{
	uint64_t n = 0;

	for (uint32_t s = 0; s < mmu->nr_slots; s++)
		n += !mmu->slot[s].in_use;
	return n;
}

static void chunk_add(struct mmu *mmu, uint64_t chunk)
{
	uint32_t s = 0;

	while (mmu->slot[s].in_use)
		s++;
	__builtin_memset(&mmu->slot[s], 0, sizeof(mmu->slot[s]));
	mmu->slot[s].chunk = chunk;
	mmu->slot[s].in_use = 1;
	/* The VMM looks at it from its own threads. */
	__atomic_store_n(&mmu->directory[chunk], (uint16_t)(s + 1), __ATOMIC_RELEASE);
	*start_direct(mmu, chunk << CHUNK_SHIFT) &= ~PTE_WRITE;
}

static void chunk_remove(struct mmu *mmu, uint64_t chunk)
{
	mmu->slot[mmu->directory[chunk] - 1].in_use = 0;
	__atomic_store_n(&mmu->directory[chunk], 0, __ATOMIC_RELEASE);
	*start_direct(mmu, chunk << CHUNK_SHIFT) |= PTE_WRITE;
}

static int zone_add(struct monitor_call *c, uint64_t start, uint64_t bytes)
{
	struct monitor_vcpu *v = c->v;
	struct mmu *mmu = &v->vm->mmu;
	uint64_t end = start + bytes;

	for (uint64_t at = start; at < end; at += CHUNK_BYTES)
		if (mmu_in_zone(mmu, at))
			return -PVN_EBUSY;
	if (bytes >> CHUNK_SHIFT > slots_free(mmu))
		return -PVN_ENOMEM;
	if (shared_with_monitor(v, start, end) || zone_maps_writable(v, start, end) ||
	    start_maps_writable(mmu, mmu->start_top, 4, 0, start, end))
		return -PVN_EBUSY;
	for (uint64_t at = start; at < end; at += CHUNK_BYTES)
		chunk_add(mmu, at >> CHUNK_SHIFT);
	/* From here on the VMM takes up nothing there; what it has taken up before, it knows. */
	if (hypercall_forward(c)) {
		for (uint64_t at = start; at < end; at += CHUNK_BYTES)
			chunk_remove(mmu, at >> CHUNK_SHIFT);
		return -PVN_EBUSY;
	}
	/* What was writable may be cached so; not till that is over does the monitor trust what it writes there. */
	mmu_flush_everyone(v);
	__builtin_memset(v->ram + start, 0, bytes);
	return 0;
}

int64_t monitor_mmu_zone_add(struct monitor_call *c, uint64_t start, uint64_t bytes)
{
	int ret;

	if (!bytes || start % CHUNK_BYTES || bytes % CHUNK_BYTES)
		return -PVN_EINVAL;
	if (!guest_ram(c->v, start, bytes))
		return -PVN_EFAULT;
	if (c->v->vm->mmu.trusted)
		return -PVN_ESTATE;
	mmu_lock(&c->v->vm->mmu);
	ret = zone_add(c, start, bytes);
	mmu_unlock(&c->v->vm->mmu);
	return ret;
}

static int zone_remove(struct monitor_vcpu *v, uint64_t start, uint64_t bytes)
{
	struct mmu *mmu = &v->vm->mmu;
	uint64_t first = start >> CHUNK_SHIFT, count = bytes >> CHUNK_SHIFT;

	if (first >= mmu->chunks || count > mmu->chunks - first)
		return -PVN_ERANGE;
	for (uint64_t i = 0; i < count; i++)
		if (!mmu->directory[first + i])
			return mmu_not_in_zone(mmu);
	for (uint64_t i = 0; i < count; i++)
		if (mmu->slot[mmu->directory[first + i] - 1].tables)
			return -PVN_EBUSY;
	/* A walk could still begin in the middle, at a frame that was a table: before the guest writes it, no more. */
	mmu_flush_everyone(v);
	for (uint64_t i = 0; i < count; i++)
		chunk_remove(mmu, first + i);
	return 0;
}

int64_t monitor_mmu_zone_remove(struct monitor_call *c, uint64_t start, uint64_t bytes)
{
	int ret;

	if (!bytes || start % CHUNK_BYTES || bytes % CHUNK_BYTES)
		return -PVN_EINVAL;
	mmu_lock(&c->v->vm->mmu);
	ret = zone_remove(c->v, start, bytes);
	mmu_unlock(&c->v->vm->mmu);
	return ret;
}

static struct mmu_slot *slot_of(const struct mmu *mmu, uint64_t gpa)
{
	return &mmu->slot[mmu->directory[gpa >> CHUNK_SHIFT] - 1];
}

void mmu_put_own_entries(const struct monitor_vcpu *v, uint64_t gpa)
{
	const struct mmu *mmu = &v->vm->mmu;
	const uint64_t *from = start_table(mmu, mmu->start_top);
	uint64_t *to = (uint64_t *)(v->ram + gpa);

	/* With trusted tables each switch of space comes here, and nearly always they are there. */
	if (to[SLOT_HOLE] == from[SLOT_HOLE] && to[SLOT_HOLE + 1] == from[SLOT_HOLE + 1] &&
	    to[SLOT_HOLE + 2] == from[SLOT_HOLE + 2])
		return;
	for (unsigned int i = SLOT_HOLE; i < SLOT_KERNEL; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

static int table_alloc(struct monitor_vcpu *v, uint64_t gpa, unsigned int kind)
{
	struct mmu *mmu = &v->vm->mmu;
	struct mmu_frame *frame = mmu_frame(mmu, gpa);

	if (!frame)
		return mmu_not_in_zone(mmu);
	if (frame->kind)
		return -PVN_ESTATE;
	if (!mmu_quiet(v->vm, frame))
		return -PVN_EBUSY;
	/* It is zero: since it came into the zone, or since it was freed. */
	if (TABLE_LEVEL(kind) == 4)
		mmu_put_own_entries(v, gpa);
	frame->kind = kind;
	slot_of(mmu, gpa)->tables++;
	return 0;
}

int64_t monitor_mmu_table_alloc(struct monitor_call *c, uint64_t frame, uint32_t level, uint32_t flags)
{
	int ret;

	if (frame % PAGE_BYTES || flags & ~PVN_MMU_TABLE_KERNEL)
		return -PVN_EINVAL;
	if (level < 1 || level > 4)
		return -PVN_ERANGE;
	mmu_lock(&c->v->vm->mmu);
	ret = table_alloc(c->v, frame, flags ? level | TABLE_KERNEL : level);
	mmu_unlock(&c->v->vm->mmu);
	return ret;
}

static int table_free(struct monitor_vcpu *v, uint64_t gpa)
{
	struct mmu *mmu = &v->vm->mmu;
	struct mmu_frame *frame = mmu_frame(mmu, gpa);

	if (!frame)
		return mmu_not_in_zone(mmu);
	if (!frame->kind)
		return -PVN_ESTATE;
	if (frame->uses)
		return -PVN_EBUSY;
	mmu_table_clear(v, gpa, frame);
	frame->kind = 0;
	slot_of(mmu, gpa)->tables--;
	return 0;
}

int64_t monitor_mmu_table_free(struct monitor_call *c, uint64_t frame)
{
	int ret;

	if (frame % PAGE_BYTES)
		return -PVN_EINVAL;
	mmu_lock(&c->v->vm->mmu);
	ret = table_free(c->v, frame);
	mmu_unlock(&c->v->vm->mmu);
	return ret;
}

int64_t monitor_mmu_zone_trust(struct monitor_call *c, uint32_t on)
{
	struct monitor_vcpu *v = c->v;
	int ret = 0;

	if (on != 1)
		return -PVN_ERANGE;
	mmu_lock(&v->vm->mmu);
	if (!(v->shared.boot.flags & MONITOR_BOOT_TRUSTED) || slots_free(&v->vm->mmu) != v->vm->mmu.nr_slots)
		ret = -PVN_ESTATE;
	else
		v->vm->mmu.trusted = true;
	mmu_unlock(&v->vm->mmu);
	return ret;
}
