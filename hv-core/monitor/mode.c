// SPDX-License-Identifier: GPL-2.0-only
/*
 * User mode and kernel mode of the guest: both are level 3, and differ in their top-level tables and in GS. The monitor
 * is mapped in both, so it can change CR3 wherever it stands.
 */
#include "arch.h"
#include "monitor.h"

void mode_slow_update(struct monitor_vcpu *v)
{
	v->slow = (v->vm->usable & PVN_F0_CPU ? 0 : SLOW_FAMILY) | (interrupt_waits(v) ? SLOW_WAITING : 0) |
		  (v->mmu.user ? 0 : SLOW_NO_USER);
}

void mode_to_kernel(struct monitor_vcpu *v)
{
	arch_write_cr3(v->mmu.kernel);
	/* A program can load a selector into GS, and with it another base. */
	v->user_gs_base = arch_rdmsr(MSR_KERNEL_GS_BASE);
	arch_wrmsr(MSR_KERNEL_GS_BASE, v->kernel_gs_base);
	v->user = 0;
}

void mode_to_user(struct monitor_vcpu *v)
{
	/* The kernel's base is what it set by a call: what it loads by a selector is lost here, and documented so. */
	arch_wrmsr(MSR_KERNEL_GS_BASE, v->user_gs_base);
	v->user = 1;
	arch_write_cr3(v->mmu.user);
}

void mode_syscall(struct monitor_vcpu *v)
{
	struct monitor_regs *regs = v->regs;
	uint64_t words[FRAME_WORDS_MAX];
	unsigned int n;
	uint64_t to;

	regs->cs = PVN_PV_REAL_CS;
	regs->ss = PVN_PV_REAL_SS;
	if (!v->syscall_entry) {
		/* As where SYSCALL is switched off: the instruction itself faults. */
		regs->rcx = regs->rip;
		regs->r11 = regs->rflags;
		regs->rip -= 2;
		trap_deliver(v, VECTOR_UD, false, 0, true);
		trap_resume(v, false);
		return;
	}
	n = frame_build(words, regs, true, true, false, 0);
	to = frame_address(__atomic_load_n(&v->info->kernel_stack, __ATOMIC_RELAXED), n);
	if (!guest_kernel_half(to) || guest_write(to, words, n * sizeof(words[0])))
		stop_guest(v, regs, "its kernel_stack takes no frame of a system call, number", regs->rax);
	v->shared.counters.syscalls++;
	guest_interrupts_set(v, false);
	regs->rsp = to;
	regs->rip = v->syscall_entry;
	regs->rflags = RFLAGS_FIXED | RFLAGS_IF;
	regs->rcx = regs->r11 = 0;
}
