// SPDX-License-Identifier: GPL-2.0-only
/* Trap frames, the decoder, emulation and delivery of exceptions, on the build machine. */
#include "kselftest_harness.h"

#include <string.h>

#include "decode.h"
#include "fake.h"

#define HANDLER (FAKE_VA + 0x800)

FIXTURE(traps)
{
};

FIXTURE_SETUP(traps)
{
	fake_init();
	for (unsigned int i = 0; i < 32; i++)
		fake.vm.trap[i] = (struct monitor_trap){ HANDLER + i, 0 };
}

FIXTURE_TEARDOWN(traps)
{
	fake_destroy();
}

static void raise_trap(unsigned int vector, uint64_t error)
{
	fake.regs.vector = vector;
	fake.regs.error = error;
	trap_from_guest(&fake.v, &fake.regs);
}

/* Does it stop the guest? In a function of its own, so that longjmp() finds no variables to lose. */
static bool stops(unsigned int vector)
{
	if (setjmp(fake.stopped))
		return true;
	raise_trap(vector, 0);
	return false;
}

/* The bytes at rip, and a #GP there. */
static void gp_at(const char *code, size_t bytes)
{
	memcpy(fake_at(fake.regs.rip), code, bytes);
	raise_trap(VECTOR_GP, 0);
}

TEST_F(traps, frame_as_hardware_builds_it)
{
	const uint64_t *frame = fake_at(FAKE_VA + 0x1000 - 40);

	fake.regs.rsp = FAKE_VA + 0x1009;
	fake.regs.rflags = 0x10346;
	raise_trap(6, 0);
	EXPECT_EQ(FAKE_VA, frame[0]);
	EXPECT_EQ(PVN_PV_KERNEL_CS, frame[1]);
	EXPECT_EQ(0x10146, frame[2]);
	EXPECT_EQ(FAKE_VA + 0x1009, frame[3]);
	EXPECT_EQ(PVN_PV_KERNEL_SS, frame[4]);
	EXPECT_EQ(FAKE_VA + 0x1000 - 40, fake.regs.rsp);
	EXPECT_EQ(HANDLER + 6, fake.regs.rip);
	/* TF and RF are off in the handler. */
	EXPECT_EQ(0x246, fake.regs.rflags);
	EXPECT_EQ(1, fake.v.shared.counters.delivered[6]);
}

TEST_F(traps, error_codes_where_hardware_has_them)
{
	const unsigned int with[] = { 10, 11, 12, 14, 17, 21, 29, 30 };
	unsigned int n = 0;

	for (unsigned int vector = 0; vector < 32; vector++) {
		bool has = vector == VECTOR_GP || vector == VECTOR_DF;

		if (vector == VECTOR_POKE)
			continue;
		for (unsigned int i = 0; i < 8; i++)
			has |= with[i] == vector;
		fake.regs.rsp = FAKE_VA + 0x1000;
		fake.regs.rip = FAKE_VA;
		raise_trap(vector, 0x5008);
		EXPECT_EQ(FAKE_VA + 0x1000 - (has ? 48 : 40), fake.regs.rsp) TH_LOG("vector %u", vector);
		if (has) {
			EXPECT_EQ(0x5008, *(uint64_t *)fake_at(fake.regs.rsp));
		}
		n += has;
	}
	EXPECT_EQ(10, n);
}

TEST_F(traps, page_fault_is_the_kernels)
{
	fake.cr2 = 0x1234;
	raise_trap(VECTOR_PF, 0x17);
	EXPECT_EQ(0x13, *(uint64_t *)fake_at(fake.regs.rsp));
	EXPECT_EQ(0x1234, fake.v.info->fault_address);
}

TEST_F(traps, virtual_flag)
{
	guest_interrupts_set(&fake.v, true);
	raise_trap(6, 0);
	EXPECT_TRUE(((uint64_t *)fake_at(fake.regs.rsp))[2] & RFLAGS_IF);
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
	fake.vm.trap[6].flags = PVN_TRAP_INTERRUPT_OFF;
	raise_trap(6, 0);
	EXPECT_TRUE(((uint64_t *)fake_at(fake.regs.rsp))[2] & RFLAGS_IF);
	EXPECT_FALSE(guest_interrupts_on(&fake.v));
	raise_trap(6, 0);
	EXPECT_FALSE(((uint64_t *)fake_at(fake.regs.rsp))[2] & RFLAGS_IF);
}

TEST_F(traps, no_handler_stops_the_guest)
{
	fake.vm.trap[6].handler = 0;
	fake.regs.rbx = 0x77;
	ASSERT_TRUE(stops(6));
	EXPECT_EQ(MONITOR_REPORT_GUEST, fake.v.shared.report.kind);
	EXPECT_STREQ("no handler is registered for exception 6", fake.v.shared.report.text);
	EXPECT_EQ(0x77, fake.v.shared.report.regs.rbx);
	/* Nothing lies before the code, and it is shown from where something does. */
	EXPECT_EQ(((1ull << MONITOR_CODE_BYTES) - 1) & ~0xffffull, fake.v.shared.report.code_read);
	EXPECT_EQ(MONITOR_STACK_WORDS, fake.v.shared.report.nr_stack);
}

TEST_F(traps, stacks_that_take_no_frame)
{
	const uint64_t bad[] = { 0, 40, 0x800000000010, 0x800000000040, PVN_PV_HOLE_START, PVN_PV_HOLE_START + 0x20000, PVN_PV_HOLE_END,
				 PVN_PV_HOLE_END + 8, FAKE_VA, FAKE_VA + 32, FAKE_VA + FAKE_MAPPED + 64, ~0ull, FAKE_EDGE + 0x20 };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake.regs.rsp = bad[i];
		fake.regs.rip = FAKE_VA + 64;
		EXPECT_TRUE(stops(0)) TH_LOG("rsp %llx", (unsigned long long)bad[i]);
	}
	fake.regs.rsp = FAKE_VA + 48;
	EXPECT_FALSE(stops(0));
	fake.regs.rsp = FAKE_VA + FAKE_MAPPED;
	EXPECT_FALSE(stops(0));
}

TEST_F(traps, return_frames)
{
	struct pvn_return_frame frame = {
		.rcx = 1, .r11 = 2, .rax = 3,
		.trap = { .rip = FAKE_VA, .cs = PVN_PV_KERNEL_CS, .rflags = ~0ull, .rsp = 5, .ss = PVN_PV_KERNEL_SS },
	};
	struct monitor_regs regs = { .rbx = 7, .cs = PVN_PV_REAL_CS, .ss = PVN_PV_REAL_SS }, before;
	bool on = false;

	ASSERT_EQ(0, frame_return(&frame, &regs, &on));
	EXPECT_TRUE(on);
	EXPECT_EQ(1, regs.rcx);
	EXPECT_EQ(2, regs.r11);
	EXPECT_EQ(3, regs.rax);
	EXPECT_EQ(5, regs.rsp);
	EXPECT_EQ(7, regs.rbx);
	/* The real interrupt flag whatever the frame says, no I/O level, and level 3's segments stay. */
	EXPECT_EQ(RFLAGS_GUEST | RFLAGS_FIXED | RFLAGS_IF, regs.rflags);
	EXPECT_EQ(0, regs.rflags & (0x3000 | 0x20000 | 0x180000));
	EXPECT_EQ(PVN_PV_REAL_CS, regs.cs);
	before = regs;
	for (int i = 0; i < 4; i++) {
		struct pvn_return_frame bad = frame;

		if (i == 0)
			bad.trap.cs = PVN_PV_REAL_CS;
		else if (i == 1)
			bad.trap.cs = 0x1000000000010;
		else if (i == 2)
			bad.trap.ss = PVN_PV_REAL_SS;
		else
			bad.trap.rip = 0x800000000000;
		EXPECT_EQ(-PVN_EINVAL, frame_return(&bad, &regs, &on));
		EXPECT_EQ(0, memcmp(&before, &regs, sizeof(regs)));
	}
}

TEST(decoder)
{
	static const struct {
		const char *code;
		unsigned int bytes, what, length, operand;
		bool dx;
		uint8_t port, cr, reg;
	} good[] = {
		{ "\xf4", 1, MONITOR_EMULATED_HLT, 1, 0, false, 0, 0, 0 },
		{ "\xfa", 1, MONITOR_EMULATED_CLI, 1, 0, false, 0, 0, 0 },
		{ "\xfb", 1, MONITOR_EMULATED_STI, 1, 0, false, 0, 0, 0 },
		{ "\x0f\x32", 2, MONITOR_EMULATED_RDMSR, 2, 0, false, 0, 0, 0 },
		{ "\x0f\x30", 2, MONITOR_EMULATED_WRMSR, 2, 0, false, 0, 0, 0 },
		{ "\xe4\x60", 2, MONITOR_EMULATED_IN, 2, 1, false, 0x60, 0, 0 },
		{ "\xe5\x60", 2, MONITOR_EMULATED_IN, 2, 4, false, 0x60, 0, 0 },
		{ "\x66\xe7\x80", 3, MONITOR_EMULATED_OUT, 3, 2, false, 0x80, 0, 0 },
		{ "\xec", 1, MONITOR_EMULATED_IN, 1, 1, true, 0, 0, 0 },
		{ "\x66\xed", 2, MONITOR_EMULATED_IN, 2, 2, true, 0, 0, 0 },
		{ "\xef", 1, MONITOR_EMULATED_OUT, 1, 4, true, 0, 0, 0 },
		{ "\x66\x2e\x48\xee", 4, MONITOR_EMULATED_OUT, 4, 1, true, 0, 0, 0 },
		{ "\x0f\x20\xc0", 3, MONITOR_EMULATED_FROM_CR, 3, 0, false, 0, 0, 0 },
		{ "\x0f\x22\xd8", 3, MONITOR_EMULATED_TO_CR, 3, 0, false, 0, 3, 0 },
		{ "\x44\x0f\x20\xc3", 4, MONITOR_EMULATED_FROM_CR, 4, 0, false, 0, 8, 3 },
		{ "\x41\x0f\x22\x27", 4, MONITOR_EMULATED_TO_CR, 4, 0, false, 0, 4, 15 },
		{ "\x0f\x01\xd1", 3, MONITOR_EMULATED_XSETBV, 3, 0, false, 0, 0, 0 },
		{ "\x0f\x06", 2, MONITOR_EMULATED_CLTS, 2, 0, false, 0, 0, 0 },
		{ "\x0f\x09", 2, MONITOR_EMULATED_WBINVD, 2, 0, false, 0, 0, 0 },
		{ "\x0f\x08", 2, MONITOR_EMULATED_WBINVD, 2, 0, false, 0, 0, 0 },
	};
	static const struct {
		const char *code;
		unsigned int bytes;
	} bad[] = {
		{ "", 0 },	   { "\x66", 1 },     { "\x48", 1 },	 { "\x0f", 1 },		{ "\xe4", 1 },
		{ "\xf0\xf4", 2 }, { "\xf3\xee", 2 }, { "\x90", 1 },	 { "\x0f\x22\xc8", 3 }, { "\x0f\x01\x18", 3 },
		{ "\x6c", 1 },	   { "\x0f\x07", 2 }, { "\xcf", 1 },	 { "\x66\x0f\x01\xd1", 4 }, { "\x0f\x20\xe8", 3 },
		{ "\x44\x0f\x22\xd8", 4 },
	};
	struct decoded d;

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ASSERT_TRUE(decode((const uint8_t *)good[i].code, good[i].bytes, &d)) TH_LOG("%u", i);
		EXPECT_EQ(good[i].what, d.what) TH_LOG("%u", i);
		EXPECT_EQ(good[i].length, d.length) TH_LOG("%u", i);
		EXPECT_EQ(good[i].operand, d.bytes) TH_LOG("%u", i);
		EXPECT_EQ(good[i].dx, d.port_in_dx) TH_LOG("%u", i);
		EXPECT_EQ(good[i].port, d.port) TH_LOG("%u", i);
		EXPECT_EQ(good[i].cr, d.cr) TH_LOG("%u", i);
		EXPECT_EQ(good[i].reg, d.reg) TH_LOG("%u", i);
		/* A byte short is never taken for whole. */
		EXPECT_FALSE(decode((const uint8_t *)good[i].code, good[i].bytes - 1, &d)) TH_LOG("%u", i);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_FALSE(decode((const uint8_t *)bad[i].code, bad[i].bytes, &d)) TH_LOG("%u", i);
	}
}

/* Whatever the bytes: never read beyond them (ASan), never longer than them. */
TEST(decoder_random)
{
	unsigned int seed = 1, decoded = 0;

	for (int round = 0; round < 300000; round++) {
		unsigned int bytes = rand_r(&seed) % 16;
		uint8_t *code = malloc(bytes ? bytes : 1);
		struct decoded d;

		for (unsigned int i = 0; i < bytes; i++)
			code[i] = rand_r(&seed) & 3 ? (uint8_t)(rand_r(&seed) >> 8) : "\x66\x0f\x48\xec\xe4\xf4\x30\x32"[rand_r(&seed) % 8];
		if (decode(code, bytes, &d)) {
			ASSERT_LE(d.length, bytes);
			ASSERT_LT(d.what, MONITOR_EMULATED_KINDS);
			decoded++;
		}
		free(code);
	}
	EXPECT_LT(10000, decoded);
}

TEST_F(traps, emulation_is_counted_by_address)
{
	for (int i = 0; i < 3; i++) {
		fake.regs.rip = FAKE_VA + 0x100;
		gp_at("\xfb", 1);
		EXPECT_EQ(FAKE_VA + 0x101, fake.regs.rip);
	}
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
	EXPECT_EQ(0, fake.v.shared.counters.delivered[VECTOR_GP]);
	for (unsigned int i = 0; i < MONITOR_EMULATED_MAX + 5; i++) {
		fake.regs.rip = FAKE_VA + 0x200 + i;
		gp_at("\xfa", 1);
	}
	{
		uint64_t sum = 0, three = 0;

		for (unsigned int i = 0; i < MONITOR_EMULATED_MAX; i++) {
			const struct monitor_emulated *e = &fake.v.shared.counters.emulated[i];

			sum += e->count;
			three += e->rip == FAKE_VA + 0x100 && e->count == 3 && e->what == MONITOR_EMULATED_STI;
		}
		EXPECT_EQ(1, three);
		EXPECT_EQ(MONITOR_EMULATED_MAX - 1 + 3, sum);
		EXPECT_EQ(6, fake.v.shared.counters.emulated_elsewhere);
	}
}

/* The instruction at rip is done, or it is the guest's general protection fault. */
static bool emulated(const char *code, size_t bytes)
{
	fake.regs.rip = FAKE_VA + 0x100;
	fake.regs.rsp = FAKE_VA + 0x1000;
	gp_at(code, bytes);
	if (fake.regs.rip == FAKE_VA + 0x100 + bytes)
		return true;
	return fake.regs.rip != HANDLER + VECTOR_GP;
}

TEST_F(traps, control_registers_are_fixed)
{
	fake.v.mmu.kernel = 0x5000;
	EXPECT_TRUE(emulated("\x0f\x20\xc3", 3)); /* mov %cr0, %rbx */
	EXPECT_EQ(FAKE_CR0, fake.regs.rbx);
	EXPECT_TRUE(emulated("\x41\x0f\x20\xe7", 4)); /* mov %cr4, %r15 */
	EXPECT_EQ(FAKE_CR4, fake.regs.r15);
	EXPECT_TRUE(emulated("\x0f\x20\xd8", 3)); /* mov %cr3, %rax */
	EXPECT_EQ(0x5000, fake.regs.rax);
	EXPECT_TRUE(emulated("\x44\x0f\x20\xc2", 4)); /* mov %cr8, %rdx */
	EXPECT_EQ(0, fake.regs.rdx);

	/* What changes nothing is done: CR3 flushes. */
	EXPECT_TRUE(emulated("\x0f\x22\xc3", 3));
	EXPECT_TRUE(emulated("\x41\x0f\x22\xe7", 4));
	EXPECT_TRUE(emulated("\x44\x0f\x22\xc2", 4));
	fake.flushes = 0;
	EXPECT_TRUE(emulated("\x0f\x22\xd8", 3));
	EXPECT_EQ(1, fake.flushes);
	EXPECT_EQ(0x5000, fake.cr3);
	/* And what would change something is not. */
	fake.regs.rax = 0x6000;
	EXPECT_FALSE(emulated("\x0f\x22\xd8", 3));
	EXPECT_EQ(1, fake.flushes);
	fake.regs.rbx = FAKE_CR0 & ~0x10000ull;
	EXPECT_FALSE(emulated("\x0f\x22\xc3", 3));
	fake.regs.r15 = FAKE_CR4 | 0x100000;
	EXPECT_FALSE(emulated("\x41\x0f\x22\xe7", 4));
	fake.regs.rdx = 1;
	EXPECT_FALSE(emulated("\x44\x0f\x22\xc2", 4));

	/* CR2 is a word of the guest's. */
	fake.regs.rcx = 0x123456789abcdef0;
	EXPECT_TRUE(emulated("\x0f\x22\xd1", 3));
	EXPECT_EQ(0x123456789abcdef0, fake.v.info->fault_address);
	EXPECT_TRUE(emulated("\x0f\x20\xd6", 3));
	EXPECT_EQ(0x123456789abcdef0, fake.regs.rsi);

	EXPECT_TRUE(emulated("\x0f\x06", 2)); /* clts */
	EXPECT_TRUE(emulated("\x0f\x09", 2)); /* wbinvd */
}

static bool xsetbv(uint64_t index, uint64_t value)
{
	fake.regs.rcx = index;
	fake.regs.rax = 0xffffffff00000000 | (uint32_t)value;
	fake.regs.rdx = value >> 32;
	return emulated("\x0f\x01\xd1", 3);
}

/* XCR0 takes what hardware takes, and of that what is the guest's. */
TEST_F(traps, xsetbv)
{
	EXPECT_FALSE(xsetbv(0, 1));
	fake.xcr0_supported = 0x602ff;
	control_start(&fake.v);
	EXPECT_TRUE(xsetbv(0, 1));
	EXPECT_TRUE(xsetbv(0, 3));
	EXPECT_TRUE(xsetbv(0, 7));
	EXPECT_TRUE(xsetbv(0, 0xe7));
	EXPECT_EQ(0xe7, fake.xcr0);
	/* x87 is always on, AVX wants SSE, the three of AVX-512 want each other and AVX. */
	EXPECT_FALSE(xsetbv(0, 0));
	EXPECT_FALSE(xsetbv(0, 6));
	EXPECT_FALSE(xsetbv(0, 5));
	EXPECT_FALSE(xsetbv(0, 0x27));
	EXPECT_FALSE(xsetbv(0, 0xe3));
	/* MPX, protection keys, AMX, the upper half, another register. */
	EXPECT_FALSE(xsetbv(0, 0x1f));
	EXPECT_FALSE(xsetbv(0, 0x203));
	EXPECT_FALSE(xsetbv(0, 0x60007));
	EXPECT_FALSE(xsetbv(0, 0x100000007));
	EXPECT_FALSE(xsetbv(1, 7));
	EXPECT_EQ(0xe7, fake.xcr0);
	fake.xcr0_supported = 7;
	control_start(&fake.v);
	EXPECT_FALSE(xsetbv(0, 0xe7));
	EXPECT_TRUE(xsetbv(0, 7));
}

TEST_F(traps, ports_by_list)
{
	static const struct {
		uint16_t port;
		bool served;
	} list[] = { { 0x3f8, true }, { 0x3ff, true }, { 0x3f7, false }, { 0x400, false }, { 0x80, true }, { 0x5650, false },
		     { 0x5654, false }, { 0x5658, false }, { 0xcf8, false }, { 0x20, false }, { 0xffff, false } };

	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		unsigned int before = fake.outs;

		fake.regs.rip = FAKE_VA + 0x100;
		fake.regs.rdx = 0xabc0000 | list[i].port;
		fake.regs.rsp = FAKE_VA + 0x1000;
		gp_at("\xee", 1);
		EXPECT_EQ(before + list[i].served, fake.outs) TH_LOG("port %x", list[i].port);
		EXPECT_EQ(FAKE_VA + 0x101, fake.regs.rip) TH_LOG("port %x", list[i].port);
		/* The others read as a bus without a device does. */
		fake.port_value = 0x12;
		fake.regs.rax = 0x1122334455667700;
		fake.regs.rip = FAKE_VA + 0x100;
		gp_at("\xec", 1);
		EXPECT_EQ(0x1122334455667700 | (list[i].served ? 0x12 : 0xff), fake.regs.rax) TH_LOG("port %x", list[i].port);
	}
	/* The widest access from the list's last port would reach beyond it. */
	fake.regs.rip = FAKE_VA + 0x100;
	fake.regs.rdx = 0x3fd;
	gp_at("\xed", 1);
	EXPECT_EQ(0xffffffff, fake.regs.rax);
	/* A port that IN reads: rax keeps what the operand does not cover. */
	fake.port_value = 0xdeadbeef;
	fake.regs.rdx = 0x3f8;
	fake.regs.rip = FAKE_VA + 0x100;
	fake.regs.rax = 0x1122334455667788;
	gp_at("\x66\xed", 2);
	EXPECT_EQ(0x112233445566beef, fake.regs.rax);
	fake.regs.rip = FAKE_VA + 0x100;
	gp_at("\xed", 1);
	EXPECT_EQ(0xdeadbeef, fake.regs.rax);
}

TEST_F(traps, registers_by_list)
{
	static const struct {
		uint32_t msr;
		bool read, write;
	} list[] = { { 0x10, true, false }, { 0x277, true, false }, { 0xc0000080, true, false }, { 0xc0000100, true, true },
		     { 0xc0000101, true, true }, { 0xc0000102, true, true }, { 0xc0000081, false, false }, { 0xc0000082, false, false },
		     { 0x1b, false, false }, { 0xfe, false, false }, { 0x4b564d00, false, false } };

	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		fake.regs.rcx = 0xffffffff00000000 | list[i].msr;
		fake.regs.rip = FAKE_VA + 0x100;
		gp_at("\x0f\x32", 2);
		EXPECT_EQ(list[i].read ? FAKE_VA + 0x102 : HANDLER + 13, fake.regs.rip) TH_LOG("read %x", list[i].msr);
		EXPECT_TRUE(!list[i].read || !(fake.regs.rax >> 32));
		fake.regs.rip = FAKE_VA + 0x100;
		fake.regs.rax = 0x1111111122223333;
		fake.regs.rdx = 0x5555;
		gp_at("\x0f\x30", 2);
		EXPECT_EQ(list[i].write ? FAKE_VA + 0x102 : HANDLER + 13, fake.regs.rip) TH_LOG("write %x", list[i].msr);
		fake.regs.rip = FAKE_VA + 0x100;
		fake.regs.rdx = 0x8000;
		gp_at("\x0f\x30", 2);
		EXPECT_EQ(HANDLER + 13, fake.regs.rip) TH_LOG("no address to %x", list[i].msr);
		fake.regs.rsp = FAKE_VA + 0x1000;
	}
	EXPECT_EQ(0x555522223333, fake.fs_base);
	EXPECT_EQ(0x555522223333, fake.gs_base);
	EXPECT_EQ(0x555522223333, fake.v.user_gs_base);
}

TEST_F(traps, hlt)
{
	/* With the flag off whatever wakes it is kept, and it sleeps again: the guest goes on no more. */
	fake.vm.trap[0x41] = (struct monitor_trap){ HANDLER + 0x41, PVN_TRAP_INTERRUPT_OFF };
	fake.wakes_with = 0x41;
	if (!setjmp(fake.stopped)) {
		gp_at("\xf4", 1);
		EXPECT_TRUE(false);
	}
	EXPECT_EQ(FAKE_SLEEPS_MAX + 1, fake.sleeps);
	EXPECT_EQ(0, fake.vmm_calls);
	EXPECT_EQ(1, fake.v.away);
	vcpu_back(&fake.v);
	fake.sleeps = 0;
	memset(fake.v.waiting, 0, sizeof(fake.v.waiting));
	/* With the flag on it ends with an interrupt, whose handler finds HLT done. */
	guest_interrupts_set(&fake.v, true);
	fake.vm.trap[0x40] = (struct monitor_trap){ HANDLER + 0x40, PVN_TRAP_INTERRUPT_OFF };
	fake.wakes_with = 0x40;
	fake.regs.rip = FAKE_VA;
	gp_at("\xf4", 1);
	EXPECT_EQ(1, fake.sleeps);
	EXPECT_EQ(0, fake.v.away);
	EXPECT_EQ(HANDLER + 0x40, fake.regs.rip);
	EXPECT_EQ(FAKE_VA + 1, *(uint64_t *)fake_at(fake.regs.rsp));
	EXPECT_EQ(0, fake.vmm_calls);
}

/* A single step ends with the instruction, also where the monitor made it: the frame says where the next one is. */
TEST_F(traps, single_step)
{
	const uint64_t *frame = fake_at(FAKE_VA + 0x1000 - 40);

	fake.regs.rsp = FAKE_VA + 0x1000;
	fake.regs.rflags = 2;
	gp_at("\xfb", 1); /* sti */
	EXPECT_EQ(FAKE_VA + 1, fake.regs.rip);

	fake.regs.rip = FAKE_VA;
	fake.regs.rflags = 2 | RFLAGS_TF;
	gp_at("\xfa", 1); /* cli */
	EXPECT_EQ(HANDLER + VECTOR_DB, fake.regs.rip);
	EXPECT_EQ(FAKE_VA + 1, frame[0]);
	EXPECT_EQ(RFLAGS_TF, frame[2] & RFLAGS_TF);
	EXPECT_EQ(0, fake.regs.rflags & RFLAGS_TF);
}

TEST_F(traps, code_at_the_gap)
{
	fake.regs.rip = FAKE_EDGE + 0xffe;
	gp_at("\xfb", 1);
	EXPECT_EQ(FAKE_EDGE + 0xfff, fake.regs.rip);
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
	/* Emulated, it would have to go on at no address. */
	gp_at("\xfa", 1);
	EXPECT_EQ(HANDLER + 13, fake.regs.rip);
	EXPECT_EQ(FAKE_EDGE + 0xfff, ((uint64_t *)fake_at(fake.regs.rsp))[1]);
	EXPECT_TRUE(guest_interrupts_on(&fake.v));
}

TEST_F(traps, code_at_the_end_of_a_page)
{
	/* The next page is not mapped: one byte is enough for CLI, and not for RDMSR. */
	fake.regs.rip = FAKE_VA + FAKE_MAPPED - 1;
	gp_at("\xfa", 1);
	EXPECT_EQ(FAKE_VA + FAKE_MAPPED, fake.regs.rip);
	fake.regs.rip = FAKE_VA + FAKE_MAPPED - 1;
	gp_at("\x0f", 1);
	EXPECT_EQ(HANDLER + 13, fake.regs.rip);
	/* Across two pages that are. */
	fake.regs.rip = FAKE_VA + 0x1fff;
	fake.regs.rcx = 0x10;
	gp_at("\x0f\x32", 2);
	EXPECT_EQ(FAKE_VA + 0x2001, fake.regs.rip);
}

TEST_HARNESS_MAIN
