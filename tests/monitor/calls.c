// SPDX-License-Identifier: GPL-2.0-only
/* The monitor's dispatch and the calls that it serves itself, on the build machine. */
#include "kselftest_harness.h"

#include <string.h>

#include "../../abi/decode/decode.h"
#include "fake.h"

FIXTURE(calls)
{
};

FIXTURE_SETUP(calls)
{
	fake_init();
}

FIXTURE_TEARDOWN(calls)
{
	fake_destroy();
}

static int64_t accept_all(void)
{
	return fake_call(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, fake.v.shared.boot.offered[0], 0, 0, 0);
}

TEST_F(calls, core_stays_in_the_monitor)
{
	EXPECT_EQ(0, fake_call(PVN_HC_CORE_NULL, 1, 2, 3, 4, 5));
	EXPECT_EQ(PVN_ABI_VERSION, fake_call(PVN_HC_CORE_VERSION, 1, 2, 3, 4, 5));
	EXPECT_EQ(fake.v.shared.boot.offered[0], fake_call(PVN_HC_CORE_FEATURES, 0, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_CORE_FEATURES, 4, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CORE_FEATURES, 1ull << 32, 0, 0, 0, 0));
	EXPECT_EQ(0, fake.vmm_calls);
	EXPECT_EQ(0, fake.v.shared.counters.forwarded);
	EXPECT_EQ(1, fake.v.shared.counters.calls[MONITOR_CALL(PVN_HC_CORE_NULL)]);
	EXPECT_EQ(1, fake.v.shared.counters.calls[MONITOR_CALL(PVN_HC_CORE_VERSION)]);
	EXPECT_EQ(3, fake.v.shared.counters.calls[MONITOR_CALL(PVN_HC_CORE_FEATURES)]);
}

TEST_F(calls, unknown_numbers)
{
	unsigned int seed = 1, known = 0;

	for (uint64_t nr = 0; nr < 0x10000; nr++)
		known += fake_call(nr, 0, 0, 0, 0, 0) != -PVN_ENOSYS;
	EXPECT_EQ(PVN_DECODE_COUNT, known);
	for (int i = 0; i < 100000; i++) {
		uint64_t nr = (uint64_t)rand_r(&seed) << 33 | (uint64_t)rand_r(&seed) << 16 | rand_r(&seed);

		ASSERT_EQ(-PVN_ENOSYS, fake_call(nr | 0x10000, 0, 0, 0, 0, 0));
	}
}

/* Calls of pv mode that nobody serves yet. */
static bool not_served(uint64_t nr)
{
	static const uint64_t list[] = { PVN_HC_VCPU_NMI, PVN_HC_CPU_LDT_LOAD, PVN_HC_CPU_CONTROL_READ, PVN_HC_CPU_CONTROL_WRITE, PVN_HC_CPU_MSR_READ,
					 PVN_HC_CPU_MSR_WRITE, PVN_HC_CPU_DEBUG_WRITE, PVN_HC_CPU_IO_PRIVILEGE, PVN_HC_MMU_POKE_SPACE };

	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i] == nr)
			return true;
	return false;
}

/* Which calls leave for the VMM, by the table's own words. */
TEST_F(calls, forwarded_by_the_table)
{
	unsigned int forwarded = 0;

	fake.v.shared.boot.offered[0] = 0x3ff;
	fake.wakes_with = 0x40;
	ASSERT_EQ(0, accept_all());
	for (size_t i = 0; i < PVN_DECODE_COUNT; i++) {
		const struct pvn_decode_call *call = &pvn_decode_table[i];
		unsigned int before = fake.vmm_calls;
		int64_t ret;

		fake.vmm_result = 0x1234;
		/* Unaligned, zero and beyond all RAM: what the monitor serves refuses it, and what it does not passes it on. */
		ret = fake_call(call->nr, 0x12345, 0, 7, 0, 0);
		if (fake.vmm_calls != before) {
			EXPECT_EQ(0x1234, ret);
			EXPECT_EQ(call->nr, fake.vmm_nr);
			EXPECT_EQ(0x12345, fake.vmm_args[0]);
			EXPECT_EQ(7, fake.vmm_args[2]);
			EXPECT_TRUE(call->modes & PVN_DECODE_HVM);
			forwarded++;
		} else if (not_served(call->nr)) {
			EXPECT_EQ(-PVN_ENOTSUP, ret) TH_LOG("%x", call->nr);
		}
	}
	EXPECT_LT(25, forwarded);
	EXPECT_EQ(forwarded + 1, fake.v.shared.counters.forwarded);
}

TEST_F(calls, families)
{
	EXPECT_EQ(-PVN_ESTATE, fake_call(PVN_HC_CPU_TRAP_TABLE, 0, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(PVN_HC_RING_INFO, 0, 0, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_DEBUG_MARK, 0, 0, 0, 0, 0));
	EXPECT_EQ(1, fake.vmm_calls);
	/* The VMM has the word on features. */
	fake.vmm_result = -PVN_EVERSION;
	EXPECT_EQ(-PVN_EVERSION, accept_all());
	EXPECT_EQ(-PVN_ESTATE, fake_call(PVN_HC_CPU_TRAP_TABLE, 0, 1, 0, 0, 0));
	fake.vmm_result = 0;
	EXPECT_EQ(0, fake_call(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, PVN_F0_SCHED, 0, 0, 0));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(PVN_HC_CPU_TRAP_TABLE, 0, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(PVN_HC_DEBUG_MARK, 0, 0, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_SCHED_YIELD, 0, 0, 0, 0, 0));
}

TEST_F(calls, multicall)
{
	struct pvn_multicall_entry *list = (void *)(fake.ram + FAKE_RAM - 4 * sizeof(*list));
	uint64_t at = FAKE_RAM - 4 * sizeof(*list);

	for (int i = 0; i < 4; i++)
		list[i] = (struct pvn_multicall_entry){ .nr = PVN_HC_CORE_VERSION, .result = 0x5a };
	/* It would succeed alone. */
	list[1] = (struct pvn_multicall_entry){ .nr = PVN_HC_CORE_MULTICALL, .args = { at, 1 } };
	list[2].reserved = 1;
	EXPECT_EQ(4, fake_call(PVN_HC_CORE_MULTICALL, at, 4, 0, 0, 0));
	EXPECT_EQ(PVN_ABI_VERSION, list[0].result);
	EXPECT_EQ(-PVN_EINVAL, list[1].result);
	EXPECT_EQ(-PVN_EINVAL, list[2].result);
	EXPECT_EQ(PVN_ABI_VERSION, list[3].result);
	list[2].result = 0x5a;
	EXPECT_EQ(2, fake_call(PVN_HC_CORE_MULTICALL, at, 4, PVN_MULTICALL_STOP_ON_ERROR, 0, 0));
	EXPECT_EQ(0x5a, list[2].result);
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CORE_MULTICALL, at, 5, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CORE_MULTICALL, ~7ull, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CORE_MULTICALL, FAKE_RAM, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CORE_MULTICALL, at + 1, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CORE_MULTICALL, at, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CORE_MULTICALL, at, 1, 2, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_CORE_MULTICALL, at, 257, 0, 0, 0));
}

TEST_F(calls, trap_table_all_or_nothing)
{
	struct pvn_trap_entry *entry = (void *)(fake.ram + FAKE_RAM - 3 * sizeof(*entry));
	uint64_t at = FAKE_RAM - 3 * sizeof(*entry);

	ASSERT_EQ(0, accept_all());
	entry[0] = (struct pvn_trap_entry){ 0, PVN_TRAP_INTERRUPT_OFF, FAKE_VA };
	entry[1] = (struct pvn_trap_entry){ 255, 0, 0x1000 };
	entry[2] = (struct pvn_trap_entry){ 256, 0, FAKE_VA };
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_TRAP_TABLE, at, 3, 0, 0, 0));
	EXPECT_EQ(0, fake.vm.trap[0].handler);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_TRAP_TABLE, at, 2, 0, 0, 0));
	EXPECT_EQ(FAKE_VA, fake.vm.trap[0].handler);
	EXPECT_EQ(PVN_TRAP_INTERRUPT_OFF, fake.vm.trap[0].flags);
	EXPECT_EQ(0x1000, fake.vm.trap[255].handler);
	entry[2].vector = 0;
	entry[2].handler = 0;
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_TRAP_TABLE, at + 32, 1, 0, 0, 0));
	EXPECT_EQ(0, fake.vm.trap[0].handler);
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CPU_TRAP_TABLE, at, 4, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_TRAP_TABLE, at + 4, 1, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_CPU_TRAP_TABLE, 0, 257, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_CPU_TRAP_TABLE, 0, 0, 0, 0, 0));
	entry[0].handler = PVN_PV_HOLE_END - 1;
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_TRAP_TABLE, at, 1, 0, 0, 0));
}

TEST_F(calls, trap_return)
{
	struct pvn_return_frame *frame = fake_at(FAKE_VA + 0x1008);

	ASSERT_EQ(0, accept_all());
	*frame = (struct pvn_return_frame){
		.rax = 9, .trap = { .rip = 0x5000, .cs = PVN_PV_KERNEL_CS, .rflags = RFLAGS_IF, .rsp = 0x6000, .ss = PVN_PV_KERNEL_SS },
	};
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_TRAP_RETURN, 0, 0, 0, 0, 0));
	EXPECT_EQ(1, fake.v.full_return);
	EXPECT_EQ(9, fake.regs.rax);
	EXPECT_EQ(0x5000, fake.regs.rip);
	EXPECT_EQ(0x6000, fake.regs.rsp);
	EXPECT_EQ(RFLAGS_FIXED | RFLAGS_IF, fake.regs.rflags);
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
	fake.v.full_return = 0;
	/* 0x6000 and up is not mapped at that address. */
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CPU_TRAP_RETURN, 0, 0, 0, 0, 0));
	fake.regs.rsp = FAKE_VA + 0x2000;
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_TRAP_RETURN, 0, 0, 0, 0, 0));
	EXPECT_EQ(0, fake.v.full_return);
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
}

TEST_F(calls, info_register)
{
	ASSERT_EQ(0, accept_all());
	guest_interrupts_set(&fake.v, true);
	memset(fake.ram + 0x3000, 0xff, 0x1000);
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, 0x3008, 0, 0, 0));
	EXPECT_EQ(-PVN_ENODEV, fake_call(PVN_HC_VCPU_INFO_REGISTER, 1, 0x3000, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, FAKE_RAM, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, 0x3000, 0, 0, 0));
	EXPECT_EQ(1, ((struct pvn_vcpu_info *)(fake.ram + 0x3000))->interrupts_on);
	EXPECT_EQ(0, fake.ram[0x3fff]);
	((struct pvn_vcpu_info *)(fake.ram + 0x3000))->kernel_stack = 0x1230;
	EXPECT_EQ(0, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, 0x4000, 0, 0, 0));
	guest_interrupts_set(&fake.v, false);
	EXPECT_EQ(1, fake.ram[0x3000]);
	EXPECT_EQ(0, fake.ram[0x4000]);
	EXPECT_EQ(0x1230, ((struct pvn_vcpu_info *)(fake.ram + 0x4000))->kernel_stack);
}

static const uint64_t edge[] = { 0, 1, 8, 0x3000, FAKE_RAM - 64, FAKE_RAM - 8, FAKE_RAM, FAKE_VA, FAKE_VA + FAKE_MAPPED - 8,
				 PVN_PV_HOLE_START, PVN_PV_HOLE_END - 8, 0x800000000000, 0x7ffffffffffe, ~0ull, ~7ull, 256, 257 };

static uint64_t random_edge(unsigned int *seed)
{
	uint64_t value = edge[rand_r(seed) % (sizeof(edge) / sizeof(edge[0]))];

	return rand_r(seed) % 8 ? value : value + rand_r(seed) % 64;
}

static void random_syscall(void)
{
	mode_to_kernel(&fake.v);
	mode_syscall(&fake.v);
}

/* A call or a trap with such registers: 1 if the guest goes on, 0 if it was stopped. */
static unsigned int random_step(unsigned int *seed)
{
	uint64_t *regs = (uint64_t *)&fake.regs;

	for (unsigned int i = 0; i < sizeof(fake.regs) / 8; i++)
		if (rand_r(seed) % 4 == 0)
			regs[i] = random_edge(seed);
	fake.regs.vector = rand_r(seed) % 3 ? rand_r(seed) % 33 : rand_r(seed) % 256;
	fake.regs.rip = rand_r(seed) % 16 ? FAKE_VA + rand_r(seed) % FAKE_MAPPED : 0x800000000000;
	fake.wakes_with = 0x40;
	fake.v.full_return = 0;
	if (rand_r(seed) & 1)
		fake.v.info->kernel_stack = FAKE_VA + 0x4000;
	if (setjmp(fake.stopped)) {
		fake.v.user = fake.v.full_return = 0;
		fake.cr3 = fake.v.mmu.kernel;
		memset(fake.v.waiting, 0, sizeof(fake.v.waiting));
		return 0;
	}
	if (rand_r(seed) & 1)
		trap_from_guest(&fake.v, &fake.regs);
	else if (fake.v.user)
		random_syscall();
	else
		fake_call((rand_r(seed) % 11) << 8 | rand_r(seed) % 18, random_edge(seed), random_edge(seed), random_edge(seed), 0, 0);
	return 1;
}

/* What holds whenever the guest runs: IRET takes it, level 3 has it, CR3 and GS are its mode's. */
static const char *random_check(bool full)
{
	if (fake.v.mmu.user && fake.cr3 != (fake.v.user ? fake.v.mmu.user : fake.v.mmu.kernel))
		return "CR3";
	if (fake.v.user && fake.gs_base != fake.v.user_gs_base)
		return "GS";
	if (!full)
		return NULL;
	if (!guest_canonical(fake.regs.rip))
		return "rip";
	return fake.regs.cs != PVN_PV_REAL_CS || fake.regs.ss != PVN_PV_REAL_SS ? "selectors" : NULL;
}

/* So that the rounds don't end up in one corner: features, handlers, and a return to user mode. */
static void random_ground(void)
{
	struct pvn_return_frame *frame = fake_at(FAKE_VA + 0x5008);

	fake.vm.usable = fake.v.shared.boot.offered[0];
	for (unsigned int t = 0; t < 256; t++)
		if (t % 7)
			fake.vm.trap[t] = (struct monitor_trap){ FAKE_VA + t, t & 1 };
	if (fake.v.user)
		return;
	frame->trap = (struct pvn_trap_frame){ 0x401000, PVN_PV_REAL_CS, RFLAGS_IF, 0x7000, PVN_PV_REAL_SS };
	fake.regs.rsp = FAKE_VA + 0x5000;
	if (!setjmp(fake.stopped))
		fake_call(PVN_HC_CPU_TRAP_RETURN, 0, 0, 0, 0, 0);
}

/* With random memory too: nothing out of bounds (ASan), nothing undefined (UBSan), no address of the monitor's own. */
TEST_F(calls, random)
{
	unsigned int seed = 1, done = 0, users = 0;
	const unsigned int rounds = 200000;

	ASSERT_EQ(0, accept_all());
	for (unsigned int i = 0; i < FAKE_RAM; i++)
		fake.ram[i] = rand_r(&seed) & 1 ? 0 : (uint8_t)rand_r(&seed);
	fake.v.mmu.user = fake.v.mmu.kernel + 0x1000;
	fake.cr3 = fake.v.mmu.kernel;
	fake.v.syscall_entry = FAKE_VA + 0x100;
	for (unsigned int i = 0; i < rounds; i++) {
		const char *wrong;

		if (i % 16 == 0)
			random_ground();
		users += fake.v.user;
		done += random_step(&seed);
		wrong = random_check(fake.v.full_return || fake.v.user);
		ASSERT_EQ(NULL, wrong) TH_LOG("round %u: %s", i, wrong);
	}
	EXPECT_LT(1000, users);
	EXPECT_LT(1000, done);
	EXPECT_LT(1000, rounds - done);
}

TEST_HARNESS_MAIN
