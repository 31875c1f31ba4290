// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer that lies. The ring lies between inaccessible pages and the program is built with AddressSanitizer, so an
 * access out of bounds ends it; what is counted besides is that nothing completes twice or out of thin air.
 */
#include <pthread.h>

#include "kselftest_harness.h"
#include "ring_check.h"

#define SQ_ORDER 3
#define CQ_ORDER 4

FIXTURE(hostile) {
	struct guarded mem;
	struct pvn_ring_guest guest;
	struct pvn_ring_host host;
	struct pvn_ring_header *hdr;
};

FIXTURE_VARIANT(hostile) {
	bool at_end;
	pvn_u32 start;
};

FIXTURE_VARIANT_ADD(hostile, guard_above) { .at_end = true, .start = 0 };
FIXTURE_VARIANT_ADD(hostile, guard_below) { .at_end = false, .start = 0xfffffffd };

FIXTURE_SETUP(hostile)
{
	ASSERT_EQ(0, guarded_map(&self->mem, SQ_ORDER, CQ_ORDER, variant->at_end));
	pvn_ring_guest_init_at(&self->guest, self->mem.ring, SQ_ORDER, CQ_ORDER, variant->start);
	ASSERT_EQ(0, pvn_ring_host_init(&self->host, self->mem.ring, SQ_ORDER, CQ_ORDER));
	self->hdr = self->mem.ring;
}

FIXTURE_TEARDOWN(hostile)
{
	guarded_unmap(&self->mem);
}

/* Every index a host can store in cq_tail: only those the guest has in flight are believed. */
TEST_F(hostile, host_wild_cq_tail)
{
	static const pvn_u32 wild[] = { 4, 5, 15, 16, 17, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
	struct pvn_cqe cqe;
	unsigned int i;

	for (i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		pvn_ring_guest_init_at(&self->guest, self->mem.ring, SQ_ORDER, CQ_ORDER, variant->start);
		ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
		ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
		ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
		pvn_ring_guest_publish(&self->guest);
		self->hdr->cq_tail = variant->start + wild[i];
		EXPECT_EQ(-1, pvn_ring_guest_pop(&self->guest, &cqe)) TH_LOG("cq_tail + %#x", wild[i]);
		EXPECT_EQ(PVN_ERANGE, self->guest.error);
		/* Dead for good, also when the index is put right again. */
		self->hdr->cq_tail = variant->start + 1;
		EXPECT_EQ(-1, pvn_ring_guest_pop(&self->guest, &cqe));
		EXPECT_EQ(NULL, pvn_ring_guest_next(&self->guest));
	}
}

/* A completion of what was filled and not published cannot be honest either. */
TEST_F(hostile, host_completes_the_unpublished)
{
	struct pvn_cqe cqe;

	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	self->hdr->cq_tail = variant->start + 1;
	EXPECT_EQ(-1, pvn_ring_guest_pop(&self->guest, &cqe));
}

TEST_F(hostile, host_wild_sq_head)
{
	static const pvn_u32 wild[] = { 9, 10, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int i, n;

	for (i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		pvn_ring_guest_init_at(&self->guest, self->mem.ring, SQ_ORDER, CQ_ORDER, variant->start);
		for (n = 0; n < 8; n++)
			ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
		pvn_ring_guest_publish(&self->guest);
		self->hdr->sq_head = variant->start + wild[i];
		EXPECT_EQ(NULL, pvn_ring_guest_next(&self->guest));
		EXPECT_EQ(PVN_ERANGE, self->guest.error) TH_LOG("sq_head + %#x", wild[i]);
	}
	/* An index that went back: what was free is taken again. */
	pvn_ring_guest_init_at(&self->guest, self->mem.ring, SQ_ORDER, CQ_ORDER, variant->start);
	for (n = 0; n < 8; n++)
		ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	pvn_ring_guest_publish(&self->guest);
	self->hdr->sq_head = variant->start + 4;
	EXPECT_EQ(4, pvn_ring_guest_space(&self->guest));
	for (n = 0; n < 4; n++)
		ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	pvn_ring_guest_publish(&self->guest);
	self->hdr->sq_head = variant->start + 3;
	EXPECT_EQ(0, pvn_ring_guest_space(&self->guest));
	EXPECT_EQ(PVN_ERANGE, self->guest.error);
}

TEST_F(hostile, guest_wild_sq_tail)
{
	static const pvn_u32 wild[] = { 9, 16, 0x7fffffff, 0x80000000, 0xffffffff };
	char entry[PVN_RING_SQE_BYTES];
	unsigned int i;

	for (i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		pvn_ring_guest_init_at(&self->guest, self->mem.ring, SQ_ORDER, CQ_ORDER, variant->start);
		ASSERT_EQ(0, pvn_ring_host_init(&self->host, self->mem.ring, SQ_ORDER, CQ_ORDER));
		self->hdr->sq_tail = variant->start + wild[i];
		EXPECT_EQ(-1, pvn_ring_host_pop(&self->host, entry)) TH_LOG("sq_tail + %#x", wild[i]);
		EXPECT_EQ(PVN_ERANGE, self->host.error);
		self->hdr->sq_tail = variant->start + 1;
		EXPECT_EQ(-1, pvn_ring_host_pop(&self->host, entry));
		/* And refused when the ring is taken up. */
		self->hdr->sq_tail = variant->start + wild[i];
		EXPECT_EQ(-1, pvn_ring_host_init(&self->host, self->mem.ring, SQ_ORDER, CQ_ORDER));
	}
}

/* Fill the completion ring, then lie about how much of it was read. */
static int fill_cq(struct pvn_ring_host *host, struct pvn_ring_header *hdr)
{
	char entry[PVN_RING_SQE_BYTES];
	struct pvn_cqe cqe = { 0 };
	unsigned int i;

	for (i = 0; i < 1u << CQ_ORDER; i++) {
		hdr->sq_tail++;
		if (pvn_ring_host_pop(host, entry) != 1)
			return -1;
		pvn_ring_host_push(host, &cqe);
		pvn_ring_host_publish(host);
	}
	hdr->sq_tail++;
	return 0;
}

TEST_F(hostile, guest_wild_cq_head)
{
	static const pvn_u32 wild[] = { 17, 18, 0x7fffffff, 0x80000000, 0xffffffff };
	char entry[PVN_RING_SQE_BYTES];
	unsigned int i;

	for (i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		pvn_ring_guest_init_at(&self->guest, self->mem.ring, SQ_ORDER, CQ_ORDER, variant->start);
		ASSERT_EQ(0, pvn_ring_host_init(&self->host, self->mem.ring, SQ_ORDER, CQ_ORDER));
		ASSERT_EQ(0, fill_cq(&self->host, self->hdr));
		self->hdr->cq_head = variant->start + wild[i];
		EXPECT_EQ(-1, pvn_ring_host_pop(&self->host, entry)) TH_LOG("cq_head + %#x", wild[i]);
		EXPECT_EQ(PVN_ERANGE, self->host.error);
	}
}

/* More in flight than the completion ring holds: refused, not overwritten. */
TEST_F(hostile, guest_overcommits)
{
	char entry[PVN_RING_SQE_BYTES];

	ASSERT_EQ(0, fill_cq(&self->host, self->hdr));
	EXPECT_EQ(-1, pvn_ring_host_pop(&self->host, entry));
	EXPECT_EQ(PVN_EOVERFLOW, self->host.error);
}

/* The copy is the copy: what the guest changes afterwards is not seen. */
TEST_F(hostile, guest_changes_an_entry)
{
	char entry[PVN_RING_SQE_BYTES];
	void *slot = pvn_ring_guest_next(&self->guest);

	ring_fill(slot, 1);
	pvn_ring_guest_publish(&self->guest);
	ASSERT_EQ(1, pvn_ring_host_pop(&self->host, entry));
	ring_fill(slot, 2);
	EXPECT_TRUE(ring_filled_with(entry, 1));
}

/* Missing, replayed and made-up ids against the id table: every request ends exactly once. */
TEST_F(hostile, host_replays_and_invents_ids)
{
	unsigned long words[PVN_IDS_WORDS(16)];
	unsigned int claimed[16] = { 0 }, lies = 0, i;
	char entry[PVN_RING_SQE_BYTES];
	struct pvn_ids ids;
	struct pvn_cqe cqe = { 0 };
	uint64_t seed = 99;

	pvn_ids_init(&ids, words, 16);
	for (i = 0; i < 8; i++) {
		pvn_u32 *slot = pvn_ring_guest_next(&self->guest);

		ASSERT_NE(NULL, slot);
		memset(slot, 0, PVN_RING_SQE_BYTES);
		slot[0] = (pvn_u32)pvn_ids_get(&ids);
	}
	pvn_ring_guest_publish(&self->guest);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(1, pvn_ring_host_pop(&self->host, entry));
		cqe.id = ring_random(&seed) % 24; /* some right, some twice, some beyond the table */
		pvn_ring_host_push(&self->host, &cqe);
	}
	pvn_ring_host_publish(&self->host);
	while (pvn_ring_guest_pop(&self->guest, &cqe) == 1) {
		if (pvn_ids_claim(&ids, cqe.id))
			claimed[cqe.id]++;
		else
			lies++;
	}
	EXPECT_GT(lies, 0);
	for (i = 0; i < 16; i++) {
		EXPECT_LE(claimed[i], 1);
		if (i >= 8)
			EXPECT_EQ(0, claimed[i]);
	}
}

/* Scribbles over the whole ring, the header's indices above all. */
struct vandal {
	char *ring;
	size_t bytes;
	bool stop;
	uint64_t seed;
};

static void vandal_step(struct vandal *v)
{
	static const pvn_u32 index_at[] = { 0, 64, 128, 192, 256, 320 };
	pvn_u32 word = ring_random(&v->seed), at = index_at[ring_random(&v->seed) % 6];
	pvn_u32 *p = (pvn_u32 *)(v->ring + at);

	switch (ring_random(&v->seed) % 4) {
	case 0: /* anything */
		__atomic_store_n(p, word, __ATOMIC_RELAXED);
		break;
	case 1: /* a near miss is what a bounds check gets wrong */
		__atomic_fetch_add(p, word % 5 - 2, __ATOMIC_RELAXED);
		break;
	case 2: /* another index's value */
		word = __atomic_load_n((pvn_u32 *)(v->ring + index_at[word % 6]), __ATOMIC_RELAXED);
		__atomic_store_n(p, word, __ATOMIC_RELAXED);
		break;
	default: /* an entry */
		at = PVN_RING_HEADER_BYTES + word % (pvn_u32)(v->bytes - PVN_RING_HEADER_BYTES);
		__atomic_store_n((pvn_u32 *)(v->ring + (at & ~3u)), word, __ATOMIC_RELAXED);
	}
}

static void *vandal_main(void *opaque)
{
	struct vandal *v = opaque;

	while (!__atomic_load_n(&v->stop, __ATOMIC_RELAXED))
		vandal_step(v);
	return NULL;
}

/*
 * Both ends at work while a third thread scribbles, and this one between steps too, since on a busy machine the
 * third may hardly run; a dead ring is begun again.
 */
TEST_F(hostile, scribbled_on_at_random)
{
	struct vandal v = { .ring = self->mem.ring, .bytes = pvn_ring_bytes(SQ_ORDER, CQ_ORDER), .seed = 12345 };
	struct vandal here = { .ring = v.ring, .bytes = v.bytes, .seed = 54321 };
	uint64_t deaths_guest = 0, deaths_host = 0, moved = 0, seed = 777;
	struct pvn_ring_guest *guest = &self->guest;
	struct pvn_ring_host *host = &self->host;
	char entry[PVN_RING_SQE_BYTES];
	struct pvn_cqe cqe = { 0 };
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, vandal_main, &v));
	for (i = 0; i < 1000000; i++) {
		void *slot;
		int rc = 0;

		if (ring_random(&seed) % 16 == 0)
			vandal_step(&here);
		switch (ring_random(&seed) % 4) {
		case 0:
			while ((slot = pvn_ring_guest_next(guest)))
				ring_fill(slot, i);
			pvn_ring_guest_publish(guest);
			break;
		case 1:
			while ((rc = pvn_ring_host_pop(host, entry)) == 1)
				moved++;
			pvn_ring_host_arm(host);
			break;
		case 2:
			while (host->in_flight) {
				cqe.id = i;
				pvn_ring_host_push(host, &cqe);
			}
			pvn_ring_host_publish(host);
			break;
		default:
			while (pvn_ring_guest_pop(guest, &cqe) == 1)
				;
			pvn_ring_guest_arm(guest);
		}
		/* What no lie may break. */
		ASSERT_LE((pvn_u32)(guest->filled - guest->sq_head), guest->sq_size);
		ASSERT_LE((pvn_u32)(guest->filled - guest->released), guest->cq_size);
		ASSERT_LE((pvn_u32)(guest->published - guest->popped), guest->cq_size);
		ASSERT_LE((pvn_u32)(host->pushed - host->cq_head) + host->in_flight, host->cq_size);
		if (rc < 0 || host->error) {
			deaths_host++;
			while (pvn_ring_host_init(host, self->mem.ring, SQ_ORDER, CQ_ORDER))
				pvn_ring_guest_init_at(guest, self->mem.ring, SQ_ORDER, CQ_ORDER, i);
		}
		if (pvn_ring_guest_dead(guest)) {
			deaths_guest++;
			pvn_ring_guest_init_at(guest, self->mem.ring, SQ_ORDER, CQ_ORDER, i);
		}
	}
	__atomic_store_n(&v.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	TH_LOG("%llu entries moved, the guest's end died %llu times, the host's %llu times",
	       (unsigned long long)moved, (unsigned long long)deaths_guest, (unsigned long long)deaths_host);
	/* Lies were told and were seen, and work was done between them: else the test showed nothing. */
	EXPECT_GT(deaths_guest, 10);
	EXPECT_GT(deaths_host, 10);
	EXPECT_GT(moved, 10);
}

TEST_HARNESS_MAIN
