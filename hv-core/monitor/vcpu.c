// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs among each other. None writes what another one works with: it leaves a note (kicked, flush_asked, state) and
 * pokes, and the other one acts on it by itself, like on an interrupt, when it comes to the monitor, or where it waits.
 *
 *	asks for a flush			comes back from where it is not waited for
 *	1. flush_asked = 1			1. away = 0
 *	2. look at away				2. look at flush_asked
 *
 * Each column's two steps are in this order so that one of the two sees the other (tests/monitor/flush_model).
 *
 * A vCPU that is down rests here, on the start's tables, so that no table of the guest's is in use by it.
 */
#include "arch.h"
#include "monitor.h"

#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01u
#define MSR_KVM_ENABLE 0x1ull

struct monitor_vcpu *vcpu_find(const struct monitor_vm *vm, uint32_t vcpu)
{
	return vcpu < vm->nr_vcpus ? vm->vcpu[vcpu] : NULL;
}

void vcpu_poke(const struct monitor_vcpu *to)
{
	arch_self()->shared.counters.pokes++;
	arch_poke(to->shared.boot.vcpu);
}

bool vcpu_is_up(const struct monitor_vcpu *v)
{
	return __atomic_load_n(&v->state, __ATOMIC_SEQ_CST) == VCPU_UP;
}

void vcpu_answer(struct monitor_vcpu *v)
{
	if (!__atomic_load_n(&v->flush_asked, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&v->flush_asked, 0, __ATOMIC_SEQ_CST);
	/* At rest it has nothing cached that could matter. */
	if (!v->resting)
		mmu_flush_self(v);
}

void vcpu_away(struct monitor_vcpu *v)
{
	__atomic_store_n(&v->away, 1, __ATOMIC_SEQ_CST);
}

void vcpu_back(struct monitor_vcpu *v)
{
	__atomic_store_n(&v->away, 0, __ATOMIC_SEQ_CST);
	vcpu_answer(v);
}

/* Whom it waits for may be without a CPU of the host's, which this one would otherwise use up. */
#define SPINS 2048

void vcpu_relax(struct monitor_vcpu *v, unsigned int *spins)
{
	static const uint64_t nothing[PVN_HYPERCALL_ARGS];

	vcpu_answer(v);
	__builtin_ia32_pause();
	if (++*spins % SPINS)
		return;
	v->shared.counters.forwarded++;
	vcpu_away(v);
	arch_vmm_call(PVN_HC_SCHED_YIELD, nothing);
	vcpu_back(v);
}

void mmu_lock_wait(struct mmu *mmu)
{
	struct monitor_vcpu *v = arch_self();
	unsigned int spins = 0;

	do {
		while (__atomic_load_n(&mmu->lock, __ATOMIC_RELAXED))
			vcpu_relax(v, &spins);
	} while (__atomic_exchange_n(&mmu->lock, 1, __ATOMIC_ACQUIRE));
}

int vcpu_clock(struct monitor_vcpu *v, bool on)
{
	uint64_t value = 0;

	if (on && v->info != &v->own_info)
		value = (uint64_t)((uint8_t *)&v->info->clock - v->ram) | MSR_KVM_ENABLE;
	return arch_wrmsr_try(MSR_KVM_SYSTEM_TIME_NEW, value);
}

/* As the first vCPU started. Nothing of what it was in the middle of goes on. */
static void take_context(struct monitor_vcpu *v)
{
	const struct pvn_vcpu_context *context = &v->context;

	v->fresh = false;
	v->user = v->syscall_entry = v->user_gs_base = 0;
	v->kernel_gs_base = context->gs_base;
	v->dr6 = DR6_NOTHING;
	for (unsigned int i = PVN_PV_GDT_FIRST; i <= PVN_PV_GDT_LAST; i++)
		v->gdt[i] = 0;
	arch_wrmsr(MSR_FS_BASE, context->fs_base);
	arch_wrmsr(MSR_KERNEL_GS_BASE, context->gs_base);
	guest_interrupts_set(v, false);
	*v->regs = (struct monitor_regs){
		.rip = context->rip,
		.rdi = context->rdi,
		.rsp = context->rsp,
		.cs = PVN_PV_REAL_CS,
		.rflags = RFLAGS_FIXED | RFLAGS_IF,
		.ss = PVN_PV_REAL_SS,
	};
	v->full_return = 0;
}

/* With the lock: who finds it down and resting may give it another context as long as that is held. */
static bool stops_resting(struct monitor_vcpu *v)
{
	bool up;

	if (!vcpu_is_up(v))
		return false;
	mmu_lock(&v->vm->mmu);
	up = vcpu_is_up(v);
	if (up)
		__atomic_store_n(&v->resting, 0, __ATOMIC_SEQ_CST);
	mmu_unlock(&v->vm->mmu);
	return up;
}

void vcpu_rest(struct monitor_vcpu *v)
{
	bool fresh;

	/* At its start a vCPU counts as one that rests before it gets here, and may be up by then. */
	if (vcpu_is_up(v) && !v->resting)
		return;
	vcpu_clock(v, false);
	mmu_space_leave(v);
	vcpu_away(v);
	__atomic_store_n(&v->resting, 1, __ATOMIC_SEQ_CST);
	while (!stops_resting(v))
		arch_sleep();
	fresh = v->fresh;
	if (fresh)
		take_context(v);
	interrupt_pending_update(v);
	vcpu_clock(v, true);
	mmu_space_enter(v);
	vcpu_back(v);
	if (fresh)
		arch_return(v);
}

void vcpu_wait_rest(struct monitor_vcpu *v, struct monitor_vcpu *other)
{
	struct mmu *mmu = &v->vm->mmu;
	unsigned int spins = 0;

	while (!vcpu_is_up(other) && !__atomic_load_n(&other->resting, __ATOMIC_SEQ_CST)) {
		mmu_unlock(mmu);
		/* It may be waiting for this one to rest. */
		vcpu_rest(v);
		vcpu_relax(v, &spins);
		mmu_lock(mmu);
	}
}
