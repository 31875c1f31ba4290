/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's side of a PV device on the fake machine: attaches, submits, waits for completions. */
#ifndef TESTS_PV_DRIVER_H
#define TESTS_PV_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <paravane/device.h>

#include "fake_machine.h"
#include "pvn_ring.h"

/* Guest memory as the tests lay it out. */
#define PVD_RAM (16ull << 20)
#define PVD_ATTACH 0x10000ull
#define PVD_RING(i) (0x100000ull + 0x20000ull * (i))
#define PVD_DATA 0x400000ull
#define PVD_TABLE 0x20000ull

struct pv_driver {
	struct fake_machine *f;
	const struct pci_device *pci;
	uint64_t regs, doorbells;
	struct pvn_ring_guest ring[PVN_DEVICE_MAX_QUEUES];
};

/* Finds the BARs, turns decoding, bus mastering and MSI-X on; vector v raises message data 0x40 + v. */
void pvd_init(struct pv_driver *d, struct fake_machine *f, const struct pci_device *pci);
uint32_t pvd_read(struct pv_driver *d, unsigned int reg);
uint64_t pvd_features(struct pv_driver *d);
/* A correct struct pvn_attach in guest memory: queue i uses vector i + 1. */
struct pvn_attach *pvd_prepare(struct pv_driver *d, unsigned int nr_queues, unsigned int order, uint64_t features);
/* Commands return the error register. */
uint32_t pvd_command(struct pv_driver *d, uint32_t command);
/* Prepare and attach. */
uint32_t pvd_attach(struct pv_driver *d, unsigned int nr_queues, unsigned int order, uint64_t features);
void *pvd_ptr(struct pv_driver *d, uint64_t gpa);
/* Publish, and ring the doorbell when the host asks for it. True: it did. */
bool pvd_publish(struct pv_driver *d, unsigned int queue);
/* Copy one 64-byte entry into the ring and publish it. False: no room. */
bool pvd_submit(struct pv_driver *d, unsigned int queue, const void *sqe);
/* The next completion, within timeout_ms. False: none came, or the ring is dead. The main loop runs meanwhile. */
bool pvd_wait(struct pv_driver *d, unsigned int queue, struct pvn_cqe *cqe, unsigned int timeout_ms);
/* Until STATUS & mask == value. */
bool pvd_wait_status(struct pv_driver *d, uint32_t mask, uint32_t value, unsigned int timeout_ms);

#endif
