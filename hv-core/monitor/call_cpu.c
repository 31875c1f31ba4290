// SPDX-License-Identifier: GPL-2.0-only
/* Families cpu and vcpu: the trap table, the way back from a trap, the shared words. */
#include "monitor.h"

#define TRAP_FLAGS (PVN_TRAP_INTERRUPT_OFF | PVN_TRAP_FROM_USER)

static bool trap_entry_valid(const struct pvn_trap_entry *entry)
{
	return entry->vector < PVN_TRAP_TABLE_MAX && !(entry->flags & ~TRAP_FLAGS) && guest_canonical(entry->handler) &&
	       (entry->handler < PVN_PV_HOLE_START || entry->handler >= PVN_PV_HOLE_END);
}

/* Two passes over a copy, so that a table with one bad entry changes nothing and none can change in between. */
int64_t monitor_cpu_trap_table(struct monitor_call *c, uint64_t table, uint32_t count)
{
	struct pvn_trap_entry entry[PVN_TRAP_TABLE_MAX];
	const struct pvn_trap_entry *shared;

	if (!count || count > PVN_TRAP_TABLE_MAX)
		return -PVN_ERANGE;
	if (table % 8)
		return -PVN_EINVAL;
	shared = guest_ram(c->v, table, count * sizeof(*shared));
	if (!shared)
		return -PVN_EFAULT;
	for (uint32_t i = 0; i < count; i++) {
		entry[i] = shared[i];
		__asm__ __volatile__("" : "+m"(entry[i]));
		if (!trap_entry_valid(&entry[i]))
			return -PVN_EINVAL;
	}
	for (uint32_t i = 0; i < count; i++)
		c->v->vm->trap[entry[i].vector] = (struct monitor_trap){ entry[i].handler, entry[i].flags };
	return 0;
}

int64_t monitor_cpu_trap_return(struct monitor_call *c)
{
	struct monitor_vcpu *v = c->v;
	struct pvn_return_frame frame;
	bool interrupts_on;

	/* Above the return address of the CALL to the page. */
	if (guest_read(v->regs->rsp + 8, &frame, sizeof(frame)))
		return -PVN_EFAULT;
	if (frame_return(&frame, v->regs, &interrupts_on))
		return -PVN_EINVAL;
	guest_interrupts_set(v, interrupts_on);
	v->full_return = 1;
	return 0;
}

int64_t monitor_vcpu_info_register(struct monitor_call *c, uint32_t vcpu, uint64_t page)
{
	struct monitor_vcpu *v = c->v;
	struct pvn_vcpu_info *info;

	if (page % PVN_PAGE_BYTES)
		return -PVN_EINVAL;
	/* One vCPU so far: another's can only be one that there is not. */
	if (vcpu != v->shared.boot.vcpu)
		return -PVN_ENODEV;
	info = guest_ram_writable(v, page, PVN_PAGE_BYTES);
	if (!info)
		return -PVN_EFAULT;
	if (v->info != &v->own_info)
		return -PVN_EBUSY;
	__builtin_memset(info, 0, PVN_PAGE_BYTES);
	*info = v->own_info;
	v->info = info;
	return 0;
}
