// SPDX-License-Identifier: GPL-2.0-only
/* Family time: the clocks against the host's, the timers on a real loop. */
#include "kselftest_harness.h"

#include <time.h>

#include "abi_fake.h"
#include "hypercall_impl.h"

#define PAGE 0x40000ull
#define BUFFER 0x50000ull
#define MS 1000000ll

FIXTURE(timing) {
	struct fake fake;
	struct pvn_event_page *page;
	uint32_t port;
};

FIXTURE_SETUP(timing)
{
	struct fake *f = &self->fake;

	ASSERT_EQ(0, fake_init(f, NULL));
	ASSERT_EQ(0, fake_accept_all(f));
	self->page = fake_ptr(f, PAGE, sizeof(*self->page));
	memset(self->page, 0, sizeof(*self->page));
	ASSERT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, PAGE));
	ASSERT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	ASSERT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0, 0x40));
	self->port = 1;
}

FIXTURE_TEARDOWN(timing)
{
	fake_destroy(&self->fake);
}

TEST_F(timing, clock)
{
	struct fake *f = &self->fake;
	int64_t a = fake_call(f, PVN_HC_TIME_CLOCK), b;

	f->vcpu = 3;
	usleep(2000);
	b = fake_call(f, PVN_HC_TIME_CLOCK);
	EXPECT_LE(0, a);
	EXPECT_LE(2 * MS, b - a);
	EXPECT_GT(60 * 1000 * MS, b); /* counted from the machine's start, not the host's */
}

TEST_F(timing, wall_clock)
{
	struct fake *f = &self->fake;
	struct pvn_wall_clock *wall = fake_ptr(f, BUFFER, sizeof(*wall));
	int64_t before, after;

	memset(wall, 0xff, sizeof(*wall));
	before = fake_call(f, PVN_HC_TIME_CLOCK);
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_WALL_CLOCK, BUFFER));
	after = fake_call(f, PVN_HC_TIME_CLOCK);
	EXPECT_GE(2, llabs(time(NULL) - wall->seconds));
	EXPECT_GT(1000000000, wall->nanoseconds);
	EXPECT_EQ(0, wall->reserved);
	EXPECT_LE(before, (int64_t)wall->clock);
	EXPECT_GE(after, (int64_t)wall->clock);
	EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_TIME_WALL_CLOCK, BUFFER + 4));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_TIME_WALL_CLOCK, GMEM_HOLE_START - 16));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_TIME_WALL_CLOCK, -8ull));
}

/* Lets the loop run until the port is pending, or for `ms`. */
static bool wait_pending(struct fake *f, struct pvn_event_page *page, uint32_t port, int ms)
{
	int64_t end = fake_call(f, PVN_HC_TIME_CLOCK) + ms * MS;

	while (!(page->pending[port / 64] >> port % 64 & 1) && fake_call(f, PVN_HC_TIME_CLOCK) < end)
		loop_run_once(f->m.loop, 1);
	return page->pending[port / 64] >> port % 64 & 1;
}

TEST_F(timing, timer_set)
{
	struct fake *f = &self->fake;
	int64_t now = fake_call(f, PVN_HC_TIME_CLOCK);

	/* Not before its deadline, then once, with an upcall. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, now + 30 * MS, self->port));
	EXPECT_EQ(true, wait_pending(f, self->page, self->port, 5000));
	EXPECT_LE(now + 30 * MS, fake_call(f, PVN_HC_TIME_CLOCK));
	EXPECT_EQ(1, f->nr_msis);
	self->page->pending[0] = 0;
	EXPECT_EQ(false, wait_pending(f, self->page, self->port, 40));

	/* A deadline that is past, the earliest included, fires at once. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, self->port));
	EXPECT_EQ(true, wait_pending(f, self->page, self->port, 5000));
	self->page->pending[0] = 0;

	/* Moved: the first deadline means nothing any more. The farthest deadline is for ever. */
	now = fake_call(f, PVN_HC_TIME_CLOCK);
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, now + 10 * MS, self->port));
	EXPECT_EQ(1, fake_call(f, PVN_HC_TIME_TIMER_SET, ~0ull, self->port));
	EXPECT_EQ(false, wait_pending(f, self->page, self->port, 40));

	/* Each vCPU has its own. */
	f->vcpu = 1;
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, self->port));
	EXPECT_EQ(true, wait_pending(f, self->page, self->port, 5000));
}

/* In pv mode both are on the clock that the guest reads by itself, wherever that stands. */
TEST(pv_mode_clock)
{
	static const int64_t ahead[] = { 0, 3600 * 1000 * MS, -2 * MS };
	struct fake fake, *f = &fake;

	for (unsigned int i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		struct pvn_event_page *page;
		int64_t now;

		ASSERT_EQ(0, fake_init_pv(f));
		f->guest_clock_start = (uint64_t)ahead[i];
		ASSERT_EQ(0, fake_accept_all(f));
		page = fake_ptr(f, PAGE, sizeof(*page));
		memset(page, 0, sizeof(*page));
		ASSERT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, PAGE));
		ASSERT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
		now = fake_call(f, PVN_HC_TIME_CLOCK);
		EXPECT_LE(0, now - ahead[i] - (int64_t)loop_now_ns() + 1000 * MS);
		EXPECT_GE(0, now - ahead[i] - (int64_t)loop_now_ns());
		EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, now + 20 * MS, 1));
		EXPECT_EQ(true, wait_pending(f, page, 1, 5000));
		EXPECT_LE(now + 20 * MS, fake_call(f, PVN_HC_TIME_CLOCK));
		page->pending[0] = 0;
		EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, 1));
		EXPECT_EQ(true, wait_pending(f, page, 1, 5000));
		EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, ~0ull, 1));
		page->pending[0] = 0;
		EXPECT_EQ(false, wait_pending(f, page, 1, 20));
		fake_destroy(f);
	}
}

TEST_F(timing, timer_set_bad_port)
{
	struct fake *f = &self->fake;
	static const uint32_t bad[] = { 0, 2, PVN_EVENT_PORTS - 1, PVN_EVENT_PORTS, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, bad[i]));

	/* A port that was closed gets nothing, and who opens it next under the same number neither. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, self->port));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_CLOSE, self->port));
	EXPECT_EQ(self->port, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(false, wait_pending(f, self->page, self->port, 20));
	EXPECT_EQ(0, f->nr_msis);

	/* Without the event family there is nothing to fire. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, PVN_F0_TIME));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, 1));
}

TEST_F(timing, timer_stop)
{
	struct fake *f = &self->fake;
	int64_t now = fake_call(f, PVN_HC_TIME_CLOCK);

	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_STOP));
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, now + 10 * MS, self->port));
	EXPECT_EQ(1, fake_call(f, PVN_HC_TIME_TIMER_STOP));
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_STOP));
	EXPECT_EQ(false, wait_pending(f, self->page, self->port, 40));

	/* Expired, not yet served by the loop, then stopped: it must not fire. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, self->port));
	usleep(2000);
	EXPECT_EQ(1, fake_call(f, PVN_HC_TIME_TIMER_STOP));
	EXPECT_EQ(false, wait_pending(f, self->page, self->port, 20));
}

/* The loop may be on its way into the callback when a vCPU moves or stops the timer: called late, it must do nothing. */
TEST_F(timing, late_callback)
{
	struct fake *f = &self->fake;
	struct loop_timer *timer = &f->h->timer[0].timer;
	int64_t now = fake_call(f, PVN_HC_TIME_CLOCK);

	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, now + 60000 * MS, self->port));
	timer->fn(timer->opaque);
	EXPECT_EQ(0, self->page->pending[0]);
	EXPECT_EQ(1, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, self->port));
	EXPECT_EQ(1, fake_call(f, PVN_HC_TIME_TIMER_STOP));
	timer->fn(timer->opaque);
	EXPECT_EQ(0, self->page->pending[0]);
	/* In time, it does. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, self->port));
	timer->fn(timer->opaque);
	EXPECT_EQ(2, self->page->pending[0]);
}

FAMILY_TESTS(PVN_HC_FAMILY_TIME)

TEST_HARNESS_MAIN
