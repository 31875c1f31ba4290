// SPDX-License-Identifier: GPL-2.0-only
/* Family memory: what really happens to the pages behind guest memory. */
#include "kselftest_harness.h"

#include <errno.h>
#include <sys/mman.h>

#include "abi_fake.h"

#define MAP 0x10000ull
#define RANGE 0x400000ull /* 4 MiB, so that huge pages don't reach over from elsewhere */
#define BYTES 0x8000ull

/* The linker sends the VMM's madvise() here: what this kernel cannot do, or does not refuse, is made up. */
static int advice_error;
static unsigned int advices;

int __real_madvise(void *start, size_t bytes, int advice);
int __wrap_madvise(void *start, size_t bytes, int advice);

int __wrap_madvise(void *start, size_t bytes, int advice)
{
	advices++;
	if (!advice_error)
		return __real_madvise(start, bytes, advice);
	errno = advice_error;
	return -1;
}

FIXTURE(memory) {
	struct fake fake;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, fake_init(&self->fake, NULL));
	ASSERT_EQ(0, fake_accept_all(&self->fake));
}

FIXTURE_TEARDOWN(memory)
{
	fake_destroy(&self->fake);
}

TEST_F(memory, map)
{
	struct fake *f = &self->fake;
	struct pvn_memory_range *map = fake_ptr(f, MAP, 4 * sizeof(*map));

	memset(map, 0xff, 4 * sizeof(*map));
	EXPECT_EQ(3, fake_call(f, PVN_HC_MEMORY_MAP, MAP, 4));
	EXPECT_EQ(0, map[0].start);
	EXPECT_EQ(GMEM_HOLE_START, map[0].bytes);
	EXPECT_EQ(PVN_MEMORY_RAM, map[0].type);
	EXPECT_EQ(GMEM_HOLE_START, map[1].start);
	EXPECT_EQ(GMEM_HOLE_END - GMEM_HOLE_START, map[1].bytes);
	EXPECT_EQ(PVN_MEMORY_RESERVED, map[1].type);
	EXPECT_EQ(GMEM_HOLE_END, map[2].start);
	EXPECT_EQ(FAKE_HIGH_BYTES, map[2].bytes);
	EXPECT_EQ(PVN_MEMORY_RAM, map[2].type);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, map[i].reserved);
	EXPECT_EQ(~0ull, map[3].start);

	/* Less room: only so many are written, and the answer is still how many there are. */
	memset(map, 0xff, 4 * sizeof(*map));
	EXPECT_EQ(3, fake_call(f, PVN_HC_MEMORY_MAP, MAP, 1));
	EXPECT_EQ(0, map[0].start);
	EXPECT_EQ(~0ull, map[1].start);
	EXPECT_EQ(3, fake_call(f, PVN_HC_MEMORY_MAP, FAKE_RAM_END - 3 * sizeof(*map), PVN_MEMORY_MAP_MAX));

	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_MEMORY_MAP, MAP, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_MEMORY_MAP, MAP, PVN_MEMORY_MAP_MAX + 1));
	EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_MEMORY_MAP, MAP + 4, 1));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_MEMORY_MAP, GMEM_HOLE_START, 1));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_MEMORY_MAP, -8ull, 1));
}

TEST_F(memory, map_of_a_small_machine)
{
	struct fake *f = &self->fake;
	struct pvn_memory_range *map = fake_ptr(f, MAP, 3 * sizeof(*map));

	f->m.gmem.nr_regions = 1;
	EXPECT_EQ(2, fake_call(f, PVN_HC_MEMORY_MAP, MAP, 3));
	EXPECT_EQ(PVN_MEMORY_RAM, map[0].type);
	EXPECT_EQ(PVN_MEMORY_RESERVED, map[1].type);
	f->m.gmem.nr_regions = 2;
}

static unsigned int resident(void *host, uint64_t bytes)
{
	unsigned char present[BYTES / 4096];
	unsigned int count = 0;

	if (mincore(host, bytes, present))
		return ~0u;
	for (uint64_t i = 0; i < bytes / 4096; i++)
		count += present[i] & 1;
	return count;
}

/* What release and populate check alike. */
static int check_range_errors(struct fake *f, uint32_t nr)
{
	static const uint64_t bad[][3] = {
		{ RANGE + 1, 4096, PVN_EINVAL },
		{ RANGE + 2048, 4096, PVN_EINVAL },
		{ RANGE, 0, PVN_EINVAL },
		{ RANGE, 4095, PVN_EINVAL },
		{ RANGE, PVN_MEMORY_CALL_MAX + 4096, PVN_ERANGE },
		{ RANGE, -4096ull, PVN_ERANGE },
		{ GMEM_HOLE_START - 4096, 8192, PVN_EFAULT },
		{ GMEM_HOLE_START, 4096, PVN_EFAULT },
		{ GMEM_HOLE_END - 4096, 8192, PVN_EFAULT },
		{ FAKE_RAM_END - 4096, 8192, PVN_EFAULT },
		{ FAKE_RAM_END, 4096, PVN_EFAULT },
		{ -4096ull, 4096, PVN_EFAULT },
		{ -4096ull, 8192, PVN_EFAULT },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (fake_call(f, nr, bad[i][0], bad[i][1]) != -(int64_t)bad[i][2])
			return (int)i + 1;
	return 0;
}

TEST_F(memory, release)
{
	struct fake *f = &self->fake;
	unsigned char *host = fake_ptr(f, RANGE - 4096, BYTES + 8192);

	EXPECT_EQ(0, check_range_errors(f, PVN_HC_MEMORY_RELEASE));
	memset(host, 0xa5, BYTES + 8192);
	EXPECT_EQ(0, fake_call(f, PVN_HC_MEMORY_RELEASE, RANGE, BYTES));
	EXPECT_EQ(0, resident(host + 4096, BYTES));
	/* Zeroes inside, and not a byte outside. */
	for (uint64_t i = 0; i < BYTES + 8192; i++)
		ASSERT_EQ(i < 4096 || i >= BYTES + 4096 ? 0xa5 : 0, host[i]);
	EXPECT_EQ(0, fake_call(f, PVN_HC_MEMORY_RELEASE, FAKE_RAM_END - 4096, 4096));
	/* What the host cannot give back (a locked page, say) is an error, not a lie. */
	advice_error = EINVAL;
	EXPECT_EQ(-PVN_EIO, fake_call(f, PVN_HC_MEMORY_RELEASE, RANGE, 4096));
}

TEST_F(memory, populate)
{
	struct fake *f = &self->fake;
	unsigned char *host = fake_ptr(f, RANGE, BYTES);

	EXPECT_EQ(0, check_range_errors(f, PVN_HC_MEMORY_POPULATE));
	EXPECT_EQ(0, resident(host, BYTES));
	EXPECT_EQ(0, fake_call(f, PVN_HC_MEMORY_POPULATE, RANGE, BYTES));
	EXPECT_EQ(BYTES / 4096, resident(host, BYTES));
	memset(host, 0x5a, BYTES);
	EXPECT_EQ(0, fake_call(f, PVN_HC_MEMORY_POPULATE, RANGE, BYTES));
	for (uint64_t i = 0; i < BYTES; i++)
		ASSERT_EQ(0x5a, host[i]);
	/* A kernel that does not know the advice: the same, by hand. */
	ASSERT_EQ(0, fake_call(f, PVN_HC_MEMORY_RELEASE, RANGE, BYTES));
	ASSERT_EQ(0, resident(host, BYTES));
	advice_error = EINVAL;
	EXPECT_EQ(0, fake_call(f, PVN_HC_MEMORY_POPULATE, RANGE, BYTES));
	EXPECT_EQ(BYTES / 4096, resident(host, BYTES));
	advice_error = EHWPOISON;
	EXPECT_EQ(-PVN_EIO, fake_call(f, PVN_HC_MEMORY_POPULATE, RANGE, 4096));
	advice_error = ENOMEM;
	EXPECT_EQ(-PVN_ENOMEM, fake_call(f, PVN_HC_MEMORY_POPULATE, RANGE, 8192));
	EXPECT_LT(0, advices);
}

FAMILY_TESTS(PVN_HC_FAMILY_MEMORY)

TEST_HARNESS_MAIN
