// SPDX-License-Identifier: GPL-2.0-only
/* Family ring: each call reaches the right device with the right command, and each answer comes back as it is. */
#include "kselftest_harness.h"

#include <errno.h>

#include "abi_fake.h"
#include "pv_registry.h"

#define INFO 0x10000ull
#define ATTACH 0x20000ull

struct device {
	int answer;
	unsigned int commands, notifies;
	uint32_t command, queue;
	uint64_t attach;
};

FIXTURE(ring) {
	struct fake fake;
	struct device device[2];
};

static int device_command(void *opaque, uint32_t command, gpa_t attach)
{
	struct device *d = opaque;

	d->commands++;
	d->command = command;
	d->attach = attach.v;
	return d->answer;
}

static int device_notify(void *opaque, uint32_t queue)
{
	struct device *d = opaque;

	d->notifies++;
	d->queue = queue;
	return d->answer;
}

static void device_info(void *opaque, struct pvn_ring_device *info)
{
	info->type = PVN_PCI_DEVICE_BLOCK;
	info->version = PVN_DEVICE_VERSION;
	info->max_queues = 3;
	info->features = 0x123456789a;
	info->max_order = 8;
	info->status = PVN_STATUS_ATTACHED;
	info->pci = 5 << 11;
	info->device = 77; /* not the device's to say */
}

static uint32_t device_read(void *opaque, uint32_t offset)
{
	return 0xf0000000 + offset;
}

static const struct pv_device_ops device_ops = {
	.command = device_command,
	.notify = device_notify,
	.info = device_info,
	.read = device_read,
};

FIXTURE_SETUP(ring)
{
	memset(self->device, 0, sizeof(self->device));
	ASSERT_EQ(0, fake_init(&self->fake, NULL));
	ASSERT_EQ(0, fake_accept_all(&self->fake));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(i, pv_registry_add(&self->fake.m, &device_ops, &self->device[i]));
}

FIXTURE_TEARDOWN(ring)
{
	pv_registry_destroy(&self->fake.m);
	fake_destroy(&self->fake);
}

TEST_F(ring, info)
{
	struct fake *f = &self->fake;
	struct pvn_ring_device *info = fake_ptr(f, INFO, sizeof(*info));

	memset(info, 0xff, sizeof(*info));
	EXPECT_EQ(0, fake_call(f, PVN_HC_RING_INFO, 1, INFO));
	EXPECT_EQ(1, info->device);
	EXPECT_EQ(PVN_PCI_DEVICE_BLOCK, info->type);
	EXPECT_EQ(PVN_DEVICE_VERSION, info->version);
	EXPECT_EQ(3, info->max_queues);
	EXPECT_EQ(0x123456789a, info->features);
	EXPECT_EQ(8, info->max_order);
	EXPECT_EQ(PVN_STATUS_ATTACHED, info->status);
	EXPECT_EQ(0, info->error);
	EXPECT_EQ(5 << 11, info->pci);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, info->reserved[i]);
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_RING_INFO, 2, INFO));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_RING_INFO, 0xffffffff, INFO));
	EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_RING_INFO, 0, INFO + 1));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_RING_INFO, 0, FAKE_RAM_END - 56));
}

TEST_F(ring, register_read)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(0xf0000000, fake_call(f, PVN_HC_RING_REGISTER_READ, 1, 0));
	EXPECT_EQ(0xf0000ffc, fake_call(f, PVN_HC_RING_REGISTER_READ, 1, 0xffc));
	for (uint32_t bad = 1; bad < 4; bad++)
		EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_RING_REGISTER_READ, 1, bad));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_RING_REGISTER_READ, 1, 0x1000));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_RING_REGISTER_READ, 1, 0xfffffffc));
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_RING_REGISTER_READ, 2, 0));
}

/* A command of device 1: the others stay untouched, and every error number of the interface passes. */
static int check_command(struct fake *f, struct device *device, uint32_t nr, uint32_t command, uint64_t argument)
{
	unsigned int before = device[1].commands;

	if (fake_call(f, nr, 2, argument) != -PVN_ENODEV || fake_call(f, nr, 0xffffffff, argument) != -PVN_ENODEV)
		return __LINE__;
	if (fake_call(f, nr, 1, argument) != 0)
		return __LINE__;
	if (device[0].commands || device[1].commands != before + 1 || device[1].command != command ||
	    device[1].attach != argument)
		return __LINE__;
	for (int error = 1; error <= PVN_EMAX; error++) {
		device[1].answer = -error;
		if (fake_call(f, nr, 1, argument) != -error)
			return __LINE__;
	}
	/* A device that answers in another tongue is a broken host, not something to hand on. */
	device[1].answer = -EILSEQ;
	if (fake_call(f, nr, 1, argument) != -PVN_EIO)
		return __LINE__;
	device[1].answer = 1;
	if (fake_call(f, nr, 1, argument) != -PVN_EIO)
		return __LINE__;
	device[1].answer = 0;
	return 0;
}

TEST_F(ring, attach)
{
	EXPECT_EQ(0, check_command(&self->fake, self->device, PVN_HC_RING_ATTACH, PVN_CMD_ATTACH, ATTACH));
	for (int bit = 0; bit < 6; bit++)
		EXPECT_EQ(-PVN_EINVAL, fake_call(&self->fake, PVN_HC_RING_ATTACH, 1, ATTACH | 1u << bit));
}

TEST_F(ring, detach)
{
	EXPECT_EQ(0, check_command(&self->fake, self->device, PVN_HC_RING_DETACH, PVN_CMD_DETACH, 0));
}

TEST_F(ring, quiesce)
{
	EXPECT_EQ(0, check_command(&self->fake, self->device, PVN_HC_RING_QUIESCE, PVN_CMD_QUIESCE, 0));
}

TEST_F(ring, resume)
{
	EXPECT_EQ(0, check_command(&self->fake, self->device, PVN_HC_RING_RESUME, PVN_CMD_RESUME, 0));
}

TEST_F(ring, notify)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(0, fake_call(f, PVN_HC_RING_NOTIFY, 1, 2));
	EXPECT_EQ(0, self->device[0].notifies);
	EXPECT_EQ(1, self->device[1].notifies);
	EXPECT_EQ(2, self->device[1].queue);
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_RING_NOTIFY, 2, 0));
	self->device[1].answer = -PVN_ESTATE;
	EXPECT_EQ(-PVN_ESTATE, fake_call(f, PVN_HC_RING_NOTIFY, 1, 0));
	self->device[1].answer = -PVN_ENODEV;
	EXPECT_EQ(-PVN_ENODEV, fake_call(f, PVN_HC_RING_NOTIFY, 1, 99));
}

TEST_F(ring, registry_full)
{
	for (int i = 2; i < PV_REGISTRY_MAX; i++)
		ASSERT_EQ(i, pv_registry_add(&self->fake.m, &device_ops, &self->device[0]));
	EXPECT_EQ(-ENOSPC, pv_registry_add(&self->fake.m, &device_ops, &self->device[0]));
	EXPECT_EQ(0, fake_call(&self->fake, PVN_HC_RING_INFO, PV_REGISTRY_MAX - 1, INFO));
	EXPECT_EQ(-PVN_ENODEV, fake_call(&self->fake, PVN_HC_RING_INFO, PV_REGISTRY_MAX, INFO));
}

TEST_F(ring, no_devices)
{
	pv_registry_destroy(&self->fake.m);
	EXPECT_EQ(-PVN_ENODEV, fake_call(&self->fake, PVN_HC_RING_INFO, 0, INFO));
	EXPECT_EQ(-PVN_ENODEV, fake_call(&self->fake, PVN_HC_RING_DETACH, 0));
}

FAMILY_TESTS(PVN_HC_FAMILY_RING)

TEST_HARNESS_MAIN
