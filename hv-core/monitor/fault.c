// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions in the monitor itself: foreseen ones at an instruction that touches guest memory, and bugs. */
#include "monitor.h"

struct fixup {
	uint64_t from, to;
};

extern const struct fixup fixups_start[], fixups_end[];
extern char iret_to_guest[];

void trap_from_monitor(struct monitor_vcpu *v, struct monitor_regs *regs);
void trap_fatal(struct monitor_vcpu *v, struct monitor_regs *regs) __attribute__((noreturn));

/*
 * The guest's registers were loaded but for those of the frame, which lies untouched above. That the guest got here with
 * such an address is its own doing: the only one that is not refused earlier is SYSCALL in the last bytes below the gap.
 */
static void bad_return(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	regs->rip = v->regs->rip;
	regs->cs = v->regs->cs;
	regs->rflags = v->regs->rflags;
	regs->rsp = v->regs->rsp;
	regs->ss = v->regs->ss;
	stop_guest(v, regs, "a return to an address that is not canonical, exception", regs->vector);
}

void trap_from_monitor(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	if (regs->rip == (uint64_t)iret_to_guest) {
		struct monitor_regs copy = *regs;

		bad_return(v, &copy);
	}
	if (regs->vector == VECTOR_PF || regs->vector == VECTOR_GP) {
		for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
			if (f->from == regs->rip) {
				regs->rip = f->to;
				return;
			}
		}
	}
	stop_bug(v, regs, "exception in the monitor, vector", regs->vector);
}

void trap_fatal(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	stop_bug(v, regs, "an exception that nothing here answers, vector", regs->vector);
}
