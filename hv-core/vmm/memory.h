/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest-physical memory and the one way to reach it.
 *
 * RAM is at most two regions: from 0 up to the MMIO hole (3 GiB), and from 4 GiB up. A guest address is a type of
 * its own, and gmem_ptr() is the only function that makes a pointer of one.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define GMEM_HOLE_START 0xc0000000ull
#define GMEM_HOLE_END 0x100000000ull
#define GMEM_MAX_REGIONS 2

typedef struct {
	uint64_t v;
} gpa_t;

#define GPA(x) ((gpa_t){ .v = (x) })

struct gmem_region {
	uint64_t start; /* guest-physical, bytes */
	uint64_t size;	/* bytes */
	void *host;	/* where it is mapped in the VMM */
};

struct gmem {
	struct gmem_region region[GMEM_MAX_REGIONS];
	unsigned int nr_regions;
	uint64_t bytes; /* sum of the sizes */
	/*
	 * writer: pv mode's monitor. For each 2 MiB from address 0 on, not zero where page tables lie: gmem_ptr() gives
	 * no pointer there. NULL: no such memory. A pointer that was given before stays good.
	 */
	const uint16_t *closed;
};

/*
 * Reserve `bytes` of guest RAM (a multiple of 4096, 1 MiB or more), lazily populated. 0 or -errno.
 */
int gmem_init(struct gmem *gm, uint64_t bytes);
void gmem_destroy(struct gmem *gm);

/*
 * Pointer to [gpa, gpa + len), or NULL unless all of it lies in one RAM region. len 0 gives NULL. Never wraps.
 * The guest may change the bytes at any time: copy what is validated.
 */
void *gmem_ptr(const struct gmem *gm, gpa_t gpa, uint64_t len);

/* Copy from or to guest memory. 0, or -EFAULT with nothing copied. */
int gmem_read(const struct gmem *gm, gpa_t gpa, void *dst, size_t len);
int gmem_write(const struct gmem *gm, gpa_t gpa, const void *src, size_t len);

#endif
