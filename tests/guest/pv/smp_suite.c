// SPDX-License-Identifier: GPL-2.0-only
/* Each call of family vcpu, interrupts between vCPUs, flushes, events and timers: one thing at a time. */
#include "smp.h"

#include <paravane/features.h>
#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

#define DATA_VA (PV_USER_TEXT + 0x8000) /* mapped and unmapped */
#define DATA 0x2010000ull
#define LEAF 0x5ull
#define LEAF_WRITE 0x7ull
#define NX (1ull << 63)

static void test_up(void)
{
	bool all = true, states = true;
	int64_t ret = 0;

	pv_result(smp_cpus >= 2 && smp_cpus <= SMP_MAX, "CPUID says how many vCPUs there are");
	pv_equal(1, pvn_vcpu_status(0), "vcpu.status: the first is up");
	for (unsigned int i = 1; i < smp_cpus; i++)
		states &= pvn_vcpu_status(i) == 0;
	pv_result(states, "the others are down");
	pv_equal(-PVN_ENODEV, pvn_vcpu_status(smp_cpus), "vcpu.status of one that there is not");
	pv_equal(-PVN_ESTATE, pvn_vcpu_up(1), "vcpu.up without a context");
	pv_equal(-PVN_ENODEV, pvn_vcpu_up(smp_cpus), "of one that there is not");
	pv_equal(-PVN_EBUSY, pvn_vcpu_up(0), "of one that is up");
	pv_equal(-PVN_EBUSY, smp_create(0), "vcpu.create of one that is up");
	for (unsigned int i = 1; i < smp_cpus; i++)
		ret |= smp_create(i);
	pv_equal(0, ret, "vcpu.create");
	pv_equal(0, pvn_vcpu_status(1), "it is down still");
	for (unsigned int i = 1; i < smp_cpus; i++)
		ret |= pvn_vcpu_up(i);
	pv_equal(0, ret, "vcpu.up");
	for (unsigned int i = 1; i < smp_cpus; i++)
		all &= smp_until64(&smp_cpu[i].hello, 1);
	pv_result(all, "they run");
	pv_equal(1, pvn_vcpu_status(1), "and are up");
	pv_equal(-PVN_EBUSY, pvn_vcpu_up(1), "vcpu.up again");
}

static uint64_t job_index(uint64_t arg)
{
	return smp_me()->index + arg;
}

static uint64_t job_kick(uint64_t mask)
{
	return (uint64_t)pvn_vcpu_kick(mask, SMP_KICK);
}

static uint64_t job_block(uint64_t arg)
{
	uint32_t before;

	smp_flag(false);
	before = SMP_LOAD(smp_me()->kicks);
	SMP_STORE(smp_me()->hello, smp_me()->hello + 1);
	while (SMP_LOAD(smp_me()->kicks) == before)
		pvn_sched_block();
	return arg;
}

static void test_kick(void)
{
	uint64_t last = 1ull << (smp_cpus - 1), all = (1ull << smp_cpus) - 1;
	uint32_t before[SMP_MAX];
	bool ok = true;

	pv_equal(-PVN_ERANGE, pvn_vcpu_kick(0, SMP_KICK), "vcpu.kick: nobody");
	pv_equal(-PVN_ERANGE, pvn_vcpu_kick(1ull << smp_cpus, SMP_KICK), "one that there is not");
	pv_equal(-PVN_ERANGE, pvn_vcpu_kick(1ull << 63 | 2, SMP_KICK), "nor is the other one kicked then");
	pv_equal(-PVN_ERANGE, pvn_vcpu_kick(2, 31), "an exception's vector");
	pv_equal(-PVN_ERANGE, pvn_vcpu_kick(2, 256), "no vector");
	pv_equal(0, SMP_LOAD(smp_cpu[1].kicks), "so far none has come");
	pv_equal(0, pvn_vcpu_kick(last, SMP_KICK), "the last vCPU");
	pv_result(smp_until32(&smp_cpu[smp_cpus - 1].kicks, 1), "is interrupted");
	smp_flag(true);
	pv_equal(0, pvn_vcpu_kick(1, SMP_KICK), "oneself");
	pv_equal(1, SMP_LOAD(smp_cpu[0].kicks), "has come at return");
	smp_flag(false);
	pv_equal(0, pvn_vcpu_kick(1, SMP_KICK), "with the flag off");
	pv_equal(1, SMP_LOAD(smp_cpu[0].kicks), "it waits");
	pv_equal(1, (int64_t)smp_cpu[0].info->pending, "as the page says");
	smp_flag(true);
	pv_equal(2, SMP_LOAD(smp_cpu[0].kicks), "until the flag is on");
	pv_equal(0, (int64_t)smp_run(1, job_kick, 1), "another one kicks the first");
	pv_result(smp_until32(&smp_cpu[0].kicks, 3), "which is interrupted");
	for (unsigned int i = 0; i < smp_cpus; i++)
		before[i] = SMP_LOAD(smp_cpu[i].kicks);
	pv_equal(0, pvn_vcpu_kick(all, SMP_KICK), "all");
	for (unsigned int i = 0; i < smp_cpus; i++)
		ok &= smp_until32(&smp_cpu[i].kicks, before[i] + 1);
	pv_result(ok, "each is interrupted");
	before[1] = smp_cpu[1].hello;
	smp_give(1, job_block, 77);
	smp_until64(&smp_cpu[1].hello, before[1] + 1);
	pvn_vcpu_kick(2, SMP_KICK);
	pv_equal(77, (int64_t)smp_result(1), "one that sleeps wakes up");
	for (unsigned int i = 0; i < smp_cpus; i++)
		ok &= !smp_cpu[i].wrong;
	pv_result(ok, "handlers start with the flag off");
}

static uint64_t job_read(uint64_t va)
{
	return *(volatile uint64_t *)va;
}

static uint64_t job_flush_first(uint64_t arg)
{
	return (uint64_t)pvn_mmu_flush_all(arg);
}

static void test_flush(void)
{
	uint64_t all = (1ull << smp_cpus) - 1;
	unsigned int wrong = 0, stale = 0;

	pv_equal(-PVN_ERANGE, pvn_mmu_flush_all(1ull << smp_cpus), "mmu.flush_all: a vCPU that there is not");
	for (unsigned int i = 0; i < 2; i++)
		*(volatile uint64_t *)(PVN_PV_DIRECT_MAP + DATA + i * 4096) = 100 + i;
	for (unsigned int round = 0; round < 200; round++) {
		unsigned int which = round & 1;

		pv_mmu_map(8, (DATA + which * 4096) | LEAF | NX);
		stale += smp_run(1, job_read, DATA_VA) != 100 + which;
		switch (round % 3) {
		case 0:
			wrong += pvn_mmu_flush_all(all) != 0;
			break;
		case 1:
			wrong += pvn_mmu_flush_page(DATA_VA, all & ~1ull) != 0;
			break;
		default:
			wrong += pvn_mmu_flush_range(DATA_VA, 1, 2) != 0;
			break;
		}
		wrong += smp_run(1, job_read, DATA_VA) != 100 + which;
	}
	pv_equal(0, wrong, "after a flush another vCPU sees the new page, 200 times");
	pv_text("# before the flush it saw the old one ");
	pv_number(stale);
	pv_text(" times\n");
	pv_equal(0, (int64_t)smp_run(1, job_flush_first, 1), "another one has this one flushed");
}

static uint64_t job_timer(uint64_t port)
{
	uint32_t before = SMP_LOAD(smp_me()->upcalls);

	pvn_time_timer_set(0, (uint32_t)port);
	while (SMP_LOAD(smp_me()->upcalls) == before)
		pvn_sched_block();
	return smp_me()->index;
}

static void test_events(void)
{
	int64_t port;

	pv_equal(0, pv_events_start(), "events");
	pv_equal(0, pvn_event_upcall_set(1, SMP_EVENT), "an upcall for another vCPU");
	port = pvn_event_alloc(1);
	pv_result(port > 0, "a port for it");
	pv_equal(0, pvn_event_send((uint32_t)port), "event.send");
	pv_result(smp_until32(&smp_cpu[1].upcalls, 1), "it hears of it");
	pv_events_seen(1, (uint32_t)port);
	pv_equal(1, (int64_t)smp_run(1, job_timer, (uint64_t)port), "a timer of its own wakes it");
	pv_events_seen(1, (uint32_t)port);
	if (smp_cpus > 2) {
		pvn_event_upcall_set(2, SMP_EVENT);
		pv_equal(0, pvn_event_bind((uint32_t)port, 2), "event.bind to a third");
		pv_equal(0, pvn_event_send((uint32_t)port), "event.send");
		pv_result(smp_until32(&smp_cpu[2].upcalls, 1), "which hears of it");
		pv_events_seen(2, (uint32_t)port);
	}
}

static uint64_t job_down(uint64_t cpu)
{
	return (uint64_t)pvn_vcpu_down((uint32_t)cpu);
}

static uint64_t job_count(uint64_t arg)
{
	while (!SMP_LOAD(smp_me()->stop))
		SMP_STORE(smp_me()->counted, smp_me()->counted + 1);
	SMP_STORE(smp_me()->stop, false);
	return arg;
}

static void test_down(void)
{
	uint64_t at;

	pv_equal(-PVN_ENODEV, pvn_vcpu_down(smp_cpus), "vcpu.down of one that there is not");
	smp_give(1, job_count, 5);
	smp_until64(&smp_cpu[1].counted, 1000);
	pv_equal(0, pvn_vcpu_down(1), "vcpu.down");
	pv_equal(0, pvn_vcpu_status(1), "it is down");
	at = SMP_LOAD(smp_cpu[1].counted);
	for (uint64_t end = pv_now() + 20000000; pv_now() < end;)
		;
	pv_equal((int64_t)at, (int64_t)SMP_LOAD(smp_cpu[1].counted), "and executes nothing");
	pv_equal(-PVN_ESTATE, pvn_vcpu_down(1), "vcpu.down again");
	pv_equal(0, pvn_mmu_flush_all((1ull << smp_cpus) - 1), "nobody waits for its flush");
	pv_equal(0, pvn_vcpu_up(1), "vcpu.up");
	pv_result(smp_until64(&smp_cpu[1].counted, at + 1000), "it goes on");
	SMP_STORE(smp_cpu[1].stop, true);
	pv_equal(5, (int64_t)smp_result(1), "and ends what it did");
	smp_give(1, job_down, 1);
	while (pvn_vcpu_status(1))
		__builtin_ia32_pause();
	pv_equal(0, pvn_vcpu_up(1), "one that went down by itself");
	pv_equal(0, (int64_t)smp_result(1), "returns from the call when it is up again");
	at = smp_cpu[1].hello;
	smp_run(1, job_index, 0);
	pvn_vcpu_down(1);
	SMP_STORE(smp_cpu[1].job, NULL);
	pv_equal(0, smp_create(1), "vcpu.create once more");
	pv_equal(0, pvn_vcpu_up(1), "vcpu.up");
	pv_result(smp_until64(&smp_cpu[1].hello, at + 1), "it starts anew");
	pv_equal(101, (int64_t)smp_run(1, job_index, 100), "and works");
	for (unsigned int i = 1; i < smp_cpus; i++)
		pvn_vcpu_down(i);
	pv_equal(-PVN_EBUSY, pvn_vcpu_down(0), "the last one stays up");
	for (unsigned int i = 1; i < smp_cpus; i++)
		pvn_vcpu_up(i);
	pv_equal(101, (int64_t)smp_run(1, job_index, 100), "the others come back");
}

void pv_smp_suite(bool trusted)
{
	smp_begin(trusted);
	test_up();
	test_kick();
	test_flush();
	test_events();
	test_down();
}
