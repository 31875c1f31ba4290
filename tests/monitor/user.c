// SPDX-License-Identifier: GPL-2.0-only
/* User mode: system calls, traps out of it, returns to it, segments; and trusted tables. On the build machine. */
#include "kselftest_harness.h"

#include <string.h>

#include "fake.h"
#include "space.h"

#define HANDLER (FAKE_VA + 0x800)
#define ENTRY (FAKE_VA + 0x900)
#define STACK (FAKE_VA + 0x4000)
#define KERNEL_TABLE 0x111000ull
#define USER_TABLE 0x222000ull
#define PROGRAM 0x401000ull
#define PROGRAM_STACK 0x7ffff000ull

FIXTURE(user)
{
};

FIXTURE_SETUP(user)
{
	fake_init();
	ASSERT_EQ(0, fake_call(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, fake.v.shared.boot.offered[0], 0, 0, 0));
	for (unsigned int i = 0; i < 256; i++)
		fake.vm.trap[i] = (struct monitor_trap){ HANDLER + i, 0 };
	fake.v.mmu.kernel = fake.cr3 = KERNEL_TABLE;
	fake.v.mmu.user = USER_TABLE;
	fake.v.info->kernel_stack = STACK;
	fake.v.syscall_entry = ENTRY;
}

FIXTURE_TEARDOWN(user)
{
	fake_destroy();
}

static uint64_t *frame(void)
{
	return fake_at(fake.regs.rsp);
}

/* cpu.trap_return with this frame, from the kernel. */
static int64_t go(uint64_t rip, uint64_t cs, uint64_t ss, uint64_t rflags)
{
	struct pvn_return_frame *f = fake_at(FAKE_VA + 0x2008);

	*f = (struct pvn_return_frame){ 1, 2, 3, { rip, cs, rflags, PROGRAM_STACK, ss } };
	fake.regs.rsp = FAKE_VA + 0x2000;
	fake.v.full_return = 0;
	return fake_call(PVN_HC_CPU_TRAP_RETURN, 0, 0, 0, 0, 0);
}

static void enter_user(void)
{
	go(PROGRAM, PVN_PV_REAL_CS, PVN_PV_REAL_SS, RFLAGS_IF);
}

static void raise_trap(unsigned int vector, uint64_t error)
{
	fake.regs.vector = vector;
	fake.regs.error = error;
	fake.regs.cs = PVN_PV_REAL_CS;
	fake.regs.ss = PVN_PV_REAL_SS;
	trap_from_guest(&fake.v, &fake.regs);
}

static bool stops(unsigned int vector)
{
	if (setjmp(fake.stopped))
		return true;
	raise_trap(vector, 0);
	return false;
}

/* As fast.S calls it: in kernel mode's address space. */
static void system_call(void)
{
	mode_to_kernel(&fake.v);
	mode_syscall(&fake.v);
}

static bool syscall_stops(void)
{
	if (setjmp(fake.stopped))
		return true;
	system_call();
	return false;
}

TEST_F(user, return_to_it)
{
	fake.v.kernel_gs_base = fake.gs_base = 0x1000;
	fake.v.user_gs_base = 0x2000;
	fake.regs.rbx = 7;
	EXPECT_EQ(0, go(PROGRAM, PVN_PV_REAL_CS, PVN_PV_REAL_SS, ~0ull));
	EXPECT_EQ(1, fake.v.full_return);
	EXPECT_EQ(1, fake.v.user);
	EXPECT_EQ(USER_TABLE, fake.cr3);
	EXPECT_EQ(0x2000, fake.gs_base);
	EXPECT_EQ(PROGRAM, fake.regs.rip);
	EXPECT_EQ(PROGRAM_STACK, fake.regs.rsp);
	EXPECT_EQ(RFLAGS_GUEST | RFLAGS_FIXED | RFLAGS_IF, fake.regs.rflags);
	EXPECT_EQ(1, fake.regs.rcx);
	EXPECT_EQ(2, fake.regs.r11);
	EXPECT_EQ(3, fake.regs.rax);
	EXPECT_EQ(7, fake.regs.rbx);
	/* A program's own GS, loaded by a selector, is not lost. */
	fake.gs_base = 0x3000;
	raise_trap(6, 0);
	EXPECT_EQ(0, fake.v.user);
	EXPECT_EQ(KERNEL_TABLE, fake.cr3);
	EXPECT_EQ(0x1000, fake.gs_base);
	EXPECT_EQ(0x3000, fake.v.user_gs_base);
}

TEST_F(user, no_user_table)
{
	fake.v.mmu.user = 0;
	EXPECT_EQ(-PVN_ESTATE, go(PROGRAM, PVN_PV_REAL_CS, PVN_PV_REAL_SS, 0));
	EXPECT_EQ(0, fake.v.user);
	EXPECT_EQ(0, fake.v.full_return);
}

TEST_F(user, trap_frame)
{
	enter_user();
	fake.vm.trap[VECTOR_PF].flags = PVN_TRAP_INTERRUPT_OFF;
	fake.cr2 = 0x1234;
	raise_trap(VECTOR_PF, 6);
	EXPECT_EQ(STACK - 48, fake.regs.rsp);
	EXPECT_EQ(6, frame()[0]);
	EXPECT_EQ(PROGRAM, frame()[1]);
	EXPECT_EQ(PVN_PV_REAL_CS, frame()[2]);
	EXPECT_EQ(RFLAGS_IF | RFLAGS_FIXED, frame()[3]);
	EXPECT_EQ(PROGRAM_STACK, frame()[4]);
	EXPECT_EQ(PVN_PV_REAL_SS, frame()[5]);
	EXPECT_EQ(0x1234, fake.v.info->fault_address);
	EXPECT_EQ(HANDLER + VECTOR_PF, fake.regs.rip);
	EXPECT_FALSE(guest_interrupts_on(&fake.v));
	/* A handler that wants the flag as it was has it on: user mode's always is. */
	enter_user();
	guest_interrupts_set(&fake.v, false);
	raise_trap(6, 0);
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
	EXPECT_EQ(STACK - 40, fake.regs.rsp);
}

/* As fast.S hands it over: CR3 and GS are the kernel's already. */
TEST_F(user, trap_left_to_c)
{
	enter_user();
	mode_to_kernel(&fake.v);
	fake.cr3 = 0;
	fake.regs.vector = VECTOR_UD | VECTOR_FROM_USER;
	trap_from_guest(&fake.v, &fake.regs);
	EXPECT_EQ(0, fake.cr3);
	EXPECT_EQ(HANDLER + VECTOR_UD, fake.regs.rip);
	EXPECT_EQ(STACK - 40, fake.regs.rsp);
	EXPECT_EQ(PVN_PV_REAL_CS, frame()[1]);
	EXPECT_EQ(1, fake.v.shared.counters.delivered[VECTOR_UD]);
}

/* What is emulated for the kernel is a fault of a program's. */
TEST_F(user, nothing_is_emulated)
{
	static const char *const code[] = { "\xf4", "\xfa", "\xfb", "\xec", "\x0f\x32", "\x0f\x30" };

	for (unsigned int i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		enter_user();
		fake.regs.rip = FAKE_VA + 0x100;
		memcpy(fake_at(fake.regs.rip), code[i], 2);
		raise_trap(VECTOR_GP, 0);
		EXPECT_EQ(HANDLER + VECTOR_GP, fake.regs.rip);
	}
	EXPECT_EQ(0, fake.sleeps);
	EXPECT_EQ(0, fake.outs);
}

TEST_F(user, system_call)
{
	enter_user();
	fake.v.kernel_gs_base = 0x1000;
	fake.regs.rax = 39;
	fake.regs.rdi = 5;
	fake.regs.rflags = RFLAGS_IF | RFLAGS_FIXED | 0x400;
	system_call();
	EXPECT_EQ(0, fake.v.user);
	EXPECT_EQ(KERNEL_TABLE, fake.cr3);
	EXPECT_EQ(0x1000, fake.gs_base);
	EXPECT_EQ(ENTRY, fake.regs.rip);
	EXPECT_EQ(STACK - 40, fake.regs.rsp);
	EXPECT_EQ(RFLAGS_FIXED | RFLAGS_IF, fake.regs.rflags);
	EXPECT_EQ(39, fake.regs.rax);
	EXPECT_EQ(5, fake.regs.rdi);
	EXPECT_EQ(PROGRAM, frame()[0]);
	EXPECT_EQ(PVN_PV_REAL_CS, frame()[1]);
	EXPECT_EQ(RFLAGS_IF | RFLAGS_FIXED | 0x400, frame()[2]);
	EXPECT_EQ(PROGRAM_STACK, frame()[3]);
	EXPECT_EQ(PVN_PV_REAL_SS, frame()[4]);
	EXPECT_FALSE(guest_interrupts_on(&fake.v));
	EXPECT_EQ(1, fake.v.shared.counters.syscalls);
}

TEST_F(user, syscall_entry)
{
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_SYSCALL_ENTRY, 0x1000, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_SYSCALL_ENTRY, PVN_PV_HOLE_START, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_SYSCALL_ENTRY, PVN_PV_HOLE_END - 1, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_SYSCALL_ENTRY, 0x800000000000, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(PVN_HC_CPU_SYSCALL_ENTRY, ENTRY, ENTRY, 0, 0, 0));
	EXPECT_EQ(ENTRY, fake.v.syscall_entry);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_SYSCALL_ENTRY, PVN_PV_HOLE_END, 0, 0, 0, 0));
	EXPECT_EQ(PVN_PV_HOLE_END, fake.v.syscall_entry);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_SYSCALL_ENTRY, 0, 0, 0, 0, 0));
	enter_user();
	fake.regs.rip = PROGRAM + 2;
	system_call();
	EXPECT_EQ(HANDLER + VECTOR_UD, fake.regs.rip);
	EXPECT_EQ(PROGRAM, frame()[0]);
}

static const uint64_t bad_stacks[] = { 0, 48, PROGRAM_STACK, 0x800000000000, PVN_PV_HOLE_START + 0x20000, PVN_PV_HOLE_END,
				       PVN_PV_HOLE_END + 32, 0xffffffff40000000, FAKE_VA, FAKE_VA + 32, FAKE_EDGE + 0x800 };

TEST_F(user, kernel_stacks_that_take_no_frame)
{
	for (unsigned int i = 0; i < sizeof(bad_stacks) / sizeof(bad_stacks[0]); i++) {
		fake.v.info->kernel_stack = STACK;
		enter_user();
		fake.v.info->kernel_stack = bad_stacks[i];
		EXPECT_TRUE(stops(6)) TH_LOG("%llx", (unsigned long long)bad_stacks[i]);
		EXPECT_EQ(MONITOR_REPORT_GUEST, fake.v.shared.report.kind);
		EXPECT_STREQ("its kernel_stack takes no frame for exception 6", fake.v.shared.report.text);
		fake.v.user = 1;
		EXPECT_TRUE(syscall_stops()) TH_LOG("%llx", (unsigned long long)bad_stacks[i]);
		fake.v.user = 1;
		EXPECT_TRUE(stops(0x40));
		EXPECT_STREQ("its kernel_stack takes no frame for interrupt 64", fake.v.shared.report.text);
		memset(fake.v.waiting, 0, sizeof(fake.v.waiting));
	}
	/* Aligned before the push, as hardware does it. */
	fake.v.info->kernel_stack = STACK + 9;
	fake.v.user = 1;
	raise_trap(6, 0);
	EXPECT_EQ(STACK - 40, fake.regs.rsp);
}

TEST_F(user, frames_that_no_program_has)
{
	static const struct {
		uint64_t rip, cs, ss;
	} bad[] = {
		{ 0x800000000000, 0x33, 0x2b }, { 0xffff7fffffffffff, 0x33, 0x2b }, { ~0ull >> 1, 0x33, 0x2b },
		{ PROGRAM, 0x23, 0x2b }, { PROGRAM, 0x13, 0x2b }, { PROGRAM, 0x3, 0x2b }, { PROGRAM, 0x37, 0x2b },
		{ PROGRAM, 0xffff, 0x2b }, { PROGRAM, 0x100000000033, 0x2b }, { PROGRAM, 0x33, 0 }, { PROGRAM, 0x33, 0x18 },
		{ PROGRAM, 0x33, 0x1b }, { PROGRAM, 0x33, 0x63 }, { PROGRAM, 0x33, 0x10000002b },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(0, go(bad[i].rip, bad[i].cs, bad[i].ss, RFLAGS_IF)) TH_LOG("%u", i);
		EXPECT_EQ(1, fake.v.full_return);
		EXPECT_EQ(0, fake.v.user);
		EXPECT_EQ(KERNEL_TABLE, fake.cr3);
		EXPECT_EQ(HANDLER + VECTOR_GP, fake.regs.rip) TH_LOG("%u", i);
		EXPECT_EQ(STACK - 48, fake.regs.rsp);
		EXPECT_EQ(0, frame()[0]);
		EXPECT_EQ(bad[i].rip, frame()[1]);
		EXPECT_EQ(bad[i].cs, frame()[2]);
		EXPECT_EQ(PROGRAM_STACK, frame()[4]);
		EXPECT_EQ(bad[i].ss, frame()[5]);
		/* What the vCPU goes on with is level 3's. */
		EXPECT_EQ(PVN_PV_REAL_CS, fake.regs.cs);
		EXPECT_EQ(PVN_PV_REAL_SS, fake.regs.ss);
	}
}

/* An instruction that ends with the last address below the gap, then an interrupt: the way back is no address. */
TEST_F(user, interrupt_at_the_gap)
{
	enter_user();
	fake.regs.rip = 0x800000000000;
	fake.vm.trap[0x40].handler = 0;
	raise_trap(0x40, 0);
	EXPECT_EQ(HANDLER + VECTOR_GP, fake.regs.rip);
	EXPECT_EQ(0x800000000000, frame()[1]);
	EXPECT_EQ(PVN_PV_REAL_CS, frame()[2]);
	/* In kernel mode, too. */
	fake.regs.rip = 0x800000000000;
	raise_trap(0x40, 0);
	EXPECT_EQ(HANDLER + VECTOR_GP, fake.regs.rip);
	EXPECT_EQ(PVN_PV_KERNEL_CS, frame()[2]);
}

TEST_F(user, int_n_by_the_table)
{
	struct pvn_trap_entry *entry = (void *)(fake.ram + 0x10000);

	for (unsigned int vector = 0; vector < 256; vector++) {
		bool may = vector == 3 || vector == 4 || vector >= 32;

		*entry = (struct pvn_trap_entry){ vector, PVN_TRAP_FROM_USER, HANDLER };
		EXPECT_EQ(may ? 0 : -PVN_EINVAL, fake_call(PVN_HC_CPU_TRAP_TABLE, 0x10000, 1, 0, 0, 0)) TH_LOG("%u", vector);
		EXPECT_EQ(may, fake.open_gates[vector / 64] >> vector % 64 & 1) TH_LOG("%u", vector);
		/* Without a handler nobody may raise it: it would stop the guest. */
		entry->handler = 0;
		fake_call(PVN_HC_CPU_TRAP_TABLE, 0x10000, 1, 0, 0, 0);
		EXPECT_EQ(0, fake.open_gates[vector / 64] >> vector % 64 & 1) TH_LOG("%u", vector);
		fake.vm.trap[vector] = (struct monitor_trap){ HANDLER + vector, 0 };
	}
	/* It is no interrupt: nothing is acknowledged, and the flag does not hold it back. */
	*entry = (struct pvn_trap_entry){ 0x80, PVN_TRAP_FROM_USER, HANDLER };
	fake_call(PVN_HC_CPU_TRAP_TABLE, 0x10000, 1, 0, 0, 0);
	guest_interrupts_set(&fake.v, false);
	fake.regs.rip = FAKE_VA;
	fake.regs.rsp = FAKE_VA + 0x1000;
	raise_trap(0x80, 0);
	EXPECT_EQ(HANDLER, fake.regs.rip);
	EXPECT_EQ(0, fake.eois);
}

TEST_F(user, segment_bases)
{
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_SEGMENT_BASE, PVN_BASE_FS, 0x1000, 0, 0, 0));
	EXPECT_EQ(0x1000, fake.fs_base);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_SEGMENT_BASE, PVN_BASE_GS_KERNEL, 0x2000, 0, 0, 0));
	EXPECT_EQ(0x2000, fake.gs_base);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_SEGMENT_BASE, PVN_BASE_GS_USER, 0x3000, 0, 0, 0));
	EXPECT_EQ(0x2000, fake.gs_base);
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_SEGMENT_BASE, 3, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_SEGMENT_BASE, PVN_BASE_FS, 0x800000000000, 0, 0, 0));
	enter_user();
	EXPECT_EQ(0x3000, fake.gs_base);
	raise_trap(6, 0);
	EXPECT_EQ(0x2000, fake.gs_base);
}

#define DATA 0x10c0f3234567ffffull /* base 0x10234567 */

TEST_F(user, descriptors)
{
	static const uint64_t bad[] = {
		0x00affb000000ffff, /* code */
		0x00cffb000000ffff, /* 32-bit code */
		0x00cf93000000ffff, /* level 0 */
		0x00cfd3000000ffff, /* level 2 */
		0x00eff3000000ffff, /* the L bit */
		0x0000e9000000ffff, /* a task state */
		0x0000e2000000ffff, /* a local table */
		0x0000ec0000100000, /* a call gate */
		0x0000ee0000100000, /* an interrupt gate */
		1,
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_DESCRIPTOR_WRITE, 12, bad[i], 0, 0, 0)) TH_LOG("%u", i);
	}
	for (unsigned int i = 0; i < 20; i++)
		EXPECT_EQ(i >= 12 && i <= 15 ? 0 : -PVN_ERANGE, fake_call(PVN_HC_CPU_DESCRIPTOR_WRITE, i, DATA, 0, 0, 0));
	EXPECT_EQ(DATA, fake.v.gdt[15]);
	/* Not present: what Linux has for a slot that a program asked for so. */
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_DESCRIPTOR_WRITE, 13, DATA & ~(1ull << 47), 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_DESCRIPTOR_WRITE, 15, 0, 0, 0, 0));
	EXPECT_EQ(0, fake.v.gdt[15]);
}

TEST_F(user, gs_select)
{
	fake.v.gdt[PVN_PV_KERNEL_CS / 8] = 0x00af9b000000ffff;
	fake.v.gdt[PVN_PV_KERNEL_SS / 8] = 0x00cf93000000ffff;
	fake.v.gdt[8] = 0x00008b0000000067;
	fake.v.gdt[12] = DATA;
	fake.v.gdt[13] = DATA & ~(1ull << 47);
	for (unsigned int selector = 0; selector < 0x10010; selector++) {
		bool may = selector <= 3 || selector >> 2 == 0x60 >> 2;

		EXPECT_EQ(may ? 0 : -PVN_EINVAL, fake_call(PVN_HC_CPU_GS_SELECT, selector, 0, 0, 0, 0)) TH_LOG("%x", selector);
	}
	fake_call(PVN_HC_CPU_GS_SELECT, 0x63, 0, 0, 0, 0);
	EXPECT_EQ(0x63, fake.gs_selector);
	EXPECT_EQ(0x10234567, fake.v.user_gs_base);
	fake_call(PVN_HC_CPU_GS_SELECT, 0, 0, 0, 0, 0);
	EXPECT_EQ(0, fake.v.user_gs_base);
}

TEST_F(user, debug_read)
{
	uint64_t *to = (void *)(fake.ram + 0x3000);

	fake.dr6 = 0xffff4ff0;
	fake.regs.rsp = FAKE_VA + 0x1000;
	raise_trap(VECTOR_DB, 0);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_DEBUG_READ, 6, 0x3000, 0, 0, 0));
	EXPECT_EQ(0xffff4ff0, *to);
	EXPECT_EQ(0, fake_call(PVN_HC_CPU_DEBUG_READ, 7, 0x3000, 0, 0, 0));
	EXPECT_EQ(0x400, *to);
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_DEBUG_READ, 4, 0x3000, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_CPU_DEBUG_READ, 6, 0x3004, 0, 0, 0));
	EXPECT_EQ(-PVN_EFAULT, fake_call(PVN_HC_CPU_DEBUG_READ, 6, FAKE_RAM, 0, 0, 0));
}

TEST_F(user, zone_trust)
{
	space_init();
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_ZONE_TRUST, 0, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ESTATE, fake_call(PVN_HC_MMU_ZONE_TRUST, 1, 0, 0, 0, 0));
	fake.v.shared.boot.flags = MONITOR_BOOT_TRUSTED;
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ZONE_ADD, CHUNK_BYTES, CHUNK_BYTES, 0, 0, 0));
	EXPECT_EQ(-PVN_ESTATE, fake_call(PVN_HC_MMU_ZONE_TRUST, 1, 0, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ZONE_REMOVE, CHUNK_BYTES, CHUNK_BYTES, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ZONE_TRUST, 1, 0, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_ZONE_TRUST, 1, 0, 0, 0, 0));
	for (uint64_t nr = PVN_HC_MMU_ZONE_ADD; nr <= PVN_HC_MMU_ENTRY_MASK; nr++) {
		uint64_t second = nr == PVN_HC_MMU_TABLE_ALLOC ? 1 : nr == PVN_HC_MMU_TABLE_FILL ? 0 : CHUNK_BYTES;

		EXPECT_EQ(-PVN_ESTATE, fake_call(nr, CHUNK_BYTES, second, nr == PVN_HC_MMU_TABLE_FILL, 0, 0))
			TH_LOG("%llx", (unsigned long long)nr);
	}
	/* Any frames will do, and get the monitor's entries. */
	memset(space_table(0x5000), 0x5a, 8192);
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_SPACE_SWITCH, 0x5000, 0x6000, 0, 0, 0));
	EXPECT_EQ(0x5000, fake.cr3);
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t want = i >= SLOT_HOLE && i < SLOT_KERNEL ? space.start[0][i] : 0x5a5a5a5a5a5a5a5aull;

		EXPECT_EQ(want, space_table(0x5000)[i]);
		EXPECT_EQ(want, space_table(0x6000)[i]);
	}
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_SPACE_SWITCH, SPACE_RAM, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_SPACE_SWITCH, SPACE_MONITOR, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(PVN_HC_MMU_SPACE_SWITCH, 0x5000, SPACE_RAM, 0, 0, 0));
	EXPECT_EQ(-PVN_EINVAL, fake_call(PVN_HC_MMU_SPACE_SWITCH, 0x5008, 0, 0, 0, 0));
	EXPECT_EQ(0, fake_call(PVN_HC_MMU_SPACE_SWITCH, 0x5000, 0, 0, 0, 0));
	EXPECT_EQ(0, fake.v.mmu.user);
	space_destroy();
}

TEST_HARNESS_MAIN
