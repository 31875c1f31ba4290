// SPDX-License-Identifier: GPL-2.0-only
/* ring.notify in pv mode: a write to the doorbell's port when the queue is attached, else the VMM's answer. */
#include "kselftest_harness.h"

#include <paravane/device.h>

#include "fake.h"

#define ATTACH 0x1000

static struct pvn_attach *attach;

FIXTURE(doorbells) {
};

FIXTURE_SETUP(doorbells)
{
	fake_init();
	fake.v.shared.boot.offered[0] |= PVN_F0_RING;
	ASSERT_EQ(0, fake_call(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, PVN_F0_RING, 0, 0, 0));
	attach = (struct pvn_attach *)(fake.ram + ATTACH);
	attach->nr_queues = 3;
}

FIXTURE_TEARDOWN(doorbells)
{
	fake_destroy();
}

/* Did the call go to the VMM, with its own answer? */
static bool forwarded(uint64_t nr, uint64_t device, uint64_t arg)
{
	unsigned int calls = fake.vmm_calls, outs = fake.outs;

	fake.vmm_result = -PVN_ENODEV;
	return fake_call(nr, device, arg, 0, 0, 0) == -PVN_ENODEV && fake.vmm_calls == calls + 1 && fake.vmm_nr == nr &&
	       fake.vmm_args[0] == device && fake.outs == outs;
}

static bool rang(uint64_t device, uint64_t queue)
{
	unsigned int calls = fake.vmm_calls, outs = fake.outs;

	fake.vmm_result = -PVN_ENODEV;
	return fake_call(PVN_HC_RING_NOTIFY, device, queue, 0, 0, 0) == 0 && fake.vmm_calls == calls &&
	       fake.outs == outs + 1 && fake.port == 0x5800 + 64 * device + 4 * queue;
}

static int64_t do_attach(uint64_t device, uint64_t at)
{
	fake.vmm_result = 0;
	return fake_call(PVN_HC_RING_ATTACH, device, at, 0, 0, 0);
}

TEST_F(doorbells, attached_queues_only)
{
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 5, 0));
	EXPECT_EQ(0, do_attach(5, ATTACH));
	EXPECT_TRUE(rang(5, 0));
	EXPECT_TRUE(rang(5, 2));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 5, 3));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 4, 0));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 64, 0));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 0xffffffff, 0));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 5, 0xffffffff));
	EXPECT_EQ(0, fake_call(PVN_HC_RING_DETACH, 5, 0, 0, 0, 0) + PVN_ENODEV);
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 5, 0));
}

TEST_F(doorbells, refused_attach)
{
	EXPECT_TRUE(forwarded(PVN_HC_RING_ATTACH, 5, ATTACH));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 5, 0));
}

/* Whatever the guest makes of the structure and the numbers, no port but the device's own is written. */
TEST_F(doorbells, hostile)
{
	attach->nr_queues = 0xffffffff;
	EXPECT_EQ(0, do_attach(63, ATTACH));
	EXPECT_TRUE(rang(63, 15));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 63, 16));
	EXPECT_EQ(0, do_attach(64, ATTACH));
	EXPECT_EQ(0, do_attach(0xffffffff, ATTACH));
	EXPECT_EQ(0, do_attach(1, FAKE_RAM - 8));
	EXPECT_TRUE(forwarded(PVN_HC_RING_NOTIFY, 1, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_RING_NOTIFY, 1ull << 32, 0, 0, 0, 0));
}

TEST_HARNESS_MAIN
