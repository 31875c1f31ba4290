/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PV devices by number, for the ring calls. A device registers the same functions that its PCI register file calls,
 * so that a command means the same whichever way it came. Registered before vCPUs run, and never taken away.
 */
#ifndef VMM_PV_REGISTRY_H
#define VMM_PV_REGISTRY_H

#include <stdint.h>

#include <paravane/device.h>
#include <paravane/hypercall.h>

#include "memory.h"

#define PV_REGISTRY_MAX 64 /* in pv mode the monitor has doorbells for as many */

struct machine;

struct pv_device_ops {
	/*
	 * Execute PVN_CMD_*; attach: guest address of struct pvn_attach, for PVN_CMD_ATTACH. Returns when the command
	 * is done: 0, or -PVN_E* (the value of PVN_REG_ERROR, negated). Any vCPU's thread: the device locks itself.
	 */
	int (*command)(void *opaque, uint32_t command, gpa_t attach);
	/* Ring the doorbell of a queue: 0, -PVN_ENODEV for no such queue, -PVN_ESTATE when not attached. */
	int (*notify)(void *opaque, uint32_t queue);
	/* A word of the register file; offset: a multiple of 4 below PVN_PCI_REGS_BYTES. */
	uint32_t (*read)(void *opaque, uint32_t offset);
	/* Fill everything but `device` and `reserved`. */
	void (*info)(void *opaque, struct pvn_ring_device *info);
};

struct pv_registry_entry {
	const struct pv_device_ops *ops;
	void *opaque;
};

/* The device's number, counted from 0 in the order of registration; or -ENOSPC, -ENOMEM. */
int pv_registry_add(struct machine *m, const struct pv_device_ops *ops, void *opaque);

/* Take back the last one that was added. */
void pv_registry_remove_last(struct machine *m);

/* NULL for a number that no device has. */
const struct pv_registry_entry *pv_registry_get(const struct machine *m, uint32_t device);

/* Forget all devices: the machine goes away. */
void pv_registry_destroy(struct machine *m);

#endif
