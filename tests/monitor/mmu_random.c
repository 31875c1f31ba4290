// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mmu family under random operations. After each of them the invariants are told anew from the tables' bytes, and
 * what a CPU could still have cached since its last flush must be harmless: no table in other use, no writable page of
 * the zone.
 */
#include "kselftest_harness.h"

#include <string.h>

#include "space.h"

#define ROUNDS 60000
#define CACHED_MAX 4096
/* Operations fall on few frames and few slots, so that they meet. */
#define FRAMES 16
#define ARGUMENTS 0x3000ull
#define VALUES 0x4000ull

/* What the CPU has walked through since its last flush. */
struct cached {
	uint64_t frame;
	unsigned int kind; /* of a table; 0: a leaf, writable */
};

static struct cached cached[CACHED_MAX];
static unsigned int nr_cached, seed, done[32], refused[32];

static void forget(void)
{
	nr_cached = 0;
}

static uint64_t pick(uint64_t n)
{
	return (uint64_t)rand_r(&seed) % n;
}

/* In one of three chunks of which two or so are in the zone; sometimes anywhere. */
static uint64_t some_frame(void)
{
	if (!pick(64))
		return pick(2) ? SPACE_MONITOR + pick(16) * 4096 : (uint64_t)rand_r(&seed) << 12 & ~0xfffull;
	return (pick(3) + 1) * CHUNK_BYTES * (pick(16) ? 1 : 2) + pick(FRAMES) * 4096;
}

static uint64_t some_address(void)
{
	static const unsigned int slots[] = { 0, 1, 255, 256, 257, 271, 272, 273, 511 };

	return some_frame() + 8 * (pick(4) ? slots[pick(9)] : pick(512));
}

static uint64_t some_value(void)
{
	uint64_t value = some_frame() | (pick(8) ? PTE_PRESENT | PTE_USER : 0);

	value |= (pick(2) ? PTE_WRITE : 0) | (pick(2) ? PTE_NX : 0) | (pick(4) ? 0 : PTE_LARGE);
	if (!pick(4))
		value = pick(2) ? 0 : (value & ~PTE_ADDR) | pick(8) * CHUNK_BYTES;
	return pick(16) ? value : value ^ 1ull << pick(64);
}

/* A frame that is a table of the kind, if there is one: otherwise half of all operations would be refused. */
static uint64_t some_table(unsigned int kind)
{
	uint64_t first = pick(SPACE_FRAMES);

	for (uint64_t i = 0; i < SPACE_FRAMES; i++)
		if (space.kind[(first + i) % SPACE_FRAMES] == kind)
			return (first + i) % SPACE_FRAMES * 4096;
	return some_frame();
}

/* A link that is right, as a kernel would make it. */
static int64_t link_tables(void)
{
	unsigned int kernel = pick(2) ? 8 : 0, level = 2 + (unsigned int)pick(3);
	unsigned int slot = (unsigned int)pick(8) + (level == 4 && kernel ? 272 : 0);
	uint64_t top = some_table(level | (level == 4 && pick(2) ? 8 : kernel));

	return space_set(top, slot, some_table((level - 1) | kernel) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_NX);
}

/* The same for memory: mapped, and as often no more. */
static int64_t map_memory(void)
{
	unsigned int kernel = pick(2) ? 8 : 0, level = 1 + (unsigned int)pick(2);
	uint64_t value = pick(SPACE_CHUNKS) * CHUNK_BYTES | PTE_PRESENT | PTE_USER | PTE_NX | (pick(2) ? PTE_WRITE : 0);

	return space_set(some_table(level | kernel), (unsigned int)pick(8),
			 pick(2) ? 0 : level == 2 ? value | PTE_LARGE : value);
}

static int64_t random_fill(void)
{
	uint64_t *values = space_table(ARGUMENTS);
	uint64_t first = pick(512), count = pick(pick(8) ? 8 : 600);

	for (unsigned int i = 0; i < 512; i++)
		values[i] = pick(4) ? 0 : some_value();
	return fake_call(PVN_HC_MMU_TABLE_FILL, some_frame(), pick(2) ? first : 0, count,
			 pick(4) ? ARGUMENTS : some_frame(), 0);
}

static int64_t random_update(void)
{
	struct pvn_mmu_update *u = (void *)(fake.ram + ARGUMENTS);
	uint64_t count = pick(6), *values = space_table(VALUES);

	for (unsigned int i = 0; i < 512; i++)
		values[i] = pick(4) ? 0 : some_value();
	for (unsigned int i = 0; i < count; i++) {
		uint64_t op = pick(16) ? pick(3) : pick(8), more = pick(4) ? 0 : pick(pick(8) ? 16 : 600);
		u[i] = (struct pvn_mmu_update){ some_address() | op | more << PVN_MMU_MORE_SHIFT,
						op == PVN_MMU_COPY ? pick(4) ? VALUES : some_frame() : some_value(),
						op == PVN_MMU_MASK ? ~(1ull << pick(64)) : 0 };
	}
	return fake_call(PVN_HC_MMU_UPDATE, pick(16) ? ARGUMENTS : some_frame(), count, 0, 0, 0);
}

/* Often with its tables freed before, as far as that goes. */
static int64_t random_remove(uint64_t start)
{
	for (uint64_t gpa = start; gpa < start + FRAMES * 4096 && pick(64); gpa += 4096)
		space_free(gpa);
	return space_zone_remove(start, CHUNK_BYTES);
}

/* Every entry that leads to the range goes, by the calls for that. */
static void unname(uint64_t start, uint64_t bytes)
{
	for (uint64_t f = 0; f < SPACE_FRAMES; f++) {
		for (unsigned int i = 0; space.kind[f] && i < 512; i++) {
			uint64_t value = space_table(f * 4096)[i];

			if (value & PTE_PRESENT && (value & PTE_ADDR) - start < bytes)
				space_set(f * 4096, i, 0);
		}
	}
}

/* A part of the zone with all that is in it, as far as no vCPU runs on it. */
static int64_t take_away(uint64_t chunk)
{
	unname(chunk, CHUNK_BYTES);
	for (unsigned int level = 4; level; level--)
		for (uint64_t f = chunk / 4096; f < (chunk + CHUNK_BYTES) / 4096; f++)
			if ((space.kind[f] & 7) == level)
				space_free(f * 4096);
	return space_zone_remove(chunk, CHUNK_BYTES);
}

static struct cached some_cached(bool table)
{
	uint64_t first = nr_cached ? pick(nr_cached) : 0;

	for (unsigned int n = 0; n < nr_cached; n++)
		if (!cached[(first + n) % nr_cached].kind != table)
			return cached[(first + n) % nr_cached];
	return (struct cached){ 0 };
}

/* What the CPU has cached, put to another use as fast as calls allow: as a table, or as the guest's own memory. */
static int64_t reuse_table(void)
{
	struct cached c = some_cached(true);
	uint64_t chunk = c.frame * 4096 & ~(CHUNK_BYTES - 1);

	if (!c.kind)
		return -1;
	if (pick(8)) {
		unname(c.frame * 4096, 4096);
		space_free(c.frame * 4096);
		return space_alloc(c.frame * 4096, 1 + pick(4), pick(2));
	}
	return take_away(chunk);
}

/* Or from writable memory to the zone. */
static int64_t reuse_memory(void)
{
	struct cached c = some_cached(false);
	uint64_t chunk = c.frame * 4096 & ~(CHUNK_BYTES - 1);

	if (c.kind || !chunk)
		return -1;
	/* Often it has become full. */
	if (!pick(4))
		return take_away((1 + pick(SPACE_CHUNKS - 1)) * CHUNK_BYTES);
	if (pick(2))
		unname(chunk, CHUNK_BYTES);
	return space_zone_add(chunk, CHUNK_BYTES);
}

static int64_t operation(unsigned int which)
{
	switch (which) {
	case 0:
		/* Not the first: arguments lie there, which the test writes as a guest would. */
		return space_zone_add((1 + pick(SPACE_CHUNKS)) << 21, (1 + !pick(4)) * CHUNK_BYTES);
	case 1:
		return random_remove(pick(SPACE_CHUNKS + 1) << 21);
	case 2:
	case 3:
		return space_alloc(some_frame(), 1 + pick(4), pick(2));
	case 4:
		return space_free(some_frame());
	case 5:
		return fake_call(PVN_HC_MMU_ENTRY_SET, some_address(), some_value(), 0, 0, 0);
	case 6:
		return fake_call(PVN_HC_MMU_ENTRY_EXCHANGE, some_address(), some_value(),
				 pick(2) ? ARGUMENTS : some_address(), 0, 0);
	case 7:
		return fake_call(PVN_HC_MMU_ENTRY_MASK, some_address(), ~(1ull << pick(64)),
				 pick(2) ? 0 : 1ull << pick(64), pick(2) ? ARGUMENTS : some_address(), 0);
	case 8:
		return random_fill();
	case 9:
		return random_update();
	case 10:
		return space_switch(some_table(4 | 8), pick(2) ? some_table(4) : 0);
	case 11:
		return fake_call(PVN_HC_MMU_FLUSH_ALL, pick(3), 0, 0, 0, 0);
	case 12:
	case 13:
		return map_memory();
	case 14:
		return reuse_table();
	case 15:
		return reuse_memory();
	default:
		return link_tables();
	}
}

#define OPERATIONS 18

static void remember(uint64_t frame, unsigned int kind)
{
	if (nr_cached < CACHED_MAX)
		cached[nr_cached++] = (struct cached){ frame, kind };
}

/* NULL when there is none but the monitor's. */
static uint64_t *some_present(uint64_t *table, bool top)
{
	uint64_t first = pick(512);

	for (uint64_t n = 0; n < 512; n++) {
		uint64_t i = (first + n) % 512;

		if (table[i] & PTE_PRESENT && !(top && i >= 256 && i < 272))
			return &table[i];
	}
	return NULL;
}

/* The CPU walks somewhere, as hardware does, and sets the bits that it sets. */
static void walk(uint64_t top, unsigned int kind)
{
	uint64_t table = top;

	remember(top / 4096, kind);
	for (unsigned int level = 4; level; level--) {
		uint64_t *entry = some_present(space_table(table), level == 4);

		if (!entry)
			return;
		*entry |= PTE_ACCESSED;
		if (level == 1 || *entry & PTE_LARGE) {
			if (*entry & PTE_WRITE) {
				*entry |= PTE_DIRTY;
				remember((*entry & PTE_ADDR & ~(level == 1 ? 0ull : CHUNK_BYTES - 1)) / 4096, 0);
			}
			return;
		}
		table = *entry & PTE_ADDR;
		remember(table / 4096, space.kind[table / 4096]);
	}
}

static const char *check_cached(void)
{
	for (unsigned int i = 0; i < nr_cached; i++) {
		const struct cached *c = &cached[i];

		if (!c->kind && space.zone[c->frame * 4096 >> 21])
			return "a page of the zone is cached as writable";
		if (c->kind && !space.zone[c->frame * 4096 >> 21])
			return "a cached table is the guest's to write";
		if (c->kind && space.kind[c->frame] && space.kind[c->frame] != c->kind)
			return "a cached table has become one of another kind";
	}
	return NULL;
}

static const char *run(unsigned int rounds)
{
	const char *wrong = NULL;

	for (unsigned int i = 0; i < rounds && !wrong; i++) {
		unsigned int which = (unsigned int)pick(OPERATIONS);

		if ((which == 1 || which == 10 || which == 11) && pick(24))
			continue;
		if (operation(which) >= 0)
			done[which]++;
		else
			refused[which]++;
		for (unsigned int n = 0; n < 3; n++) {
			if (space.kernel < SPACE_RAM)
				walk(space.kernel, 4 | 8);
			if (space.user)
				walk(space.user, 4);
		}
		wrong = space_check();
		if (!wrong)
			wrong = check_cached();
		if (wrong)
			fprintf(stderr, "# after %u rounds, operation %u: %s\n", i, which, wrong);
	}
	return wrong;
}

FIXTURE(random)
{
};

FIXTURE_SETUP(random)
{
	fake_init();
	space_init();
	fake.flushed = forget;
	nr_cached = 0;
}

FIXTURE_TEARDOWN(random)
{
	space_destroy();
	fake_destroy();
}

TEST_F_TIMEOUT(random, operations, 100)
{
	for (seed = 1; seed < 5;) {
		unsigned int this = seed;

		EXPECT_EQ(NULL, run(ROUNDS / 4)) TH_LOG("seed %u", this);
		seed = this + 1;
	}
	/* Each kind of operation has both succeeded and been refused. */
	for (unsigned int i = 0; i < OPERATIONS; i++) {
		EXPECT_LT(i < 2 || i == 14 || i == 15 ? 5 : 40, done[i]) TH_LOG("operation %u", i);
		EXPECT_LT(5, refused[i]) TH_LOG("operation %u", i);
	}
}

TEST_HARNESS_MAIN
