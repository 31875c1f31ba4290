// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt moderation, with invented times. */
#include "kselftest_harness.h"

#include "../../hv-core/vmm/devices/emulated/e1000.h"

#define US 1000ull
#define START (1000 * US)

TEST(a_cause_shows_at_once)
{
	struct e1000_irq q = { .ims = INT_RXT0 };

	e1000_irq_cause(&q, INT_TXDW);
	EXPECT_EQ(0, e1000_irq_step(&q, START));
	EXPECT_FALSE(q.level);
	e1000_irq_cause(&q, INT_RXT0);
	EXPECT_EQ(0, e1000_irq_step(&q, START));
	EXPECT_TRUE(q.level);
	EXPECT_EQ(INT_RXT0 | INT_TXDW, e1000_irq_read_icr(&q));
	e1000_irq_step(&q, START);
	EXPECT_FALSE(q.level);
}

TEST(itr_spaces_interrupts)
{
	struct e1000_irq q = { .ims = INT_RXT0, .itr = 977 }; /* 250 µs: 4,000 a second */
	unsigned int rises = 0;

	/* A frame each microsecond for 10 ms, each interrupt taken and acknowledged at once. */
	for (uint64_t now = START; now < START + 10000 * US; now += US) {
		bool before = q.level;

		e1000_irq_cause(&q, INT_RXT0);
		e1000_irq_step(&q, now);
		rises += q.level && !before;
		if (q.level) {
			e1000_irq_read_icr(&q);
			e1000_irq_step(&q, now);
		}
	}
	EXPECT_EQ(40, rises);
	/* A first frame after a pause does not wait. */
	e1000_irq_cause(&q, INT_RXT0);
	EXPECT_EQ(0, e1000_irq_step(&q, START + 20000 * US));
	EXPECT_TRUE(q.level);
}

TEST(interrupts_are_never_closer_than_the_manual_says)
{
	struct e1000_irq q = { .ims = INT_RXT0, .itr = 0 };

	e1000_irq_cause(&q, INT_RXT0);
	e1000_irq_step(&q, START);
	EXPECT_TRUE(q.level);
	e1000_irq_read_icr(&q);
	e1000_irq_step(&q, START);
	e1000_irq_cause(&q, INT_RXT0);
	EXPECT_EQ(START + 128 * US, e1000_irq_step(&q, START + 1));
	EXPECT_FALSE(q.level);
}

TEST(itr_says_when_to_look_again)
{
	struct e1000_irq q = { .ims = INT_RXT0, .itr = 1000 };

	e1000_irq_cause(&q, INT_RXT0);
	e1000_irq_step(&q, START);
	e1000_irq_read_icr(&q);
	e1000_irq_step(&q, START);
	e1000_irq_cause(&q, INT_RXT0);
	EXPECT_EQ(START + 256 * US, e1000_irq_step(&q, START + 1));
	EXPECT_FALSE(q.level);
	e1000_irq_step(&q, START + 256 * US - 1);
	EXPECT_FALSE(q.level);
	EXPECT_EQ(0, e1000_irq_step(&q, START + 256 * US));
	EXPECT_TRUE(q.level);
}

TEST(a_masked_cause_keeps)
{
	struct e1000_irq q = { .itr = 100 };

	e1000_irq_cause(&q, INT_RXT0);
	EXPECT_EQ(0, e1000_irq_step(&q, START));
	EXPECT_FALSE(q.level);
	q.ims = INT_RXT0;
	e1000_irq_step(&q, START + 1);
	EXPECT_TRUE(q.level);
	/* Masking takes the level away, not the cause. */
	q.ims = 0;
	e1000_irq_step(&q, START + 2);
	EXPECT_FALSE(q.level);
	EXPECT_EQ(INT_RXT0, q.icr);
}

TEST(delays_begin_anew_up_to_a_limit)
{
	struct e1000_irq q = { .ims = INT_TXDW };

	/* TIDV 400, TADV 1000: units of 1.024 µs. */
	e1000_irq_tx_later(&q, 400, 1000, START);
	EXPECT_EQ(START + 409600, e1000_irq_step(&q, START));
	for (unsigned int i = 1; i <= 4; i++)
		e1000_irq_tx_later(&q, 400, 1000, START + i * 200 * US);
	EXPECT_EQ(START + 1024000, e1000_irq_step(&q, START + 800 * US));
	EXPECT_FALSE(q.level);
	e1000_irq_step(&q, START + 1024000);
	EXPECT_TRUE(q.level);
	EXPECT_EQ(INT_TXDW, q.icr);
	/* The next begins a limit of its own; without a limit it may be put off for ever. */
	e1000_irq_read_icr(&q);
	e1000_irq_step(&q, START + 2000 * US);
	for (unsigned int i = 0; i < 1000; i++) {
		e1000_irq_rx_later(&q, 8, 0, START + 2000 * US + i * 7 * US);
		e1000_irq_step(&q, START + 2000 * US + i * 7 * US);
	}
	EXPECT_EQ(0, q.icr);
	e1000_irq_step(&q, START + 2000 * US + 999 * 7 * US + 8192);
	EXPECT_EQ(INT_RXT0, q.icr);
}

TEST(short_delays_of_sending_are_stretched)
{
	struct e1000_irq q = { .ims = INT_TXDW };

	/* Linux's 8 and 32. Again and again: the limit holds all the same. */
	for (unsigned int i = 0; i < 25; i++)
		e1000_irq_tx_later(&q, 8, 32, START + i * 10 * US);
	EXPECT_EQ(START + 250 * US, e1000_irq_step(&q, START + 249 * US));
	e1000_irq_step(&q, START + 250 * US);
	EXPECT_TRUE(q.level);
}

TEST(a_delayed_cause_rides_along)
{
	struct e1000_irq q = { .ims = INT_TXDW | INT_RXT0 };

	e1000_irq_tx_later(&q, 100, 200, START);
	e1000_irq_cause(&q, INT_RXT0);
	EXPECT_EQ(0, e1000_irq_step(&q, START + US));
	EXPECT_TRUE(q.level);
	EXPECT_EQ(INT_RXT0 | INT_TXDW, e1000_irq_read_icr(&q));
	/* It does not come a second time. */
	EXPECT_EQ(0, e1000_irq_step(&q, START + 1000 * US));
	EXPECT_FALSE(q.level);
	EXPECT_EQ(0, q.icr);
}

TEST_HARNESS_MAIN
