// SPDX-License-Identifier: GPL-2.0-only
/* Family cpu: the trap table, the way back from a trap, the entry of system calls. */
#include "arch.h"
#include "monitor.h"

#define TRAP_FLAGS (PVN_TRAP_INTERRUPT_OFF | PVN_TRAP_FROM_USER)

/* INT n pushes no error code, so it may not raise what has one; and some vectors have stacks of the monitor's own. */
static bool from_user_valid(uint32_t vector)
{
	return vector == VECTOR_BP || vector == VECTOR_OF || vector >= VECTOR_INTERRUPTS;
}

static bool trap_entry_valid(const struct pvn_trap_entry *entry)
{
	if (entry->vector >= PVN_TRAP_TABLE_MAX || entry->flags & ~TRAP_FLAGS)
		return false;
	if (entry->flags & PVN_TRAP_FROM_USER && !from_user_valid(entry->vector))
		return false;
	return guest_canonical(entry->handler) &&
	       (entry->handler < PVN_PV_HOLE_START || entry->handler >= PVN_PV_HOLE_END);
}

static void trap_set(struct monitor_vm *vm, const struct pvn_trap_entry *entry)
{
	vm->trap[entry->vector] = (struct monitor_trap){ entry->handler, entry->flags };
	arch_gate_open(entry->vector, entry->handler && entry->flags & PVN_TRAP_FROM_USER);
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
		trap_set(c->v->vm, &entry[i]);
	return 0;
}

/* A frame that no program can have is a fault of the IRET that the kernel meant, told with a whole frame. */
static int64_t return_to_user(struct monitor_vcpu *v, const struct pvn_return_frame *frame)
{
	bool good;

	if (!v->mmu.user)
		return -PVN_ESTATE;
	good = frame_return_user(frame, v->regs);
	if (!good)
		trap_deliver(v, VECTOR_GP, true, 0, true);
	v->full_return = 1;
	trap_resume(v, good);
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
	if ((frame.trap.cs & 3) == 3)
		return return_to_user(v, &frame);
	if (frame_return(&frame, v->regs, &interrupts_on))
		return -PVN_EINVAL;
	guest_interrupts_set(v, interrupts_on);
	v->full_return = 1;
	trap_resume(v, false);
	return 0;
}

int64_t monitor_cpu_syscall_entry(struct monitor_call *c, uint64_t entry64, uint64_t entry32)
{
	if (entry64 && !guest_kernel_half(entry64))
		return -PVN_EINVAL;
	if (entry32)
		return -PVN_ENOTSUP;
	c->v->syscall_entry = entry64;
	return 0;
}
