// SPDX-License-Identifier: GPL-2.0-only
/* Control registers and the states that XSAVE saves, as a kernel uses them that was not patched. */
#include "pv.h"

#include <paravane/hypercall_proto.h>

#define ECX_XSAVE (1u << 26)
#define ECX_OSXSAVE (1u << 27)
#define ECX_AVX (1u << 28)
#define XCR0_AVX 0x7ull

static uint32_t cpuid(uint32_t leaf, uint32_t subleaf, unsigned int which)
{
	uint32_t reg[4];

	__asm__ __volatile__("cpuid" : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3]) : "a"(leaf), "c"(subleaf));
	return reg[which];
}

static void xsetbv(uint64_t value)
{
	PV_TRY("xsetbv", : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(0) : "r11", "memory");
}

static uint64_t xgetbv(void)
{
	uint32_t low = 0, high = 0;

	PV_TRY("xgetbv", : "+a"(low), "+d"(high) : "c"(0) : "r11", "memory");
	return (uint64_t)high << 32 | low;
}

static void test_registers(void)
{
	unsigned int before = pv_trapped.count;
	uint64_t cr0 = 0, cr3 = 0, cr4 = 0, value = 0;

	PV_TRY("movq %%cr0, %0", : "=r"(cr0) : : "r11", "memory");
	pv_result((cr0 & 0x80010001) == 0x80010001, "CR0: paging, write protection, protected mode");
	PV_TRY("movq %%cr4, %%r15; movq %%r15, %0", : "=r"(cr4) : : "r11", "r15", "memory");
	pv_result((cr4 & 0x620) == 0x620, "CR4: PAE and SSE");
	PV_TRY("movq %%cr3, %0", : "=r"(cr3) : : "r11", "memory");
	pv_result(cr3 && cr3 % 4096 == 0, "CR3: a table");
	PV_TRY("movq %%cr8, %0", : "=r"(value) : : "r11", "memory");
	pv_equal(0, (int64_t)value, "CR8");
	PV_TRY("movq %0, %%cr0", : : "r"(cr0) : "r11", "memory");
	PV_TRY("movq %0, %%cr3", : : "r"(cr3) : "r11", "memory");
	PV_TRY("movq %0, %%cr4", : : "r"(cr4) : "r11", "memory");
	PV_TRY("movq %0, %%cr2; movq %%cr2, %1", : : "r"(0x1234ull), "r"(value) : "r11", "memory");
	PV_TRY("clts; wbinvd; invd", : : : "r11", "memory");
	pv_equal(before, pv_trapped.count, "writes that change nothing are done");
	PV_TRY("movq %0, %%cr4", : : "r"(cr4 | 1ull << 20) : "r11", "memory");
	pv_expect(before, 13, "one that would switch SMEP on is not");
	PV_TRY("movq %0, %%cr0", : : "r"(cr0 & ~0x10000ull) : "r11", "memory");
	pv_expect(before + 1, 13, "nor one that would switch write protection off");
	PV_TRY("movq %0, %%cr3", : : "r"(cr3 + 4096) : "r11", "memory");
	pv_expect(before + 2, 13, "nor another table");
}

/* The same results on a CPU without XSAVE, of which each is true then. */
static void test_xsave(void)
{
	static uint64_t from[4] = { 1, 2, 3, 4 }, to[4];
	uint32_t features = cpuid(1, 0, 2);
	bool has = features & ECX_XSAVE, avx = features & ECX_AVX;
	uint64_t states = has ? cpuid(0xd, 0, 0) | (uint64_t)cpuid(0xd, 0, 3) << 32 : 0;
	unsigned int before = pv_trapped.count;

	pv_result(!has == !(features & ECX_OSXSAVE), "XSAVE is switched on where there is one");
	pv_result(!(states & ~0xe7ull), "CPUID shows no state but x87, SSE, AVX, AVX-512");
	pv_result(!(cpuid(0xd, 1, 0) & 8), "and no XSAVES");
	if (has)
		xsetbv(avx ? XCR0_AVX : 3);
	pv_equal(before, pv_trapped.count, "XSETBV");
	pv_result(!has || xgetbv() == (avx ? XCR0_AVX : 3), "is in force");
	if (avx)
		PV_TRY("vmovdqu (%0), %%ymm1; vmovdqu %%ymm1, (%1)", : : "r"(from), "r"(to) : "r11", "memory");
	pv_result(!avx || to[3] == 4, "AVX works");
	xsetbv(2);
	pv_result(pv_trapped.count == before + 1 && pv_trapped.frame.vector == (has ? 13 : 6), "x87 cannot be switched off");
	xsetbv(0x203);
	pv_result(pv_trapped.count == before + 2 && pv_trapped.frame.vector == (has ? 13 : 6), "protection keys not on");
	pv_result(!has || xgetbv() == (avx ? XCR0_AVX : 3), "and nothing has changed");
}

void pv_control_suite(void)
{
	test_registers();
	test_xsave();
}
