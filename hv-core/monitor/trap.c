// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions of the guest and interrupts: emulated, or handed to the guest as hardware would have done it. */
#include "arch.h"
#include "monitor.h"

/* Vectors with an error code: 8, 10 to 14, 17, 21, 29, 30. */
#define HAS_ERROR 0x60227d00u

static uint64_t stack_of(const struct monitor_vcpu *v, bool user, unsigned int words)
{
	return frame_address(user ? __atomic_load_n(&v->info->kernel_stack, __ATOMIC_RELAXED) : v->regs->rsp, words);
}

static void stop_frame(struct monitor_vcpu *v, unsigned int vector, bool user)
{
	bool exception = vector < VECTOR_INTERRUPTS;

	stop_guest(v, v->regs,
		   user ? exception ? "its kernel_stack takes no frame for exception" :
				      "its kernel_stack takes no frame for interrupt" :
		   exception ? "its stack takes no frame for exception" : "its stack takes no frame for interrupt", vector);
}

void trap_deliver(struct monitor_vcpu *v, unsigned int vector, bool has_error, uint64_t error, bool user)
{
	const struct monitor_trap *trap = &v->vm->trap[vector];
	bool on = user || guest_interrupts_on(v);
	struct monitor_regs *regs = v->regs;
	uint64_t words[FRAME_WORDS_MAX];
	unsigned int n;
	uint64_t to;

	if (!trap->handler)
		stop_guest(v, regs, "no handler is registered for exception", vector);
	n = frame_build(words, regs, user, on, has_error, error);
	to = stack_of(v, user, n);
	if ((user && !guest_kernel_half(to)) || guest_write(to, words, n * sizeof(words[0])))
		stop_frame(v, vector, user);
	if (vector < MONITOR_EXCEPTIONS)
		v->shared.counters.delivered[vector]++;
	guest_interrupts_set(v, on && !(trap->flags & PVN_TRAP_INTERRUPT_OFF));
	regs->rsp = to;
	regs->rip = trap->handler;
	regs->rflags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF);
}

void trap_resume(struct monitor_vcpu *v, bool user)
{
	struct monitor_regs *regs = v->regs;
	int vector;

	/* After an instruction that ends with the last address below the gap. IRET would fault here, at level 0. */
	if (!guest_canonical(regs->rip)) {
		trap_deliver(v, VECTOR_GP, true, 0, user);
		user = false;
	}
	while ((user || guest_interrupts_on(v)) && (vector = interrupt_next(v)) >= 0) {
		trap_deliver(v, (unsigned int)vector, false, 0, user);
		user = false;
	}
	/* A program may have had another selector in ss, and its descriptor need not be there any more. */
	regs->cs = PVN_PV_REAL_CS;
	regs->ss = PVN_PV_REAL_SS;
	if (user)
		mode_to_user(v);
}

void trap_bad_address(struct monitor_vcpu *v)
{
	trap_resume(v, false);
}

static void exception(struct monitor_vcpu *v, struct monitor_regs *regs, bool user)
{
	unsigned int vector = (unsigned int)regs->vector;
	uint64_t error = regs->error;

	if (vector == VECTOR_GP && !user && emulate(v, regs))
		return;
	if (vector == VECTOR_PF) {
		v->info->fault_address = arch_read_cr2();
		/* Hardware saw level 3; the guest's kernel is not what it calls user mode. */
		if (!user)
			error &= ~PF_ERROR_USER;
	}
	if (vector == VECTOR_DB)
		v->dr6 = arch_take_dr6();
	trap_deliver(v, vector, vector < VECTOR_INTERRUPTS && HAS_ERROR >> vector & 1, error, user);
}

void trap_from_guest(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	unsigned int vector = (unsigned int)regs->vector;
	bool user = v->user || regs->vector & VECTOR_FROM_USER;

	if (v->user)
		mode_to_kernel(v);
	if (vector == VECTOR_POKE) {
		interrupt_poked(v);
		vcpu_rest(v);
		trap_resume(v, user);
		return;
	}
	/* A vector that INT n may raise is no interrupt's. */
	if (vector >= VECTOR_INTERRUPTS && !(v->vm->trap[vector].flags & PVN_TRAP_FROM_USER)) {
		interrupt_note(v, vector);
		trap_resume(v, user);
		return;
	}
	exception(v, regs, user);
	trap_resume(v, false);
}
