// SPDX-License-Identifier: GPL-2.0-only
/* Family cpu: segment bases, the guest's descriptors, debug registers. */
#include "arch.h"
#include "monitor.h"

#define DESCRIPTOR_CODE (1ull << 43)
#define DESCRIPTOR_ORDINARY (1ull << 44) /* neither a system segment nor a gate */
#define DESCRIPTOR_LEVEL 3
#define DESCRIPTOR_LEVEL_SHIFT 45
#define DESCRIPTOR_PRESENT (1ull << 47)
#define DESCRIPTOR_LONG (1ull << 53)

#define SELECTOR_LOCAL 0x4u /* of the local table, which is empty */

int64_t monitor_cpu_segment_base(struct monitor_call *c, uint32_t which, uint64_t base)
{
	if (!guest_canonical(base))
		return -PVN_EINVAL;
	switch (which) {
	case PVN_BASE_FS:
		arch_wrmsr(MSR_FS_BASE, base);
		return 0;
	case PVN_BASE_GS_KERNEL:
		c->v->kernel_gs_base = base;
		arch_wrmsr(MSR_KERNEL_GS_BASE, base);
		return 0;
	case PVN_BASE_GS_USER:
		c->v->user_gs_base = base;
		return 0;
	default:
		return -PVN_EINVAL;
	}
}

/* Data of level 3. Code segments would bring 32-bit modes, which the monitor's entries know nothing of. */
static bool descriptor_allowed(uint64_t value)
{
	if (!value)
		return true;
	return value & DESCRIPTOR_ORDINARY && !(value & (DESCRIPTOR_CODE | DESCRIPTOR_LONG)) &&
	       (value >> DESCRIPTOR_LEVEL_SHIFT & 3) == DESCRIPTOR_LEVEL;
}

int64_t monitor_cpu_descriptor_write(struct monitor_call *c, uint32_t index, uint64_t value)
{
	if (index < PVN_PV_GDT_FIRST || index > PVN_PV_GDT_LAST)
		return -PVN_ERANGE;
	if (!descriptor_allowed(value))
		return -PVN_EINVAL;
	c->v->gdt[index] = value;
	return 0;
}

/* Would MOV to GS take it at level 3? At level 0, where it is going to be loaded, more would do. */
static bool selector_loads(const struct monitor_vcpu *v, uint32_t selector)
{
	unsigned int index = selector >> 3;
	uint64_t value;

	if (selector <= 3)
		return true;
	if (selector & SELECTOR_LOCAL || index >= GDT_ENTRIES)
		return false;
	value = v->gdt[index];
	return value & DESCRIPTOR_ORDINARY && value & DESCRIPTOR_PRESENT &&
	       (value >> DESCRIPTOR_LEVEL_SHIFT & 3) == DESCRIPTOR_LEVEL;
}

int64_t monitor_cpu_gs_select(struct monitor_call *c, uint32_t selector)
{
	uint64_t base;

	if (selector > 0xffff || !selector_loads(c->v, selector))
		return -PVN_EINVAL;
	base = arch_gs_load((uint16_t)selector, (uint64_t)c->v);
	/* Some CPUs keep the base when a null selector is loaded: then it was the monitor's. */
	c->v->user_gs_base = selector <= 3 ? 0 : base;
	return 0;
}

#define DR7_NOTHING 0x400

int64_t monitor_cpu_debug_read(struct monitor_call *c, uint32_t reg, uint64_t value)
{
	uint64_t *to;

	if (value % 8 || !(reg <= 3 || reg == 6 || reg == 7))
		return -PVN_EINVAL;
	to = guest_ram_writable(c->v, value, sizeof(*to));
	if (!to)
		return -PVN_EFAULT;
	/* Breakpoints cannot be set yet: their registers are as after a reset. */
	*to = reg == 6 ? c->v->dr6 : reg == 7 ? DR7_NOTHING : 0;
	return 0;
}
