/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two address spaces of device registers: I/O ports and memory-mapped I/O.
 *
 * A range may be added, moved or removed while vCPUs run (a guest moves a BAR): a bus has a read-write lock, and an
 * access holds it for reading. Handlers run on the vCPU's thread and lock their own device.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum bus_kind { BUS_PIO, BUS_MMIO };

struct bus_ops {
	/* offset: bytes from the range's base; size: 1, 2, 4 or 8 bytes, wholly inside the range. */
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned int size);
	void (*write)(void *opaque, uint64_t offset, unsigned int size, uint64_t value);
	/*
	 * Optional: `count` items of `size` bytes at one port (INS, OUTS), in or out of buf. Without it the bus
	 * calls read or write for each.
	 */
	void (*string)(void *opaque, uint64_t offset, unsigned int size, unsigned int count, void *buf,
		       bool is_write);
};

struct bus_range {
	const char *name; /* device and register block, for traces and messages */
	uint64_t base;
	uint64_t len;
	const struct bus_ops *ops;
	void *opaque;
	/*
	 * The handlers run without the bus's lock, so that they may add and remove other ranges (PCI configuration
	 * space, where a guest moves BARs). Such a range stays on its bus while vCPUs run.
	 */
	bool unlocked;
	struct bus_range *next; /* the bus's own */
};

struct bus {
	enum bus_kind kind;
	pthread_rwlock_t lock;
	struct bus_range *ranges;
	uint64_t unclaimed; /* accesses that no device had: reads gave all ones, writes were dropped */
	bool log_unclaimed;
};

void bus_init(struct bus *bus, enum bus_kind kind);
void bus_destroy(struct bus *bus);
/* 0, or -EBUSY when it overlaps another range, -EINVAL when it is empty or wraps. The caller owns *range. */
int bus_add(struct bus *bus, struct bus_range *range);
/* Returns when no vCPU is in the range's handlers any more. Not from inside a handler of the same bus. */
void bus_remove(struct bus *bus, struct bus_range *range);

/* An access by a vCPU. data: size * count bytes. An address that no range has reads as all ones. */
void bus_access(struct bus *bus, uint64_t addr, unsigned int size, unsigned int count, void *data, bool is_write);

#endif
