// SPDX-License-Identifier: GPL-2.0-only
/* What a vCPU does once: its descriptor tables, the entry points, the guest's first registers. */
#include "arch.h"
#include "monitor.h"

#define SELECTOR_TSS 0x40
#define GATE_INTERRUPT 0x8e
#define GATE_FROM_LEVEL_3 0x60

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
/* All that a guest can set: SYSCALL enters with just the fixed bit. */
#define SYSCALL_CLEARS 0x257fd5

struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

struct pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

extern char trap_entries[], syscall_entry[], syscall32_entry[];

void boot_tables(struct monitor_vcpu *v);
void boot_registers(struct monitor_vcpu *v);

_Static_assert(sizeof(struct monitor_vcpu) <= MONITOR_AREA_STRUCT_BYTES, "the vCPU fits before its stacks");
_Static_assert(sizeof(struct monitor_tss) == 104, "the task state is as hardware has it");

/* Of the guest as a whole: the first vCPU fills the table in, the others load the same one. */
static struct monitor_vm vm;
static struct gate idt[256];

/* INT3 and INTO's vector are meant for anyone; INT n of another one is a #GP, as the gate's level says. */
void arch_gate_open(unsigned int vector, bool open)
{
	open |= vector == VECTOR_BP || vector == VECTOR_OF;
	idt[vector].type = open ? GATE_INTERRUPT | GATE_FROM_LEVEL_3 : GATE_INTERRUPT;
}

/* Exceptions that may come when the stack cannot be trusted have one of their own. */
static unsigned int ist_of(unsigned int vector)
{
	return vector == VECTOR_NMI ? 1 : vector == VECTOR_DF ? 2 : vector == VECTOR_MC ? 3 : 0;
}

static void make_idt(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		uint64_t at = (uint64_t)trap_entries + 16 * i;

		idt[i] = (struct gate){
			.offset0 = (uint16_t)at,
			.selector = PVN_PV_KERNEL_CS,
			.ist = (uint8_t)ist_of(i),
			.offset1 = (uint16_t)(at >> 16),
			.offset2 = (uint32_t)(at >> 32),
		};
		arch_gate_open(i, false);
	}
}

static void put64(uint32_t to[2], uint64_t value)
{
	to[0] = (uint32_t)value;
	to[1] = (uint32_t)(value >> 32);
}

static void make_tss(struct monitor_vcpu *v)
{
	uint64_t area = (uint64_t)v, stack = area + MONITOR_AREA_STRUCT_BYTES;

	put64(v->tss.rsp0, area + MONITOR_AREA_BYTES);
	for (unsigned int i = 0; i < 3; i++)
		put64(v->tss.ist[i], stack + (i + 1) * MONITOR_AREA_IST_BYTES);
	v->tss.io_map = sizeof(v->tss);
}

/*
 * The layout is Linux's, so that SYSRET yields the selectors that Linux gives its user programs. Level 3 has a 64-bit
 * code segment and a data segment, and no 32-bit code.
 */
static void make_gdt(struct monitor_vcpu *v)
{
	uint64_t base = (uint64_t)&v->tss;

	v->gdt[PVN_PV_KERNEL_CS / 8] = 0x00af9b000000ffff;
	v->gdt[PVN_PV_KERNEL_SS / 8] = 0x00cf93000000ffff;
	v->gdt[PVN_PV_REAL_SS / 8] = 0x00cff3000000ffff;
	v->gdt[PVN_PV_REAL_CS / 8] = 0x00affb000000ffff;
	v->gdt[SELECTOR_TSS / 8] = (sizeof(v->tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
				   (base >> 24 & 0xff) << 56;
	v->gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void boot_tables(struct monitor_vcpu *v)
{
	struct pointer gdt = { sizeof(v->gdt) - 1, (uint64_t)v->gdt }, table = { sizeof(idt) - 1, (uint64_t)idt };

	make_gdt(v);
	make_tss(v);
	if (!v->shared.boot.vcpu)
		make_idt();
	/* All start at once, and the others on what the first one has made. */
	while (v->shared.boot.vcpu && !__atomic_load_n(&vm.ready, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	__asm__ __volatile__("lgdt %0" : : "m"(gdt));
	__asm__ __volatile__("lidt %0" : : "m"(table));
	__asm__ __volatile__("ltr %w0" : : "r"(SELECTOR_TSS));
	/* The CPU comes out of reset with a local table of 64 KiB at address 0, where a guest might put gates. */
	__asm__ __volatile__("lldt %w0" : : "r"(0));
}

/* What is plain memory, of each vCPU; by the first one, since they look at each other from the start. */
static void make_vcpu(struct monitor_vcpu *v)
{
	bool first = !v->shared.boot.vcpu;

	v->self = v;
	v->vm = &vm;
	v->ram = (uint8_t *)MONITOR_RAM_VA;
	v->info = &v->own_info;
	v->dr6 = DR6_NOTHING;
	v->hole_end = PVN_PV_HOLE_END;
	v->regs = (struct monitor_regs *)((char *)v + MONITOR_AREA_REGS);
	v->call = (struct monitor_call){ .v = v, .args = &v->regs->rdi };
	v->state = first ? VCPU_UP : VCPU_NEW;
	v->resting = v->away = !first;
	vm.vcpu[v->shared.boot.vcpu] = v;
	mmu_start(v);
	mode_slow_update(v);
}

static void make_vm(struct monitor_vcpu *first)
{
	vm.usable = first->shared.boot.offered[0] & MONITOR_EARLY_WORD0;
	vm.nr_vcpus = first->shared.boot.nr_vcpus;
	for (unsigned int i = 0; i < vm.nr_vcpus; i++)
		make_vcpu((struct monitor_vcpu *)((char *)first + (uint64_t)i * MONITOR_AREA_BYTES));
	__atomic_store_n(&vm.ready, 1, __ATOMIC_RELEASE);
}

void boot_registers(struct monitor_vcpu *v)
{
	if (!v->shared.boot.vcpu)
		make_vm(v);
	/* SYSRET adds 16 for the code segment and 8 for the stack's to what STAR has in its upper half. */
	arch_wrmsr(MSR_STAR, (uint64_t)(PVN_PV_REAL_CS - 16) << 48 | (uint64_t)PVN_PV_KERNEL_CS << 32);
	arch_wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	arch_wrmsr(MSR_CSTAR, (uint64_t)syscall32_entry);
	arch_wrmsr(MSR_SFMASK, SYSCALL_CLEARS);
	arch_wrmsr(MSR_GS_BASE, (uint64_t)v);
	arch_wrmsr(MSR_KERNEL_GS_BASE, 0);
	interrupt_start(v);
	control_start(v);
	v->no_clock = vcpu_clock(v, false);
	/* All but the first wait here for a context, and start in it. */
	vcpu_rest(v);

	*v->regs = (struct monitor_regs){
		.rip = v->shared.boot.entry,
		.rdi = v->shared.boot.start_info,
		.cs = PVN_PV_REAL_CS,
		.rflags = RFLAGS_FIXED | RFLAGS_IF,
		.ss = PVN_PV_REAL_SS,
	};
}
