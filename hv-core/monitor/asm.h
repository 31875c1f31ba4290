/* SPDX-License-Identifier: GPL-2.0-only */
/* What the assembly files share. */
#ifndef MONITOR_ASM_H
#define MONITOR_ASM_H

#include "interface.h"
#include "offsets.h"

/* After an instruction that may fault on guest memory: go on at `to`. */
	.macro	fixup from, to
	.pushsection .fixups, "a"
	.quad	\from, \to
	.popsection
	.endm

	.macro	push_registers
	pushq	%r9
	pushq	%r8
	pushq	%r10
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rax
	pushq	%r11
	pushq	%rcx
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	.endm

	.macro	pop_registers
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%rcx
	popq	%r11
	popq	%rax
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%r10
	popq	%r8
	popq	%r9
	addq	$16, %rsp		/* vector and error code */
	.endm

/* Registers that C keeps, to the regs at rsp. */
	.macro	save_kept
	movq	%rbx, R_RBX(%rsp)
	movq	%rbp, R_RBP(%rsp)
	movq	%r12, R_R12(%rsp)
	movq	%r13, R_R13(%rsp)
	movq	%r14, R_R14(%rsp)
	movq	%r15, R_R15(%rsp)
	.endm

/* A register of the guest's, while GS is the area. */
#define REG(offset) %gs:(MONITOR_AREA_REGS + (offset))

#endif
