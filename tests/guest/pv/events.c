// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts, sleep and the clock from inside. */
#include "pv.h"

#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

static struct pvn_event_page page __attribute__((aligned(4096)));
static uint32_t port;
unsigned int pv_interrupts;

int64_t pv_events_start(void)
{
	int64_t ret = pvn_event_page_register(pv_gpa(&page));

	if (ret && ret != -PVN_EBUSY)
		return ret;
	if (port)
		return 0;
	ret = pvn_event_upcall_set(0, PV_UPCALL);
	port = ret ? 0 : (uint32_t)pvn_event_alloc(0);
	return port ? ret : -1;
}

/* The guest's column of docs/abi/events.md. */
void pv_upcall(void)
{
	__atomic_exchange_n(&page.vcpu[0].upcall_pending, 0, __ATOMIC_SEQ_CST);
	__atomic_exchange_n(&page.vcpu[0].selector, 0, __ATOMIC_SEQ_CST);
	if (__atomic_fetch_and(&page.pending[port / 64], ~(1ull << port % 64), __ATOMIC_SEQ_CST) >> port % 64 & 1)
		pv_interrupts++;
}

void pv_events_seen(unsigned int vcpu, uint32_t seen)
{
	__atomic_exchange_n(&page.vcpu[vcpu].upcall_pending, 0, __ATOMIC_SEQ_CST);
	__atomic_exchange_n(&page.vcpu[vcpu].selector, 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&page.pending[seen / 64], ~(1ull << seen % 64), __ATOMIC_SEQ_CST);
}

uint64_t pv_now(void)
{
	const struct pvn_clock *c = &pv_info->clock;
	uint32_t version, low, high;
	uint64_t delta, ns;

	do {
		version = __atomic_load_n(&c->version, __ATOMIC_ACQUIRE);
		__asm__ __volatile__("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
		delta = ((uint64_t)high << 32 | low) - c->tsc_timestamp;
		delta = c->tsc_shift < 0 ? delta >> -c->tsc_shift : delta << c->tsc_shift;
		ns = c->system_time + (uint64_t)((unsigned __int128)delta * c->tsc_to_system_mul >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != __atomic_load_n(&c->version, __ATOMIC_RELAXED));
	return ns;
}

void pv_timer(uint64_t ns)
{
	pvn_time_timer_set(pv_now() + ns, port);
}

bool pv_wait_pending(void)
{
	uint64_t end = pv_now() + 5000000000;

	while (!__atomic_load_n(&pv_info->pending, __ATOMIC_RELAXED))
		if (pv_now() > end)
			return false;
	return true;
}

static bool wait_count(unsigned int count)
{
	uint64_t end = pv_now() + 5000000000;

	while (__atomic_load_n(&pv_interrupts, __ATOMIC_RELAXED) != count)
		if (pv_now() > end)
			return false;
	return true;
}

static void flag(bool on)
{
	__atomic_store_n(&pv_info->interrupts_on, on, __ATOMIC_SEQ_CST);
}

static void test_clock(void)
{
	const uint64_t slack = 20000000;
	uint64_t last = pv_now(), a, b, first = last;
	int64_t vmm;
	bool forward = true;

	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t now = pv_now();

		forward &= now >= last;
		last = now;
	}
	pv_result(forward, "the clock never goes back");
	pv_result(last > first, "and goes on");
	pv_result(pv_info->clock.version && !(pv_info->clock.version & 1), "its version is even");
	a = pv_now();
	vmm = pvn_time_clock();
	b = pv_now();
	if ((uint64_t)vmm + slack < a || (uint64_t)vmm > b + slack) {
		pv_text("# ");
		pv_number((int64_t)a);
		pv_text(" ");
		pv_number(vmm);
		pv_text(" ");
		pv_number((int64_t)b);
		pv_text("\n");
	}
	pv_result((uint64_t)vmm + slack >= a && (uint64_t)vmm <= b + slack, "time.clock is the same clock");
}

static void test_kept(void)
{
	unsigned int before = pv_interrupts;

	flag(false);
	pv_timer(0);
	pv_result(pv_wait_pending(), "with the flag off an interrupt waits");
	pv_equal(before, pv_interrupts, "and does not come");
	pvn_core_version();
	__asm__ __volatile__("int3" : : : "memory");
	pv_equal(before, pv_interrupts, "nor over a call and a trap");
	pv_equal(0, pvn_cpu_interrupt_take(), "cpu.interrupt_take with the flag off");
	pv_equal(before, pv_interrupts, "does nothing");
	flag(true);
	pv_equal(0, pvn_cpu_interrupt_take(), "with it on");
	pv_equal(before + 1, pv_interrupts, "it has come when the call returns");
	pv_equal(0, pv_info->pending, "nothing waits then");
	pv_equal(1, pv_info->interrupts_on, "and the flag is on");
	pv_result(!pv_trapped_interrupt.interrupts_on, "the handler had it off");
	pv_result(pv_trapped_interrupt.frame.hw.rflags & 0x200 && pv_trapped_interrupt.frame.hw.cs == PVN_PV_KERNEL_CS,
		  "its frame is kernel mode's, with the flag");
	pv_timer(0);
	pv_result(wait_count(before + 2), "with the flag on it comes at once");
	flag(false);
	pv_timer(0);
	pv_wait_pending();
	__asm__ __volatile__("sti" : : : "memory");
	pv_equal(before + 3, pv_interrupts, "STI, emulated, lets it in");
	flag(false);
	pv_timer(0);
	pv_wait_pending();
	/* The return from a trap turns it on: the frame says so. */
	pv_flag_on_return = true;
	__asm__ __volatile__("int3" : : : "memory");
	pv_equal(before + 4, pv_interrupts, "a return from a trap that turns the flag on does, too");
}

static void test_sleep(void)
{
	unsigned int before = pv_interrupts;
	uint64_t start;

	flag(false);
	start = pv_now();
	pv_timer(3000000);
	pv_equal(0, pvn_sched_block(), "sched.block");
	pv_equal(before + 1, pv_interrupts, "ends with an interrupt, which has come");
	pv_result(pv_now() - start >= 3000000, "and not before");
	pv_equal(1, pv_info->interrupts_on, "the flag is on then");
	flag(false);
	pv_timer(0);
	pv_wait_pending();
	pv_equal(0, pvn_sched_block(), "with one that waits already");
	pv_equal(before + 2, pv_interrupts, "there is no sleep");
	flag(false);
	pv_timer(3000000);
	__asm__ __volatile__("sti; hlt" : : : "memory");
	pv_equal(before + 3, pv_interrupts, "HLT ends in the same way");
	flag(false);
	pv_timer(0);
	pv_wait_pending();
	__asm__ __volatile__("sti; hlt" : : : "memory");
	pv_equal(before + 4, pv_interrupts, "STI lets nothing in before HLT");
}

static void test_dropped(void)
{
	unsigned int before = pv_interrupts;

	pv_equal(0, pvn_event_upcall_set(0, PV_UPCALL + 1), "a vector without a handler");
	flag(true);
	pv_timer(0);
	/* The VMM has raised it once the bit is there; it cannot take much longer. */
	for (uint64_t end = pv_now() + 20000000; pv_now() < end;)
		;
	pv_equal(before, pv_interrupts, "its interrupt is dropped");
	pv_equal(0, pv_info->pending, "and does not wait");
	pv_upcall();
	pv_equal(0, pvn_event_upcall_set(0, PV_UPCALL), "the old vector");
}

void pv_events_suite(void)
{
	pv_equal(0, pv_events_start(), "events");
	test_clock();
	pv_traps_register(PVN_TRAP_INTERRUPT_OFF);
	test_kept();
	test_sleep();
	test_dropped();
}
