// SPDX-License-Identifier: GPL-2.0-only
/* The guest's side of a PV device on the fake machine. */
#include "pv_driver.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void *pvd_ptr(struct pv_driver *d, uint64_t gpa)
{
	void *p = gmem_ptr(&d->f->m.gmem, GPA(gpa), 1);

	if (!p)
		abort();
	return p;
}

void pvd_init(struct pv_driver *d, struct fake_machine *f, const struct pci_device *pci)
{
	unsigned int v;

	memset(d, 0, sizeof(*d));
	d->f = f;
	d->pci = pci;
	fake_device_enable(f, pci);
	d->regs = fake_bar(pci, PVN_PCI_BAR_REGS);
	d->doorbells = fake_bar(pci, PVN_PCI_BAR_DOORBELL);
	fake_msix_enable(f, pci, true);
	for (v = 0; v <= pvd_read(d, PVN_REG_MAX_QUEUES); v++)
		fake_msix_program(f, pci, v, 0xfee00000, 0x40 + v);
}

uint32_t pvd_read(struct pv_driver *d, unsigned int reg)
{
	return (uint32_t)fake_mmio_read(d->f, d->regs + reg, 4);
}

uint64_t pvd_features(struct pv_driver *d)
{
	return pvd_read(d, PVN_REG_FEATURES) | (uint64_t)pvd_read(d, PVN_REG_FEATURES + 4) << 32;
}

struct pvn_attach *pvd_prepare(struct pv_driver *d, unsigned int nr_queues, unsigned int order, uint64_t features)
{
	struct pvn_attach *attach = pvd_ptr(d, PVD_ATTACH);
	unsigned int i;

	memset(attach, 0, sizeof(*attach));
	attach->version = PVN_DEVICE_VERSION;
	attach->nr_queues = nr_queues;
	attach->features = features;
	for (i = 0; i < nr_queues && i < PVN_DEVICE_MAX_QUEUES; i++) {
		attach->queue[i].ring_addr = PVD_RING(i);
		attach->queue[i].sq_order = (pvn_u16)order;
		attach->queue[i].cq_order = (pvn_u16)order;
		attach->queue[i].vector = (pvn_u16)(i + 1);
		pvn_ring_guest_init_at(&d->ring[i], pvd_ptr(d, PVD_RING(i)), order, order, 0xfffffff0);
	}
	fake_mmio_write(d->f, d->regs + PVN_REG_ATTACH_ADDR, 4, (uint32_t)PVD_ATTACH);
	fake_mmio_write(d->f, d->regs + PVN_REG_ATTACH_ADDR + 4, 4, PVD_ATTACH >> 32);
	return attach;
}

uint32_t pvd_command(struct pv_driver *d, uint32_t command)
{
	fake_mmio_write(d->f, d->regs + PVN_REG_COMMAND, 4, command);
	return pvd_read(d, PVN_REG_ERROR);
}

uint32_t pvd_attach(struct pv_driver *d, unsigned int nr_queues, unsigned int order, uint64_t features)
{
	pvd_prepare(d, nr_queues, order, features);
	return pvd_command(d, PVN_CMD_ATTACH);
}

bool pvd_publish(struct pv_driver *d, unsigned int queue)
{
	if (!pvn_ring_guest_publish(&d->ring[queue]))
		return false;
	fake_pio_write(d->f, d->doorbells + PVN_PCI_DOORBELL_STRIDE * queue, 4, 1);
	return true;
}

bool pvd_submit(struct pv_driver *d, unsigned int queue, const void *sqe)
{
	void *slot = pvn_ring_guest_next(&d->ring[queue]);

	if (!slot)
		return false;
	memcpy(slot, sqe, PVN_RING_SQE_BYTES);
	pvd_publish(d, queue);
	return true;
}

bool pvd_wait(struct pv_driver *d, unsigned int queue, struct pvn_cqe *cqe, unsigned int timeout_ms)
{
	struct pvn_ring_guest *ring = &d->ring[queue];
	uint64_t end = loop_now_ns() + timeout_ms * 1000000ull;
	int rc;

	while ((rc = pvn_ring_guest_pop(ring, cqe)) == 0 && loop_now_ns() < end)
		loop_run_once(d->f->m.loop, 0);
	pvn_ring_guest_release(ring);
	return rc == 1;
}

bool pvd_wait_status(struct pv_driver *d, uint32_t mask, uint32_t value, unsigned int timeout_ms)
{
	uint64_t end = loop_now_ns() + timeout_ms * 1000000ull;

	while ((pvd_read(d, PVN_REG_STATUS) & mask) != value) {
		if (loop_now_ns() >= end)
			return false;
		loop_run_once(d->f->m.loop, 1);
	}
	return true;
}
