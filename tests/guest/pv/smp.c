// SPDX-License-Identifier: GPL-2.0-only
/* More than one vCPU: what the suites stand on. */
#include "smp.h"

#include <paravane/cpuid.h>
#include <paravane/features.h>
#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

#define STACK 16384
#define PATIENCE 20000000000ull

struct smp_cpu smp_cpu[SMP_MAX];
uint32_t smp_cpus;
static char stack[SMP_MAX][STACK] __attribute__((aligned(16)));
static char page[SMP_MAX][4096] __attribute__((aligned(4096)));

void smp_flag(bool on)
{
	struct pvn_vcpu_info *info = smp_me()->info;

	__atomic_store_n(&info->interrupts_on, on, __ATOMIC_RELAXED);
	if (on && __atomic_load_n(&info->pending, __ATOMIC_RELAXED))
		pvn_cpu_interrupt_take();
}

/* Exceptions and interrupts of all vCPUs, from pv_trap(). */
bool pv_smp_trap(struct pv_frame *frame)
{
	struct smp_cpu *me;

	if (!smp_cpus)
		return false;
	me = smp_me();
	if (frame->vector < 32 && me->resume) {
		frame->hw.rip = me->resume;
		me->resume = 0;
		me->faults++;
		return true;
	}
	if (frame->vector == 3) {
		if (me->flag_on_return)
			frame->hw.rflags |= 0x200;
		me->flag_on_return = false;
		return true;
	}
	if (frame->vector != SMP_KICK && frame->vector != SMP_EVENT)
		return false;
	me->wrong += me->info->interrupts_on != 0;
	if (frame->vector == SMP_KICK)
		__atomic_fetch_add(&me->kicks, 1, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_add(&me->upcalls, 1, __ATOMIC_SEQ_CST);
	return true;
}

/* There may be more vCPUs than the host has CPUs: who waits lets others run. */
static void relax(unsigned int *rounds)
{
	__builtin_ia32_pause();
	if (!(++*rounds % 512))
		pvn_sched_yield();
}

/* A vCPU's life, with its interrupts on. */
void smp_other(struct smp_cpu *me)
{
	unsigned int rounds = 0;

	pvn_cpu_syscall_entry((uint64_t)smp_syscall, 0);
	smp_flag(true);
	SMP_STORE(me->hello, me->hello + 1);
	for (;;) {
		uint64_t (*job)(uint64_t) = SMP_LOAD(me->job);

		if (job) {
			me->result = job(me->arg);
			SMP_STORE(me->job, NULL);
		}
		relax(&rounds);
	}
}

static bool until(bool (*is)(const void *word, uint64_t least), const void *word, uint64_t least)
{
	uint64_t end = pv_now() + PATIENCE;
	unsigned int rounds = 0;

	while (!is(word, least)) {
		if (pv_now() > end)
			return false;
		relax(&rounds);
	}
	return true;
}

static bool is32(const void *word, uint64_t least)
{
	return __atomic_load_n((const uint32_t *)word, __ATOMIC_SEQ_CST) >= least;
}

static bool is64(const void *word, uint64_t least)
{
	return __atomic_load_n((const uint64_t *)word, __ATOMIC_SEQ_CST) >= least;
}

static bool is_idle(const void *word, uint64_t least)
{
	return __atomic_load_n((const uint64_t *)word, __ATOMIC_SEQ_CST) == least;
}

bool smp_until32(const uint32_t *word, uint32_t least)
{
	return until(is32, word, least);
}

bool smp_until64(const uint64_t *word, uint64_t least)
{
	return until(is64, word, least);
}

void smp_give(unsigned int cpu, uint64_t (*job)(uint64_t), uint64_t arg)
{
	smp_cpu[cpu].arg = arg;
	SMP_STORE(smp_cpu[cpu].job, job);
}

uint64_t smp_result(unsigned int cpu)
{
	if (until(is_idle, &smp_cpu[cpu].job, 0))
		return smp_cpu[cpu].result;
	pv_text("Bail out! vCPU ");
	pv_number(cpu);
	pv_text(" does not end what it does\n");
	pv_power_off();
	return 0;
}

uint64_t smp_run(unsigned int cpu, uint64_t (*job)(uint64_t), uint64_t arg)
{
	smp_give(cpu, job, arg);
	return smp_result(cpu);
}

static uint32_t count(void)
{
	for (uint32_t base = PVN_CPUID_FIRST; base <= PVN_CPUID_LAST; base += PVN_CPUID_STEP) {
		uint32_t a, b, c, d;

		__asm__ __volatile__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(base), "c"(0));
		if (b != PVN_CPUID_SIGNATURE_EBX || c != PVN_CPUID_SIGNATURE_ECX)
			continue;
		__asm__ __volatile__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(base + PVN_CPUID_LEAF_VERSION), "c"(0));
		return c;
	}
	return 0;
}

struct pvn_vcpu_context smp_context(unsigned int cpu)
{
	struct pvn_vcpu_context c = {
		.rip = (uint64_t)smp_start,
		.rsp = (uint64_t)stack[cpu] + STACK / 2,
		.rdi = (uint64_t)&smp_cpu[cpu],
		.gs_base = (uint64_t)&smp_cpu[cpu],
	};
	pv_mmu_tops(&c.kernel_table, &c.user_table);
	return c;
}

int64_t smp_create(unsigned int cpu)
{
	static struct pvn_vcpu_context context[SMP_MAX];

	context[cpu] = smp_context(cpu);
	return pvn_vcpu_create(cpu, pv_gpa(&context[cpu]));
}

static void traps(void)
{
	static struct pvn_trap_entry table[] = {
		{ SMP_KICK, PVN_TRAP_INTERRUPT_OFF, 0 },
		{ SMP_COUNT, 0, (uint64_t)smp_count_entry },
		{ SMP_EVENT, PVN_TRAP_INTERRUPT_OFF, 0 },
	};

	table[0].handler = (uint64_t)pv_trap_entries + 16 * SMP_KICK;
	table[2].handler = (uint64_t)pv_trap_entries + 16 * SMP_EVENT;
	pv_traps_register(0);
	pv_equal(0, pvn_cpu_trap_table(pv_gpa(table), 3), "handlers");
}

void smp_begin(bool trusted)
{
	int64_t ret = 0;

	pv_mmu_spaces(trusted);
	smp_cpus = count();
	for (unsigned int i = 0; i < SMP_MAX; i++) {
		smp_cpu[i].self = &smp_cpu[i];
		smp_cpu[i].index = i;
		smp_cpu[i].info = (void *)page[i];
	}
	pvn_cpu_segment_base(PVN_BASE_GS_KERNEL, (uint64_t)&smp_cpu[0]);
	for (unsigned int i = 0; i < smp_cpus; i++)
		ret |= pvn_vcpu_info_register(i, pv_gpa(page[i]));
	pv_info = smp_cpu[0].info;
	for (unsigned int i = 0; i < smp_cpus; i++)
		smp_cpu[i].info->kernel_stack = (uint64_t)stack[i] + STACK;
	pv_equal(0, ret, "a page for each vCPU");
	traps();
}

void smp_up_all(void)
{
	int64_t ret = 0;

	for (unsigned int i = 1; i < smp_cpus; i++) {
		ret |= smp_create(i) | pvn_vcpu_up(i);
		ret |= !smp_until64(&smp_cpu[i].hello, 1);
	}
	pv_equal(0, ret, "all are up");
}
