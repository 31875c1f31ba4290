/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall page. It lies in the module's text, because a module has no other memory that it
 * may execute: the loader maps it read-only and executable, and the host writes to the physical
 * page behind it. Until then each byte is a trap.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>

	.section .text.pvn_hypercall_page, "ax"
	.balign 4096
	.globl pvn_hypercall_page
pvn_hypercall_page:
	/* Called directly; its address is taken only to find the physical page. */
	ANNOTATE_NOENDBR
	.skip 4096, 0xcc
