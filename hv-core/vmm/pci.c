// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI root and the functions on it.
 *
 * Functions that are not there read as all ones. Their part of ECAM is one small file of 0xff bytes mapped again and
 * again: a megabyte of such bytes would be an eighth of what the whole VMM may weigh.
 */
#include "pci_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ABSENT_BYTES 0x10000

/* The root itself. "PV" and a number that no PV device has; Linux knows no quirk for it. */
#define HOST_BRIDGE_VENDOR 0x5056
#define HOST_BRIDGE_DEVICE 0x00ff

/* Before pci_add() a function's configuration bytes are in a buffer of its own. */
static int config_prepare(struct pci_device *dev)
{
	if (dev->config)
		return 0;
	dev->config = calloc(1, PCI_CONFIG_SIZE);
	return dev->config ? 0 : -ENOMEM;
}

void pci_set_bar(struct pci_device *dev, unsigned int bar, enum pci_bar_kind kind, uint32_t size, const char *name,
		 const struct bus_ops *ops, void *opaque)
{
	struct pci_bar *b = &dev->bar[bar];

	b->kind = kind;
	b->size = size;
	b->range = (struct bus_range){ .name = name, .len = size, .ops = ops, .opaque = opaque };
}

unsigned int pci_add_capability(struct pci_device *dev, uint8_t id, unsigned int len)
{
	unsigned int at = dev->next_cap ? dev->next_cap : 0x40;

	if (config_prepare(dev) || at + len > 256)
		return 0;
	memset(dev->config + at, 0, len);
	dev->config[at] = id;
	dev->config[at + 1] = dev->config[PCI_CAPABILITY_LIST];
	dev->config[PCI_CAPABILITY_LIST] = at;
	dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	dev->next_cap = (at + len + 3) & ~3u;
	return at;
}

static void config_fill(struct pci_device *dev)
{
	config_set16(dev, PCI_VENDOR_ID, dev->vendor);
	config_set16(dev, PCI_DEVICE_ID, dev->device);
	config_set32(dev, PCI_CLASS_REVISION, dev->class_code << 8 | dev->revision);
	dev->config[PCI_HEADER_TYPE] = dev->multifunction ? 0x80 : 0;
	config_set16(dev, PCI_SUBSYSTEM_VENDOR_ID, dev->subsys_vendor);
	config_set16(dev, PCI_SUBSYSTEM_ID, dev->subsys_device);
	dev->config[PCI_INTERRUPT_PIN] = dev->int_pin;
	dev->config[PCI_INTERRUPT_LINE] = dev->int_pin ? dev->gsi : 0;
}

static void wmask_fill(struct pci_device *dev)
{
	uint16_t command = PCI_COMMAND_MASTER | PCI_COMMAND_SERR | PCI_COMMAND_PARITY;

	for (unsigned int i = 0; i < PCI_NR_BARS; i++) {
		pci_bar_set_mask(dev, i);
		if (dev->bar[i].kind == PCI_BAR_MMIO32)
			command |= PCI_COMMAND_MEMORY;
		if (dev->bar[i].kind == PCI_BAR_IO)
			command |= PCI_COMMAND_IO;
	}
	if (dev->int_pin)
		command |= PCI_COMMAND_INTX_DISABLE;
	/* The device may have opened more bits: IDE in legacy mode decodes ports without a BAR. */
	dev->wmask[PCI_COMMAND] |= command & 0xff;
	dev->wmask[PCI_COMMAND + 1] |= command >> 8;
	dev->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	dev->wmask[PCI_LATENCY_TIMER] = 0xff;
	dev->wmask[PCI_INTERRUPT_LINE] = 0xff;
}

static bool bars_valid(const struct pci_device *dev)
{
	for (unsigned int i = 0; i < PCI_NR_BARS; i++) {
		const struct pci_bar *b = &dev->bar[i];
		uint32_t smallest = b->kind == PCI_BAR_IO ? 4 : 16;

		if (b->kind != PCI_BAR_NONE && (b->size < smallest || b->size & (b->size - 1) || !b->range.ops))
			return false;
	}
	return true;
}

static int slot_choose(struct pci_bus *bus, struct pci_device *dev)
{
	if (dev->slot >= PCI_NR_SLOTS || dev->function >= PCI_NR_FUNCTIONS)
		return -EINVAL;
	for (int s = 0; dev->slot < 0 && s < PCI_NR_SLOTS; s++) {
		bool used = false;

		for (unsigned int f = 0; f < PCI_NR_FUNCTIONS; f++)
			used |= bus->function[s * PCI_NR_FUNCTIONS + f] != NULL;
		if (!used)
			dev->slot = s;
	}
	if (dev->slot < 0)
		return -ENOSPC;
	return bus->function[dev->slot * PCI_NR_FUNCTIONS + dev->function] ? -EBUSY : 0;
}

int pci_add(struct machine *m, struct pci_device *dev)
{
	struct pci_bus *bus = m->pci;
	uint8_t *page, *prepared;
	int err;

	if (!bars_valid(dev))
		return -EINVAL;
	err = config_prepare(dev);
	if (err)
		return err;
	pthread_mutex_lock(&bus->lock);
	err = slot_choose(bus, dev);
	for (unsigned int i = 0; !err && i < PCI_NR_BARS; i++)
		if (dev->bar[i].kind != PCI_BAR_NONE)
			err = pci_bar_place(bus, dev, i);
	if (err)
		goto unlock;

	dev->m = m;
	dev->gsi = PCI_GSI_BASE + (dev->slot + (dev->int_pin ? dev->int_pin - 1 : 0)) % PCI_NR_GSI;
	wmask_fill(dev);
	config_fill(dev);
	for (unsigned int i = 0; i < PCI_NR_BARS; i++)
		config_set32(dev, pci_bar_offset(i), dev->bar_home[i]);
	/* Complete before the guest can see any of it: a vCPU may be scanning. */
	prepared = dev->config;
	page = mmap(NULL, PCI_CONFIG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		err = -errno;
		goto unlock;
	}
	memcpy(page, prepared, PCI_CONFIG_SIZE);
	dev->config = bus->ecam + (dev->slot * PCI_NR_FUNCTIONS + dev->function) * PCI_CONFIG_SIZE;
	if (mremap(page, PCI_CONFIG_SIZE, PCI_CONFIG_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, dev->config) == MAP_FAILED) {
		err = -errno;
		munmap(page, PCI_CONFIG_SIZE);
		dev->config = prepared;
		goto unlock;
	}
	free(prepared);
	bus->function[dev->slot * PCI_NR_FUNCTIONS + dev->function] = dev;
	dev->on_bus = true;
	pci_bars_update(dev);
unlock:
	pthread_mutex_unlock(&bus->lock);
	return err;
}

void pci_remove(struct pci_device *dev)
{
	struct pci_bus *bus;

	if (!dev->on_bus) {
		/* Never added: the bytes are still the function's own. */
		free(dev->config);
		dev->config = NULL;
		return;
	}
	bus = dev->m->pci;
	pci_intx(dev, 0);
	pthread_mutex_lock(&bus->lock);
	for (unsigned int i = 0; i < PCI_NR_BARS; i++)
		pci_bar_unmap(dev, i);
	bus->function[dev->slot * PCI_NR_FUNCTIONS + dev->function] = NULL;
	dev->on_bus = false;
	memset(dev->config, 0xff, PCI_CONFIG_SIZE);
	dev->config = NULL;
	pthread_mutex_unlock(&bus->lock);
}

static void function_reset(struct pci_bus *bus, struct pci_device *dev)
{
	pthread_mutex_lock(&bus->intx_lock);
	config_set16(dev, PCI_COMMAND, 0);
	dev->intx_level = false;
	if (dev->int_pin)
		pci_intx_update(bus, dev);
	pthread_mutex_unlock(&bus->intx_lock);
	dev->bus_master = false;
	dev->config[PCI_CACHE_LINE_SIZE] = 0;
	dev->config[PCI_LATENCY_TIMER] = 0;
	dev->config[PCI_INTERRUPT_LINE] = dev->int_pin ? dev->gsi : 0;
	for (unsigned int i = 0; i < PCI_NR_BARS; i++)
		config_set32(dev, pci_bar_offset(i), dev->bar_home[i]);
	pci_bars_update(dev);
	if (dev->msix)
		msix_reset(dev);
	if (dev->reset)
		dev->reset(dev);
}

void pci_bus_reset(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	for (unsigned int i = 0; i < PCI_NR_SLOTS * PCI_NR_FUNCTIONS; i++)
		if (bus->function[i])
			function_reset(bus, bus->function[i]);
	pthread_mutex_unlock(&bus->lock);
}

/* The bus */

static int ecam_map(struct pci_bus *bus)
{
	static const char name[] = "pci-absent";
	uint8_t *p;
	int fd, err = 0;

	fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, ABSENT_BYTES)) {
		err = -errno;
		goto close_fd;
	}
	p = mmap(NULL, ABSENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		err = -errno;
		goto close_fd;
	}
	memset(p, 0xff, ABSENT_BYTES);
	munmap(p, ABSENT_BYTES);

	bus->ecam = mmap(NULL, PCI_ECAM_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bus->ecam == MAP_FAILED) {
		err = -errno;
		goto close_fd;
	}
	for (uint64_t at = 0; at < PCI_ECAM_SIZE; at += ABSENT_BYTES) {
		/* Private: a write by mistake makes a copy, and can't reach the other functions' bytes. */
		if (mmap(bus->ecam + at, ABSENT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
		    MAP_FAILED) {
			err = -errno;
			munmap(bus->ecam, PCI_ECAM_SIZE);
			break;
		}
	}
close_fd:
	close(fd);
	return err;
}

int pci_bus_create(struct machine *m, struct pci_bus **out)
{
	struct pci_bus *bus = calloc(1, sizeof(*bus));
	int err;

	if (!bus)
		return -ENOMEM;
	bus->m = m;
	bus->next_mmio = PCI_MMIO_BASE;
	bus->next_io = PCI_PORT_BASE;
	pthread_mutex_init(&bus->lock, NULL);
	pthread_mutex_init(&bus->intx_lock, NULL);
	err = ecam_map(bus);
	if (err)
		goto free_bus;
	bus->ecam_range = (struct bus_range){
		.name = "pci-config",
		.base = PCI_ECAM_BASE,
		.len = PCI_ECAM_SIZE,
		.ops = &pci_ecam_ops,
		.opaque = bus,
		.unlocked = true, /* the handler moves BARs on this very bus */
	};
	err = bus_add(&m->mmio, &bus->ecam_range);
	if (err)
		goto unmap_ecam;
	m->pci = bus;
	bus->host_bridge = (struct pci_device){
		.name = "host-bridge",
		.vendor = HOST_BRIDGE_VENDOR,
		.device = HOST_BRIDGE_DEVICE,
		.class_code = 0x060000,
	};
	err = pci_add(m, &bus->host_bridge);
	if (err)
		goto remove_ecam;
	*out = bus;
	return 0;

remove_ecam:
	m->pci = NULL;
	bus_remove(&m->mmio, &bus->ecam_range);
unmap_ecam:
	munmap(bus->ecam, PCI_ECAM_SIZE);
free_bus:
	free(bus);
	return err;
}

void pci_bus_destroy(struct pci_bus *bus)
{
	if (!bus)
		return;
	pci_remove(&bus->host_bridge);
	bus_remove(&bus->m->mmio, &bus->ecam_range);
	if (bus->m->pci == bus)
		bus->m->pci = NULL;
	munmap(bus->ecam, PCI_ECAM_SIZE);
	pthread_mutex_destroy(&bus->intx_lock);
	pthread_mutex_destroy(&bus->lock);
	free(bus);
}

void *pci_ecam_memory(struct pci_bus *bus)
{
	return bus->ecam;
}

struct pci_device *pci_bus_slot(struct pci_bus *bus, unsigned int slot)
{
	return slot < PCI_NR_SLOTS ? bus->function[slot * PCI_NR_FUNCTIONS] : NULL;
}
