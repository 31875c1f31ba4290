// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts at any moment, while the virtual flag goes on and off in every way that there is, in kernel mode and user
 * mode. Each timer raises one upcall: none may be lost, none come twice, none come while the flag is off.
 */
#include "pv.h"

#include <paravane/hypercall_proto.h>

#define ROUNDS 400
#define DELAY_MAX 400000 /* ns */
#define PATIENCE 5000000000ull

static unsigned int user_upcalls, early, steps[6];
static uint64_t seed = 1;

static unsigned int upcalls(void)
{
	return __atomic_load_n(&pv_trapped_interrupt.count, __ATOMIC_RELAXED) + user_upcalls;
}

static unsigned int random_below(unsigned int limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % limit;
}

static void off(void)
{
	__atomic_store_n(&pv_info->interrupts_on, 0, __ATOMIC_RELAXED);
}

/* What a patched kernel's STI is. */
static void on(void)
{
	__atomic_store_n(&pv_info->interrupts_on, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&pv_info->pending, __ATOMIC_RELAXED))
		pvn_cpu_interrupt_take();
}

static void spin(void)
{
	for (unsigned int i = random_below(400); i; i--)
		__asm__ __volatile__("");
}

/* A stretch with the flag off: an upcall in it is one too early. */
static void stretch_off(void)
{
	unsigned int before;

	off();
	before = upcalls();
	spin();
	switch (random_below(3)) {
	case 0:
		pvn_core_null();
		break;
	case 1:
		__asm__ __volatile__("int3" : : : "memory");
		break;
	}
	spin();
	early += upcalls() != before;
}

static void step(unsigned int n)
{
	unsigned int what = random_below(6);

	steps[what]++;
	switch (what) {
	case 0:
		stretch_off();
		on();
		break;
	case 1:
		stretch_off();
		/* The return from the trap turns it on. */
		pv_flag_on_return = true;
		__asm__ __volatile__("int3" : : : "memory");
		break;
	case 2:
		stretch_off();
		__asm__ __volatile__("sti" : : : "memory");
		break;
	case 3:
		on();
		spin();
		__asm__ __volatile__("int3" : : : "memory");
		break;
	case 4:
		stretch_off();
		user_upcalls += pv_user_null(1 + random_below(500));
		break;
	default:
		/* With the flag off it is known whether it has come; if so, the sleep would be for good. */
		off();
		if (upcalls() < n)
			pvn_sched_block();
		break;
	}
}

void pv_stress_suite(void)
{
	unsigned int lost = 0, twice = 0, missing = 0, n;
	uint64_t end;

	pv_user_start();
	pv_equal(0, pv_events_start(), "events");
	for (n = 1; n <= ROUNDS; n++) {
		pv_timer(random_below(DELAY_MAX));
		for (end = pv_now() + PATIENCE; upcalls() < n && pv_now() < end;)
			step(n);
		lost += upcalls() < n;
		/* What comes after it would be the same one again. */
		on();
		spin();
		twice += upcalls() > n;
	}
	pv_equal(0, lost, "no interrupt is lost");
	pv_equal(0, twice, "none comes twice");
	pv_equal(0, early, "none comes while the flag is off");
	pv_equal(ROUNDS, pv_interrupts, "each is an event");
	for (unsigned int i = 0; i < 6; i++)
		missing += steps[i] < 20;
	pv_equal(0, missing, "the flag went on in each way");
	pv_text("# in user mode: ");
	pv_number(user_upcalls);
	pv_text("\n");
	pv_result(user_upcalls > 5, "some came in user mode");
}
