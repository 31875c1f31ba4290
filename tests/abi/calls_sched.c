// SPDX-License-Identifier: GPL-2.0-only
/* Family sched. */
#include "kselftest_harness.h"

#include "abi_fake.h"

FIXTURE(scheduling) {
	struct fake fake;
};

FIXTURE_SETUP(scheduling)
{
	ASSERT_EQ(0, fake_init(&self->fake, NULL));
	ASSERT_EQ(0, fake_accept_all(&self->fake));
}

FIXTURE_TEARDOWN(scheduling)
{
	fake_destroy(&self->fake);
}

TEST_F(scheduling, yield)
{
	EXPECT_EQ(0, fake_call(&self->fake, PVN_HC_SCHED_YIELD));
	EXPECT_EQ(0, self->fake.stops);
}

TEST_F(scheduling, shutdown)
{
	static const enum stop_reason want[] = {
		[PVN_SHUTDOWN_POWEROFF] = STOP_POWEROFF,
		[PVN_SHUTDOWN_REBOOT] = STOP_RESET,
		[PVN_SHUTDOWN_CRASH] = STOP_GUEST_CRASH,
		[PVN_SHUTDOWN_HALT] = STOP_POWEROFF,
	};
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_SCHED_SHUTDOWN, 4));
	EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_SCHED_SHUTDOWN, 0xffffffff));
	EXPECT_EQ(0, f->stops);
	f->vcpu = 2;
	for (unsigned int reason = 0; reason < 4; reason++) {
		EXPECT_EQ(0, fake_call(f, PVN_HC_SCHED_SHUTDOWN, reason));
		EXPECT_EQ(reason + 1, f->stops);
		EXPECT_EQ(want[reason], f->stop_reason);
		EXPECT_NE(NULL, strstr(f->stop_text, "vCPU 2"));
	}
	EXPECT_NE(NULL, strstr(f->stop_text, "halted"));
	EXPECT_EQ(1, f->crashes);
}

TEST_F(scheduling, block)
{
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(&self->fake, PVN_HC_SCHED_BLOCK));
}

FAMILY_TESTS(PVN_HC_FAMILY_SCHED)

TEST_HARNESS_MAIN
