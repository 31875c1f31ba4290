// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions in the monitor itself: foreseen ones at an instruction that touches guest memory, and bugs. */
#include "arch.h"
#include "monitor.h"

struct fixup {
	uint64_t from, to;
};

extern const struct fixup fixups_start[], fixups_end[];
extern const char sleep_woken[];

void trap_from_monitor(struct monitor_vcpu *v, struct monitor_regs *regs);
void trap_fatal(struct monitor_vcpu *v, struct monitor_regs *regs) __attribute__((noreturn));

void trap_from_monitor(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	if (regs->vector == VECTOR_PF || regs->vector == VECTOR_GP) {
		for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
			if (f->from == regs->rip) {
				regs->rip = f->to;
				return;
			}
		}
	}
	/* arch_sleep(), the one place with interrupts on; they are off again when it goes on. */
	if (regs->vector >= VECTOR_POKE && regs->rip == (uint64_t)sleep_woken) {
		if (regs->vector == VECTOR_POKE)
			interrupt_poked(v);
		else
			interrupt_note(v, (unsigned int)regs->vector);
		regs->rflags &= ~RFLAGS_IF;
		return;
	}
	stop_bug(v, regs, "exception in the monitor, vector", regs->vector);
}

void trap_fatal(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	stop_bug(v, regs, "an exception that nothing here answers, vector", regs->vector);
}
