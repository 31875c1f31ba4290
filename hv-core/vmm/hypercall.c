// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dispatch of the guest's calls, and the hypercall page.
 *
 * The path of a call takes no lock and reads one shared word, the accepted features: what it costs beside the exit is a
 * few dozen instructions, measured by tests/abi/dispatch_cost.c.
 */
#include "hypercall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall_impl.h"
#include "hypercall_table.inc"

#define NR_FAMILIES (sizeof(families) / sizeof(families[0]))
_Static_assert(NR_FAMILIES <= HYPERCALL_FAMILIES_MAX, "each has room for its counts");

/*
 * The page's code. Everything that a call may lose is lost on purpose (rcx, r11, flags), so that a guest cannot come
 * to rely on what another transport, SYSCALL for one, does not keep.
 */
static const uint8_t page_code[] = {
	0xf3, 0x0f, 0x1e, 0xfa,			/* endbr64: callers may come through a pointer */
	0x48, 0x89, 0xd1,			/* mov %rdx, %rcx: OUT needs dx */
	0xba, PVN_PORT_CALL & 0xff, PVN_PORT_CALL >> 8, 0, 0, /* mov $PVN_PORT_CALL, %edx */
	0xef,					/* out %eax, %dx */
	0x48, 0x89, 0xca,			/* mov %rcx, %rdx */
	0x31, 0xc9,				/* xor %ecx, %ecx */
	0x45, 0x31, 0xdb,			/* xor %r11d, %r11d */
	0xc3,					/* ret */
};
#define PAGE_FILL 0xcc /* int3 */

int64_t hypercall_error(int error)
{
	switch (error) {
	case 0: return 0;
	case -EFAULT: return -PVN_EFAULT;
	case -EINVAL: return -PVN_EINVAL;
	case -ENOMEM: return -PVN_ENOMEM;
	case -ENOSPC: return -PVN_ENOSPC;
	case -EBUSY: return -PVN_EBUSY;
	case -ENODEV: return -PVN_ENODEV;
	case -EPERM: return -PVN_EPERM;
	default: return -PVN_EIO;
	}
}

int64_t hypercall_put(struct hypercalls *h, gpa_t gpa, const void *data, size_t len, unsigned int align)
{
	if (gpa.v % align)
		return -PVN_EINVAL;
	return gmem_write(&h->m->gmem, gpa, data, len) ? -PVN_EFAULT : 0;
}

static const struct hypercall_entry *entry_get(uint64_t nr, uint32_t *feature)
{
	uint64_t family = PVN_HC_FAMILY(nr);
	const struct hypercall_entry *entry;

	if (family >= NR_FAMILIES || PVN_HC_INDEX(nr) >= families[family].count || PVN_HC_INDEX(nr) >= HYPERCALL_INDEX_MAX)
		return NULL;
	entry = &families[family].entry[PVN_HC_INDEX(nr)];
	*feature = families[family].feature;
	return entry->known ? entry : NULL;
}

const struct hypercall_entry *hypercall_next(uint32_t *nr, uint32_t *feature)
{
	for (uint64_t at = *nr; PVN_HC_FAMILY(at) < NR_FAMILIES; at++) {
		const struct hypercall_entry *entry = entry_get(at, feature);

		if (entry) {
			*nr = (uint32_t)at;
			return entry;
		}
	}
	return NULL;
}

static unsigned int count_slot(uint64_t nr)
{
	return (unsigned int)(PVN_HC_FAMILY(nr) * HYPERCALL_INDEX_MAX + PVN_HC_INDEX(nr));
}

bool hypercalls_count(const struct hypercalls *h, uint32_t *nr, const char **name, uint64_t *count)
{
	uint32_t feature;
	const struct hypercall_entry *entry = hypercall_next(nr, &feature);

	if (!entry)
		return false;
	*name = entry->name;
	*count = atomic_load_explicit(&h->count[count_slot(*nr)], memory_order_relaxed);
	return true;
}

struct hypercall_events hypercalls_events(const struct hypercalls *h)
{
	return (struct hypercall_events){ atomic_load(&h->events), atomic_load(&h->upcalls) };
}

int64_t hypercall_handle(struct machine *m, const struct hypercall_frame *f)
{
	struct hypercalls *h = m->hypercall;
	const struct hypercall_entry *entry;
	uint32_t feature, usable;

	/* First of all: a user program learns nothing, not even which calls there are. */
	if (f->cpl != 0)
		return -PVN_EPERM;
	entry = entry_get(f->nr, &feature);
	if (!entry)
		return -PVN_ENOSYS;
	atomic_fetch_add_explicit(&h->count[count_slot(f->nr)], 1, memory_order_relaxed);
	if (!entry->call)
		return -PVN_ENOTSUP;
	usable = atomic_load_explicit(&h->usable, memory_order_relaxed);
	if (feature && !(usable & feature)) {
		if (!(h->offered[0] & feature))
			return -PVN_ENOTSUP;
		return atomic_load(&h->accepted) ? -PVN_ENOTSUP : -PVN_ESTATE;
	}
	if (entry->no_multicall && f->in_multicall)
		return -PVN_EINVAL;
	for (unsigned int i = 0; i < entry->nr_args; i++)
		if (entry->narrow >> i & 1 && f->args[i] >> 32)
			return -PVN_EINVAL;
	return entry->call(h, f);
}

void hypercall_page_set(struct machine *m, uint32_t frame, unsigned int cpl)
{
	struct hypercalls *h = m->hypercall;
	gpa_t gpa = GPA((uint64_t)frame << PVN_PAGE_SHIFT);
	uint8_t *page = NULL;

	if (cpl != 0)
		return;
	if (frame != PVN_PORT_PAGE_NONE)
		page = gmem_ptr(&h->m->gmem, gpa, PVN_PAGE_BYTES);
	if (page) {
		memset(page + sizeof(page_code), PAGE_FILL, PVN_PAGE_BYTES - sizeof(page_code));
		memcpy(page, page_code, sizeof(page_code));
	}
	atomic_store(&h->page, page ? frame : PVN_PORT_PAGE_NONE);
}

uint32_t hypercall_page_get(struct machine *m)
{
	return atomic_load(&m->hypercall->page);
}

struct hypercalls *hypercalls_create(struct machine *m, const struct hypercall_ops *ops, void *opaque)
{
	struct hypercalls *h;

	if (!m->nr_vcpus || m->nr_vcpus > PVN_EVENT_VCPUS)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->m = m;
	h->ops = ops;
	h->opaque = opaque;
	pthread_mutex_init(&h->lock, NULL);
	if (hypercall_timers_init(h))
		goto free_calls;
	hypercall_features_init(h);
	h->clock_start = loop_now_ns();
	hypercalls_reset(h);
	m->hypercall = h;
	return h;

free_calls:
	pthread_mutex_destroy(&h->lock);
	free(h);
	return NULL;
}

void hypercalls_destroy(struct hypercalls *h)
{
	if (!h)
		return;
	hypercall_timers_destroy(h);
	h->m->hypercall = NULL;
	pthread_mutex_destroy(&h->lock);
	free(h);
}

void hypercalls_reset(struct hypercalls *h)
{
	pthread_mutex_lock(&h->lock);
	hypercall_timers_reset(h);
	hypercall_events_reset(h);
	pthread_mutex_unlock(&h->lock);
	hypercall_features_reset(h);
	atomic_store(&h->page, PVN_PORT_PAGE_NONE);
	atomic_store(&h->stopping, false);
}
