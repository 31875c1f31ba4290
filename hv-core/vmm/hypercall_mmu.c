// SPDX-License-Identifier: GPL-2.0-only
/* Family mmu is the monitor's, but for what it cannot know. */
#include "hypercall_impl.h"

/* The monitor has closed the range: nothing new is taken up there. Is anything left of before? */
int64_t hypercall_mmu_zone_add(struct hypercalls *h, const struct hypercall_frame *f, gpa_t start, uint64_t bytes)
{
	return gmem_is_held(&h->m->gmem, start, bytes) ? -PVN_EBUSY : 0;
}
