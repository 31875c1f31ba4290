// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts: acknowledged, kept, delivered in their order; sleep. On the build machine. */
#include "kselftest_harness.h"

#include <string.h>

#include "fake.h"

#define HANDLER (FAKE_VA + 0x800)

FIXTURE(interrupts)
{
};

FIXTURE_SETUP(interrupts)
{
	fake_init();
	ASSERT_EQ(0, fake_call(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, fake.v.shared.boot.offered[0], 0, 0, 0));
	for (unsigned int i = 0; i < 256; i++)
		fake.vm.trap[i] = (struct monitor_trap){ HANDLER + i, PVN_TRAP_INTERRUPT_OFF };
	fake.regs.rsp = FAKE_VA + 0x4000;
}

FIXTURE_TEARDOWN(interrupts)
{
	fake_destroy();
}

static void comes(unsigned int vector)
{
	fake.regs.vector = vector;
	fake.regs.error = 0;
	trap_from_guest(&fake.v, &fake.regs);
}

TEST_F(interrupts, local_apic)
{
	static const unsigned int masked[] = { 0x320, 0x330, 0x340, 0x350, 0x360, 0x370 };

	fake.apic[8] = 0xff;
	interrupt_start(&fake.v);
	EXPECT_EQ(0x100, fake.apic[0xf0 / 16] & 0x100);
	EXPECT_EQ(0, fake.apic[0x80 / 16]);
	for (unsigned int i = 0; i < 6; i++)
		EXPECT_EQ(0x10000, fake.apic[masked[i] / 16]);
}

/* KVM has said that it needs no acknowledgement. */
TEST_F(interrupts, acknowledged_by_a_bit)
{
	guest_interrupts_set(&fake.v, true);
	fake.v.acknowledged = 1;
	comes(0x40);
	EXPECT_EQ(0, fake.eois);
	EXPECT_EQ(0, fake.v.acknowledged);
	comes(0x41);
	EXPECT_EQ(1, fake.eois);
	interrupt_start(&fake.v);
	EXPECT_EQ(fake.v.shared.boot.memory + (uint64_t)&fake.v.acknowledged - MONITOR_VA + 1, fake.eoi_msr);
}

TEST_F(interrupts, delivered_at_once)
{
	guest_interrupts_set(&fake.v, true);
	comes(0x40);
	EXPECT_EQ(1, fake.eois);
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	EXPECT_EQ(FAKE_VA, *(uint64_t *)fake_at(fake.regs.rsp));
	EXPECT_EQ(0, fake.v.info->pending);
	EXPECT_FALSE(guest_interrupts_on(&fake.v));
	EXPECT_EQ(1, fake.v.shared.counters.interrupts);
}

TEST_F(interrupts, every_vector_is_kept)
{
	for (unsigned int i = 32; i < 256; i++) {
		comes(i);
		EXPECT_EQ(FAKE_VA, fake.regs.rip);
		EXPECT_NE(0, fake.v.info->pending);
	}
	/* Once more is not twice. */
	comes(0x40);
	EXPECT_EQ(225, fake.eois);
	for (int i = 255; i >= 32; i--) {
		fake.regs.rsp = FAKE_VA + 0x4000;
		fake.regs.rip = FAKE_VA;
		guest_interrupts_set(&fake.v, true);
		ASSERT_EQ(0, fake_call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0, 0));
		ASSERT_EQ(HANDLER + i, fake.regs.rip);
		EXPECT_EQ(i != 32, fake.v.info->pending);
	}
	EXPECT_EQ(224, fake.v.shared.counters.interrupts);
}

TEST_F(interrupts, take)
{
	fake.regs.rflags = 0x246;
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0, 0));
	EXPECT_EQ(1, fake.v.full_return);
	EXPECT_EQ(FAKE_VA, fake.regs.rip);
	EXPECT_EQ(0, fake.regs.rax);
	/* What SYSCALL leaves there. */
	EXPECT_EQ(FAKE_VA, fake.regs.rcx);
	EXPECT_EQ(0x246, fake.regs.r11);
	comes(0x40);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0, 0));
	EXPECT_EQ(FAKE_VA, fake.regs.rip);
	EXPECT_EQ(1, fake.v.info->pending);
	guest_interrupts_set(&fake.v, true);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0, 0));
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	/* The frame returns to the caller, with the flag on and the call's result. */
	EXPECT_EQ(FAKE_VA, ((uint64_t *)fake_at(fake.regs.rsp))[0]);
	EXPECT_TRUE(((uint64_t *)fake_at(fake.regs.rsp))[2] & RFLAGS_IF);
	EXPECT_EQ(0, fake.regs.rax);
}

/* Handlers that leave the flag on: they nest, and each has its frame. */
TEST_F(interrupts, handlers_that_nest)
{
	fake.vm.trap[0x40].flags = fake.vm.trap[0x41].flags = 0;
	comes(0x40);
	comes(0x41);
	guest_interrupts_set(&fake.v, true);
	fake_call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0, 0);
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	EXPECT_EQ(HANDLER + 0x41, ((uint64_t *)fake_at(fake.regs.rsp))[0]);
	EXPECT_EQ(0, fake.v.info->pending);
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
}

TEST_F(interrupts, delivered_with_the_flag)
{
	struct pvn_return_frame *frame = fake_at(FAKE_VA + 0x3008);

	comes(0x40);
	*frame = (struct pvn_return_frame){
		.trap = { .rip = 0x5000, .cs = PVN_PV_KERNEL_CS, .rflags = RFLAGS_IF, .rsp = FAKE_VA + 0x2000, .ss = PVN_PV_KERNEL_SS },
	};
	fake.regs.rsp = FAKE_VA + 0x3000;
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_TRAP_RETURN, 0, 0, 0, 0, 0));
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	EXPECT_EQ(0x5000, *(uint64_t *)fake_at(fake.regs.rsp));
	/* STI, emulated. */
	comes(0x41);
	fake.regs.rip = FAKE_VA;
	*(uint8_t *)fake_at(FAKE_VA) = 0xfb;
	comes(VECTOR_GP);
	EXPECT_EQ(HANDLER + 0x41, fake.regs.rip);
	EXPECT_EQ(FAKE_VA + 1, *(uint64_t *)fake_at(fake.regs.rsp));
}

TEST_F(interrupts, without_a_handler)
{
	fake.vm.trap[0x40].handler = 0;
	comes(0x40);
	EXPECT_EQ(1, fake.eois);
	EXPECT_EQ(0, fake.v.info->pending);
	EXPECT_EQ(1, fake.v.shared.counters.interrupts_dropped);
	/* Nor one that has lost it meanwhile. */
	comes(0x41);
	comes(0x42);
	fake.vm.trap[0x42].handler = 0;
	guest_interrupts_set(&fake.v, true);
	fake_call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0, 0);
	EXPECT_EQ(HANDLER + 0x41, fake.regs.rip);
	EXPECT_EQ(2, fake.v.shared.counters.interrupts_dropped);
}

TEST_F(interrupts, block)
{
	fake.wakes_with = 0x40;
	EXPECT_EQ(0, fake_call(PVN_HC_SCHED_BLOCK, 0, 0, 0, 0, 0));
	EXPECT_EQ(1, fake.sleeps);
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	EXPECT_EQ(FAKE_VA, *(uint64_t *)fake_at(fake.regs.rsp));
	EXPECT_TRUE(((uint64_t *)fake_at(fake.regs.rsp))[2] & RFLAGS_IF);
	EXPECT_EQ(0, fake.v.info->pending);
	/* One that waits already: no sleep. */
	comes(0x41);
	fake.regs.rip = FAKE_VA;
	EXPECT_EQ(0, fake_call(PVN_HC_SCHED_BLOCK, 0, 0, 0, 0, 0));
	EXPECT_EQ(1, fake.sleeps);
	EXPECT_EQ(HANDLER + 0x41, fake.regs.rip);
	/* All that the VMM heard of is that features were accepted. */
	EXPECT_EQ(1, fake.vmm_calls);
}

TEST_F(interrupts, sti_and_hlt)
{
	fake.wakes_with = 0x40;
	memcpy(fake_at(FAKE_VA), "\xfb\xf4", 2);
	/* One that waits is let in after HLT, not before. */
	comes(0x40);
	comes(VECTOR_GP);
	EXPECT_EQ(0, fake.sleeps);
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	EXPECT_EQ(FAKE_VA + 2, *(uint64_t *)fake_at(fake.regs.rsp));
	fake.regs.rip = FAKE_VA;
	guest_interrupts_set(&fake.v, false);
	comes(VECTOR_GP);
	EXPECT_EQ(1, fake.sleeps);
	EXPECT_EQ(FAKE_VA + 2, *(uint64_t *)fake_at(fake.regs.rsp));
	/* With the flag on already there is nothing to hold back, and HLT comes on its own. */
	fake.regs.rip = FAKE_VA;
	guest_interrupts_set(&fake.v, true);
	comes(VECTOR_GP);
	EXPECT_EQ(1, fake.sleeps);
	EXPECT_EQ(FAKE_VA + 1, fake.regs.rip);
}

/* The words that the guest sees move over when it registers its page. */
TEST_F(interrupts, before_the_page)
{
	struct pvn_vcpu_info *info = (void *)(fake.ram + 0x3000);

	comes(0x40);
	EXPECT_EQ(0, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, 0x3000, 0, 0, 0));
	EXPECT_EQ(1, info->pending);
	EXPECT_EQ(0x3041, fake.clock_msr);
	info->interrupts_on = 1;
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_INTERRUPT_TAKE, 0, 0, 0, 0, 0));
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	EXPECT_EQ(0, info->pending);
}

TEST_F(interrupts, no_clock)
{
	fake.no_clock = true;
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(PVN_HC_VCPU_INFO_REGISTER, 0, 0x3000, 0, 0, 0));
	EXPECT_EQ(&fake.v.own_info, fake.v.info);
}

TEST_HARNESS_MAIN
