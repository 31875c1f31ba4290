/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways that are taken most, by hand: a system call of a program to the guest's kernel, cpu.trap_return, and an
 * exception that nothing is to be done about. Each ends in C (mode.c, call_cpu.c, trap.c) when something is unusual, and C
 * does the same; what it checks is checked here.
 *
 * Guest memory is touched with rsp on the monitor's own stack only, since a fault pushes where rsp is; and all of a frame
 * is read before any of what C would need is overwritten.
 */
#include <paravane/pv_boot.h>

#include "asm.h"

#define MSR_KERNEL_GS_BASE 0xc0000102
#define RFLAGS_FIXED_ON 0x202
#define RFLAGS_IF 0x200
#define RFLAGS_TF 0x100
#define RFLAGS_RF 0x10000
#define RFLAGS_NT 0x4000
#define TRAP_LEAVES (~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF))

/* mode_to_kernel(): rax, rcx and rdx are lost. */
	.macro	to_kernel
	movq	%gs:V_KERNEL_TABLE, %rax
	movq	%rax, %cr3
	movl	$MSR_KERNEL_GS_BASE, %ecx
	rdmsr
	movl	%eax, %gs:V_USER_GS
	movl	%edx, %gs:V_USER_GS+4
	movl	%gs:V_KERNEL_GS, %eax
	movl	%gs:V_KERNEL_GS+4, %edx
	wrmsr
	movq	$0, %gs:V_USER
	.endm

/* mode_to_user(): the same ones are lost. */
	.macro	to_user
	movl	$MSR_KERNEL_GS_BASE, %ecx
	movl	%gs:V_USER_GS, %eax
	movl	%gs:V_USER_GS+4, %edx
	wrmsr
	movq	$1, %gs:V_USER
	movq	%gs:V_USER_TABLE, %rax
	movq	%rax, %cr3
	.endm

	.text
/* SYSCALL in user mode: GS is the area, the program's rsp is saved, nothing else is. */
	.balign	16
	.globl	syscall_user
syscall_user:
	movq	%gs:V_REGS, %rsp
	movq	%rcx, R_RIP(%rsp)
	movq	%rax, R_RAX(%rsp)
	movq	%rdx, R_RDX(%rsp)
	to_kernel
	movq	%gs:V_INFO, %rcx
	movq	I_KERNEL_STACK(%rcx), %rdx
	andq	$-16, %rdx
	subq	$40, %rdx
	cmpq	%gs:V_HOLE_END, %rdx
	jb	7f
	movl	$0, I_INTERRUPTS_ON(%rcx)
	movq	%gs:V_SYSCALL, %rcx
	testq	%rcx, %rcx
	jz	7f
	movq	R_RIP(%rsp), %rax
1:	movq	%rax, (%rdx)
2:	movq	$PVN_PV_REAL_CS, 8(%rdx)
3:	movq	%r11, 16(%rdx)
	movq	R_RSP(%rsp), %rax
4:	movq	%rax, 24(%rdx)
5:	movq	$PVN_PV_REAL_SS, 32(%rdx)
	fixup	1b, 7f
	fixup	2b, 7f
	fixup	3b, 7f
	fixup	4b, 7f
	fixup	5b, 7f
	incq	%gs:V_SYSCALLS
	movl	$RFLAGS_FIXED_ON, %r11d
	movq	R_RAX(%rsp), %rax
	xchgq	%rdx, %rsp		/* from here to SYSRET nothing can fault */
	movq	R_RDX(%rdx), %rdx
	swapgs
	sysretq				/* to rcx, the entry, which is canonical: cpu.syscall_entry has seen to that */

	/* No entry, or a stack that takes no frame: C says so to the kernel, or stops the guest. */
7:	movq	R_RAX(%rsp), %rax
	movq	R_RDX(%rsp), %rdx
	movq	%r11, R_RFLAGS(%rsp)
	movq	%rdi, R_RDI(%rsp)
	movq	%rsi, R_RSI(%rsp)
	movq	%r10, R_R10(%rsp)
	movq	%r8, R_R8(%rsp)
	movq	%r9, R_R9(%rsp)
	save_kept
	movq	%gs:V_SELF, %rdi
	call	mode_syscall
	jmp	return_full

/*
 * cpu.trap_return: GS is the area, the caller's rsp is saved. The frame lies above the return address of the CALL: rcx,
 * r11, rax, rip, cs, rflags, rsp, ss from 8 on. rax, rcx and r11 are free; of the others rdx is used.
 */
#define F_RCX 8
#define F_R11 16
#define F_RAX 24
#define F_RIP 32
#define F_CS 40
#define F_RFLAGS 48
#define F_RSP 56
#define F_SS 64
#define F_END 72

	.balign	16
	.globl	trap_return
trap_return:
	movq	%gs:V_REGS, %rsp
	movq	%rcx, R_RIP(%rsp)
	movq	%r11, R_RFLAGS(%rsp)
	movq	%rdx, R_RDX(%rsp)
	testb	$SLOW_FAMILY | SLOW_WAITING, %gs:V_SLOW
	jnz	9f
	movq	R_RSP(%rsp), %rdx
	cmpq	%gs:V_HOLE_END, %rdx
	jb	9f
	cmpq	$-F_END, %rdx
	ja	9f
	/* All of the frame, and what is kept of it is read once. R_RCX, R_R11 and R_RAX are nobody's before the call has succeeded. */
1:	movq	F_RCX(%rdx), %rax
	movq	%rax, R_RCX(%rsp)
2:	movq	F_R11(%rdx), %rax
	movq	%rax, R_R11(%rsp)
3:	movq	F_RAX(%rdx), %rax
	movq	%rax, R_RAX(%rsp)
4:	movq	F_RIP(%rdx), %rcx
5:	movq	F_RFLAGS(%rdx), %r11
6:	cmpq	$PVN_PV_REAL_CS, F_CS(%rdx)
	jne	trap_return_kernel
7:	cmpq	$PVN_PV_REAL_SS, F_SS(%rdx)
	jne	9f
8:	movq	F_RSP(%rdx), %rdx
	fixup	1b, 9f
	fixup	2b, 9f
	fixup	3b, 9f
	fixup	4b, 9f
	fixup	5b, 9f
	fixup	6b, 9f
	fixup	7b, 9f
	fixup	8b, 9f
	testb	$SLOW_NO_USER, %gs:V_SLOW
	jnz	9f
	movq	%rcx, %rax
	shrq	$47, %rax		/* a program's code is in the lower half; all else is C's to judge */
	jnz	9f
	andl	$RFLAGS_OF_GUEST, %r11d
	orl	$RFLAGS_FIXED_ON, %r11d
	movq	%rdx, R_RSP(%rsp)
	incq	%gs:V_CALL_TRAP_RETURN
	cmpq	%rcx, R_RCX(%rsp)
	jne	3f
	cmpq	%r11, R_R11(%rsp)
	jne	3f
	testl	$RFLAGS_TF | RFLAGS_RF, %r11d	/* SYSRET would lose the one, and trap too early with the other */
	jnz	3f
	to_user
	movq	R_RCX(%rsp), %rcx
	movq	R_RAX(%rsp), %rax
	movq	R_RDX(%rsp), %rdx
	movq	R_RSP(%rsp), %rsp
	swapgs
	sysretq
3:	movq	%rcx, R_RIP(%rsp)
	movq	%r11, R_RFLAGS(%rsp)
	to_user
	/* With regs' own cs and ss, which are level 3's whenever the monitor has been left once. */
4:	movq	R_RCX(%rsp), %rcx
	movq	R_R11(%rsp), %r11
	movq	R_RAX(%rsp), %rax
	movq	R_RDX(%rsp), %rdx
	addq	$R_RIP, %rsp
	swapgs
	iretq

trap_return_kernel:
1:	cmpq	$PVN_PV_KERNEL_CS, F_CS(%rdx)
	jne	9f
5:	cmpq	$PVN_PV_KERNEL_SS, F_SS(%rdx)
	jne	9f
6:	movq	F_RSP(%rdx), %rdx
	fixup	1b, 9f
	fixup	5b, 9f
	fixup	6b, 9f
	movq	%rcx, %rax
	shlq	$16, %rax
	sarq	$16, %rax
	cmpq	%rcx, %rax
	jne	9f
	movq	%rcx, R_RIP(%rsp)
	movq	%rdx, R_RSP(%rsp)
	movq	%gs:V_INFO, %rcx
	movl	%r11d, %eax
	shrl	$9, %eax
	andl	$1, %eax
	movl	%eax, I_INTERRUPTS_ON(%rcx)
	andl	$RFLAGS_OF_GUEST, %r11d
	orl	$RFLAGS_FIXED_ON, %r11d
	movq	%r11, R_RFLAGS(%rsp)
	incq	%gs:V_CALL_TRAP_RETURN
	jmp	4b

	/* In C, from the start: with the registers that the call was made with. */
9:	movq	R_RDX(%rsp), %rdx
	movl	$NR_TRAP_RETURN, %eax
	jmp	syscall_kernel

/*
 * An exception, with or without an error code, in the guest or in the monitor. Here for those that are handed on as they
 * are; #GP may be an instruction to emulate, and #DB has a register to be read.
 */
	.macro	exception words
	testb	$3, (R_CS - R_VECTOR)(%rsp)
	jz	trap_in_monitor
	swapgs
	subq	$R_VECTOR, %rsp
	movq	%rax, R_RAX(%rsp)
	movq	%rcx, R_RCX(%rsp)
	movq	%rdx, R_RDX(%rsp)
	.if	\words == 6
	cmpb	$14, R_VECTOR(%rsp)
	jne	1f
	movq	%gs:V_INFO, %rcx
	movq	%cr2, %rax
	movq	%rax, I_FAULT_ADDRESS(%rcx)
1:
	.endif
	testb	$SLOW_WAITING, %gs:V_SLOW
	jnz	9f
	cmpq	$0, %gs:V_USER
	jne	5f
	movq	%gs:V_INFO, %rcx
	movq	R_RSP(%rsp), %rdx
	andq	$-16, %rdx
	subq	$(\words * 8), %rdx
	cmpq	%gs:V_HOLE_END, %rdx
	jb	9f
	movq	R_RFLAGS(%rsp), %rax
	cmpl	$0, I_INTERRUPTS_ON(%rcx)
	jne	2f
	andl	$~RFLAGS_IF, %eax
2:	movq	%rax, (\words * 8 - 24)(%rdx)
3:	movq	$PVN_PV_KERNEL_CS, (\words * 8 - 32)(%rdx)
4:	movq	$PVN_PV_KERNEL_SS, (\words * 8 - 8)(%rdx)
	fixup	2b, 9f
	fixup	3b, 9f
	fixup	4b, 9f
	.if	\words == 6
	movq	R_ERROR(%rsp), %rax
	cmpb	$14, R_VECTOR(%rsp)
	jne	6f
	andl	$~4, %eax		/* the user bit: hardware saw level 3 */
	jmp	6f
	.else
	jmp	6f
	.endif
	/* Out of user mode: on kernel_stack, with the program's own selectors. */
5:	to_kernel
	movl	$1, (R_VECTOR + 4)(%rsp)	/* VECTOR_FROM_USER, for C */
	movq	%gs:V_INFO, %rcx
	movq	I_KERNEL_STACK(%rcx), %rdx
	andq	$-16, %rdx
	subq	$(\words * 8), %rdx
	cmpq	%gs:V_HOLE_END, %rdx
	jb	8f
	movl	$1, I_INTERRUPTS_ON(%rcx)
	movq	R_RFLAGS(%rsp), %rax
2:	movq	%rax, (\words * 8 - 24)(%rdx)
3:	movq	$PVN_PV_REAL_CS, (\words * 8 - 32)(%rdx)
	movq	R_SS(%rsp), %rax
4:	movq	%rax, (\words * 8 - 8)(%rdx)
	fixup	2b, 8f
	fixup	3b, 8f
	fixup	4b, 8f
	.if	\words == 6
	movq	R_ERROR(%rsp), %rax
	.endif
6:
	.if	\words == 6
	movq	%rax, (%rdx)
	fixup	6b, 7f
	.endif
	movq	R_RIP(%rsp), %rax
2:	movq	%rax, (\words * 8 - 40)(%rdx)
	movq	R_RSP(%rsp), %rax
3:	movq	%rax, (\words * 8 - 16)(%rdx)
	fixup	2b, 7f
	fixup	3b, 7f
	movl	R_VECTOR(%rsp), %eax
	incq	%gs:V_DELIVERED(, %rax, 8)
	shll	$4, %eax
	addq	%gs:V_VM, %rax
	testb	$TRAP_OFF, VM_TRAP_FLAGS(%rax)
	jz	4f
	movl	$0, I_INTERRUPTS_ON(%rcx)
4:	movq	VM_TRAP(%rax), %rax
	testq	%rax, %rax
	jz	7f
	movq	%rax, R_RIP(%rsp)
	movq	%rdx, R_RSP(%rsp)
	movq	$PVN_PV_REAL_SS, R_SS(%rsp)
	andl	$TRAP_LEAVES, R_RFLAGS(%rsp)
	movq	R_RAX(%rsp), %rax
	movq	R_RCX(%rsp), %rcx
	movq	R_RDX(%rsp), %rdx
	addq	$R_RIP, %rsp
	swapgs
	iretq

	/* Interrupts that wait, a stack that takes no frame, no handler. */
7:
8:
9:	movq	R_RAX(%rsp), %rax
	movq	R_RCX(%rsp), %rcx
	movq	R_RDX(%rsp), %rdx
	movq	%rdi, R_RDI(%rsp)
	movq	%rsi, R_RSI(%rsp)
	movq	%r8, R_R8(%rsp)
	movq	%r9, R_R9(%rsp)
	movq	%r10, R_R10(%rsp)
	movq	%r11, R_R11(%rsp)
	save_kept
	jmp	trap_saved
	.endm

	.globl	trap_fast, trap_fast_error
	.balign	16
trap_fast:
	exception 5
	.balign	16
trap_fast_error:
	exception 6

	.section .note.GNU-stack, "", @progbits
