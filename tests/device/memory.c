// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: what gmem_ptr() gives, and above all what it refuses. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/memory.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

TEST(sizes_that_no_machine_has)
{
	struct gmem gm;

	EXPECT_EQ(-EINVAL, gmem_init(&gm, 0));
	EXPECT_EQ(-EINVAL, gmem_init(&gm, 4096));
	EXPECT_EQ(-EINVAL, gmem_init(&gm, MIB + 1));
	EXPECT_EQ(-EINVAL, gmem_init(&gm, 64 * MIB + 512));
	EXPECT_NE(0, gmem_init(&gm, ~0ull & ~4095ull));
	EXPECT_EQ(0u, gm.nr_regions);
}

TEST(one_region_below_the_hole)
{
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, 64 * MIB));
	EXPECT_EQ(1u, gm.nr_regions);
	EXPECT_EQ(64 * MIB, gm.bytes);
	EXPECT_EQ(gm.region[0].host, gmem_ptr(&gm, GPA(0), 1));
	EXPECT_EQ(gm.region[0].host, gmem_ptr(&gm, GPA(0), 64 * MIB));
	EXPECT_EQ((char *)gm.region[0].host + 5, gmem_ptr(&gm, GPA(5), 1));
	gmem_destroy(&gm);
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(0), 1));
}

TEST(end_of_memory)
{
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, 2 * MIB));
	EXPECT_NE(NULL, gmem_ptr(&gm, GPA(2 * MIB - 1), 1));
	/* A buffer that ends exactly where memory does is whole. */
	EXPECT_NE(NULL, gmem_ptr(&gm, GPA(2 * MIB - 4096), 4096));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(2 * MIB - 4096), 4097));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(2 * MIB - 1), 2));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(2 * MIB), 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(0), 2 * MIB + 1));
	gmem_destroy(&gm);
}

/* Where pv mode's page tables lie, there is no memory for anyone else. */
TEST(closed_parts)
{
	uint16_t closed[4] = { 0, 0, 1, 0 };
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, 8 * MIB));
	gm.closed = closed;
	EXPECT_NE(NULL, gmem_ptr(&gm, GPA(0), 4 * MIB));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(0), 4 * MIB + 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(4 * MIB), 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(6 * MIB - 1), 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(6 * MIB - 1), 2));
	EXPECT_NE(NULL, gmem_ptr(&gm, GPA(6 * MIB), 2 * MIB));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(0), 8 * MIB));
	EXPECT_EQ(-EFAULT, gmem_write(&gm, GPA(5 * MIB), "x", 1));
	closed[2] = 0;
	EXPECT_NE(NULL, gmem_ptr(&gm, GPA(0), 8 * MIB));
	gmem_destroy(&gm);
}

TEST(zero_length)
{
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, MIB));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(0), 0));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(MIB), 0));
	gmem_destroy(&gm);
}

TEST(addresses_and_lengths_that_wrap)
{
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, 4 * GIB));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(~0ull), 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(~0ull), 2));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(1), ~0ull));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(0x1000), ~0ull - 0xfff));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(~0ull - 4095), 8192));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_END + 4096), ~0ull - 4096));
	gmem_destroy(&gm);
}

TEST(the_hole)
{
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, 4 * GIB));
	EXPECT_EQ(2u, gm.nr_regions);
	EXPECT_NE(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_START - 1), 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_START - 1), 2));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_START), 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_END - 1), 1));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_END - 1), 2));
	/* Both ends in memory, and the hole between. */
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_START - 4096), GMEM_HOLE_END - GMEM_HOLE_START + 8192));
	EXPECT_EQ(gm.region[1].host, gmem_ptr(&gm, GPA(GMEM_HOLE_END), GIB));
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_END), GIB + 1));
	gmem_destroy(&gm);
}

TEST(exactly_up_to_the_hole)
{
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, GMEM_HOLE_START));
	EXPECT_EQ(1u, gm.nr_regions);
	EXPECT_EQ(NULL, gmem_ptr(&gm, GPA(GMEM_HOLE_END), 1));
	gmem_destroy(&gm);
}

TEST(copies)
{
	char buf[32] = "";
	struct gmem gm;

	ASSERT_EQ(0, gmem_init(&gm, MIB));
	EXPECT_EQ(0, gmem_write(&gm, GPA(MIB - 6), "hello", 6));
	EXPECT_EQ(0, gmem_read(&gm, GPA(MIB - 6), buf, 6));
	EXPECT_STREQ("hello", buf);
	EXPECT_EQ(-EFAULT, gmem_write(&gm, GPA(MIB - 5), "HELLO", 6));
	EXPECT_EQ(-EFAULT, gmem_read(&gm, GPA(MIB - 5), buf, 6));
	/* A refused copy has copied nothing. */
	EXPECT_EQ(0, gmem_read(&gm, GPA(MIB - 6), buf, 6));
	EXPECT_STREQ("hello", buf);
	gmem_destroy(&gm);
}

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

static bool faults(const volatile char *p)
{
	struct sigaction act = { .sa_handler = on_fault, .sa_flags = SA_NODEFER }, old_segv, old_bus;
	bool hit;

	sigaction(SIGSEGV, &act, &old_segv);
	sigaction(SIGBUS, &act, &old_bus);
	hit = sigsetjmp(fault, 1) != 0;
	if (!hit)
		(void)*p;
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return hit;
}

TEST(guard_pages_on_both_sides)
{
	struct gmem gm;
	const char *host;

	ASSERT_EQ(0, gmem_init(&gm, MIB));
	host = gm.region[0].host;
	EXPECT_TRUE(faults(host - 1));
	EXPECT_FALSE(faults(host));
	EXPECT_FALSE(faults(host + MIB - 1));
	EXPECT_TRUE(faults(host + MIB));
	gmem_destroy(&gm);
}

/* What of [host, host + size) is resident, in KiB. */
static long resident_kib(const struct gmem_region *r)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kib;
	char line[512];
	bool ours = false;
	long sum = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start >= (uintptr_t)r->host && end <= (uintptr_t)r->host + r->size;
		else if (ours && sscanf(line, "Pss: %lu kB", &kib) == 1)
			sum += kib;
	}
	fclose(f);
	return sum;
}

TEST(lazily_populated)
{
	struct gmem gm;

	/* More than this machine has. */
	ASSERT_EQ(0, gmem_init(&gm, 256 * GIB));
	EXPECT_EQ(0, resident_kib(&gm.region[1]));
	*(char *)gmem_ptr(&gm, GPA(GMEM_HOLE_END + GIB), 1) = 1;
	EXPECT_GE(resident_kib(&gm.region[1]), 4);
	/* At most the huge page around it. */
	EXPECT_LE(resident_kib(&gm.region[1]), 2048);
	gmem_destroy(&gm);
}

TEST_HARNESS_MAIN
