// SPDX-License-Identifier: GPL-2.0-only
/* Single instructions of ring 0, and the two library functions that the compiler calls by itself. */
#include "arch.h"

#include "monitor.h"

#define CPUID_1_ECX_XSAVE 0x4000000
#define CR4_OSXSAVE 0x40000

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *at = to;

	__asm__ __volatile__("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	void *at = to;

	__asm__ __volatile__("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
	return to;
}

uint64_t arch_rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ __volatile__("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

void arch_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ __volatile__("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

uint32_t arch_apic_read(unsigned int reg)
{
	return __atomic_load_n((uint32_t *)(MONITOR_APIC_VA + reg), __ATOMIC_RELAXED);
}

void arch_apic_write(unsigned int reg, uint32_t value)
{
	__atomic_store_n((uint32_t *)(MONITOR_APIC_VA + reg), value, __ATOMIC_RELAXED);
}

#define APIC_ICR 0x300
#define APIC_ICR_TARGET 0x310
#define ICR_ASSERT 0x4000u /* fixed, edge, to one APIC */

/* The number of an APIC is its vCPU's. Interrupts are off, so nothing comes between the two. */
void arch_poke(unsigned int vcpu)
{
	arch_apic_write(APIC_ICR_TARGET, vcpu << 24);
	arch_apic_write(APIC_ICR, ICR_ASSERT | VECTOR_POKE);
}

struct monitor_vcpu *arch_self(void)
{
	struct monitor_vcpu *v;

	__asm__("movq %%gs:%c1, %0" : "=r"(v) : "i"(offsetof(struct monitor_vcpu, self)));
	return v;
}

uint64_t arch_gs_load(uint16_t selector, uint64_t own)
{
	uint64_t base;

	/* Nothing uses GS until it is back. */
	__asm__ __volatile__("movl %0, %%gs" : : "r"((uint32_t)selector) : "memory");
	base = arch_rdmsr(MSR_GS_BASE);
	arch_wrmsr(MSR_GS_BASE, own);
	return base;
}

uint64_t arch_take_dr6(void)
{
	uint64_t value;

	__asm__ __volatile__("movq %%dr6, %0" : "=r"(value));
	__asm__ __volatile__("movq %0, %%dr6" : : "r"(DR6_NOTHING));
	return value;
}

uint64_t arch_read_cr2(void)
{
	uint64_t value;

	__asm__ __volatile__("movq %%cr2, %0" : "=r"(value));
	return value;
}

uint64_t arch_read_cr(unsigned int cr)
{
	uint64_t value;

	if (cr == 0)
		__asm__ __volatile__("movq %%cr0, %0" : "=r"(value));
	else
		__asm__ __volatile__("movq %%cr4, %0" : "=r"(value));
	return value;
}

static void cpuid(uint32_t leaf, uint32_t reg[4])
{
	__asm__ __volatile__("cpuid" : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3]) : "a"(leaf), "c"(0));
}

uint64_t arch_xsave_start(void)
{
	uint32_t reg[4];

	cpuid(1, reg);
	if (!(reg[2] & CPUID_1_ECX_XSAVE))
		return 0;
	__asm__ __volatile__("movq %0, %%cr4" : : "r"(arch_read_cr(4) | CR4_OSXSAVE));
	cpuid(0xd, reg);
	return (uint64_t)reg[3] << 32 | reg[0];
}

void arch_write_cr3(uint64_t top)
{
	__asm__ __volatile__("movq %0, %%cr3" : : "r"(top) : "memory");
}

void arch_invlpg(uint64_t va)
{
	__asm__ __volatile__("invlpg (%0)" : : "r"(va) : "memory");
}

uint32_t arch_in(uint16_t port, unsigned int bytes)
{
	uint32_t value = 0;

	if (bytes == 1)
		__asm__ __volatile__("inb %1, %b0" : "+a"(value) : "d"(port));
	else if (bytes == 2)
		__asm__ __volatile__("inw %1, %w0" : "+a"(value) : "d"(port));
	else
		__asm__ __volatile__("inl %1, %0" : "=a"(value) : "d"(port));
	return value;
}

void arch_out(uint16_t port, unsigned int bytes, uint32_t value)
{
	if (bytes == 1)
		__asm__ __volatile__("outb %b0, %1" : : "a"(value), "d"(port));
	else if (bytes == 2)
		__asm__ __volatile__("outw %w0, %1" : : "a"(value), "d"(port));
	else
		__asm__ __volatile__("outl %0, %1" : : "a"(value), "d"(port));
}

void arch_vmm_stop(void)
{
	for (;;)
		__asm__ __volatile__("outl %0, %w1" : : "a"(MONITOR_STOP), "d"(MONITOR_PORT) : "memory");
}
