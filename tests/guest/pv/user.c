// SPDX-License-Identifier: GPL-2.0-only
/* User mode from inside: programs that make system calls, fault, and try what they may not. */
#include "pv.h"

#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

#define STACK_TOP (PV_USER_STACK + 4096)
#define RFLAGS_TF 0x100ull
#define RFLAGS_IF 0x200ull
#define RFLAGS_NT 0x4000ull
#define RFLAGS_IOPL 0x3000ull
#define BENCH_ROUNDS 2000

extern const char pv_programs[], pv_programs_end[];
extern const char u_syscall[], u_null[], u_faults[], u_ud2[], u_hlt[], u_cli[], u_in[], u_rdmsr[], u_swapgs[], u_iret[], u_int80[], u_int3[],
	u_int4[], u_int8[], u_int32[], u_read[], u_write[], u_jump[], u_spin[], u_step[], u_gs[], u_gs_load[], u_ss[],
	u_lsl[], u_popf[];
extern uint64_t pv_syscall_rsp, pv_syscall_rflags;
void pv_syscall_entry(void);
void pv_syscall_null(void);
void pv_fault_null(void);
uint64_t pv_user_enter(struct pv_frame *frame);

static char kernel_stack[8192] __attribute__((aligned(16)));
static struct pv_frame f;

static uint64_t program(const char *name)
{
	return PV_USER_TEXT + (uint64_t)(name - pv_programs);
}

/* As a new program: every register has a value of its own. */
static void fresh(const char *name, uint64_t rdi)
{
	uint64_t *reg = &f.r15;

	for (unsigned int i = 0; i < 15; i++)
		reg[i] = 0x100 + i;
	f.rdi = rdi;
	f.hw = (struct pvn_trap_frame){ program(name), PVN_PV_REAL_CS, RFLAGS_IF | 2, STACK_TOP - 64, PVN_PV_REAL_SS };
}

static uint64_t run(const char *name, uint64_t rdi)
{
	fresh(name, rdi);
	return pv_user_enter(&f);
}

static bool kept(void)
{
	const uint64_t *reg = &f.r15;
	bool ok = true;

	for (unsigned int i = 0; i < 15; i++)
		if (reg != &f.rcx && reg != &f.r11 && reg != &f.rdi)
			ok &= reg[i] == 0x100 + i || i == 4 || i == 9 || i == 12;
	return ok;
}

static void start(bool trusted)
{
	pv_mmu_spaces(trusted);
	for (const char *at = pv_programs; at < pv_programs_end; at++)
		((char *)PV_USER_TEXT_DIRECT)[at - pv_programs] = *at;
	pv_info->kernel_stack = (uint64_t)kernel_stack + sizeof(kernel_stack);
}

static void test_syscalls(void)
{
	uint64_t top = pv_info->kernel_stack;

	pv_equal(6, (int64_t)run(u_syscall, 7), "without an entry SYSCALL is an invalid instruction");
	pv_equal((int64_t)program(u_syscall), (int64_t)f.hw.rip, "that has not been executed");
	pv_equal(-PVN_EINVAL, pvn_cpu_syscall_entry(0x1000, 0), "cpu.syscall_entry: an address of the lower half");
	pv_equal(-PVN_EINVAL, pvn_cpu_syscall_entry(PVN_PV_HOLE_START, 0), "one of the monitor's");
	pv_equal(-PVN_ENOTSUP, pvn_cpu_syscall_entry((uint64_t)pv_syscall_entry, 8), "32-bit code");
	pv_equal(0, pvn_cpu_syscall_entry((uint64_t)pv_syscall_entry, 0), "cpu.syscall_entry");
	pv_info->interrupts_on = 1;
	pv_equal(PV_SYSCALL, (int64_t)run(u_syscall, 7), "a system call");
	pv_equal((int64_t)top - 40, (int64_t)pv_syscall_rsp, "its frame is at the top of kernel_stack");
	pv_equal(2, (int64_t)(pv_syscall_rflags & ~RFLAGS_IF), "rflags: nothing but the real flag");
	pv_equal(0, pv_info->interrupts_on, "the virtual flag is off");
	pv_equal((int64_t)program(u_syscall) + 2, (int64_t)f.hw.rip, "rip is after it");
	pv_result(f.hw.cs == PVN_PV_REAL_CS && f.hw.ss == PVN_PV_REAL_SS, "the program's selectors");
	pv_equal((int64_t)STACK_TOP - 64, (int64_t)f.hw.rsp, "its stack");
	pv_equal(RFLAGS_IF | 2, (int64_t)f.hw.rflags, "its flags, interrupts on");
	pv_result(kept() && f.rdi == 7, "its registers");
	f.rdi = 8;
	pv_equal(PV_SYSCALL, (int64_t)pv_user_enter(&f), "it goes on, and makes another");
	pv_equal(8, (int64_t)f.rdi, "with the register that the kernel gave it");
	for (unsigned int i = 0; i < 1000; i++)
		if (pv_user_enter(&f) != PV_SYSCALL)
			f.rdi = 0;
	pv_equal(8, (int64_t)f.rdi, "a thousand more");
	/* The other way back: what SYSRET cannot do. */
	f.rcx = 0x1234;
	f.hw.rflags |= RFLAGS_NT;
	pv_equal(PV_SYSCALL, (int64_t)pv_user_enter(&f), "a return with NT set and another rcx");
	pv_equal((int64_t)(RFLAGS_IF | RFLAGS_NT | 2), (int64_t)f.hw.rflags, "it had NT");
}

static void fault(const char *name, uint64_t rdi, uint64_t vector, uint64_t error, const char *text)
{
	uint64_t got = run(name, rdi);

	if (got != vector || f.error != error) {
		pv_text("# vector ");
		pv_number((int64_t)got);
		pv_text(" error ");
		pv_number((int64_t)f.error);
		pv_text("\n");
	}
	pv_result(got == vector && f.error == error && f.hw.cs == PVN_PV_REAL_CS && f.hw.ss == PVN_PV_REAL_SS &&
		  f.hw.rflags & RFLAGS_IF && f.hw.rsp == STACK_TOP - 64, text);
}

static void test_faults(void)
{
	struct pvn_trap_entry entry = { 0x80, PVN_TRAP_FROM_USER, (uint64_t)pv_trap_entries + 16 * 0x80 };

	fault(u_ud2, 0, 6, 0, "an invalid instruction");
	pv_equal((int64_t)program(u_ud2), (int64_t)f.hw.rip, "its address");
	pv_equal(0, pv_info->interrupts_on, "the handler starts with the flag off, as it wants");
	pv_result(kept(), "every register is kept");
	fault(u_hlt, 0, 13, 0, "HLT is a fault in user mode");
	fault(u_cli, 0, 13, 0, "so is CLI");
	fault(u_in, 0, 13, 0, "and IN");
	fault(u_rdmsr, 0, 13, 0, "and RDMSR");
	fault(u_swapgs, 0, 13, 0, "and SWAPGS");
	fault(u_int80, 0, 13, 0x402, "INT 0x80 without a gate");
	fault(u_int8, 0, 13, 0x42, "INT of the double fault's vector");
	fault(u_int32, 0, 13, 0x202, "INT of the upcall's vector");
	fault(u_int3, 0, 3, 0, "INT3");
	fault(u_int4, 0, 4, 0, "INT 4");
	pv_equal(0, pvn_cpu_trap_table(pv_gpa(&entry), 1), "INT 0x80 is let in");
	fault(u_int80, 0, 0x80, 0, "INT 0x80");
	pv_equal((int64_t)program(u_int80) + 2, (int64_t)f.hw.rip, "rip is after it");
	entry.flags = 0;
	pv_equal(0, pvn_cpu_trap_table(pv_gpa(&entry), 1), "and no more");
	fault(u_int80, 0, 13, 0x402, "INT 0x80");
	entry = (struct pvn_trap_entry){ 14, PVN_TRAP_FROM_USER, (uint64_t)pv_trap_entries };
	pv_equal(-PVN_EINVAL, pvn_cpu_trap_table(pv_gpa(&entry), 1), "INT 14 cannot be");
	entry.vector = 2;
	pv_equal(-PVN_EINVAL, pvn_cpu_trap_table(pv_gpa(&entry), 1), "nor INT 2");
}

static void test_memory(void)
{
	fault(u_read, 0x5000, 14, 4, "a page that is not there: error code with the user bit");
	pv_equal(0x5000, (int64_t)pv_info->fault_address, "fault_address");
	fault(u_write, PV_USER_TEXT, 14, 7, "its own text cannot be written");
	fault(u_read, (uint64_t)kernel_stack, 14, 4, "the kernel is not there");
	fault(u_write, PVN_PV_DIRECT_MAP, 14, 6, "nor the direct map");
	fault(u_read, PVN_PV_HOLE_START, 14, 5, "the monitor cannot be read");
	fault(u_write, PVN_PV_HOLE_START + 0x4000, 14, 7, "nor written");
	fault(u_jump, PVN_PV_HOLE_START, 14, 0x15, "nor jumped to");
	fault(u_read, 0xffff808000000000, 14, 5, "nor RAM read through its map");
	fault(u_read, 0xffff810000000000 + 0x20, 14, 5, "nor the local APIC");
	fault(u_jump, PV_USER_STACK, 14, 0x15, "its stack cannot be executed");
	fault(u_read, 0x800000000000, 13, 0, "no address");
	fault(u_jump, (uint64_t)pv_page, 14, 0x14, "the kernel's call page");
}

/* Flags that a program may have, and those that it gets only asked for. */
static void test_flags(void)
{
	pv_equal(3, (int64_t)run(u_popf, 0), "POPF");
	pv_equal((int64_t)RFLAGS_IF, (int64_t)(f.rax & (RFLAGS_IF | RFLAGS_IOPL)), "gives no I/O level, and interrupts stay on");
	fresh(u_int3, 0);
	f.hw.rflags = ~0ull & ~(RFLAGS_TF | 0x40000ull);
	pv_equal(3, (int64_t)pv_user_enter(&f), "a return with all flags");
	pv_equal(0, (int64_t)(f.hw.rflags & (RFLAGS_IOPL | 0x20000 | 0x180000)), "has neither an I/O level nor virtual-8086 mode");
	fresh(u_step, 0);
	f.hw.rflags |= RFLAGS_TF;
	pv_equal(1, (int64_t)pv_user_enter(&f), "a single step");
	pv_equal((int64_t)program(u_step) + 1, (int64_t)f.hw.rip, "after one instruction");
	{
		static uint64_t dr6;

		pv_equal(0, pvn_cpu_debug_read(6, pv_gpa(&dr6)), "cpu.debug_read");
		pv_equal(0x4000, (int64_t)(dr6 & 0xf00f), "DR6: a single step");
	}
	pv_equal(1, (int64_t)pv_user_enter(&f), "and the next");
	pv_equal(PV_SYSCALL, (int64_t)pv_user_enter(&f), "SYSCALL is no step: it arrives as a call");
	pv_result(f.hw.rflags & RFLAGS_TF, "and its frame has TF");
}

/* Frames that no program can have: a fault out of user mode that shows them. */
static void hostile(uint64_t rip, uint64_t cs, uint64_t ss, const char *text)
{
	fresh(u_int3, 0);
	f.hw.rip = rip;
	f.hw.cs = cs;
	f.hw.ss = ss;
	pv_result(pv_user_enter(&f) == 13 && !f.error && f.hw.rip == rip && f.hw.cs == cs && f.hw.ss == ss &&
		  f.hw.rsp == STACK_TOP - 64, text);
}

static void test_hostile_frames(void)
{
	const uint64_t rip = program(u_int3);

	hostile(0x800000000000, PVN_PV_REAL_CS, PVN_PV_REAL_SS, "a return to no address");
	hostile(0xffff7fffffffffff, PVN_PV_REAL_CS, PVN_PV_REAL_SS, "to another");
	hostile(rip, 0x23, PVN_PV_REAL_SS, "to 32-bit code");
	hostile(rip, 0x3, PVN_PV_REAL_SS, "with a null code segment");
	hostile(rip, 0x1000000000033, PVN_PV_REAL_SS, "with bits that no selector has");
	hostile(rip, PVN_PV_REAL_CS, PVN_PV_KERNEL_SS, "with the kernel's stack segment");
	hostile(rip, PVN_PV_REAL_CS, 0, "with a null stack segment");
	hostile(rip, PVN_PV_REAL_CS, 0x43, "with the task state as stack segment");
	fresh(u_int3, 0);
	f.hw.cs = 0x31;
	pv_equal(-PVN_EINVAL, (int64_t)pv_user_enter(&f), "level 1");
	fresh(u_jump, 0);
	f.hw.rip = PVN_PV_HOLE_START;
	pv_equal(14, (int64_t)pv_user_enter(&f), "to the monitor: a page fault in user mode");
	pv_equal(0x15, (int64_t)f.error, "its error code");
	fresh(u_int3, 0);
	f.hw.rsp = 0x800000000000;
	pv_equal(3, (int64_t)pv_user_enter(&f), "a stack pointer may be anything");
}

static void test_segments(void)
{
	static char kernel_data[8] = "kernel!";
	/* Data, level 3, base 0x10000000 (the programs' page), a limit of 4095. */
	const uint64_t data = 0x1040f30000000fff;

	pv_equal(0, pvn_cpu_segment_base(PVN_BASE_GS_KERNEL, (uint64_t)kernel_data), "cpu.segment_base: GS of kernel mode");
	pv_equal(0, pvn_cpu_segment_base(PVN_BASE_GS_USER, PV_USER_TEXT), "GS of user mode");
	pv_equal(-PVN_EINVAL, pvn_cpu_segment_base(PVN_BASE_GS_USER, 0x800000000000), "no address");
	pv_equal(-PVN_EINVAL, pvn_cpu_segment_base(3, 0), "no such register");
	pv_equal(3, (int64_t)run(u_gs, 0), "a program reads through GS");
	pv_equal(*(int64_t *)pv_programs, (int64_t)f.rax, "through its own base");
	{
		uint64_t value;

		__asm__ __volatile__("movq %%gs:0, %0" : "=r"(value));
		pv_equal(*(int64_t *)kernel_data, (int64_t)value, "and the kernel through the kernel's");
	}
	pv_equal(-PVN_ERANGE, pvn_cpu_descriptor_write(11, 0), "cpu.descriptor_write: not the guest's");
	pv_equal(-PVN_EINVAL, pvn_cpu_descriptor_write(12, 0x00affb000000ffff), "no code");
	pv_equal(-PVN_EINVAL, pvn_cpu_descriptor_write(12, 0x00cf93000000ffff), "nothing of level 0");
	pv_equal(-PVN_EINVAL, pvn_cpu_descriptor_write(12, 0x0000ec0000100000), "no gate");
	pv_equal(0, pvn_cpu_descriptor_write(12, data), "data of level 3");
	pv_equal(0, pvn_cpu_gs_select(0x63), "cpu.gs_select");
	pv_equal(3, (int64_t)run(u_gs, 0), "a program reads through it");
	pv_equal(*(int64_t *)pv_programs, (int64_t)f.rax, "the descriptor's base");
	pv_equal(0x63, (int64_t)(f.rcx & 0xffff), "and sees the selector");
	pv_equal(-PVN_EINVAL, pvn_cpu_gs_select(0x6b), "an empty descriptor");
	pv_equal(-PVN_EINVAL, pvn_cpu_gs_select(0x18), "one of level 0");
	pv_equal(-PVN_EINVAL, pvn_cpu_gs_select(0x43), "the task state");
	pv_equal(-PVN_EINVAL, pvn_cpu_gs_select(0x67), "one of a local table");
	pv_equal(-PVN_EINVAL, pvn_cpu_gs_select(0x83), "beyond the table");
	pv_equal(0, pvn_cpu_gs_select(0), "a null selector");
	fault(u_gs, 0, 14, 4, "its base is 0");
	pv_equal(3, (int64_t)run(u_gs_load, 0x63), "a program loads GS itself");
	f.hw.rip = program(u_gs);
	pv_equal(3, (int64_t)pv_user_enter(&f), "and after a trap");
	pv_equal(*(int64_t *)pv_programs, (int64_t)f.rax, "it has the base still");
	fault(u_gs_load, 0x18, 13, 0x18, "a segment of level 0 it cannot load");
	/* A stack segment that is gone when it comes back. */
	fresh(u_ss, 0x63);
	pv_equal(3, (int64_t)pv_user_enter(&f), "a program loads SS");
	pv_equal(0x63, (int64_t)f.hw.ss, "its frame shows it");
	pv_equal(0, pvn_cpu_descriptor_write(12, 0), "the descriptor goes");
	pv_equal(13, (int64_t)pv_user_enter(&f), "a return with it is a fault");
	pv_equal(0, pvn_cpu_descriptor_write(15, 0x0000f30000000123), "the CPU number's segment");
	pv_equal(3, (int64_t)run(u_lsl, 0x7b), "LSL");
	pv_equal(0x123, (int64_t)f.rax, "reads its limit");
}

/* A program that never calls: only an interrupt ends it. */
static void test_interrupts(void)
{
	unsigned int before = pv_interrupts, came = 0;
	uint64_t last = 0;
	bool on = true;

	pv_equal(0, pv_events_start(), "events");
	fresh(u_spin, 0);
	for (unsigned int i = 0; i < 5; i++) {
		pv_timer(1000000);
		came += pv_user_enter(&f) == PV_UPCALL;
		on &= f.rbx >= last && f.hw.rflags & RFLAGS_IF;
		last = f.rbx;
		pv_upcall();
	}
	pv_equal(5, came, "an interrupt ends a program that spins, and it goes on where it was");
	pv_result(on && last > 0x10d, "further each time");
	pv_equal(5, (int64_t)(pv_interrupts - before), "each has come once");
	/* One that comes while the kernel has its flag off waits for the program. */
	pv_info->interrupts_on = 0;
	pv_timer(0);
	pv_wait_pending();
	fresh(u_spin, 0);
	pv_equal(PV_UPCALL, (int64_t)pv_user_enter(&f), "an interrupt that waits is delivered before the program goes on");
	pv_equal((int64_t)program(u_spin), (int64_t)f.hw.rip, "which is shown as it was");
	pv_equal(0, pv_info->pending, "and waits no more");
	pv_upcall();
}

static void test_no_user_space(void)
{
	pv_equal(0, pv_mmu_switch(false), "a space without user mode");
	pv_equal(-PVN_ESTATE, (int64_t)run(u_int3, 0), "cannot be returned to");
	pv_equal(0, pv_mmu_switch(true), "and one with it");
	pv_equal(3, (int64_t)run(u_int3, 0), "can");
}

void pv_user_suite(bool trusted)
{
	start(trusted);
	pv_traps_register(PVN_TRAP_INTERRUPT_OFF);
	if (trusted)
		pv_mmu_trusted();
	test_syscalls();
	test_faults();
	test_memory();
	test_flags();
	test_hostile_frames();
	test_segments();
	test_interrupts();
	test_no_user_space();
}

void pv_user_start(void)
{
	start(true);
	pv_traps_register(PVN_TRAP_INTERRUPT_OFF);
	pvn_cpu_syscall_entry((uint64_t)pv_syscall_null, 0);
}

unsigned int pv_user_null(uint64_t calls)
{
	unsigned int upcalls = 0;

	fresh(u_null, calls);
	while (pv_user_enter(&f) == PV_UPCALL) {
		pv_upcall();
		upcalls++;
	}
	return upcalls;
}

/* Ends of a guest by a kernel_stack that takes no frame. */
void pv_user_end(uint64_t stack, bool syscall)
{
	start(true);
	pv_traps_register(PVN_TRAP_INTERRUPT_OFF);
	pvn_cpu_syscall_entry((uint64_t)pv_syscall_entry, 0);
	pv_info->kernel_stack = stack;
	run(syscall ? u_syscall : u_ud2, 0);
}

/*
 * Trusted tables without the monitor's map of RAM, from the next change of CR3 on: it finds itself broken. What trust
 * means, and the one way to see what our own bug would look like.
 */
void pv_user_break(void)
{
	start(true);
	pv_traps_register(PVN_TRAP_INTERRUPT_OFF);
	pv_mmu_break();
	run(u_ud2, 0);
}

static void one_run(void)
{
	run(u_null, BENCH_ROUNDS);
}

static void one_faulting_run(void)
{
	run(u_faults, BENCH_ROUNDS);
}

void pv_user_benches(void)
{
	static struct pvn_trap_entry entry = { 14, PVN_TRAP_INTERRUPT_OFF, (uint64_t)pv_fault_null };

	pv_user_start();
	pv_bench_few("a system call of a program", one_run, BENCH_ROUNDS);
	pvn_cpu_trap_table(pv_gpa(&entry), 1);
	pv_bench_few("a page fault of a program", one_faulting_run, BENCH_ROUNDS);
}
