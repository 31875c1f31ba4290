// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers, as a kernel that was not patched for it reads and writes them. They are the monitor's, and fixed: a
 * write that would change something is refused, and then it is the fault that it was. XCR0 alone is the guest's.
 */
#include "arch.h"
#include "monitor.h"

#define XCR0_X87 0x1ull
#define XCR0_SSE 0x2ull
#define XCR0_AVX 0x4ull
#define XCR0_AVX512 0xe0ull
/* MPX, protection keys and AMX are not: CPUID shows none of them in pv mode. */
#define XCR0_GUEST (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

bool control_read(const struct monitor_vcpu *v, unsigned int cr, uint64_t *value)
{
	switch (cr) {
	case 0:
	case 4:
		*value = arch_read_cr(cr);
		return true;
	case 2:
		*value = v->info->fault_address;
		return true;
	case 3:
		*value = v->mmu.kernel;
		return true;
	case 8:
		*value = 0;
		return true;
	default:
		return false;
	}
}

bool control_write(struct monitor_vcpu *v, unsigned int cr, uint64_t value)
{
	uint64_t now;

	if (!control_read(v, cr, &now))
		return false;
	if (cr == 2)
		v->info->fault_address = value;
	else if (value != now)
		return false;
	else if (cr == 3)
		mmu_flush_self(v);
	return true;
}

/* Intel's manual, volume 1, 13.3: what XSETBV takes. */
static bool xcr0_valid(uint64_t supported, uint64_t value)
{
	if (value & ~supported || !(value & XCR0_X87))
		return false;
	if (value & XCR0_AVX && !(value & XCR0_SSE))
		return false;
	return !(value & XCR0_AVX512) || ((value & XCR0_AVX512) == XCR0_AVX512 && value & XCR0_AVX);
}

void control_start(struct monitor_vcpu *v)
{
	v->xcr0_supported = arch_xsave_start() & XCR0_GUEST;
}

bool control_xsetbv(struct monitor_vcpu *v, uint32_t index, uint64_t value)
{
	return !index && xcr0_valid(v->xcr0_supported, value) && !arch_xsetbv_try(value);
}
