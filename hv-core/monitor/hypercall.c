// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch of the guest's calls. What the monitor does not serve goes to the VMM with a copy of the arguments, checked
 * here as far as that needs no knowledge of the call; the VMM checks again what it is given.
 */
#include "monitor.h"

#include "arch.h"
#include "hypercall_impl.h"

/* A number that no call has, and a call that nobody serves in pv mode. */
static int64_t hypercall_unknown(struct monitor_call *c)
{
	return -PVN_ENOSYS;
}

static int64_t hypercall_not_served(struct monitor_call *c)
{
	return -PVN_ENOTSUP;
}

#include "hypercall_table.inc"

int64_t hypercall_forward(struct monitor_call *c)
{
	struct monitor_regs *regs = c->v->regs;
	int64_t ret;

	/* What SYSCALL left there, for whoever looks at the guest's registers meanwhile. */
	regs->rcx = regs->rip;
	regs->r11 = regs->rflags;
	c->v->shared.counters.forwarded++;
	if (c->nr == PVN_HC_DEBUG_CRASH || c->nr == PVN_HC_SCHED_SHUTDOWN)
		stop_prepare(c->v);
	vcpu_away(c->v);
	ret = arch_vmm_call(c->nr, c->args);
	vcpu_back(c->v);
	return ret;
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

/* NULL when its number is out of the table's bounds. */
static inline const struct monitor_entry *find(uint64_t nr)
{
	uint64_t family = PVN_HC_FAMILY(nr), index = PVN_HC_INDEX(nr);

	return family < MONITOR_FAMILIES && index < MONITOR_FAMILY_CALLS ? &monitor_calls[family][index] : NULL;
}

static int64_t checked(struct monitor_call *c, const struct monitor_entry *entry)
{
	if (entry->feature && !(c->v->vm->usable & entry->feature))
		return not_usable(c->v, entry->feature);
	if (c->in_multicall && entry->no_multicall)
		return -PVN_EINVAL;
	if (!upper_halves_zero(c, entry->narrow))
		return -PVN_EINVAL;
	return entry->call(c);
}

/*
 * The order of the checks is the interface's: docs/abi/errors.md. The caller's level comes first there; here a SYSCALL
 * of user mode has been told apart by the entry code, and is no call.
 */
static inline int64_t dispatch(struct monitor_call *c, uint64_t nr)
{
	const struct monitor_entry *entry = find(nr);

	c->nr = nr;
	if (!entry)
		return -PVN_ENOSYS;
	c->v->shared.counters.calls[entry - &monitor_calls[0][0]]++;
	return entry->plain ? entry->call(NULL) : checked(c, entry);
}

int64_t hypercall_dispatch(struct monitor_call *c)
{
	return dispatch(c, c->nr);
}

int64_t hypercall_handle(struct monitor_vcpu *v, uint64_t nr)
{
	return dispatch(&v->call, nr);
}
