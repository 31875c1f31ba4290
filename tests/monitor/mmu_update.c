// SPDX-License-Identifier: GPL-2.0-only
/* mmu.update: each op on single entries and on runs, at level 1 and above, what is refused and what has been done by then. */
#include "kselftest_harness.h"

#include <string.h>

#include "tables.h"

#define MORE(n) ((uint64_t)(n) << PVN_MMU_MORE_SHIFT)

FIXTURE(mmu_update)
{
};

FIXTURE_SETUP(mmu_update)
{
	ASSERT_EQ(0, tables_init());
}

FIXTURE_TEARDOWN(mmu_update)
{
	EXPECT_SOUND();
	tables_destroy();
}

static struct pvn_mmu_update *updates(unsigned int n)
{
	return (struct pvn_mmu_update *)(fake.ram + SPACE_RAM) - n;
}

static int64_t update(unsigned int n)
{
	return fake_call(PVN_HC_MMU_UPDATE, SPACE_RAM - n * sizeof(struct pvn_mmu_update), n, 0, 0, 0);
}

static int64_t one(uint64_t entry, uint64_t value, uint64_t mask)
{
	*updates(1) = (struct pvn_mmu_update){ entry, value, mask };
	return update(1);
}

TEST_F(mmu_update, lists)
{
	struct pvn_mmu_update *u = updates(4);

	u[0] = (struct pvn_mmu_update){ U(1), 0x3000 | LEAF | PTE_WRITE | PTE_DIRTY, 0 };
	u[1] = (struct pvn_mmu_update){ U(1) + PVN_MMU_MASK, 0, ~PTE_WRITE };
	u[2] = (struct pvn_mmu_update){ K(4) + 8 * 256, 0, 0 };
	u[3] = (struct pvn_mmu_update){ U(1) + 8, LEAF, 0 };
	EXPECT_EQ(2, update(4));
	EXPECT_EQ(0x3000 | LEAF | PTE_DIRTY, space_table(U(1))[0]);
	EXPECT_EQ(0, space_table(U(1))[1]);
	u[2] = u[3];
	EXPECT_EQ(4, update(4));
	for (unsigned int op = 3; op < 8; op++)
		EXPECT_EQ(-PVN_EINVAL, one(U(1) + op, 0, 0));
	for (unsigned int op = 0; op < 3; op++)
		EXPECT_EQ(op == PVN_MMU_MASK ? 1 : -PVN_EINVAL, one(U(1) + op, op == PVN_MMU_MASK ? 0 : LIST, 1));
	EXPECT_EQ(-PVN_ERANGE, one(0x1000, 0, 0));
	EXPECT_EQ(-PVN_ESTATE, one(FREE, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, one(PVN_MMU_ENTRY_ADDRESS, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, one(~7ull, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, update(0));
	EXPECT_EQ(-PVN_ERANGE, update(513));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_UPDATE, LIST + 4, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_UPDATE, SPACE_RAM - 16, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_MMU_UPDATE, SPACE_MONITOR, 1, 0, 0, 0));
}

TEST_F(mmu_update, runs_end_with_their_table)
{
	for (unsigned int op = 0; op < 3; op++) {
		EXPECT_EQ(1, one((U(1) + op) | MORE(511), LIST & -(op >= 2), op == PVN_MMU_MASK ? ~0ull : 0));
		EXPECT_EQ(-PVN_ERANGE, one((U(1) + 8 + op) | MORE(511), LIST & -(op >= 2), op == PVN_MMU_MASK ? ~0ull : 0));
		EXPECT_EQ(-PVN_ERANGE, one((U(1) + op) | MORE(512), LIST & -(op >= 2), op == PVN_MMU_MASK ? ~0ull : 0));
		EXPECT_EQ(-PVN_ERANGE, one((U(1) + op) | MORE(4095), LIST & -(op >= 2), op == PVN_MMU_MASK ? ~0ull : 0));
	}
}

TEST_F(mmu_update, bounded)
{
	struct pvn_mmu_update *u = updates(10);

	for (unsigned int i = 0; i < 10; i++)
		u[i] = (struct pvn_mmu_update){ U(1) | MORE(511), 2 * i, 0 };
	EXPECT_EQ(8, update(10));
	EXPECT_EQ(14, space_table(U(1))[511]);
	EXPECT_EQ(2, fake_call(PVN_HC_MMU_UPDATE, SPACE_RAM - 2 * sizeof(*u), 2, 0, 0, 0));
	EXPECT_EQ(18, space_table(U(1))[511]);
}

TEST_F(mmu_update, set)
{
	uint64_t *table = space_table(U(1));

	EXPECT_EQ(1, one((U(1) + 16) | MORE(3), 0x5000 | LEAF | PTE_WRITE, 0));
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(i >= 2 && i < 6 ? 0x5000 | LEAF | PTE_WRITE : 0, table[i]);
	EXPECT_EQ(-PVN_EINVAL, one((U(1) + 16) | MORE(3), ZONE | LEAF | PTE_WRITE, 0));
	EXPECT_EQ(1, one((U(1) + 24) | MORE(1), 0, 0));
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(i == 2 || i == 5 ? 0x5000 | LEAF | PTE_WRITE : 0, table[i]);
	/* Above level 1 uses are counted, and the monitor's entries stay. */
	EXPECT_EQ(1, one(U(2) | MORE(9), U(1) | LINK, 0));
	EXPECT_EQ(10, uses(U(1)));
	EXPECT_EQ(1, one((U(2) + 8) | MORE(4), 0, 0));
	EXPECT_EQ(5, uses(U(1)));
	EXPECT_EQ(-PVN_EINVAL, one((K(4) + 8 * 270) | MORE(1), 0, 0));
	EXPECT_EQ(-PVN_EINVAL, one((K(4) + 8 * 255) | MORE(1), 0, 0));
	EXPECT_NE(0, space_table(K(4))[256]);
}

TEST_F(mmu_update, mask)
{
	uint64_t *table = space_table(U(1));

	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(0, space_set(U(1), i, 0x5000 | LEAF | PTE_WRITE | PTE_DIRTY));
	EXPECT_EQ(1, one((U(1) + PVN_MMU_MASK) | MORE(2), 0, ~PTE_WRITE));
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(0x5000 | LEAF | PTE_DIRTY | (i == 3 ? PTE_WRITE : 0), table[i]);
	EXPECT_EQ(1, one((U(1) + PVN_MMU_MASK) | MORE(2), PTE_WRITE, ~0ull));
	EXPECT_EQ(0x5000 | LEAF | PTE_DIRTY | PTE_WRITE, table[2]);
	EXPECT_EQ(0, space_set(U(1), 1, ZONE | LEAF));
	EXPECT_EQ(-PVN_EINVAL, one((U(1) + PVN_MMU_MASK) | MORE(2), PTE_WRITE | PTE_ACCESSED, ~PTE_DIRTY));
	EXPECT_EQ(0x5000 | LEAF | PTE_WRITE | PTE_ACCESSED, table[0]);
	EXPECT_EQ(ZONE | LEAF, table[1]);
	EXPECT_EQ(0x5000 | LEAF | PTE_WRITE | PTE_DIRTY, table[2]);
	EXPECT_EQ(1, one((U(1) + PVN_MMU_MASK) | MORE(1), 0x9000, 0)) TH_LOG("no bit stays: as PVN_MMU_SET");
	EXPECT_EQ(0x9000, table[1]);
	/* What is let through without a look takes nothing away that a rule needs. */
	EXPECT_EQ(0, space_set(K(1), 0, 0x5000 | LEAF | PTE_WRITE));
	EXPECT_EQ(-PVN_EINVAL, one(K(1) + PVN_MMU_MASK, 0, ~PTE_NX));
	EXPECT_EQ(-PVN_EINVAL, one(K(1) + PVN_MMU_MASK, ZONE, ~0ull));
	EXPECT_EQ(0, space_set(K(1), 0, (ZONE + CHUNK_BYTES) | LEAF | PTE_WRITE));
	EXPECT_EQ(-PVN_EINVAL, one(K(1) + PVN_MMU_MASK, 0, ~CHUNK_BYTES)) TH_LOG("a bit of the address");
	EXPECT_EQ(1, one((U(2) + PVN_MMU_MASK) | MORE(1), U(1) | LINK, 0));
	EXPECT_EQ(2, uses(U(1)));
	EXPECT_EQ(1, one((U(2) + PVN_MMU_MASK) | MORE(1), 0, ~PTE_PRESENT));
	EXPECT_EQ(0, uses(U(1)));
}

TEST_F(mmu_update, copy)
{
	uint64_t *values = space_table(LIST), *table = space_table(U(1));

	for (unsigned int i = 0; i < 6; i++)
		values[i] = i * 0x1000 | LEAF | PTE_WRITE;
	EXPECT_EQ(1, one((U(1) + 8 + PVN_MMU_COPY) | MORE(4), LIST, 0));
	for (unsigned int i = 0; i < 5; i++)
		EXPECT_EQ(values[i], table[1 + i]);
	EXPECT_EQ(0, table[0] | table[6]);
	/* Each rule for each entry; those before it have been written. */
	const uint64_t bad[] = { SPACE_RAM | LEAF, SPACE_MONITOR | LEAF, ZONE | LEAF | PTE_WRITE, LEAF | PTE_GLOBAL,
				 PTE_ADDR | LEAF, (ZONE + CHUNK_BYTES - 0x1000) | LEAF | PTE_WRITE };
	for (unsigned int i = 0; i < 6; i++) {
		values[0] = 0x7000 + i;
		values[0] &= ~1ull;
		values[1] = bad[i];
		EXPECT_EQ(-PVN_EINVAL, one((U(1) + PVN_MMU_COPY) | MORE(2), LIST, 0));
		EXPECT_EQ(values[0], table[0]);
		EXPECT_EQ(LEAF | PTE_WRITE, table[1]);
		values[1] &= ~PTE_PRESENT;
		EXPECT_EQ(1, one((U(1) + 64 + PVN_MMU_COPY) | MORE(1), LIST, 0));
	}
	values[0] = PTE_PRESENT | PTE_USER | PTE_WRITE;
	EXPECT_EQ(1, one(U(1) + PVN_MMU_COPY, LIST, 0));
	EXPECT_EQ(-PVN_EINVAL, one(K(1) + PVN_MMU_COPY, LIST, 0)) TH_LOG("writable and executable");
	values[0] = ZONE | LEAF;
	EXPECT_EQ(1, one(K(1) + PVN_MMU_COPY, LIST, 0));
	EXPECT_EQ(-PVN_EINVAL, one(U(1) + PVN_MMU_COPY, LIST + 4, 0));
	EXPECT_EQ(-PVN_EFAULT, one((U(1) + PVN_MMU_COPY) | MORE(1), SPACE_RAM - 8, 0));
	EXPECT_EQ(-PVN_EFAULT, one(U(1) + PVN_MMU_COPY, SPACE_MONITOR, 0));
	/* Upper entries, and from a table. */
	values[0] = values[1] = U(1) | LINK;
	EXPECT_EQ(1, one((U(2) + PVN_MMU_COPY) | MORE(1), LIST, 0));
	EXPECT_EQ(2, uses(U(1)));
	EXPECT_EQ(1, one((U(2) + 16 + PVN_MMU_COPY) | MORE(1), U(2), 0));
	EXPECT_EQ(4, uses(U(1)));
	values[0] = K(1) | LINK;
	EXPECT_EQ(-PVN_EINVAL, one((U(2) + PVN_MMU_COPY) | MORE(1), LIST, 0));
}

TEST_HARNESS_MAIN
