// SPDX-License-Identifier: GPL-2.0-only
/* What arch.h promises, without ring 0. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include "arch.h"

struct fake fake;

void fake_init(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.ram = calloc(1, FAKE_RAM);
	fake.self = fake.v.self = &fake.v;
	fake.v.vm = &fake.vm;
	fake.v.regs = &fake.regs;
	fake.v.ram = fake.ram;
	fake.v.info = &fake.v.own_info;
	fake.v.state = VCPU_UP;
	fake.vm.vcpu[fake.vm.nr_vcpus++] = &fake.v;
	fake.vm.mmu.clock = fake.v.mmu.flushed = 1;
	fake.v.call = (struct monitor_call){ .v = &fake.v, .args = &fake.regs.rdi };
	fake.v.shared.boot.ram[0] = (struct monitor_ram){ 0, FAKE_RAM };
	fake.v.shared.boot.offered[0] = PVN_F0_CPU | PVN_F0_MMU | PVN_F0_VCPU | PVN_F0_SCHED | PVN_F0_CONSOLE | PVN_F0_DEBUG;
	fake.vm.usable = fake.v.shared.boot.offered[0] & MONITOR_EARLY_WORD0;
	fake.regs.rip = FAKE_VA;
	fake.regs.rsp = FAKE_VA + 0x1000;
	fake.regs.rflags = RFLAGS_FIXED;
}

void fake_more(void)
{
	for (unsigned int i = 0; i < FAKE_OTHERS; i++) {
		struct monitor_vcpu *v = &fake.other[i];

		v->shared.boot = fake.v.shared.boot;
		v->shared.boot.vcpu = fake.vm.nr_vcpus;
		v->self = v;
		v->vm = &fake.vm;
		v->regs = &fake.other_regs[i];
		v->ram = fake.v.ram;
		v->info = &v->own_info;
		v->call = (struct monitor_call){ .v = v, .args = &v->regs->rdi };
		v->mmu.flushed = ~0ull;
		v->resting = v->away = 1;
		fake.vm.vcpu[fake.vm.nr_vcpus++] = v;
	}
}

void fake_destroy(void)
{
	free(fake.ram);
}

void *fake_at(uint64_t va)
{
	if (va - FAKE_EDGE < 0x1000)
		return fake.ram + FAKE_RAM - 0x1000 + (va - FAKE_EDGE);
	return fake.ram + (va - FAKE_VA);
}

int64_t fake_call(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct monitor_regs *regs = fake.self->regs;

	regs->rax = nr;
	regs->rdi = a0;
	regs->rsi = a1;
	regs->rdx = a2;
	regs->r10 = a3;
	regs->r8 = a4;
	return hypercall_handle(fake.self, nr);
}

/* A byte at a time, as far as memory is mapped: like the hardware's, a failed copy may be partly done. */
static int copy(uint64_t va, void *buf, size_t bytes, bool write)
{
	uint8_t *at = buf;

	for (size_t i = 0; i < bytes; i++) {
		uint8_t *byte;

		/* The monitor must never ask for its own part of the address space. */
		if (va + i >= PVN_PV_HOLE_START && va + i < PVN_PV_HOLE_END)
			abort();
		if (va + i - FAKE_VA >= FAKE_MAPPED && va + i - FAKE_EDGE >= 0x1000) {
			fake.cr2 = va + i;
			return -1;
		}
		byte = fake_at(va + i);
		if (write)
			*byte = at[i];
		else
			at[i] = *byte;
	}
	return 0;
}

int arch_copy_from_guest(void *to, uint64_t from, size_t bytes)
{
	return copy(from, to, bytes, false);
}

int arch_copy_to_guest(uint64_t to, const void *from, size_t bytes)
{
	return copy(to, (void *)from, bytes, true);
}

uint64_t arch_rdmsr(uint32_t msr)
{
	return msr == 0xc0000100 ? fake.fs_base : msr == 0xc0000102 ? fake.gs_base : 0x123456789abcdef0;
}

void arch_wrmsr(uint32_t msr, uint64_t value)
{
	if (msr == 0xc0000100)
		fake.fs_base = value;
	else if (msr == 0xc0000102)
		fake.gs_base = value;
	else
		abort();
}

int arch_wrmsr_try(uint32_t msr, uint64_t value)
{
	if (msr == 0x4b564d04) {
		fake.eoi_msr = value;
		return 0;
	}
	if (msr != 0x4b564d01)
		abort();
	fake.clock_msr = value;
	return fake.no_clock ? -1 : 0;
}

void arch_sleep(void)
{
	if (fake.sleeping) {
		fake.sleeping();
		return;
	}
	/* Nobody wakes it: the guest is at its end, as when it is stopped. */
	if (!fake.wakes_with || ++fake.sleeps > FAKE_SLEEPS_MAX)
		longjmp(fake.stopped, 1);
	/* Also when its handler has gone: it is what ends the sleep. */
	fake.v.waiting[fake.wakes_with / 64] |= 1ull << fake.wakes_with % 64;
}

uint32_t arch_apic_read(unsigned int reg)
{
	return fake.apic[reg / 16];
}

void arch_apic_write(unsigned int reg, uint32_t value)
{
	fake.apic[reg / 16] = value;
	fake.eois += reg == 0xb0;
}

void arch_poke(unsigned int vcpu)
{
	fake.pokes[vcpu]++;
	if (fake.poked)
		fake.poked(vcpu);
}

struct monitor_vcpu *arch_self(void)
{
	return fake.self;
}

void arch_return(struct monitor_vcpu *v)
{
	longjmp(fake.stopped, 2);
}

void arch_gate_open(unsigned int vector, bool open)
{
	fake.open_gates[vector / 64] &= ~(1ull << vector % 64);
	fake.open_gates[vector / 64] |= (uint64_t)open << vector % 64;
}

/* As hardware: the base is the descriptor's, spread over it. */
uint64_t arch_gs_load(uint16_t selector, uint64_t own)
{
	uint64_t d = fake.v.gdt[selector >> 3];

	fake.gs_selector = selector;
	return (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000);
}

uint64_t arch_take_dr6(void)
{
	return fake.dr6;
}

uint64_t arch_read_cr(unsigned int cr)
{
	return cr ? FAKE_CR4 : FAKE_CR0;
}

uint64_t arch_xsave_start(void)
{
	return fake.xcr0_supported;
}

int arch_xsetbv_try(uint64_t value)
{
	/* As hardware: asked for what it hasn't, the monitor would have made a mistake. */
	if (value & ~fake.xcr0_supported)
		abort();
	fake.xcr0 = value;
	return 0;
}

uint64_t arch_read_cr2(void)
{
	return fake.cr2;
}

void arch_write_cr3(uint64_t top)
{
	fake.cr3 = top;
	fake.flushes++;
	if (fake.flushed)
		fake.flushed();
}

void arch_invlpg(uint64_t va)
{
	fake.page = va;
	fake.pages++;
}

uint32_t arch_in(uint16_t port, unsigned int bytes)
{
	fake.port = port;
	return fake.port_value;
}

void arch_out(uint16_t port, unsigned int bytes, uint32_t value)
{
	fake.outs++;
	fake.port = port;
	fake.port_value = value;
}

int64_t arch_vmm_call(uint64_t nr, const uint64_t *args)
{
	fake.vmm_calls++;
	if (fake.in_vmm)
		fake.in_vmm();
	fake.vmm_nr = nr;
	memcpy(fake.vmm_args, args, sizeof(fake.vmm_args));
	return fake.vmm_result;
}

void arch_vmm_stop(void)
{
	longjmp(fake.stopped, 1);
}
