/* SPDX-License-Identifier: GPL-2.0-only */
/* What pci.c, pci_bar.c and pci_config.c share; nobody else's. */
#ifndef VMM_PCI_IMPL_H
#define VMM_PCI_IMPL_H

#include <linux/pci_regs.h>

#include "pci.h"

#define PCI_NR_SLOTS 32
#define PCI_NR_FUNCTIONS 8

struct pci_bus {
	struct machine *m;
	uint8_t *ecam;
	struct bus_range ecam_range;
	/* Serializes configuration writes, adding and removing. Taken before a bus's lock. */
	pthread_mutex_t lock;
	/* Of wires and status bits. Taken last: devices call pci_intx() with their own lock held. */
	pthread_mutex_t intx_lock;
	unsigned int wire_users[PCI_NR_GSI];
	struct pci_device *function[PCI_NR_SLOTS * PCI_NR_FUNCTIONS];
	uint32_t next_mmio;
	uint32_t next_io;
	struct pci_device host_bridge;
};

static inline uint16_t config_u16(const struct pci_device *dev, unsigned int offset)
{
	return dev->config[offset] | dev->config[offset + 1] << 8;
}

static inline uint32_t config_u32(const struct pci_device *dev, unsigned int offset)
{
	return config_u16(dev, offset) | (uint32_t)config_u16(dev, offset + 2) << 16;
}

static inline void config_set16(struct pci_device *dev, unsigned int offset, uint16_t v)
{
	dev->config[offset] = v;
	dev->config[offset + 1] = v >> 8;
}

/* vCPUs read this memory while it is written, so a register must change at once and not by the byte. */
static inline void config_set32(struct pci_device *dev, unsigned int offset, uint32_t v)
{
	__atomic_store_n((uint32_t *)(dev->config + offset), v, __ATOMIC_RELAXED);
}

static inline uint32_t pci_bar_offset(unsigned int bar)
{
	return PCI_BASE_ADDRESS_0 + 4 * bar;
}

/* pci_bar.c; with the configuration lock held */
int pci_bar_place(struct pci_bus *bus, struct pci_device *dev, unsigned int bar);
void pci_bar_set_mask(struct pci_device *dev, unsigned int bar);
void pci_bar_unmap(struct pci_device *dev, unsigned int bar);
/* Bring all mappings in line with the BARs and the command register. */
void pci_bars_update(struct pci_device *dev);

/* pci_config.c */
extern const struct bus_ops pci_ecam_ops;
/* Bring wire and status bit in line with the device's level and the command register. intx_lock is held. */
void pci_intx_update(struct pci_bus *bus, struct pci_device *dev);

#endif
