// SPDX-License-Identifier: GPL-2.0-only
/*
 * MC146818 clock and its CMOS memory. It shows the host's UTC plus what the guest added by setting it. There is no
 * periodic interrupt; alarm and update interrupts come from a timer that runs only while the guest wants them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../acpi.h"
#include "emulated.h"

/* Registers */
#define RTC_SECONDS 0
#define RTC_SECONDS_ALARM 1
#define RTC_MINUTES 2
#define RTC_MINUTES_ALARM 3
#define RTC_HOURS 4
#define RTC_HOURS_ALARM 5
#define RTC_DAY_OF_WEEK 6
#define RTC_DAY_OF_MONTH 7
#define RTC_MONTH 8
#define RTC_YEAR 9
#define RTC_FREQ_SELECT 10 /* register A */
#define RTC_CONTROL 11	   /* register B */
#define RTC_INTR_FLAGS 12  /* register C */
#define RTC_VALID 13	   /* register D */

#define RTC_UIP 0x80	     /* A: update in progress */
#define RTC_DIV_32KHZ 0x20   /* A: divider for the usual crystal */
#define RTC_RATE_1024HZ 0x06 /* A: the rate that firmware leaves */
#define RTC_SET 0x80	     /* B: stopped, to be set */
#define RTC_PIE 0x40	     /* B: periodic interrupt */
#define RTC_AIE 0x20	     /* B: alarm interrupt; in C, the alarm flag */
#define RTC_UIE 0x10	     /* B: update interrupt; in C, the update flag */
#define RTC_SQWE 0x08	     /* B: square wave */
#define RTC_DM_BINARY 0x04   /* B: binary, else decimal digits */
#define RTC_24H 0x02
#define RTC_IRQF 0x80 /* C: a flag is set whose interrupt is enabled */
#define RTC_AF RTC_AIE
#define RTC_UF RTC_UIE
#define RTC_VRT 0x80 /* D: the battery is good */

#define RTC_INDEX_PORT 0x70
#define RTC_GSI 8
#define CMOS_BYTES 128
#define NS_PER_SEC 1000000000ull
/* Before each update the chip says for this long that registers are about to change. */
#define UPDATE_NS 244000
#define ALARM_ANY 0xc0
/* Bit 7 of the hour in 12-hour mode: afternoon. */
#define HOUR_PM 0x80
#define DAY_SECONDS 86400

struct rtc {
	struct machine *m;
	struct bus_range range;
	struct loop_timer tick;
	pthread_mutex_t lock;
	uint8_t index;
	uint8_t cmos[CMOS_BYTES]; /* time registers are filled in when they are read */
	uint8_t flags;		  /* register C's PF, AF, UF */
	int level;
	int64_t offset_ns; /* the guest's time less the host's */
	int64_t last_sec;  /* up to here, alarms and updates were looked at */
};

/* All of these run with rtc->lock held. */

static int64_t host_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * (int64_t)NS_PER_SEC + now.tv_nsec;
}

static int64_t guest_ns(const struct rtc *r)
{
	return host_ns() + r->offset_ns;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t guest_sec(const struct rtc *r)
{
	return floor_div(guest_ns(r), NS_PER_SEC);
}

static uint8_t encode(const struct rtc *r, unsigned int v)
{
	return r->cmos[RTC_CONTROL] & RTC_DM_BINARY ? v : (v / 10) << 4 | v % 10;
}

static unsigned int decode(const struct rtc *r, uint8_t v)
{
	return r->cmos[RTC_CONTROL] & RTC_DM_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct rtc *r, unsigned int hour)
{
	if (r->cmos[RTC_CONTROL] & RTC_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static unsigned int decode_hour(const struct rtc *r, uint8_t v)
{
	if (r->cmos[RTC_CONTROL] & RTC_24H)
		return decode(r, v);
	return decode(r, v & ~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

static void time_to_cmos(struct rtc *r)
{
	time_t now = guest_sec(r);
	struct tm tm;

	gmtime_r(&now, &tm);
	r->cmos[RTC_SECONDS] = encode(r, tm.tm_sec);
	r->cmos[RTC_MINUTES] = encode(r, tm.tm_min);
	r->cmos[RTC_HOURS] = encode_hour(r, tm.tm_hour);
	r->cmos[RTC_DAY_OF_WEEK] = encode(r, tm.tm_wday + 1);
	r->cmos[RTC_DAY_OF_MONTH] = encode(r, tm.tm_mday);
	r->cmos[RTC_MONTH] = encode(r, tm.tm_mon + 1);
	r->cmos[RTC_YEAR] = encode(r, tm.tm_year % 100);
	r->cmos[ACPI_CMOS_CENTURY] = encode(r, 19 + tm.tm_year / 100);
}

/* The guest set the clock. Whatever it wrote, timegm() makes some time of it. */
static void cmos_to_time(struct rtc *r)
{
	unsigned int century = decode(r, r->cmos[ACPI_CMOS_CENTURY]);
	struct tm tm = {
		.tm_sec = decode(r, r->cmos[RTC_SECONDS]),
		.tm_min = decode(r, r->cmos[RTC_MINUTES]),
		.tm_hour = decode_hour(r, r->cmos[RTC_HOURS]),
		.tm_mday = decode(r, r->cmos[RTC_DAY_OF_MONTH]),
		.tm_mon = (int)decode(r, r->cmos[RTC_MONTH]) - 1,
	};
	int64_t sec;

	/* 1900 to 9999: beyond these the nanoseconds below would overflow at some century or other. */
	if (century < 19 || century > 99)
		century = 20;
	tm.tm_year = (century - 19) * 100 + decode(r, r->cmos[RTC_YEAR]);
	/* 2200 is where signed 64-bit nanoseconds are still far from their end. */
	if (tm.tm_year > 300)
		tm.tm_year = 300;
	sec = timegm(&tm);
	/* Counting starts with the write, as on the chip: its divider is reset. */
	r->offset_ns = sec * (int64_t)NS_PER_SEC - host_ns();
	r->last_sec = sec;
}

static void irq_update(struct rtc *r)
{
	int level = (r->flags & r->cmos[RTC_CONTROL] & (RTC_AIE | RTC_UIE)) != 0;

	if (level == r->level)
		return;
	r->level = level;
	irq_set(r->m, RTC_GSI, level);
}

static bool alarm_field(const struct rtc *r, uint8_t alarm, unsigned int decoded, unsigned int now)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || decoded == now;
}

static bool alarm_matches(const struct rtc *r, int64_t sec)
{
	unsigned int of_day = (sec % DAY_SECONDS + DAY_SECONDS) % DAY_SECONDS;
	uint8_t s = r->cmos[RTC_SECONDS_ALARM], m = r->cmos[RTC_MINUTES_ALARM], h = r->cmos[RTC_HOURS_ALARM];

	return alarm_field(r, s, decode(r, s), of_day % 60) && alarm_field(r, m, decode(r, m), of_day / 60 % 60) &&
	       alarm_field(r, h, decode_hour(r, h), of_day / 3600);
}

/* Set the flags for the seconds that passed since the last look. */
static void clock_advance(struct rtc *r)
{
	int64_t now = guest_sec(r);
	int64_t from = r->last_sec;

	if (r->cmos[RTC_CONTROL] & RTC_SET || now <= from) {
		/* Stopped, or the host's clock was set back. */
		r->last_sec = now;
		return;
	}
	r->flags |= RTC_UF;
	/* Every alarm comes at least once a day: no need to look further back. */
	if (now - from > DAY_SECONDS)
		from = now - DAY_SECONDS;
	while (!(r->flags & RTC_AF) && from < now)
		if (alarm_matches(r, ++from))
			r->flags |= RTC_AF;
	r->last_sec = now;
}

static void tick_arm(struct rtc *r)
{
	int64_t into = guest_ns(r) % (int64_t)NS_PER_SEC;

	if (into < 0)
		into += NS_PER_SEC;
	if (r->cmos[RTC_CONTROL] & (RTC_AIE | RTC_UIE) && !(r->cmos[RTC_CONTROL] & RTC_SET))
		loop_timer_set(&r->tick, loop_now_ns() + NS_PER_SEC - into);
	else
		loop_timer_set(&r->tick, 0);
}

static void ticked(void *opaque)
{
	struct rtc *r = opaque;

	pthread_mutex_lock(&r->lock);
	clock_advance(r);
	irq_update(r);
	tick_arm(r);
	pthread_mutex_unlock(&r->lock);
}

static bool is_time(unsigned int index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_DAY_OF_WEEK:
	case RTC_DAY_OF_MONTH:
	case RTC_MONTH:
	case RTC_YEAR:
	case ACPI_CMOS_CENTURY:
		return true;
	default:
		return false;
	}
}

static uint8_t cmos_read(struct rtc *r)
{
	unsigned int i = r->index;
	int64_t into;
	uint8_t value;

	switch (i) {
	case RTC_FREQ_SELECT:
		into = guest_ns(r) % (int64_t)NS_PER_SEC;
		if (into < 0)
			into += NS_PER_SEC;
		value = r->cmos[i] & ~RTC_UIP;
		/* Not while it is being set, or a guest would wait for the end of an update that never comes. */
		if (!(r->cmos[RTC_CONTROL] & RTC_SET) && into >= (int64_t)NS_PER_SEC - UPDATE_NS)
			value |= RTC_UIP;
		return value;
	case RTC_INTR_FLAGS:
		clock_advance(r);
		value = r->flags;
		if (value & r->cmos[RTC_CONTROL] & (RTC_AIE | RTC_UIE))
			value |= RTC_IRQF;
		r->flags = 0;
		irq_update(r);
		return value;
	case RTC_VALID:
		return RTC_VRT;
	default:
		if (is_time(i) && !(r->cmos[RTC_CONTROL] & RTC_SET))
			time_to_cmos(r);
		return r->cmos[i];
	}
}

static void control_write(struct rtc *r, uint8_t value)
{
	uint8_t old = r->cmos[RTC_CONTROL];

	clock_advance(r);
	/* Registers in the old format, before the clock stops or the format changes under them. */
	if (value & ~old & RTC_SET)
		time_to_cmos(r);
	/* No periodic interrupt and no square wave: the bits don't stick, so that a guest can tell. */
	r->cmos[RTC_CONTROL] = value & ~(RTC_PIE | RTC_SQWE);
	if (old & ~value & RTC_SET)
		cmos_to_time(r);
	irq_update(r);
	tick_arm(r);
}

static void cmos_write(struct rtc *r, uint8_t value)
{
	unsigned int i = r->index;

	switch (i) {
	case RTC_FREQ_SELECT:
		r->cmos[i] = value & ~RTC_UIP;
		break;
	case RTC_CONTROL:
		control_write(r, value);
		break;
	case RTC_INTR_FLAGS:
	case RTC_VALID:
		break;
	default:
		if (!is_time(i) || r->cmos[RTC_CONTROL] & RTC_SET) {
			/* An alarm set now is for the seconds to come. */
			if (i <= RTC_HOURS_ALARM)
				clock_advance(r);
			r->cmos[i] = value;
			break;
		}
		time_to_cmos(r);
		r->cmos[i] = value;
		cmos_to_time(r);
		break;
	}
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct rtc *r = opaque;
	/* The index port can't be read back. */
	uint64_t value = 0xff;

	pthread_mutex_lock(&r->lock);
	if (offset == 1)
		value = cmos_read(r);
	else if (size == 2)
		value |= (uint64_t)cmos_read(r) << 8;
	pthread_mutex_unlock(&r->lock);
	return value;
}

static void rtc_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct rtc *r = opaque;

	pthread_mutex_lock(&r->lock);
	if (offset == 0)
		/* Bit 7 would mask the non-maskable interrupt, of which there is none. */
		r->index = value % CMOS_BYTES;
	if (offset == 1)
		cmos_write(r, value);
	else if (size == 2)
		cmos_write(r, value >> 8);
	pthread_mutex_unlock(&r->lock);
}

static const struct bus_ops rtc_ops = { .read = rtc_read, .write = rtc_write };

int rtc_create(struct machine *m, struct rtc **out)
{
	struct rtc *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->m = m;
	r->cmos[RTC_FREQ_SELECT] = RTC_DIV_32KHZ | RTC_RATE_1024HZ;
	r->cmos[RTC_CONTROL] = RTC_24H;
	r->last_sec = guest_sec(r);
	pthread_mutex_init(&r->lock, NULL);
	err = loop_timer_init(m->loop, &r->tick, ticked, r);
	if (err)
		goto free_rtc;
	r->range = (struct bus_range){
		.name = "rtc", .base = RTC_INDEX_PORT, .len = 2, .ops = &rtc_ops, .opaque = r
	};
	err = bus_add(&m->pio, &r->range);
	if (err)
		goto destroy_tick;
	*out = r;
	return 0;

destroy_tick:
	loop_timer_destroy(m->loop, &r->tick);
free_rtc:
	pthread_mutex_destroy(&r->lock);
	free(r);
	return err;
}

void rtc_destroy(struct rtc *r)
{
	if (!r)
		return;
	bus_remove(&r->m->pio, &r->range);
	loop_timer_destroy(r->m->loop, &r->tick);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
