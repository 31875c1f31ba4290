// SPDX-License-Identifier: GPL-2.0-only
/* PV console on the fake machine. */
#include "kselftest_harness.h"

#include <paravane/console.h>

#include "../../hv-core/vmm/devices/pv/pv.h"
#include "../../hv-core/vmm/devices/pv/pv_device.h"
#include "../../hv-core/vmm/pv_registry.h"
#include "pv_driver.h"

#define ORDER 3

FIXTURE(console) {
	struct fake_machine *f;
	struct pv_console *c;
	struct pv_driver d;
	uint8_t out[200000];
	unsigned int nr_out;
	unsigned int nr_ready;
};

static void sink(void *opaque, const uint8_t *buf, unsigned int len)
{
	FIXTURE_DATA(console) *self = opaque;

	if (self->nr_out + len <= sizeof(self->out))
		memcpy(self->out + self->nr_out, buf, len);
	self->nr_out += len;
}

static void ready(void *opaque)
{
	FIXTURE_DATA(console) *self = opaque;

	self->nr_ready++;
}

FIXTURE_SETUP(console)
{
	self->f = fake_machine_create(PVD_RAM);
	ASSERT_NE(NULL, self->f);
	ASSERT_EQ(0, pv_console_create(&self->f->m, sink, self, NULL, &self->c));
	pvd_init(&self->d, self->f, &((struct pv_device *)self->c)->pci);
}

FIXTURE_TEARDOWN(console)
{
	pv_console_destroy(self->c);
	pv_registry_destroy(&self->f->m);
	fake_machine_destroy(self->f);
}

static struct pvn_console_request request(uint32_t id, uint8_t op, uint64_t addr, uint32_t len)
{
	return (struct pvn_console_request){ .id = id, .op = op, .addr = addr, .len = len };
}

TEST_F(console, output_in_order)
{
	struct pvn_console_request req;
	struct pvn_cqe cqe;
	unsigned int i;

	EXPECT_FALSE(pv_console_attached(self->c));
	EXPECT_EQ(PVN_EINVAL, pvd_attach(&self->d, 1, ORDER, 0));
	ASSERT_EQ(0, pvd_attach(&self->d, 2, ORDER, 0));
	EXPECT_TRUE(pv_console_attached(self->c));
	for (i = 0; i < 200; i++) {
		*(uint8_t *)pvd_ptr(&self->d, PVD_DATA + i) = (uint8_t)i;
		req = request(i, PVN_CONSOLE_WRITE, PVD_DATA + i, 1);
		ASSERT_TRUE(pvd_submit(&self->d, 0, &req));
		ASSERT_TRUE(pvd_wait(&self->d, 0, &cqe, 5000));
		ASSERT_EQ(i, cqe.id);
		ASSERT_EQ(1, cqe.status);
	}
	req = request(7, PVN_CONSOLE_WRITE, PVD_DATA, PVN_CONSOLE_MAX_BYTES);
	ASSERT_TRUE(pvd_submit(&self->d, 0, &req));
	ASSERT_TRUE(pvd_wait(&self->d, 0, &cqe, 5000));
	EXPECT_EQ(PVN_CONSOLE_MAX_BYTES, cqe.status);
	EXPECT_EQ(200 + PVN_CONSOLE_MAX_BYTES, self->nr_out);
	for (i = 0; i < 200; i++)
		ASSERT_EQ((uint8_t)i, self->out[i]);
}

TEST_F(console, malformed_entries_complete_with_an_error)
{
	struct pvn_console_request req;
	struct pvn_cqe cqe;

	ASSERT_EQ(0, pvd_attach(&self->d, 2, ORDER, 0));
#define BAD(error, change)                                                              \
	do {                                                                            \
		req = request(5, PVN_CONSOLE_WRITE, PVD_DATA, 10);                      \
		change;                                                                 \
		ASSERT_TRUE(pvd_submit(&self->d, 0, &req));                             \
		ASSERT_TRUE(pvd_wait(&self->d, 0, &cqe, 5000)) TH_LOG("%s", #change);   \
		EXPECT_EQ(-error, cqe.status) TH_LOG("%s", #change);                    \
	} while (0)
	BAD(PVN_ENOSYS, req.op = PVN_CONSOLE_READ);
	BAD(PVN_EINVAL, req.len = 0);
	BAD(PVN_EINVAL, req.len = PVN_CONSOLE_MAX_BYTES + 1);
	BAD(PVN_EINVAL, req.flags = 1);
	BAD(PVN_EINVAL, req.reserved2[4] = 1);
	BAD(PVN_EFAULT, req.addr = PVD_RAM - 5);
	EXPECT_EQ(0, self->nr_out);
}

TEST_F(console, input_waits_for_buffers)
{
	struct pvn_console_request req;
	struct pvn_cqe cqe;

	EXPECT_EQ(0, pv_console_input(self->c, (const uint8_t *)"x", 1, NULL, NULL));
	ASSERT_EQ(0, pvd_attach(&self->d, 2, ORDER, 0));
	req = request(1, PVN_CONSOLE_READ, PVD_DATA, 4);
	ASSERT_TRUE(pvd_submit(&self->d, 1, &req));
	EXPECT_EQ(4, pv_console_input(self->c, (const uint8_t *)"hello", 5, ready, self));
	ASSERT_TRUE(pvd_wait(&self->d, 1, &cqe, 1000));
	EXPECT_EQ(4, cqe.status);
	EXPECT_EQ(0, memcmp(pvd_ptr(&self->d, PVD_DATA), "hell", 4));
	/* A new buffer makes the waiting one try again. */
	self->nr_ready = 0;
	ASSERT_TRUE(pvd_submit(&self->d, 1, &req));
	loop_run_once(self->f->m.loop, 1000);
	EXPECT_EQ(1, self->nr_ready);
	EXPECT_EQ(1, pv_console_input(self->c, (const uint8_t *)"o", 1, ready, self));
	ASSERT_TRUE(pvd_wait(&self->d, 1, &cqe, 1000));
	EXPECT_EQ(1, cqe.status);
	/* And so does a driver that goes away. */
	EXPECT_EQ(0, pv_console_input(self->c, (const uint8_t *)"z", 1, ready, self));
	EXPECT_EQ(0, pvd_command(&self->d, PVN_CMD_DETACH));
	loop_run_once(self->f->m.loop, 1000);
	EXPECT_EQ(2, self->nr_ready);
}

TEST_HARNESS_MAIN
