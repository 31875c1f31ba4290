// SPDX-License-Identifier: GPL-2.0-only
/* Family vcpu: other vCPUs up and down, interrupts to them, the words that each shares with the guest. */
#include "arch.h"
#include "monitor.h"

static bool context_valid(const struct pvn_vcpu_context *context)
{
	return guest_kernel_half(context->rip) && guest_canonical(context->gs_base) &&
	       guest_canonical(context->fs_base) && !(context->kernel_table % PAGE_BYTES) &&
	       !(context->user_table % PAGE_BYTES) && !context->reserved;
}

/* With mmu.lock held. */
static int create(struct monitor_vcpu *v, struct monitor_vcpu *to, const struct pvn_vcpu_context *context)
{
	int ret;

	vcpu_wait_rest(v, to);
	if (vcpu_is_up(to))
		return -PVN_EBUSY;
	ret = mmu_space_set(to, context->kernel_table, context->user_table);
	if (ret)
		return ret;
	to->context = *context;
	to->fresh = true;
	__atomic_store_n(&to->state, VCPU_DOWN, __ATOMIC_SEQ_CST);
	return 0;
}

int64_t monitor_vcpu_create(struct monitor_call *c, uint32_t vcpu, uint64_t context)
{
	struct monitor_vcpu *v = c->v, *to = vcpu_find(v->vm, vcpu);
	const struct pvn_vcpu_context *shared;
	struct pvn_vcpu_context copy;
	int ret;

	if (context % 8)
		return -PVN_EINVAL;
	if (!to)
		return -PVN_ENODEV;
	shared = guest_ram(v, context, sizeof(*shared));
	if (!shared)
		return -PVN_EFAULT;
	copy = *shared;
	/* The copy is what counts: without this the compiler may read the guest's memory again later. */
	__asm__ __volatile__("" : "+m"(copy));
	if (!context_valid(&copy))
		return -PVN_EINVAL;
	mmu_lock(&v->vm->mmu);
	ret = create(v, to, &copy);
	mmu_unlock(&v->vm->mmu);
	return ret;
}

int64_t monitor_vcpu_up(struct monitor_call *c, uint32_t vcpu)
{
	struct monitor_vcpu *to = vcpu_find(c->v->vm, vcpu);
	int ret = 0;

	if (!to)
		return -PVN_ENODEV;
	mmu_lock(&c->v->vm->mmu);
	if (vcpu_is_up(to))
		ret = -PVN_EBUSY;
	else if (to->state == VCPU_NEW)
		ret = -PVN_ESTATE;
	else
		__atomic_store_n(&to->state, VCPU_UP, __ATOMIC_SEQ_CST);
	mmu_unlock(&c->v->vm->mmu);
	if (!ret)
		vcpu_poke(to);
	return ret;
}

/* With mmu.lock held. */
static int down(struct monitor_vcpu *to)
{
	unsigned int up = 0;

	if (!vcpu_is_up(to))
		return -PVN_ESTATE;
	for (unsigned int i = 0; i < to->vm->nr_vcpus; i++)
		up += vcpu_is_up(to->vm->vcpu[i]);
	if (up == 1)
		return -PVN_EBUSY;
	__atomic_store_n(&to->state, VCPU_DOWN, __ATOMIC_SEQ_CST);
	return 0;
}

int64_t monitor_vcpu_down(struct monitor_call *c, uint32_t vcpu)
{
	struct monitor_vcpu *v = c->v, *to = vcpu_find(v->vm, vcpu);
	int ret;

	if (!to)
		return -PVN_ENODEV;
	mmu_lock(&v->vm->mmu);
	ret = down(to);
	if (!ret && to != v) {
		vcpu_poke(to);
		vcpu_wait_rest(v, to);
	}
	mmu_unlock(&v->vm->mmu);
	if (!ret && to == v)
		vcpu_rest(v);
	return ret;
}

int64_t monitor_vcpu_status(struct monitor_call *c, uint32_t vcpu)
{
	const struct monitor_vcpu *to = vcpu_find(c->v->vm, vcpu);

	if (!to)
		return -PVN_ENODEV;
	/* One that is going down may still run. */
	return vcpu_is_up(to) || !__atomic_load_n(&to->resting, __ATOMIC_SEQ_CST);
}

int64_t monitor_vcpu_kick(struct monitor_call *c, uint64_t vcpus, uint32_t vector)
{
	const struct monitor_vm *vm = c->v->vm;

	if (!vcpus || vcpus & ~vcpus_all(vm) || vector < VECTOR_INTERRUPTS || vector >= PVN_TRAP_TABLE_MAX)
		return -PVN_ERANGE;
	for (; vcpus; vcpus &= vcpus - 1)
		interrupt_send(vm->vcpu[__builtin_ctzll(vcpus)], vector);
	return 0;
}

/* With mmu.lock held, so that the page does not become zone meanwhile. */
static int info_register(struct monitor_vcpu *v, struct monitor_vcpu *to, uint64_t page)
{
	struct pvn_vcpu_info *info, *before, now;

	if (to != v) {
		vcpu_wait_rest(v, to);
		if (vcpu_is_up(to))
			return -PVN_EBUSY;
	}
	info = guest_ram_writable(v, page, PVN_PAGE_BYTES);
	if (!info)
		return -PVN_EFAULT;
	/* The words may move within one page, too: from a copy. */
	before = to->info;
	now = *before;
	__builtin_memset(info, 0, PVN_PAGE_BYTES);
	to->info = info;
	/* From here on KVM writes the clock; where to, has been checked. At rest it does so when the vCPU is up. */
	if (to == v ? vcpu_clock(v, true) : to->no_clock) {
		to->info = before;
		return -PVN_ENOTSUP;
	}
	info->interrupts_on = now.interrupts_on;
	info->pending = now.pending;
	info->fault_address = now.fault_address;
	info->kernel_stack = now.kernel_stack;
	return 0;
}

int64_t monitor_vcpu_info_register(struct monitor_call *c, uint32_t vcpu, uint64_t page)
{
	struct monitor_vcpu *v = c->v, *to = vcpu_find(v->vm, vcpu);
	int ret;

	if (page % PVN_PAGE_BYTES)
		return -PVN_EINVAL;
	if (!to)
		return -PVN_ENODEV;
	mmu_lock(&v->vm->mmu);
	ret = info_register(v, to, page);
	mmu_unlock(&v->vm->mmu);
	return ret;
}
