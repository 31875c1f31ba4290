// SPDX-License-Identifier: GPL-2.0-only
/* PV devices of pv mode, which have no PCI function: commands and registers by number, event ports, doorbells. */
#include "kselftest_harness.h"

#include <paravane/console.h>
#include <paravane/hypercall.h>

#include "../../hv-core/monitor/interface.h"
#include "../../hv-core/vmm/devices/pv/pv.h"
#include "../../hv-core/vmm/pv_registry.h"
#include "pv_driver.h"

#define ORDER 3
#define PORT_OUTPUT 11
#define PORT_INPUT 12
#define PORT_CONFIG 13

FIXTURE(port) {
	struct fake_machine *f;
	struct pv_console *c[2];
	struct pv_driver d; /* for its memory and rings only */
	unsigned int nr_out;
};

static void sink(void *opaque, const uint8_t *buf, unsigned int len)
{
	FIXTURE_DATA(port) *self = opaque;

	self->nr_out += len;
}

FIXTURE_SETUP(port)
{
	self->nr_out = 0;
	memset(&self->d, 0, sizeof(self->d));
	self->f = fake_machine_create(PVD_RAM);
	ASSERT_NE(NULL, self->f);
	self->d.f = self->f;
	self->f->m.pv_mode = true;
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pv_console_create(&self->f->m, sink, self, NULL, &self->c[i]));
}

FIXTURE_TEARDOWN(port)
{
	for (int i = 0; i < 2; i++)
		pv_console_destroy(self->c[i]);
	EXPECT_EQ(0, self->f->nr_doorbells);
	pv_registry_destroy(&self->f->m);
	fake_machine_destroy(self->f);
}

static const struct pv_registry_entry *device(FIXTURE_DATA(port) *self, uint32_t number)
{
	return pv_registry_get(&self->f->m, number);
}

static int command(FIXTURE_DATA(port) *self, uint32_t number, uint32_t what)
{
	const struct pv_registry_entry *e = device(self, number);

	return e->ops->command(e->opaque, what, GPA(PVD_ATTACH));
}

static uint32_t reg(FIXTURE_DATA(port) *self, uint32_t number, uint32_t offset)
{
	const struct pv_registry_entry *e = device(self, number);

	return e->ops->read(e->opaque, offset);
}

/* A correct struct pvn_attach with fresh rings. */
static struct pvn_attach *prepare(FIXTURE_DATA(port) *self)
{
	struct pvn_attach *attach = pvd_ptr(&self->d, PVD_ATTACH);

	memset(attach, 0, sizeof(*attach));
	attach->version = PVN_DEVICE_VERSION;
	attach->nr_queues = 2;
	attach->config_port = PORT_CONFIG;
	for (int i = 0; i < 2; i++) {
		attach->queue[i].ring_addr = PVD_RING(i);
		attach->queue[i].sq_order = attach->queue[i].cq_order = ORDER;
		attach->queue[i].vector = i ? PORT_INPUT : PORT_OUTPUT;
		pvn_ring_guest_init_at(&self->d.ring[i], pvd_ptr(&self->d, PVD_RING(i)), ORDER, ORDER, 0);
	}
	return attach;
}

/* One byte of output from device `number`, kicked at its port. */
static bool output(FIXTURE_DATA(port) *self, uint32_t number, struct pvn_cqe *cqe)
{
	struct pvn_console_request *req = pvn_ring_guest_next(&self->d.ring[0]);

	if (!req)
		return false;
	*req = (struct pvn_console_request){ .id = 1, .op = PVN_CONSOLE_WRITE, .addr = PVD_DATA, .len = 1 };
	pvn_ring_guest_arm(&self->d.ring[0]);
	if (pvn_ring_guest_publish(&self->d.ring[0]))
		fake_pio_write(self->f, MONITOR_DOORBELL_PORT(number, 0), 4, 1);
	return pvd_wait(&self->d, 0, cqe, 5000);
}

TEST_F(port, registers)
{
	EXPECT_EQ(PVN_DEVICE_MAGIC, reg(self, 1, PVN_REG_MAGIC));
	EXPECT_EQ(PVN_PCI_DEVICE_CONSOLE, reg(self, 1, PVN_REG_TYPE));
	EXPECT_EQ(2, reg(self, 1, PVN_REG_MAX_QUEUES));
	EXPECT_EQ(0, reg(self, 1, PVN_REG_STATUS));
	EXPECT_EQ(0, reg(self, 1, PVN_PCI_REGS_BYTES - 4));
	EXPECT_EQ(NULL, device(self, 2));
}

TEST_F(port, not_a_pci_function)
{
	const struct pv_registry_entry *e = device(self, 0);
	struct pvn_ring_device info = { .pci = 1 };

	e->ops->info(e->opaque, &info);
	EXPECT_EQ(PVN_RING_NO_PCI, info.pci);
	EXPECT_EQ(-1, fake_doorbell_fd(self->f, BUS_PIO, MONITOR_DOORBELL_PORT(0, 2)));
	EXPECT_LE(0, fake_doorbell_fd(self->f, BUS_PIO, MONITOR_DOORBELL_PORT(1, 1)));
}

TEST_F(port, attach_output_detach)
{
	struct pvn_cqe cqe;

	prepare(self);
	ASSERT_EQ(0, command(self, 1, PVN_CMD_ATTACH));
	EXPECT_EQ(PVN_STATUS_ATTACHED, reg(self, 1, PVN_REG_STATUS));
	EXPECT_FALSE(pv_console_attached(self->c[0]));
	ASSERT_TRUE(output(self, 1, &cqe));
	EXPECT_EQ(1, cqe.status);
	EXPECT_EQ(1, self->nr_out);
	EXPECT_EQ(1, self->f->raised[PORT_OUTPUT]);
	EXPECT_EQ(0, self->f->raised[PORT_INPUT]);
	EXPECT_EQ(0, self->f->raised_elsewhere);
	EXPECT_EQ(0, self->f->nr_msi);
	EXPECT_EQ(-PVN_ESTATE, command(self, 1, PVN_CMD_ATTACH));
	EXPECT_EQ(0, command(self, 1, PVN_CMD_DETACH));
	EXPECT_EQ(0, reg(self, 1, PVN_REG_STATUS));
}

/* Port 0 is none, for queues and for changes. */
TEST_F(port, without_interrupts)
{
	struct pvn_attach *attach = prepare(self);
	struct pvn_cqe cqe;

	attach->config_port = attach->queue[0].vector = attach->queue[1].vector = 0;
	ASSERT_EQ(0, command(self, 0, PVN_CMD_ATTACH));
	ASSERT_TRUE(output(self, 0, &cqe));
	EXPECT_EQ(1, cqe.status);
	for (int i = 0; i < FAKE_PORTS; i++)
		EXPECT_EQ(0, self->f->raised[i]);
	EXPECT_EQ(0, self->f->raised_elsewhere);
}

TEST_F(port, a_broken_ring_is_told_by_the_config_port)
{
	struct pvn_ring_header *ring;

	prepare(self);
	ASSERT_EQ(0, command(self, 0, PVN_CMD_ATTACH));
	ring = pvd_ptr(&self->d, PVD_RING(0));
	ring->sq_tail = 0x40000000;
	fake_pio_write(self->f, MONITOR_DOORBELL_PORT(0, 0), 4, 1);
	for (int i = 0; i < 1000 && !(reg(self, 0, PVN_REG_STATUS) & PVN_STATUS_FAILED); i++)
		loop_run_once(self->f->m.loop, 1);
	EXPECT_EQ(PVN_STATUS_ATTACHED | PVN_STATUS_FAILED, reg(self, 0, PVN_REG_STATUS));
	EXPECT_NE(0, reg(self, 0, PVN_REG_ERROR));
	EXPECT_EQ(1, self->f->raised[PORT_CONFIG]);
}

TEST_F(port, attach_refused)
{
	struct pvn_attach *attach = prepare(self);

	attach->config_port = PVN_EVENT_PORTS;
	EXPECT_EQ(-PVN_ERANGE, command(self, 0, PVN_CMD_ATTACH));
	attach->config_port = 0xffffffff;
	EXPECT_EQ(-PVN_ERANGE, command(self, 0, PVN_CMD_ATTACH));
	attach = prepare(self);
	attach->reserved0 = 1;
	EXPECT_EQ(-PVN_EINVAL, command(self, 0, PVN_CMD_ATTACH));
	for (int i = 0; i < 5; i++) {
		attach = prepare(self);
		attach->reserved[i] = 1;
		EXPECT_EQ(-PVN_EINVAL, command(self, 0, PVN_CMD_ATTACH));
	}
	attach = prepare(self);
	attach->queue[1].vector = PVN_EVENT_PORTS;
	EXPECT_EQ(-PVN_ERANGE, command(self, 0, PVN_CMD_ATTACH));
	attach->queue[1].vector = PVN_EVENT_PORTS - 1;
	EXPECT_EQ(0, command(self, 0, PVN_CMD_ATTACH));
}

TEST_HARNESS_MAIN
