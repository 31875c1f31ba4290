// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch of the guest's calls. What the monitor does not serve goes to the VMM with a copy of the arguments, checked
 * here as far as that needs no knowledge of the call; the VMM checks again what it is given.
 */
#include "monitor.h"

#include "arch.h"
#include "hypercall_impl.h"
#include "hypercall_table.inc"

#define NR_FAMILIES (sizeof(families) / sizeof(families[0]))

int64_t hypercall_forward(struct monitor_call *c)
{
	struct monitor_regs *regs = c->v->regs;

	/* What SYSCALL left there, for whoever looks at the guest's registers meanwhile. */
	regs->rcx = regs->rip;
	regs->r11 = regs->rflags;
	c->v->shared.counters.forwarded++;
	if (c->nr == PVN_HC_DEBUG_CRASH || c->nr == PVN_HC_SCHED_SHUTDOWN)
		stop_prepare(c->v);
	return arch_vmm_call(c->nr, c->args);
}

static bool upper_halves_zero(const struct monitor_call *c, uint32_t narrow)
{
	for (unsigned int i = 0; narrow; i++, narrow >>= 1)
		if (narrow & 1 && c->args[i] >> 32)
			return false;
	return true;
}

/* A call whose family has not been accepted. */
static int64_t not_usable(const struct monitor_vcpu *v, uint32_t feature)
{
	if (!(v->shared.boot.offered[0] & feature))
		return -PVN_ENOTSUP;
	return v->vm->accepted ? -PVN_ENOTSUP : -PVN_ESTATE;
}

/*
 * The order of the checks is the interface's: docs/abi/errors.md. The caller's level comes first there; so far there is
 * no user mode, and whoever calls is the kernel.
 */
int64_t hypercall_dispatch(struct monitor_call *c)
{
	uint64_t family = PVN_HC_FAMILY(c->nr), index = PVN_HC_INDEX(c->nr);
	struct monitor_vcpu *v = c->v;
	const struct monitor_entry *entry;
	uint32_t feature;

	v->shared.counters.calls++;
	if (family >= NR_FAMILIES || index >= families[family].count)
		return -PVN_ENOSYS;
	entry = &families[family].entry[index];
	if (!entry->call)
		return entry->known ? -PVN_ENOTSUP : -PVN_ENOSYS;
	feature = families[family].feature;
	if (feature && !(v->vm->usable & feature))
		return not_usable(v, feature);
	if (c->in_multicall && entry->no_multicall)
		return -PVN_EINVAL;
	if (entry->narrow && !upper_halves_zero(c, entry->narrow))
		return -PVN_EINVAL;
	return entry->call(c);
}

int64_t hypercall_handle(struct monitor_vcpu *v, const struct monitor_regs *regs)
{
	struct monitor_call c = { .v = v, .nr = regs->rax, .args = &regs->rdi };

	return hypercall_dispatch(&c);
}
