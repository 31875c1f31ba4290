/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the PVH entry (32-bit protected mode, paging off, start info in ebx) to tiny_main() in 64-bit mode; the second
 * vCPU's way there; interrupts; the trip to user mode.
 *
 * The first 4 GiB are mapped one to one, and again at TINY_HIGH in the upper half; everything may be touched from
 * level 3, since trying that is what this guest is for.
 */
#include "tiny.h"

	.section .note.Xen, "a", @note
	.balign 4
	.long	4, 8, 18		/* name, contents, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.quad	tiny_start

	.text
	.code32
	.globl	tiny_start
tiny_start:
	cli
	movl	$stack_end, %esp
	movl	%ebx, start_info
	lgdt	gdt_pointer
	movl	$stack_end, %edi
	movl	$main64, %esi

/* From 32-bit mode to %esi in 64-bit mode, on the stack %edi. */
enter_long:
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx	/* EFER */
	rdmsr
	orl	$0x100, %eax		/* LME */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000001, %eax	/* PG, PE */
	movl	%eax, %cr0
	ljmp	$TINY_KERNEL_CS, $start64

/* The second vCPU begins in real mode at TINY_AP_START, where tiny_ap_start() has copied this. */
	.code16
	.globl	tiny_ap_begin, tiny_ap_end
tiny_ap_begin:
	cli
	lgdtl	%cs:(ap_gdt_pointer - tiny_ap_begin)
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$TINY_CODE32, $ap32
ap_gdt_pointer:
	.word	gdt_end - tiny_gdt - 1
	.long	tiny_gdt
tiny_ap_end:

	.code32
ap32:
	movl	$TINY_KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	movl	$ap_stack_end, %edi
	movl	$ap64, %esi
	jmp	enter_long

	.code64
start64:
	movl	$TINY_KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%edi, %esp
	movl	%esi, %esi
	jmp	*%rsi

main64:
	movl	start_info, %edi
	call	tiny_main
ap64:
	call	tiny_ap_main

/* Entries of all 256 vectors, 16 bytes apart: each pushes an error code where hardware has none, then its number. */
	.balign	16
	.globl	interrupt_entries
interrupt_entries:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	pushq	$vector
	jmp	interrupt_common
	.set	vector, vector + 1
	.endr

interrupt_common:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	movq	%rsp, %rdi
	cld
	call	tiny_interrupt		/* struct tiny_frame *; the stack is 16-byte aligned here: 5 + 2 + 9 words */
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp		/* vector and error code */
	iretq

/*
 * int64_t tiny_user(uint64_t rax, uint64_t rdi, uint64_t rsi, uint64_t rdx, void (*target)(void))
 * CALL target at level 3 with these registers and with the right to use I/O ports; what it leaves in rax.
 */
	.globl	tiny_user
tiny_user:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, user_return_stack
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	%r8, %rbx
	pushq	$TINY_USER_DS | 3
	pushq	$user_stack_end
	pushq	$0x3002			/* IOPL 3 */
	pushq	$TINY_USER_CS | 3
	pushq	$user_code
	iretq

user_code:
	call	*%rbx
	int	$TINY_USER_VECTOR

/* The gate that user mode comes back through, on the stack that the TSS names: which is left as it is. */
	.globl	tiny_user_return
tiny_user_return:
	movq	user_return_stack, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

/* For tiny_user(): OUT eax to the port in dx, with the value in edi. */
	.globl	tiny_user_out
tiny_user_out:
	movl	%edi, %eax
	outl	%eax, %dx
	ret

/*
 * uint64_t tiny_kept_registers(uint64_t nr, void *page)
 * Bit i is set when the call through the page has changed a register that it must keep, or kept one that it must
 * lose: 0 rbx, 1 rbp, 2 rdx, 3 rsi, 4 rdi, 5 r8, 6 r9, 7 r10, 8 r12, 9 r13, 10 r14, 11 r15, 12 rsp, 13 rcx, 14 r11.
 */
	.macro	check register, value, bit
	cmpq	$\value, \register
	je	1f
	btsq	$\bit, found
1:
	.endm

	.globl	tiny_kept_registers
tiny_kept_registers:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	$0, found
	movq	%rdi, %rax
	movq	%rsi, target
	movq	%rsp, kept_stack
	movq	$0x101, %rbx
	movq	$0x102, %rbp
	movq	$0x103, %rdx
	movq	$0x104, %rsi
	movq	$0x105, %rdi
	movq	$0x106, %r8
	movq	$0x107, %r9
	movq	$0x108, %r10
	movq	$0x109, %r12
	movq	$0x10a, %r13
	movq	$0x10b, %r14
	movq	$0x10c, %r15
	movq	$0x10d, %rcx
	movq	$0x10e, %r11
	call	*target
	check	%rbx, 0x101, 0
	check	%rbp, 0x102, 1
	check	%rdx, 0x103, 2
	check	%rsi, 0x104, 3
	check	%rdi, 0x105, 4
	check	%r8, 0x106, 5
	check	%r9, 0x107, 6
	check	%r10, 0x108, 7
	check	%r12, 0x109, 8
	check	%r13, 0x10a, 9
	check	%r14, 0x10b, 10
	check	%r15, 0x10c, 11
	cmpq	kept_stack, %rsp
	je	1f
	btsq	$12, found
1:	check	%rcx, 0, 13
	check	%r11, 0, 14
	movq	found, %rax
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.data
	.balign	4096
pml4:
	.quad	pdpt + 7		/* present, writable, user */
	.fill	510, 8, 0
	.quad	pdpt + 7		/* TINY_HIGH */
pdpt:
	.quad	page_directories + 7, page_directories + 0x1007, page_directories + 0x2007, page_directories + 0x3007
	.fill	508, 8, 0
page_directories:
	.set	frame, 0
	.rept	2048
	.quad	frame + 0x87		/* large page */
	.set	frame, frame + 0x200000
	.endr

	.balign	16
	.globl	tiny_gdt
tiny_gdt:
	.quad	0
	.quad	0x00af9a000000ffff	/* kernel code */
	.quad	0x00cf92000000ffff	/* kernel data */
	.quad	0x00cff2000000ffff	/* user data */
	.quad	0x00affa000000ffff	/* user code */
	.quad	0, 0			/* task state, filled in by tiny_main() */
	.quad	0x00cf9a000000ffff	/* 32-bit code */
gdt_end:
gdt_pointer:
	.word	gdt_end - tiny_gdt - 1
	.quad	tiny_gdt

	.bss
	.balign	16
	.skip	16384
stack_end:
	.skip	8192
ap_stack_end:
	.skip	4096
user_stack_end:
	.skip	8192
	.globl	tiny_interrupt_stack_end
tiny_interrupt_stack_end:
start_info:
	.skip	8
user_return_stack:
	.skip	8
kept_stack:
	.skip	8
target:
	.skip	8
found:
	.skip	8
	.section .note.GNU-stack, "", @progbits
