// SPDX-License-Identifier: GPL-2.0-only
/* The mmu family, each rule alone, on the build machine. */
#include "kselftest_harness.h"

#include <string.h>

#include "tables.h"

FIXTURE(mmu)
{
};

FIXTURE_SETUP(mmu)
{
	ASSERT_EQ(0, tables_init());
}

FIXTURE_TEARDOWN(mmu)
{
	EXPECT_SOUND();
	tables_destroy();
}

static void link_all(void)
{
	space_set(K(4), 511, K(3) | LINK);
	space_set(K(3), 0, K(2) | LINK);
	space_set(K(2), 0, K(1) | LINK);
	space_set(U(4), 0, U(3) | LINK);
	space_set(U(3), 0, U(2) | LINK);
	space_set(U(2), 0, U(1) | LINK);
}

TEST_F(mmu, zone_add_arguments)
{
	const uint64_t wild[] = { SPACE_RAM, SPACE_MONITOR, 1ull << 52, ~0ull << 21, 1ull << 63 };

	for (int i = 0; i < 5; i++)
		EXPECT_EQ(-PVN_EFAULT, space_zone_add(wild[i], CHUNK_BYTES));
	EXPECT_EQ(-PVN_EFAULT, space_zone_add(SPACE_RAM - CHUNK_BYTES, 2 * CHUNK_BYTES));
	EXPECT_EQ(-PVN_EFAULT, space_zone_add(0, ~0ull << 21));
	EXPECT_EQ(-PVN_EINVAL, space_zone_add(0x1000, CHUNK_BYTES));
	EXPECT_EQ(-PVN_EINVAL, space_zone_add(0, CHUNK_BYTES + 0x1000));
	EXPECT_EQ(-PVN_EINVAL, space_zone_add(0, 0));
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(ZONE, CHUNK_BYTES));
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(ZONE - CHUNK_BYTES, 2 * CHUNK_BYTES));
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(SPACE_KERNEL, CHUNK_BYTES));
}

/* The VMM still uses it: nothing is closed, nothing is zeroed. */
TEST_F(mmu, zone_add_of_what_a_device_uses)
{
	unsigned int calls = fake.vmm_calls;

	fake.ram[10 << 20] = 0x77;
	fake.vmm_result = -PVN_EBUSY;
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(10 << 20, CHUNK_BYTES));
	EXPECT_EQ(calls + 1, fake.vmm_calls);
	EXPECT_EQ(PVN_HC_MMU_ZONE_ADD, fake.vmm_nr);
	EXPECT_EQ(10 << 20, fake.vmm_args[0]);
	EXPECT_EQ(CHUNK_BYTES, fake.vmm_args[1]);
	EXPECT_FALSE(mmu_in_zone(&fake.vm.mmu, 10 << 20));
	EXPECT_EQ(0x77, fake.ram[10 << 20]);
	fake.vmm_result = 0;
	EXPECT_EQ(0, space_zone_add(10 << 20, CHUNK_BYTES));
	EXPECT_EQ(0, fake.ram[10 << 20]);
}

TEST_F(mmu, zone_add_zeroes_and_flushes)
{
	unsigned int flushes = fake.flushes;

	memset(fake.ram + 10 * 1048576, 0xff, CHUNK_BYTES);
	EXPECT_EQ(0, space_zone_add(10 << 20, CHUNK_BYTES));
	EXPECT_LT(flushes, fake.flushes);
	EXPECT_EQ(SPACE_MONITOR, fake.cr3);
	EXPECT_EQ(0xff, 0xff & ~fake.ram[(10 << 20) + 5]);
}

TEST_F(mmu, zone_runs_out)
{
	EXPECT_EQ(-PVN_ENOMEM, space_zone_add(8 << 20, 3 * CHUNK_BYTES));
	EXPECT_SOUND();
	EXPECT_EQ(0, space_zone_add(8 << 20, 2 * CHUNK_BYTES));
	EXPECT_EQ(-PVN_ENOMEM, space_zone_add(0, CHUNK_BYTES));
	EXPECT_EQ(0, space_zone_remove(8 << 20, CHUNK_BYTES));
	EXPECT_EQ(0, space_zone_add(0, CHUNK_BYTES));
	EXPECT_EQ(-PVN_ENOMEM, space_zone_add(8 << 20, CHUNK_BYTES));
}

TEST_F(mmu, zone_add_finds_writable_leaves)
{
	ASSERT_EQ(0, space_set(U(1), 7, (8 << 20) | LEAF | PTE_WRITE));
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(8 << 20, CHUNK_BYTES));
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(6 << 20, 2 * CHUNK_BYTES));
	ASSERT_EQ(0, space_set(U(1), 7, (8 << 20) | LEAF));
	ASSERT_EQ(0, space_set(K(2), 7, (8 << 20) | LEAF | PTE_WRITE | PTE_LARGE));
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(8 << 20, CHUNK_BYTES));
	ASSERT_EQ(0, space_set(K(2), 7, (8 << 20) | LEAF | PTE_LARGE));
	EXPECT_EQ(0, space_zone_add(8 << 20, CHUNK_BYTES));
}

TEST_F(mmu, zone_and_info_page)
{
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, ZONE, 0, 0, 0));
	ASSERT_EQ(0, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, (10 << 20) + 0x3000, 0, 0, 0));
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(10 << 20, CHUNK_BYTES));
}

TEST_F(mmu, zone_remove)
{
	unsigned int flushes;

	EXPECT_EQ(-PVN_EBUSY, space_zone_remove(ZONE, CHUNK_BYTES));
	EXPECT_EQ(-PVN_ERANGE, space_zone_remove(ZONE, 2 * CHUNK_BYTES));
	EXPECT_EQ(-PVN_ERANGE, space_zone_remove(0, CHUNK_BYTES));
	EXPECT_EQ(-PVN_ERANGE, space_zone_remove(SPACE_MONITOR, CHUNK_BYTES));
	EXPECT_EQ(-PVN_ERANGE, space_zone_remove(ZONE, ~0ull << 21));
	EXPECT_EQ(-PVN_ERANGE, space_zone_remove(~0ull << 21, CHUNK_BYTES));
	EXPECT_EQ(-PVN_EINVAL, space_zone_remove(ZONE + 0x1000, CHUNK_BYTES));
	EXPECT_EQ(-PVN_EINVAL, space_zone_remove(ZONE, 0));
	link_all();
	for (unsigned int level = 4; level; level--) {
		EXPECT_EQ(0, space_free(K(level)));
		EXPECT_EQ(0, space_free(U(level)));
	}
	flushes = fake.flushes;
	EXPECT_EQ(0, space_zone_remove(ZONE, CHUNK_BYTES));
	EXPECT_LT(flushes, fake.flushes);
	EXPECT_EQ(-PVN_ERANGE, space_alloc(ZONE, 1, 0));
}

TEST_F(mmu, alloc_arguments)
{
	EXPECT_EQ(-PVN_EINVAL, space_alloc(FREE + 8, 1, 0));
	EXPECT_EQ(-PVN_EINVAL, space_alloc(FREE, 1, 2));
	EXPECT_EQ(-PVN_EINVAL, space_alloc(FREE, 1ull << 32 | 1, 0));
	EXPECT_EQ(-PVN_ERANGE, space_alloc(FREE, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, space_alloc(FREE, 5, 0));
	EXPECT_EQ(-PVN_ERANGE, space_alloc(0x1000, 1, 0));
	EXPECT_EQ(-PVN_ERANGE, space_alloc(SPACE_MONITOR, 1, 0));
	EXPECT_EQ(-PVN_ERANGE, space_alloc(~0xfffull, 1, 0));
	EXPECT_EQ(-PVN_ESTATE, space_alloc(K(1), 1, KERNEL));
	EXPECT_EQ(0, space_alloc(FREE, 4, 0));
}

TEST_F(mmu, free_and_counts)
{
	link_all();
	EXPECT_EQ(1, uses(K(1)));
	EXPECT_EQ(0, space_set(K(2), 5, K(1) | LINK));
	EXPECT_EQ(2, uses(K(1)));
	EXPECT_EQ(-PVN_EBUSY, space_free(K(1)));
	EXPECT_EQ(0, space_set(K(2), 5, 0));
	EXPECT_EQ(0, space_set(K(2), 0, K(1) | LINK));
	EXPECT_EQ(1, uses(K(1)));
	EXPECT_EQ(-PVN_EBUSY, space_free(K(1)));
	/* A table that goes away gives back what it named. */
	EXPECT_EQ(0, space_set(K(3), 0, 0));
	EXPECT_EQ(0, space_free(K(2)));
	EXPECT_EQ(0, uses(K(1)));
	EXPECT_EQ(0, space_free(K(1)));
	EXPECT_EQ(-PVN_ESTATE, space_free(K(1)));
	EXPECT_EQ(-PVN_ERANGE, space_free(0x1000));
	EXPECT_EQ(-PVN_ERANGE, space_free(SPACE_MONITOR));
	EXPECT_EQ(-PVN_EINVAL, space_free(K(3) + 1));
}

TEST_F(mmu, retype_waits_for_a_flush)
{
	struct monitor_vcpu other = { .mmu.flushed = fake.vm.mmu.clock };

	link_all();
	ASSERT_EQ(0, space_set(K(2), 0, 0));
	ASSERT_EQ(0, space_free(K(1)));
	EXPECT_EQ(-PVN_EBUSY, space_alloc(K(1), 2, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_PAGE, 0, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EBUSY, space_alloc(K(1), 2, 0));
	/* With a second vCPU both have to. */
	fake.vm.vcpu[fake.vm.nr_vcpus++] = &other;
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_ALL, 0, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EBUSY, space_alloc(K(1), 2, 0));
	other.mmu.flushed = ++fake.vm.mmu.clock;
	EXPECT_EQ(0, space_alloc(K(1), 2, 0));
	fake.vm.nr_vcpus = 1;
	/* One that was never named needs none. */
	EXPECT_EQ(0, space_alloc(FREE, 1, 0));
	EXPECT_EQ(0, space_free(FREE));
	EXPECT_EQ(0, space_alloc(FREE, 3, KERNEL));
}

TEST_F(mmu, leaves)
{
	const uint64_t outside[] = { SPACE_RAM, SPACE_MONITOR, SPACE_MONITOR + 0x1000, 1ull << 51, PTE_ADDR };

	EXPECT_EQ(0, space_set(U(1), 0, LEAF | PTE_WRITE));
	EXPECT_EQ(0, space_set(U(1), 0, (SPACE_RAM - 0x1000) | LEAF | PTE_WRITE));
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(-PVN_EINVAL, space_set(U(1), 0, outside[i] | LEAF));
		EXPECT_EQ(-PVN_EINVAL, space_set(U(1), 0, outside[i] | PTE_PRESENT));
		EXPECT_EQ(0, space_set(U(1), 0, outside[i] | PTE_WRITE)) TH_LOG("not present");
	}
	EXPECT_EQ(0, space_set(U(1), 1, ZONE | LEAF));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(1), 1, ZONE | LEAF | PTE_WRITE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(1), 1, (ZONE + CHUNK_BYTES - 0x1000) | LEAF | PTE_WRITE));
	EXPECT_EQ(0, space_set(U(1), 1, (ZONE + CHUNK_BYTES) | LEAF | PTE_WRITE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(1), 1, LEAF | PTE_GLOBAL));
	EXPECT_EQ(0, space_set(U(1), 1, LEAF | PTE_LARGE | PTE_CACHE)) TH_LOG("memory types");
}

TEST_F(mmu, large_leaves)
{
	EXPECT_EQ(0, space_set(U(2), 0, LEAF | PTE_WRITE | PTE_LARGE));
	EXPECT_EQ(0, space_set(U(2), 1, ZONE | LEAF | PTE_LARGE));
	EXPECT_EQ(0, space_set(U(2), 2, 0x1000 | LEAF | PTE_LARGE)) TH_LOG("bit 12 is a memory type");
	EXPECT_EQ(-PVN_EINVAL, space_set(U(2), 1, ZONE | LEAF | PTE_WRITE | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(2), 1, ZONE | 0x1000 | LEAF | PTE_WRITE | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(2), 1, 0x2000 | LEAF | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(2), 1, 0x100000 | LEAF | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(2), 1, SPACE_RAM | LEAF | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(2), 1, SPACE_MONITOR | LEAF | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(2), 1, LEAF | PTE_LARGE | PTE_GLOBAL));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(3), 1, LEAF | PTE_LARGE));
	/* Where it would be a page of 1 GiB that begins with a table. */
	EXPECT_EQ(-PVN_EINVAL, space_set(U(3), 1, U(2) | LINK | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(4), 1, U(3) | LINK | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(U(4), 1, LEAF | PTE_LARGE));
}

TEST_F(mmu, writable_or_executable)
{
	const uint64_t both = PTE_PRESENT | PTE_USER | PTE_WRITE;

	EXPECT_EQ(0, space_set(U(1), 0, both));
	EXPECT_EQ(0, space_set(U(2), 0, both | PTE_LARGE));
	EXPECT_EQ(-PVN_EINVAL, space_set(K(1), 0, both));
	EXPECT_EQ(-PVN_EINVAL, space_set(K(2), 0, both | PTE_LARGE));
	EXPECT_EQ(0, space_set(K(1), 0, both | PTE_NX));
	EXPECT_EQ(0, space_set(K(1), 0, both & ~PTE_WRITE));
	EXPECT_EQ(0, space_set(K(2), 0, (both & ~PTE_WRITE) | PTE_LARGE));
}

TEST_F(mmu, upper_entries)
{
	/* Every kind of table against every kind of child. */
	for (unsigned int level = 2; level <= 3; level++) {
		for (unsigned int to = 1; to <= 4; to++) {
			EXPECT_EQ(to == level - 1 ? 0 : -PVN_EINVAL, space_set(K(level), 3, K(to) | LINK));
			EXPECT_EQ(to == level - 1 ? 0 : -PVN_EINVAL, space_set(U(level), 3, U(to) | LINK));
			EXPECT_EQ(-PVN_EINVAL, space_set(K(level), 3, U(to) | LINK));
			EXPECT_EQ(-PVN_EINVAL, space_set(U(level), 3, K(to) | LINK));
		}
		EXPECT_EQ(-PVN_EINVAL, space_set(U(level), 3, FREE | LINK));
		EXPECT_EQ(-PVN_EINVAL, space_set(U(level), 3, 0x1000 | LINK));
		EXPECT_EQ(-PVN_EINVAL, space_set(U(level), 3, SPACE_MONITOR | LINK));
		EXPECT_EQ(-PVN_EINVAL, space_set(U(level), 3, PTE_ADDR | LINK));
		EXPECT_EQ(-PVN_EINVAL, space_set(U(level), 3, U(level - 1) | LINK | 0x8));
		EXPECT_EQ(-PVN_EINVAL, space_set(U(level), 3, U(level - 1) | LINK | 0x10));
		EXPECT_EQ(1, uses(K(level - 1)));
		EXPECT_EQ(1, uses(U(level - 1)));
	}
}

TEST_F(mmu, top_level_slots)
{
	for (unsigned int slot = 0; slot < 512; slot++) {
		bool lower = slot < 256, hole = slot >= 256 && slot < 272;

		EXPECT_EQ(lower ? 0 : -PVN_EINVAL, space_set(U(4), slot, U(3) | LINK));
		EXPECT_EQ(-PVN_EINVAL, space_set(U(4), slot, K(3) | LINK));
		EXPECT_EQ(-PVN_EINVAL, space_set(K(4), slot, lower ? U(3) | LINK : U(3) | LINK | PTE_NX));
		EXPECT_EQ(lower ? 0 : -PVN_EINVAL, space_set(K(4), slot, U(3) | LINK | PTE_NX));
		EXPECT_EQ(lower || hole ? -PVN_EINVAL : 0, space_set(K(4), slot, K(3) | LINK));
		/* The monitor's slots can't even be emptied, nor a note be left there. */
		EXPECT_EQ(hole ? -PVN_EINVAL : 0, space_set(K(4), slot, 0));
		EXPECT_EQ(hole ? -PVN_EINVAL : 0, space_set(K(4), slot, 0x5a0));
	}
	EXPECT_EQ(256, uses(U(3)));
	EXPECT_EQ(0, uses(K(3)));
	EXPECT_EQ(space.start[0][256], space_table(U(4))[256]);
}

TEST_F(mmu, entry_arguments)
{
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_ENTRY_SET, U(1) + 4, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ESTATE, space_set(FREE, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, space_set(0x1000, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, space_set(SPACE_RAM, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, space_set(SPACE_MONITOR, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_ENTRY_SET, ~7ull, 0, 0, 0, 0));
}

TEST_F(mmu, exchange)
{
	ASSERT_EQ(0, space_set(U(1), 9, 0x5000 | LEAF | PTE_ACCESSED | PTE_DIRTY));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, 0x77000, LIST, 0, 0));
	EXPECT_EQ(0x5000 | LEAF | PTE_ACCESSED | PTE_DIRTY, *space_table(LIST));
	EXPECT_EQ(0x77000, space_table(U(1))[9]);
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, 0, LIST + 4, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, 0, SPACE_RAM, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, 0, SPACE_MONITOR, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, 0, ~7ull, 0, 0));
	/* The old contents into a table: an entry of the guest's choice, were it let. */
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, 0, K(1), 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, 0, FREE, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, U(1) + 72, SPACE_RAM | LEAF, LIST, 0, 0));
	EXPECT_EQ(0x77000, space_table(U(1))[9]);
	EXPECT_EQ(0x5000 | LEAF | PTE_ACCESSED | PTE_DIRTY, *space_table(LIST));
}

TEST_F(mmu, mask)
{
	ASSERT_EQ(0, space_set(U(1), 9, 0x5000 | LEAF | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ENTRY_MASK, U(1) + 72, ~PTE_WRITE, 0, LIST, 0));
	EXPECT_EQ(0x5000 | LEAF | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY, *space_table(LIST));
	EXPECT_EQ(0x5000 | LEAF | PTE_ACCESSED | PTE_DIRTY, space_table(U(1))[9]);
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ENTRY_MASK, U(1) + 72, ~PTE_ACCESSED, 0, LIST, 0));
	EXPECT_EQ(0x5000 | LEAF | PTE_DIRTY, space_table(U(1))[9]);
	/* The outcome is what is judged. */
	ASSERT_EQ(0, space_set(U(1), 9, ZONE | LEAF));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_ENTRY_MASK, U(1) + 72, ~0ull, PTE_WRITE, LIST, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_ENTRY_MASK, U(1) + 72, ~0ull, SPACE_MONITOR, LIST, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_ENTRY_MASK, U(1) + 72, ~0ull, 0, K(1), 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_ENTRY_MASK, U(1) + 73, ~0ull, 0, LIST, 0));
	EXPECT_EQ(-PVN_ESTATE, fake_call(PVN_HC_MMU_ENTRY_MASK, FREE, ~0ull, 0, LIST, 0));
	EXPECT_EQ(ZONE | LEAF, space_table(U(1))[9]);
	/* Upper entries: a use given up, taken, kept. */
	link_all();
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ENTRY_MASK, U(2), ~PTE_PRESENT, 0, LIST, 0));
	EXPECT_EQ(0, uses(U(1)));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ENTRY_MASK, U(2), ~0ull, PTE_PRESENT, LIST, 0));
	EXPECT_EQ(1, uses(U(1)));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ENTRY_MASK, U(2), ~PTE_WRITE, 0, LIST, 0));
	EXPECT_EQ(1, uses(U(1)));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_ENTRY_MASK, U(2), ~0ull, PTE_LARGE | PTE_WRITE, LIST, 0));
}

TEST_F(mmu, fill)
{
	uint64_t *values = space_table(SPACE_RAM - 4096);

	for (unsigned int i = 0; i < 512; i++)
		values[i] = i * 0x1000 | LEAF | PTE_WRITE;
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 512, SPACE_RAM - 4096, 0));
	EXPECT_EQ(0, memcmp(values, space_table(U(1)), 4096));
	values[511] = SPACE_RAM | LEAF;
	values[0] = 0;
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 512, SPACE_RAM - 4096, 0));
	EXPECT_EQ(LEAF | PTE_WRITE, space_table(U(1))[0]);
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 511, 1, SPACE_RAM - 4096, 0));
	EXPECT_EQ(0, space_table(U(1))[511]);
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 511, 2, LIST, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 0, LIST, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 512, 1, LIST, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0xffffffff, 2, LIST, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 1, 0xffffffff, LIST, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 1ull << 32, LIST, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_TABLE_FILL, 0x2000, 0, 1, LIST, 0));
	EXPECT_EQ(-PVN_ESTATE, fake_call(PVN_HC_MMU_TABLE_FILL, FREE, 0, 1, LIST, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_TABLE_FILL, U(1) + 8, 0, 1, LIST, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 1, LIST + 4, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 2, SPACE_RAM - 8, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 2, SPACE_MONITOR, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_TABLE_FILL, U(1), 0, 2, ~7ull, 0));
	/* A top-level table around the monitor's part, and not over it; a table as a copy of another. */
	memset(values, 0, 4096);
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_TABLE_FILL, K(4), 0, 512, SPACE_RAM - 4096, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_TABLE_FILL, K(4), 0, 257, SPACE_RAM - 4096, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_TABLE_FILL, K(4), 0, 256, SPACE_RAM - 4096, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_TABLE_FILL, K(4), 272, 240, SPACE_RAM - 4096, 0));
	link_all();
	ASSERT_EQ(0, space_alloc(FREE, 2, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_TABLE_FILL, FREE, 0, 512, U(2), 0));
	EXPECT_EQ(2, uses(U(1)));
}

TEST_F(mmu, switch_spaces)
{
	link_all();
	EXPECT_EQ(0, space_switch(K(4), U(4)));
	EXPECT_EQ(K(4), fake.cr3);
	EXPECT_EQ(1, uses(K(4)));
	EXPECT_EQ(1, uses(U(4)));
	EXPECT_EQ(-PVN_EBUSY, space_free(K(4)));
	EXPECT_EQ(-PVN_EBUSY, space_free(U(4)));
	EXPECT_EQ(0, space_switch(K(4), 0));
	EXPECT_EQ(1, uses(K(4)));
	EXPECT_EQ(0, uses(U(4)));
	EXPECT_EQ(0, space_free(U(4)));
	EXPECT_EQ(0, space_alloc(U(4), 4, 0)) TH_LOG("the switch has flushed");
	ASSERT_EQ(0, space_alloc(FREE, 4, KERNEL));
	EXPECT_EQ(0, space_switch(FREE, 0));
	EXPECT_EQ(0, space_free(K(4)));
	EXPECT_EQ(0, space_alloc(K(4), 4, KERNEL));
	/* Forged ones. */
	EXPECT_EQ(-PVN_ESTATE, space_switch(U(4), 0));
	EXPECT_EQ(-PVN_ESTATE, space_switch(K(3), 0));
	EXPECT_EQ(-PVN_ESTATE, space_switch(FREE + 0x1000, 0));
	EXPECT_EQ(-PVN_ESTATE, space_switch(K(4), K(4)));
	EXPECT_EQ(-PVN_ERANGE, space_switch(0x1000, 0));
	EXPECT_EQ(-PVN_ERANGE, space_switch(0, 0));
	EXPECT_EQ(-PVN_ERANGE, space_switch(SPACE_MONITOR, 0));
	EXPECT_EQ(-PVN_ERANGE, space_switch(K(4), 0x1000));
	EXPECT_EQ(-PVN_ERANGE, space_switch(K(4), SPACE_MONITOR));
	EXPECT_EQ(-PVN_EINVAL, space_switch(K(4) | 8, 0));
	EXPECT_EQ(-PVN_EINVAL, space_switch(K(4), U(4) | 8));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_SPACE_SWITCH, K(4), 0, 1, 0, 0));
	EXPECT_EQ(FREE, fake.cr3);
}

TEST_F(mmu, flushes)
{
	unsigned int flushes = fake.flushes;

	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_ALL, 1, 0, 0, 0, 0));
	EXPECT_EQ(flushes + 1, fake.flushes);
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_FLUSH_ALL, 2, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_FLUSH_ALL, ~0ull, 0, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_PAGE, 0x1234, 0, 0, 0, 0));
	EXPECT_EQ(0x1234, fake.page);
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_PAGE, 1ull << 47, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_FLUSH_PAGE, 0, 2, 0, 0, 0));
	EXPECT_EQ(1, fake.pages);
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_RANGE, 0x7fffffff0000, 15, 0, 0, 0));
	EXPECT_EQ(16, fake.pages);
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_RANGE, 0, 1ull << 35, 0, 0, 0));
	EXPECT_EQ(16, fake.pages);
	EXPECT_EQ(flushes + 2, fake.flushes);
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_RANGE, 0, (1ull << 35) + 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_RANGE, 0x7fffffff0000, 17, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_RANGE, ~0xfffull, 2, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_RANGE, 0, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_RANGE, 0, ~0ull, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_RANGE, 8, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_FLUSH_RANGE, 1ull << 47, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_FLUSH_RANGE, 0, 1, 4, 0, 0));
}

/* The monitor's other writes to guest memory keep out of the zone, too. */
TEST_F(mmu, multicall)
{
	struct pvn_multicall_entry *list = (void *)(fake.ram + LIST);

	list[0] = (struct pvn_multicall_entry){ .nr = PVN_HC_MMU_ENTRY_SET, .args = { U(1), LEAF } };
	list[1] = (struct pvn_multicall_entry){ .nr = PVN_HC_MMU_ZONE_ADD, .args = { 8 << 20, CHUNK_BYTES } };
	EXPECT_EQ(2, fake_call(PVN_HC_CORE_MULTICALL, LIST, 2, 0, 0, 0));
	EXPECT_EQ(0, list[0].result);
	EXPECT_EQ(-PVN_EINVAL, list[1].result);
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CORE_MULTICALL, FREE, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CORE_MULTICALL, ZONE - 64, 2, 0, 0, 0));
}

TEST_F(mmu, families)
{
	fake.vm.usable &= ~PVN_F0_MMU;
	for (uint64_t nr = PVN_HC_MMU_ZONE_ADD; nr <= PVN_HC_MMU_FLUSH_RANGE; nr++)
		EXPECT_EQ(-PVN_ENOTSUP, fake_call(nr, ZONE, CHUNK_BYTES, 0, 0, 0));
	fake.vm.usable |= PVN_F0_MMU;
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(PVN_HC_MMU_POKE_SPACE, K(4), 0, 0, 0, 0));
}

TEST_HARNESS_MAIN
