// SPDX-License-Identifier: GPL-2.0-only
/* Guest-physical memory: reserving it, and the checked way to a pointer. */
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Each region lies between two pages that nothing may touch: an overrun of ours faults instead of hitting the heap. */
#define GUARD_BYTES 4096ull
/* Regions start on a huge page's boundary, so that the host can back them with huge pages from the first byte. */
#define ALIGN_BYTES (2ull << 20)

static void region_name(const struct gmem_region *r)
{
	/* Shows as [anon:guest-memory] in smaps, so that the guest's pages can be told from the VMM's own. */
#ifdef PR_SET_VMA
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, r->host, r->size, "guest-memory");
#endif
}

static int region_map(struct gmem_region *r, uint64_t start, uint64_t size)
{
	uint64_t span = size + ALIGN_BYTES + 2 * GUARD_BYTES;
	uintptr_t base, host, end;
	void *p;

	if (span < size || span > SIZE_MAX)
		return -ENOMEM;
	p = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	base = (uintptr_t)p;
	host = (base + GUARD_BYTES + ALIGN_BYTES - 1) & ~(uintptr_t)(ALIGN_BYTES - 1);
	end = host + size;
	/* Keep one guard page on either side, and give back the rest of what alignment took. */
	if (host - GUARD_BYTES > base)
		munmap(p, host - GUARD_BYTES - base);
	if (base + span > end + GUARD_BYTES)
		munmap((void *)(end + GUARD_BYTES), base + span - end - GUARD_BYTES);
	if (mprotect((void *)host, size, PROT_READ | PROT_WRITE)) {
		int err = -errno;

		munmap((void *)(host - GUARD_BYTES), size + 2 * GUARD_BYTES);
		return err;
	}
	r->start = start;
	r->size = size;
	r->host = (void *)host;
	/* A guest's memory is no business of a core dump of the VMM, nor of a child that it starts. */
	madvise(r->host, size, MADV_DONTDUMP);
	madvise(r->host, size, MADV_DONTFORK);
	/*
	 * Booting Debian's kernel in 512 MiB took 24,000 nested page faults with pages of 4 KiB and 1,050 with huge
	 * ones (930 of them not memory but the I/O APIC), for 4 MiB more of resident guest memory.
	 */
	madvise(r->host, size, MADV_HUGEPAGE);
	region_name(r);
	return 0;
}

int gmem_init(struct gmem *gm, uint64_t bytes)
{
	uint64_t low = bytes < GMEM_HOLE_START ? bytes : GMEM_HOLE_START;
	int err;

	memset(gm, 0, sizeof(*gm));
	if (bytes < (1u << 20) || bytes % 4096)
		return -EINVAL;
	err = region_map(&gm->region[0], 0, low);
	if (err)
		return err;
	gm->nr_regions = 1;
	if (bytes > low) {
		err = region_map(&gm->region[1], GMEM_HOLE_END, bytes - low);
		if (err)
			goto unmap_regions;
		gm->nr_regions = 2;
	}
	gm->bytes = bytes;
	return 0;

unmap_regions:
	gmem_destroy(gm);
	return err;
}

void gmem_destroy(struct gmem *gm)
{
	for (unsigned int i = 0; i < gm->nr_regions; i++) {
		struct gmem_region *r = &gm->region[i];

		munmap((uint8_t *)r->host - GUARD_BYTES, r->size + 2 * GUARD_BYTES);
	}
	memset(gm, 0, sizeof(*gm));
}

/* What is closed and held goes by 2 MiB. */
#define PART_SHIFT 21

static bool is_closed(const struct gmem *gm, uint64_t first, uint64_t last)
{
	for (uint64_t i = first >> PART_SHIFT; gm->closed && i <= last >> PART_SHIFT; i++)
		if (__atomic_load_n(&gm->closed[i], __ATOMIC_SEQ_CST))
			return true;
	return false;
}

static void count(const struct gmem *gm, uint64_t first, uint64_t last, uint32_t by)
{
	for (uint64_t i = first >> PART_SHIFT; i <= last >> PART_SHIFT; i++)
		__atomic_fetch_add(&gm->holds[i], by, __ATOMIC_SEQ_CST);
}

/* The guest-physical address of what gmem_ptr() gave. */
static uint64_t address_of(const struct gmem *gm, const void *ptr)
{
	unsigned int i = 0;

	while (i + 1 < gm->nr_regions && (uintptr_t)ptr - (uintptr_t)gm->region[i].host >= gm->region[i].size)
		i++;
	return gm->region[i].start + ((uintptr_t)ptr - (uintptr_t)gm->region[i].host);
}

/* The region that all of the range lies in, and where in it. */
static const struct gmem_region *region_of(const struct gmem *gm, gpa_t gpa, uint64_t len, uint64_t *offset)
{
	for (unsigned int i = 0; len && i < gm->nr_regions; i++) {
		const struct gmem_region *r = &gm->region[i];

		/* An address below the region wraps to a large offset and fails the comparison. */
		*offset = gpa.v - r->start;
		/* Subtractions only: gpa + len could wrap, these can't. */
		if (*offset < r->size && len <= r->size - *offset)
			return r;
	}
	return NULL;
}

void *gmem_ptr(const struct gmem *gm, gpa_t gpa, uint64_t len)
{
	uint64_t offset;
	const struct gmem_region *r = region_of(gm, gpa, len, &offset);

	return r && !is_closed(gm, gpa.v, gpa.v + len - 1) ? (uint8_t *)r->host + offset : NULL;
}

/*
 *	hold			close
 *	1. holds + 1		1. closed (the monitor)
 *	2. closed?		2. holds? (gmem_is_held(), which the monitor asks for)
 *
 * Each side writes before it reads, so one of the two sees the other, or both do and both step back.
 */
int gmem_hold(const struct gmem *gm, const void *ptr, uint64_t len)
{
	uint64_t first;

	if (!gm->holds)
		return 0;
	first = address_of(gm, ptr);
	count(gm, first, first + len - 1, 1);
	if (!is_closed(gm, first, first + len - 1))
		return 0;
	count(gm, first, first + len - 1, -1u);
	return -EFAULT;
}

void gmem_release(const struct gmem *gm, const void *ptr, uint64_t len)
{
	uint64_t first;

	if (!gm->holds)
		return;
	first = address_of(gm, ptr);
	count(gm, first, first + len - 1, -1u);
}

void *gmem_ptr_held(const struct gmem *gm, gpa_t gpa, uint64_t len)
{
	void *ptr = gmem_ptr(gm, gpa, len);

	return ptr && !gmem_hold(gm, ptr, len) ? ptr : NULL;
}

void gmem_release_iov(const struct gmem *gm, const struct iovec *iov, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		gmem_release(gm, iov[i].iov_base, iov[i].iov_len);
}

int gmem_hold_iov(const struct gmem *gm, const struct iovec *iov, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (gmem_hold(gm, iov[i].iov_base, iov[i].iov_len)) {
			gmem_release_iov(gm, iov, i);
			return -EFAULT;
		}
	}
	return 0;
}

bool gmem_is_held(const struct gmem *gm, gpa_t gpa, uint64_t len)
{
	uint64_t offset;

	if (!region_of(gm, gpa, len, &offset))
		return true;
	for (uint64_t i = gpa.v >> PART_SHIFT; gm->holds && i <= (gpa.v + len - 1) >> PART_SHIFT; i++)
		if (__atomic_load_n(&gm->holds[i], __ATOMIC_SEQ_CST))
			return true;
	return false;
}

int gmem_read(const struct gmem *gm, gpa_t gpa, void *dst, size_t len)
{
	const void *p = gmem_ptr_held(gm, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(dst, p, len);
	gmem_release(gm, p, len);
	return 0;
}

int gmem_write(const struct gmem *gm, gpa_t gpa, const void *src, size_t len)
{
	void *p = gmem_ptr_held(gm, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, src, len);
	gmem_release(gm, p, len);
	return 0;
}
