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
#include <sys/uio.h>

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
	 * pv mode; NULL elsewhere. For each 2 MiB from address 0 on:
	 * closed: not zero where page tables lie, and the VMM has no business. writer: the monitor.
	 * holds: how many parts of the VMM are at work there, so that it cannot be closed. writer: gmem_hold().
	 */
	const uint16_t *closed;
	uint32_t *holds;
};

/*
 * Reserve `bytes` of guest RAM (a multiple of 4096, 1 MiB or more), lazily populated. 0 or -errno.
 */
int gmem_init(struct gmem *gm, uint64_t bytes);
void gmem_destroy(struct gmem *gm);

/*
 * Pointer to [gpa, gpa + len), or NULL unless all of it lies in one RAM region. len 0 gives NULL. Never wraps.
 * The guest may change the bytes at any time: copy what is validated. In pv mode it may make page tables of them at any
 * time, too, except while they are held.
 */
void *gmem_ptr(const struct gmem *gm, gpa_t gpa, uint64_t len);

/*
 * Hold what gmem_ptr() gave: from here to gmem_release() it does not become the page tables' memory. 0, or -EFAULT when
 * it has become that meanwhile. In hvm mode it is always held. Whoever tells the guest that it is done releases first.
 */
int gmem_hold(const struct gmem *gm, const void *ptr, uint64_t len);
void gmem_release(const struct gmem *gm, const void *ptr, uint64_t len);
/* Both in one. */
void *gmem_ptr_held(const struct gmem *gm, gpa_t gpa, uint64_t len);
/* All of them, or -EFAULT and none. */
int gmem_hold_iov(const struct gmem *gm, const struct iovec *iov, unsigned int nr);
void gmem_release_iov(const struct gmem *gm, const struct iovec *iov, unsigned int nr);
/* Is anything of the range, which has been closed, still held? What is not RAM is never free to be closed. */
bool gmem_is_held(const struct gmem *gm, gpa_t gpa, uint64_t len);

/* Copy from or to guest memory. 0, or -EFAULT with nothing copied. */
int gmem_read(const struct gmem *gm, gpa_t gpa, void *dst, size_t len);
int gmem_write(const struct gmem *gm, gpa_t gpa, const void *src, size_t len);

#endif
