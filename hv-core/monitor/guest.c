// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory as the monitor may touch it: RAM by guest-physical address, the current address space by virtual one. */
#include "arch.h"
#include "monitor.h"

bool guest_canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/*
 * Everything that the tables map outside the hole is the guest's (level 3 may reach it), so a range that keeps out of
 * the hole can at worst not be mapped. A wrap at the end of the address space is refused: `bytes` are few.
 */
static bool range_is_guests(uint64_t va, size_t bytes)
{
	uint64_t last = va + bytes - 1;

	if (!bytes || last < va || !guest_canonical(va) || !guest_canonical(last))
		return false;
	return last < PVN_PV_HOLE_START || va >= PVN_PV_HOLE_END;
}

int guest_read(uint64_t va, void *to, size_t bytes)
{
	if (!range_is_guests(va, bytes) || arch_copy_from_guest(to, va, bytes))
		return -PVN_EFAULT;
	return 0;
}

int guest_write(uint64_t va, const void *from, size_t bytes)
{
	if (!range_is_guests(va, bytes) || arch_copy_to_guest(va, from, bytes))
		return -PVN_EFAULT;
	return 0;
}

void *guest_ram_writable(const struct monitor_vcpu *v, uint64_t gpa, uint64_t bytes)
{
	void *at = guest_ram(v, gpa, bytes);

	/* At most two chunks for all that calls write; the loop's price is one look-up. */
	for (uint64_t chunk = gpa >> CHUNK_SHIFT; at && chunk <= (gpa + bytes - 1) >> CHUNK_SHIFT; chunk++)
		if (mmu_in_zone(&v->vm->mmu, chunk << CHUNK_SHIFT))
			return NULL;
	return at;
}

bool guest_interrupts_on(const struct monitor_vcpu *v)
{
	return __atomic_load_n(&v->info->interrupts_on, __ATOMIC_RELAXED);
}

void guest_interrupts_set(struct monitor_vcpu *v, bool on)
{
	__atomic_store_n(&v->info->interrupts_on, on, __ATOMIC_RELAXED);
}
