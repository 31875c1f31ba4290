// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs among each other, one step at a time: what one asks for, and what the others do about it. On the build machine. */
#include "kselftest_harness.h"

#include <string.h>

#include "space.h"

#define ZONE (4ull << 20) /* chunk 2 */
#define KERNEL PVN_MMU_TABLE_KERNEL
#define LINK (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define TOP ZONE
#define USER_TOP (ZONE + 0x1000)
#define SECOND_TOP (ZONE + 0x2000)
#define LOW (ZONE + 0x3000) /* level 3, of the lower half */
#define CONTEXT 0x1000ull
#define HANDLER (FAKE_VA + 0x800)
#define ENTRY 0xffffffff81000000ull

#define OTHER (&fake.other[0])
#define THIRD (&fake.other[1])

static jmp_buf fell_asleep;
static void (*meanwhile)(void);

/* The other one, in its sleep, is left there. */
static void stay_asleep(void)
{
	longjmp(fell_asleep, 1);
}

/* Its turn: a poke finds it at level 3, asleep, or where nobody waits for it, which it leaves. */
static void take_poke(unsigned int vcpu)
{
	struct monitor_vcpu *v = fake.vm.vcpu[vcpu], *who = fake.self;
	void (*sleeping)(void) = fake.sleeping;

	fake.self = v;
	fake.sleeping = stay_asleep;
	v->regs->vector = VECTOR_POKE;
	if (!setjmp(fell_asleep)) {
		if (v->resting)
			interrupt_poked(v);
		else if (v->away)
			vcpu_back(v);
		else
			trap_from_guest(v, v->regs);
	}
	fake.sleeping = sleeping;
	fake.self = who;
}

static void first_does(void)
{
	struct monitor_vcpu *who = fake.self;

	fake.self = &fake.v;
	meanwhile();
	fake.self = who;
}

/* A vCPU rests, and the first does something. true: it has started anew. */
static bool rests(struct monitor_vcpu *v, void (*what)(void))
{
	meanwhile = what;
	fake.sleeping = first_does;
	fake.self = v;
	if (!setjmp(fake.stopped)) {
		vcpu_rest(v);
		fake.self = &fake.v;
		fake.sleeping = NULL;
		return false;
	}
	fake.self = &fake.v;
	fake.sleeping = NULL;
	return true;
}

static struct pvn_vcpu_context *context(void)
{
	return (void *)(fake.ram + CONTEXT);
}

static int64_t create(uint64_t vcpu)
{
	return fake_call(PVN_HC_VCPU_CREATE, vcpu, CONTEXT, 0, 0, 0);
}

static int64_t up(uint64_t vcpu)
{
	return fake_call(PVN_HC_VCPU_UP, vcpu, 0, 0, 0, 0);
}

static int64_t down(uint64_t vcpu)
{
	return fake_call(PVN_HC_VCPU_DOWN, vcpu, 0, 0, 0, 0);
}

static int64_t status(uint64_t vcpu)
{
	return fake_call(PVN_HC_VCPU_STATUS, vcpu, 0, 0, 0, 0);
}

static int64_t kick(uint64_t vcpus, uint64_t vector)
{
	return fake_call(PVN_HC_VCPU_KICK, vcpus, vector, 0, 0, 0);
}

static uint64_t uses(uint64_t gpa)
{
	return mmu_frame(&fake.vm.mmu, gpa)->uses;
}

static unsigned int starting = 1;

static void up_other(void)
{
	up(starting);
}

/* A vCPU at level 3. */
static void start(unsigned int vcpu)
{
	starting = vcpu;
	create(vcpu);
	rests(fake.vm.vcpu[vcpu], up_other);
	starting = 1;
	fake.pokes[vcpu] = 0;
}

FIXTURE(vcpus)
{
};

FIXTURE_SETUP(vcpus)
{
	fake_init();
	space_init();
	fake_more();
	ASSERT_EQ(0, space_zone_add(ZONE, CHUNK_BYTES));
	ASSERT_EQ(0, space_alloc(TOP, 4, KERNEL));
	ASSERT_EQ(0, space_alloc(SECOND_TOP, 4, KERNEL));
	ASSERT_EQ(0, space_alloc(USER_TOP, 4, 0));
	ASSERT_EQ(0, space_alloc(LOW, 3, 0));
	for (unsigned int i = 0; i < 256; i++)
		fake.vm.trap[i] = (struct monitor_trap){ HANDLER + i, PVN_TRAP_INTERRUPT_OFF };
	*context() = (struct pvn_vcpu_context){ .rip = ENTRY, .rsp = FAKE_VA + 0x3000, .rdi = 7, .kernel_table = TOP,
						.user_table = USER_TOP, .gs_base = FAKE_VA + 8, .fs_base = 0x5000 };
	memset(fake.pokes, 0, sizeof(fake.pokes));
}

FIXTURE_TEARDOWN(vcpus)
{
	const char *wrong = space_check();

	EXPECT_EQ(NULL, wrong) TH_LOG("%s", wrong);
	space_destroy();
	fake_destroy();
}

/* ---------------------------------------------------------------- the calls */

TEST_F(vcpus, create)
{
	const uint64_t no_rip[] = { 0, FAKE_EDGE, PVN_PV_HOLE_START, PVN_PV_HOLE_END - 1, 0x800000000000, 0xffff7fffffffffff };
	struct pvn_vcpu_context good = *context();

	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_VCPU_CREATE, 1, CONTEXT + 4, 0, 0, 0));
	EXPECT_EQ(-PVN_ENODEV, create(3));
	EXPECT_EQ(-PVN_ENODEV, create(~0u));
	EXPECT_EQ(-PVN_EINVAL, create(1ull << 32));
	EXPECT_EQ(-PVN_EBUSY, create(0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_VCPU_CREATE, 1, SPACE_RAM - 56, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_VCPU_CREATE, 1, SPACE_MONITOR, 0, 0, 0));
	for (unsigned int i = 0; i < sizeof(no_rip) / sizeof(no_rip[0]); i++) {
		context()->rip = no_rip[i];
		EXPECT_EQ(-PVN_EINVAL, create(1));
	}
	*context() = good;
	context()->gs_base = 0x800000000000;
	EXPECT_EQ(-PVN_EINVAL, create(1));
	*context() = good;
	context()->fs_base = 0x800000000000;
	EXPECT_EQ(-PVN_EINVAL, create(1));
	*context() = good;
	context()->reserved = 1;
	EXPECT_EQ(-PVN_EINVAL, create(1));
	EXPECT_EQ(-PVN_ESTATE, up(1));
	*context() = good;
	EXPECT_EQ(0, create(1));
	EXPECT_EQ(0, status(1));
	EXPECT_EQ(1, uses(TOP));
	EXPECT_EQ(1, uses(USER_TOP));
	EXPECT_EQ(-PVN_EBUSY, space_free(TOP));
	/* Other tables in their place. */
	context()->kernel_table = SECOND_TOP;
	context()->user_table = 0;
	EXPECT_EQ(0, create(1));
	EXPECT_EQ(0, uses(TOP));
	EXPECT_EQ(0, uses(USER_TOP));
	EXPECT_EQ(1, uses(SECOND_TOP));
	EXPECT_EQ(0, space_free(TOP));
}

TEST_F(vcpus, create_with_forged_tables)
{
	struct pvn_vcpu_context good = *context();
	static const struct {
		uint64_t kernel, user;
		int want;
	} list[] = {
		{ 0, USER_TOP, -PVN_ERANGE }, { SPACE_MONITOR, 0, -PVN_ERANGE }, { 1ull << 60, 0, -PVN_ERANGE },
		{ 0x3000, 0, -PVN_ERANGE }, { TOP + 8, 0, -PVN_EINVAL }, { TOP, USER_TOP + 1, -PVN_EINVAL },
		{ LOW, 0, -PVN_ESTATE }, { USER_TOP, 0, -PVN_ESTATE }, { TOP, TOP, -PVN_ESTATE }, { TOP, LOW, -PVN_ESTATE },
		{ ZONE + 0x9000, 0, -PVN_ESTATE }, { TOP, SPACE_MONITOR, -PVN_ERANGE }, { TOP, 0x3000, -PVN_ERANGE },
	};

	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		*context() = good;
		context()->kernel_table = list[i].kernel;
		context()->user_table = list[i].user;
		EXPECT_EQ(list[i].want, create(1)) TH_LOG("%u", i);
		EXPECT_EQ(0, uses(TOP));
	}
	/* A context in the zone is bytes like any other: a table's entries. */
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_VCPU_CREATE, 1, TOP, 0, 0, 0));
	EXPECT_EQ(-PVN_ESTATE, up(1));
}

TEST_F(vcpus, up)
{
	EXPECT_EQ(-PVN_ENODEV, up(3));
	EXPECT_EQ(-PVN_EBUSY, up(0));
	EXPECT_EQ(-PVN_ESTATE, up(1));
	EXPECT_EQ(0, create(1));
	EXPECT_EQ(0, up(1));
	EXPECT_EQ(1, fake.pokes[1]);
	EXPECT_EQ(1, status(1));
	EXPECT_EQ(-PVN_EBUSY, up(1));
	EXPECT_EQ(-PVN_EBUSY, create(1));
}

static void create_and_up(void)
{
	create(1);
	up(1);
}

/* As the first vCPU started, whatever it did before. */
TEST_F(vcpus, start)
{
	struct monitor_regs want = { .rip = ENTRY, .rsp = FAKE_VA + 0x3000, .rdi = 7, .cs = PVN_PV_REAL_CS,
				     .rflags = RFLAGS_FIXED | RFLAGS_IF, .ss = PVN_PV_REAL_SS };

	EXPECT_EQ(0, fake_call(PVN_HC_VCPU_INFO_REGISTER, 1, 0x5000, 0, 0, 0));
	EXPECT_EQ(0, fake.clock_msr);
	OTHER->syscall_entry = ENTRY;
	OTHER->user_gs_base = 0x77;
	OTHER->gdt[12] = 1;
	OTHER->full_return = 1;
	OTHER->user = 1;
	guest_interrupts_set(OTHER, true);
	memset(OTHER->regs, 0x5a, sizeof(*OTHER->regs));
	EXPECT_TRUE(rests(OTHER, create_and_up));
	EXPECT_EQ(0, memcmp(&want, OTHER->regs, sizeof(want)));
	EXPECT_FALSE(guest_interrupts_on(OTHER));
	EXPECT_EQ(0, OTHER->syscall_entry);
	EXPECT_EQ(0, OTHER->user);
	EXPECT_EQ(0, OTHER->full_return);
	EXPECT_EQ(0, OTHER->gdt[12]);
	EXPECT_EQ(0, OTHER->user_gs_base);
	EXPECT_EQ(FAKE_VA + 8, OTHER->kernel_gs_base);
	EXPECT_EQ(FAKE_VA + 8, fake.gs_base);
	EXPECT_EQ(0x5000, fake.fs_base);
	EXPECT_EQ(TOP, fake.cr3);
	EXPECT_EQ(0x5000 + 64 + 1, fake.clock_msr);
	EXPECT_EQ(0, OTHER->resting);
	EXPECT_EQ(0, OTHER->away);
	EXPECT_EQ(fake.vm.mmu.clock, OTHER->mmu.flushed);
	EXPECT_EQ(1, status(1));
}

/* It counts as one that rests before it has got there, and may be up by then. */
TEST_F(vcpus, up_before_it_rests)
{
	create_and_up();
	EXPECT_TRUE(rests(OTHER, NULL));
	EXPECT_EQ(ENTRY, OTHER->regs->rip);
	EXPECT_EQ(0, OTHER->resting);
	EXPECT_EQ(0, OTHER->away);
}

TEST_F(vcpus, status)
{
	EXPECT_EQ(1, status(0));
	EXPECT_EQ(0, status(1));
	EXPECT_EQ(-PVN_ENODEV, status(3));
	EXPECT_EQ(-PVN_ENODEV, status(0xffffffff));
	start(1);
	EXPECT_EQ(1, status(1));
	/* Told to go, and not gone yet. */
	OTHER->state = VCPU_DOWN;
	EXPECT_EQ(1, status(1));
	OTHER->state = VCPU_UP;
}

TEST_F(vcpus, kick)
{
	EXPECT_EQ(-PVN_ERANGE, kick(0, 0x40));
	EXPECT_EQ(-PVN_ERANGE, kick(8, 0x40));
	EXPECT_EQ(-PVN_ERANGE, kick(1ull << 63 | 1, 0x40));
	EXPECT_EQ(-PVN_ERANGE, kick(2, 31));
	EXPECT_EQ(-PVN_ERANGE, kick(2, 0));
	EXPECT_EQ(-PVN_ERANGE, kick(2, 256));
	EXPECT_EQ(-PVN_EINVAL, kick(2, 1ull << 32 | 0x40));
	EXPECT_EQ(0, fake.pokes[0] + fake.pokes[1] + fake.pokes[2]);
	start(1);
	EXPECT_EQ(0, kick(2, 0x40));
	EXPECT_EQ(1, fake.pokes[1]);
	/* One that waits to be seen is not sent again; another vector is. */
	EXPECT_EQ(0, kick(2, 0x40));
	EXPECT_EQ(1, fake.pokes[1]);
	EXPECT_EQ(0, kick(3, 0xff));
	EXPECT_EQ(2, fake.pokes[1]);
	EXPECT_EQ(1, fake.pokes[0]);
	EXPECT_EQ(0, OTHER->info->pending);
	guest_interrupts_set(OTHER, false);
	take_poke(1);
	EXPECT_EQ(1, OTHER->info->pending);
	EXPECT_EQ(0xff, interrupt_next(OTHER));
	EXPECT_EQ(0x40, interrupt_next(OTHER));
	EXPECT_EQ(-1, interrupt_next(OTHER));
	take_poke(0);
	EXPECT_EQ(1, fake.v.info->pending);
	EXPECT_EQ(0xff, interrupt_next(&fake.v));
	/* Delivered at once where the flag is on; dropped and counted without a handler. */
	guest_interrupts_set(OTHER, true);
	OTHER->regs->rip = ENTRY;
	kick(2, 0x41);
	take_poke(1);
	EXPECT_EQ(HANDLER + 0x41, OTHER->regs->rip);
	fake.vm.trap[0x42].handler = 0;
	kick(2, 0x42);
	take_poke(1);
	EXPECT_EQ(0, OTHER->info->pending);
	EXPECT_EQ(1, OTHER->shared.counters.interrupts_dropped);
	/* For one that rests it waits, and its page is left alone meanwhile. */
	kick(4, 0x43);
	take_poke(2);
	EXPECT_EQ(0, THIRD->info->pending);
	EXPECT_TRUE(interrupt_waits(THIRD));
	interrupt_next(THIRD);
}

TEST_F(vcpus, kick_every_vector)
{
	start(1);
	for (unsigned int vector = 32; vector < 256; vector++)
		ASSERT_EQ(0, kick(2, vector));
	EXPECT_EQ(224, fake.pokes[1]);
	take_poke(1);
	for (int vector = 255; vector >= 32; vector--)
		ASSERT_EQ(vector, interrupt_next(OTHER));
	EXPECT_EQ(-1, interrupt_next(OTHER));
}

TEST_F(vcpus, down)
{
	EXPECT_EQ(-PVN_ENODEV, down(3));
	EXPECT_EQ(-PVN_ESTATE, down(1));
	EXPECT_EQ(-PVN_EBUSY, down(0));
	start(1);
	fake.poked = take_poke;
	OTHER->regs->rip = 0x1234;
	EXPECT_EQ(0, down(1));
	EXPECT_EQ(1, OTHER->resting);
	EXPECT_EQ(SPACE_MONITOR, fake.cr3);
	EXPECT_EQ(0, fake.clock_msr);
	EXPECT_EQ(0, status(1));
	EXPECT_EQ(-PVN_ESTATE, down(1));
	EXPECT_EQ(-PVN_EBUSY, down(0));
	/* Its tables are its own still. */
	EXPECT_EQ(-PVN_EBUSY, space_free(TOP));
	fake.poked = NULL;
	EXPECT_FALSE(rests(OTHER, up_other));
	EXPECT_EQ(0x1234, OTHER->regs->rip);
	EXPECT_EQ(TOP, fake.cr3);
	EXPECT_EQ(0, OTHER->resting);
}

static unsigned int naps;

/* Told to go down while it sleeps in sched.block; brought up again in its rest; then something comes. */
static void three_naps(void)
{
	switch (naps++) {
	case 0:
		OTHER->state = VCPU_DOWN;
		break;
	case 1:
		up(1);
		break;
	default:
		OTHER->waiting[1] |= 1;
		break;
	}
}

TEST_F(vcpus, down_while_it_sleeps)
{
	naps = 0;
	start(1);
	fake.self = OTHER;
	meanwhile = three_naps;
	fake.sleeping = first_does;
	EXPECT_EQ(0, fake_call(PVN_HC_SCHED_BLOCK, 0, 0, 0, 0, 0));
	fake.self = &fake.v;
	fake.sleeping = NULL;
	EXPECT_EQ(3, naps);
	EXPECT_EQ(0, OTHER->resting);
	EXPECT_EQ(0, OTHER->away);
	EXPECT_EQ(HANDLER + 0x40, OTHER->regs->rip);
}

TEST_F(vcpus, down_by_itself)
{
	start(1);
	fake.self = OTHER;
	meanwhile = up_other;
	fake.sleeping = first_does;
	EXPECT_EQ(0, down(1));
	EXPECT_EQ(1, fake.pokes[1]);
	fake.self = &fake.v;
	fake.sleeping = NULL;
	EXPECT_EQ(1, status(1));
}

TEST_F(vcpus, info_register)
{
	struct pvn_vcpu_info *info = (void *)(fake.ram + 0x5000);

	EXPECT_EQ(-PVN_ENODEV, fake_call(PVN_HC_VCPU_INFO_REGISTER, 3, 0x5000, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_VCPU_INFO_REGISTER, 1, ZONE, 0, 0, 0));
	memset(info, 0xff, PAGE_BYTES);
	EXPECT_EQ(0, fake_call(PVN_HC_VCPU_INFO_REGISTER, 1, 0x5000, 0, 0, 0));
	EXPECT_EQ(0, info->interrupts_on);
	EXPECT_EQ(0, fake.ram[0x5fff]);
	info->kernel_stack = 0x4440;
	start(1);
	EXPECT_EQ(-PVN_EBUSY, fake_call(PVN_HC_VCPU_INFO_REGISTER, 1, 0x6000, 0, 0, 0));
	EXPECT_EQ(0x4440, info->kernel_stack);
	/* Its page does not become zone. */
	EXPECT_EQ(-PVN_EBUSY, space_zone_add(0, CHUNK_BYTES));
	THIRD->no_clock = true;
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(PVN_HC_VCPU_INFO_REGISTER, 2, 0x7000, 0, 0, 0));
	EXPECT_EQ(&THIRD->own_info, THIRD->info);
}

/* ---------------------------------------------------------------- flushes */

static int64_t flush(uint64_t vcpus)
{
	return fake_call(PVN_HC_MMU_FLUSH_ALL, vcpus, 0, 0, 0, 0);
}

TEST_F(vcpus, flush_of_one_that_runs)
{
	unsigned int before;

	start(1);
	fake.poked = take_poke;
	before = fake.flushes;
	EXPECT_EQ(-PVN_ERANGE, flush(8));
	EXPECT_EQ(0, flush(2));
	EXPECT_EQ(1, fake.pokes[1]);
	EXPECT_EQ(before + 1, fake.flushes);
	EXPECT_EQ(fake.vm.mmu.clock, OTHER->mmu.flushed);
	EXPECT_EQ(0, fake.pokes[0]);
	EXPECT_EQ(0, flush(3));
	EXPECT_EQ(before + 3, fake.flushes);
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_PAGE, FAKE_VA, 2, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_RANGE, FAKE_VA, 3, 2, 0, 0));
	EXPECT_EQ(4, fake.pokes[1]);
	EXPECT_EQ(0, fake.pages);
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_FLUSH_PAGE, FAKE_VA, 3, 0, 0, 0));
	EXPECT_EQ(1, fake.pages);
}

TEST_F(vcpus, flush_of_one_that_is_away)
{
	uint64_t flushed;

	start(1);
	flushed = OTHER->mmu.flushed;
	vcpu_away(OTHER);
	EXPECT_EQ(0, flush(2));
	EXPECT_EQ(0, fake.pokes[1]);
	EXPECT_EQ(flushed, OTHER->mmu.flushed);
	EXPECT_EQ(fake.vm.mmu.clock, OTHER->mmu.promised);
	vcpu_back(OTHER);
	EXPECT_LT(OTHER->mmu.promised, OTHER->mmu.flushed);
	EXPECT_EQ(0, OTHER->flush_asked);
	/* Nobody has asked: it comes back without. */
	flushed = OTHER->mmu.flushed;
	vcpu_away(OTHER);
	vcpu_back(OTHER);
	EXPECT_EQ(flushed, OTHER->mmu.flushed);
	/* A promise never goes back. */
	OTHER->mmu.promised = 1000;
	vcpu_away(OTHER);
	EXPECT_EQ(0, flush(2));
	EXPECT_EQ(1000, OTHER->mmu.promised);
	OTHER->mmu.promised = 0;
}

TEST_F(vcpus, flush_of_one_that_rests)
{
	unsigned int before = fake.flushes;

	EXPECT_EQ(0, flush(6));
	EXPECT_EQ(0, fake.pokes[1] + fake.pokes[2]);
	EXPECT_EQ(before, fake.flushes);
	EXPECT_EQ(~0ull, OTHER->mmu.flushed);
	take_poke(1);
	EXPECT_EQ(before, fake.flushes);
	EXPECT_EQ(~0ull, OTHER->mmu.flushed);
}

/* The zone waits for those that are away too: they may hold a pointer that was checked before. */
TEST_F(vcpus, zone_add_waits_for_all)
{
	start(1);
	start(2);
	fake.poked = take_poke;
	vcpu_away(OTHER);
	EXPECT_EQ(0, space_zone_add(ZONE + CHUNK_BYTES * 2, CHUNK_BYTES));
	EXPECT_EQ(1, fake.pokes[1]);
	EXPECT_EQ(1, fake.pokes[2]);
	EXPECT_EQ(0, OTHER->away);
	EXPECT_EQ(0, OTHER->mmu.promised);
	vcpu_away(THIRD);
	EXPECT_EQ(0, space_zone_remove(ZONE + CHUNK_BYTES * 2, CHUNK_BYTES));
	EXPECT_EQ(2, fake.pokes[2]);
}

TEST_F(vcpus, table_is_another_when_all_have_flushed)
{
	start(1);
	ASSERT_EQ(0, space_set(TOP, 0, LOW | LINK | PTE_NX));
	ASSERT_EQ(0, space_set(TOP, 0, 0));
	ASSERT_EQ(0, space_free(LOW));
	EXPECT_EQ(-PVN_EBUSY, space_alloc(LOW, 2, 0));
	EXPECT_EQ(0, flush(1));
	EXPECT_EQ(-PVN_EBUSY, space_alloc(LOW, 2, 0));
	vcpu_away(OTHER);
	EXPECT_EQ(-PVN_EBUSY, space_alloc(LOW, 2, 0));
	/* It will not use it again, and that is enough; the third rests. */
	EXPECT_EQ(0, flush(2));
	EXPECT_EQ(0, space_alloc(LOW, 2, 0));
}

/* ---------------------------------------------------------------- memory that becomes zone in the middle of a call */

static void zone_meanwhile(void)
{
	struct monitor_vcpu *who = fake.self;

	fake.in_vmm = NULL;
	fake.self = OTHER;
	space.zone[5] = !fake_call(PVN_HC_MMU_ZONE_ADD, 5 * CHUNK_BYTES, CHUNK_BYTES, 0, 0, 0);
	fake.self = who;
}

TEST_F(vcpus, multicall_whose_list_becomes_zone)
{
	struct pvn_multicall_entry *list = (void *)(fake.ram + 5 * CHUNK_BYTES);

	start(1);
	fake.poked = take_poke;
	fake.vmm_result = 0;
	for (unsigned int i = 0; i < 4; i++)
		list[i] = (struct pvn_multicall_entry){ .nr = PVN_HC_CORE_VERSION };
	list[1].nr = PVN_HC_SCHED_YIELD;
	fake.in_vmm = zone_meanwhile;
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CORE_MULTICALL, 5 * CHUNK_BYTES, 4, 0, 0, 0));
	EXPECT_TRUE(space.zone[5]);
	for (unsigned int i = 0; i < CHUNK_BYTES / 8; i++)
		ASSERT_EQ(0, ((uint64_t *)list)[i]);
}

/* ---------------------------------------------------------------- odds and ends */

TEST_F(vcpus, features_reach_all)
{
	start(1);
	fake.poked = take_poke;
	OTHER->slow |= SLOW_FAMILY;
	EXPECT_EQ(0, fake_call(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, fake.v.shared.boot.offered[0], 0, 0, 0));
	EXPECT_EQ(0, OTHER->slow & SLOW_FAMILY);
}

TEST_F(vcpus, who_waits_long_gives_way)
{
	unsigned int spins = 0, calls = fake.vmm_calls;

	for (unsigned int i = 0; i < 10000; i++)
		vcpu_relax(&fake.v, &spins);
	EXPECT_LT(calls + 2, fake.vmm_calls);
	EXPECT_GT(calls + 20, fake.vmm_calls);
	EXPECT_EQ(PVN_HC_SCHED_YIELD, fake.vmm_nr);
	EXPECT_EQ(0, fake.v.away);
	/* And answers. */
	fake.v.flush_asked = 1;
	vcpu_relax(&fake.v, &spins);
	EXPECT_EQ(0, fake.v.flush_asked);
	EXPECT_EQ(fake.vm.mmu.clock, fake.v.mmu.flushed);
}

/* A program that is interrupted by a poke goes on as a program. */
TEST_F(vcpus, poke_in_user_mode)
{
	start(1);
	OTHER->user = 1;
	OTHER->regs->rip = 0x1000;
	OTHER->flush_asked = 1;
	take_poke(1);
	EXPECT_EQ(1, OTHER->user);
	EXPECT_EQ(0x1000, OTHER->regs->rip);
	EXPECT_EQ(USER_TOP, fake.cr3);
	EXPECT_EQ(0, OTHER->flush_asked);
}

TEST_HARNESS_MAIN
