// SPDX-License-Identifier: GPL-2.0-only
/* Both ends as processes over one memfd, mapped at different addresses; the guest's is killed half way in one test. */
#include <signal.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "ring_peers.h"

#define SQ_ORDER 5
#define CQ_ORDER 6

FIXTURE(processes) {
	int memfd;
	struct peers *p; /* shared, so that the child's findings are seen here */
};

FIXTURE_SETUP(processes)
{
	self->memfd = memfd_create("ring", MFD_CLOEXEC);
	ASSERT_LE(0, self->memfd);
	ASSERT_EQ(0, ftruncate(self->memfd, pvn_ring_bytes(SQ_ORDER, CQ_ORDER)));
	self->p = mmap(NULL, RING_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->p);
	*self->p = (struct peers){
		.sq_order = SQ_ORDER,
		.cq_order = CQ_ORDER,
		.entries = 300000,
		.doorbell = eventfd(0, EFD_CLOEXEC),
		.interrupt = eventfd(0, EFD_CLOEXEC),
	};
}

FIXTURE_TEARDOWN(processes)
{
	close(self->memfd);
}

static void *map_ring(int memfd)
{
	void *ring = mmap(NULL, pvn_ring_bytes(SQ_ORDER, CQ_ORDER), PROT_READ | PROT_WRITE, MAP_SHARED,
			  memfd, 0);

	return ring == MAP_FAILED ? NULL : ring;
}

static void guest_process(struct peers *p, int memfd)
{
	static unsigned long words[PVN_IDS_WORDS(1u << CQ_ORDER)];
	static struct pvn_ring_guest guest;

	p->ring = map_ring(memfd);
	if (!p->ring)
		_exit(2);
	pvn_ring_guest_init_at(&guest, p->ring, SQ_ORDER, CQ_ORDER, 0xfffff000);
	p->guest = &guest;
	pvn_ids_init(&p->ids, words, 1u << CQ_ORDER);
	peers_kick(p->room); /* the ring is ready */
	peers_guest_main(p);
	_exit(p->guest_error ? 1 : 0);
}

TEST_F_TIMEOUT(processes, every_entry_once_and_no_wake_up_lost, 60)
{
	struct peers host_side;
	pid_t child;
	int status;

	self->p->room = eventfd(0, EFD_CLOEXEC);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		guest_process(self->p, self->memfd);
	ASSERT_TRUE(peers_sleep(self->p->room));
	host_side = *self->p;
	host_side.ring = map_ring(self->memfd);
	ASSERT_NE(NULL, host_side.ring);
	peers_host_main(&host_side);
	EXPECT_EQ(NULL, host_side.host_error) TH_LOG("host: %s", host_side.host_error);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status) TH_LOG("the guest's process found an error, or died");
	TH_LOG("%u entries, %u doorbells, %u interrupts", self->p->entries, self->p->doorbells,
	       host_side.interrupts);
}

/* A peer that vanishes leaves a ring on which nothing moves, and nothing breaks. */
TEST_F_TIMEOUT(processes, peer_killed_half_way, 30)
{
	uint32_t entry[PVN_RING_SQE_BYTES / 4], moved = 0;
	struct pvn_ring_host host;
	struct pvn_cqe cqe = { 0 };
	int status, rc, idle = 0;
	pid_t child;
	void *ring;

	self->p->room = eventfd(0, EFD_CLOEXEC);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		guest_process(self->p, self->memfd);
	ASSERT_TRUE(peers_sleep(self->p->room));
	ring = map_ring(self->memfd);
	ASSERT_NE(NULL, ring);
	ASSERT_EQ(0, pvn_ring_host_init(&host, ring, SQ_ORDER, CQ_ORDER));
	while (idle < 1000) {
		rc = pvn_ring_host_pop(&host, entry);
		ASSERT_LE(0, rc);
		if (rc == 1) {
			cqe.id = entry[0];
			cqe.aux = entry[0] * 3 + 1;
			pvn_ring_host_push(&host, &cqe);
			if (pvn_ring_host_publish(&host))
				peers_kick(self->p->interrupt);
			if (++moved == 5000) {
				kill(child, SIGKILL);
				ASSERT_EQ(child, waitpid(child, &status, 0));
			}
		} else if (moved >= 5000) {
			idle++;
		} else if (!pvn_ring_host_arm(&host)) {
			ASSERT_TRUE(peers_sleep(self->p->doorbell));
		}
	}
	EXPECT_LE(moved, 5000 + (1u << SQ_ORDER));
	EXPECT_EQ(0, host.in_flight);
}

TEST_HARNESS_MAIN
