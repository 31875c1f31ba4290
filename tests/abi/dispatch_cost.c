// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the dispatcher costs the VMM: a call alone and as one of 64, without the exit. The exit is some microseconds
 * (docs/abi/transport.md), so a call in a multicall can cost a twentieth of a single one only if the dispatcher
 * itself is far below that. Compiled as the VMM is, without sanitizers. Figures are printed; the bound is loose,
 * because other programs may run at the same time.
 */
#include "kselftest_harness.h"

#include <time.h>

#include "abi_fake.h"

#define LIST 0x10000ull
#define ROUNDS 200000
#define NS_BOUND 500.0 /* a tenth of the fastest exit to a VMM's process that we know of (3.8 us) and some */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double single(struct fake *f)
{
	struct hypercall_frame frame = { .nr = PVN_HC_CORE_NULL };
	double start = now();

	for (int i = 0; i < ROUNDS; i++)
		if (hypercall_handle(&f->m, &frame))
			return 1e9;
	return (now() - start) / ROUNDS;
}

static double batched(struct fake *f)
{
	struct hypercall_frame frame = { .nr = PVN_HC_CORE_MULTICALL, .args = { LIST, 64 } };
	double start = now();

	for (int i = 0; i < ROUNDS / 64; i++)
		if (hypercall_handle(&f->m, &frame) != 64)
			return 1e9;
	return (now() - start) / (ROUNDS / 64 * 64);
}

TEST(null_call)
{
	double one = 1e9, many = 1e9, t;
	struct fake fake;

	ASSERT_EQ(0, fake_init(&fake, NULL));
	memset(fake_ptr(&fake, LIST, 4096), 0, 4096);
	for (int i = 0; i < 7; i++) {
		t = single(&fake);
		one = t < one ? t : one;
		t = batched(&fake);
		many = t < many ? t : many;
	}
	fprintf(stderr, "# dispatch of core.null, best of 7: alone %.1f ns, in a multicall of 64 %.1f ns each\n", one, many);
	EXPECT_GT(NS_BOUND, one);
	EXPECT_GT(NS_BOUND, many);
	fake_destroy(&fake);
}

TEST_HARNESS_MAIN
