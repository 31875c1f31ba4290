// SPDX-License-Identifier: GPL-2.0-only
/* How a guest with more than one vCPU ends: by one of them, whatever the others do; and calls without sense from all. */
#include "smp.h"

#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

#define NOWHERE 0xffffffff40000000ull
#define HOSTILE_CALLS 3000

static uint32_t go;

static void no_handler(void)
{
	static struct pvn_trap_entry entry = { 6, 0, 0 };

	pvn_cpu_trap_table(pv_gpa(&entry), 1);
}

static uint64_t job_break(uint64_t arg)
{
	__atomic_fetch_add(&go, 1, __ATOMIC_SEQ_CST);
	while (SMP_LOAD(go) < arg)
		;
	__asm__ __volatile__("ud2");
	return 0;
}

static uint64_t job_crash(uint64_t arg)
{
	static char text[] = "told to crash";

	pvn_debug_crash(pv_gpa(text), sizeof(text) - 1);
	return arg;
}

static uint64_t job_off(uint64_t status)
{
	while (SMP_LOAD(go) && pvn_vcpu_status(0))
		pvn_sched_yield();
	pvn_sched_shutdown((uint32_t)status);
	return 0;
}

static uint64_t job_halt(uint64_t arg)
{
	SMP_STORE(go, arg);
	__asm__ __volatile__("cli; hlt");
	return 0;
}

/* Anything may be answered, but nothing may break, and the vCPU that asks whether all are well must be told so. */
static uint64_t job_hostile(uint64_t seed)
{
	static struct pvn_vcpu_context context[SMP_MAX];
	struct pvn_vcpu_context *c = &context[smp_me()->index];

	for (unsigned int i = 0; i < HOSTILE_CALLS; i++) {
		uint64_t word;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		word = seed >> 20;
		*c = (struct pvn_vcpu_context){ .rip = (uint64_t)smp_start, .rsp = word, .kernel_table = word & ~4095ull,
						.user_table = (word << 7) & 0x3fff000, .gs_base = word & 3 ? 0 : seed };
		/* With tables that are some it may be taken, by the one that goes down and up: so it has to be one to run in. */
		if (word & 4)
			*c = smp_context(smp_cpus - 1);
		if (word & 8)
			c->reserved = 1;
		switch (word >> 4 & 15) {
		case 0:
			pvn_vcpu_create(word >> 8 & 7, pv_gpa(c));
			break;
		case 1:
			pvn_vcpu_create(word >> 8 & 7, seed);
			break;
		case 2:
			pvn_vcpu_up(word >> 8 & 7);
			break;
		case 3:
			/* One that is there to go down and up. */
			pvn_vcpu_down(smp_cpus - 1);
			pvn_vcpu_up(smp_cpus - 1);
			break;
		case 4:
			pvn_vcpu_info_register(word >> 8 & 7, seed);
			break;
		case 5:
			pvn_vcpu_info_register(8, pv_gpa(c) & ~4095ull);
			break;
		case 6:
			pvn_vcpu_kick(seed >> (word & 63), (uint32_t)(word >> 8));
			break;
		case 7:
			pvn_vcpu_kick(1ull << (word >> 8 & 3), 0xf0);
			break;
		case 8:
			pvn_mmu_flush_all(seed >> (word & 63));
			break;
		case 9:
			pvn_mmu_flush_page(seed, word >> 8 & 15);
			break;
		case 10:
			pvn_mmu_flush_range(seed & ~4095ull, word & 0xffff, word >> 8 & 3);
			break;
		case 11:
			pvn_mmu_space_switch(c->kernel_table, 1, 0);
			break;
		case 12:
			pvn_mmu_table_free(c->kernel_table);
			break;
		case 13:
			pvn_hypercall6(PVN_HC_VCPU_CREATE + (word >> 8 & 7), seed, word, seed, word, seed, word);
			break;
		default:
			pvn_vcpu_status((uint32_t)word);
			break;
		}
	}
	return 5;
}

static void hostile(void)
{
	unsigned int well = 0;

	for (unsigned int i = 1; i + 1 < smp_cpus; i++)
		smp_give(i, job_hostile, i);
	job_hostile(0);
	for (unsigned int i = 1; i + 1 < smp_cpus; i++)
		well += smp_result(i) == 5;
	pv_equal(smp_cpus - 2, well, "calls without sense, from all at once");
	pvn_vcpu_up(smp_cpus - 1);
	SMP_STORE(smp_cpu[smp_cpus - 1].hello, 0);
	pv_equal(0, pvn_vcpu_down(smp_cpus - 1), "down");
	pv_equal(0, smp_create(smp_cpus - 1), "anew");
	pv_equal(0, pvn_vcpu_up(smp_cpus - 1), "up");
	pv_result(smp_until64(&smp_cpu[smp_cpus - 1].hello, 1), "it works still");
	pv_equal(0, pvn_mmu_flush_all((1ull << smp_cpus) - 1), "and all answer");
}

/* A context that can't run an instruction. */
static void bad_context(bool table)
{
	static struct pvn_vcpu_context c;
	uint64_t empty = pv_mmu_second_top();

	pvn_vcpu_down(1);
	c = (struct pvn_vcpu_context){ .rip = (uint64_t)smp_start, .rsp = NOWHERE, .rdi = 0x600d };
	pv_mmu_tops(&c.kernel_table, &c.user_table);
	if (table) {
		pvn_mmu_table_alloc(empty, 4, PVN_MMU_TABLE_KERNEL);
		c.kernel_table = empty;
		c.user_table = 0;
	}
	pvn_vcpu_create(1, pv_gpa(&c));
	pvn_vcpu_up(1);
	for (;;)
		;
}

void pv_smp_end(const char *word)
{
	smp_begin(false);
	smp_up_all();
	if (pv_is(word, "smp-hostile")) {
		hostile();
		return;
	}
	if (pv_is(word, "smp-no-handler")) {
		no_handler();
		smp_give(1, job_break, 1);
	}
	if (pv_is(word, "smp-all-break")) {
		no_handler();
		for (unsigned int i = 1; i < smp_cpus; i++)
			smp_give(i, job_break, smp_cpus);
		job_break(smp_cpus);
	}
	if (pv_is(word, "smp-crash"))
		smp_give(1, job_crash, 0);
	if (pv_is(word, "smp-off"))
		smp_give(1, job_off, PVN_SHUTDOWN_POWEROFF);
	if (pv_is(word, "smp-reset"))
		smp_give(1, job_off, PVN_SHUTDOWN_REBOOT);
	if (pv_is(word, "smp-first-down")) {
		SMP_STORE(go, 1);
		smp_give(1, job_off, PVN_SHUTDOWN_POWEROFF);
		pvn_vcpu_down(0);
	}
	if (pv_is(word, "smp-halted")) {
		smp_give(1, job_halt, 1);
		while (!SMP_LOAD(go))
			__builtin_ia32_pause();
		pv_equal(0, pvn_mmu_flush_all(3), "nobody waits for one that sleeps with the flag off");
		pv_equal(0, pv_mmu_more_zone(), "mmu.zone_add, which waits for all, has its answer");
		pv_equal(0, pvn_vcpu_down(1) | smp_create(1) | pvn_vcpu_up(1), "and can be started anew");
		pv_result(smp_until64(&smp_cpu[1].hello, 2), "which it is");
		return;
	}
	if (pv_is(word, "smp-no-stack"))
		bad_context(false);
	if (pv_is(word, "smp-empty-table"))
		bad_context(true);
	for (;;)
		;
}
