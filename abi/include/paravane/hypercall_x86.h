/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The one hook below the wrappers of hypercall_proto.h: a CALL to the hypercall page on x86-64. Whoever includes it
 * defines the pointer, points it at the page's guest-virtual address and makes no call before the page is registered:
 *
 *	void *pvn_hypercall_page;
 */
#ifndef PARAVANE_HYPERCALL_X86_H
#define PARAVANE_HYPERCALL_X86_H

#include <paravane/hypercall.h>

#ifndef __ASSEMBLER__

#ifdef __cplusplus
extern "C" {
#endif
extern void *pvn_hypercall_page;
#ifdef __cplusplus
}
#endif

#ifdef __KERNEL__
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#define PVN_CALL_PAGE CALL_NOSPEC
#define PVN_CALL_IN THUNK_TARGET(pvn_hypercall_page)
#define PVN_CALL_OUT , ASM_CALL_CONSTRAINT
#else
/* User-space code may keep data below its stack pointer, where CALL would put the return address. */
#define PVN_CALL_PAGE "lea -128(%%rsp), %%rsp\n\tcall *%[page]\n\tlea 128(%%rsp), %%rsp"
#define PVN_CALL_IN [page] "r"(pvn_hypercall_page)
#define PVN_CALL_OUT
#endif
/* A call may read and write any guest memory that an argument names. */
#define PVN_CALL_LOST "rcx", "r11", "memory", "cc"

static inline pvn_s64 pvn_hypercall0(pvn_u64 nr)
{
	pvn_s64 ret;

	__asm__ __volatile__(PVN_CALL_PAGE : "=a"(ret) PVN_CALL_OUT : "a"(nr), PVN_CALL_IN : PVN_CALL_LOST);
	return ret;
}

static inline pvn_s64 pvn_hypercall1(pvn_u64 nr, pvn_u64 a0)
{
	pvn_s64 ret;

	__asm__ __volatile__(PVN_CALL_PAGE : "=a"(ret) PVN_CALL_OUT : "a"(nr), "D"(a0), PVN_CALL_IN : PVN_CALL_LOST);
	return ret;
}

static inline pvn_s64 pvn_hypercall2(pvn_u64 nr, pvn_u64 a0, pvn_u64 a1)
{
	pvn_s64 ret;

	__asm__ __volatile__(PVN_CALL_PAGE
			     : "=a"(ret) PVN_CALL_OUT
			     : "a"(nr), "D"(a0), "S"(a1), PVN_CALL_IN
			     : PVN_CALL_LOST);
	return ret;
}

static inline pvn_s64 pvn_hypercall3(pvn_u64 nr, pvn_u64 a0, pvn_u64 a1, pvn_u64 a2)
{
	pvn_s64 ret;

	__asm__ __volatile__(PVN_CALL_PAGE
			     : "=a"(ret) PVN_CALL_OUT
			     : "a"(nr), "D"(a0), "S"(a1), "d"(a2), PVN_CALL_IN
			     : PVN_CALL_LOST);
	return ret;
}

static inline pvn_s64 pvn_hypercall4(pvn_u64 nr, pvn_u64 a0, pvn_u64 a1, pvn_u64 a2, pvn_u64 a3)
{
	register pvn_u64 r10 __asm__("r10") = a3;
	pvn_s64 ret;

	__asm__ __volatile__(PVN_CALL_PAGE
			     : "=a"(ret) PVN_CALL_OUT
			     : "a"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), PVN_CALL_IN
			     : PVN_CALL_LOST);
	return ret;
}

static inline pvn_s64 pvn_hypercall5(pvn_u64 nr, pvn_u64 a0, pvn_u64 a1, pvn_u64 a2, pvn_u64 a3, pvn_u64 a4)
{
	register pvn_u64 r10 __asm__("r10") = a3;
	register pvn_u64 r8 __asm__("r8") = a4;
	pvn_s64 ret;

	__asm__ __volatile__(PVN_CALL_PAGE
			     : "=a"(ret) PVN_CALL_OUT
			     : "a"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), PVN_CALL_IN
			     : PVN_CALL_LOST);
	return ret;
}

static inline pvn_s64 pvn_hypercall6(pvn_u64 nr, pvn_u64 a0, pvn_u64 a1, pvn_u64 a2, pvn_u64 a3, pvn_u64 a4,
				     pvn_u64 a5)
{
	register pvn_u64 r10 __asm__("r10") = a3;
	register pvn_u64 r8 __asm__("r8") = a4;
	register pvn_u64 r9 __asm__("r9") = a5;
	pvn_s64 ret;

	__asm__ __volatile__(PVN_CALL_PAGE
			     : "=a"(ret) PVN_CALL_OUT
			     : "a"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9), PVN_CALL_IN
			     : PVN_CALL_LOST);
	return ret;
}

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_HYPERCALL_X86_H */
