// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions of the guest: emulated, or handed to the guest as hardware would have done it. */
#include "arch.h"
#include "monitor.h"

/* Vectors with an error code: 8, 10 to 14, 17, 21, 29, 30. */
#define HAS_ERROR 0x60227d00u

void trap_deliver(struct monitor_vcpu *v, unsigned int vector, bool has_error, uint64_t error)
{
	const struct monitor_trap *trap = &v->vm->trap[vector];
	struct monitor_regs *regs = v->regs;
	uint64_t words[FRAME_WORDS_MAX];
	unsigned int n;
	uint64_t to;

	if (!trap->handler)
		stop_guest(v, regs, "no handler is registered for exception", vector);
	n = frame_build(words, regs, guest_interrupts_on(v), has_error, error);
	to = frame_address(regs->rsp, n);
	if (guest_write(to, words, n * sizeof(words[0])))
		stop_guest(v, regs, "its stack takes no frame for exception", vector);
	if (vector < MONITOR_EXCEPTIONS)
		v->shared.counters.delivered[vector]++;
	if (trap->flags & PVN_TRAP_INTERRUPT_OFF)
		guest_interrupts_set(v, false);
	regs->rsp = to;
	regs->rip = trap->handler;
	regs->rflags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF);
}

void trap_bad_address(struct monitor_vcpu *v)
{
	trap_deliver(v, VECTOR_GP, true, 0);
}

void trap_from_guest(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	unsigned int vector = (unsigned int)regs->vector;
	uint64_t error = regs->error;

	if (vector >= MONITOR_EXCEPTIONS)
		stop_bug(v, regs, "an interrupt that nobody asked for, vector", vector);
	if (vector == VECTOR_GP && emulate(v, regs))
		return;
	if (vector == VECTOR_PF) {
		v->info->fault_address = arch_read_cr2();
		/* Hardware saw level 3; the guest's kernel is not what it calls user mode. */
		error &= ~PF_ERROR_USER;
	}
	trap_deliver(v, vector, HAS_ERROR >> vector & 1, error);
}
