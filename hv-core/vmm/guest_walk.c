/* SPDX-License-Identifier: GPL-2.0-only */
/* A walk of the guest's page tables: 64-bit mode with four or five levels, and no paging at all. */

#include "guest_walk.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#define CR0_PG 0x80000000ull
#define CR4_LA57 0x1000ull
#define EFER_LMA 0x400ull
#define PTE_PRESENT 1ull
#define PTE_LARGE 0x80ull
#define PTE_ADDR 0x000ffffffffff000ull

bool guest_translate(const struct gmem *gm, const struct kvm_sregs *s, uint64_t virt, gpa_t *phys,
		     unsigned int *page_bits)
{
	unsigned int level = s->cr4 & CR4_LA57 ? 5 : 4, shift;
	uint64_t table = s->cr3 & PTE_ADDR, entry;

	*page_bits = 12;
	if (!(s->cr0 & CR0_PG)) {
		*phys = GPA(virt);
		return true;
	}
	/* 32-bit paging is used by no kernel that boots here past its first instructions. */
	if (!(s->efer & EFER_LMA))
		return false;
	for (;; level--) {
		shift = 12 + 9 * (level - 1);
		if (gmem_read(gm, GPA(table + ((virt >> shift) & 511) * 8), &entry, sizeof(entry)) ||
		    !(entry & PTE_PRESENT))
			return false;
		if (level == 1 || (level <= 3 && (entry & PTE_LARGE)))
			break;
		table = entry & PTE_ADDR;
	}
	*page_bits = shift;
	*phys = GPA((entry & PTE_ADDR & ~((1ull << shift) - 1)) | (virt & ((1ull << shift) - 1)));
	return true;
}

int guest_read_virtual(const struct gmem *gm, const struct kvm_sregs *s, uint64_t virt, void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len) {
		size_t part = 4096 - (virt & 4095);
		unsigned int bits;
		gpa_t phys;

		if (part > len)
			part = len;
		if (!guest_translate(gm, s, virt, &phys, &bits) || gmem_read(gm, phys, to, part))
			return -EFAULT;
		virt += part;
		to += part;
		len -= part;
	}
	return 0;
}
