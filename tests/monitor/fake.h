/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's C code as a library: a vCPU without a CPU, guest memory in buffers, ring 0 as a record of what was asked. */
#ifndef TESTS_MONITOR_FAKE_H
#define TESTS_MONITOR_FAKE_H

#include <setjmp.h>

#include "monitor.h"

#define FAKE_RAM 0x40000ull	   /* bytes of RAM, from 0 */
#define FAKE_VA 0xffffffff80000000ull /* where half of it is mapped */
#define FAKE_MAPPED (FAKE_RAM / 2)
/* The last page below the gap of addresses is mapped too, to the end of RAM. */
#define FAKE_EDGE 0x7ffffffff000ull
#define FAKE_PORTS 8
#define FAKE_CR0 0x80050033ull
#define FAKE_CR4 0x40620ull
#define FAKE_SLEEPS_MAX 100

#define FAKE_OTHERS 2

struct fake {
	struct monitor_vcpu v;
	/* With fake_more(): vCPUs that rest, new ones. Whose code runs: */
	struct monitor_vcpu other[FAKE_OTHERS];
	struct monitor_regs other_regs[FAKE_OTHERS];
	struct monitor_vcpu *self;
	void (*poked)(unsigned int vcpu); /* what a poke does at once; NULL: nothing, it is counted */
	void (*sleeping)(void); /* what happens while a vCPU sleeps; NULL: as wakes_with says */
	void (*in_vmm)(void); /* while the VMM has a call */
	struct monitor_vm vm;
	struct monitor_regs regs;
	uint8_t *ram; /* exactly FAKE_RAM bytes, for the address sanitizer */
	jmp_buf stopped; /* where arch_vmm_stop() goes, and arch_return() with 2 */
	uint64_t cr2, fs_base, gs_base;
	uint64_t cr3, page;
	unsigned int flushes, pages; /* writes of CR3, INVLPGs */
	void (*flushed)(void);
	/* What reached the VMM. */
	uint64_t vmm_nr, vmm_args[PVN_HYPERCALL_ARGS];
	int64_t vmm_result;
	unsigned int vmm_calls, outs;
	unsigned int sleeps, eois, wakes_with; /* the vector that ends a sleep; 0: none, and the guest is stopped */
	unsigned int pokes[MONITOR_VCPUS_MAX];
	uint32_t apic[0x40]; /* registers by offset / 16, as last written */
	uint64_t open_gates[4], clock_msr, eoi_msr;
	bool no_clock;
	uint64_t dr6, gs_selector, kernel_gs;
	uint64_t xcr0, xcr0_supported;
	uint16_t port;
	uint32_t port_value;
};

extern struct fake fake;

/* All families offered that pv mode has, none accepted yet. */
void fake_init(void);
void fake_destroy(void);
/* After it: FAKE_OTHERS more vCPUs. */
void fake_more(void);
/* A pointer to mapped guest memory. */
void *fake_at(uint64_t va);
/* A call as SYSCALL makes it, of the vCPU that is fake.self. */
int64_t fake_call(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);

#endif
