/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux's patch tables, with a record for each rule of what they say. NEW_RECORDS: as Linux writes them from 6.3 on.
 * The symbol in front of an instruction is its name in the test; a local one names the record's parts.
 */

#define XENPV (8 * 32 + 16)
#define ALWAYS (3 * 32 + 21)
#define SMAP (9 * 32 + 20)
#define LFENCE_RDTSC (3 * 32 + 18)

.macro alt site, site_end, repl, repl_end, feature, inverted=0
	.pushsection .altinstructions, "a"
	.long	\site - .
	.long	\repl - .
#ifdef NEW_RECORDS
	.short	\feature
	.short	\inverted
#else
	.short	\feature + \inverted * 0x8000
#endif
	.byte	\site_end - \site
	.byte	\repl_end - \repl
	.popsection
.endm

.macro paravirt site, site_end
	.pushsection .parainstructions, "a"
	.balign 8
	.quad	\site
	.byte	7, \site_end - \site
	.popsection
.endm

.macro function name
	.globl	\name
	.type	\name, @function
\name:
.endm

	.text
	/* Taken away where XENPV is set. */
function removed
	swapgs
1:	ret
	.size	removed, . - removed
	alt	removed, 1b, replacements, replacements, XENPV

	/* Put there only where XENPV is not set. */
function native
	call	*0x11223344
1:	ret
	.size	native, . - native
	alt	native, 1b, r_native, r_native_end, XENPV, 1

	/* Put there by a feature that the host may hide. */
function by_feature
	nopl	(%rax)
1:	ret
	.size	by_feature, . - by_feature
	alt	by_feature, 1b, r_by_feature, r_by_feature_end, SMAP

	/* Taken away by such a feature. */
function away_by_feature
	rdtsc
	nopl	(%rax)
1:	ret
	.size	away_by_feature, . - away_by_feature
	alt	away_by_feature, 1b, replacements, replacements, LFENCE_RDTSC

	/* Replaced for XENPV, by another one. */
function exchanged
	wbinvd
1:	ret
	.size	exchanged, . - exchanged
	alt	exchanged, 1b, r_exchanged, r_exchanged_end, XENPV

	/* Two records; the second, which always applies there, is written over what the first put. */
function twice
	rdpmc
	nopl	(%rax)
1:	ret
	.size	twice, . - twice
	alt	twice, 1b, r_twice, r_twice_end, LFENCE_RDTSC
	alt	twice, 1b, replacements, replacements, XENPV

	/* Two records the other way round: the first, for XENPV, is certain, and the second may come over it. */
function thrice
	rdmsr
	nop
1:	ret
	.size	thrice, . - thrice
	alt	thrice, 1b, replacements, replacements, XENPV
	alt	thrice, 1b, r_thrice, r_thrice_end, SMAP

	/* ALWAYS is what it says. */
function always
	clts
1:	ret
	.size	always, . - always
	alt	always, 1b, replacements, replacements, ALWAYS

	/* Written anew from pv_ops. */
function paravirt_site
	cli
	nop
1:	ret
	.size	paravirt_site, . - paravirt_site
	paravirt paravirt_site, 1b

	/* One byte of two covered: that proves nothing. */
function half
	wrmsr
	ret
	.size	half, . - half
	alt	half, half + 1, replacements, replacements, XENPV

	/* In no record. */
function left
	invlpg	(%rax)
	pushfq
	ret
	.size	left, . - left

	.section .init.text, "ax"
function early
	lgdt	(%rax)
	ret
	.size	early, . - early

	/* What is put into init code runs where its site does. */
function early_site
	nopl	(%rax)
1:	ret
	.size	early_site, . - early_site
	alt	early_site, 1b, r_early, r_early_end, XENPV

	.section .altinstr_replacement, "ax"
replacements:
r_native:
	sti
r_native_end:
r_by_feature:
	stac
r_by_feature_end:
r_exchanged:
	hlt
r_exchanged_end:
r_twice:
	mov	%cr0, %rax
r_twice_end:
r_thrice:
	ltr	%ax
r_thrice_end:
r_early:
	lidt	(%rax)
r_early_end:
