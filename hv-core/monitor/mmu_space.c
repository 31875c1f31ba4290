// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces and flushes.
 *
 * The clock counts whole flushes. A frame that loses a use gets the clock's time as its stamp; a vCPU that has begun a
 * flush after that, and ended it, can have nothing cached that leads through the frame. The order decides:
 *
 *	loses a use				flushes
 *	1. the entry no longer names it		1. clock + 1 is the flush's time
 *	2. stamp = clock			2. flush
 *						3. flushed = that time
 *
 * With 1 and 2 exchanged on either side, a flush could count that came before the entry changed
 * (tests/monitor/mmu_model).
 */
#include "arch.h"
#include "monitor.h"

/* From here on everything goes by invalidation of all: a page costs some hundred cycles, a refill of the TLB a few. */
#define FLUSH_PAGES_MAX 32

void mmu_unuse(struct mmu *mmu, struct mmu_frame *frame)
{
	frame->stamp = __atomic_load_n(&mmu->clock, __ATOMIC_SEQ_CST);
	frame->uses--;
}

bool mmu_quiet(const struct monitor_vm *vm, const struct mmu_frame *frame)
{
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		const struct mmu_vcpu *m = &vm->vcpu[i]->mmu;

		if (__atomic_load_n(&m->flushed, __ATOMIC_SEQ_CST) <= frame->stamp &&
		    __atomic_load_n(&m->promised, __ATOMIC_SEQ_CST) <= frame->stamp)
			return false;
	}
	return true;
}

/* Writing CR3 forgets everything: there are no global translations and no PCIDs. */
void mmu_flush_self(struct monitor_vcpu *v)
{
	uint64_t time = __atomic_add_fetch(&v->vm->mmu.clock, 1, __ATOMIC_SEQ_CST);

	arch_write_cr3(v->mmu.kernel);
	__atomic_store_n(&v->mmu.flushed, time, __ATOMIC_SEQ_CST);
}

static void promise(struct monitor_vcpu *v, uint64_t time)
{
	uint64_t now = __atomic_load_n(&v->mmu.promised, __ATOMIC_SEQ_CST);

	while (now < time && !__atomic_compare_exchange_n(&v->mmu.promised, &now, time, false, __ATOMIC_SEQ_CST,
							  __ATOMIC_SEQ_CST))
		;
}

/* Has it flushed since, or will it, before it uses another translation? */
static bool flush_over(struct monitor_vcpu *v, uint64_t time, bool itself)
{
	if (__atomic_load_n(&v->mmu.flushed, __ATOMIC_SEQ_CST) >= time)
		return true;
	if (itself || !__atomic_load_n(&v->away, __ATOMIC_SEQ_CST))
		return false;
	promise(v, time);
	return true;
}

/*
 * All of the vCPUs named. `itself`: one that is away is waited for too. It may not use what it has cached, but the
 * hardware may still walk there by itself.
 */
static void flush_others(struct monitor_vcpu *v, uint64_t vcpus, bool itself)
{
	uint64_t time = __atomic_add_fetch(&v->vm->mmu.clock, 1, __ATOMIC_SEQ_CST);
	unsigned int spins = 0;

	for (uint64_t rest = vcpus; rest; rest &= rest - 1) {
		struct monitor_vcpu *other = v->vm->vcpu[__builtin_ctzll(rest)];

		__atomic_store_n(&other->flush_asked, 1, __ATOMIC_SEQ_CST);
		if (!flush_over(other, time, itself))
			vcpu_poke(other);
	}
	for (uint64_t rest = vcpus; rest; rest &= rest - 1) {
		struct monitor_vcpu *other = v->vm->vcpu[__builtin_ctzll(rest)];

		while (!flush_over(other, time, itself))
			vcpu_relax(v, &spins);
	}
}

static uint64_t vcpu_bit(const struct monitor_vcpu *v)
{
	return 1ull << v->shared.boot.vcpu;
}

void mmu_flush_everyone(struct monitor_vcpu *v)
{
	mmu_flush_self(v);
	flush_others(v, vcpus_all(v->vm) & ~vcpu_bit(v), true);
}

void mmu_space_leave(struct monitor_vcpu *v)
{
	arch_write_cr3(v->vm->mmu.start_top);
	__atomic_store_n(&v->mmu.flushed, ~0ull, __ATOMIC_SEQ_CST);
}

/* The time is there before the first translation is. */
void mmu_space_enter(struct monitor_vcpu *v)
{
	uint64_t time = __atomic_add_fetch(&v->vm->mmu.clock, 1, __ATOMIC_SEQ_CST);

	__atomic_store_n(&v->mmu.flushed, time, __ATOMIC_SEQ_CST);
	arch_write_cr3(v->mmu.kernel);
}

/* The frame is NULL for one that is not in the zone, which trusted tables are not. */
static int top_find(const struct monitor_vcpu *v, uint64_t gpa, unsigned int kind, struct mmu_frame **frame)
{
	if (v->vm->mmu.trusted) {
		*frame = NULL;
		if (!guest_ram(v, gpa, PAGE_BYTES))
			return -PVN_ERANGE;
		mmu_put_own_entries(v, gpa);
		return 0;
	}
	*frame = mmu_frame(&v->vm->mmu, gpa);
	if (!*frame)
		return -PVN_ERANGE;
	return (*frame)->kind == kind ? 0 : -PVN_ESTATE;
}

int mmu_space_set(struct monitor_vcpu *v, uint64_t kernel, uint64_t user)
{
	struct mmu_frame *to_kernel, *to_user = NULL, *old_kernel, *old_user;
	struct mmu *mmu = &v->vm->mmu;
	int ret;

	ret = top_find(v, kernel, 4 | TABLE_KERNEL, &to_kernel);
	if (!ret && user)
		ret = top_find(v, user, 4, &to_user);
	if (ret)
		return ret;
	old_kernel = mmu_frame(mmu, v->mmu.kernel);
	old_user = v->mmu.user ? mmu_frame(mmu, v->mmu.user) : NULL;
	if (to_kernel)
		to_kernel->uses++;
	if (to_user)
		to_user->uses++;
	v->mmu.kernel = kernel;
	if (!v->mmu.user != !user) {
		v->mmu.user = user;
		mode_slow_update(v);
	}
	v->mmu.user = user;
	/* Stamped before CR3 changes, and safe: this vCPU's flush is the one that changes it. */
	if (old_kernel)
		mmu_unuse(mmu, old_kernel);
	if (old_user)
		mmu_unuse(mmu, old_user);
	return 0;
}

int64_t monitor_mmu_space_switch(struct monitor_call *c, uint64_t kernel, uint64_t user, uint32_t flags)
{
	int ret;

	if (kernel % PAGE_BYTES || user % PAGE_BYTES || flags)
		return -PVN_EINVAL;
	mmu_lock(&c->v->vm->mmu);
	ret = mmu_space_set(c->v, kernel, user);
	if (!ret)
		mmu_flush_self(c->v);
	mmu_unlock(&c->v->vm->mmu);
	return ret;
}

static bool vcpus_exist(const struct monitor_vcpu *v, uint64_t vcpus)
{
	return !(vcpus & ~vcpus_all(v->vm));
}

/* A page of another vCPU's goes with all that it has: it comes through the monitor, which costs more than that. */
static void flush(struct monitor_vcpu *v, uint64_t vcpus, uint64_t start, uint64_t pages)
{
	if (!vcpus || vcpus & vcpu_bit(v)) {
		if (pages > FLUSH_PAGES_MAX)
			mmu_flush_self(v);
		for (uint64_t i = 0; i < pages && pages <= FLUSH_PAGES_MAX; i++)
			arch_invlpg(start + i * PAGE_BYTES);
	}
	vcpus &= ~vcpu_bit(v);
	if (vcpus)
		flush_others(v, vcpus, false);
}

int64_t monitor_mmu_flush_all(struct monitor_call *c, uint64_t vcpus)
{
	if (!vcpus_exist(c->v, vcpus))
		return -PVN_ERANGE;
	flush(c->v, vcpus, 0, FLUSH_PAGES_MAX + 1);
	return 0;
}

int64_t monitor_mmu_flush_page(struct monitor_call *c, uint64_t page, uint64_t vcpus)
{
	if (!guest_canonical(page))
		return -PVN_EINVAL;
	if (!vcpus_exist(c->v, vcpus))
		return -PVN_ERANGE;
	flush(c->v, vcpus, page, 1);
	return 0;
}

/* All of it in the half of its first page, which `last` then is too. */
static bool range_valid(uint64_t start, uint64_t pages)
{
	uint64_t last;

	if (start % PAGE_BYTES || !guest_canonical(start) || !pages || pages > 1ull << 35)
		return false;
	last = start + (pages - 1) * PAGE_BYTES;
	return guest_canonical(last) && last >= start && (start ^ last) >> 63 == 0;
}

int64_t monitor_mmu_flush_range(struct monitor_call *c, uint64_t start, uint64_t pages, uint64_t vcpus)
{
	if (!range_valid(start, pages))
		return -PVN_EINVAL;
	if (!vcpus_exist(c->v, vcpus))
		return -PVN_ERANGE;
	flush(c->v, vcpus, start, pages);
	return 0;
}
