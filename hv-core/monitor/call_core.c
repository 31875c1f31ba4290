// SPDX-License-Identifier: GPL-2.0-only
/* Family core. core.describe is the VMM's: the names are there. */
#include "monitor.h"

int64_t monitor_core_null(struct monitor_call *c)
{
	return 0;
}

int64_t monitor_core_version(struct monitor_call *c)
{
	return PVN_ABI_VERSION;
}

int64_t monitor_core_features(struct monitor_call *c, uint32_t word)
{
	return word < PVN_FEATURE_WORDS ? (int64_t)c->v->shared.boot.offered[word] : -PVN_ERANGE;
}

/* The VMM decides and remembers for the families that it serves; the monitor for its own. */
int64_t monitor_core_accept_features(struct monitor_call *c, uint32_t version, uint32_t word0, uint32_t word1,
				     uint32_t word2, uint32_t word3)
{
	int64_t ret = hypercall_forward(c);

	if (!ret) {
		c->v->vm->usable = word0;
		c->v->vm->accepted = 1;
		mode_slow_update(c->v);
		for (unsigned int i = 0; i < c->v->vm->nr_vcpus; i++)
			if (c->v->vm->vcpu[i] != c->v)
				vcpu_poke(c->v->vm->vcpu[i]);
	}
	return ret;
}

int64_t monitor_core_multicall(struct monitor_call *c, uint64_t list, uint32_t count, uint32_t flags)
{
	struct pvn_multicall_entry *shared;
	uint32_t i;

	if (!count || flags & ~PVN_MULTICALL_STOP_ON_ERROR || list % 8)
		return -PVN_EINVAL;
	if (count > PVN_MULTICALL_MAX)
		return -PVN_ERANGE;
	/* Results are written there; zone_add may not stand in a multicall, so that it stays no table. */
	shared = guest_ram_writable(c->v, list, (uint64_t)count * PVN_MULTICALL_ENTRY_BYTES);
	if (!shared)
		return -PVN_EFAULT;
	for (i = 0; i < count; i++) {
		struct pvn_multicall_entry entry = shared[i];
		struct monitor_call each = { .v = c->v, .args = entry.args, .in_multicall = true };
		int64_t result;

		/* The copy is what counts: without this the compiler may read the guest's memory again later. */
		__asm__ __volatile__("" : "+m"(entry));
		each.nr = entry.nr;
		result = entry.reserved ? -PVN_EINVAL : hypercall_dispatch(&each);
		/* Another vCPU may have made it zone. One that does so now waits for this one before it trusts it. */
		if (mmu_in_zone(&c->v->vm->mmu, list + (uint64_t)i * sizeof(entry) + offsetof(struct pvn_multicall_entry, result)))
			return -PVN_EFAULT;
		__atomic_store_n(&shared[i].result, result, __ATOMIC_RELAXED);
		if (result < 0 && flags & PVN_MULTICALL_STOP_ON_ERROR)
			return i + 1;
	}
	return i;
}
