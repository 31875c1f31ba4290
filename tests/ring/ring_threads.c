// SPDX-License-Identifier: GPL-2.0-only
/* Both ends as threads, under ThreadSanitizer: no data race, no lost wake-up, nothing lost or doubled. */
#include <pthread.h>

#include "kselftest_harness.h"
#include "ring_peers.h"

FIXTURE(threads) {
	struct guarded mem;
	struct pvn_ring_guest guest;
	unsigned long words[PVN_IDS_WORDS(4096)];
	struct peers p;
};

FIXTURE_VARIANT(threads) {
	pvn_u32 sq_order, cq_order, start;
	bool split;
};

FIXTURE_VARIANT_ADD(threads, tiny) { .sq_order = 1, .cq_order = 1, .start = 0xfffffc00 };
FIXTURE_VARIANT_ADD(threads, small) { .sq_order = 3, .cq_order = 4, .start = 0xffffff00 };
FIXTURE_VARIANT_ADD(threads, usual) { .sq_order = 7, .cq_order = 7, .start = 0 };
FIXTURE_VARIANT_ADD(threads, tiny_split) { .sq_order = 1, .cq_order = 1, .start = 0xfffffc00, .split = true };
FIXTURE_VARIANT_ADD(threads, usual_split) { .sq_order = 7, .cq_order = 7, .start = 0xffffff00, .split = true };

FIXTURE_SETUP(threads)
{
	ASSERT_EQ(0, guarded_map(&self->mem, variant->sq_order, variant->cq_order, true));
	pvn_ring_guest_init_at(&self->guest, self->mem.ring, variant->sq_order, variant->cq_order,
			       variant->start);
	self->p = (struct peers){
		.ring = self->mem.ring,
		.sq_order = variant->sq_order,
		.cq_order = variant->cq_order,
		.entries = 60000,
		.doorbell = eventfd(0, EFD_CLOEXEC),
		.interrupt = eventfd(0, EFD_CLOEXEC),
		.room = eventfd(0, EFD_CLOEXEC),
		.guest = &self->guest,
	};
	pvn_ids_init(&self->p.ids, self->words, 1u << variant->cq_order);
}

FIXTURE_TEARDOWN(threads)
{
	guarded_unmap(&self->mem);
}

TEST_F_TIMEOUT(threads, every_entry_once_and_no_wake_up_lost, 100)
{
	struct peers *p = &self->p;
	pthread_t host, completer;

	ASSERT_EQ(0, pthread_create(&host, NULL, peers_host_main, p));
	if (variant->split) {
		ASSERT_EQ(0, pthread_create(&completer, NULL, peers_complete_main, p));
		peers_submit_main(p);
		pthread_join(completer, NULL);
	} else {
		peers_guest_main(p);
	}
	pthread_join(host, NULL);
	EXPECT_EQ(NULL, p->guest_error) TH_LOG("guest: %s", p->guest_error);
	EXPECT_EQ(NULL, p->host_error) TH_LOG("host: %s", p->host_error);
	TH_LOG("%u entries, %u doorbells, %u interrupts", p->entries, p->doorbells, p->interrupts);
}

TEST_HARNESS_MAIN
