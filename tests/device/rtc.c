// SPDX-License-Identifier: GPL-2.0-only
/* MC146818: time in every format, setting it, alarm and update interrupts. */
#include <string.h>
#include <time.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/acpi.h"
#include "../../hv-core/vmm/devices/emulated/emulated.h"
#include "fake_machine.h"

#define GSI 8
#define B_SET 0x80
#define B_PIE 0x40
#define B_AIE 0x20
#define B_UIE 0x10
#define B_BINARY 0x04
#define B_24H 0x02

FIXTURE(clock)
{
	struct fake_machine *f;
	struct rtc *rtc;
};

FIXTURE_SETUP(clock)
{
	self->f = fake_machine_create(1 << 20);
	ASSERT_NE(NULL, self->f);
	ASSERT_EQ(0, rtc_create(&self->f->m, &self->rtc));
}

FIXTURE_TEARDOWN(clock)
{
	rtc_destroy(self->rtc);
	fake_machine_destroy(self->f);
}

static uint8_t get(FIXTURE_DATA(clock) *t, uint8_t reg)
{
	fake_pio_write(t->f, 0x70, 1, reg);
	return fake_pio_read(t->f, 0x71, 1);
}

static void set(FIXTURE_DATA(clock) *t, uint8_t reg, uint8_t v)
{
	fake_pio_write(t->f, 0x70, 1, reg);
	fake_pio_write(t->f, 0x71, 1, v);
}

static unsigned int bcd(uint8_t v)
{
	return (v >> 4) * 10 + (v & 15);
}

/* The clock's time in its power-on format, read twice until both agree. */
static time_t now_bcd(FIXTURE_DATA(clock) *t)
{
	struct tm tm;
	uint8_t sec;

	do {
		sec = get(t, 0);
		tm = (struct tm){
			.tm_sec = bcd(sec),
			.tm_min = bcd(get(t, 2)),
			.tm_hour = bcd(get(t, 4)),
			.tm_mday = bcd(get(t, 7)),
			.tm_mon = bcd(get(t, 8)) - 1,
			.tm_year = bcd(get(t, 9)) + (bcd(get(t, ACPI_CMOS_CENTURY)) - 19) * 100,
		};
	} while (get(t, 0) != sec);
	return timegm(&tm);
}

static void set_time(FIXTURE_DATA(clock) *t, const uint8_t regs[7])
{
	static const uint8_t at[7] = { 0, 2, 4, 7, 8, 9, ACPI_CMOS_CENTURY };
	uint8_t b = get(t, 11);

	set(t, 11, b | B_SET);
	for (int i = 0; i < 7; i++)
		set(t, at[i], regs[i]);
	set(t, 11, b);
}

TEST_F(clock, shows_the_hosts_utc)
{
	time_t before = time(NULL), shown = now_bcd(self), after = time(NULL);

	EXPECT_GE(shown, before);
	EXPECT_LE(shown, after);
	EXPECT_EQ(0x80, get(self, 13));
	EXPECT_EQ(B_24H, get(self, 11));
	EXPECT_EQ(0x26, get(self, 10) & 0x7f);
}

TEST_F(clock, binary_and_twelve_hours)
{
	static const uint8_t afternoon[7] = { 0x15, 0x30, 0x23, 0x31, 0x12, 0x99, 0x20 };
	static const uint8_t midnight[7] = { 0x15, 0x30, 0x00, 0x01, 0x01, 0x24, 0x20 };

	set_time(self, afternoon);
	set(self, 11, B_24H | B_BINARY);
	EXPECT_EQ(23, get(self, 4));
	EXPECT_EQ(31, get(self, 7));
	EXPECT_EQ(99, get(self, 9));
	set(self, 11, 0);
	EXPECT_EQ(0x80 | 0x11, get(self, 4));
	set(self, 11, B_BINARY);
	EXPECT_EQ(0x80 | 11, get(self, 4));
	set(self, 11, B_24H);
	set_time(self, midnight);
	set(self, 11, 0);
	EXPECT_EQ(0x12, get(self, 4));
	/* And set in twelve hours: noon. */
	set(self, 4, 0x80 | 0x12);
	set(self, 11, B_24H);
	EXPECT_EQ(0x12, get(self, 4));
}

TEST_F(clock, set_and_running_on)
{
	/* 2028-02-28 23:59:59: the next day is the 29th, a Tuesday. */
	static const uint8_t leap[7] = { 0x59, 0x59, 0x23, 0x28, 0x02, 0x28, 0x20 };
	struct timespec wait = { .tv_nsec = 20000000 };

	set_time(self, leap);
	EXPECT_EQ(0x28, get(self, 7));
	while (get(self, 0) == 0x59)
		nanosleep(&wait, NULL);
	EXPECT_EQ(0x29, get(self, 7));
	EXPECT_EQ(0x02, get(self, 8));
	EXPECT_EQ(0x00, get(self, 4));
	EXPECT_EQ(3, get(self, 6));
}

TEST_F(clock, stands_still_while_set)
{
	struct timespec wait = { .tv_sec = 1, .tv_nsec = 100000000 };
	uint8_t sec;

	set(self, 11, B_SET | B_24H);
	sec = get(self, 0);
	/* The registers belong to the guest now, and nothing is about to be updated. */
	nanosleep(&wait, NULL);
	EXPECT_EQ(sec, get(self, 0));
	EXPECT_EQ(0, get(self, 10) & 0x80);
	set(self, 0, 0x77);
	EXPECT_EQ(0x77, get(self, 0));
}

TEST_F_TIMEOUT(clock, update_in_progress_is_short_and_real, 60)
{
	uint64_t start = loop_now_ns(), end = start + 30000000000ull;
	unsigned int seen = 0, reads = 0;

	/* Polled for two seconds or, where other programs take the CPU just then, until it is seen. */
	while (loop_now_ns() < start + 2000000000 || (!seen && loop_now_ns() < end)) {
		reads++;
		seen += get(self, 10) >> 7;
	}
	EXPECT_GT(seen, 0u);
	EXPECT_LT(seen, reads / 100);
}

static bool irq_high(void *arg)
{
	FIXTURE_DATA(clock) *t = arg;

	return t->f->irq_level[GSI];
}

TEST_F(clock, update_interrupt)
{
	get(self, 12);
	set(self, 11, B_24H | B_UIE);
	ASSERT_TRUE(fake_wait(self->f, irq_high, self, 3000));
	EXPECT_EQ(0x90, get(self, 12) & 0x90);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	/* Each second again. */
	ASSERT_TRUE(fake_wait(self->f, irq_high, self, 3000));
	set(self, 11, B_24H);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
}

TEST_F(clock, alarm)
{
	static const uint8_t at[7] = { 0x58, 0x59, 0x23, 0x31, 0x12, 0x29, 0x20 };

	set_time(self, at);
	set(self, 1, 0x00);
	set(self, 3, 0x00);
	set(self, 5, 0x00);
	get(self, 12);
	set(self, 11, B_24H | B_AIE);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	ASSERT_TRUE(fake_wait(self->f, irq_high, self, 5000));
	EXPECT_EQ(0x00, get(self, 0));
	EXPECT_EQ(0xa0, get(self, 12) & 0xa0);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
}

TEST_F(clock, alarm_for_any_time)
{
	set(self, 1, 0xc0);
	set(self, 3, 0xff);
	set(self, 5, 0xc5);
	set(self, 11, B_24H | B_AIE);
	ASSERT_TRUE(fake_wait(self->f, irq_high, self, 3000));
}

/* Not the alarm's minute: nothing comes, though updates do. */
TEST_F(clock, alarm_for_another_time)
{
	static const uint8_t at[7] = { 0x10, 0x20, 0x05, 0x31, 0x12, 0x29, 0x20 };
	struct timespec wait = { .tv_sec = 1, .tv_nsec = 100000000 };

	set_time(self, at);
	set(self, 1, 0xff);
	set(self, 3, 0x21);
	set(self, 5, 0xff);
	get(self, 12);
	set(self, 11, B_24H | B_AIE);
	nanosleep(&wait, NULL);
	loop_run_once(self->f->m.loop, 100);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	EXPECT_EQ(0x10, get(self, 12));
}

TEST_F(clock, no_periodic_interrupt)
{
	set(self, 11, B_24H | B_PIE);
	EXPECT_EQ(B_24H, get(self, 11));
}

TEST_F(clock, memory_and_index)
{
	set(self, 0x40, 0xa5);
	EXPECT_EQ(0xa5, get(self, 0x40));
	/* Bit 7 of the index is the NMI mask, not part of the address. */
	EXPECT_EQ(0xa5, get(self, 0xc0));
	EXPECT_EQ(0xff, fake_pio_read(self->f, 0x70, 1));
	/* Both ports in one access. */
	fake_pio_write(self->f, 0x70, 2, 0x5a << 8 | 0x41);
	EXPECT_EQ(0x5a, get(self, 0x41));
	/* Registers that only the clock writes. */
	set(self, 13, 0);
	EXPECT_EQ(0x80, get(self, 13));
}

TEST_F(clock, nonsense_times)
{
	static const uint8_t ones[7] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t zeroes[7] = { 0 };

	set_time(self, ones);
	now_bcd(self);
	set_time(self, zeroes);
	now_bcd(self);
	/* From the far end of what can be shown to the near one, at once and back. */
	static const uint8_t last[7] = { 0x59, 0x59, 0x23, 0x31, 0x12, 0x99, 0x99 };
	static const uint8_t first[7] = { 0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x19 };

	for (int i = 0; i < 3; i++) {
		set_time(self, last);
		set_time(self, first);
		EXPECT_EQ(0x19, get(self, ACPI_CMOS_CENTURY));
	}
	/* Sensible again. */
	static const uint8_t good[7] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x20 };

	set_time(self, good);
	EXPECT_EQ(0x05, get(self, 8));
	EXPECT_EQ(0x20, get(self, ACPI_CMOS_CENTURY));
}

TEST_HARNESS_MAIN
