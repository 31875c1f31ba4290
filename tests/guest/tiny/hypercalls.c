// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that makes every kind of call through the real transport: discovery, the page, registers, levels, multicall,
 * upcalls, timers, memory. Prints TAP on its serial port, then powers the machine off by a call.
 *
 * Words of the command line: `crash`, `log` and `reboot` make that one call instead. Devices: it wants exactly one PV
 * block device.
 */
#include <paravane/cpuid.h>
#include <paravane/device.h>
#include <paravane/hypercall.h>
#include <paravane/hypercall_proto.h>

#include "tiny.h"

#define VECTOR 0x41
#define MS 1000000ll
#define PCI_CONFIG 0xe0000000ull
#define RAM 0x400000ull /* free memory, from 4 MiB on */
#define BENCH_ROUNDS 2000

/* Where the calls go; the page lies in memory of its own. */
void *pvn_hypercall_page;

static char page[4096] __attribute__((aligned(4096)));
static struct pvn_event_page event_page __attribute__((aligned(4096)));
static struct pvn_multicall_entry list[64];
static struct pvn_ring_device device;
static struct pvn_memory_range map[PVN_MEMORY_MAP_MAX];
static uint32_t base;
/* By vCPU. */
static unsigned int interrupts[2], handled[2];
static uint64_t last_handled[2];

static uint64_t address(const void *p)
{
	return (uint64_t)p;
}

/* The same memory, seen from the upper half of the address space. */
static void *high_alias(const void *p)
{
	return (void *)(address(p) + TINY_HIGH);
}

/* The guest's column of docs/abi/events.md. */
void tiny_irq(uint64_t vector)
{
	unsigned int cpu = tiny_apic_id();
	struct pvn_event_vcpu *line = &event_page.vcpu[cpu];
	uint64_t words, bits;

	tiny_apic_eoi();
	if (vector != VECTOR)
		return;
	interrupts[cpu]++;
	__atomic_exchange_n(&line->upcall_pending, 0, __ATOMIC_SEQ_CST);
	for (words = __atomic_exchange_n(&line->selector, 0, __ATOMIC_SEQ_CST); words; words &= words - 1) {
		unsigned int word = (unsigned int)__builtin_ctzll(words);

		bits = __atomic_load_n(&event_page.pending[word], __ATOMIC_SEQ_CST) &
		       ~__atomic_load_n(&event_page.mask[word], __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&event_page.pending[word], ~bits, __ATOMIC_SEQ_CST);
		if (bits) {
			last_handled[cpu] = bits;
			__atomic_fetch_add(&handled[cpu], 1, __ATOMIC_SEQ_CST);
		}
	}
}

static bool has_word(const char *text, const char *word)
{
	for (; *text; text++) {
		size_t i = 0;

		while (word[i] && text[i] == word[i])
			i++;
		if (!word[i])
			return true;
	}
	return false;
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static void test_discovery(void)
{
	uint32_t leaf[4];

	for (base = PVN_CPUID_FIRST; base <= PVN_CPUID_LAST; base += PVN_CPUID_STEP) {
		tiny_cpuid(base, leaf);
		if (leaf[1] == PVN_CPUID_SIGNATURE_EBX && leaf[2] == PVN_CPUID_SIGNATURE_ECX &&
		    leaf[3] == PVN_CPUID_SIGNATURE_EDX)
			break;
	}
	tiny_result(base <= PVN_CPUID_LAST, "CPUID: signature found");
	tiny_equal(base + PVN_CPUID_MAX_LEAF, leaf[0], "CPUID: last leaf");
	tiny_cpuid(base + PVN_CPUID_LEAF_VERSION, leaf);
	tiny_equal(PVN_ABI_VERSION, leaf[0], "CPUID: version");
	tiny_equal(PVN_CPUID_MODE_HVM, leaf[1], "CPUID: mode");
	tiny_equal(2, leaf[2], "CPUID: number of vCPUs");
	tiny_cpuid(base + PVN_CPUID_LEAF_TRANSPORT, leaf);
	tiny_equal(PVN_PORT_PAGE, leaf[0], "CPUID: page port");
	tiny_equal(PVN_PORT_CALL, leaf[1], "CPUID: call port");
	tiny_cpuid(base + PVN_CPUID_LEAF_VCPU, leaf);
	tiny_equal(0, leaf[0], "CPUID: number of this vCPU");
}

static void test_page(void)
{
	uint32_t frame = (uint32_t)(address(page) >> PVN_PAGE_SHIFT);

	tiny_equal(PVN_PORT_PAGE_NONE, tiny_inl(PVN_PORT_PAGE), "page: none at start");
	tiny_user(0, frame, 0, PVN_PORT_PAGE, tiny_user_out);
	tiny_result(tiny_inl(PVN_PORT_PAGE) == PVN_PORT_PAGE_NONE && !page[0], "page: user mode cannot register one");
	tiny_outl(PVN_PORT_PAGE, 0xfff00);
	tiny_equal(PVN_PORT_PAGE_NONE, tiny_inl(PVN_PORT_PAGE), "page: refused where there is no RAM");
	tiny_outl(PVN_PORT_PAGE, frame);
	tiny_equal(frame, tiny_inl(PVN_PORT_PAGE), "page: registered");
	pvn_hypercall_page = page;
}

static void test_levels(void)
{
	void (*target)(void) = (void (*)(void))(void *)page;

	tiny_equal(0, pvn_core_null(), "level 0: core.null");
	tiny_equal(0, (int64_t)tiny_kept_registers(PVN_HC_CORE_NULL, page), "level 0: registers kept, rcx and r11 lost");
	pvn_hypercall_page = high_alias(page);
	tiny_equal(PVN_ABI_VERSION, pvn_core_version(), "level 0, upper half: core.version");
	pvn_hypercall_page = page;
	tiny_equal(-PVN_EPERM, tiny_user(PVN_HC_CORE_NULL, 0, 0, 0, target), "level 3: core.null");
	tiny_equal(-PVN_EPERM, tiny_user(0x4242, 0, 0, 0, target), "level 3: an unknown number");
	tiny_equal(-PVN_EPERM, tiny_user(PVN_HC_DEBUG_MARK, 1, 1, 0, target), "level 3: debug.mark");
}

static void test_core(void)
{
	struct pvn_call_info info;
	unsigned int calls = 0;
	int64_t nr, features;

	tiny_equal(-PVN_ENOSYS, pvn_hypercall0(0x4242), "unknown number");
	tiny_equal(-PVN_ENOSYS, pvn_hypercall0(1ull << 32), "a number of more than 32 bits");
	tiny_equal(-PVN_ESTATE, pvn_time_clock(), "before features are accepted");
	features = pvn_core_features(0);
	tiny_result(features > 0, "features offered");
	tiny_equal(-PVN_EVERSION, pvn_core_accept_features((PVN_ABI_MAJOR + 1) << 16, 0, 0, 0, 0), "another major is refused");
	tiny_equal(0, pvn_core_accept_features(PVN_ABI_VERSION, (uint32_t)features, 0, 0, 0), "features accepted");
	tiny_equal(-PVN_EINVAL, pvn_hypercall1(PVN_HC_CORE_FEATURES, 1ull << 32), "upper half of a 32-bit argument");
	for (nr = 0; (nr = pvn_core_describe((uint32_t)nr, address(&info))) >= 0; nr++)
		calls++;
	tiny_result(nr == -PVN_ERANGE && calls > 60, "core.describe lists the calls");
	tiny_equal(-PVN_ENOTSUP, pvn_mmu_flush_all(0), "a call of pv mode");
	tiny_equal(-PVN_EFAULT, pvn_core_describe(0, ~7ull), "a pointer at the end of the address space");
	tiny_equal(-PVN_EFAULT, pvn_core_describe(0, 0xfee00000), "a pointer to device registers");
}

static void list_fill(uint32_t nr)
{
	for (unsigned int i = 0; i < 64; i++)
		list[i] = (struct pvn_multicall_entry){ .nr = nr, .result = 0x5a };
}

static void test_multicall(void)
{
	unsigned int right = 0;

	list_fill(PVN_HC_CORE_DESCRIBE);
	for (unsigned int i = 0; i < 64; i++) {
		list[i].nr = PVN_HC_CORE_FEATURES;
		list[i].args[0] = i;
	}
	tiny_equal(64, pvn_core_multicall(address(list), 64, 0), "multicall of 64");
	for (unsigned int i = 0; i < 64; i++)
		right += i == 0 ? list[i].result > 0 : list[i].result == (i < PVN_FEATURE_WORDS ? 0 : -PVN_ERANGE);
	tiny_equal(64, right, "multicall: each entry has its own result");
	list_fill(PVN_HC_CORE_NULL);
	list[2].nr = PVN_HC_CORE_MULTICALL;
	tiny_equal(3, pvn_core_multicall(address(list), 64, PVN_MULTICALL_STOP_ON_ERROR), "multicall: stops where told to");
	tiny_result(list[2].result == -PVN_EINVAL && list[3].result == 0x5a, "multicall: may not nest");
	tiny_equal(-PVN_ERANGE, pvn_core_multicall(address(list), 257, 0), "multicall: too many");
	tiny_equal(-PVN_EFAULT, pvn_core_multicall(0xfee00000, 1, 0), "multicall: list in device registers");
}

static void test_events(void)
{
	int64_t port, start;

	tiny_equal(0, pvn_event_page_register(address(&event_page)), "event page registered");
	tiny_equal(0, pvn_event_upcall_set(0, VECTOR), "upcall vector set");
	port = pvn_event_alloc(0);
	tiny_equal(1, port, "port opened");
	tiny_equal(0, pvn_event_send((uint32_t)port), "event sent");
	tiny_equal(0, interrupts[0], "no upcall while interrupts are off");
	tiny_irq_window();
	tiny_result(interrupts[0] == 1 && handled[0] == 1 && last_handled[0] == 2, "upcall arrives, with its port");
	tiny_equal(0, pvn_event_mask((uint32_t)port), "port masked");
	pvn_event_send((uint32_t)port);
	tiny_irq_window();
	tiny_equal(1, interrupts[0], "no upcall for a masked port");
	tiny_equal(1, pvn_event_unmask((uint32_t)port), "port unmasked: it was pending");
	tiny_irq_window();
	tiny_result(interrupts[0] == 2 && handled[0] == 2, "upcall after unmasking");

	start = pvn_time_clock();
	tiny_equal(0, pvn_time_timer_set((uint64_t)(start + 20 * MS), (uint32_t)port), "timer set");
	while (handled[0] == 2)
		tiny_irq_wait();
	tiny_result(pvn_time_clock() >= start + 20 * MS, "timer fires, not early, and wakes from HLT");
	tiny_equal(0, pvn_event_close((uint32_t)port), "port closed");
	tiny_equal(-PVN_ENODEV, pvn_event_send((uint32_t)port), "a closed port takes no event");
	tiny_equal(0, pvn_event_page_unregister(), "event page given back");
}

/* What vCPU 1 finds out; 1 in the last one means that the others are there. */
static int64_t ap_number, ap_version, ap_send, ap_ready;
static uint32_t ap_port;

void tiny_ap_test(void)
{
	uint32_t leaf[4];

	tiny_cpuid(base + PVN_CPUID_LEAF_VCPU, leaf);
	ap_number = leaf[0];
	ap_version = pvn_core_version();
	ap_send = pvn_event_send(ap_port);
	__atomic_store_n(&ap_ready, 1, __ATOMIC_SEQ_CST);
}

/* Until the word reaches `least`, with interrupts on, two seconds at most. */
static bool wait_for(const void *word, unsigned int least)
{
	int64_t end = pvn_time_clock() + 2000 * MS;

	while (__atomic_load_n((const unsigned int *)word, __ATOMIC_SEQ_CST) < least && pvn_time_clock() < end)
		tiny_irq_window();
	return __atomic_load_n((const unsigned int *)word, __ATOMIC_SEQ_CST) >= least;
}

static void test_second_vcpu(void)
{
	unsigned int before;
	int64_t port;

	pvn_event_page_register(address(&event_page));
	pvn_event_upcall_set(0, VECTOR);
	tiny_equal(0, pvn_event_upcall_set(1, VECTOR), "vCPU 1: upcall vector set");
	tiny_equal(-PVN_ENODEV, pvn_event_upcall_set(2, VECTOR), "there is no vCPU 2");
	ap_port = (uint32_t)pvn_event_alloc(0);
	port = pvn_event_alloc(1);
	before = handled[0];
	tiny_ap_start();
	tiny_result(wait_for(&ap_ready, 1), "vCPU 1 runs");
	tiny_equal(1, ap_number, "vCPU 1: its number by CPUID");
	tiny_equal(PVN_ABI_VERSION, ap_version, "vCPU 1: makes calls through the same page");
	tiny_equal(0, ap_send, "vCPU 1: sends an event");
	tiny_result(wait_for(&handled[0], before + 1) && last_handled[0] == 1ull << ap_port, "its event arrives at vCPU 0");
	before = handled[0];
	pvn_event_send((uint32_t)port);
	tiny_result(wait_for(&handled[1], 1) && last_handled[1] == 1ull << port, "an event for vCPU 1 wakes it from HLT");
	tiny_equal(before, handled[0], "and vCPU 0 does not hear of it");
	tiny_equal(0, pvn_event_bind((uint32_t)port, 0), "port bound to vCPU 0");
	pvn_event_send((uint32_t)port);
	tiny_result(wait_for(&handled[0], before + 1) && handled[1] == 1, "its events go there now");
	pvn_event_page_unregister();
}

static void test_time(void)
{
	struct pvn_wall_clock wall;
	int64_t a = pvn_time_clock(), b = pvn_time_clock();

	tiny_result(a >= 0 && b >= a, "clock does not go back");
	tiny_equal(0, pvn_time_wall_clock(address(&wall)), "wall clock read");
	tiny_result(wall.seconds > 1700000000 && wall.nanoseconds < 1000000000, "wall clock: a date of this century");
	tiny_equal(0, pvn_sched_yield(), "yield");
}

static void test_memory(void)
{
	uint64_t *word = (uint64_t *)RAM;
	bool found = false;
	int64_t ranges;

	ranges = pvn_memory_map(address(map), PVN_MEMORY_MAP_MAX);
	for (int64_t i = 0; i < ranges && i < PVN_MEMORY_MAP_MAX; i++)
		found |= map[i].type == PVN_MEMORY_RAM && map[i].start <= address(tiny_end) &&
			 address(tiny_end) < map[i].start + map[i].bytes;
	tiny_result(found, "memory map has the RAM that this runs in");
	word[0] = word[511] = 0x1234;
	word[512] = 0x5678;
	tiny_equal(0, pvn_memory_release(RAM, 4096), "page released");
	tiny_result(word[0] == 0 && word[511] == 0 && word[512] == 0x5678, "released memory reads as zero, its neighbour not");
	tiny_equal(0, pvn_memory_populate(RAM, 1 << 20), "memory populated");
	tiny_equal(0x5678, (int64_t)word[512], "populating keeps contents");
	tiny_equal(-PVN_EFAULT, pvn_memory_release(0xfee00000, 4096), "device registers cannot be released");
}

/* The device's command register, in the PCI configuration space that this host has at a fixed place. */
static void bus_master(const struct pvn_ring_device *d)
{
	__asm__ __volatile__("orw $4, (%0)" : : "r"(PCI_CONFIG + ((uint64_t)d->pci << 4) + 4) : "memory");
}

static void test_ring(void)
{
	tiny_equal(0, pvn_ring_info(0, address(&device)), "ring.info of device 0");
	tiny_equal(PVN_PCI_DEVICE_BLOCK, device.type, "device 0 is the disk");
	tiny_equal(-PVN_ENODEV, pvn_ring_info(1, address(&device)), "there is no device 1");
	tiny_equal(-PVN_ESTATE, pvn_ring_attach(0, RAM), "attach of a device that is no bus master");
	pvn_ring_info(0, address(&device));
	bus_master(&device);
	tiny_equal(-PVN_EFAULT, pvn_ring_attach(0, 0xfee00000), "attach from device registers");
	/* Free memory is zero: version 0 is none that a driver has. */
	tiny_equal(-PVN_EVERSION, pvn_ring_attach(0, RAM + 0x200000), "attach of a driver of version 0");
	tiny_equal(-PVN_ESTATE, pvn_ring_quiesce(0), "quiesce of a device that is not attached");
	tiny_equal(-PVN_ESTATE, pvn_ring_notify(0, 0), "doorbell of a device that is not attached");
	tiny_equal(0, pvn_ring_detach(0), "detach");
}

static void test_words(void)
{
	static const char text[] = "# written by console.write\n";
	size_t done = 0;

	while (done < sizeof(text) - 1) {
		int64_t taken = pvn_console_write(address(text) + done, (uint32_t)(sizeof(text) - 1 - done));

		if (taken < 0)
			break;
		done += (size_t)taken;
	}
	tiny_equal(sizeof(text) - 1, (int64_t)done, "console.write");
	tiny_equal(0, pvn_debug_log(address("tiny guest was here"), 19), "debug.log");
	tiny_equal(0, pvn_debug_mark(1, 42), "debug.mark");
}

/* Time stamps a call: the least of many batches, since a batch may be interrupted. */
static uint64_t bench(bool many, void *through)
{
	uint64_t best = ~0ull;

	pvn_hypercall_page = through;
	list_fill(PVN_HC_CORE_NULL);
	for (int batch = 0; batch < 5; batch++) {
		uint64_t start = tiny_rdtsc(), per;

		for (int i = 0; i < BENCH_ROUNDS / 5; i++) {
			if (many)
				pvn_core_multicall(address(list), 64, 0);
			else
				pvn_core_null();
		}
		per = (tiny_rdtsc() - start) / (BENCH_ROUNDS / 5) / (many ? 64 : 1);
		best = per < best ? per : best;
	}
	pvn_hypercall_page = page;
	return best;
}

static void test_cost(void)
{
	uint64_t low = bench(false, page), high = bench(false, high_alias(page));
	uint64_t many = bench(true, high_alias(page));

	tiny_text("# core.null, time stamp counts a call: from the upper half ");
	tiny_number((int64_t)high);
	tiny_text(", from the lower half (level looked up) ");
	tiny_number((int64_t)low);
	tiny_text(", in a multicall of 64 ");
	tiny_number((int64_t)many);
	tiny_text("\n");
	tiny_result(many * 20 <= high, "a call in a multicall of 64 costs a twentieth of a single one at most");
}

void tiny_test(const char *cmdline)
{
	if (has_word(cmdline, "crash") || has_word(cmdline, "reboot") || has_word(cmdline, "log")) {
		tiny_outl(PVN_PORT_PAGE, (uint32_t)(address(page) >> PVN_PAGE_SHIFT));
		pvn_hypercall_page = page;
		/* Text with everything in it that a log must not take over as it is. */
		if (has_word(cmdline, "log"))
			pvn_debug_log(address("one\x1b[31m\ntwo"), 12);
		if (has_word(cmdline, "crash"))
			pvn_debug_crash(address("told to crash"), length("told to crash"));
		pvn_core_accept_features(PVN_ABI_VERSION, PVN_F0_SCHED, 0, 0, 0);
		pvn_sched_shutdown(has_word(cmdline, "reboot") ? PVN_SHUTDOWN_REBOOT : PVN_SHUTDOWN_POWEROFF);
		return;
	}
	tiny_plan(84);
	test_discovery();
	test_page();
	test_levels();
	test_core();
	test_multicall();
	test_events();
	test_second_vcpu();
	test_time();
	test_memory();
	test_ring();
	test_words();
	test_cost();
	pvn_sched_shutdown(PVN_SHUTDOWN_POWEROFF);
}
