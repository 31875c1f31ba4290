/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways into the monitor and out of it. In the monitor GS is the vCPU's area and interrupts are off; outside it GS
 * is the guest's. The guest's registers have one place, struct monitor_regs at the end of the area: TSS.RSP0 is the
 * area's end, so an exception's frame lands in it by itself, and SYSCALL's entry fills it in the same way.
 *
 * Faults on the monitor's way to guest memory are the only exceptions that it may cause itself; they nest on its
 * stack, below whatever it was doing, and touch no GS.
 */
#include <paravane/cpuid.h>

#include "asm.h"

	.section .header, "a"
	.quad	MONITOR_MAGIC
	.long	MONITOR_VERSION
	.long	monitor_text_bytes
	.quad	monitor_image_bytes
	.quad	monitor_memory_bytes
	.quad	monitor_start

	.text
/* From the VMM: 64-bit mode, the tables in cr3, rdi the vCPU's area; no stack, no GS, descriptor tables of nobody's. */
	.globl	monitor_start
monitor_start:
	leaq	MONITOR_AREA_REGS(%rdi), %rsp
	movq	%rdi, %rbx
	call	boot_tables		/* GDT, IDT and task state are loaded */
	pushq	$PVN_PV_KERNEL_CS
	leaq	1f(%rip), %rax
	pushq	%rax
	lretq
1:	movl	$PVN_PV_KERNEL_SS, %eax
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movq	%rbx, %rdi
	call	boot_registers		/* GS is the area from here on, and its regs are the guest's first ones */

/* With all of the area's regs, from wherever the stack is. */
	.globl	return_full, arch_return
return_full:
arch_return:				/* void arch_return(v) */
	movq	%gs:V_REGS, %rsp
	pop_registers
	swapgs
	iretq				/* to an address that is canonical: whoever set it has seen to that */

/*
 * SYSCALL from level 3: rcx the return address, r11 the flags, everything else the guest's, interrupts off by
 * MSR_SFMASK. A call that has nothing to be checked (`plain` in the table) is made from here; all others go by
 * hypercall_handle(), and for them registers that C keeps are saved too, so that reports and cpu.trap_return find them.
 */
	.balign	16
	.globl	syscall_entry
syscall_entry:
	swapgs
	movq	%rsp, REG(R_RSP)
	cmpq	$0, %gs:V_USER
	jne	syscall_user
	cmpq	$NR_TRAP_RETURN, %rax
	je	trap_return
	movq	%gs:V_REGS, %rsp
	movq	%rcx, R_RIP(%rsp)
	movq	%r11, R_RFLAGS(%rsp)
	/* From trap_return, when it is for C: with these two saved, and rsp so. */
	.globl	syscall_kernel
syscall_kernel:
	movq	%rax, R_RAX(%rsp)
	movq	%rdi, R_RDI(%rsp)
	movq	%rsi, R_RSI(%rsp)
	movq	%rdx, R_RDX(%rsp)
	movq	%r10, R_R10(%rsp)
	movq	%r8, R_R8(%rsp)
	movq	%r9, R_R9(%rsp)
	/* The entry is at family * 512 + index * 16: a family's number stands 8 bits up already. */
	cmpq	$CALLS_LAST, %rax
	ja	3f
	testb	$0xe0, %al
	jnz	3f
	movl	%eax, %ecx
	andl	$0xf00, %ecx
	andl	$0x1f, %eax
	shll	$4, %eax
	leal	(%rax,%rcx,2), %ecx
	leaq	monitor_calls(%rip), %rdx
	cmpb	$0, E_PLAIN(%rdx, %rcx)
	je	3f
	addq	%rcx, %rdx
	shrl	$1, %ecx		/* a count has half an entry's size */
	incq	%gs:V_CALLS(%rcx)
	call	*E_CALL(%rdx)
1:	/* SYSRET to an address that is not canonical faults in ring 0 on some CPUs. SYSCALL can leave only this one. */
	movq	R_RIP(%rsp), %rcx
	movabsq	$0x800000000000, %r11
	cmpq	%r11, %rcx
	je	5f
	movq	R_RFLAGS(%rsp), %r11
	movq	R_RDI(%rsp), %rdi
	movq	R_RSI(%rsp), %rsi
	movq	R_RDX(%rsp), %rdx
	movq	R_R10(%rsp), %r10
	movq	R_R8(%rsp), %r8
	movq	R_R9(%rsp), %r9
	movq	R_RSP(%rsp), %rsp
	swapgs
	sysretq
3:	movq	R_RAX(%rsp), %rsi
	save_kept
	movq	%gs:V_SELF, %rdi
	call	hypercall_handle
	cmpq	$0, %gs:V_FULL_RETURN
	je	1b
	movq	$0, %gs:V_FULL_RETURN
	jmp	return_full
5:	save_kept			/* they are the guest's still, or again */
	movq	%rax, R_RAX(%rsp)
	movq	%rcx, R_RCX(%rsp)
	movq	R_RFLAGS(%rsp), %r11
	movq	%r11, R_R11(%rsp)
	movq	%gs:V_SELF, %rdi
	call	trap_bad_address	/* the fault is the guest's, as after hardware's own SYSRET */
	jmp	return_full

/* SYSCALL from 32-bit code: there is no such segment, so this cannot be reached. */
	.globl	syscall32_entry
syscall32_entry:
	swapgs
	movq	%gs:V_REGS, %rsp
	movq	%gs:V_SELF, %rdi
	movq	%rsp, %rsi
	call	trap_fatal

/* Entries of all vectors, 16 bytes apart: each pushes an error code where hardware has none, then its number. */
	.balign	16
	.globl	trap_entries
trap_entries:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	pushq	$vector
	.if	vector == 2 || vector == 8 || vector == 18
	jmp	trap_on_own_stack
	.elseif	vector == 10 || vector == 11 || vector == 12 || vector == 14 || vector == 17
	jmp	trap_fast_error
	.elseif	vector < 32 && vector != 1 && vector != 13 && vector != 21 && vector != 29 && vector != 30 && vector != VECTOR_POKE
	jmp	trap_fast
	.else
	jmp	trap_common
	.endif
	.set	vector, vector + 1
	.endr

	.globl	trap_in_monitor
trap_common:
	testb	$3, (R_CS - R_VECTOR)(%rsp)
	jz	trap_in_monitor
	swapgs
	push_registers
	.globl	trap_saved
trap_saved:
	cld
	movq	%gs:V_SELF, %rdi
	movq	%rsp, %rsi
	call	trap_from_guest
	jmp	return_full

trap_in_monitor:
	push_registers
	cld
	movq	%rsp, %rdi
	andq	$-MONITOR_AREA_BYTES, %rdi
	movq	%rsp, %rsi
	call	trap_from_monitor	/* returns when regs->rip is a fixup now */
	pop_registers
	iretq

/* NMI, double fault, machine check: at any moment, whatever GS and the stack are. Nothing goes on after them yet. */
trap_on_own_stack:
	push_registers
	cld
	movq	%rsp, %rdi
	andq	$-MONITOR_AREA_BYTES, %rdi
	movq	%rsp, %rsi
	call	trap_fatal

/* int arch_copy_*_guest(to, from, bytes): words, then the rest. */
	.globl	arch_copy_from_guest, arch_copy_to_guest
arch_copy_from_guest:
arch_copy_to_guest:
	movq	%rdx, %rcx
	shrq	$3, %rcx
1:	rep movsq
	movl	%edx, %ecx
	andl	$7, %ecx
2:	rep movsb
	xorl	%eax, %eax
	ret
3:	movl	$-1, %eax
	ret
	fixup	1b, 3b
	fixup	2b, 3b

/* int64_t arch_vmm_call(nr, args): the registers that the hypercall page of hvm mode has at its OUT. */
	.globl	arch_vmm_call
arch_vmm_call:
	movq	%rdi, %rax
	movq	%rsi, %r11
	movq	0(%r11), %rdi
	movq	8(%r11), %rsi
	movq	16(%r11), %rcx
	movq	24(%r11), %r10
	movq	32(%r11), %r8
	movq	40(%r11), %r9
	movl	$PVN_PORT_CALL, %edx
	outl	%eax, %dx
	ret

/* int arch_wrmsr_try(msr, value) */
	.globl	arch_wrmsr_try
arch_wrmsr_try:
	movl	%edi, %ecx
	movl	%esi, %eax
	movq	%rsi, %rdx
	shrq	$32, %rdx
1:	wrmsr
	xorl	%eax, %eax
	ret
2:	movl	$-1, %eax
	ret
	fixup	1b, 2b

/* int arch_xsetbv_try(value) */
	.globl	arch_xsetbv_try
arch_xsetbv_try:
	xorl	%ecx, %ecx
	movl	%edi, %eax
	movq	%rdi, %rdx
	shrq	$32, %rdx
1:	xsetbv
	xorl	%eax, %eax
	ret
2:	movl	$-1, %eax
	ret
	fixup	1b, 2b

/*
 * void arch_sleep(void). STI lets nothing in before HLT; what ends HLT finds the vCPU at the next instruction, and
 * fault.c knows that place.
 */
	.globl	arch_sleep, sleep_woken
arch_sleep:
	sti
	hlt
sleep_woken:
	cli
	ret

	.section .note.GNU-stack, "", @progbits
