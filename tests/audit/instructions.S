/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every instruction that `paravane audit` lists, each at an address that the assembler writes down beside it:
 * I KIND, STATUS, INSTRUCTION. In .audit_expected, 64 bytes each: where, how long, then the two words.
 */

.macro expect kind, status, from, to
	.pushsection .audit_expected, "", @progbits
	.balign 64
	.long	\from - text_start, \to - \from
	.asciz	"\kind"
	.asciz	"\status"
	.balign 64
	.popsection
.endm

.macro I kind, status, insn:vararg
771:
	\insn
772:
	expect	"\kind", \status, 771b, 772b
.endm

	.text
text_start:
	.globl	sensitive
	.type	sensitive, @function
sensitive:
	I	"sgdt", silent, sgdt (%rax)
	I	"sidt", silent, sidt 8(%rsp)
	I	"sldt", silent, sldt %ax
	I	"str", silent, str %eax
	I	"smsw", silent, smsw %eax
	I	"pushf", silent, pushfq
	I	"pushf", silent, pushfw
	I	"popf", silent, popfq
	I	"popf", silent, popfw
	I	"lar", silent, lar %cx, %eax
	I	"lsl", silent, lsl %cx, %rax
	I	"verr", silent, verr %ax
	I	"verw", silent, verw (%rax)
	I	"push seg", silent, push %fs
	I	"push seg", silent, push %gs
	I	"pop seg", silent, pop %fs
	I	"pop seg", silent, pop %gs
	I	"mov from seg", silent, mov %cs, %eax
	I	"mov from seg", silent, mov %ds, (%rdi)
	I	"mov to seg", silent, mov %eax, %ss
	I	"mov to seg", silent, mov (%rsi), %es
	I	"lss/lfs/lgs", silent, lss (%rax), %ecx
	I	"lss/lfs/lgs", silent, lfs (%rax), %ecx
	I	"lss/lfs/lgs", silent, lgs (%rax), %ecx
	I	"call far", silent, lcall *(%rax)
	I	"jmp far", silent, ljmp *(%rax)
	I	"ret far", silent, lretq
	I	"ret far", silent, lretl $8
	I	"iret", silent, iretq
	I	"iret", silent, iretl
	I	"int n", trap, int $0x80
	/* Neighbours in name or encoding that are none of them. */
	push	%rax
	pop	%rcx
	mov	%rax, %rcx
	mov	%fs:0x10, %rax
	call	sensitive
	jmp	sensitive
	call	*(%rax)
	jmp	*(%rax)
	ret
	int3
	ud2
	syscall
	sysenter
	clflush	(%rax)
	xsave	(%rax)
	xrstor	(%rax)
	lfence
	prefetcht0 (%rax)
	nopl	0(%rax)
	.size	sensitive, . - sensitive

	.globl	privileged
	.type	privileged, @function
privileged:
	I	"cli", trap, cli
	I	"sti", trap, sti
	I	"in", trap, in %dx, %al
	I	"in", trap, in $0x60, %eax
	I	"out", trap, out %al, $0x60
	I	"out", trap, out %ax, %dx
	I	"ins", trap, insb
	I	"ins", trap, rep insl
	I	"outs", trap, outsb
	I	"outs", trap, rep outsw
	I	"hlt", trap, hlt
	I	"lgdt", trap, lgdt (%rax)
	I	"lidt", trap, lidt (%rax)
	I	"lldt", trap, lldt %ax
	I	"ltr", trap, ltr %ax
	I	"lmsw", trap, lmsw %ax
	I	"clts", trap, clts
	I	"mov cr", trap, mov %cr0, %rax
	I	"mov cr", trap, mov %rax, %cr3
	I	"mov cr", trap, mov %rax, %cr8
	I	"mov dr", trap, mov %db7, %rax
	I	"mov dr", trap, mov %rax, %db0
	I	"rdmsr", trap, rdmsr
	I	"wrmsr", trap, wrmsr
	I	"invd", trap, invd
	I	"wbinvd", trap, wbinvd
	I	"wbinvd", trap, wbnoinvd
	I	"invlpg", trap, invlpg (%rax)
	I	"invpcid", trap, invpcid (%rax), %rcx
	I	"invlpgb/tlbsync", trap, invlpgb
	I	"invlpgb/tlbsync", trap, tlbsync
	I	"swapgs", trap, swapgs
	I	"sysret", trap, sysretq
	I	"sysret", trap, sysretl
	I	"sysexit", trap, sysexitl
	I	"xsetbv", trap, xsetbv
	I	"xsaves/xrstors", trap, xsaves (%rax)
	I	"xsaves/xrstors", trap, xrstors64 (%rax)
	I	"clac", trap, clac
	I	"stac", trap, stac
	I	"monitor/mwait", trap, monitor
	I	"monitor/mwait", trap, mwait
	I	"shadow stack", trap, wrussq %rax, (%rcx)
	I	"shadow stack", trap, setssbsy
	I	"shadow stack", trap, clrssbsy (%rax)
	I	"other privileged", trap, encls
	I	"other privileged", trap, pconfig
	I	"other privileged", trap, hreset $0
	I	"other privileged", trap, enqcmds (%rax), %rcx
	I	"other privileged", trap, rsm
	I	"other privileged", trap, getsec
	.size	privileged, . - privileged

	.globl	controlled
	.type	controlled, @function
controlled:
	I	"rdtsc", same, rdtsc
	I	"rdtsc", same, rdtscp
	I	"rdpmc", trap, rdpmc
	I	"cpuid", same, cpuid
	I	"monitorx/mwaitx", same, monitorx
	I	"monitorx/mwaitx", same, mwaitx
	I	"fsgsbase", same, rdfsbase %rax
	I	"fsgsbase", same, wrgsbase %rax
	I	"xgetbv", same, xgetbv
	I	"rdpkru/wrpkru", same, rdpkru
	I	"rdpkru/wrpkru", same, wrpkru
	.size	controlled, . - controlled

	.globl	virtualization
	.type	virtualization, @function
virtualization:
	I	"vmcall/vmmcall", silent, vmcall
	I	"vmcall/vmmcall", silent, vmmcall
	I	"vmfunc", silent, vmfunc
	I	"vmlaunch/vmresume", trap, vmlaunch
	I	"vmlaunch/vmresume", trap, vmresume
	I	"vmxon/vmxoff", trap, vmxon (%rax)
	I	"vmxon/vmxoff", trap, vmxoff
	I	"vmread/vmwrite", trap, vmread %rax, %rcx
	I	"vmread/vmwrite", trap, vmwrite %rax, %rcx
	I	"vmptrld/vmptrst/vmclear", trap, vmptrld (%rax)
	I	"vmptrld/vmptrst/vmclear", trap, vmptrst (%rax)
	I	"vmptrld/vmptrst/vmclear", trap, vmclear (%rax)
	I	"invept/invvpid", trap, invept (%rax), %rcx
	I	"invept/invvpid", trap, invvpid (%rax), %rcx
	I	"vmrun", trap, vmrun
	I	"vmload/vmsave", trap, vmload
	I	"vmload/vmsave", trap, vmsave
	I	"stgi/clgi/skinit", trap, stgi
	I	"stgi/clgi/skinit", trap, clgi
	I	"stgi/clgi/skinit", trap, skinit
	I	"invlpga", trap, invlpga
	I	"sev-snp", trap, psmash
	I	"sev-snp", trap, pvalidate
	I	"sev-snp", trap, rmpadjust
	I	"sev-snp", trap, rmpupdate
	I	"tdx", trap, tdcall
	I	"tdx", trap, seamcall
	I	"tdx", trap, seamret
	I	"tdx", trap, seamops
	.size	virtualization, . - virtualization

	/* A prefix that is no code: as instructions, its letters would be a jump and an OUTSB. */
	.globl	forced
	.type	forced, @function
forced:
	ud2
	.ascii	"xen"
	I	"cpuid", same, cpuid
	ud2
	.ascii	"kvm"
	I	"rdmsr", trap, rdmsr
	.size	forced, . - forced

	/* Data with a symbol: not looked at, though it reads WRMSR, HLT. */
	.globl	table
	.type	table, @object
table:
	.byte	0x0f, 0x30, 0xf4, 0x0f, 0x30
	.size	table, . - table

	/* Bytes that are no instruction; what follows is listed, as doubtful, up to the next symbol. */
	.globl	broken
	.type	broken, @function
broken:
	.byte	0x06
	I	"hlt", trap, hlt
	.size	broken, . - broken

	/*
	 * A byte that would make one instruction with what follows, but a symbol is between them. What it would make is
	 * sensitive: listed too, as doubtful.
	 */
	.globl	cut
	.type	cut, @function
cut:
	.byte	0x48
	.size	cut, . - cut
	.globl	after_cut
	.type	after_cut, @function
after_cut:
	I	"wrmsr", trap, wrmsr
	expect	"wrmsr", trap, cut, after_cut + 2
	.size	after_cut, . - after_cut
