// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of pv mode's start. They lie in the monitor's memory, so the guest can neither read nor write them; upper
 * entries allow everything to level 3, except those of the monitor's own part, and the last level has the rights.
 */

#include <errno.h>
#include <string.h>

#include "pv_monitor.h"

#define PAGE 4096ull
#define LARGE_PAGE (2ull << 20)
#define UPPER (PV_PTE_PRESENT | PV_PTE_WRITE | PV_PTE_USER)

static uint64_t *table_at(struct pv_tables *t, uint64_t offset)
{
	return (uint64_t *)(t->host + offset);
}

/* The offset of a new, empty table, or 0: the image lies there. */
static uint64_t table_new(struct pv_tables *t)
{
	uint64_t offset = t->at;

	if (t->bytes - offset < PAGE)
		return 0;
	t->at += PAGE;
	memset(t->host + offset, 0, PAGE);
	return offset;
}

int pv_tables_init(struct pv_tables *t)
{
	t->top = table_new(t);
	return t->top ? 0 : -ENOMEM;
}

static bool is_monitors(uint64_t va)
{
	return va >= PVN_PV_HOLE_START && va < PVN_PV_HOLE_END;
}

/* The entry of `va` at a level (1 is the last), with the tables above it. */
static uint64_t *entry_at(struct pv_tables *t, uint64_t va, unsigned int level)
{
	uint64_t upper = is_monitors(va) ? UPPER & ~PV_PTE_USER : UPPER, table = t->top;

	for (unsigned int at = 4;; at--) {
		uint64_t *entry = table_at(t, table) + (va >> (12 + 9 * (at - 1)) & 511);

		if (at == level)
			return entry;
		if (!*entry) {
			uint64_t next = table_new(t);

			if (!next)
				return NULL;
			*entry = (t->gpa + next) | upper;
		}
		table = (*entry & PV_PTE_ADDR) - t->gpa;
	}
}

int pv_tables_map(struct pv_tables *t, uint64_t va, uint64_t phys, uint64_t bytes, uint64_t rights)
{
	for (uint64_t at = 0; at < bytes; at += PAGE) {
		uint64_t *entry = entry_at(t, va + at, 1);
		uint64_t wanted = (phys + at) | rights | PV_PTE_PRESENT;

		if (!entry)
			return -ENOMEM;
		if (*entry && (*entry & PV_PTE_ADDR) != phys + at)
			return -EEXIST;
		/* NX is a right taken away: it stays only if both say so. */
		*entry = *entry ? (*entry | wanted) & ~((*entry ^ wanted) & PV_PTE_NX) : wanted;
	}
	return 0;
}

/* In pages of 2 MiB: at MONITOR_RAM_VA for the monitor and at PVN_PV_DIRECT_MAP for the guest. */
static int map_ram(struct pv_tables *t, const struct gmem *gm)
{
	for (unsigned int i = 0; i < gm->nr_regions; i++) {
		const struct gmem_region *r = &gm->region[i];

		for (uint64_t gpa = r->start; gpa < r->start + r->size; gpa += LARGE_PAGE) {
			uint64_t *guest = entry_at(t, PVN_PV_DIRECT_MAP + gpa, 2);
			uint64_t *monitor = entry_at(t, MONITOR_RAM_VA + gpa, 2);

			if (!guest || !monitor)
				return -ENOMEM;
			/* Tables of their own: the guest's lose the right to write what becomes the table zone. */
			*guest = gpa | UPPER | PV_PTE_LARGE | PV_PTE_NX;
			*monitor = *guest & ~PV_PTE_USER;
		}
	}
	return 0;
}

/* Memory of the monitor's own, at its place. */
static int map_own(struct pv_tables *t, uint64_t from, uint64_t to, uint64_t rights)
{
	return pv_tables_map(t, MONITOR_VA + from, t->gpa + from, to - from, rights);
}

/* Text executable, everything else writable, a hole below each vCPU's stack: an overrun is a double fault, in words. */
static int map_monitor(struct pv_tables *t, const struct pv_layout *layout)
{
	int ret = map_own(t, 0, layout->text_bytes, 0);

	if (!ret)
		ret = map_own(t, layout->text_bytes, layout->image_bytes, PV_PTE_WRITE | PV_PTE_NX);
	for (unsigned int i = 0; i < layout->nr_vcpus && !ret; i++) {
		uint64_t at = layout->areas + (uint64_t)i * MONITOR_AREA_BYTES;

		ret = map_own(t, at, at + MONITOR_AREA_GUARD, PV_PTE_WRITE | PV_PTE_NX);
		if (!ret)
			ret = map_own(t, at + MONITOR_AREA_GUARD + PAGE, at + MONITOR_AREA_BYTES,
				      PV_PTE_WRITE | PV_PTE_NX);
	}
	if (!ret)
		ret = map_own(t, layout->rest, t->bytes, PV_PTE_WRITE | PV_PTE_NX);
	if (!ret)
		ret = pv_tables_map(t, MONITOR_APIC_VA, MONITOR_APIC_GPA, PAGE,
				    PV_PTE_WRITE | PV_PTE_UNCACHED | PV_PTE_NX);
	return ret;
}

static int map_kernel(struct pv_tables *t, const struct pv_kernel *kernel)
{
	int ret = 0;

	for (unsigned int i = 0; i < kernel->nr_segments && !ret; i++) {
		const struct pv_segment *s = &kernel->segment[i];

		ret = pv_tables_map(t, s->va, s->gpa, s->bytes,
				    PV_PTE_USER | (s->write ? PV_PTE_WRITE : 0) | (s->execute ? 0 : PV_PTE_NX));
	}
	return ret;
}

int pv_tables_make(struct pv_tables *t, const struct pv_layout *layout, const struct gmem *gm,
		   const struct pv_kernel *kernel)
{
	int ret = pv_tables_init(t);

	if (!ret)
		ret = map_monitor(t, layout);
	if (!ret)
		ret = map_ram(t, gm);
	if (!ret)
		ret = map_kernel(t, kernel);
	return ret;
}
