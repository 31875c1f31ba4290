// SPDX-License-Identifier: GPL-2.0-only
/* One thread plays both ends: order, limits, wraps, suppression, the id table. */
#include "kselftest_harness.h"
#include "ring_check.h"

FIXTURE(ring) {
	struct guarded mem;
	struct pvn_ring_guest guest;
	struct pvn_ring_host host;
};

FIXTURE_VARIANT(ring) {
	pvn_u32 sq_order, cq_order, start;
};

FIXTURE_VARIANT_ADD(ring, from_zero) { .sq_order = 3, .cq_order = 3, .start = 0 };
FIXTURE_VARIANT_ADD(ring, wraps_at_once) { .sq_order = 3, .cq_order = 4, .start = 0xffffffff };
FIXTURE_VARIANT_ADD(ring, wraps_soon) { .sq_order = 1, .cq_order = 1, .start = 0xfffffffb };
FIXTURE_VARIANT_ADD(ring, sign_bit) { .sq_order = 2, .cq_order = 5, .start = 0x7ffffffe };
FIXTURE_VARIANT_ADD(ring, largest) { .sq_order = 12, .cq_order = 12, .start = 0xfffff800 };

FIXTURE_SETUP(ring)
{
	ASSERT_EQ(0, guarded_map(&self->mem, variant->sq_order, variant->cq_order, true));
	pvn_ring_guest_init_at(&self->guest, self->mem.ring, variant->sq_order, variant->cq_order,
			       variant->start);
	ASSERT_EQ(0, pvn_ring_host_init(&self->host, self->mem.ring, variant->sq_order, variant->cq_order));
}

FIXTURE_TEARDOWN(ring)
{
	guarded_unmap(&self->mem);
}

/* Submit `count`, complete them in reverse order, take the completions: ids and contents must come through. */
static int round_trip(struct pvn_ring_guest *guest, struct pvn_ring_host *host, uint32_t first, uint32_t count)
{
	char entry[PVN_RING_SQE_BYTES];
	struct pvn_cqe cqe = { 0 };
	uint32_t i;

	for (i = 0; i < count; i++) {
		void *slot = pvn_ring_guest_next(guest);

		if (!slot)
			return __LINE__;
		ring_fill(slot, first + i);
	}
	if (pvn_ring_host_pop(host, entry) != 0)
		return __LINE__; /* nothing is visible before publish */
	pvn_ring_guest_publish(guest);
	for (i = 0; i < count; i++) {
		if (pvn_ring_host_pop(host, entry) != 1 || !ring_filled_with(entry, first + i))
			return __LINE__;
	}
	if (pvn_ring_host_pop(host, entry) != 0)
		return __LINE__;
	for (i = 0; i < count; i++) {
		cqe.id = first + count - 1 - i;
		cqe.status = (pvn_s32)i;
		pvn_ring_host_push(host, &cqe);
	}
	if (pvn_ring_guest_pop(guest, &cqe) != 0)
		return __LINE__;
	pvn_ring_host_publish(host);
	for (i = 0; i < count; i++) {
		if (pvn_ring_guest_pop(guest, &cqe) != 1 || cqe.id != first + count - 1 - i ||
		    cqe.status != (pvn_s32)i)
			return __LINE__;
	}
	if (pvn_ring_guest_pop(guest, &cqe) != 0)
		return __LINE__;
	pvn_ring_guest_release(guest);
	return 0;
}

TEST_F(ring, entries_come_through_every_wrap)
{
	uint32_t size = 1u << variant->sq_order, done = 0, count = 1;

	/* Batches of 1, 2, … size: every slot serves as a batch's first and last. */
	while (done < 6 * size + 40) {
		ASSERT_EQ(0, round_trip(&self->guest, &self->host, done, count));
		done += count;
		count = count % size + 1;
	}
}

TEST_F(ring, never_more_than_fits)
{
	uint32_t sq = 1u << variant->sq_order, cq = 1u << variant->cq_order;
	char entry[PVN_RING_SQE_BYTES];
	struct pvn_cqe cqe = { 0 };
	uint32_t n = 0, total = 0;

	EXPECT_EQ(sq < cq ? sq : cq, pvn_ring_guest_space(&self->guest));
	/* With the host taking all and completing none, the completion ring is the limit. */
	for (;;) {
		n = 0;
		while (pvn_ring_guest_next(&self->guest))
			n++;
		if (!n)
			break;
		total += n;
		pvn_ring_guest_publish(&self->guest);
		while (pvn_ring_host_pop(&self->host, entry) == 1)
			;
		pvn_ring_host_release(&self->host);
	}
	EXPECT_EQ(cq, total);
	EXPECT_EQ(0, self->host.error);
	/* A completion alone makes no room: only its release does. */
	pvn_ring_host_push(&self->host, &cqe);
	pvn_ring_host_publish(&self->host);
	EXPECT_EQ(1, pvn_ring_guest_pop(&self->guest, &cqe));
	EXPECT_EQ(0, pvn_ring_guest_space(&self->guest));
	pvn_ring_guest_release(&self->guest);
	EXPECT_EQ(1, pvn_ring_guest_space(&self->guest));
}

TEST_F(ring, doorbell_only_when_armed)
{
	char entry[PVN_RING_SQE_BYTES];
	uint32_t i;

	/* A new ring counts the host as asleep. */
	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	EXPECT_TRUE(pvn_ring_guest_publish(&self->guest));
	EXPECT_FALSE(pvn_ring_guest_publish(&self->guest)); /* nothing new */
	/* Awake: none. */
	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	EXPECT_FALSE(pvn_ring_guest_publish(&self->guest));
	/* Arming with entries there says so. */
	EXPECT_EQ(1, pvn_ring_host_pop(&self->host, entry));
	EXPECT_TRUE(pvn_ring_host_arm(&self->host));
	EXPECT_EQ(1, pvn_ring_host_pop(&self->host, entry));
	EXPECT_FALSE(pvn_ring_host_arm(&self->host));
	/* Disarmed again: none; armed: one for a batch. */
	pvn_ring_host_disarm(&self->host);
	if (variant->cq_order == 1) {
		struct pvn_cqe cqe = { 0 };

		for (i = 0; i < 2; i++)
			pvn_ring_host_push(&self->host, &cqe);
		pvn_ring_host_publish(&self->host);
		while (pvn_ring_guest_pop(&self->guest, &cqe) == 1)
			;
		pvn_ring_guest_release(&self->guest);
	}
	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	EXPECT_FALSE(pvn_ring_guest_publish(&self->guest));
	EXPECT_EQ(1, pvn_ring_host_pop(&self->host, entry));
	EXPECT_FALSE(pvn_ring_host_arm(&self->host));
	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	EXPECT_TRUE(pvn_ring_guest_publish(&self->guest));
}

TEST_F(ring, interrupt_only_when_armed)
{
	char entry[PVN_RING_SQE_BYTES];
	struct pvn_cqe cqe = { 0 };

	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	pvn_ring_guest_publish(&self->guest);
	EXPECT_EQ(1, pvn_ring_host_pop(&self->host, entry));
	EXPECT_EQ(1, pvn_ring_host_pop(&self->host, entry));
	EXPECT_FALSE(pvn_ring_host_publish(&self->host)); /* nothing pushed */
	pvn_ring_host_push(&self->host, &cqe);
	EXPECT_FALSE(pvn_ring_host_publish(&self->host)); /* never armed */
	EXPECT_TRUE(pvn_ring_guest_arm(&self->guest));
	EXPECT_EQ(1, pvn_ring_guest_pop(&self->guest, &cqe));
	EXPECT_FALSE(pvn_ring_guest_arm(&self->guest));
	pvn_ring_host_push(&self->host, &cqe);
	EXPECT_TRUE(pvn_ring_host_publish(&self->host));
}

TEST_F(ring, shown_without_an_interrupt)
{
	struct pvn_cqe cqe = { 0 };
	uint64_t sqe[8] = { 0 };

	for (int i = 0; i < 2; i++)
		ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	pvn_ring_guest_publish(&self->guest);
	EXPECT_FALSE(pvn_ring_guest_arm(&self->guest));
	EXPECT_FALSE(pvn_ring_guest_ready(&self->guest));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(1, pvn_ring_host_pop(&self->host, sqe));
		pvn_ring_host_push(&self->host, &cqe);
	}
	pvn_ring_host_show(&self->host);
	EXPECT_TRUE(pvn_ring_guest_ready(&self->guest));
	EXPECT_EQ(2, pvn_ring_host_unseen(&self->host));

	/* The guest takes one and arms: it wants to hear of the second, and the host owes it that. */
	ASSERT_EQ(1, pvn_ring_guest_pop(&self->guest, &cqe));
	EXPECT_TRUE(pvn_ring_guest_arm(&self->guest));
	EXPECT_EQ(1, pvn_ring_host_unseen(&self->host));
	EXPECT_TRUE(pvn_ring_host_notify(&self->host));
	EXPECT_FALSE(pvn_ring_host_notify(&self->host)); /* once */

	/* It takes what is left without being told: nothing is owed, and what comes next is. */
	ASSERT_EQ(1, pvn_ring_guest_pop(&self->guest, &cqe));
	EXPECT_FALSE(pvn_ring_guest_arm(&self->guest));
	EXPECT_EQ(0, pvn_ring_host_unseen(&self->host));
	EXPECT_FALSE(pvn_ring_host_notify(&self->host));
	ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
	pvn_ring_guest_publish(&self->guest);
	ASSERT_EQ(1, pvn_ring_host_pop(&self->host, sqe));
	pvn_ring_host_push(&self->host, &cqe);
	EXPECT_TRUE(pvn_ring_host_publish(&self->host));
}

/* A guest that always looks by itself is never notified: that must not age into a distance that wraps. */
TEST_F(ring, taken_without_notice_for_ever)
{
	struct pvn_cqe cqe = { 0 };
	uint64_t sqe[8] = { 0 };

	for (int i = 0; i < 3000; i++) {
		ASSERT_NE(NULL, pvn_ring_guest_next(&self->guest));
		pvn_ring_guest_publish(&self->guest);
		ASSERT_EQ(1, pvn_ring_host_pop(&self->host, sqe));
		pvn_ring_host_push(&self->host, &cqe);
		pvn_ring_host_show(&self->host);
		ASSERT_EQ(1, pvn_ring_guest_pop(&self->guest, &cqe));
		pvn_ring_guest_release(&self->guest);
		EXPECT_EQ(0, pvn_ring_host_unseen(&self->host));
		EXPECT_EQ(self->host.cq_tail, self->host.notified);
	}
	/* A head that cannot be moves nothing. */
	self->host.hdr->cq_head = self->host.cq_tail + 1000;
	EXPECT_EQ(self->host.cq_size, pvn_ring_host_unseen(&self->host));
	EXPECT_EQ(self->host.cq_tail, self->host.notified);
}

TEST_F(ring, taken_up_where_it_was)
{
	struct pvn_ring_host again;
	char entry[PVN_RING_SQE_BYTES];
	struct pvn_cqe cqe = { 0 };
	uint32_t i;

	ASSERT_EQ(0, round_trip(&self->guest, &self->host, 7, 2));
	/* Published and not accepted; the host is quiesced, saved and restored. */
	for (i = 0; i < 2; i++)
		ring_fill(pvn_ring_guest_next(&self->guest), 100 + i);
	pvn_ring_guest_publish(&self->guest);
	ASSERT_EQ(0, pvn_ring_host_init(&again, self->mem.ring, variant->sq_order, variant->cq_order));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(1, pvn_ring_host_pop(&again, entry));
		EXPECT_TRUE(ring_filled_with(entry, 100 + i));
		cqe.id = 100 + i;
		pvn_ring_host_push(&again, &cqe);
	}
	pvn_ring_host_publish(&again);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(1, pvn_ring_guest_pop(&self->guest, &cqe));
		EXPECT_EQ(100 + i, cqe.id);
	}
}

/* The event arithmetic against its definition, over every small case around every wrap. */
TEST(passed_is_half_open)
{
	static const uint32_t bases[] = { 0, 0x7ffffff8, 0xfffffff8 };
	unsigned int b, event, from, n;

	for (b = 0; b < 3; b++) {
		for (from = 0; from < 16; from++) {
			for (n = 0; n < 16; n++) {
				for (event = 0; event < 32; event++) {
					bool want = event >= from && event < from + n;

					ASSERT_EQ(want, pvn_ring_passed(bases[b] + event,
									bases[b] + from + n,
									bases[b] + from));
				}
			}
		}
	}
}

TEST(ids_are_claimed_once)
{
	unsigned long words[PVN_IDS_WORDS(100)];
	struct pvn_ids ids;
	uint32_t i;
	int id;

	pvn_ids_init(&ids, words, 100);
	for (i = 0; i < 100; i++)
		ASSERT_EQ((int)i, pvn_ids_get(&ids));
	EXPECT_EQ(-1, pvn_ids_get(&ids));
	EXPECT_FALSE(pvn_ids_mark(&ids, 5));
	EXPECT_TRUE(pvn_ids_claim(&ids, 64));
	EXPECT_FALSE(pvn_ids_claim(&ids, 64)); /* replayed */
	EXPECT_FALSE(pvn_ids_claim(&ids, 100)); /* made up */
	EXPECT_FALSE(pvn_ids_claim(&ids, 0xffffffff));
	EXPECT_FALSE(pvn_ids_mark(&ids, 100));
	id = pvn_ids_get(&ids);
	EXPECT_EQ(64, id);
	EXPECT_TRUE(pvn_ids_claim(&ids, 3));
	EXPECT_TRUE(pvn_ids_mark(&ids, 3));
	EXPECT_TRUE(pvn_ids_claim(&ids, 3));
}

TEST_HARNESS_MAIN
