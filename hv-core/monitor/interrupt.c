// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts. The hardware's flag is on whenever the guest runs, so they all come to the monitor, which has the local
 * APIC for itself: it acknowledges each at once, and keeps it as a bit until the guest's virtual flag lets it in.
 *
 * The guest's two words, seen from its STI (pv-mode.md has both columns): the guest turns the flag on and then looks at
 * `pending`; an interrupt sets `pending` and then looks at the flag. Only a vCPU itself writes its words, so each of the
 * two is atomic to the other: what another vCPU sends it lies in `kicked` until it has been poked.
 */
#include "arch.h"
#include "monitor.h"

#define APIC_TPR 0x80
#define APIC_EOI 0xb0
#define APIC_SVR 0xf0
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_COUNTERS 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_MASKED 0x10000
#define APIC_ON 0x1ff /* with the vector of spurious ones */

#define MSR_KVM_PV_EOI_EN 0x4b564d04u
#define MSR_KVM_ENABLE 0x1ull

/*
 * KVM sets a bit of memory with an interrupt that needs no acknowledgement but clearing it: where it is set, no exit.
 * One exchange, since KVM may write the word between two instructions.
 */
static void acknowledge(struct monitor_vcpu *v)
{
	if (!(__atomic_exchange_n(&v->acknowledged, 0, __ATOMIC_RELAXED) & 1))
		arch_apic_write(APIC_EOI, 0);
}

void interrupt_start(struct monitor_vcpu *v)
{
	uint64_t word = v->shared.boot.memory + ((uint64_t)&v->acknowledged - MONITOR_VA);

	static const unsigned int local[] = { APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_COUNTERS, APIC_LVT_LINT0,
					      APIC_LVT_LINT1, APIC_LVT_ERROR };

	/* Switched on first: until then the local entries ignore being written. */
	arch_apic_write(APIC_SVR, APIC_ON);
	for (unsigned int i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		arch_apic_write(local[i], APIC_MASKED);
	arch_apic_write(APIC_TPR, 0);
	/* A KVM that does not know it leaves the word alone. */
	arch_wrmsr_try(MSR_KVM_PV_EOI_EN, word | MSR_KVM_ENABLE);
}

bool interrupt_waits(const struct monitor_vcpu *v)
{
	return v->waiting[0] | v->waiting[1] | v->waiting[2] | v->waiting[3];
}

void interrupt_pending_update(struct monitor_vcpu *v)
{
	/* The page of one that rests is left alone: another vCPU may be about to give it a new one. */
	if (v->resting)
		return;
	__atomic_store_n(&v->info->pending, interrupt_waits(v), __ATOMIC_RELAXED);
	mode_slow_update(v);
}

static void keep(struct monitor_vcpu *v, unsigned int word, uint64_t vectors)
{
	for (; vectors; vectors &= vectors - 1) {
		unsigned int bit = (unsigned int)__builtin_ctzll(vectors);

		if (v->vm->trap[word * 64 + bit].handler)
			v->waiting[word] |= 1ull << bit;
		else
			v->shared.counters.interrupts_dropped++;
	}
	interrupt_pending_update(v);
}

void interrupt_note(struct monitor_vcpu *v, unsigned int vector)
{
	acknowledge(v);
	keep(v, vector / 64, 1ull << vector % 64);
}

/* Who finds the bit set leaves the poke to whoever set it. */
void interrupt_send(struct monitor_vcpu *to, unsigned int vector)
{
	uint64_t bit = 1ull << vector % 64;

	if (!(__atomic_fetch_or(&to->kicked[vector / 64], bit, __ATOMIC_SEQ_CST) & bit))
		vcpu_poke(to);
}

/* Acknowledged first: what comes after a look pokes again. */
void interrupt_poked(struct monitor_vcpu *v)
{
	acknowledge(v);
	interrupt_pending_update(v); /* another vCPU may have accepted features */
	for (unsigned int word = 0; word < 4; word++)
		if (__atomic_load_n(&v->kicked[word], __ATOMIC_SEQ_CST))
			keep(v, word, __atomic_exchange_n(&v->kicked[word], 0, __ATOMIC_SEQ_CST));
	vcpu_answer(v);
}

int interrupt_next(struct monitor_vcpu *v)
{
	for (int word = 3; word >= 0; word--) {
		while (v->waiting[word]) {
			int bit = 63 - __builtin_clzll(v->waiting[word]), vector = word * 64 + bit;

			v->waiting[word] &= ~(1ull << bit);
			interrupt_pending_update(v);
			if (v->vm->trap[vector].handler) {
				v->shared.counters.interrupts++;
				return vector;
			}
			v->shared.counters.interrupts_dropped++;
		}
	}
	return -1;
}

void interrupt_wait(struct monitor_vcpu *v)
{
	bool on = guest_interrupts_on(v);

	vcpu_away(v);
	while (!on || !interrupt_waits(v)) {
		arch_sleep();
		if (!vcpu_is_up(v)) {
			vcpu_rest(v);
			vcpu_away(v);
		}
	}
	vcpu_back(v);
}

/* Back to the caller with all of its registers, so that traps can come in between. */
static int64_t return_to_caller(struct monitor_vcpu *v)
{
	v->regs->rax = 0;
	v->regs->rcx = v->regs->rip;
	v->regs->r11 = v->regs->rflags;
	v->full_return = 1;
	trap_resume(v, false);
	return 0;
}

int64_t monitor_cpu_interrupt_take(struct monitor_call *c)
{
	return return_to_caller(c->v);
}

int64_t monitor_sched_block(struct monitor_call *c)
{
	guest_interrupts_set(c->v, true);
	interrupt_wait(c->v);
	return return_to_caller(c->v);
}
