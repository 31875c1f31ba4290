// SPDX-License-Identifier: GPL-2.0-only
/* The register buses: who gets an access, and what happens to those that nobody gets. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/bus.h"
#include "../../hv-core/vmm/loop.h"

struct recorder {
	unsigned int reads, writes, strings;
	uint64_t last_offset, last_value;
	unsigned int last_size;
	uint64_t answer;
	int inside; /* atomic: handlers running */
};

static uint64_t record_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct recorder *r = opaque;

	r->reads++;
	r->last_offset = offset;
	r->last_size = size;
	return r->answer;
}

static void record_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct recorder *r = opaque;

	r->writes++;
	r->last_offset = offset;
	r->last_size = size;
	r->last_value = value;
}

static void record_string(void *opaque, uint64_t offset, unsigned int size, unsigned int count, void *buf,
			  bool is_write)
{
	struct recorder *r = opaque;

	r->strings++;
	r->last_offset = offset;
	r->last_size = size;
	if (!is_write)
		memset(buf, 0x5a, (size_t)size * count);
}

static const struct bus_ops plain_ops = { .read = record_read, .write = record_write };
static const struct bus_ops string_ops = { .read = record_read, .write = record_write, .string = record_string };

FIXTURE(bus)
{
	struct bus bus;
	struct recorder a, b;
	struct bus_range ra, rb;
};

FIXTURE_SETUP(bus)
{
	memset(self, 0, sizeof(*self));
	bus_init(&self->bus, BUS_PIO);
	self->ra = (struct bus_range){ .name = "a", .base = 0x100, .len = 8, .ops = &plain_ops, .opaque = &self->a };
	self->rb = (struct bus_range){ .name = "b", .base = 0x108, .len = 4, .ops = &string_ops, .opaque = &self->b };
	ASSERT_EQ(0, bus_add(&self->bus, &self->ra));
	ASSERT_EQ(0, bus_add(&self->bus, &self->rb));
}

FIXTURE_TEARDOWN(bus)
{
	bus_destroy(&self->bus);
}

TEST_F(bus, routed_by_address)
{
	uint32_t v = 0;

	self->a.answer = 0x1122334455667788;
	bus_access(&self->bus, 0x104, 4, 1, &v, false);
	EXPECT_EQ(0x55667788u, v);
	EXPECT_EQ(4u, self->a.last_offset);
	EXPECT_EQ(4u, self->a.last_size);
	v = 0xcafe;
	bus_access(&self->bus, 0x10a, 2, 1, &v, true);
	EXPECT_EQ(1u, self->b.writes);
	EXPECT_EQ(2u, self->b.last_offset);
	EXPECT_EQ(0xcafeu, self->b.last_value);
	EXPECT_EQ(0u, self->bus.unclaimed);
}

TEST_F(bus, unclaimed_reads_all_ones_and_is_counted)
{
	uint64_t v = 0;

	bus_access(&self->bus, 0x50, 4, 1, &v, false);
	EXPECT_EQ(0xffffffffull, v);
	bus_access(&self->bus, 0x200, 1, 1, &v, true);
	bus_access(&self->bus, ~0ull, 8, 1, &v, false);
	EXPECT_EQ(~0ull, v);
	EXPECT_EQ(3u, self->bus.unclaimed);
}

TEST_F(bus, unclaimed_string_reads_all_ones)
{
	uint8_t buf[64] = { 0 };

	bus_access(&self->bus, 0x300, 2, 16, buf, false);
	for (int i = 0; i < 64; i++)
		EXPECT_EQ(i < 32 ? 0xff : 0, buf[i]);
}

TEST_F(bus, straddling_an_end_belongs_to_nobody)
{
	uint64_t v = 0;

	/* From a into b, from below into a, out of b. */
	bus_access(&self->bus, 0x106, 4, 1, &v, false);
	EXPECT_EQ(0xffffffffull, v);
	bus_access(&self->bus, 0xfe, 4, 1, &v, false);
	bus_access(&self->bus, 0x10a, 4, 1, &v, true);
	EXPECT_EQ(3u, self->bus.unclaimed);
	EXPECT_EQ(0u, self->a.reads + self->a.writes + self->b.reads + self->b.writes);
}

TEST_F(bus, odd_sizes_belong_to_nobody)
{
	uint8_t v[16] = { 0 };

	bus_access(&self->bus, 0x100, 3, 1, v, false);
	bus_access(&self->bus, 0x100, 0, 1, v, false);
	bus_access(&self->bus, 0x100, 16, 1, v, false);
	EXPECT_EQ(3u, self->bus.unclaimed);
	EXPECT_EQ(0u, self->a.reads);
	EXPECT_EQ(0xff, v[2]);
}

TEST_F(bus, strings)
{
	uint16_t items[4] = { 1, 2, 3, 4 };

	/* No string handler: item by item. */
	bus_access(&self->bus, 0x100, 2, 4, items, true);
	EXPECT_EQ(4u, self->a.writes);
	EXPECT_EQ(4u, self->a.last_value);
	self->a.answer = 0xbeef;
	bus_access(&self->bus, 0x100, 2, 4, items, false);
	EXPECT_EQ(0xbeef, items[0]);
	EXPECT_EQ(0xbeef, items[3]);
	/* With one: all at once; a single item goes the plain way. */
	bus_access(&self->bus, 0x108, 2, 4, items, false);
	EXPECT_EQ(1u, self->b.strings);
	EXPECT_EQ(0u, self->b.reads);
	EXPECT_EQ(0x5a5a, items[3]);
	bus_access(&self->bus, 0x108, 2, 1, items, false);
	EXPECT_EQ(1u, self->b.strings);
	EXPECT_EQ(1u, self->b.reads);
}

TEST_F(bus, overlaps_are_refused)
{
	struct bus_range r = { .name = "r", .ops = &plain_ops, .opaque = &self->a };

	r.base = 0x0f9, r.len = 8;
	EXPECT_EQ(-EBUSY, bus_add(&self->bus, &r));
	r.base = 0x0f0, r.len = 0x100;
	EXPECT_EQ(-EBUSY, bus_add(&self->bus, &r));
	r.base = 0x103, r.len = 1;
	EXPECT_EQ(-EBUSY, bus_add(&self->bus, &r));
	r.base = 0x10b, r.len = 1;
	EXPECT_EQ(-EBUSY, bus_add(&self->bus, &r));
	r.base = 0x100, r.len = 0;
	EXPECT_EQ(-EINVAL, bus_add(&self->bus, &r));
	r.base = ~0ull, r.len = 2;
	EXPECT_EQ(-EINVAL, bus_add(&self->bus, &r));
	/* Neighbours are fine, and so is the last byte of the space. */
	r.base = 0x10c, r.len = 1;
	EXPECT_EQ(0, bus_add(&self->bus, &r));
	bus_remove(&self->bus, &r);
	r.base = ~0ull, r.len = 1;
	EXPECT_EQ(0, bus_add(&self->bus, &r));
	bus_remove(&self->bus, &r);
	r.base = 0xf8, r.len = 8;
	EXPECT_EQ(0, bus_add(&self->bus, &r));
}

TEST_F(bus, removed_range_is_unclaimed)
{
	uint32_t v;

	bus_remove(&self->bus, &self->ra);
	bus_access(&self->bus, 0x100, 4, 1, &v, false);
	EXPECT_EQ(1u, self->bus.unclaimed);
	bus_access(&self->bus, 0x108, 4, 1, &v, false);
	EXPECT_EQ(1u, self->b.reads);
	/* Removing it twice does no harm. */
	bus_remove(&self->bus, &self->ra);
}

struct hammer {
	struct bus *bus;
	int stop;
	uint64_t accesses;
};

static void *hammer(void *opaque)
{
	struct hammer *h = opaque;
	uint32_t v;

	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
		bus_access(h->bus, 0x100, 4, 1, &v, false);
		__atomic_add_fetch(&h->accesses, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Several threads at once: tells that one is inside, and nothing else. */
static uint64_t counted_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct recorder *r = opaque;

	__atomic_add_fetch(&r->inside, 1, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&r->inside, 1, __ATOMIC_SEQ_CST);
	return 0;
}

TEST_F(bus, moved_while_accessed)
{
	static const struct bus_ops counted_ops = { .read = counted_read };
	struct hammer h = { .bus = &self->bus };
	uint64_t end = loop_now_ns() + 5000000000ull;
	pthread_t thread[2];

	bus_remove(&self->bus, &self->ra);
	self->ra.ops = &counted_ops;
	ASSERT_EQ(0, bus_add(&self->bus, &self->ra));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, hammer, &h));
	while (__atomic_load_n(&h.accesses, __ATOMIC_RELAXED) < 1000)
		sched_yield();
	for (int i = 0; i < 2000 && loop_now_ns() < end; i++) {
		bus_remove(&self->bus, &self->ra);
		/* After removal nobody is in the handler any more. */
		ASSERT_EQ(0, __atomic_load_n(&self->a.inside, __ATOMIC_SEQ_CST));
		ASSERT_EQ(0, bus_add(&self->bus, &self->ra));
	}
	__atomic_store_n(&h.stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

/* The range of an unlocked handler is where BARs are moved from: it must be able to change its own bus. */
static void move_neighbour(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct bus_range *r = opaque;
	struct bus *bus = (struct bus *)value;

	bus_remove(bus, r);
	r->base += 0x1000;
	bus_add(bus, r);
}

TEST_F(bus, unlocked_handler_changes_its_bus)
{
	static const struct bus_ops mover_ops = { .write = move_neighbour };
	struct bus_range mover = {
		.name = "mover", .base = 0x400, .len = 8, .ops = &mover_ops, .opaque = &self->ra, .unlocked = true
	};
	uint64_t value = (uintptr_t)&self->bus;
	uint32_t v = 0;

	ASSERT_EQ(0, bus_add(&self->bus, &mover));
	bus_access(&self->bus, 0x400, 8, 1, &value, true);
	bus_access(&self->bus, 0x1100, 4, 1, &v, false);
	EXPECT_EQ(1u, self->a.reads);
	/* A handler that isn't there: reads give ones. */
	bus_access(&self->bus, 0x400, 4, 1, &v, false);
	EXPECT_EQ(0xffffffffu, v);
}

TEST_HARNESS_MAIN
