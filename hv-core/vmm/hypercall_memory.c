// SPDX-License-Identifier: GPL-2.0-only
/* Family memory: the map, and giving pages back to the host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hypercall_impl.h"

int64_t hypercall_memory_map(struct hypercalls *h, const struct hypercall_frame *f, gpa_t ranges, uint32_t room)
{
	struct pvn_memory_range map[GMEM_MAX_REGIONS + 1];
	const struct gmem *gm = &h->m->gmem;
	bool hole_done = false;
	uint32_t count = 0;
	int64_t err;

	if (!room || room > PVN_MEMORY_MAP_MAX)
		return -PVN_ERANGE;
	memset(map, 0, sizeof(map));
	for (unsigned int i = 0; i <= gm->nr_regions; i++) {
		bool is_ram = i < gm->nr_regions;

		if (!hole_done && (!is_ram || gm->region[i].start >= GMEM_HOLE_END)) {
			map[count].start = GMEM_HOLE_START;
			map[count].bytes = GMEM_HOLE_END - GMEM_HOLE_START;
			map[count++].type = PVN_MEMORY_RESERVED;
			hole_done = true;
		}
		if (is_ram) {
			map[count].start = gm->region[i].start;
			map[count].bytes = gm->region[i].size;
			map[count++].type = PVN_MEMORY_RAM;
		}
	}
	err = hypercall_put(h, ranges, map, sizeof(map[0]) * (count < room ? count : room), 8);
	return err ? err : count;
}

/* The checks that release and populate share. *host: the range in the VMM, held. */
static int64_t range_check(struct hypercalls *h, gpa_t start, uint64_t bytes, void **host)
{
	if (!bytes || bytes % PVN_PAGE_BYTES || start.v % PVN_PAGE_BYTES)
		return -PVN_EINVAL;
	if (bytes > PVN_MEMORY_CALL_MAX)
		return -PVN_ERANGE;
	*host = gmem_ptr_held(&h->m->gmem, start, bytes);
	return *host ? 0 : -PVN_EFAULT;
}

int64_t hypercall_memory_release(struct hypercalls *h, const struct hypercall_frame *f, gpa_t start, uint64_t bytes)
{
	void *host;
	int64_t err = range_check(h, start, bytes, &host);

	if (err)
		return err;
	err = madvise(host, bytes, MADV_DONTNEED) ? -PVN_EIO : 0;
	gmem_release(&h->m->gmem, host, bytes);
	return err;
}

static int64_t populate(void *host, uint64_t bytes)
{
	if (!madvise(host, bytes, MADV_POPULATE_WRITE))
		return 0;
	if (errno != EINVAL)
		return errno == ENOMEM ? -PVN_ENOMEM : -PVN_EIO;
	/* Linux before 5.14: a write that changes nothing does the same, a page at a time. */
	for (uint64_t at = 0; at < bytes; at += PVN_PAGE_BYTES)
		__atomic_fetch_or((uint8_t *)host + at, 0, __ATOMIC_RELAXED);
	return 0;
}

int64_t hypercall_memory_populate(struct hypercalls *h, const struct hypercall_frame *f, gpa_t start, uint64_t bytes)
{
	void *host;
	int64_t err = range_check(h, start, bytes, &host);

	if (err)
		return err;
	err = populate(host, bytes);
	gmem_release(&h->m->gmem, host, bytes);
	return err;
}
