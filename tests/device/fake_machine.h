/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine without KVM and without a guest: a device model is added to it as to a real one, the test plays the guest
 * through the fake_* accessors, and looks at what the device did to interrupt wires, messages and doorbells.
 *
 *	struct fake_machine *f = fake_machine_create(16 << 20);
 *	device_create(&f->m, …);
 *	fake_device_enable(f, dev);			guest driver: decode and bus mastering on
 *	fake_mmio_write(f, fake_bar(dev, 0) + 0x28, 4, 1);
 *	fake_wait(f, done, arg, 1000);			runs the main loop meanwhile
 *	fake_machine_destroy(f);
 */
#ifndef TESTS_FAKE_MACHINE_H
#define TESTS_FAKE_MACHINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../hv-core/vmm/machine.h"
#include "../../hv-core/vmm/pci.h"

#define FAKE_NR_GSI 24
#define FAKE_MAX_MSI 1024
#define FAKE_MAX_ROUTES 256
#define FAKE_MAX_DOORBELLS 256
#define FAKE_PORTS 64

struct fake_msi {
	uint64_t addr;
	uint32_t data;
};

struct fake_route {
	bool used;
	bool enabled;
	int eventfd;
	uint64_t addr;
	uint32_t data;
	unsigned int binds; /* msi_bind() calls that it has seen */
};

struct fake_doorbell {
	enum bus_kind kind;
	uint64_t addr;
	unsigned int len;
	int eventfd;
};

struct fake_machine {
	struct machine m;
	struct pci_bus *pci;
	pthread_mutex_t lock; /* of what is recorded below: devices call from any thread */

	int irq_level[FAKE_NR_GSI];
	unsigned int irq_rises[FAKE_NR_GSI]; /* changes from 0 to 1 */
	unsigned int irq_calls[FAKE_NR_GSI];

	struct fake_msi msi[FAKE_MAX_MSI]; /* sent by msi_send(), oldest first; later ones are only counted */
	unsigned int nr_msi;
	struct fake_route route[FAKE_MAX_ROUTES];
	bool fail_msi_bind; /* refuse new bindings, as a kernel without free routes does */

	unsigned int raised[FAKE_PORTS]; /* event ports: how often */
	unsigned int raised_elsewhere;

	struct fake_doorbell doorbell[FAKE_MAX_DOORBELLS];
	unsigned int nr_doorbells;

	enum stop_reason stop_reason; /* the first caller's, as in the real machine */
	char stop_text[512];
	unsigned int nr_stops;
};

/* NULL when there is not the memory. */
struct fake_machine *fake_machine_create(uint64_t ram_bytes);
/* Devices have been destroyed before. */
void fake_machine_destroy(struct fake_machine *f);

/* A vCPU's accesses. A write that a doorbell covers signals its eventfd and reaches no handler, as with KVM. */
uint64_t fake_pio_read(struct fake_machine *f, uint64_t port, unsigned int size);
void fake_pio_write(struct fake_machine *f, uint64_t port, unsigned int size, uint64_t value);
void fake_pio_string(struct fake_machine *f, uint64_t port, unsigned int size, unsigned int count, void *buf,
		     bool is_write);
uint64_t fake_mmio_read(struct fake_machine *f, uint64_t addr, unsigned int size);
void fake_mmio_write(struct fake_machine *f, uint64_t addr, unsigned int size, uint64_t value);

/* PCI configuration space, through ECAM as the guest does it. */
uint32_t fake_config_read(struct fake_machine *f, const struct pci_device *dev, unsigned int offset,
			  unsigned int size);
void fake_config_write(struct fake_machine *f, const struct pci_device *dev, unsigned int offset, unsigned int size,
		       uint32_t value);
/* Set the command register's I/O, memory and bus-master bits. */
void fake_device_enable(struct fake_machine *f, const struct pci_device *dev);
/* Where a BAR is. */
uint64_t fake_bar(const struct pci_device *dev, unsigned int bar);
/* Offset of a capability in configuration space, or 0. */
unsigned int fake_find_capability(struct fake_machine *f, const struct pci_device *dev, uint8_t id);

/* Guest driver's part of MSI-X: turn it on; program a vector and unmask it; mask or unmask it. */
void fake_msix_enable(struct fake_machine *f, const struct pci_device *dev, bool enable);
void fake_msix_program(struct fake_machine *f, const struct pci_device *dev, unsigned int v, uint64_t addr,
		       uint32_t data);
void fake_msix_mask(struct fake_machine *f, const struct pci_device *dev, unsigned int v, bool mask);
/* How many interrupts reached the guest by this vector since the last call, by eventfd or by msi_send(). */
unsigned int fake_msix_take(struct fake_machine *f, const struct pci_device *dev, unsigned int v);

/* The eventfd of the doorbell at addr, or -1. */
int fake_doorbell_fd(struct fake_machine *f, enum bus_kind kind, uint64_t addr);

/* Run the main loop until cond() holds. False when timeout_ms passed first. */
bool fake_wait(struct fake_machine *f, bool (*cond)(void *arg), void *arg, unsigned int timeout_ms);

#endif
