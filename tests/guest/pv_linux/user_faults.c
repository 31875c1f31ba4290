// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions of programs, and signals: which one, with which address, and that the program goes on with its registers. */
#include "user.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int got_signal, got_code;
static volatile uintptr_t got_address;
static volatile unsigned long got_error, got_trap;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *c = context;

	got_signal = signal;
	got_code = info->si_code;
	got_address = (uintptr_t)info->si_addr;
	got_error = c->uc_mcontext.gregs[REG_ERR];
	got_trap = c->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(back, 1);
}

static void catch_all(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* The signal that what() raises, 0 when it returns. */
static int raised_by(void (*what)(uintptr_t), uintptr_t argument)
{
	got_signal = 0;
	got_address = 0;
	if (!sigsetjmp(back, 1))
		what(argument);
	return got_signal;
}

static void do_read(uintptr_t at)
{
	(void)*(volatile char *)at;
}

static void do_write(uintptr_t at)
{
	*(volatile char *)at = 1;
}

static void do_jump(uintptr_t at)
{
	__asm__ __volatile__("jmp *%0" : : "r"(at));
}

#define INSTRUCTION(name, text)                                                                     \
	static void do_##name(uintptr_t argument)                                                   \
	{                                                                                           \
		(void)argument;                                                                     \
		__asm__ __volatile__(text : : : "rax", "rcx", "rdx", "rbx", "memory", "cc");        \
	}

INSTRUCTION(cli, "cli")
INSTRUCTION(sti, "sti")
INSTRUCTION(hlt, "hlt")
INSTRUCTION(in, "inb $0x80, %%al")
INSTRUCTION(out, "outb %%al, $0x80")
INSTRUCTION(call_port, "movl $0x5654, %%edx; outl %%eax, %%dx")
INSTRUCTION(rdmsr, "movl $0xc0000101, %%ecx; rdmsr")
INSTRUCTION(wrmsr, "movl $0xc0000101, %%ecx; wrmsr")
INSTRUCTION(read_cr3, "movq %%cr3, %%rax")
INSTRUCTION(write_cr0, "xorl %%eax, %%eax; movq %%rax, %%cr0")
INSTRUCTION(swapgs, "swapgs")
INSTRUCTION(sysret, "sysretq")
INSTRUCTION(invlpg, "invlpg (%%rsp)")
INSTRUCTION(lgdt, "lgdt (%%rsp)")
INSTRUCTION(ltr, "movl $0x40, %%eax; ltr %%ax")
INSTRUCTION(dr7, "movq %%dr7, %%rax")
INSTRUCTION(int80, "int $0x80")
INSTRUCTION(int20, "int $0x20")
INSTRUCTION(int_upcall, "int $0xf3")
INSTRUCTION(int14, "int $0x0e")
INSTRUCTION(load_kernel_ss, "movl $0x18, %%eax; movl %%eax, %%ss")
INSTRUCTION(load_far, "movl $0xffff, %%eax; movl %%eax, %%ds")
INSTRUCTION(ud2, "ud2")
INSTRUCTION(int3, "int3")
INSTRUCTION(divide, "xorl %%ecx, %%ecx; movl $1, %%eax; xorl %%edx, %%edx; divl %%ecx")

static const struct {
	const char *what;
	void (*run)(uintptr_t);
	int signal;
} instructions[] = {
	{ "cli", do_cli, SIGSEGV },
	{ "sti", do_sti, SIGSEGV },
	{ "hlt", do_hlt, SIGSEGV },
	{ "in", do_in, SIGSEGV },
	{ "out", do_out, SIGSEGV },
	{ "out to the monitor's own port", do_call_port, SIGSEGV },
	{ "rdmsr", do_rdmsr, SIGSEGV },
	{ "wrmsr", do_wrmsr, SIGSEGV },
	{ "mov from cr3", do_read_cr3, SIGSEGV },
	{ "mov to cr0", do_write_cr0, SIGSEGV },
	{ "swapgs", do_swapgs, SIGSEGV },
	{ "sysret", do_sysret, SIGSEGV },
	{ "invlpg", do_invlpg, SIGSEGV },
	{ "lgdt", do_lgdt, SIGSEGV },
	{ "ltr", do_ltr, SIGSEGV },
	{ "mov from dr7", do_dr7, SIGSEGV },
	{ "int 0x80", do_int80, SIGSEGV },
	{ "int 0x20", do_int20, SIGSEGV },
	{ "int of the event vector", do_int_upcall, SIGSEGV },
	{ "int 14", do_int14, SIGSEGV },
	{ "the kernel's stack selector", do_load_kernel_ss, SIGSEGV },
	{ "a selector beyond every table", do_load_far, SIGSEGV },
	{ "ud2", do_ud2, SIGILL },
	{ "int3", do_int3, SIGTRAP },
	{ "division by zero", do_divide, SIGFPE },
};

/* Addresses that belong to the kernel, the monitor and nobody: none is a program's. */
static const uintptr_t forbidden[] = {
	0xffff800000000000, 0xffff808000000000, 0xffff87fffffff000, 0xffff888000000000, 0xffff888001000000,
	0xffffc90000000000, 0xffffea0000000000, 0xffffffff81000000, 0xffffffff82000000, 0xffffffffff600000,
	0xffffffffff5fd000, 0xfffffffffffff000,
};

static void test_forbidden(void)
{
	for (unsigned int i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		check(raised_by(do_read, forbidden[i]) == SIGSEGV, "read of %lx: signal %d", forbidden[i], got_signal);
		check(raised_by(do_write, forbidden[i]) == SIGSEGV, "write of %lx: signal %d", forbidden[i], got_signal);
		/* The old page of system calls may be run, at three places. */
		if (forbidden[i] == 0xffffffffff600000)
			continue;
		check(raised_by(do_jump, forbidden[i]) == SIGSEGV, "jump to %lx: signal %d", forbidden[i], got_signal);
	}
	check(raised_by(do_jump, 0x800000000000) == SIGSEGV, "jump beyond the lower half: signal %d", got_signal);
	check(raised_by(do_jump, 0x1234567812345678) == SIGSEGV, "jump to an address that is none: signal %d", got_signal);
}

static void test_page_fault(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = (uintptr_t)page;

	check(raised_by(do_read, 16) == SIGSEGV && got_address == 16 && got_code == SEGV_MAPERR && got_error == 4,
	      "read of nothing: address %lx, code %d, error %lx", got_address, got_code, got_error);
	page[0] = 1;
	mprotect(page, 4096, PROT_READ);
	check(raised_by(do_write, at + 8) == SIGSEGV && got_address == at + 8 && got_code == SEGV_ACCERR && got_error == 7,
	      "write to a read-only page: address %lx, code %d, error %lx", got_address, got_code, got_error);
	check(raised_by(do_jump, at) == SIGSEGV && (got_error & 0x14) == 0x14, "run of data: error %lx", got_error);
	mprotect(page, 4096, PROT_NONE);
	check(raised_by(do_read, at) == SIGSEGV, "read of a page without rights");
	munmap(page, 4096);
	check(raised_by(do_read, at) == SIGSEGV && got_code == SEGV_MAPERR, "read of what was unmapped");
	check(page[4096] == 0, "its neighbour is there");
	munmap(page + 4096, 4096);
}

static void with_bad_selector(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)signal;
	(void)info;
	/* The kernel's code selector, which IRET refuses. */
	c->uc_mcontext.gregs[REG_CSGSFS] = (c->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffl) | 0x10;
}

static void with_bad_rip(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)signal;
	(void)info;
	c->uc_mcontext.gregs[REG_RIP] = 0x8000000000000000;
}

static void return_from(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	signal(SIGSEGV, SIG_DFL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static void bad_selector(void)
{
	return_from(with_bad_selector);
}

static void bad_rip(void)
{
	return_from(with_bad_rip);
}

void test_faults(void)
{
	int status;

	catch_all();
	for (unsigned int i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++)
		check(raised_by(instructions[i].run, 0) == instructions[i].signal, "%s: signal %d instead of %d",
		      instructions[i].what, got_signal, instructions[i].signal);
	test_forbidden();
	test_page_fault();
	status = in_child(bad_rip);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "sigreturn to no address: status %x", status);
	status = in_child(bad_selector);
	check(WIFSIGNALED(status) || !WEXITSTATUS(status), "sigreturn with a kernel selector: status %x", status);
}

static volatile sig_atomic_t usr1, usr2, depth, deepest;
static volatile uintptr_t handler_stack;

static void on_usr(int signal)
{
	int here;

	handler_stack = (uintptr_t)&here;
	if (++depth > deepest)
		deepest = depth;
	if (signal == SIGUSR1) {
		usr1++;
		raise(SIGUSR2);
	} else {
		usr2++;
	}
	depth--;
}

/* All that may change behind an instruction's back must not. */
static bool registers_survive(void)
{
	unsigned long ok;

	__asm__ __volatile__("movq $0x1111, %%rbx; movq $0x2222, %%r12; movq $0x3333, %%r13; movq $0x4444, %%r14\n\t"
			     "movq $0x5555, %%r15; movq $0x6666, %%r8; movq $0x7777, %%r9; movq $0x8888, %%r10\n\t"
			     "movl %1, %%eax; movl %2, %%edi; movl %3, %%esi; syscall\n\t"
			     "cmpq $0x1111, %%rbx; jne 1f; cmpq $0x2222, %%r12; jne 1f; cmpq $0x3333, %%r13; jne 1f\n\t"
			     "cmpq $0x4444, %%r14; jne 1f; cmpq $0x5555, %%r15; jne 1f; cmpq $0x6666, %%r8; jne 1f\n\t"
			     "cmpq $0x7777, %%r9; jne 1f; cmpq $0x8888, %%r10; jne 1f; movl $1, %%eax; jmp 2f\n\t"
			     "1: xorl %%eax, %%eax\n\t"
			     "2:"
			     : "=&a"(ok)
			     : "i"(SYS_kill), "r"(getpid()), "i"(SIGUSR1)
			     : "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rcx", "rdi", "rsi", "memory", "cc");
	return ok;
}

void test_signals(void)
{
	static char stack[65536];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_usr };
	sigset_t block, old;

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	for (int i = 0; i < 1000; i++)
		if (!registers_survive()) {
			check(false, "registers around a handler");
			break;
		}
	check(usr1 == 1000 && usr2 == 1000 && deepest == 2, "%d and %d handlers, %d deep", usr1, usr2, deepest);

	sigaltstack(&other, NULL);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	check(handler_stack > 0 && usr1 == 1001, "a handler after sigaltstack");
	other.ss_flags = SS_DISABLE;
	sigaltstack(&other, NULL);

	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, &old);
	usr2 = 0;
	raise(SIGUSR2);
	check(usr2 == 0, "a blocked signal waits");
	sigprocmask(SIG_SETMASK, &old, NULL);
	check(usr2 == 1, "and comes when it may");
}
