// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X: message table, masks, pending bits, and how a vector reaches the guest.
 *
 * No interrupt may be lost between a guest's mask or unmask (a vCPU thread) and a device's raise (any thread):
 *
 *	raise:	lock, masked? set pending : fire, unlock
 *	unmask:	lock, masked = false, bind the message, pending? clear it and fire, unlock
 *	mask:	lock, masked = true, unlock
 *
 * With test and action under one lock each raise falls wholly before an unmask, which then finds the pending bit, or
 * wholly after it, and fires. A raise that fired before a mask has been delivered to the local APIC (or is on its way
 * there, in the kernel), as on hardware. An atomic flag instead of the lock would leave a window between reading
 * "masked" and setting "pending" in which an unmask looks for a bit that isn't set yet.
 *
 * Masking leaves the eventfd bound in the kernel: all who write it come through here. So a driver that masks and
 * unmasks around each interrupt costs no system call, and only a changed message is bound anew.
 */
#include "pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ENTRY_BYTES PCI_MSIX_ENTRY_SIZE

static uint32_t entry_u32(const struct msix *x, unsigned int v, unsigned int field)
{
	uint32_t value;

	memcpy(&value, x->table + v * ENTRY_BYTES + field, sizeof(value));
	return value;
}

/* Deliver now. x->lock is held. */
static void vector_fire(struct msix *x, unsigned int v)
{
	struct msix_vector *vec = &x->vec[v];
	uint64_t one = 1;

	if (vec->bound) {
		/* A full counter means that the kernel has not yet taken the last ones: it will find this one too. */
		if (write(vec->eventfd, &one, sizeof(one)) < 0)
			return;
	} else {
		x->dev->m->ops->msi_send(x->dev->m, vec->addr, vec->data);
	}
}

static bool vector_open(const struct msix *x, unsigned int v)
{
	return x->enabled && !x->function_masked && !x->vec[v].masked;
}

/* The entry or a mask changed. x->lock is held. */
static void vector_update(struct msix *x, unsigned int v)
{
	struct msix_vector *vec = &x->vec[v];
	struct machine *m = x->dev->m;
	uint64_t addr;
	uint32_t data;

	vec->masked = entry_u32(x, v, PCI_MSIX_ENTRY_VECTOR_CTRL) & PCI_MSIX_ENTRY_CTRL_MASKBIT;
	if (!vector_open(x, v))
		return;
	addr = entry_u32(x, v, PCI_MSIX_ENTRY_LOWER_ADDR) |
	       (uint64_t)entry_u32(x, v, PCI_MSIX_ENTRY_UPPER_ADDR) << 32;
	data = entry_u32(x, v, PCI_MSIX_ENTRY_DATA);
	if (!vec->bound || addr != vec->addr || data != vec->data) {
		vec->addr = addr;
		vec->data = data;
		/* When the kernel takes no more routes the vector still works, by a system call each time. */
		if (m->ops->msi_bind(m, &vec->route, vec->eventfd, addr, data, true) == 0) {
			vec->bound = true;
		} else if (vec->bound) {
			m->ops->msi_unbind(m, vec->route, vec->eventfd);
			vec->route = -1;
			vec->bound = false;
		}
	}
	if (vec->pending) {
		vec->pending = false;
		vector_fire(x, v);
	}
}

void msix_raise(struct pci_device *dev, unsigned int v)
{
	struct msix *x = dev->msix;

	if (!x || v >= x->nr)
		return;
	pthread_mutex_lock(&x->lock);
	if (vector_open(x, v))
		vector_fire(x, v);
	else if (x->enabled)
		x->vec[v].pending = true;
	pthread_mutex_unlock(&x->lock);
}

bool msix_enabled(const struct pci_device *dev)
{
	return dev->msix && __atomic_load_n(&dev->msix->enabled, __ATOMIC_ACQUIRE);
}

void msix_control_written(struct pci_device *dev)
{
	struct msix *x = dev->msix;
	/* The flags that can change are in the upper byte. */
	unsigned int control = dev->config[x->cap + PCI_MSIX_FLAGS + 1] << 8;

	pthread_mutex_lock(&x->lock);
	__atomic_store_n(&x->enabled, !!(control & PCI_MSIX_FLAGS_ENABLE), __ATOMIC_RELEASE);
	x->function_masked = control & PCI_MSIX_FLAGS_MASKALL;
	for (unsigned int v = 0; v < x->nr; v++) {
		/* What was pending when the guest turned the whole of it off is not an event of the next driver. */
		if (!x->enabled)
			x->vec[v].pending = false;
		vector_update(x, v);
	}
	pthread_mutex_unlock(&x->lock);
}

static uint64_t msix_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct msix *x = opaque;
	uint64_t value = 0;

	pthread_mutex_lock(&x->lock);
	for (unsigned int b = 0; b < size; b++) {
		uint64_t at = offset + b;
		uint8_t byte = 0;

		if (at < x->nr * ENTRY_BYTES) {
			byte = x->table[at];
		} else if (at >= x->pba_offset) {
			for (unsigned int bit = 0; bit < 8; bit++) {
				uint64_t v = (at - x->pba_offset) * 8 + bit;

				if (v < x->nr && x->vec[v].pending)
					byte |= 1u << bit;
			}
		}
		value |= (uint64_t)byte << (8 * b);
	}
	pthread_mutex_unlock(&x->lock);
	return value;
}

static void msix_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct msix *x = opaque;

	/* PCI allows aligned accesses of 4 and 8 bytes only. Pending bits are read-only. */
	if ((size != 4 && size != 8) || offset % size || offset >= x->nr * ENTRY_BYTES)
		return;
	pthread_mutex_lock(&x->lock);
	for (; size; size -= 4, offset += 4, value >>= 32) {
		uint32_t dword = value;

		if (offset % ENTRY_BYTES == PCI_MSIX_ENTRY_VECTOR_CTRL)
			dword &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
		if (offset % ENTRY_BYTES == PCI_MSIX_ENTRY_LOWER_ADDR)
			dword &= ~3u;
		memcpy(x->table + offset, &dword, sizeof(dword));
	}
	vector_update(x, (offset - 4) / ENTRY_BYTES);
	pthread_mutex_unlock(&x->lock);
}

static const struct bus_ops msix_ops = { .read = msix_read, .write = msix_write };

static void table_clear(struct msix *x)
{
	memset(x->table, 0, x->nr * ENTRY_BYTES);
	for (unsigned int v = 0; v < x->nr; v++) {
		x->table[v * ENTRY_BYTES + PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
		x->vec[v].masked = true;
		x->vec[v].pending = false;
	}
}

void msix_reset(struct pci_device *dev)
{
	struct msix *x = dev->msix;

	pthread_mutex_lock(&x->lock);
	dev->config[x->cap + PCI_MSIX_FLAGS + 1] &= ~((PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8);
	__atomic_store_n(&x->enabled, false, __ATOMIC_RELEASE);
	x->function_masked = false;
	table_clear(x);
	pthread_mutex_unlock(&x->lock);
}

static uint32_t bar_bytes(unsigned int nr, uint32_t pba_offset)
{
	uint32_t need = pba_offset + (nr + 63) / 64 * 8;
	uint32_t size = 4096;

	while (size < need)
		size *= 2;
	return size;
}

int msix_init(struct pci_device *dev, unsigned int bar, unsigned int nr, uint32_t pba_offset)
{
	struct msix *x;
	int err = -ENOMEM;

	if (!nr || nr > 2048 || bar >= PCI_NR_BARS || dev->bar[bar].kind != PCI_BAR_NONE || dev->msix)
		return -EINVAL;
	if (pba_offset % 8 || pba_offset < nr * ENTRY_BYTES || pba_offset > (1u << 20))
		return -EINVAL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->dev = dev;
	x->nr = nr;
	x->pba_offset = pba_offset;
	x->table = calloc(nr, ENTRY_BYTES);
	x->vec = calloc(nr, sizeof(*x->vec));
	if (!x->table || !x->vec)
		goto free_tables;
	for (unsigned int v = 0; v < nr; v++) {
		x->vec[v].eventfd = -1;
		x->vec[v].route = -1;
	}
	for (unsigned int v = 0; v < nr; v++) {
		x->vec[v].eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (x->vec[v].eventfd < 0) {
			err = -errno;
			goto close_eventfds;
		}
	}
	x->cap = pci_add_capability(dev, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	if (!x->cap) {
		err = -ENOSPC;
		goto close_eventfds;
	}
	dev->config[x->cap + PCI_MSIX_FLAGS] = nr - 1;
	dev->config[x->cap + PCI_MSIX_FLAGS + 1] = (nr - 1) >> 8;
	dev->config[x->cap + PCI_MSIX_TABLE] = bar;
	for (unsigned int b = 0; b < 4; b++)
		dev->config[x->cap + PCI_MSIX_PBA + b] = (pba_offset | bar) >> (8 * b);
	dev->wmask[x->cap + PCI_MSIX_FLAGS + 1] = (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	pthread_mutex_init(&x->lock, NULL);
	table_clear(x);
	dev->msix = x;
	pci_set_bar(dev, bar, PCI_BAR_MMIO32, bar_bytes(nr, pba_offset), "msix", &msix_ops, x);
	return 0;

close_eventfds:
	for (unsigned int v = 0; v < nr; v++)
		if (x->vec[v].eventfd >= 0)
			close(x->vec[v].eventfd);
free_tables:
	free(x->vec);
	free(x->table);
	free(x);
	return err;
}

/* After pci_remove(), when no thread raises any more. */
void msix_destroy(struct pci_device *dev)
{
	struct msix *x = dev->msix;

	if (!x)
		return;
	dev->msix = NULL;
	for (unsigned int v = 0; v < x->nr; v++) {
		if (x->vec[v].bound)
			dev->m->ops->msi_unbind(dev->m, x->vec[v].route, x->vec[v].eventfd);
		close(x->vec[v].eventfd);
	}
	pthread_mutex_destroy(&x->lock);
	free(x->vec);
	free(x->table);
	free(x);
}
