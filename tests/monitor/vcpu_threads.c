// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor with a thread for each vCPU, all doing at once what they may do to each other. Each remembers what its
 * processor could have cached of the tables, and looks whether that is still what it was; the thread sanitizer looks at
 * the monitor's own words.
 */
#include "kselftest_harness.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "monitor.h"

#define CPUS 4
#define RAM (16ull << 20)
#define CHUNKS (RAM >> CHUNK_SHIFT)
#define OWN (1ull << 39) /* guest-physical address of the monitor's memory */
#define ZONE (4ull << 20)
#define MORE (10ull << 20) /* comes into the zone and leaves it */
#define TOP(n) (ZONE + (n) * PAGE_BYTES)
#define TABLE(n) (ZONE + 0x10000 + (n) * PAGE_BYTES)
#define TABLES 6
#define SLOTS 3 /* of each of the two top-level tables */
#define LINK (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_NX)
#define VA 0xffffffff80000000ull /* RAM is mapped there */
#define STACK(cpu) (VA + 0x100000 + 0x10000 * ((cpu) + 1))
#define CODE (VA + 0x8000)
#define HANDLER (VA + 0x9000)
#define CONTEXT(cpu) (0x2000 + 0x100 * (cpu))
#define ROUNDS 1000

/* A processor: what it may have cached, and whether it has been poked. */
struct cpu {
	struct monitor_vcpu v;
	struct monitor_regs regs;
	jmp_buf guest;
	uint64_t cr3, gs;
	struct {
		uint64_t frame;
		uint32_t version;
	} cached[SLOTS];
	unsigned int poked, seed, kicks, steps;
	unsigned int rounds;
	bool over;
};

static struct cpu cpu[CPUS];
static struct monitor_vm vm;
static uint8_t *ram, *own;
static uint32_t version[TABLES]; /* how often it became a table */
static unsigned int stale, finished, gone, reused, strange;
static __thread struct cpu *me;

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define ADD(x, n) __atomic_fetch_add(&(x), n, __ATOMIC_SEQ_CST)

/* ---------------------------------------------------------------- arch.h */

static int copy(void *to, const void *from, uint64_t va, size_t bytes)
{
	if (va - VA >= RAM || bytes > RAM - (va - VA))
		return -1;
	memcpy(to, from, bytes);
	return 0;
}

int arch_copy_from_guest(void *to, uint64_t from, size_t bytes)
{
	return copy(to, ram + (from - VA), from, bytes);
}

int arch_copy_to_guest(uint64_t to, const void *from, size_t bytes)
{
	return copy(ram + (to - VA), from, to, bytes);
}

uint64_t arch_rdmsr(uint32_t msr)
{
	return me->gs;
}

void arch_wrmsr(uint32_t msr, uint64_t value)
{
	me->gs = value;
}

int arch_wrmsr_try(uint32_t msr, uint64_t value)
{
	return 0;
}

void arch_write_cr3(uint64_t top)
{
	me->cr3 = top;
	memset(me->cached, 0, sizeof(me->cached));
}

void arch_invlpg(uint64_t va)
{
	memset(me->cached, 0, sizeof(me->cached));
}

void arch_poke(unsigned int vcpu)
{
	__atomic_store_n(&cpu[vcpu].poked, 1, __ATOMIC_SEQ_CST);
}

struct monitor_vcpu *arch_self(void)
{
	return &me->v;
}

static bool take_poke(void)
{
	return __atomic_exchange_n(&me->poked, 0, __ATOMIC_SEQ_CST);
}

void arch_sleep(void)
{
	while (!take_poke())
		sched_yield();
	interrupt_poked(&me->v);
}

void arch_return(struct monitor_vcpu *v)
{
	longjmp(me->guest, 1);
}

int64_t arch_vmm_call(uint64_t nr, const uint64_t *args)
{
	sched_yield();
	return 0;
}

void arch_vmm_stop(void)
{
	fprintf(stderr, "vCPU %u stops the guest: %s\n", me->v.shared.boot.vcpu, me->v.shared.report.text);
	abort();
}

uint32_t arch_apic_read(unsigned int reg)
{
	return 0;
}

void arch_apic_write(unsigned int reg, uint32_t value)
{
}

void arch_gate_open(unsigned int vector, bool open)
{
}

uint64_t arch_gs_load(uint16_t selector, uint64_t base)
{
	return 0;
}

uint64_t arch_take_dr6(void)
{
	return 0;
}

uint64_t arch_read_cr(unsigned int cr)
{
	return 0;
}

uint64_t arch_xsave_start(void)
{
	return 0;
}

int arch_xsetbv_try(uint64_t value)
{
	return -1;
}

uint64_t arch_read_cr2(void)
{
	return 0;
}

uint32_t arch_in(uint16_t port, unsigned int bytes)
{
	return 0;
}

void arch_out(uint16_t port, unsigned int bytes, uint32_t value)
{
}

/* ---------------------------------------------------------------- a guest */

static int64_t call(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* Handlers of interrupts that have been delivered do nothing but return. */
static void handlers(void)
{
	while (me->regs.rip - HANDLER < 256) {
		uint64_t frame = me->regs.rsp;

		me->kicks++;
		me->regs.rsp = frame - 32;
		memset(ram + (frame - 24 - VA), 0, 24);
		ADD(strange, hypercall_handle(&me->v, PVN_HC_CPU_TRAP_RETURN) != 0);
		me->v.full_return = 0;
	}
}

static int64_t call(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	int64_t ret;

	me->regs.rdi = a0;
	me->regs.rsi = a1;
	me->regs.rdx = a2;
	me->regs.r10 = a3;
	ret = hypercall_handle(&me->v, nr);
	me->v.full_return = 0;
	handlers();
	return ret;
}

/* Is what is cached still what it was when it was cached? Then walk once more, as hardware would. */
static void look(void)
{
	const uint64_t *table;

	if (me->cr3 != TOP(0) && me->cr3 != TOP(1))
		return;
	table = (const uint64_t *)(ram + me->cr3);
	for (unsigned int i = 0; i < SLOTS; i++) {
		uint64_t value = me->cached[i].frame, n;

		if (value && LOAD(version[(value - TABLE(0)) / PAGE_BYTES]) != me->cached[i].version)
			ADD(stale, 1);
		value = __atomic_load_n(&table[i], __ATOMIC_SEQ_CST);
		if (me->cached[i].frame || !(value & PTE_PRESENT))
			continue;
		n = ((value & PTE_ADDR) - TABLE(0)) / PAGE_BYTES;
		me->cached[i].frame = value & PTE_ADDR;
		me->cached[i].version = LOAD(version[n]);
	}
}

/* A moment at level 3. */
static void step(void)
{
	if (take_poke()) {
		me->regs.vector = VECTOR_POKE;
		me->regs.error = 0;
		trap_from_guest(&me->v, &me->regs);
		handlers();
	}
	look();
	me->steps++;
}

static void flag(bool on)
{
	guest_interrupts_set(&me->v, on);
	if (on && __atomic_load_n(&me->v.info->pending, __ATOMIC_RELAXED))
		call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0);
}

static unsigned int random_below(unsigned int limit)
{
	return (unsigned int)rand_r(&me->seed) % limit;
}

static void expect(int64_t ret, int64_t other, int64_t another)
{
	if (ret && ret != other && ret != another) {
		fprintf(stderr, "# unexpected %lld\n", (long long)ret);
		ADD(strange, 1);
	}
}

static void any_table_call(void)
{
	unsigned int n = random_below(TABLES);

	switch (random_below(5)) {
	case 0:
		expect(call(PVN_HC_MMU_ENTRY_SET, TOP(random_below(2)) + 8 * random_below(SLOTS), TABLE(n) | LINK, 0, 0), -PVN_EINVAL, 0);
		break;
	case 1:
	case 2:
		expect(call(PVN_HC_MMU_ENTRY_SET, TOP(random_below(2)) + 8 * random_below(SLOTS), 0, 0, 0), 0, 0);
		break;
	case 3:
		expect(call(PVN_HC_MMU_TABLE_FREE, TABLE(n), 0, 0, 0), -PVN_EBUSY, -PVN_ESTATE);
		break;
	default:
		if (call(PVN_HC_MMU_TABLE_ALLOC, TABLE(n), 3, 0, 0))
			break;
		ADD(version[n], 1);
		ADD(reused, 1);
		break;
	}
}

static void any_vcpu_call(void)
{
	unsigned int other = random_below(CPUS);

	switch (random_below(6)) {
	case 0:
		expect(call(PVN_HC_VCPU_DOWN, other, 0, 0, 0), -PVN_EBUSY, -PVN_ESTATE);
		break;
	case 1:
	case 2:
	case 3:
		expect(call(PVN_HC_VCPU_UP, other, 0, 0, 0), -PVN_EBUSY, 0);
		break;
	case 4:
		call(PVN_HC_VCPU_KICK, 1 + random_below(15), 0x40 + random_below(8), 0, 0);
		break;
	default:
		/* One that is down starts anew, in the middle of what it did. */
		if (!random_below(4))
			expect(call(PVN_HC_VCPU_CREATE, other, CONTEXT(other), 0, 0), -PVN_EBUSY, 0);
		break;
	}
}

static void any_call(void)
{
	switch (random_below(8)) {
	case 0:
	case 1:
		any_table_call();
		break;
	case 2:
		expect(call(PVN_HC_MMU_FLUSH_ALL, random_below(16), 0, 0, 0), 0, 0);
		break;
	case 3:
		expect(call(PVN_HC_MMU_FLUSH_PAGE, VA, random_below(16), 0, 0), 0, 0);
		break;
	case 4:
		expect(call(PVN_HC_MMU_SPACE_SWITCH, TOP(random_below(2)), 0, 0, 0), 0, 0);
		break;
	case 5:
		any_vcpu_call();
		break;
	case 6:
		call(PVN_HC_SCHED_YIELD, 0, 0, 0, 0);
		break;
	default:
		flag(random_below(2));
		/* A kick of its own, so that there is something to wake it. */
		if (!random_below(4)) {
			call(PVN_HC_VCPU_KICK, 1ull << me->v.shared.boot.vcpu, 0x50, 0, 0);
			call(PVN_HC_SCHED_BLOCK, 0, 0, 0, 0);
		}
		break;
	}
}

/* All, until all have come so far. */
static void bring_up(const unsigned int *count)
{
	for (unsigned int i = 0; LOAD(*count) < CPUS; i++) {
		call(PVN_HC_VCPU_UP, i % CPUS, 0, 0, 0);
		step();
		sched_yield();
	}
}

static void storm(void)
{
	while (me->rounds < ROUNDS) {
		me->rounds++;
		any_call();
		for (unsigned int i = random_below(4); i; i--)
			step();
	}
	/* Once each, though it may start anew here too. Then none goes down any more, and none is left down. */
	if (!me->over)
		ADD(finished, 1);
	me->over = true;
	bring_up(&finished);
	ADD(gone, 1);
	bring_up(&gone);
}

/* ---------------------------------------------------------------- */

static void (*guest)(void);

static void *thread(void *arg)
{
	me = arg;
	/* As monitor_start: all but the first wait for a context, and each start comes out here. */
	if (!setjmp(me->guest))
		vcpu_rest(&me->v);
	if (me->v.shared.boot.vcpu == 0)
		me->cr3 = TOP(0);
	guest();
	return NULL;
}

static void make_start(struct mmu *mmu)
{
	uint64_t *top = (uint64_t *)own, *direct3 = top + 512, *direct2 = top + 1024;

	top[273] = (OWN + 0x1000) | PTE_PRESENT;
	direct3[0] = (OWN + 0x2000) | PTE_PRESENT;
	for (unsigned int i = 0; i < CHUNKS; i++)
		direct2[i] = i * CHUNK_BYTES | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	*mmu = (struct mmu){ .own = own, .own_gpa = OWN, .start_top = OWN, .chunks = CHUNKS, .nr_slots = 3, .clock = 1,
			     .directory = calloc(CHUNKS, 2), .slot = calloc(3, sizeof(struct mmu_slot)) };
}

static void make_cpu(unsigned int i)
{
	struct monitor_vcpu *v = &cpu[i].v;

	memset(&cpu[i], 0, sizeof(cpu[i]));
	cpu[i].seed = i + 1;
	cpu[i].cr3 = OWN;
	v->self = v;
	v->vm = &vm;
	v->ram = ram;
	v->info = &v->own_info;
	v->regs = &cpu[i].regs;
	v->call = (struct monitor_call){ .v = v, .args = &v->regs->rdi };
	v->shared.boot.vcpu = i;
	v->shared.boot.nr_vcpus = CPUS;
	v->shared.boot.ram[0].bytes = RAM;
	v->shared.boot.offered[0] = ~0u;
	v->state = i ? VCPU_NEW : VCPU_UP;
	v->resting = v->away = i != 0;
	v->mmu.flushed = i ? ~0ull : 1;
	v->mmu.kernel = i ? 0 : OWN;
	cpu[i].regs = (struct monitor_regs){ .rip = CODE, .rsp = STACK(i), .rflags = RFLAGS_FIXED };
	*(struct pvn_vcpu_context *)(ram + CONTEXT(i)) =
		(struct pvn_vcpu_context){ .rip = CODE, .rsp = STACK(i), .kernel_table = TOP(0) };
	vm.vcpu[i] = v;
}

FIXTURE(threads)
{
};

/* The first vCPU's thread is the test's own until it runs the guest. */
FIXTURE_SETUP(threads)
{
	memset(&vm, 0, sizeof(vm));
	ram = calloc(1, RAM);
	own = aligned_alloc(4096, 0x4000);
	memset(own, 0, 0x4000);
	make_start(&vm.mmu);
	vm.usable = ~0u;
	vm.nr_vcpus = CPUS;
	for (unsigned int i = 0; i < CPUS; i++)
		make_cpu(i);
	for (unsigned int i = 32; i < 256; i++)
		vm.trap[i] = (struct monitor_trap){ HANDLER + i, PVN_TRAP_INTERRUPT_OFF };
	memset(version, 0, sizeof(version));
	stale = finished = gone = reused = strange = 0;
	me = &cpu[0];
	ASSERT_EQ(0, call(PVN_HC_MMU_ZONE_ADD, ZONE, CHUNK_BYTES, 0, 0));
	for (unsigned int i = 0; i < 2; i++)
		ASSERT_EQ(0, call(PVN_HC_MMU_TABLE_ALLOC, TOP(i), 4, PVN_MMU_TABLE_KERNEL, 0));
	ASSERT_EQ(0, call(PVN_HC_MMU_SPACE_SWITCH, TOP(0), 0, 0, 0));
	for (unsigned int i = 1; i < CPUS; i++)
		ASSERT_EQ(0, call(PVN_HC_VCPU_CREATE, i, CONTEXT(i), 0, 0));
}

FIXTURE_TEARDOWN(threads)
{
	free(vm.mmu.directory);
	free(vm.mmu.slot);
	free(ram);
	free(own);
}

static void run(void (*what)(void))
{
	pthread_t id[CPUS];

	guest = what;
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_create(&id[i], NULL, thread, &cpu[i]);
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_join(id[i], NULL);
}

static void storm_from_first(void)
{
	if (me == &cpu[0])
		for (unsigned int i = 1; i < CPUS; i++)
			call(PVN_HC_VCPU_UP, i, 0, 0, 0);
	storm();
}

TEST_F_TIMEOUT(threads, storm, 50)
{
	unsigned int kicks = 0;

	run(storm_from_first);
	EXPECT_EQ(0, stale) TH_LOG("what had been flushed was still in use");
	EXPECT_EQ(0, strange);
	EXPECT_LT(30, reused);
	for (unsigned int i = 0; i < CPUS; i++) {
		kicks += cpu[i].kicks;
		EXPECT_LE(ROUNDS, cpu[i].rounds);
		EXPECT_EQ(0, cpu[i].v.resting);
	}
	EXPECT_LT(30, kicks);
	EXPECT_EQ(0, vm.mmu.lock);
}

/* ---------------------------------------------------------------- results that are written where the zone comes to be */

#define ENTRIES 256
#define ZONES 100

static unsigned int phase, written, refused;

/* The second makes calls whose results lie in memory that the first takes into the zone in the middle of them. */
static void zone_and_lists(void)
{
	struct pvn_multicall_entry *list = (void *)(ram + MORE);

	if (me == &cpu[0])
		call(PVN_HC_VCPU_UP, 1, 0, 0, 0);
	/* The two others rest all the time. */
	for (unsigned int n = 0; n < ZONES; n++) {
		if (me == &cpu[1]) {
			int64_t ret;

			for (unsigned int i = 0; i < ENTRIES; i++)
				list[i] = (struct pvn_multicall_entry){ .nr = i % 8 ? PVN_HC_CORE_VERSION : PVN_HC_SCHED_YIELD };
			__atomic_store_n(&phase, 2 * n + 1, __ATOMIC_SEQ_CST);
			ret = call(PVN_HC_CORE_MULTICALL, MORE, ENTRIES, 0, 0);
			refused += ret == -PVN_EFAULT;
			ADD(strange, ret != -PVN_EFAULT && ret != ENTRIES);
			while (LOAD(phase) != 2 * n + 2)
				step();
			continue;
		}
		while (LOAD(phase) != 2 * n + 1)
			step();
		for (unsigned int i = random_below(30); i; i--)
			step();
		while (call(PVN_HC_MMU_ZONE_ADD, MORE, CHUNK_BYTES, 0, 0))
			ADD(strange, 1);
		for (unsigned int i = 0; i < ENTRIES * sizeof(*list) / 8; i++)
			written += ((volatile uint64_t *)list)[i] != 0;
		for (unsigned int i = 0; i < 50; i++)
			step();
		for (unsigned int i = 0; i < ENTRIES * sizeof(*list) / 8; i++)
			written += ((volatile uint64_t *)list)[i] != 0;
		while (call(PVN_HC_MMU_ZONE_REMOVE, MORE, CHUNK_BYTES, 0, 0))
			ADD(strange, 1);
		__atomic_store_n(&phase, 2 * n + 2, __ATOMIC_SEQ_CST);
	}
	ADD(finished, 1);
	while (LOAD(finished) < 2)
		step();
	for (unsigned int i = 2; i < CPUS && me == &cpu[0]; i++)
		call(PVN_HC_VCPU_UP, i, 0, 0, 0);
}

static void zone_guest(void)
{
	if (me == &cpu[0] || me == &cpu[1])
		zone_and_lists();
}

TEST_F_TIMEOUT(threads, results_are_not_written_to_the_zone, 50)
{
	phase = written = refused = 0;
	run(zone_guest);
	EXPECT_EQ(0, written);
	EXPECT_EQ(0, strange);
	EXPECT_LT(5, refused) TH_LOG("of %u rounds only %u met in the middle", ZONES, refused);
}

TEST_HARNESS_MAIN
