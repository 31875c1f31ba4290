// SPDX-License-Identifier: GPL-2.0-only
/* Trap frames, as words and registers: no memory of the guest's is touched here. */
#include "monitor.h"

uint64_t frame_address(uint64_t rsp, unsigned int words)
{
	/* 64-bit hardware aligns the stack before it pushes. */
	return (rsp & ~15ull) - 8ull * words;
}

unsigned int frame_build(uint64_t words[FRAME_WORDS_MAX], const struct monitor_regs *regs, bool user,
			 bool interrupts_on, bool has_error, uint64_t error)
{
	unsigned int n = 0;

	if (has_error)
		words[n++] = error;
	words[n++] = regs->rip;
	words[n++] = user ? regs->cs : PVN_PV_KERNEL_CS;
	/* The real flag is on all the time and no business of the guest's. */
	words[n++] = (regs->rflags & ~RFLAGS_IF) | (interrupts_on ? RFLAGS_IF : 0);
	words[n++] = regs->rsp;
	words[n++] = user ? regs->ss : PVN_PV_KERNEL_SS;
	return n;
}

static void take(const struct pvn_return_frame *frame, struct monitor_regs *regs)
{
	regs->rcx = frame->rcx;
	regs->r11 = frame->r11;
	regs->rax = frame->rax;
	regs->rip = frame->trap.rip;
	regs->rflags = (frame->trap.rflags & RFLAGS_GUEST) | RFLAGS_FIXED | RFLAGS_IF;
	regs->rsp = frame->trap.rsp;
}

int frame_return(const struct pvn_return_frame *frame, struct monitor_regs *regs, bool *interrupts_on)
{
	const struct pvn_trap_frame *trap = &frame->trap;

	if (trap->cs != PVN_PV_KERNEL_CS || trap->ss != PVN_PV_KERNEL_SS)
		return -PVN_EINVAL;
	/* rsp may be anything: only its use can fault, and that is the guest's own fault. */
	if (!guest_canonical(trap->rip))
		return -PVN_EINVAL;
	take(frame, regs);
	*interrupts_on = trap->rflags & RFLAGS_IF;
	return 0;
}

bool frame_return_user(const struct pvn_return_frame *frame, struct monitor_regs *regs)
{
	take(frame, regs);
	regs->cs = frame->trap.cs;
	regs->ss = frame->trap.ss;
	return regs->cs == PVN_PV_REAL_CS && regs->ss == PVN_PV_REAL_SS && guest_canonical(regs->rip);
}
