// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV devices in pv mode: no PCI function. Registers and commands go by the ring calls, interrupts are event ports that
 * the guest names when it attaches, and doorbells are I/O ports that only the monitor writes, for ring.notify: so the
 * kernel serves them by the same eventfd as a PCI function's.
 */
#include <errno.h>

#include <paravane/hypercall.h>

#include "../../../monitor/interface.h"
#include "../../machine.h"
#include "pv_device.h"

static uint64_t doorbell_port(const struct pv_device *dev, unsigned int queue)
{
	return MONITOR_DOORBELL_PORT(dev->number, queue);
}

static void remove_doorbells(struct pv_device *dev, unsigned int count)
{
	while (count--)
		dev->m->ops->doorbell(dev->m, BUS_PIO, doorbell_port(dev, count), 4, dev->queue[count].doorbell, false);
}

static int port_create(struct pv_device *dev)
{
	unsigned int i;
	int rc;

	for (i = 0; i < dev->max_queues; i++) {
		rc = dev->m->ops->doorbell(dev->m, BUS_PIO, doorbell_port(dev, i), 4, dev->queue[i].doorbell, true);
		if (rc) {
			remove_doorbells(dev, i);
			return rc;
		}
	}
	return 0;
}

static void port_destroy(struct pv_device *dev)
{
	remove_doorbells(dev, dev->max_queues);
}

static bool port_may_attach(const struct pv_device *dev)
{
	return true;
}

static uint32_t port_max_vector(const struct pv_device *dev)
{
	return PVN_EVENT_PORTS - 1;
}

static void port_raise(struct pv_device *dev, uint32_t port)
{
	/* 0 is no port: the guest wants no interrupts. */
	if (port)
		dev->m->ops->event_raise(dev->m, port);
}

static uint32_t port_place(const struct pv_device *dev)
{
	return PVN_RING_NO_PCI;
}

const struct pv_transport pv_port_transport = {
	.create = port_create,
	.destroy = port_destroy,
	.may_attach = port_may_attach,
	.max_vector = port_max_vector,
	.raise = port_raise,
	.place = port_place,
	.has_config_port = true,
};
