/* SPDX-License-Identifier: GPL-2.0-only */
/* From pv mode's start (docs/pv-mode.md) to pv_main(); traps and the way back from them. */
#include <paravane/features.h>
#include <paravane/hypercall_nr.h>
#include <paravane/pv_boot.h>

#include "pv.h"

	.section .note.Paravane, "a", @note
	.balign 4
	.long	2f - 1f, 4f - 3f, PVN_NOTE_PV
1:	.asciz	PVN_NOTE_OWNER
2:	.balign 4
3:	.long	PV_NOTE_VERSION, 0
	.quad	pv_start, PV_NOTE_PAGE, 0
4:	.balign 4

	.section .hypercall_page, "ax"
	.balign	4096
	.globl	pv_page
pv_page:
	.skip	4096

	.text
/* rdi: guest-physical address of the start info. Nothing else is promised but level 3 and interrupts off. */
	.globl	pv_start
pv_start:
	movq	%rsp, pv_start_rsp(%rip)
	leaq	pv_stack_end(%rip), %rsp
	pushfq
	popq	pv_start_rflags(%rip)
	call	pv_main
	ud2

/* Handlers of exceptions and interrupts, 16 bytes apart: each pushes an error code where there is none, then its number. */
	.balign	16
	.globl	pv_trap_entries
pv_trap_entries:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

trap_common:
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cmpl	$0, smp_cpus(%rip)	/* with more vCPUs user mode is only interrupted */
	jne	1f
	testb	$3, 144(%rsp)
	jnz	pv_user_back
1:	movq	%rsp, %rdi
	cld
	call	pv_trap
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp
	.globl	pv_trap_return
pv_trap_return:
	pushq	%rax
	pushq	%r11
	pushq	%rcx
	movl	$PVN_HC_CPU_TRAP_RETURN, %eax
	call	pv_page
	ud2

/* int64_t pv_return_to(const struct pvn_return_frame *frame): cpu.trap_return on a copy of it; back here if it fails. */
	.globl	pv_return_to
pv_return_to:
	movq	%rsp, %rdx
	subq	$64, %rsp
	movq	%rdi, %rsi
	movq	%rsp, %rdi
	movl	$8, %ecx
	rep movsq
	movl	$PVN_HC_CPU_TRAP_RETURN, %eax
	call	pv_page
	movq	%rdx, %rsp
	ret

/*
 * uint64_t pv_int3_registers(void): INT3 with a known value in each register; bit i of the result: register i was not
 * kept over the trap and the return from it (rax rbx rcx rdx rsi rdi rbp r8 … r15, flags).
 */
	.macro	check register, value, bit
	cmpq	$\value, \register
	je	1f
	btsq	$\bit, pv_lost(%rip)
1:
	.endm

	.globl	pv_int3_registers
pv_int3_registers:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	$0, pv_lost(%rip)
	movq	$0x101, %rax
	movq	$0x102, %rbx
	movq	$0x103, %rcx
	movq	$0x104, %rdx
	movq	$0x105, %rsi
	movq	$0x106, %rdi
	movq	$0x107, %rbp
	movq	$0x108, %r8
	movq	$0x109, %r9
	movq	$0x10a, %r10
	movq	$0x10b, %r11
	movq	$0x10c, %r12
	movq	$0x10d, %r13
	movq	$0x10e, %r14
	movq	$0x10f, %r15
	stc
	int3
	jc	1f
	btsq	$15, pv_lost(%rip)
1:	check	%rax, 0x101, 0
	check	%rbx, 0x102, 1
	check	%rcx, 0x103, 2
	check	%rdx, 0x104, 3
	check	%rsi, 0x105, 4
	check	%rdi, 0x106, 5
	check	%rbp, 0x107, 6
	check	%r8, 0x108, 7
	check	%r9, 0x109, 8
	check	%r10, 0x10a, 9
	check	%r11, 0x10b, 10
	check	%r12, 0x10c, 11
	check	%r13, 0x10d, 12
	check	%r14, 0x10e, 13
	check	%r15, 0x10f, 14
	movq	pv_lost(%rip), %rax
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.globl	pv_call_registers
pv_call_registers:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	$0, pv_lost(%rip)
	movq	%rdi, %rax
	movq	$0x102, %rbx
	movq	$0x104, %rdx
	movq	$0x105, %rsi
	movq	$0x106, %rdi
	movq	$0x107, %rbp
	movq	$0x108, %r8
	movq	$0x109, %r9
	movq	$0x10a, %r10
	movq	$0x10c, %r12
	movq	$0x10d, %r13
	movq	$0x10e, %r14
	movq	$0x10f, %r15
	call	pv_page
	check	%rbx, 0x102, 1
	check	%rdx, 0x104, 3
	check	%rsi, 0x105, 4
	check	%rdi, 0x106, 5
	check	%rbp, 0x107, 6
	check	%r8, 0x108, 7
	check	%r9, 0x109, 8
	check	%r10, 0x10a, 9
	check	%r12, 0x10c, 11
	check	%r13, 0x10d, 12
	check	%r14, 0x10e, 13
	check	%r15, 0x10f, 14
	movq	pv_lost(%rip), %rax
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

/* The last bytes of the lower half: a segment of its own. */
	.section .edge, "ax"
	.skip	4093
	cli
	syscall

	.bss
	.balign	16
	.skip	16384
pv_stack_end:
	.globl	pv_start_rsp, pv_start_rflags
pv_start_rsp:
	.skip	8
pv_start_rflags:
	.skip	8
pv_lost:
	.skip	8
#ifdef PV_LARGE
	.skip	PV_LARGE
#endif
	.section .note.GNU-stack, "", @progbits
