/* SPDX-License-Identifier: GPL-2.0-only */
/* More than one vCPU: where the others start, and a program that spins until it is interrupted. */
#include <paravane/hypercall_nr.h>

#include "smp.h"

	.text
/* rdi: struct smp_cpu, as GS is; a stack; nothing else. */
	.globl	smp_start
smp_start:
	xorl	%ebp, %ebp
	call	smp_other
	ud2

/* A kick that does nothing but be counted, in kernel mode and user mode: %gs is the vCPU's either way. */
	.globl	smp_count_entry
smp_count_entry:
	incq	%gs:SMP_COUNTED
	pushq	%rax
	pushq	%r11
	pushq	%rcx
	movl	$PVN_HC_CPU_TRAP_RETURN, %eax
	call	pv_page
	ud2

/* uint64_t smp_user(frame, rsi): user mode; a system call of the program comes back here. */
	.globl	smp_user
smp_user:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, %gs:SMP_RSP
	movq	%rsi, %rdx
	movq	%rdi, %rsi
	subq	$64, %rsp
	movq	%rsp, %rdi
	movl	$8, %ecx
	cld
	rep movsq
	movq	%rdx, %rsi
	movl	$PVN_HC_CPU_TRAP_RETURN, %eax
	call	pv_page
	jmp	1f
	.globl	smp_syscall
smp_syscall:
	movq	%rdi, %rax
1:	movq	%gs:SMP_RSP, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
