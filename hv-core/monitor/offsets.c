// SPDX-License-Identifier: GPL-2.0-only
/* The one table of what assembly knows of C structures: compiled to text, of which the build makes offsets.h. */
#include "monitor.h"

#include "hypercall_impl.h"

#define DEFINE(name, value) __asm__ __volatile__("->" #name " %c0" : : "i"(value))

void offsets(void);
void offsets(void)
{
	DEFINE(VECTOR_POKE, VECTOR_POKE);
	DEFINE(V_SELF, offsetof(struct monitor_vcpu, self));
	DEFINE(V_REGS, offsetof(struct monitor_vcpu, regs));
	DEFINE(V_USER, offsetof(struct monitor_vcpu, user));
	DEFINE(V_SLOW, offsetof(struct monitor_vcpu, slow));
	DEFINE(V_HOLE_END, offsetof(struct monitor_vcpu, hole_end));
	DEFINE(V_INFO, offsetof(struct monitor_vcpu, info));
	DEFINE(V_VM, offsetof(struct monitor_vcpu, vm));
	DEFINE(V_SYSCALL, offsetof(struct monitor_vcpu, syscall_entry));
	DEFINE(V_KERNEL_GS, offsetof(struct monitor_vcpu, kernel_gs_base));
	DEFINE(V_USER_GS, offsetof(struct monitor_vcpu, user_gs_base));
	DEFINE(V_KERNEL_TABLE, offsetof(struct monitor_vcpu, mmu.kernel));
	DEFINE(V_USER_TABLE, offsetof(struct monitor_vcpu, mmu.user));
	DEFINE(V_SYSCALLS, offsetof(struct monitor_vcpu, shared.counters.syscalls));
	DEFINE(V_DELIVERED, offsetof(struct monitor_vcpu, shared.counters.delivered));
	DEFINE(VM_TRAP, offsetof(struct monitor_vm, trap[0].handler));
	DEFINE(VM_TRAP_FLAGS, offsetof(struct monitor_vm, trap[0].flags));
	DEFINE(I_INTERRUPTS_ON, offsetof(struct pvn_vcpu_info, interrupts_on));
	DEFINE(I_FAULT_ADDRESS, offsetof(struct pvn_vcpu_info, fault_address));
	DEFINE(I_KERNEL_STACK, offsetof(struct pvn_vcpu_info, kernel_stack));
	DEFINE(SLOW_FAMILY, SLOW_FAMILY);
	DEFINE(SLOW_WAITING, SLOW_WAITING);
	DEFINE(SLOW_NO_USER, SLOW_NO_USER);
	DEFINE(TRAP_OFF, PVN_TRAP_INTERRUPT_OFF);
	DEFINE(RFLAGS_OF_GUEST, RFLAGS_GUEST);
	DEFINE(NR_TRAP_RETURN, PVN_HC_CPU_TRAP_RETURN);
	DEFINE(V_CALLS, offsetof(struct monitor_vcpu, shared.counters.calls));
	DEFINE(V_CALL_TRAP_RETURN, offsetof(struct monitor_vcpu, shared.counters.calls[MONITOR_CALL(PVN_HC_CPU_TRAP_RETURN)]));
	DEFINE(E_CALL, offsetof(struct monitor_entry, call));
	DEFINE(E_PLAIN, offsetof(struct monitor_entry, plain));
	DEFINE(CALLS_LAST, (MONITOR_FAMILIES << 8) - 1);
	DEFINE(V_FULL_RETURN, offsetof(struct monitor_vcpu, full_return));
	DEFINE(R_R15, offsetof(struct monitor_regs, r15));
	DEFINE(R_R14, offsetof(struct monitor_regs, r14));
	DEFINE(R_R13, offsetof(struct monitor_regs, r13));
	DEFINE(R_R12, offsetof(struct monitor_regs, r12));
	DEFINE(R_RBP, offsetof(struct monitor_regs, rbp));
	DEFINE(R_RBX, offsetof(struct monitor_regs, rbx));
	DEFINE(R_RCX, offsetof(struct monitor_regs, rcx));
	DEFINE(R_R11, offsetof(struct monitor_regs, r11));
	DEFINE(R_RAX, offsetof(struct monitor_regs, rax));
	DEFINE(R_RDI, offsetof(struct monitor_regs, rdi));
	DEFINE(R_RSI, offsetof(struct monitor_regs, rsi));
	DEFINE(R_RDX, offsetof(struct monitor_regs, rdx));
	DEFINE(R_R10, offsetof(struct monitor_regs, r10));
	DEFINE(R_R8, offsetof(struct monitor_regs, r8));
	DEFINE(R_R9, offsetof(struct monitor_regs, r9));
	DEFINE(R_RIP, offsetof(struct monitor_regs, rip));
	DEFINE(R_CS, offsetof(struct monitor_regs, cs));
	DEFINE(R_RFLAGS, offsetof(struct monitor_regs, rflags));
	DEFINE(R_RSP, offsetof(struct monitor_regs, rsp));
	DEFINE(R_SS, offsetof(struct monitor_regs, ss));
	DEFINE(R_ERROR, offsetof(struct monitor_regs, error));
	DEFINE(R_VECTOR, offsetof(struct monitor_regs, vector));
}
