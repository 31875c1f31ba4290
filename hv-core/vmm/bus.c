// SPDX-License-Identifier: GPL-2.0-only
/* The two register address spaces. */
#include "bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A guest that probes in a loop must not be able to fill the user's disk with messages. */
#define MAX_LOGGED 1000

void bus_init(struct bus *bus, enum bus_kind kind)
{
	pthread_rwlockattr_t attr;

	memset(bus, 0, sizeof(*bus));
	bus->kind = kind;
	/* Without preference for writers, vCPUs that poll registers could keep a BAR from ever being moved. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&bus->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

void bus_destroy(struct bus *bus)
{
	pthread_rwlock_destroy(&bus->lock);
	bus->ranges = NULL;
}

int bus_add(struct bus *bus, struct bus_range *range)
{
	uint64_t last = range->base + range->len - 1;
	struct bus_range **at;
	int err = 0;

	if (!range->len || last < range->base)
		return -EINVAL;
	pthread_rwlock_wrlock(&bus->lock);
	/* Sorted by base, so that a neighbour is the only one that can overlap. */
	for (at = &bus->ranges; *at; at = &(*at)->next) {
		const struct bus_range *r = *at;

		if (r->base > last)
			break;
		if (r->base + (r->len - 1) >= range->base) {
			err = -EBUSY;
			break;
		}
	}
	if (!err) {
		range->next = *at;
		*at = range;
	}
	pthread_rwlock_unlock(&bus->lock);
	return err;
}

void bus_remove(struct bus *bus, struct bus_range *range)
{
	/* The write lock is got only when no access holds it for reading: no handler runs any more. */
	pthread_rwlock_wrlock(&bus->lock);
	for (struct bus_range **at = &bus->ranges; *at; at = &(*at)->next) {
		if (*at == range) {
			*at = range->next;
			range->next = NULL;
			break;
		}
	}
	pthread_rwlock_unlock(&bus->lock);
}

/* The range that has all of [addr, addr + size), or NULL. An access that straddles a range's end belongs to nobody. */
static struct bus_range *bus_find(struct bus *bus, uint64_t addr, unsigned int size)
{
	for (struct bus_range *r = bus->ranges; r; r = r->next) {
		uint64_t offset;

		if (r->base > addr)
			break;
		offset = addr - r->base;
		if (offset < r->len)
			return size <= r->len - offset ? r : NULL;
	}
	return NULL;
}

static uint64_t item_load(const void *p, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

static void access_unclaimed(struct bus *bus, uint64_t addr, unsigned int size, unsigned int count, void *data,
			     bool is_write)
{
	uint64_t n = __atomic_add_fetch(&bus->unclaimed, 1, __ATOMIC_RELAXED);

	if (!is_write)
		memset(data, 0xff, (size_t)size * count);
	if (!bus->log_unclaimed || n > MAX_LOGGED)
		return;
	if (is_write)
		fprintf(stderr, "paravane: guest wrote 0x%" PRIx64 " to %s 0x%" PRIx64 " (%u bytes), which no device has\n",
			item_load(data, size), bus->kind == BUS_PIO ? "port" : "address", addr, size);
	else
		fprintf(stderr, "paravane: guest read %s 0x%" PRIx64 " (%u bytes), which no device has\n",
			bus->kind == BUS_PIO ? "port" : "address", addr, size);
	if (n == MAX_LOGGED)
		fprintf(stderr, "paravane: more accesses that no device has are counted, not shown\n");
}

static void access_range(const struct bus_range *r, uint64_t addr, unsigned int size, unsigned int count, void *data,
			 bool is_write)
{
	uint64_t offset = addr - r->base;
	uint8_t *item = data;

	if (count > 1 && r->ops->string) {
		r->ops->string(r->opaque, offset, size, count, data, is_write);
		return;
	}
	for (unsigned int i = 0; i < count; i++, item += size) {
		if (is_write) {
			if (r->ops->write)
				r->ops->write(r->opaque, offset, size, item_load(item, size));
		} else {
			uint64_t v = r->ops->read ? r->ops->read(r->opaque, offset, size) : ~0ull;

			memcpy(item, &v, size);
		}
	}
}

void bus_access(struct bus *bus, uint64_t addr, unsigned int size, unsigned int count, void *data, bool is_write)
{
	struct bus_range *r;

	/* KVM splits what it emulates into these; anything else would overrun a handler's idea of a register. */
	if (size != 1 && size != 2 && size != 4 && size != 8) {
		access_unclaimed(bus, addr, size > 8 ? 8 : size, 1, data, is_write);
		return;
	}
	pthread_rwlock_rdlock(&bus->lock);
	r = bus_find(bus, addr, size);
	if (!r || r->unlocked)
		pthread_rwlock_unlock(&bus->lock);
	if (!r) {
		access_unclaimed(bus, addr, size, count, data, is_write);
		return;
	}
	access_range(r, addr, size, count, data, is_write);
	if (!r->unlocked)
		pthread_rwlock_unlock(&bus->lock);
}
