// SPDX-License-Identifier: GPL-2.0-only
/* Family mmu from inside: a kernel that makes a table zone, builds tables in it, and moves into them. */
#include "pv.h"

#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

#define ZONE 0x2400000ull /* free memory, 36 MiB */
#define ZONE_BYTES 0x200000ull
#define PAGE 0x2000000ull /* free memory that gets mapped */
#define RAM_CHUNKS 32
#define TEST_VA 0x10000000ull
#define P 0x1ull
#define W 0x2ull
#define U 0x4ull
#define A 0x20ull
#define D 0x40ull
#define LARGE 0x80ull
#define NX (1ull << 63)
#define LINK (P | W | U)

/* Frames of the zone. */
#define TABLE(n) (ZONE + (n) * 4096)
#define K4 TABLE(0)
#define K3_DIRECT TABLE(1)
#define K2_DIRECT TABLE(2)
#define K3_IMAGE TABLE(3)
#define K2_IMAGE TABLE(4)
#define K1_IMAGE TABLE(5)
#define U3 TABLE(6)
#define U2 TABLE(7)
#define U1 TABLE(8)
#define U4 TABLE(9)
/* For the last page below the gap. */
#define U3_EDGE TABLE(10)
#define U2_EDGE TABLE(11)
#define U1_EDGE TABLE(12)
#define SPARE TABLE(20)

static uint64_t values[512] __attribute__((aligned(4096)));
static char info_page[4096] __attribute__((aligned(4096)));
static struct pvn_mmu_update updates[64], runs[3];
static uint64_t old;

static volatile uint64_t *direct(uint64_t gpa)
{
	return (volatile uint64_t *)(PVN_PV_DIRECT_MAP + gpa);
}

/* Tables are written directly, in memory like any other. */
static bool trusted;

static int64_t set(uint64_t table, unsigned int index, uint64_t value)
{
	if (trusted) {
		direct(table)[index] = value;
		return 0;
	}
	return pvn_mmu_entry_set(table + 8 * index, value);
}

static void test_zone(void)
{
	unsigned int before = pv_trapped.count;
	uint64_t value = 1;

	*direct(ZONE) = 0x5a;
	pv_equal(-PVN_EBUSY, pvn_mmu_zone_add(pv_gpa(info_page) & ~(ZONE_BYTES - 1), ZONE_BYTES),
		 "the kernel's own memory can't become zone");
	pv_equal(-PVN_EFAULT, pvn_mmu_zone_add(0xc0000000, ZONE_BYTES), "nor can what is no RAM");
	pv_equal(0, pvn_event_page_register(ZONE + ZONE_BYTES - 4096), "a page of events in what is to be zone");
	pv_equal(-PVN_EBUSY, pvn_mmu_zone_add(ZONE, ZONE_BYTES), "what the VMM shares can't become zone");
	*direct(ZONE) = 0x5b;
	pv_equal(0x5b, (int64_t)*direct(ZONE), "and stays the guest's");
	pv_equal(0, pvn_event_page_unregister(), "until the VMM has let go");
	pv_equal(0, pvn_mmu_zone_add(ZONE, ZONE_BYTES), "mmu.zone_add");
	PV_TRY("movq %0, (%1)", : : "a"(1ull), "b"(direct(ZONE)) : "r11", "memory");
	pv_expect(before, 14, "the zone cannot be written in the direct map");
	pv_equal(3, (int64_t)pv_trapped.frame.error, "error code: present, a write");
	PV_TRY("movq (%1), %0", : "+a"(value) : "b"(direct(ZONE)) : "r11", "memory");
	pv_equal(0, (int64_t)value, "it can be read, and is zero");
	pv_equal(-PVN_EFAULT, pvn_debug_log(ZONE, 16), "the VMM's calls are given nothing of it");
	pv_equal(-PVN_EFAULT, pvn_core_describe(0, ZONE), "nor write there");
	pv_equal(-PVN_EFAULT, pvn_memory_release(ZONE, 4096), "nor take it away");
	pv_equal(-PVN_EFAULT, pvn_core_multicall(ZONE, 1, 0), "nor the monitor's write there");
}

static int64_t fill(uint64_t table, unsigned int count)
{
	if (!trusted)
		return pvn_mmu_table_fill(table, 0, count, pv_gpa(values));
	for (unsigned int i = 0; i < count; i++)
		set(table, i, values[i]);
	return 0;
}

static int64_t make_tables(void)
{
	static const struct {
		uint64_t frame;
		uint32_t level, flags;
	} table[] = {
		{ K4, 4, PVN_MMU_TABLE_KERNEL },       { K3_DIRECT, 3, PVN_MMU_TABLE_KERNEL },
		{ K2_DIRECT, 2, PVN_MMU_TABLE_KERNEL }, { K3_IMAGE, 3, PVN_MMU_TABLE_KERNEL },
		{ K2_IMAGE, 2, PVN_MMU_TABLE_KERNEL },  { K1_IMAGE, 1, PVN_MMU_TABLE_KERNEL },
		{ U3, 3, 0 }, { U2, 2, 0 }, { U1, 1, 0 }, { U4, 4, 0 },
		{ U3_EDGE, 3, 0 }, { U2_EDGE, 2, 0 }, { U1_EDGE, 1, 0 },
	};
	int64_t ret = 0;

	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		ret |= pvn_mmu_table_alloc(table[i].frame, table[i].level, table[i].flags);
	return ret;
}

/* The image as its segments say, RAM in large pages. */
static int64_t fill_tables(void)
{
	uint64_t text = PV_BASE + 0x1000000, at;
	unsigned int n = 0;
	int64_t ret;

	for (at = text; at < (uint64_t)pv_end; at += 4096)
		values[n++] = pv_gpa((void *)at) | P | U | (at < (uint64_t)pv_data ? 0 : W | NX);
	ret = fill(K1_IMAGE, n);
	for (n = 0; n < RAM_CHUNKS; n++)
		values[n] = n * ZONE_BYTES | P | U | NX | LARGE | (n * ZONE_BYTES == ZONE && !trusted ? 0 : W);
	ret |= fill(K2_DIRECT, n);
	ret |= set(K3_DIRECT, 0, K2_DIRECT | LINK);
	ret |= set(K4, PVN_PV_DIRECT_MAP >> 39 & 511, K3_DIRECT | LINK);
	ret |= set(K2_IMAGE, text >> 21 & 511, K1_IMAGE | LINK);
	ret |= set(K3_IMAGE, text >> 30 & 511, K2_IMAGE | LINK);
	ret |= set(K4, text >> 39 & 511, K3_IMAGE | LINK);
	ret |= set(U2, TEST_VA >> 21 & 511, U1 | LINK);
	ret |= set(U3, 0, U2 | LINK);
	ret |= set(K4, 0, U3 | LINK | NX);
	return ret | set(U4, 0, U3 | LINK);
}

static uint64_t monitor_gpa(void)
{
	uint32_t a = 0x80000008, b, c = 0, d, bits;

	__asm__ __volatile__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	/* docs/pv-mode.md: where this VMM puts the monitor. A guest has no business to know. */
	bits = a & 0xff;
	return 1ull << ((bits < 48 ? bits : 48) - 1);
}

static void test_refused(void)
{
	pv_equal(-PVN_EINVAL, set(U1, 0, monitor_gpa() | P | U | NX), "the monitor's memory cannot be mapped");
	pv_equal(-PVN_EINVAL, set(K2_DIRECT, 40, monitor_gpa() | P | U | NX | LARGE), "nor in a large page");
	pv_equal(-PVN_EINVAL, set(U2, 7, monitor_gpa() | LINK), "nor used as a table");
	pv_equal(-PVN_EINVAL, set(U1, 0, K4 | LINK | NX), "a table cannot be mapped writable");
	pv_equal(-PVN_EINVAL, set(K2_DIRECT, ZONE >> 21, ZONE | LINK | NX | LARGE), "nor in a large page");
	pv_equal(-PVN_EINVAL, set(U2, 7, PAGE | LINK), "memory cannot be used as a table");
	pv_equal(-PVN_EINVAL, set(U2, 7, U3 | LINK), "nor a table of another level");
	pv_equal(-PVN_EINVAL, set(K4, 256, 0), "the monitor's slots cannot be changed");
	pv_equal(-PVN_EINVAL, set(K4, 1, U3 | LINK), "kernel mode executes nothing of the lower half");
	pv_equal(-PVN_EINVAL, set(K1_IMAGE, 0, pv_gpa(pv_page) | LINK),
		 "nor is anything writable and executable in the upper");
	pv_equal(-PVN_ERANGE, pvn_mmu_space_switch(PAGE, 0, 0), "a top-level table that is none");
	pv_equal(-PVN_ERANGE, pvn_mmu_space_switch(monitor_gpa(), 0, 0), "the monitor's memory as one");
	pv_equal(-PVN_ESTATE, pvn_mmu_space_switch(K3_IMAGE, 0, 0), "a table of level 3 as one");
	pv_equal(-PVN_ESTATE, pvn_mmu_space_switch(U4, 0, 0), "user mode's for kernel mode");
	pv_equal(-PVN_EBUSY, pvn_mmu_zone_remove(ZONE, ZONE_BYTES), "a zone with tables in it stays");
}

static void test_mapping(void)
{
	volatile uint64_t *at = (volatile uint64_t *)TEST_VA;
	unsigned int before = pv_trapped.count;
	uint64_t value = 0;

	*direct(PAGE) = 0x1234567;
	pv_equal(0, set(U1, 0, PAGE | P | U | W), "a page is mapped");
	PV_TRY("movq (%1), %0", : "+a"(value) : "b"(at) : "r11", "memory");
	pv_equal(0x1234567, (int64_t)value, "and read through the new mapping");
	*at = 7;
	pv_equal(7, (int64_t)*direct(PAGE), "and written");
	pv_equal(0, pvn_mmu_entry_mask(U1, ~W, 0, pv_gpa(&old)), "mmu.entry_mask takes the right to write away");
	pv_equal((int64_t)(PAGE | P | U | W | A | D), (int64_t)old, "and hands back the bits that the CPU has set");
	pv_equal(0, pvn_mmu_flush_page(TEST_VA, 0), "mmu.flush_page");
	PV_TRY("movq %0, (%1)", : : "a"(1ull), "b"(at) : "r11", "memory");
	pv_expect(before, 14, "a write faults now");
	pv_equal(3, (int64_t)pv_trapped.frame.error, "error code: present, a write");
	PV_TRY("jmp *%0", : : "a"(at) : "r11", "memory");
	pv_expect(before + 1, 14, "a jump there does, too");
	pv_equal(0x11, (int64_t)pv_trapped.frame.error, "error code: present, a fetch");
	pv_equal(0, pvn_mmu_entry_exchange(U1, 0, pv_gpa(&old)), "mmu.entry_exchange unmaps it");
	pv_equal((int64_t)(PAGE | P | U | A | D), (int64_t)old, "the dirty bit is not lost");
	pv_equal(0, pvn_mmu_flush_range(TEST_VA, 1, 0), "mmu.flush_range");
	PV_TRY("movq (%1), %0", : "+a"(value) : "b"(at) : "r11", "memory");
	pv_expect(before + 2, 14, "a read faults now");
	pv_equal(0, (int64_t)pv_trapped.frame.error, "error code: not present, a read");
	pv_equal((int64_t)TEST_VA, (int64_t)pv_info->fault_address, "fault_address");
}

/* Pages of a run come, are written to, lose the right, keep what the CPU has noted, and go. */
static void test_runs(void)
{
	volatile uint64_t *at = (volatile uint64_t *)(TEST_VA + 0x10000);
	const uint64_t first = U1 + 8 * 16, more = 3ull << PVN_MMU_MORE_SHIFT;
	unsigned int before = pv_trapped.count;

	for (unsigned int i = 0; i < 4; i++)
		values[i] = (PAGE + 4096 * i) | P | U | W | NX;
	runs[0] = (struct pvn_mmu_update){ first | PVN_MMU_COPY | more, pv_gpa(values), 0 };
	runs[1] = (struct pvn_mmu_update){ first | PVN_MMU_MASK | more, 0, ~W };
	runs[2] = (struct pvn_mmu_update){ first | PVN_MMU_SET | more, 0, 0 };
	pv_equal(1, pvn_mmu_update(pv_gpa(runs), 1), "mmu.update maps a run of pages");
	at[3 * 512] = 11;
	pv_equal(11, (int64_t)*direct(PAGE + 3 * 4096), "the last one is written through it");
	pv_equal(1, pvn_mmu_update(pv_gpa(runs + 1), 1), "takes the right to write away");
	pv_equal((int64_t)((values[3] & ~W) | A | D), (int64_t)direct(U1)[16 + 3], "and keeps what the CPU has set");
	pv_equal(0, pvn_mmu_flush_range(TEST_VA + 0x10000, 4, 0), "mmu.flush_range");
	PV_TRY("movq %0, (%1)", : : "a"(1ull), "b"(at + 3 * 512) : "r11", "memory");
	pv_expect(before, 14, "a write faults now");
	values[2] = U4 | P | U | W | NX;
	pv_equal(-PVN_EINVAL, pvn_mmu_update(pv_gpa(runs), 1), "a run with a table in it that could be written is refused");
	pv_equal((int64_t)values[1], (int64_t)direct(U1)[16 + 1], "the one before it is written");
	pv_equal((int64_t)((PAGE + 2 * 4096) | P | U | NX), (int64_t)direct(U1)[16 + 2], "it is not");
	pv_equal(2, pvn_mmu_update(pv_gpa(runs + 1), 2), "two runs by one call");
	pv_equal(0, (int64_t)(direct(U1)[16] | direct(U1)[16 + 3]), "and they are gone");
	pv_equal(0, pvn_mmu_flush_all(0), "mmu.flush_all");
}

static void test_own_tables(void)
{
	unsigned int before = pv_trapped.count;
	uint64_t value;

	PV_TRY("movq %0, (%1)", : : "a"(1ull), "b"(direct(K4)) : "r11", "memory");
	pv_expect(before, 14, "a table cannot be written directly");
	pv_equal(3, (int64_t)pv_trapped.frame.error, "error code: present, a write");
	pv_equal((int64_t)(K3_IMAGE | LINK | A), (int64_t)direct(K4)[511], "it can be read");
	PV_TRY("movq (%1), %0", : "=a"(value) : "b"(PVN_PV_HOLE_START) : "r11", "memory");
	pv_expect(before + 1, 14, "the monitor cannot be read here either");
	PV_TRY("movq %0, (%1)", : : "a"(1ull), "b"(0xffff808000000000 + K4) : "r11", "memory");
	pv_expect(before + 2, 14, "nor the tables written through its map of RAM");
}

static void test_reuse(void)
{
	pv_equal(0, pvn_mmu_table_alloc(SPARE, 1, 0), "a spare table");
	pv_equal(0, set(U2, 9, SPARE | LINK), "is linked");
	pv_equal(-PVN_EBUSY, pvn_mmu_table_free(SPARE), "in use it cannot be freed");
	pv_equal(0, set(U2, 9, 0), "is unlinked");
	pv_equal(0, pvn_mmu_table_free(SPARE), "and freed");
	pv_equal(-PVN_EBUSY, pvn_mmu_table_alloc(SPARE, 2, 0), "before a flush it is no other table");
	pv_equal(0, pvn_mmu_flush_all(0), "mmu.flush_all");
	pv_equal(0, pvn_mmu_table_alloc(SPARE, 2, 0), "afterwards it is");
	pv_equal(-PVN_EBUSY, pvn_mmu_table_free(K4), "the table that the vCPU runs on stays");
}

static int64_t start(void)
{
	pvn_core_accept_features(PVN_ABI_VERSION, (uint32_t)pvn_core_features(0), 0, 0, 0);
	pv_traps_register(0);
	pvn_vcpu_info_register(0, pv_gpa(info_page));
	pv_info = (struct pvn_vcpu_info *)info_page;
	return pvn_mmu_entry_set(ZONE, 0);
}

void pv_mmu_suite(void)
{
	pv_equal(-PVN_ERANGE, start(), "before there is a zone there is no entry to write");
	test_zone();
	pv_equal(0, make_tables(), "mmu.table_alloc");
	pv_equal(0, fill_tables(), "mmu.table_fill and mmu.entry_set");
	test_refused();
	pv_equal(0, pvn_mmu_space_switch(K4, U4, 0), "mmu.space_switch: life goes on in tables of one's own");
	test_mapping();
	test_runs();
	test_own_tables();
	test_reuse();
}

int64_t pv_mmu_switch(bool user)
{
	return pvn_mmu_space_switch(K4, user ? U4 : 0, 0);
}

void pv_mmu_tops(uint64_t *kernel, uint64_t *user)
{
	*kernel = K4;
	*user = U4;
}

int64_t pv_mmu_more_zone(void)
{
	uint64_t chunk = ZONE + ZONE_BYTES;

	return set(K2_DIRECT, chunk >> 21 & 511, chunk | P | U | NX | LARGE) | pvn_mmu_zone_add(chunk, ZONE_BYTES);
}

uint64_t pv_mmu_second_top(void)
{
	return SPARE;
}

int64_t pv_mmu_fill_top(uint64_t top)
{
	int64_t ret = 0;

	for (unsigned int i = 0; i < 512; i++)
		if ((i < 256 || i > 271) && direct(K4)[i] & P)
			ret |= set(top, i, direct(K4)[i] & ~(A | D));
	return ret;
}

int64_t pv_mmu_map(unsigned int index, uint64_t value)
{
	return set(U1, index, value);
}

void pv_mmu_spaces(bool by_hand)
{
	int64_t ret;

	start();
	trusted = by_hand;
	ret = trusted ? pvn_mmu_zone_trust(1) : pvn_mmu_zone_add(ZONE, ZONE_BYTES) | make_tables();
	ret |= fill_tables();
	ret |= set(U1, 0, (PAGE + 4096) | P | U);
	ret |= set(U1, 1, (PAGE + 8192) | P | U | W | NX);
	ret |= set(U1_EDGE, 511, (PAGE + 12288) | P | U);
	ret |= set(U2_EDGE, 511, U1_EDGE | LINK);
	ret |= set(U3_EDGE, 511, U2_EDGE | LINK);
	ret |= set(U4, 255, U3_EDGE | LINK);
	pv_equal(0, ret | pv_mmu_switch(true), "an address space for programs");
}

void pv_mmu_break(void)
{
	direct(K4)[257] = 0;
}

void pv_mmu_trusted(void)
{
	pv_equal(0, pvn_mmu_zone_trust(1), "with trusted tables: mmu.zone_trust again");
	pv_equal(-PVN_ERANGE, pvn_mmu_zone_trust(0), "there is no way back");
	pv_equal(-PVN_ESTATE, pvn_mmu_zone_add(ZONE, ZONE_BYTES), "no zone");
	pv_equal(-PVN_ESTATE, pvn_mmu_zone_remove(ZONE, ZONE_BYTES), "not even to remove");
	pv_equal(-PVN_ESTATE, pvn_mmu_table_alloc(SPARE, 1, 0), "no tables of the monitor's making");
	pv_equal(-PVN_ESTATE, pvn_mmu_entry_set(U1, 0), "nor entries");
	pv_equal(-PVN_ERANGE, pvn_mmu_space_switch(0xc0000000, 0, 0), "a top-level table that is not RAM");
	pv_equal(-PVN_ERANGE, pvn_mmu_space_switch(monitor_gpa(), 0, 0), "or the monitor's");
	pv_equal(0, pvn_mmu_flush_all(0), "mmu.flush_all");
	pv_equal((int64_t)direct(K4)[256], (int64_t)direct(U4)[256], "the monitor's entries are in both tables");
	pv_result(direct(U4)[256] & P && !(direct(U4)[256] & U), "and not the guest's");
}

static void one_set(void)
{
	pvn_mmu_entry_set(U1, PAGE | P | U | W);
}

static void one_flush(void)
{
	pvn_mmu_flush_all(0);
}

/* What the call costs that finds nothing cached: in time, since instructions are the same. */
static void one_flush_and_set(void)
{
	pvn_mmu_flush_all(0);
	pvn_mmu_entry_set(U1, PAGE | P | U | W);
}

static void one_update(void)
{
	pvn_mmu_update(pv_gpa(updates), 64);
}

static void one_run(void)
{
	pvn_mmu_update(pv_gpa(runs), 1);
}

static void one_protect(void)
{
	pvn_mmu_update(pv_gpa(runs) + sizeof(runs[0]), 1);
}

static void one_clear(void)
{
	pvn_mmu_update(pv_gpa(runs) + 2 * sizeof(runs[0]), 1);
}

static void one_fill(void)
{
	pvn_mmu_table_fill(U1, 0, 512, pv_gpa(values));
}

static void one_mask(void)
{
	pvn_mmu_entry_mask(U1, ~W, W, pv_gpa(&old));
}

static void one_switch(void)
{
	pvn_mmu_space_switch(K4, U4, 0);
}

void pv_mmu_benches(void)
{
	start();
	if (pvn_mmu_zone_add(ZONE, ZONE_BYTES) || make_tables() || fill_tables())
		return;
	for (unsigned int i = 0; i < 64; i++)
		updates[i] = (struct pvn_mmu_update){ U1 + 8 * i, PAGE | P | U | W, 0 };
	for (unsigned int i = 0; i < 512; i++)
		values[i] = PAGE | P | U | W;
	runs[0] = (struct pvn_mmu_update){ U1 | PVN_MMU_COPY | 511ull << PVN_MMU_MORE_SHIFT, pv_gpa(values), 0 };
	runs[1] = (struct pvn_mmu_update){ U1 | PVN_MMU_MASK | 511ull << PVN_MMU_MORE_SHIFT, 0, ~W };
	runs[2] = (struct pvn_mmu_update){ U1 | PVN_MMU_SET | 511ull << PVN_MMU_MORE_SHIFT, 0, 0 };
	pv_bench("mmu.entry_set", one_set, 1);
	pv_bench("mmu.flush_all", one_flush, 1);
	pv_bench("mmu.flush_all, then mmu.entry_set", one_flush_and_set, 1);
	pv_bench("mmu.entry_mask", one_mask, 1);
	pv_bench("mmu.update of 64, an entry", one_update, 64);
	pv_bench("mmu.update, a run of 512 copied, an entry", one_run, 512);
	pv_bench("mmu.update, a run of 512 write-protected, an entry", one_protect, 512);
	pv_bench("mmu.update, a run of 512 cleared, an entry", one_clear, 512);
	pv_bench("mmu.table_fill of 512, an entry", one_fill, 512);
	pv_bench("mmu.space_switch", one_switch, 1);
}
