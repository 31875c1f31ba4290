// SPDX-License-Identifier: GPL-2.0-only
/* Base address registers: where they are placed, and what they decode as the guest moves them. */
#include "pci_impl.h"

#include <errno.h>

static struct bus *bar_bus(struct machine *m, const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_IO ? &m->pio : &m->mmio;
}

/* Where the BAR decodes now, or false when it doesn't. */
static bool bar_decodes(const struct pci_device *dev, unsigned int i, uint64_t *base)
{
	const struct pci_bar *bar = &dev->bar[i];
	uint16_t command = config_u16(dev, PCI_COMMAND);
	uint32_t v = config_u32(dev, pci_bar_offset(i));

	/*
	 * Outside of the windows that ACPI describes a BAR decodes nothing. This is also what makes the sizing
	 * protocol safe with decoding enabled: all ones is outside, and the guest's RAM and APICs can't be shadowed.
	 */
	if (bar->kind == PCI_BAR_IO) {
		*base = v & PCI_BASE_ADDRESS_IO_MASK;
		return command & PCI_COMMAND_IO && *base >= PCI_PORT_BASE && *base + bar->size - 1 <= PCI_PORT_END;
	}
	*base = v & PCI_BASE_ADDRESS_MEM_MASK;
	return command & PCI_COMMAND_MEMORY && *base >= PCI_MMIO_BASE && *base + bar->size <= PCI_MMIO_END;
}

void pci_bar_unmap(struct pci_device *dev, unsigned int i)
{
	struct pci_bar *bar = &dev->bar[i];

	if (!bar->mapped)
		return;
	bar->mapped = false;
	bus_remove(bar_bus(dev->m, bar), &bar->range);
	if (bar->changed)
		bar->changed(dev, i, bar->range.base, false);
}

static void bar_update(struct pci_device *dev, unsigned int i)
{
	struct pci_bar *bar = &dev->bar[i];
	uint64_t base;
	bool decodes;

	if (bar->kind == PCI_BAR_NONE)
		return;
	decodes = bar_decodes(dev, i, &base);
	if (bar->mapped && (!decodes || base != bar->range.base))
		pci_bar_unmap(dev, i);
	if (!decodes || bar->mapped)
		return;
	bar->range.base = base;
	/* Put on top of another range by the guest: the older one keeps the address, until the next change. */
	if (bus_add(bar_bus(dev->m, bar), &bar->range))
		return;
	bar->mapped = true;
	if (bar->changed)
		bar->changed(dev, i, base, true);
}

void pci_bars_update(struct pci_device *dev)
{
	/* First away with what moves, so that two BARs can change places. */
	for (unsigned int i = 0; i < PCI_NR_BARS; i++) {
		uint64_t base;

		if (dev->bar[i].mapped && (!bar_decodes(dev, i, &base) || base != dev->bar[i].range.base))
			pci_bar_unmap(dev, i);
	}
	for (unsigned int i = 0; i < PCI_NR_BARS; i++)
		bar_update(dev, i);
}

/* An address for the BAR from the windows, naturally aligned. */
int pci_bar_place(struct pci_bus *bus, struct pci_device *dev, unsigned int i)
{
	struct pci_bar *bar = &dev->bar[i];
	uint32_t *next = bar->kind == PCI_BAR_IO ? &bus->next_io : &bus->next_mmio;
	uint64_t end = bar->kind == PCI_BAR_IO ? PCI_PORT_END + 1ull : PCI_MMIO_END;
	/* Two devices' registers in one page would be one page in a guest's page tables too. */
	uint64_t align = bar->kind == PCI_BAR_IO || bar->size >= 4096 ? bar->size : 4096;
	uint64_t base = (*next + align - 1) & ~(align - 1);

	if (base + align > end)
		return -ENOSPC;
	*next = base + align;
	dev->bar_home[i] = base | (bar->kind == PCI_BAR_IO ? PCI_BASE_ADDRESS_SPACE_IO : 0);
	return 0;
}

void pci_bar_set_mask(struct pci_device *dev, unsigned int i)
{
	const struct pci_bar *bar = &dev->bar[i];
	uint32_t mask = bar->kind == PCI_BAR_NONE ? 0 : ~(bar->size - 1);

	/* Ports have 16 bits: the upper half of an I/O BAR is not there. */
	if (bar->kind == PCI_BAR_IO)
		mask &= 0xffff;
	for (unsigned int b = 0; b < 4; b++)
		dev->wmask[pci_bar_offset(i) + b] = mask >> (8 * b);
}
