// SPDX-License-Identifier: GPL-2.0-only
/* The guest's writes to configuration space, and the interrupt wires that the command register switches. */
#include "pci_impl.h"

#include <string.h>

void pci_intx_update(struct pci_bus *bus, struct pci_device *dev)
{
	bool wired = dev->intx_level && !(config_u16(dev, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
	unsigned int *users = &bus->wire_users[dev->gsi - PCI_GSI_BASE];

	/* The status bit shows the device's wish even when the command register keeps it from the wire. */
	if (dev->intx_level)
		dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		dev->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	if (wired == dev->intx_wired)
		return;
	dev->intx_wired = wired;
	/* Functions share wires. It is set under the lock: else two threads' last levels could arrive swapped. */
	if (wired && !(*users)++)
		irq_set(bus->m, dev->gsi, 1);
	else if (!wired && !--*users)
		irq_set(bus->m, dev->gsi, 0);
}

void pci_intx(struct pci_device *dev, int level)
{
	struct pci_bus *bus;

	if (!dev->on_bus || !dev->int_pin)
		return;
	bus = dev->m->pci;
	pthread_mutex_lock(&bus->intx_lock);
	if (dev->intx_level != !!level) {
		dev->intx_level = !!level;
		pci_intx_update(bus, dev);
	}
	pthread_mutex_unlock(&bus->intx_lock);
}

static bool overlaps(unsigned int offset, unsigned int len, unsigned int start, unsigned int size)
{
	return offset < start + size && start < offset + len;
}

static void command_written(struct pci_bus *bus, struct pci_device *dev)
{
	/* Bus mastering stops before the guest's write is done, so that it may free its buffers then. */
	__atomic_store_n(&dev->bus_master, !!(config_u16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER), __ATOMIC_RELEASE);
	if (!dev->int_pin)
		return;
	pthread_mutex_lock(&bus->intx_lock);
	pci_intx_update(bus, dev);
	pthread_mutex_unlock(&bus->intx_lock);
}

static void config_apply(struct pci_bus *bus, struct pci_device *dev, unsigned int offset, unsigned int len,
			 uint64_t value)
{
	unsigned int dword = offset & ~3u;

	/* One 32-bit store for each register touched; an access of 8 bytes or across a boundary is two or three. */
	for (; dword < offset + len; dword += 4) {
		uint32_t old, new;

		/* The other half of the command register's word is the status, which pci_intx() changes meanwhile. */
		if (dword == PCI_COMMAND)
			pthread_mutex_lock(&bus->intx_lock);
		old = new = config_u32(dev, dword);
		for (unsigned int b = 0; b < 4; b++) {
			unsigned int at = dword + b;
			uint32_t mask;

			if (at < offset || at >= offset + len || at >= sizeof(dev->wmask))
				continue;
			mask = (uint32_t)dev->wmask[at] << (8 * b);
			new &= ~mask;
			new |= (uint32_t)(value >> (8 * (at - offset)) & 0xff) << (8 * b) & mask;
		}
		if (new != old)
			config_set32(dev, dword, new);
		if (dword == PCI_COMMAND)
			pthread_mutex_unlock(&bus->intx_lock);
	}
	if (overlaps(offset, len, PCI_COMMAND, 2))
		command_written(bus, dev);
	if (overlaps(offset, len, PCI_COMMAND, 2) || overlaps(offset, len, PCI_BASE_ADDRESS_0, 4 * PCI_NR_BARS))
		pci_bars_update(dev);
	if (dev->msix && overlaps(offset, len, dev->msix->cap + PCI_MSIX_FLAGS, 2))
		msix_control_written(dev);
	if (dev->config_written)
		dev->config_written(dev, offset, len);
}

static void ecam_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci_bus *bus = opaque;
	unsigned int at = offset % PCI_CONFIG_SIZE;
	struct pci_device *dev;

	/* Configuration accesses are naturally aligned; hardware is free to drop others, and so are we. */
	if (at % size)
		return;
	pthread_mutex_lock(&bus->lock);
	dev = bus->function[offset / PCI_CONFIG_SIZE];
	if (dev)
		config_apply(bus, dev, at, size, value);
	pthread_mutex_unlock(&bus->lock);
}

/* Only for accesses that don't go through the guest's memory slot: unit tests. */
static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = opaque;
	uint64_t v = 0;

	memcpy(&v, bus->ecam + offset, size);
	return v;
}

const struct bus_ops pci_ecam_ops = { .read = ecam_read, .write = ecam_write };
