// SPDX-License-Identifier: GPL-2.0-only
/* Family core: versions, features, multicall, self-description. */
#include <string.h>

#include "hypercall_impl.h"

void hypercall_features_init(struct hypercalls *h)
{
	h->offered[0] = PVN_F0_SCHED | PVN_F0_TIME | PVN_F0_EVENT | PVN_F0_RING | PVN_F0_MEMORY;
	/* What the monitor serves is offered in its name. */
	if (h->m->pv_mode)
		h->offered[0] |= PVN_F0_CPU | PVN_F0_MMU | PVN_F0_VCPU;
	if (h->ops->console_write && h->ops->console_read)
		h->offered[0] |= PVN_F0_CONSOLE;
	if (h->ops->log && h->ops->mark)
		h->offered[0] |= PVN_F0_DEBUG;
}

void hypercall_features_reset(struct hypercalls *h)
{
	atomic_store(&h->accepted, false);
	atomic_store(&h->usable, h->offered[0] & HYPERCALL_EARLY_WORD0);
}

uint32_t hypercalls_offered(const struct hypercalls *h, unsigned int word)
{
	return word < PVN_FEATURE_WORDS ? h->offered[word] : 0;
}

int64_t hypercall_core_null(struct hypercalls *h, const struct hypercall_frame *f)
{
	return 0;
}

int64_t hypercall_core_version(struct hypercalls *h, const struct hypercall_frame *f)
{
	return PVN_ABI_VERSION;
}

int64_t hypercall_core_features(struct hypercalls *h, const struct hypercall_frame *f, uint32_t word)
{
	return word < PVN_FEATURE_WORDS ? (int64_t)h->offered[word] : -PVN_ERANGE;
}

int64_t hypercall_core_accept_features(struct hypercalls *h, const struct hypercall_frame *f, uint32_t version,
				       uint32_t word0, uint32_t word1, uint32_t word2, uint32_t word3)
{
	const uint32_t word[PVN_FEATURE_WORDS] = { word0, word1, word2, word3 };

	if (version >> 16 != PVN_ABI_MAJOR)
		return -PVN_EVERSION;
	for (unsigned int i = 0; i < PVN_FEATURE_WORDS; i++)
		if (word[i] & ~h->offered[i])
			return -PVN_EVERSION;
	atomic_store(&h->usable, word0);
	atomic_store(&h->accepted, true);
	return 0;
}

/* How many entries were done. */
static uint32_t multicall(struct hypercalls *h, uint32_t vcpu, struct pvn_multicall_entry *shared, uint32_t count,
			  bool stop_on_error)
{
	struct hypercall_frame each = { .vcpu = vcpu, .in_multicall = true };
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct pvn_multicall_entry entry;
		int64_t result;

		memcpy(&entry, &shared[i], sizeof(entry));
		/* The copy is what counts: without this the compiler may read the guest's memory again later. */
		__asm__ __volatile__("" : "+m"(entry));
		each.nr = entry.nr;
		memcpy(each.args, entry.args, sizeof(each.args));
		result = entry.reserved ? -PVN_EINVAL : hypercall_handle(h->m, &each);
		__atomic_store_n(&shared[i].result, result, __ATOMIC_RELAXED);
		if (atomic_load_explicit(&h->stopping, memory_order_relaxed) || (result < 0 && stop_on_error))
			return i + 1;
	}
	return i;
}

int64_t hypercall_core_multicall(struct hypercalls *h, const struct hypercall_frame *f, gpa_t list, uint32_t count,
				 uint32_t flags)
{
	uint64_t bytes = (uint64_t)count * PVN_MULTICALL_ENTRY_BYTES;
	struct pvn_multicall_entry *shared;
	int64_t done;

	if (!count || flags & ~PVN_MULTICALL_STOP_ON_ERROR || list.v % 8)
		return -PVN_EINVAL;
	if (count > PVN_MULTICALL_MAX)
		return -PVN_ERANGE;
	shared = gmem_ptr_held(&h->m->gmem, list, bytes);
	if (!shared)
		return -PVN_EFAULT;
	done = multicall(h, f->vcpu, shared, count, flags & PVN_MULTICALL_STOP_ON_ERROR);
	gmem_release(&h->m->gmem, shared, bytes);
	return done;
}

int64_t hypercall_core_describe(struct hypercalls *h, const struct hypercall_frame *f, uint32_t nr, gpa_t info)
{
	struct pvn_call_info out = { .feature_bit = 0xffff };
	const struct hypercall_entry *entry;
	uint32_t feature;
	int64_t err;

	entry = hypercall_next(&nr, &feature);
	if (!entry)
		return -PVN_ERANGE;
	out.nr = nr;
	out.since = entry->since;
	out.nr_args = entry->nr_args;
	out.wide_args = ((1u << entry->nr_args) - 1) & ~(uint32_t)entry->narrow;
	if (feature)
		out.feature_bit = (uint16_t)__builtin_ctz(feature);
	if ((entry->call || (h->m->pv_mode && entry->in_monitor)) && (!feature || h->offered[0] & feature))
		out.flags |= PVN_CALL_AVAILABLE;
	if (entry->no_multicall)
		out.flags |= PVN_CALL_NO_MULTICALL;
	strncpy(out.name, entry->name, sizeof(out.name) - 1);
	err = hypercall_put(h, info, &out, sizeof(out), 8);
	return err ? err : nr;
}
