// SPDX-License-Identifier: GPL-2.0-only
/*
 * pv mode from inside. Without a word on its command line this guest runs every test that a guest survives and prints
 * TAP; a word names one of those that end it, or that are about its end.
 */
#include "pv.h"

#include <paravane/cpuid.h>
#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

#define MONITOR_VA PVN_PV_HOLE_START
#define RAM 0x2000000ull /* free memory, from 32 MiB on */
#define ZONE 0x2400000ull /* and from 36 MiB on */
#define ZONE_BYTES 0x200000ull
#define HIGH_RAM 0x107fff000ull /* the last page of 3200 MiB, for the fourth GiB is the hole */
#define NOWHERE 0xffffffff40000000ull /* nothing is mapped there */
#define RFLAGS_IF 0x200ull
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_EFER 0xc0000080u
#define MSR_LSTAR 0xc0000082u
#define PV_EDGE 0x7ffffffffffeull
#define BENCH_ROUNDS 10000

static struct pvn_multicall_entry list[64];
static struct pvn_trap_entry table[2];
static char info_page[4096] __attribute__((aligned(4096)));
static uint32_t base;
static const uint64_t constant = 1; /* in a segment that is not writable */

static void cpuid(uint32_t leaf, uint32_t out[4])
{
	__asm__ __volatile__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

/* A line of text as the only effect, one for each kind of test: what trapped last was `vector`, and only it. */
void pv_expect(unsigned int before, uint64_t vector, const char *name)
{
	if (pv_trapped.count != before + 1 || pv_trapped.frame.vector != vector) {
		pv_text("# traps ");
		pv_number(pv_trapped.count - before);
		pv_text(", the last one ");
		pv_number((int64_t)pv_trapped.frame.vector);
		pv_text("\n");
	}
	pv_result(pv_trapped.count == before + 1 && pv_trapped.frame.vector == vector, name);
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low = 0, high = 0;

	PV_TRY("rdmsr", : "=a"(low), "=d"(high) : "c"(msr) : "r11", "memory");
	return (uint64_t)high << 32 | low;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	PV_TRY("wrmsr", : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "r11", "memory");
}

static void test_start(void)
{
	uint16_t cs, ss;
	uint32_t leaf[4];

	__asm__("mov %%cs, %0" : "=r"(cs));
	__asm__("mov %%ss, %0" : "=r"(ss));
	pv_equal(PVN_PV_REAL_CS, cs, "cs: level 3");
	pv_equal(PVN_PV_REAL_SS, ss, "ss: level 3");
	pv_equal(0, (int64_t)pv_start_rsp, "rsp is zero at the start");
	pv_equal(2 | RFLAGS_IF, (int64_t)pv_start_rflags, "rflags has nothing set at the start but the real interrupt flag");
	for (base = PVN_CPUID_FIRST; base <= PVN_CPUID_LAST; base += PVN_CPUID_STEP) {
		cpuid(base, leaf);
		if (leaf[1] == PVN_CPUID_SIGNATURE_EBX && leaf[2] == PVN_CPUID_SIGNATURE_ECX)
			break;
	}
	cpuid(base + PVN_CPUID_LEAF_VERSION, leaf);
	pv_equal(PVN_CPUID_MODE_PV, leaf[1], "CPUID: pv mode");
	cpuid(base + PVN_CPUID_LEAF_TRANSPORT, leaf);
	pv_result(!leaf[0] && !leaf[1], "CPUID: no ports");
	cpuid(7, leaf);
	pv_result(!(leaf[1] & (1u << 20 | 1u << 7)), "CPUID: SMAP and SMEP are hidden");
}

static void test_core(void)
{
	struct pvn_call_info info;
	unsigned int served = 0, calls = 0;
	int64_t nr, offered = pvn_core_features(0);

	pv_equal(0, pvn_core_null(), "core.null");
	pv_equal(PVN_ABI_VERSION, pvn_core_version(), "core.version");
	pv_equal(-PVN_ERANGE, pvn_core_features(PVN_FEATURE_WORDS), "core.features beyond the words");
	pv_equal(-PVN_EINVAL, pvn_hypercall1(PVN_HC_CORE_FEATURES, 1ull << 32), "upper half of a 32-bit argument");
	pv_equal(-PVN_ENOSYS, pvn_hypercall0(0x4242), "unknown number");
	pv_equal(-PVN_ENOSYS, pvn_hypercall0(1ull << 32), "a number of more than 32 bits");
	pv_equal(-PVN_ESTATE, pvn_event_send(1), "a family of the VMM's before features are accepted");
	pv_equal(-PVN_ESTATE, pvn_cpu_trap_table(pv_gpa(table), 1), "cpu.trap_table before features are accepted");
	pv_equal(-PVN_EVERSION, pvn_core_accept_features((PVN_ABI_MAJOR + 1) << 16, 0, 0, 0, 0), "another major is refused");
	pv_equal(-PVN_EVERSION, pvn_core_accept_features(PVN_ABI_VERSION, 1u << 31, 0, 0, 0), "a family that is not offered");
	pv_equal(0, pvn_core_accept_features(PVN_ABI_VERSION, (uint32_t)offered, 0, 0, 0), "features accepted");
	pv_equal(-PVN_ENOTSUP, pvn_cpu_io_privilege(0), "a call of family cpu that is not served yet");
	for (nr = 0; (nr = pvn_core_describe((uint32_t)nr, pv_gpa(&info))) >= 0; nr++) {
		calls++;
		served += nr == PVN_HC_CPU_TRAP_TABLE && info.flags & PVN_CALL_AVAILABLE;
		served += nr == PVN_HC_CPU_IO_PRIVILEGE && info.flags & PVN_CALL_AVAILABLE;
	}
	pv_result(calls > 60 && served == 1, "core.describe knows what the monitor serves");
}

static void test_forwarded(void)
{
	int64_t a = pvn_time_clock(), b = pvn_time_clock();
	uint32_t leaf[4], bits;
	uint64_t monitor;

	pv_result(a >= 0 && b >= a, "time.clock, by the VMM");
	pv_equal(0, pvn_sched_yield(), "sched.yield, by the VMM");
	pv_equal(0, pvn_debug_mark(7, 0x123456789abcdef0), "debug.mark, by the VMM");
	pv_equal(0, pvn_debug_log(pv_gpa("pv guest was here"), 17), "debug.log, by the VMM");
	cpuid(0x80000008, leaf);
	/* docs/pv-mode.md: where this VMM puts the monitor. A guest has no business to know. */
	bits = leaf[0] & 0xff;
	monitor = 1ull << ((bits < 48 ? bits : 48) - 1);
	pv_equal(-PVN_EFAULT, pvn_debug_log(monitor, 16), "the monitor's memory is none of the VMM's calls'");
	pv_equal(-PVN_EFAULT, pvn_core_multicall(monitor, 1, 0), "nor of the monitor's");
}

/* Over a call that the monitor makes at once, one that it checks first, and one of the VMM's. */
static void test_kept_registers(void)
{
	pv_equal(0, (int64_t)pv_call_registers(PVN_HC_CORE_NULL), "core.null keeps all registers but rcx and r11");
	pv_equal(0, (int64_t)pv_call_registers(PVN_HC_CORE_FEATURES), "core.features, too");
	pv_equal(0, (int64_t)pv_call_registers(PVN_HC_TIME_CLOCK), "time.clock, too");
	pv_equal(0, (int64_t)pv_call_registers(0x4242), "an unknown number, too");
}

static void test_multicall(void)
{
	for (unsigned int i = 0; i < 64; i++)
		list[i] = (struct pvn_multicall_entry){ .nr = PVN_HC_CORE_VERSION, .result = 0x5a };
	list[1] = (struct pvn_multicall_entry){ .nr = PVN_HC_TIME_CLOCK };
	list[2] = (struct pvn_multicall_entry){ .nr = PVN_HC_CPU_TRAP_RETURN };
	list[3].reserved = 1;
	pv_equal(64, pvn_core_multicall(pv_gpa(list), 64, 0), "multicall of 64");
	pv_equal(PVN_ABI_VERSION, list[63].result, "its last result");
	pv_result(list[1].result > 0, "a call of the VMM's in it");
	pv_equal(-PVN_EINVAL, list[2].result, "cpu.trap_return may not stand in it");
	pv_equal(-PVN_EINVAL, list[3].result, "a reserved field that is not zero");
	list[4].result = 0x5a;
	pv_equal(3, pvn_core_multicall(pv_gpa(list), 64, PVN_MULTICALL_STOP_ON_ERROR), "it stops where told to");
	pv_equal(0x5a, list[4].result, "and writes nothing after that");
	pv_equal(-PVN_ERANGE, pvn_core_multicall(pv_gpa(list), 257, 0), "too many entries");
	pv_equal(-PVN_EFAULT, pvn_core_multicall(0xfee00000, 1, 0), "a list that is not RAM");
	pv_equal(-PVN_EINVAL, pvn_core_multicall(pv_gpa(list) + 4, 1, 0), "a list that is not aligned");
}

static void test_trap_table(void)
{
	table[0] = (struct pvn_trap_entry){ 3, 0, (uint64_t)pv_trap_entries + 48 };
	table[1] = (struct pvn_trap_entry){ 256, 0, (uint64_t)pv_trap_entries };
	pv_equal(-PVN_EINVAL, pvn_cpu_trap_table(pv_gpa(table), 2), "a vector that there is not");
	table[1] = (struct pvn_trap_entry){ 3, 4, (uint64_t)pv_trap_entries };
	pv_equal(-PVN_EINVAL, pvn_cpu_trap_table(pv_gpa(table), 2), "an unknown flag");
	table[1] = (struct pvn_trap_entry){ 3, 0, 0x800000000000 };
	pv_equal(-PVN_EINVAL, pvn_cpu_trap_table(pv_gpa(table), 2), "a handler at no address");
	table[1] = (struct pvn_trap_entry){ 3, 0, MONITOR_VA };
	pv_equal(-PVN_EINVAL, pvn_cpu_trap_table(pv_gpa(table), 2), "a handler in the monitor");
	pv_equal(-PVN_ERANGE, pvn_cpu_trap_table(pv_gpa(table), 257), "too many");
	pv_equal(-PVN_ERANGE, pvn_cpu_trap_table(pv_gpa(table), 0), "none");
	pv_equal(-PVN_EFAULT, pvn_cpu_trap_table(0xfee00000, 1), "a table that is not RAM");
	pv_equal(0, pv_traps_register(0), "all exceptions have a handler");
}

static void test_bounce(void)
{
	const struct pv_frame *f = &pv_trapped.frame;
	unsigned int before = pv_trapped.count;
	uint64_t here, rsp;

	pv_info->interrupts_on = 0;
	__asm__ __volatile__("leaq 1f(%%rip), %0\n\tmovq %%rsp, %1\n\tint3\n1:" : "=&r"(here), "=&r"(rsp) : : "memory");
	pv_expect(before, 3, "int3 reaches its handler, and returns");
	pv_equal((int64_t)here, (int64_t)f->hw.rip, "its frame: rip is after it");
	pv_equal(PVN_PV_KERNEL_CS, (int64_t)f->hw.cs, "its frame: cs is the kernel's");
	pv_equal(PVN_PV_KERNEL_SS, (int64_t)f->hw.ss, "its frame: ss is the kernel's");
	pv_equal((int64_t)rsp, (int64_t)f->hw.rsp, "its frame: rsp");
	pv_equal(0, (int64_t)(f->hw.rflags & RFLAGS_IF), "its frame: the virtual flag is off");
	pv_equal((int64_t)((rsp & ~15ull) - 40), (int64_t)pv_trapped.frame_at, "the stack is aligned before the push");
	pv_equal(0, (int64_t)pv_int3_registers(), "every register is kept");

	before = pv_trapped.count;
	PV_TRY("xorl %%edx, %%edx; xorl %%ecx, %%ecx; divl %%ecx", : : "a"(1) : "rcx", "rdx", "r11", "memory");
	pv_expect(before, 0, "division by zero");
	PV_TRY("ud2", : : : "r11", "memory");
	pv_expect(before + 1, 6, "an invalid instruction");
	PV_TRY("movl $0x1230, %%eax; movw %%ax, %%ds", : : : "rax", "r11", "memory");
	pv_expect(before + 2, 13, "a selector that there is not");
	pv_equal(0x1230, (int64_t)pv_trapped.frame.error, "its error code");
	PV_TRY("movl $0x1237, %%eax; movw %%ax, %%ds", : : : "rax", "r11", "memory");
	pv_expect(before + 3, 13, "a selector of a local table: there is none");
	PV_TRY("int $0x80", : : : "r11", "memory");
	pv_expect(before + 4, 13, "INT n");
	pv_equal(0x402, (int64_t)pv_trapped.frame.error, "its error code");
	PV_TRY("pushfq; orq $0x100, (%%rsp); popfq; nop", : : : "r11", "memory", "cc");
	pv_expect(before + 5, 1, "a single step");
}

/* Single steps over a call: the monitor is not stepped into, and the trap comes where the guest is again. */
static void test_steps(void)
{
	unsigned int before = pv_trapped.count;
	uint64_t rax = PVN_HC_CORE_VERSION, ss = PVN_PV_REAL_SS;

	pv_steps = 8;
	__asm__ __volatile__("pushfq; orq $0x100, (%%rsp); popfq; syscall; nop; nop" : "+a"(rax) : : "rcx", "r11", "memory", "cc");
	pv_result(pv_trapped.count > before && pv_trapped.count <= before + 8, "single steps over SYSCALL");
	pv_equal(PVN_ABI_VERSION, (int64_t)rax, "and its result");
	pv_steps = 0;
	__asm__ __volatile__("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
	/* A load of SS holds the trap back by one instruction, which makes it come at the worst moment. */
	before = pv_trapped.count;
	pv_steps = 8;
	rax = PVN_HC_CORE_VERSION;
	__asm__ __volatile__("pushfq; orq $0x100, (%%rsp); popfq; mov %w1, %%ss; syscall; nop; nop"
			     : "+a"(rax) : "r"(ss) : "rcx", "r11", "memory", "cc");
	pv_steps = 0;
	__asm__ __volatile__("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
	pv_result(pv_trapped.count > before, "single steps over a load of SS and SYSCALL");
	pv_equal(PVN_ABI_VERSION, (int64_t)rax, "and its result");
}

static void test_page_faults(void)
{
	const struct pv_frame *f = &pv_trapped.frame;
	unsigned int before = pv_trapped.count;
	uint64_t value = 0x77;

	PV_TRY("movq (%1), %0", : "+a"(value) : "b"(NOWHERE + 8) : "r11", "memory");
	pv_expect(before, 14, "a read where nothing is");
	pv_equal(0, (int64_t)f->error, "error code: not present, a read, kernel mode");
	pv_equal((int64_t)NOWHERE + 8, (int64_t)pv_info->fault_address, "fault_address");
	PV_TRY("movq %0, (%1)", : : "a"(1ull), "b"(&constant) : "r11", "memory");
	pv_expect(before + 1, 14, "a write to a segment that is not writable");
	pv_equal(3, (int64_t)f->error, "error code: present, a write, kernel mode");
	PV_TRY("call *%0", : : "a"(pv_info) : "r11", "memory", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10");
	pv_expect(before + 2, 14, "a jump to data");
	pv_equal(0x11, (int64_t)f->error, "error code: present, a fetch, kernel mode");
	/* The CALL has left its return address. */
	__asm__ __volatile__("addq $8, %%rsp" : : : "memory");

	PV_TRY("movq (%1), %0", : "+a"(value) : "b"(MONITOR_VA) : "r11", "memory");
	pv_expect(before + 3, 14, "the monitor cannot be read");
	pv_equal(1, (int64_t)f->error, "error code: present, a read");
	pv_equal((int64_t)MONITOR_VA, (int64_t)pv_info->fault_address, "fault_address");
	PV_TRY("movq %0, (%1)", : : "a"(1ull), "b"(MONITOR_VA + 0x4000) : "r11", "memory");
	pv_expect(before + 4, 14, "nor written");
	PV_TRY("movq (%1), %0", : "+a"(value) : "b"(0xffff808000000000) : "r11", "memory");
	pv_expect(before + 5, 14, "nor RAM read through its map");
	pv_equal(0x77, (int64_t)value, "and nothing was read");
	PV_TRY("movq (%1), %0", : "+a"(value) : "b"(0x8000000000000000) : "r11", "memory");
	pv_expect(before + 6, 13, "an address that is not canonical");
}

static void test_info(void)
{
	uint64_t rflags;

	pv_equal(-PVN_EINVAL, pvn_vcpu_info_register(0, pv_gpa(info_page) + 64), "vcpu.info_register: a page that is not aligned");
	pv_equal(-PVN_ENODEV, pvn_vcpu_info_register(1, pv_gpa(info_page)), "a vCPU that there is not");
	pv_equal(-PVN_EFAULT, pvn_vcpu_info_register(0, 0xfee00000), "a page that is not RAM");
	__asm__ __volatile__("sti");
	info_page[100] = 1;
	pv_equal(0, pvn_vcpu_info_register(0, pv_gpa(info_page)), "the page registered");
	pv_info = (void *)info_page;
	pv_result(pv_info->interrupts_on == 1 && !info_page[100], "it has the flag as it was, and nothing else");
	pv_equal(0, pvn_vcpu_info_register(0, pv_gpa(info_page)), "once more: the words move, here to where they are");
	pv_result(pv_info->interrupts_on == 1, "and the flag with them");
	__asm__ __volatile__("pushfq; popq %0" : "=r"(rflags));
	pv_equal(RFLAGS_IF, (int64_t)(rflags & RFLAGS_IF), "the real flag is on whatever the virtual one is");
}

static void test_interrupt_flag(void)
{
	pv_info->interrupts_on = 1;
	__asm__ __volatile__("int3" : : : "memory");
	pv_result(pv_trapped.frame.hw.rflags & RFLAGS_IF, "the frame has the virtual flag");
	pv_result(pv_trapped.interrupts_on, "which stays on in this handler");
	pv_equal(1, pv_info->interrupts_on, "and after it");
	pv_traps_register(PVN_TRAP_INTERRUPT_OFF);
	__asm__ __volatile__("int3" : : : "memory");
	pv_result(!pv_trapped.interrupts_on, "a handler that wants it off");
	pv_equal(1, pv_info->interrupts_on, "it comes back with the return");
	pv_info->interrupts_on = 0;
	__asm__ __volatile__("int3" : : : "memory");
	pv_equal(0, pv_info->interrupts_on, "or stays off");
}

static void test_return(void)
{
	struct pvn_return_frame frame = { .trap = { .rip = 0x800000000000, .cs = PVN_PV_KERNEL_CS, .ss = PVN_PV_KERNEL_SS } };

	pv_equal(-PVN_EINVAL, pv_return_to(&frame), "cpu.trap_return: an address that is not canonical");
	frame.trap.rip = (uint64_t)pv_start;
	frame.trap.cs = PVN_PV_REAL_CS;
	pv_equal(-PVN_ESTATE, pv_return_to(&frame), "user mode without a user table");
	frame.trap.cs = 0x11;
	pv_equal(-PVN_EINVAL, pv_return_to(&frame), "a code segment that is nobody's");
	frame.trap.cs = PVN_PV_KERNEL_CS;
	frame.trap.ss = 0;
	pv_equal(-PVN_EINVAL, pv_return_to(&frame), "a stack segment that is not the kernel's");
}

/* cpu.trap_return with its stack pointer somewhere else. */
static int64_t return_at(uint64_t rsp)
{
	int64_t ret;

	/* Without the page's CALL: the page's own code is SYSCALL and RET, which would need that stack. */
	__asm__ __volatile__("movq %%rsp, %%rbx\n\tmovq %2, %%rsp\n\tsyscall\n\tmovq %%rbx, %%rsp"
			     : "=a"(ret) : "a"(PVN_HC_CPU_TRAP_RETURN), "r"(rsp) : "rbx", "rcx", "r11", "memory", "cc");
	return ret;
}

static void test_return_stacks(void)
{
	pv_equal(-PVN_EFAULT, return_at(NOWHERE), "a frame where nothing is");
	pv_equal(-PVN_EFAULT, return_at(MONITOR_VA + 0x20000), "a frame in the monitor");
	pv_equal(-PVN_EFAULT, return_at(PVN_PV_HOLE_START - 64), "a frame that is no address");
	pv_equal(-PVN_EFAULT, return_at(0xfffffffffffffff0), "a frame at the end of the address space");
}

static void test_emulation(void)
{
	unsigned int before = pv_trapped.count;
	uint32_t value = 0x11223344;

	pv_equal(0, pv_events_start(), "events");
	__asm__ __volatile__("sti");
	pv_equal(1, pv_info->interrupts_on, "sti");
	pv_timer(20000000);
	__asm__ __volatile__("hlt");
	pv_equal(1, pv_interrupts, "hlt, with the virtual flag on, goes on after an interrupt");
	__asm__ __volatile__("cli");
	pv_equal(0, pv_info->interrupts_on, "cli");
	wrmsr(MSR_FS_BASE, 0x1234567000);
	pv_equal(0x1234567000, (int64_t)rdmsr(MSR_FS_BASE), "FS base");
	wrmsr(MSR_GS_BASE, (uint64_t)&list[5].args[0]);
	list[5].args[0] = 0x4242;
	pv_equal((int64_t)(uint64_t)&list[5].args[0], (int64_t)rdmsr(MSR_GS_BASE), "GS base");
	pvn_core_null();
	__asm__ __volatile__("int3" : : : "memory");
	__asm__ __volatile__("movl %%gs:0, %0" : "=r"(value));
	pv_equal(0x4242, value, "GS is the guest's after a call and a trap");
	wrmsr(MSR_KERNEL_GS_BASE, 0x5000);
	pv_equal(0x5000, (int64_t)rdmsr(MSR_KERNEL_GS_BASE), "the other GS base");
	pv_result(rdmsr(MSR_EFER) & 0x400, "EFER: long mode");
	/* Line status of the serial port: empty. */
	__asm__ __volatile__("movl $0x11223344, %%eax; inb %%dx, %%al" : "=a"(value) : "d"(0x3fd));
	pv_equal(0x11223360, value, "inb keeps the rest of rax");
	__asm__ __volatile__("outb %%al, $0x80" : : "a"(1));
	pv_equal(before + 1, pv_trapped.count, "none of them reached a handler (but the int3)");
}

static void test_refused(void)
{
	unsigned int before = pv_trapped.count;
	uint64_t idt[2] = { 0, 0 };
	uint32_t value;

	PV_TRY("movq %0, %%cr3", : : "a"(0ull) : "r11", "memory");
	pv_expect(before, 13, "CR3 cannot be loaded");
	PV_TRY("lidt %0", : : "m"(idt) : "r11", "memory");
	pv_expect(before + 1, 13, "nor the IDT");
	PV_TRY("lgdt %0", : : "m"(idt) : "r11", "memory");
	pv_expect(before + 2, 13, "nor the GDT");
	wrmsr(MSR_LSTAR, 0);
	pv_expect(before + 3, 13, "a register that is not on the list: write");
	rdmsr(0x12345);
	pv_expect(before + 4, 13, "and read");
	wrmsr(MSR_GS_BASE, 0x800000000000);
	pv_expect(before + 5, 13, "a base that is no address");
	/* Calls of the VMM's, and a stop, if they got through. */
	PV_TRY("outl %%eax, %%dx", : : "a"(PVN_HC_SCHED_SHUTDOWN), "d"(PVN_PORT_CALL), "D"(0) : "r11", "memory");
	PV_TRY("outl %%eax, %%dx", : : "a"(1), "d"(0x5658) : "r11", "memory");
	pv_equal(before + 6, pv_trapped.count, "the VMM's port and the monitor's are like any that no device has");
	value = 0x11223344;
	PV_TRY("inb $0x60, %%al", : "+a"(value) : : "r11", "memory");
	pv_equal(0x112233ff, value, "such a port reads ones");
	PV_TRY("swapgs", : : : "r11", "memory");
	pv_expect(before + 6, 13, "SWAPGS");
	PV_TRY("sysretq", : : : "r11", "rcx", "memory");
	pv_expect(before + 7, 13, "SYSRET");
	before -= 3;
	PV_TRY("pushq $0x10; leaq 771f(%%rip), %%rax; pushq %%rax; lretq", : : : "rax", "r11", "memory");
	pv_expect(before + 11, 13, "a far return to level 0");
	__asm__ __volatile__("addq $16, %%rsp" : : : "memory");
	PV_TRY("pushq $0x23; leaq 771f(%%rip), %%rax; pushq %%rax; lretq", : : : "rax", "r11", "memory");
	pv_expect(before + 12, 13, "or to 32-bit code");
	__asm__ __volatile__("addq $16, %%rsp" : : : "memory");
	PV_TRY("pushfq; orq $0x3000, (%%rsp); popfq; cli", : : : "r11", "memory", "cc");
	pv_equal(before + 13, pv_trapped.count, "level 3 gives itself no I/O rights: CLI is emulated");
	PV_TRY("sysenter", : : : "rcx", "rdx", "r11", "memory");
	pv_result(pv_trapped.count == before + 14 && (pv_trapped.frame.vector == 6 || pv_trapped.frame.vector == 13), "SYSENTER");
	PV_TRY("int $2", : : : "r11", "memory");
	pv_expect(before + 14, 13, "INT of the NMI's vector");
	PV_TRY("int $8", : : : "r11", "memory");
	pv_expect(before + 15, 13, "INT of the double fault's");
	PV_TRY("movq %0, %%dr7", : : "a"(0x401ull) : "r11", "memory");
	pv_expect(before + 16, 13, "debug registers");
}

/* Instructions that end with the lower half of the address space: what comes next is no address. */
static void test_edge(void)
{
	unsigned int before = pv_trapped.count;

	PV_TRY("movl $0x5a5, %%ebx; movl $0x15a5, %%r15d; jmp *%0", : : "d"(PV_EDGE), "a"(PVN_HC_CORE_VERSION)
	       : "rbx", "r15", "r11", "rcx", "memory");
	pv_expect(before, 13, "SYSCALL as the last one below the gap");
	pv_equal(PV_EDGE + 2, (int64_t)pv_trapped.frame.hw.rip, "the call was made, and its return faults");
	pv_equal(PVN_ABI_VERSION, (int64_t)pv_trapped.frame.rax, "with its result");
	pv_result(pv_trapped.frame.rbx == 0x5a5 && pv_trapped.frame.r15 == 0x15a5, "and all registers kept");
	PV_TRY("jmp *%0", : : "r"(PV_EDGE - 1), "a"(PVN_HC_CORE_NULL) : "r11", "rcx", "memory");
	pv_expect(before + 1, 13, "CLI before it is emulated");
	pv_equal(PV_EDGE + 2, (int64_t)pv_trapped.frame.hw.rip, "and the call after it made");
}

static void test_direct_map(void)
{
	volatile uint64_t *word = (uint64_t *)(PVN_PV_DIRECT_MAP + RAM);

	*word = 0x1234;
	pv_equal(0x1234, (int64_t)*word, "RAM through the direct map");
	pv_equal((int64_t)constant, *(int64_t *)(PVN_PV_DIRECT_MAP + pv_gpa(&constant)), "the kernel itself, there too");
	pv_equal(0, pvn_memory_release(RAM, 4096), "memory.release");
	pv_equal(0, (int64_t)*word, "its contents are gone");
}

static uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ __volatile__("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Under instruction counting a time stamp is a nanosecond is an instruction; elsewhere it is what it is. */
void pv_bench(const char *name, void (*one)(void), unsigned int each)
{
	uint64_t best = ~0ull;

	for (unsigned int batch = 0; batch < 5; batch++) {
		uint64_t start = rdtsc(), took;

		for (unsigned int i = 0; i < BENCH_ROUNDS / 5; i++)
			one();
		took = rdtsc() - start;
		best = took < best ? took : best;
	}
	pv_text("# ");
	pv_text(name);
	pv_text(": time stamps a round ");
	pv_number((int64_t)best / (BENCH_ROUNDS / 5) / each);
	pv_text("\n");
}

void pv_bench_few(const char *name, void (*one)(void), unsigned int each)
{
	uint64_t best = ~0ull;

	for (unsigned int batch = 0; batch < 5; batch++) {
		uint64_t start = rdtsc(), took;

		one();
		took = rdtsc() - start;
		best = took < best ? took : best;
	}
	pv_text("# ");
	pv_text(name);
	pv_text(": time stamps a round ");
	pv_number((int64_t)best / each);
	pv_text("\n");
}

static void one_nothing(void)
{
	__asm__ __volatile__("");
}

static void one_null(void)
{
	pvn_core_null();
}

static void one_trap(void)
{
	__asm__ __volatile__("int3" : : : "memory");
}

static void one_multicall(void)
{
	pvn_core_multicall(pv_gpa(list), 64, 0);
}

static void benches(void)
{
	for (unsigned int i = 0; i < 64; i++)
		list[i] = (struct pvn_multicall_entry){ .nr = PVN_HC_CORE_NULL };
	pv_bench("an empty round", one_nothing, 1);
	pv_bench("core.null", one_null, 1);
	/* The handler is nothing but the return. */
	table[0] = (struct pvn_trap_entry){ 3, 0, (uint64_t)pv_trap_return };
	pvn_cpu_trap_table(pv_gpa(table), 1);
	pv_bench("int3 and cpu.trap_return", one_trap, 1);
	pv_bench("core.multicall of 64 core.null", one_multicall, 1);
}

bool pv_is(const char *line, const char *word)
{
	while (*word && *line == *word) {
		line++;
		word++;
	}
	return !*word && !*line;
}

static void pv_info_start(void)
{
	pvn_vcpu_info_register(0, pv_gpa(info_page));
	pv_info = (void *)info_page;
}

static void plan(void)
{
	pv_text("1..");
	pv_number(pv_results());
	pv_text("\n");
}

/* Ends of a guest; each in the words that the command line names it by. */
static void end(const char *line)
{
	pvn_core_accept_features(PVN_ABI_VERSION, (uint32_t)pvn_core_features(0), 0, 0, 0);
	if (pv_is(line, "no-handler"))
		__asm__ __volatile__("movl $0x600d, %%eax; ud2" : : : "rax");
	pv_traps_register(0);
	if (pv_is(line, "no-stack"))
		__asm__ __volatile__("movq %0, %%rsp; ud2" : : "r"(NOWHERE));
	if (pv_is(line, "stack-read-only"))
		__asm__ __volatile__("leaq pv_start+512(%%rip), %%rsp; ud2" : :);
	if (pv_is(line, "stack-in-monitor"))
		__asm__ __volatile__("movq %0, %%rsp; ud2" : : "r"(MONITOR_VA + 0x20000));
	if (pv_is(line, "stack-in-zone") && !pvn_mmu_zone_add(ZONE, ZONE_BYTES))
		__asm__ __volatile__("movq %0, %%rsp; ud2" : : "r"(PVN_PV_DIRECT_MAP + ZONE + 0x1000));
	if (pv_is(line, "empty-space") && !pvn_mmu_zone_add(ZONE, ZONE_BYTES) &&
	    !pvn_mmu_table_alloc(ZONE, 4, PVN_MMU_TABLE_KERNEL))
		pvn_mmu_space_switch(ZONE, 0, 0);
	if (pv_is(line, "loop")) {
		table[0] = (struct pvn_trap_entry){ 14, 0, NOWHERE };
		pvn_cpu_trap_table(pv_gpa(table), 1);
		__asm__ __volatile__("movl (%0), %%eax" : : "r"(NOWHERE) : "rax");
	}
	if (pv_is(line, "crash"))
		pvn_debug_crash(pv_gpa("told to crash"), 13);
	/* RAM beyond the hole of device registers, by the direct map and by a call. */
	if (pv_is(line, "high-memory")) {
		memcpy((void *)(PVN_PV_DIRECT_MAP + HIGH_RAM), "above the hole", 14);
		pvn_debug_log(HIGH_RAM, 14);
	}
	if (pv_is(line, "reset"))
		pvn_sched_shutdown(PVN_SHUTDOWN_REBOOT);
	if (pv_is(line, "halt")) {
		pv_text("READY\n");
		__asm__ __volatile__("cli; hlt");
	}
	if (pv_is(line, "bench")) {
		pv_mmu_benches();
		benches();
	}
	if (pv_is(line, "bench-calls"))
		benches();
	if (pv_is(line, "bench-user"))
		pv_user_benches();
	if (pv_is(line, "user") || pv_is(line, "user-trusted")) {
		pv_user_suite(pv_is(line, "user-trusted"));
		plan();
	}
	if (pv_is(line, "smp") || pv_is(line, "smp-trusted")) {
		pv_smp_suite(pv_is(line, "smp-trusted"));
		plan();
	}
	if (pv_is(line, "control")) {
		pv_traps_register(0);
		pv_control_suite();
		plan();
	}
	if (pv_is(line, "smp-stress") || pv_is(line, "smp-stress-trusted")) {
		pv_smp_stress(pv_is(line, "smp-stress-trusted"));
		plan();
	}
	if (line[0] == 's' && line[1] == 'm' && line[2] == 'p' && !pv_results()) {
		pv_smp_end(line);
		plan();
	}
	if (pv_is(line, "stress")) {
		pv_stress_suite();
		plan();
	}
	if (pv_is(line, "events")) {
		pv_info_start();
		pv_events_suite();
		plan();
	}
	if (pv_is(line, "not-trusted")) {
		pv_equal(-PVN_ESTATE, pvn_mmu_zone_trust(1), "mmu.zone_trust where the host does not allow it");
		plan();
	}
	if (pv_is(line, "monitor-breaks"))
		pv_user_break();
	if (pv_is(line, "user-stack-hole"))
		pv_user_end(MONITOR_VA + 0x20000, false);
	if (pv_is(line, "user-stack-apart"))
		pv_user_end(NOWHERE, false);
	if (pv_is(line, "user-stack-no-address"))
		pv_user_end(0x8000000000000000, false);
	if (pv_is(line, "user-stack-low"))
		pv_user_end(PV_USER_STACK + 4096, false);
	if (pv_is(line, "syscall-stack-hole"))
		pv_user_end(PVN_PV_HOLE_END + 16, true);
	if (pv_is(line, "syscall-stack-apart"))
		pv_user_end(NOWHERE, true);
	if (pv_is(line, "syscall-stack-low"))
		pv_user_end(PV_USER_STACK + 4096, true);
	if (pv_is(line, "mmu")) {
		pv_mmu_suite();
		plan();
	}
}

void pv_test(const char *line)
{
	if (*line) {
		end(line);
		return;
	}
	test_start();
	test_core();
	test_forwarded();
	test_kept_registers();
	test_multicall();
	test_trap_table();
	test_info();
	test_bounce();
	test_steps();
	test_page_faults();
	test_interrupt_flag();
	test_return();
	test_return_stacks();
	test_emulation();
	test_refused();
	test_edge();
	test_direct_map();
	plan();
}
