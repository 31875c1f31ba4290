// SPDX-License-Identifier: GPL-2.0-only
/* PV devices in hvm mode: each is a PCI function with registers, doorbells and MSI-X. */
#include "../../machine.h"
#include "pv_device.h"

static bool pci_may_attach(const struct pv_device *dev)
{
	/* Without bus mastering a PCI function reads and writes no memory. */
	return dev->pci.bus_master;
}

static uint32_t pci_max_vector(const struct pv_device *dev)
{
	return dev->max_queues;
}

static void pci_raise(struct pv_device *dev, uint32_t vector)
{
	msix_raise(&dev->pci, vector);
}

static uint32_t pci_place(const struct pv_device *dev)
{
	return (uint32_t)dev->pci.slot << 11 | dev->pci.function << 8;
}

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pv_device *dev = opaque;
	unsigned int at = (unsigned int)offset, i;
	uint64_t value = 0;

	for (i = 0; i < size; i++, at++)
		value |= (uint64_t)(uint8_t)(pv_device_read(dev, at & ~3u) >> 8 * (at % 4)) << 8 * i;
	return value;
}

static void regs_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pv_device *dev = opaque;

	if (offset == PVN_REG_ATTACH_ADDR && size == 8)
		pv_device_attach_addr(dev, UINT64_MAX, value);
	else if (offset == PVN_REG_ATTACH_ADDR && size == 4)
		pv_device_attach_addr(dev, 0xffffffffu, (uint32_t)value);
	else if (offset == PVN_REG_ATTACH_ADDR + 4 && size == 4)
		pv_device_attach_addr(dev, 0xffffffffull << 32, value << 32);
	else if (offset == PVN_REG_COMMAND && size == 4)
		pv_device_command(dev, (uint32_t)value,
				  GPA(__atomic_load_n(&dev->attach_addr, __ATOMIC_RELAXED)));
}

static const struct bus_ops regs_ops = { .read = regs_read, .write = regs_write };

/* Only what the kernel did not take over: other widths, or a host without ioeventfd. */
static void doorbell_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	if (size == 4 && offset % PVN_PCI_DOORBELL_STRIDE == 0)
		pv_device_notify(opaque, (uint32_t)(offset / PVN_PCI_DOORBELL_STRIDE));
}

static uint64_t doorbell_read(void *opaque, uint64_t offset, unsigned int size)
{
	return 0;
}

static const struct bus_ops doorbell_ops = { .read = doorbell_read, .write = doorbell_write };

static void doorbells_moved(struct pci_device *pci, unsigned int bar, uint64_t base, bool mapped)
{
	struct pv_device *dev = pci->opaque;
	struct machine *m = pci->m;
	unsigned int i;

	for (i = 0; i < dev->max_queues; i++)
		m->ops->doorbell(m, BUS_PIO, base + PVN_PCI_DOORBELL_STRIDE * i, 4, dev->queue[i].doorbell, mapped);
}

static void device_reset(struct pci_device *pci)
{
	struct pv_device *dev = pci->opaque;

	pv_device_command(dev, PVN_CMD_DETACH, GPA(0));
	pv_device_attach_addr(dev, UINT64_MAX, 0);
}

/* A kernel that starts another one turns bus mastering off: after that not a byte of its memory is ours. */
static void config_written(struct pci_device *pci, unsigned int offset, unsigned int len)
{
	struct pv_device *dev = pci->opaque;

	if (!pci->bus_master && pv_device_read(dev, PVN_REG_STATUS))
		pv_device_command(dev, PVN_CMD_DETACH, GPA(0));
}

static int pci_create(struct pv_device *dev)
{
	struct pci_device *pci = &dev->pci;
	int rc;

	pci->name = dev->name;
	pci->vendor = PVN_PCI_VENDOR;
	pci->device = (uint16_t)dev->class->type;
	pci->subsys_vendor = PVN_PCI_VENDOR;
	pci->subsys_device = (uint16_t)dev->class->type;
	pci->class_code = dev->class->pci_class;
	pci->revision = PVN_DEVICE_VERSION_MAJOR;
	pci->slot = -1;
	pci->m = dev->m;
	pci->opaque = dev;
	pci->reset = device_reset;
	pci->config_written = config_written;
	pci_set_bar(pci, PVN_PCI_BAR_REGS, PCI_BAR_MMIO32, PVN_PCI_REGS_BYTES, dev->name, &regs_ops, dev);
	pci_set_bar(pci, PVN_PCI_BAR_DOORBELL, PCI_BAR_IO, PVN_PCI_DOORBELL_BYTES, dev->name, &doorbell_ops, dev);
	pci->bar[PVN_PCI_BAR_DOORBELL].changed = doorbells_moved;
	rc = msix_init(pci, PVN_PCI_BAR_MSIX, dev->max_queues + 1, PVN_PCI_MSIX_PBA_OFFSET);
	if (rc)
		return rc;
	rc = pci_add(dev->m, pci);
	if (rc)
		msix_destroy(pci);
	return rc;
}

static void pci_destroy(struct pv_device *dev)
{
	pci_remove(&dev->pci);
	msix_destroy(&dev->pci);
}

const struct pv_transport pv_pci_transport = {
	.create = pci_create,
	.destroy = pci_destroy,
	.may_attach = pci_may_attach,
	.max_vector = pci_max_vector,
	.raise = pci_raise,
	.place = pci_place,
};
