// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs that all do at once what they may do to each other: kicks at any moment of the virtual flag, mappings that change
 * under readers, tables that become others, vCPUs that go down in the middle of it.
 */
#include "smp.h"

#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

/* Fewer rounds with more vCPUs, which take longer each. */
#define KICKS (400 / smp_cpus)
#define FLUSHES (200 / smp_cpus)
#define DOWNS (80 / smp_cpus)
#define FREES 20
#define DATA 0x2010000ull
#define FIRST_SLOT 16 /* of PV_USER_TEXT's table: a page for each vCPU */
#define LEAF_READ (0x5ull | 1ull << 63)
#define USER_CODE (PV_USER_TEXT + 0xf00)

static uint32_t wanted[SMP_MAX], early, steps[SMP_MAX][6];
static struct {
	uint32_t seq;
	uint32_t which;
} slot[SMP_MAX];
static uint32_t stale, done[SMP_MAX];

/* How long a part took, for whoever wonders where the time goes. */
static void took(const char *what)
{
	static uint64_t last;
	uint64_t now = pv_now();

	if (last) {
		pv_text("# ");
		pv_text(what);
		pv_text(": ");
		pv_number((int64_t)(now - last) / 1000000);
		pv_text(" ms\n");
	}
	last = now;
}

static unsigned int random_below(unsigned int limit)
{
	static uint64_t seed[SMP_MAX];
	uint64_t *mine = &seed[smp_me()->index];

	*mine = *mine * 6364136223846793005ull + 1442695040888963407ull + smp_me()->index;
	return (unsigned int)(*mine >> 33) % limit;
}

static void spin(unsigned int limit)
{
	for (unsigned int i = random_below(limit); i; i--)
		__asm__ __volatile__("");
}

static uint64_t mask_all(void)
{
	return (1ull << smp_cpus) - 1;
}

/* dec rsi; jnz back; mov edi, 77; syscall */
static void put_program(void)
{
	static const uint8_t code[] = { 0x48, 0xff, 0xce, 0x75, 0xfb, 0xbf, 77, 0, 0, 0, 0x0f, 0x05 };
	uint8_t *to = (uint8_t *)PV_USER_TEXT_DIRECT + (USER_CODE - PV_USER_TEXT);

	memcpy(to, code, sizeof(code));
}

/* In user mode for a while: the program's count is what was in rsi, which may be anything here, so it is short. */
static void in_user_mode(void)
{
	struct pvn_return_frame frame = { .trap = { .rip = USER_CODE, .cs = PVN_PV_REAL_CS, .rflags = 0x202,
						    .rsp = PV_USER_STACK + 4096, .ss = PVN_PV_REAL_SS } };

	smp_flag(false);
	if (smp_user(&frame, 1 + random_below(3000)) != 77)
		__atomic_fetch_add(&early, 1000000, __ATOMIC_SEQ_CST);
}

static void stretch_off(void)
{
	struct smp_cpu *me = smp_me();
	uint32_t before;

	smp_flag(false);
	before = SMP_LOAD(me->kicks);
	spin(400);
	switch (random_below(3)) {
	case 0:
		pvn_core_null();
		break;
	case 1:
		__asm__ __volatile__("int3" : : : "memory");
		break;
	}
	spin(400);
	if (SMP_LOAD(me->kicks) != before)
		__atomic_fetch_add(&early, 1, __ATOMIC_SEQ_CST);
}

static void step(void)
{
	struct smp_cpu *me = smp_me();
	unsigned int what = random_below(6);

	steps[me->index][what]++;
	switch (what) {
	case 0:
		stretch_off();
		smp_flag(true);
		break;
	case 1:
		stretch_off();
		me->flag_on_return = true;
		__asm__ __volatile__("int3" : : : "memory");
		break;
	case 2:
		stretch_off();
		__asm__ __volatile__("sti" : : : "memory");
		break;
	case 3:
		smp_flag(true);
		spin(400);
		break;
	case 4:
		in_user_mode();
		smp_flag(true);
		break;
	default:
		/* What is still to come wakes it; once all have come the sleep would be for good. */
		smp_flag(false);
		if (SMP_LOAD(me->kicks) < SMP_LOAD(wanted[me->index]))
			pvn_sched_block();
		smp_flag(true);
		break;
	}
}

static uint64_t job_steps(uint64_t arg)
{
	while (!SMP_LOAD(smp_me()->stop))
		step();
	smp_flag(true);
	SMP_STORE(smp_me()->stop, false);
	return arg;
}

/* Each kick has come before the next is sent, so none is two. */
static void test_kicks(void)
{
	unsigned int lost = 0, missing = 0, last = smp_cpus;

	for (unsigned int i = 1; i < last; i++) {
		SMP_STORE(wanted[i], SMP_LOAD(smp_cpu[i].kicks));
		smp_give(i, job_steps, 0);
	}
	for (unsigned int n = 0; n < KICKS; n++) {
		uint64_t mask = 0;

		for (unsigned int i = 1; i < last; i++) {
			if (random_below(3)) {
				mask |= 1ull << i;
				__atomic_fetch_add(&wanted[i], 1, __ATOMIC_SEQ_CST);
			}
		}
		if (mask)
			pvn_vcpu_kick(mask, SMP_KICK);
		for (unsigned int i = 1; i < last; i++)
			lost += !smp_until32(&smp_cpu[i].kicks, SMP_LOAD(wanted[i]));
		spin(3000);
	}
	for (unsigned int i = 1; i < last; i++) {
		SMP_STORE(smp_cpu[i].stop, true);
		smp_result(i);
		lost += SMP_LOAD(smp_cpu[i].kicks) != SMP_LOAD(wanted[i]);
		for (unsigned int s = 0; s < 6; s++)
			missing += steps[i][s] < 5;
	}
	pv_equal(0, lost, "no kick is lost and none comes twice");
	pv_equal(0, early, "none comes while the flag is off");
	pv_equal(0, missing, "the flag went on in each way");
}

static void remap(unsigned int cpu)
{
	uint32_t which = slot[cpu].which ^ 1;

	SMP_STORE(slot[cpu].seq, slot[cpu].seq + 1);
	pv_mmu_map(FIRST_SLOT + cpu, (DATA + (2 * cpu + which) * 4096) | LEAF_READ);
	if (random_below(2))
		pvn_mmu_flush_all(mask_all());
	else
		pvn_mmu_flush_page(PV_USER_TEXT + (FIRST_SLOT + cpu) * 4096ull, mask_all());
	SMP_STORE(slot[cpu].which, which);
	SMP_STORE(slot[cpu].seq, slot[cpu].seq + 1);
}

/* While nobody has it in hand, a page shows what it was last made. */
static void look(unsigned int cpu)
{
	uint32_t seq = SMP_LOAD(slot[cpu].seq), which = SMP_LOAD(slot[cpu].which);
	uint64_t value;

	if (seq & 1)
		return;
	value = __atomic_load_n((uint64_t *)(PV_USER_TEXT + (FIRST_SLOT + cpu) * 4096ull), __ATOMIC_SEQ_CST);
	if (SMP_LOAD(slot[cpu].seq) == seq && value != 1000 + 2 * cpu + which)
		__atomic_fetch_add(&stale, 1, __ATOMIC_SEQ_CST);
}

static uint64_t job_flushes(uint64_t rounds)
{
	struct smp_cpu *me = smp_me();

	for (uint64_t n = 0; n < rounds; n++) {
		remap(me->index);
		for (unsigned int i = 0; i < smp_cpus; i++)
			look(i);
		if (!random_below(8))
			pv_mmu_switch(random_below(2));
		if (!random_below(8))
			pvn_vcpu_kick(1ull << random_below(smp_cpus), SMP_COUNT);
		SMP_STORE(done[me->index], done[me->index] + 1);
	}
	return pv_mmu_switch(true);
}

static void test_flushes(void)
{
	for (unsigned int i = 0; i < 2 * smp_cpus; i++)
		*(volatile uint64_t *)(PVN_PV_DIRECT_MAP + DATA + i * 4096) = 1000 + i;
	for (unsigned int i = 0; i < smp_cpus; i++)
		pv_mmu_map(FIRST_SLOT + i, (DATA + 2 * i * 4096) | LEAF_READ);
	for (unsigned int i = 1; i < smp_cpus; i++)
		smp_give(i, job_flushes, FLUSHES);
	smp_flag(true);
	job_flushes(FLUSHES);
	for (unsigned int i = 1; i < smp_cpus; i++)
		smp_result(i);
	smp_flag(false);
	pv_equal(0, stale, "all flush all, and nobody sees what a flush has ended");
	for (unsigned int i = 0; i < smp_cpus; i++)
		stale += done[i] != FLUSHES;
	pv_equal(0, stale, "everyone got through");
}

/* Down in the middle of whatever it is doing, flushes of its own and of others included. */
static void test_downs(void)
{
	unsigned int moved = 0, failed = 0;

	for (unsigned int i = 1; i < smp_cpus; i++)
		smp_give(i, job_flushes, ~0ull);
	for (unsigned int n = 0; n < DOWNS; n++) {
		unsigned int i = 1 + random_below(smp_cpus - 1);
		uint32_t before;

		spin(20000);
		failed += pvn_vcpu_down(i) != 0;
		before = SMP_LOAD(done[i]);
		failed += pvn_vcpu_status(i) != 0;
		/* The others go on flushing everyone. */
		remap(0);
		spin(20000);
		moved += SMP_LOAD(done[i]) != before;
		failed += pvn_vcpu_up(i) != 0;
		moved += !smp_until32(&done[i], before + 1);
	}
	pv_equal(0, failed, "down and up, many times");
	pv_equal(0, moved, "who is down does nothing, and then goes on");
	/* Once more, for good: what they were doing has no end. */
	for (unsigned int i = 1; i < smp_cpus; i++) {
		uint64_t hello = smp_cpu[i].hello;

		failed += pvn_vcpu_down(i) != 0;
		SMP_STORE(smp_cpu[i].job, NULL);
		SMP_STORE(slot[i].seq, slot[i].seq | 1);
		failed += smp_create(i) != 0;
		failed += pvn_vcpu_up(i) != 0;
		failed += !smp_until64(&smp_cpu[i].hello, hello + 1);
	}
	pv_equal(0, failed, "and then all start anew");
	pv_equal(0, stale, "nobody saw what a flush had ended");
}

/* vCPUs that take each other down in a ring, and bring each other up. */
static uint64_t job_ring(uint64_t rounds)
{
	struct smp_cpu *me = smp_me();
	uint32_t next = (me->index + 1) % smp_cpus;
	uint64_t odd = 0;

	for (uint64_t n = 0; n < rounds; n++) {
		int64_t ret = pvn_vcpu_down(next);

		/* Down already, or nobody else is up. */
		odd += ret && ret != -PVN_ESTATE && ret != -PVN_EBUSY;
		spin(2000);
		ret = pvn_vcpu_up(next);
		odd += ret && ret != -PVN_EBUSY;
		SMP_STORE(done[me->index], done[me->index] + 1);
	}
	/* Whoever is through brings back those that others have left down. */
	while (SMP_LOAD(done[next]) < rounds) {
		pvn_vcpu_up(next);
		__builtin_ia32_pause();
	}
	return odd;
}

static void test_ring(void)
{
	uint64_t odd = 0;

	for (unsigned int i = 0; i < smp_cpus; i++)
		SMP_STORE(done[i], 0);
	for (unsigned int i = 1; i < smp_cpus; i++)
		smp_give(i, job_ring, DOWNS);
	odd = job_ring(DOWNS);
	for (unsigned int i = 1; i < smp_cpus; i++) {
		pvn_vcpu_up(i);
		odd += smp_result(i);
	}
	pv_equal(0, (int64_t)odd, "down in a ring: everyone gets through");
}

/* A second top-level table, on which another vCPU keeps switching while this one frees it. */
static uint32_t ready, tries, entered;

static uint64_t job_switches(uint64_t top)
{
	uint64_t odd = 0, kernel, user;

	pv_mmu_tops(&kernel, &user);
	while (!SMP_LOAD(smp_me()->stop)) {
		if (SMP_LOAD(ready)) {
			int64_t ret = pvn_mmu_space_switch(top, 0, 0);

			odd += ret && ret != -PVN_ESTATE;
			if (!ret) {
				spin(200);
				odd += pvn_mmu_space_switch(kernel, user, 0) != 0;
				spin(2000);
				SMP_STORE(entered, entered + 1);
			}
		}
		SMP_STORE(tries, tries + 1);
	}
	SMP_STORE(smp_me()->stop, false);
	return odd;
}

static void test_free_against_switch(void)
{
	uint64_t top = pv_mmu_second_top();
	unsigned int odd = 0, freed = 0, busy = 0;

	smp_give(1, job_switches, top);
	for (unsigned int n = 0; n < FREES; n++) {
		int64_t ret;
		uint32_t at;

		while ((ret = pvn_mmu_table_alloc(top, 4, PVN_MMU_TABLE_KERNEL)) == -PVN_EBUSY)
			pvn_mmu_flush_all(mask_all());
		odd += ret != 0 || pv_mmu_fill_top(top);
		at = SMP_LOAD(tries);
		SMP_STORE(ready, 1);
		smp_until32(&tries, at + 3);
		spin(2000);
		while ((ret = pvn_mmu_table_free(top)) == -PVN_EBUSY)
			busy++;
		odd += ret != 0;
		freed++;
		/* As a table of another kind it is none to switch to. */
		while ((ret = pvn_mmu_table_alloc(top, 1, 0)) == -PVN_EBUSY)
			pvn_mmu_flush_all(mask_all());
		odd += ret != 0;
		SMP_STORE(ready, 0);
		at = SMP_LOAD(tries);
		smp_until32(&tries, at + 2);
		odd += pvn_mmu_table_free(top) != 0;
	}
	SMP_STORE(smp_cpu[1].stop, true);
	odd += smp_result(1);
	pv_text("# refused while in use ");
	pv_number(busy);
	pv_text(" times, entered ");
	pv_number(entered);
	pv_text("\n");
	pv_equal(0, odd, "a top-level table is freed while another vCPU switches to it and from it");
	pv_result(entered > 10, "which it did");
}

void pv_smp_stress(bool trusted)
{
	smp_begin(trusted);
	smp_up_all();
	put_program();
	took("start");
	test_kicks();
	took("kicks");
	test_flushes();
	took("flushes");
	test_downs();
	took("downs");
	test_ring();
	took("ring");
	if (!trusted)
		test_free_against_switch();
	took("frees");
}
