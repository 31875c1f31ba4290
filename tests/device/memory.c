// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: what gmem_ptr() gives, and above all what it refuses. */
#include <errno.h>
#include <pthread.h>
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

/* What is held does not become page tables, and what has become that is not held. */
TEST(held_parts)
{
	uint16_t closed[4] = { 0 };
	uint32_t holds[4] = { 0 };
	struct iovec iov[2];
	struct gmem gm;
	void *a, *b;

	ASSERT_EQ(0, gmem_init(&gm, 8 * MIB));
	gm.closed = closed;
	gm.holds = holds;
	a = gmem_ptr_held(&gm, GPA(2 * MIB), 1);
	b = gmem_ptr_held(&gm, GPA(4 * MIB - 1), 2);
	ASSERT_NE(NULL, a);
	ASSERT_NE(NULL, b);
	EXPECT_FALSE(gmem_is_held(&gm, GPA(0), 2 * MIB));
	EXPECT_TRUE(gmem_is_held(&gm, GPA(0), 2 * MIB + 1));
	gmem_release(&gm, a, 1);
	EXPECT_TRUE(gmem_is_held(&gm, GPA(2 * MIB), 2 * MIB));
	EXPECT_TRUE(gmem_is_held(&gm, GPA(4 * MIB), 2 * MIB));
	EXPECT_FALSE(gmem_is_held(&gm, GPA(6 * MIB), 2 * MIB));
	gmem_release(&gm, b, 2);
	EXPECT_FALSE(gmem_is_held(&gm, GPA(0), 8 * MIB));
	EXPECT_TRUE(gmem_is_held(&gm, GPA(0), 8 * MIB + 1));
	EXPECT_TRUE(gmem_is_held(&gm, GPA(UINT64_MAX - 4095), 8192));

	/* A list is held as a whole, or not at all. */
	iov[0] = (struct iovec){ gmem_ptr(&gm, GPA(0), 4096), 4096 };
	iov[1] = (struct iovec){ gmem_ptr(&gm, GPA(6 * MIB), 4096), 4096 };
	ASSERT_EQ(0, gmem_hold_iov(&gm, iov, 2));
	EXPECT_TRUE(gmem_is_held(&gm, GPA(0), 1));
	EXPECT_TRUE(gmem_is_held(&gm, GPA(6 * MIB), 1));
	gmem_release_iov(&gm, iov, 2);
	closed[3] = 1;
	EXPECT_EQ(-EFAULT, gmem_hold_iov(&gm, iov, 2));
	EXPECT_EQ(-EFAULT, gmem_hold(&gm, iov[1].iov_base, 4096));
	EXPECT_EQ(NULL, gmem_ptr_held(&gm, GPA(6 * MIB), 1));
	EXPECT_EQ(-EFAULT, gmem_read(&gm, GPA(6 * MIB), &a, 1));
	EXPECT_EQ(0, gmem_read(&gm, GPA(0), &a, 1));
	EXPECT_FALSE(gmem_is_held(&gm, GPA(0), 8 * MIB));
	gmem_destroy(&gm);
}

/* One that holds against one that closes: never both at once. */
struct contest {
	struct gmem gm;
	uint16_t closed[1];
	uint32_t holds[1];
	uint32_t inside, clashes, held;
	bool over;
};

static void *contest_hold(void *opaque)
{
	struct contest *c = opaque;

	while (!__atomic_load_n(&c->over, __ATOMIC_RELAXED)) {
		void *p = gmem_ptr_held(&c->gm, GPA(4096), 64);

		if (!p)
			continue;
		c->held++;
		if (__atomic_load_n(&c->inside, __ATOMIC_SEQ_CST))
			__atomic_fetch_add(&c->clashes, 1, __ATOMIC_RELAXED);
		gmem_release(&c->gm, p, 64);
	}
	return NULL;
}

TEST(held_or_closed)
{
	struct contest c = { 0 };
	unsigned int won = 0;
	pthread_t thread;

	ASSERT_EQ(0, gmem_init(&c.gm, 2 * MIB));
	c.gm.closed = c.closed;
	c.gm.holds = c.holds;
	ASSERT_EQ(0, pthread_create(&thread, NULL, contest_hold, &c));
	for (unsigned int i = 0; i < 300000; i++) {
		__atomic_store_n(&c.closed[0], 1, __ATOMIC_SEQ_CST);
		if (!gmem_is_held(&c.gm, GPA(0), 2 * MIB)) {
			won++;
			__atomic_store_n(&c.inside, 1, __ATOMIC_SEQ_CST);
			__atomic_store_n(&c.inside, 0, __ATOMIC_SEQ_CST);
		}
		__atomic_store_n(&c.closed[0], 0, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&c.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, c.clashes);
	EXPECT_LT(0, won);
	EXPECT_LT(0, c.held);
	EXPECT_EQ(0, c.holds[0]);
	gmem_destroy(&c.gm);
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
