// SPDX-License-Identifier: GPL-2.0-only
/* Family event: every call, the bits in the shared page, upcalls to the right vCPU, and a race of both sides. */
#include "kselftest_harness.h"

#include <pthread.h>

#include "abi_fake.h"

#define PAGE 0x40000ull

FIXTURE(event) {
	struct fake fake;
	struct pvn_event_page *page;
};

FIXTURE_SETUP(event)
{
	struct fake *f = &self->fake;

	ASSERT_EQ(0, fake_init(f, NULL));
	ASSERT_EQ(0, fake_accept_all(f));
	self->page = fake_ptr(f, PAGE, sizeof(*self->page));
	memset(self->page, 0, sizeof(*self->page));
	ASSERT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, PAGE));
}

FIXTURE_TEARDOWN(event)
{
	fake_destroy(&self->fake);
}

static bool is_pending(const struct pvn_event_page *page, uint32_t port)
{
	return page->pending[port / 64] >> port % 64 & 1;
}

TEST_F(event, page_register)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_EBUSY, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, PAGE));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_UNREGISTER));
	for (int bit = 0; bit < 12; bit++)
		EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, PAGE | 1u << bit));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, GMEM_HOLE_START));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, FAKE_RAM_END));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, -4096ull));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, FAKE_RAM_END - 4096));
}

TEST_F(event, page_unregister)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0, 0x40));
	EXPECT_EQ(0, fake_call(f, PVN_HC_TIME_TIMER_SET, 0, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_UNREGISTER));
	memset(self->page, 0, sizeof(*self->page));
	usleep(2000);
	loop_run_once(f->m.loop, 0);
	/* Ports, timers and vectors are gone, and the page is left alone. */
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(0, is_pending(self->page, 1));
	EXPECT_EQ(0, f->nr_msis);
	EXPECT_EQ(-PVN_ESTATE, fake_call(f, PVN_HC_EVENT_PAGE_UNREGISTER));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_REGISTER, PAGE));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(0, f->nr_msis);
}

TEST_F(event, upcall_set)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_UPCALL_SET, FAKE_VCPUS, 0x40));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0xffffffff, 0x40));
	for (uint32_t vector = 1; vector < PVN_EVENT_VECTOR_MIN; vector++)
		EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0, vector));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0, 256));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0, 256 + 0x40));

	/* Events before the vector: set, and told of as soon as there is one. */
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 2));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(1, is_pending(self->page, 1));
	EXPECT_EQ(0, f->nr_msis);
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 2, 0x51));
	ASSERT_EQ(1, f->nr_msis);
	EXPECT_EQ(0xfee02000, f->msi[0].addr);
	EXPECT_EQ(0x51, f->msi[0].data);
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 2, 0));
	self->page->pending[0] = 0;
	self->page->vcpu[2].upcall_pending = 0;
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(1, f->nr_msis);
}

TEST_F(event, alloc)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_ALLOC, FAKE_VCPUS));
	/* Old bits in the page don't leak into a new port. */
	memset(self->page->pending, 0xff, sizeof(self->page->pending));
	memset(self->page->mask, 0xff, sizeof(self->page->mask));
	for (uint32_t port = 1; port < PVN_EVENT_PORTS; port++)
		ASSERT_EQ(port, fake_call(f, PVN_HC_EVENT_ALLOC, port % FAKE_VCPUS));
	for (int word = 0; word < PVN_EVENT_WORDS; word++) {
		EXPECT_EQ(word == 0, self->page->pending[word]);
		EXPECT_EQ(word == 0, self->page->mask[word]);
	}
	EXPECT_EQ(-PVN_ENOMEM, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_CLOSE, 700));
	EXPECT_EQ(700, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_PAGE_UNREGISTER));
	EXPECT_EQ(-PVN_ESTATE, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
}

TEST_F(event, bind)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_BIND, 1, 0));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_BIND, 1, FAKE_VCPUS));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_BIND, PVN_EVENT_PORTS, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 3, 0x60));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(0, f->nr_msis);
	/* A pending port tells its new vCPU. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_BIND, 1, 3));
	ASSERT_EQ(1, f->nr_msis);
	EXPECT_EQ(0xfee03000, f->msi[0].addr);
	EXPECT_EQ(1, self->page->vcpu[3].selector);
	EXPECT_EQ(PVN_EVENT_OPEN | PVN_EVENT_PENDING | 3, fake_call(f, PVN_HC_EVENT_STATUS, 1));
}

TEST_F(event, send)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_SEND, 0));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_SEND, 0xffffffff));
	for (uint32_t port = 1; port <= 130; port++)
		ASSERT_EQ(port, fake_call(f, PVN_HC_EVENT_ALLOC, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 1, 0xfe));
	f->vcpu = 3;
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 129));
	EXPECT_EQ(1, is_pending(self->page, 129));
	EXPECT_EQ(1 << 2, self->page->vcpu[1].selector);
	EXPECT_EQ(1, self->page->vcpu[1].upcall_pending);
	ASSERT_EQ(1, f->nr_msis);
	EXPECT_EQ(0xfee01000, f->msi[0].addr);
	EXPECT_EQ(0xfe, f->msi[0].data);
	/* One upcall for all until the guest begins to look: other ports add their bits only. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 129));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 3));
	EXPECT_EQ(1, f->nr_msis);
	EXPECT_EQ(1 << 2 | 1, self->page->vcpu[1].selector);
	self->page->vcpu[1].upcall_pending = 0;
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 4));
	EXPECT_EQ(2, f->nr_msis);
	EXPECT_EQ(0, self->page->vcpu[0].selector | self->page->vcpu[2].selector | self->page->vcpu[3].selector);
}

TEST_F(event, close)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_CLOSE, 1));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_CLOSE, 1));
	EXPECT_EQ(0, is_pending(self->page, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_STATUS, 1));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_CLOSE, 1));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_SEND, 1));
}

TEST_F(event, mask)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_MASK, 1));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0, 0x40));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_MASK, 1));
	EXPECT_EQ(2, self->page->mask[0]);
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(1, is_pending(self->page, 1));
	EXPECT_EQ(0, f->nr_msis);
	EXPECT_EQ(0, self->page->vcpu[0].selector);
}

TEST_F(event, unmask)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_UNMASK, 1));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UPCALL_SET, 0, 0x40));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_MASK, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_UNMASK, 1));
	EXPECT_EQ(0, f->nr_msis);
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_MASK, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_UNMASK, 1));
	EXPECT_EQ(1, f->nr_msis);
	EXPECT_EQ(0, self->page->mask[0]);
}

TEST_F(event, status)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_STATUS, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_STATUS, PVN_EVENT_PORTS - 1));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_EVENT_STATUS, PVN_EVENT_PORTS));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 2));
	EXPECT_EQ(PVN_EVENT_OPEN | 2, fake_call(f, PVN_HC_EVENT_STATUS, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_MASK, 1));
	EXPECT_EQ(PVN_EVENT_OPEN | PVN_EVENT_MASKED | 2, fake_call(f, PVN_HC_EVENT_STATUS, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(PVN_EVENT_OPEN | PVN_EVENT_MASKED | PVN_EVENT_PENDING | 2, fake_call(f, PVN_HC_EVENT_STATUS, 1));
}

/* A page full of nonsense harms nobody but the guest: calls go on answering, and the host's own state is elsewhere. */
TEST_F(event, hostile_page)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_ALLOC, 0));
	memset(self->page, 0xff, sizeof(*self->page));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_SEND, 1));
	EXPECT_EQ(1, fake_call(f, PVN_HC_EVENT_UNMASK, 1));
	EXPECT_EQ(PVN_EVENT_OPEN | PVN_EVENT_PENDING, fake_call(f, PVN_HC_EVENT_STATUS, 1));
	EXPECT_EQ(0, fake_call(f, PVN_HC_EVENT_STATUS, 5));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_EVENT_SEND, 5));
}

/*
 * One thread sends, another plays the guest's upcall handler as docs/abi/events.md writes it, woken only by the
 * interrupts that the machine saw. A lost wake-up shows as a port that stays pending while no interrupt comes.
 */
#define RACE_PORTS 130
#define RACE_ROUNDS 20000

struct race {
	struct fake *f;
	struct pvn_event_page *page;
	unsigned int interrupts; /* atomic */
	bool done;		 /* atomic */
	unsigned long handled;
};

static struct race *race;

static int race_msi_send(struct machine *m, uint64_t addr, uint32_t data)
{
	__atomic_fetch_add(&race->interrupts, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void race_upcall(struct race *r)
{
	struct pvn_event_vcpu *line = &r->page->vcpu[0];
	uint64_t words, bits;

	__atomic_exchange_n(&line->upcall_pending, 0, __ATOMIC_SEQ_CST);
	for (words = __atomic_exchange_n(&line->selector, 0, __ATOMIC_SEQ_CST); words; words &= words - 1) {
		unsigned int word = (unsigned int)__builtin_ctzll(words);

		bits = __atomic_load_n(&r->page->pending[word], __ATOMIC_SEQ_CST) &
		       ~__atomic_load_n(&r->page->mask[word], __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&r->page->pending[word], ~bits, __ATOMIC_SEQ_CST);
		r->handled += (unsigned int)__builtin_popcountll(bits);
	}
}

static void *race_guest(void *arg)
{
	struct race *r = arg;
	unsigned int seen = 0, now;

	for (;;) {
		bool done = __atomic_load_n(&r->done, __ATOMIC_SEQ_CST);

		now = __atomic_load_n(&r->interrupts, __ATOMIC_SEQ_CST);
		if (now != seen) {
			seen = now;
			race_upcall(r);
		} else if (done) {
			return NULL;
		}
	}
}

TEST_F(event, race)
{
	struct machine_ops ops = *self->fake.m.ops;
	struct race r = { .f = &self->fake, .page = self->page };
	unsigned int seed = 1;
	pthread_t guest;

	race = &r;
	ops.msi_send = race_msi_send;
	self->fake.m.ops = &ops;
	for (uint32_t port = 1; port < RACE_PORTS; port++)
		ASSERT_EQ(port, fake_call(&self->fake, PVN_HC_EVENT_ALLOC, 0));
	ASSERT_EQ(0, fake_call(&self->fake, PVN_HC_EVENT_UPCALL_SET, 0, 0x40));
	ASSERT_EQ(0, pthread_create(&guest, NULL, race_guest, &r));
	for (int i = 0; i < RACE_ROUNDS; i++) {
		uint32_t port = 1 + (uint32_t)rand_r(&seed) % (RACE_PORTS - 1);

		fake_call(&self->fake, PVN_HC_EVENT_SEND, port);
		if (i % 7 == 0) {
			fake_call(&self->fake, PVN_HC_EVENT_MASK, port);
			fake_call(&self->fake, PVN_HC_EVENT_SEND, port);
			fake_call(&self->fake, PVN_HC_EVENT_UNMASK, port);
		}
	}
	__atomic_store_n(&r.done, true, __ATOMIC_SEQ_CST);
	pthread_join(guest, NULL);
	EXPECT_LT(0, r.handled);
	for (int word = 0; word < PVN_EVENT_WORDS; word++)
		EXPECT_EQ(0, self->page->pending[word]);
}

FAMILY_TESTS(PVN_HC_FAMILY_EVENT)

TEST_HARNESS_MAIN
