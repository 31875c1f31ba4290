// SPDX-License-Identifier: GPL-2.0-only
/* The fake machine: records what a device asks of its machine. */
#include "fake_machine.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fake_machine *fake_of(struct machine *m)
{
	return (struct fake_machine *)((char *)m - offsetof(struct fake_machine, m));
}

static void fake_irq_set(struct machine *m, unsigned int gsi, int level)
{
	struct fake_machine *f = fake_of(m);

	if (gsi >= FAKE_NR_GSI) {
		fprintf(stderr, "a device drove GSI %u, which no machine has\n", gsi);
		abort();
	}
	pthread_mutex_lock(&f->lock);
	f->irq_calls[gsi]++;
	if (level && !f->irq_level[gsi])
		f->irq_rises[gsi]++;
	f->irq_level[gsi] = !!level;
	pthread_mutex_unlock(&f->lock);
}

static int fake_msi_send(struct machine *m, uint64_t addr, uint32_t data)
{
	struct fake_machine *f = fake_of(m);

	pthread_mutex_lock(&f->lock);
	if (f->nr_msi < FAKE_MAX_MSI)
		f->msi[f->nr_msi] = (struct fake_msi){ addr, data };
	f->nr_msi++;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

static int fake_msi_bind(struct machine *m, int *route, int eventfd, uint64_t addr, uint32_t data, bool enable)
{
	struct fake_machine *f = fake_of(m);
	int err = 0;

	pthread_mutex_lock(&f->lock);
	if (f->fail_msi_bind) {
		err = -ENOSPC;
		goto unlock;
	}
	for (int i = 0; *route < 0 && i < FAKE_MAX_ROUTES; i++)
		if (!f->route[i].used)
			*route = i;
	if (*route < 0 || *route >= FAKE_MAX_ROUTES) {
		err = -ENOSPC;
		goto unlock;
	}
	f->route[*route].used = true;
	f->route[*route].enabled = enable;
	f->route[*route].eventfd = eventfd;
	f->route[*route].addr = addr;
	f->route[*route].data = data;
	f->route[*route].binds++;
unlock:
	pthread_mutex_unlock(&f->lock);
	return err;
}

static void fake_msi_unbind(struct machine *m, int route, int eventfd)
{
	struct fake_machine *f = fake_of(m);

	pthread_mutex_lock(&f->lock);
	if (route < 0 || route >= FAKE_MAX_ROUTES || !f->route[route].used || f->route[route].eventfd != eventfd) {
		fprintf(stderr, "a device unbound route %d, eventfd %d, which was not bound\n", route, eventfd);
		abort();
	}
	memset(&f->route[route], 0, sizeof(f->route[route]));
	pthread_mutex_unlock(&f->lock);
}

static int fake_doorbell(struct machine *m, enum bus_kind kind, uint64_t addr, unsigned int len, int eventfd, bool add)
{
	struct fake_machine *f = fake_of(m);
	int err = 0;

	pthread_mutex_lock(&f->lock);
	if (add) {
		for (unsigned int i = 0; i < f->nr_doorbells; i++)
			if (f->doorbell[i].kind == kind && f->doorbell[i].addr == addr)
				err = -EEXIST;
		if (f->nr_doorbells == FAKE_MAX_DOORBELLS)
			err = -ENOSPC;
		if (!err)
			f->doorbell[f->nr_doorbells++] = (struct fake_doorbell){ kind, addr, len, eventfd };
	} else {
		err = -ENOENT;
		for (unsigned int i = 0; err && i < f->nr_doorbells; i++) {
			struct fake_doorbell *d = &f->doorbell[i];

			if (d->kind == kind && d->addr == addr && d->len == len && d->eventfd == eventfd) {
				*d = f->doorbell[--f->nr_doorbells];
				err = 0;
			}
		}
	}
	pthread_mutex_unlock(&f->lock);
	return err;
}

static void fake_stop(struct machine *m, enum stop_reason reason, const char *text)
{
	struct fake_machine *f = fake_of(m);

	pthread_mutex_lock(&f->lock);
	if (!f->nr_stops++) {
		f->stop_reason = reason;
		snprintf(f->stop_text, sizeof(f->stop_text), "%s", text);
	}
	pthread_mutex_unlock(&f->lock);
}

static void fake_event_raise(struct machine *m, uint32_t port)
{
	struct fake_machine *f = fake_of(m);

	pthread_mutex_lock(&f->lock);
	if (port < FAKE_PORTS)
		f->raised[port]++;
	else
		f->raised_elsewhere++;
	pthread_mutex_unlock(&f->lock);
}

static const struct machine_ops fake_ops = {
	.irq_set = fake_irq_set,
	.msi_send = fake_msi_send,
	.msi_bind = fake_msi_bind,
	.msi_unbind = fake_msi_unbind,
	.doorbell = fake_doorbell,
	.event_raise = fake_event_raise,
	.stop = fake_stop,
};

struct fake_machine *fake_machine_create(uint64_t ram_bytes)
{
	struct fake_machine *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->m.ops = &fake_ops;
	f->m.nr_vcpus = 1;
	f->m.name = "fake";
	pthread_mutex_init(&f->lock, NULL);
	bus_init(&f->m.pio, BUS_PIO);
	bus_init(&f->m.mmio, BUS_MMIO);
	if (gmem_init(&f->m.gmem, ram_bytes))
		goto destroy_buses;
	f->m.loop = loop_create();
	if (!f->m.loop)
		goto destroy_gmem;
	if (pci_bus_create(&f->m, &f->pci))
		goto destroy_loop;
	return f;

destroy_loop:
	loop_destroy(f->m.loop);
destroy_gmem:
	gmem_destroy(&f->m.gmem);
destroy_buses:
	bus_destroy(&f->m.mmio);
	bus_destroy(&f->m.pio);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return NULL;
}

void fake_machine_destroy(struct fake_machine *f)
{
	if (!f)
		return;
	pci_bus_destroy(f->pci);
	loop_destroy(f->m.loop);
	gmem_destroy(&f->m.gmem);
	bus_destroy(&f->m.mmio);
	bus_destroy(&f->m.pio);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* True when a doorbell took the write. */
static bool doorbell_hit(struct fake_machine *f, enum bus_kind kind, uint64_t addr, unsigned int size)
{
	uint64_t one = 1;
	bool hit = false;

	pthread_mutex_lock(&f->lock);
	for (unsigned int i = 0; !hit && i < f->nr_doorbells; i++) {
		struct fake_doorbell *d = &f->doorbell[i];

		/* KVM: length 0 matches any width. */
		if (d->kind == kind && d->addr == addr && (!d->len || d->len == size))
			hit = write(d->eventfd, &one, sizeof(one)) == sizeof(one);
	}
	pthread_mutex_unlock(&f->lock);
	return hit;
}

static uint64_t access_read(struct bus *bus, uint64_t addr, unsigned int size)
{
	uint64_t value = 0;

	bus_access(bus, addr, size, 1, &value, false);
	return value;
}

static void access_write(struct fake_machine *f, struct bus *bus, uint64_t addr, unsigned int size, uint64_t value)
{
	if (!doorbell_hit(f, bus->kind, addr, size))
		bus_access(bus, addr, size, 1, &value, true);
}

uint64_t fake_pio_read(struct fake_machine *f, uint64_t port, unsigned int size)
{
	return access_read(&f->m.pio, port, size);
}

void fake_pio_write(struct fake_machine *f, uint64_t port, unsigned int size, uint64_t value)
{
	access_write(f, &f->m.pio, port, size, value);
}

void fake_pio_string(struct fake_machine *f, uint64_t port, unsigned int size, unsigned int count, void *buf,
		     bool is_write)
{
	bus_access(&f->m.pio, port, size, count, buf, is_write);
}

uint64_t fake_mmio_read(struct fake_machine *f, uint64_t addr, unsigned int size)
{
	return access_read(&f->m.mmio, addr, size);
}

void fake_mmio_write(struct fake_machine *f, uint64_t addr, unsigned int size, uint64_t value)
{
	access_write(f, &f->m.mmio, addr, size, value);
}

static uint64_t config_addr(const struct pci_device *dev, unsigned int offset)
{
	return PCI_ECAM_BASE + (uint64_t)(dev->slot * 8 + dev->function) * PCI_CONFIG_SIZE + offset;
}

uint32_t fake_config_read(struct fake_machine *f, const struct pci_device *dev, unsigned int offset,
			  unsigned int size)
{
	return fake_mmio_read(f, config_addr(dev, offset), size);
}

void fake_config_write(struct fake_machine *f, const struct pci_device *dev, unsigned int offset, unsigned int size,
		       uint32_t value)
{
	fake_mmio_write(f, config_addr(dev, offset), size, value);
}

void fake_device_enable(struct fake_machine *f, const struct pci_device *dev)
{
	uint32_t command = fake_config_read(f, dev, PCI_COMMAND, 2);

	command |= PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	fake_config_write(f, dev, PCI_COMMAND, 2, command);
}

uint64_t fake_bar(const struct pci_device *dev, unsigned int bar)
{
	uint32_t value;

	memcpy(&value, dev->config + PCI_BASE_ADDRESS_0 + 4 * bar, sizeof(value));
	return value & (dev->bar[bar].kind == PCI_BAR_IO ? PCI_BASE_ADDRESS_IO_MASK : PCI_BASE_ADDRESS_MEM_MASK);
}

unsigned int fake_find_capability(struct fake_machine *f, const struct pci_device *dev, uint8_t id)
{
	unsigned int at, left = 48;

	if (!(fake_config_read(f, dev, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	at = fake_config_read(f, dev, PCI_CAPABILITY_LIST, 1);
	while (at >= 0x40 && left--) {
		if (fake_config_read(f, dev, at, 1) == id)
			return at;
		at = fake_config_read(f, dev, at + 1, 1);
	}
	return 0;
}

/* Where the vector's table entry is in the guest's address space. */
static uint64_t msix_entry(struct fake_machine *f, const struct pci_device *dev, unsigned int v)
{
	unsigned int cap = fake_find_capability(f, dev, PCI_CAP_ID_MSIX);
	uint32_t table = fake_config_read(f, dev, cap + PCI_MSIX_TABLE, 4);

	return fake_bar(dev, table & PCI_MSIX_TABLE_BIR) + (table & PCI_MSIX_TABLE_OFFSET) + 16ull * v;
}

void fake_msix_enable(struct fake_machine *f, const struct pci_device *dev, bool enable)
{
	unsigned int cap = fake_find_capability(f, dev, PCI_CAP_ID_MSIX);
	uint32_t control = fake_config_read(f, dev, cap + PCI_MSIX_FLAGS, 2);

	control &= ~(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	fake_config_write(f, dev, cap + PCI_MSIX_FLAGS, 2, control | (enable ? PCI_MSIX_FLAGS_ENABLE : 0));
}

void fake_msix_program(struct fake_machine *f, const struct pci_device *dev, unsigned int v, uint64_t addr,
		       uint32_t data)
{
	uint64_t entry = msix_entry(f, dev, v);

	fake_msix_mask(f, dev, v, true);
	fake_mmio_write(f, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4, (uint32_t)addr);
	fake_mmio_write(f, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, addr >> 32);
	fake_mmio_write(f, entry + PCI_MSIX_ENTRY_DATA, 4, data);
	fake_msix_mask(f, dev, v, false);
}

void fake_msix_mask(struct fake_machine *f, const struct pci_device *dev, unsigned int v, bool mask)
{
	fake_mmio_write(f, msix_entry(f, dev, v) + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
			mask ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

unsigned int fake_msix_take(struct fake_machine *f, const struct pci_device *dev, unsigned int v)
{
	uint64_t entry = msix_entry(f, dev, v);
	uint64_t addr = fake_mmio_read(f, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4) |
			fake_mmio_read(f, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4) << 32;
	uint32_t data = fake_mmio_read(f, entry + PCI_MSIX_ENTRY_DATA, 4);
	uint64_t count = 0;
	unsigned int kept = 0, taken = 0;

	pthread_mutex_lock(&f->lock);
	for (unsigned int i = 0; i < FAKE_MAX_ROUTES; i++) {
		struct fake_route *r = &f->route[i];

		if (r->used && r->enabled && r->addr == addr && r->data == data &&
		    read(r->eventfd, &count, sizeof(count)) == sizeof(count))
			taken += count;
	}
	for (unsigned int i = 0; i < f->nr_msi && i < FAKE_MAX_MSI; i++) {
		if (f->msi[i].addr == addr && f->msi[i].data == data)
			taken++;
		else
			f->msi[kept++] = f->msi[i];
	}
	f->nr_msi = kept;
	pthread_mutex_unlock(&f->lock);
	return taken;
}

int fake_doorbell_fd(struct fake_machine *f, enum bus_kind kind, uint64_t addr)
{
	int fd = -1;

	pthread_mutex_lock(&f->lock);
	for (unsigned int i = 0; i < f->nr_doorbells; i++)
		if (f->doorbell[i].kind == kind && f->doorbell[i].addr == addr)
			fd = f->doorbell[i].eventfd;
	pthread_mutex_unlock(&f->lock);
	return fd;
}

bool fake_wait(struct fake_machine *f, bool (*cond)(void *arg), void *arg, unsigned int timeout_ms)
{
	uint64_t end = loop_now_ns() + timeout_ms * 1000000ull;

	while (!cond(arg)) {
		if (loop_now_ns() >= end)
			return false;
		/* Short rounds: the condition may come true on another thread, which doesn't wake this loop. */
		loop_run_once(f->m.loop, 5);
	}
	return true;
}
