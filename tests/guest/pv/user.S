/* SPDX-License-Identifier: GPL-2.0-only */
/* Into user mode and out of it, and the programs that run there: each is copied to a page that user mode sees. */
#include <paravane/hypercall_nr.h>

#include "pv.h"

	.text
/*
 * uint64_t pv_user_enter(struct pv_frame *frame): a program goes on with these registers, until something brings it back:
 * they are in the frame again then, and its vector is the result (PV_SYSCALL for a system call). When cpu.trap_return
 * fails, its error.
 */
	.globl	pv_user_enter
pv_user_enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, kernel_rsp(%rip)
	movq	%rdi, user_frame(%rip)
	pushq	168(%rdi)
	pushq	160(%rdi)
	pushq	152(%rdi)
	pushq	144(%rdi)
	pushq	136(%rdi)
	pushq	112(%rdi)
	pushq	32(%rdi)
	pushq	96(%rdi)
	movq	0(%rdi), %r15
	movq	8(%rdi), %r14
	movq	16(%rdi), %r13
	movq	24(%rdi), %r12
	movq	40(%rdi), %r10
	movq	48(%rdi), %r9
	movq	56(%rdi), %r8
	movq	64(%rdi), %rbp
	movq	80(%rdi), %rsi
	movq	88(%rdi), %rdx
	movq	104(%rdi), %rbx
	movq	72(%rdi), %rdi
	movl	$PVN_HC_CPU_TRAP_RETURN, %eax
	call	pv_page
leave:
	movq	kernel_rsp(%rip), %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

/* rsp is at a struct pv_frame. */
	.globl	pv_user_back
pv_user_back:
	movq	%rsp, %rsi
	movq	user_frame(%rip), %rdi
	movl	$22, %ecx
	cld
	rep movsq
	movq	user_frame(%rip), %rdi
	movq	120(%rdi), %rax
	jmp	leave

	.globl	pv_syscall_entry
pv_syscall_entry:
	movq	%rsp, pv_syscall_rsp(%rip)
	pushfq
	popq	pv_syscall_rflags(%rip)
	pushq	$0
	pushq	$PV_SYSCALL
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
	jmp	pv_user_back

/* A system call that does nothing, as cheap as a kernel can answer it. */
	.globl	pv_syscall_null
pv_syscall_null:
	movq	(%rsp), %rcx
	movq	16(%rsp), %r11
	pushq	%rax
	pushq	%r11
	pushq	%rcx
	movl	$PVN_HC_CPU_TRAP_RETURN, %eax
	call	pv_page
	ud2

/* A page fault that is stepped over, in the same way: the instruction has three bytes. */
	.globl	pv_fault_null
pv_fault_null:
	addq	$8, %rsp
	addq	$3, (%rsp)
	pushq	%rax
	pushq	%r11
	pushq	%rcx
	movl	$PVN_HC_CPU_TRAP_RETURN, %eax
	call	pv_page
	ud2

	.macro	program name
	.globl	\name
	.balign	16
\name:
	.endm

	.section .rodata
	.balign	4096
	.globl	pv_programs, pv_programs_end
pv_programs:
	program	u_syscall
	syscall
	jmp	u_syscall
	program	u_null
1:	syscall
	decq	%rdi
	jnz	1b
	int3
	program	u_faults
1:	movq	(%rsi), %rax
	decq	%rdi
	jnz	1b
	int3
	program	u_ud2
	ud2
	program	u_hlt
	hlt
	program	u_cli
	cli
	program	u_in
	inb	%dx, %al
	program	u_rdmsr
	rdmsr
	program	u_swapgs
	swapgs
	program	u_iret
	iretq
	program	u_int80
	int	$0x80
	jmp	u_int80
	program	u_int3
	int3
	program	u_int4
	int	$4
	program	u_int8
	int	$8
	program	u_int32
	int	$0x40
	program	u_read
	movq	(%rdi), %rax
	ud2
	program	u_write
	movq	%rax, (%rdi)
	ud2
	program	u_jump
	jmp	*%rdi
	program	u_spin
1:	incq	%rbx
	jmp	1b
	program	u_step
	nop
	nop
	syscall
	program	u_gs
	movq	%gs:0, %rax
	movw	%gs, %cx
	int3
	program	u_gs_load
	movw	%di, %gs
	int3
	program	u_ss
	movw	%di, %ss
	int3
	program	u_lsl
	lsl	%edi, %eax
	int3
	program	u_popf
	pushfq
	orq	$0x3200, (%rsp)
	andq	$~0x200, (%rsp)
	popfq
	pushfq
	popq	%rax
	int3
pv_programs_end:

	.bss
	.balign	8
kernel_rsp:
	.skip	8
user_frame:
	.skip	8
	.globl	pv_syscall_rsp, pv_syscall_rflags
pv_syscall_rsp:
	.skip	8
pv_syscall_rflags:
	.skip	8
	.section .note.GNU-stack, "", @progbits
