// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trap and emulate: privileged instructions that the guest's kernel still has, and whose meaning under a monitor is
 * plain. Each is counted by its address, so that a kernel developer sees what is left to patch. What is refused here is
 * delivered to the guest as the fault that it was.
 */
#include "arch.h"
#include "decode.h"
#include "monitor.h"

#define MSR_TSC 0x10
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080

/* The code up to the end of its page at first: the next one need not be mapped. */
static unsigned int fetch(uint64_t rip, uint8_t code[DECODE_MAX_BYTES])
{
	unsigned int first = PVN_PAGE_BYTES - (rip & (PVN_PAGE_BYTES - 1));

	if (first > DECODE_MAX_BYTES)
		first = DECODE_MAX_BYTES;
	if (guest_read(rip, code, first))
		return 0;
	if (first < DECODE_MAX_BYTES && !guest_read(rip + first, code + first, DECODE_MAX_BYTES - first))
		return DECODE_MAX_BYTES;
	return first;
}

static void count(struct monitor_vcpu *v, uint64_t rip, uint32_t what)
{
	struct monitor_counters *counters = &v->shared.counters;
	/* Kernel text is far from dense in such instructions: a full table is rare, a long search too. */
	unsigned int start = (rip >> 1 ^ rip >> 7) % MONITOR_EMULATED_MAX;

	for (unsigned int i = 0; i < MONITOR_EMULATED_MAX; i++) {
		struct monitor_emulated *e = &counters->emulated[(start + i) % MONITOR_EMULATED_MAX];

		if (!e->count) {
			e->rip = rip;
			e->what = what;
		}
		if (e->rip == rip && e->what == what) {
			e->count++;
			return;
		}
	}
	counters->emulated_elsewhere++;
}

static bool msr_read(const struct monitor_vcpu *v, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_TSC:
	case MSR_PAT:
	case MSR_EFER:
	case MSR_FS_BASE:
		*value = arch_rdmsr(msr);
		return true;
	case MSR_GS_BASE:
		/* In the monitor SWAPGS has put the guest's there. */
		*value = arch_rdmsr(MSR_KERNEL_GS_BASE);
		return true;
	case MSR_KERNEL_GS_BASE:
		*value = v->user_gs_base;
		return true;
	default:
		return false;
	}
}

static bool msr_write(struct monitor_vcpu *v, uint32_t msr, uint64_t value)
{
	/* All three are addresses, and hardware refuses one that is not canonical. */
	if (!guest_canonical(value))
		return false;
	switch (msr) {
	case MSR_FS_BASE:
		arch_wrmsr(msr, value);
		return true;
	case MSR_GS_BASE:
		v->kernel_gs_base = value;
		arch_wrmsr(MSR_KERNEL_GS_BASE, value);
		return true;
	case MSR_KERNEL_GS_BASE:
		v->user_gs_base = value;
		return true;
	default:
		return false;
	}
}

/* The serial port, and the port that kernels write to for a pause. Never those by which the monitor calls the VMM. */
static bool port_served(uint16_t port, unsigned int bytes)
{
	return (port >= 0x3f8 && port + bytes <= 0x400) || (port == 0x80 && bytes == 1);
}

/* All other ports are a bus without devices: a kernel that looks for one finds none, and need not be patched for it. */
static void port_access(struct monitor_regs *regs, const struct decoded *d)
{
	uint16_t port = d->port_in_dx ? (uint16_t)regs->rdx : d->port;
	uint64_t mask = d->bytes == 4 ? 0xffffffff : (1ull << 8 * d->bytes) - 1;
	bool served = port_served(port, d->bytes);
	uint64_t keep;

	if (d->what == MONITOR_EMULATED_OUT) {
		if (served)
			arch_out(port, d->bytes, (uint32_t)(regs->rax & mask));
		return;
	}
	/* A 32-bit result clears the upper half of rax, a smaller one keeps the rest. */
	keep = d->bytes == 4 ? 0 : regs->rax & ~mask;
	regs->rax = keep | ((served ? arch_in(port, d->bytes) : ~0ull) & mask);
}

/* A register by its number in instructions. */
static uint64_t *by_number(struct monitor_regs *regs, unsigned int number)
{
	pvn_u64 *const list[] = { &regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp, &regs->rsi, &regs->rdi,
				  &regs->r8,  &regs->r9,  &regs->r10, &regs->r11, &regs->r12, &regs->r13, &regs->r14, &regs->r15 };

	return (uint64_t *)list[number & 15];
}

static bool act(struct monitor_vcpu *v, struct monitor_regs *regs, const struct decoded *d)
{
	uint64_t value;

	switch (d->what) {
	case MONITOR_EMULATED_HLT:
		interrupt_wait(v);
		return true;
	case MONITOR_EMULATED_CLI:
	case MONITOR_EMULATED_STI:
		guest_interrupts_set(v, d->what == MONITOR_EMULATED_STI);
		return true;
	case MONITOR_EMULATED_RDMSR:
		if (!msr_read(v, (uint32_t)regs->rcx, &value))
			return false;
		regs->rax = (uint32_t)value;
		regs->rdx = value >> 32;
		return true;
	case MONITOR_EMULATED_WRMSR:
		return msr_write(v, (uint32_t)regs->rcx, regs->rdx << 32 | (uint32_t)regs->rax);
	case MONITOR_EMULATED_FROM_CR:
		return control_read(v, d->cr, by_number(regs, d->reg));
	case MONITOR_EMULATED_TO_CR:
		return control_write(v, d->cr, *by_number(regs, d->reg));
	case MONITOR_EMULATED_XSETBV:
		return control_xsetbv(v, (uint32_t)regs->rcx, regs->rdx << 32 | (uint32_t)regs->rax);
	case MONITOR_EMULATED_CLTS:
	case MONITOR_EMULATED_WBINVD:
		/* TS is never set; and memory is coherent, for the guest has no device that goes past the caches. */
		return true;
	default:
		port_access(regs, d);
		return true;
	}
}

#define OPCODE_HLT 0xf4

/*
 * STI lets nothing in before the instruction that follows, and kernels rely on it where that is HLT: with an interrupt
 * between the two they would sleep over what it woke them for.
 */
static unsigned int sleep_after(struct monitor_vcpu *v, uint64_t next, const uint8_t *code)
{
	if (code[0] != OPCODE_HLT || !guest_canonical(next + 1))
		return 0;
	interrupt_wait(v);
	count(v, next, MONITOR_EMULATED_HLT);
	return 1;
}

bool emulate(struct monitor_vcpu *v, struct monitor_regs *regs)
{
	uint8_t code[DECODE_MAX_BYTES];
	unsigned int bytes = fetch(regs->rip, code);
	uint64_t rip = regs->rip;
	struct decoded d;
	bool was_on = guest_interrupts_on(v);

	if (!decode(code, bytes, &d))
		return false;
	/* Nothing comes after it: rather no emulation than a return that the monitor cannot make. */
	if (!guest_canonical(rip + d.length))
		return false;
	if (!act(v, regs, &d))
		return false;
	regs->rip = rip + d.length;
	count(v, rip, d.what);
	if (d.what == MONITOR_EMULATED_STI && !was_on && !(regs->rflags & RFLAGS_TF) && bytes > d.length)
		regs->rip += sleep_after(v, regs->rip, code + d.length);
	/* As the CPU does: the step is over when the instruction is. */
	if (regs->rflags & RFLAGS_TF) {
		v->dr6 |= DR6_BS;
		trap_deliver(v, VECTOR_DB, false, 0, false);
	}
	return true;
}
