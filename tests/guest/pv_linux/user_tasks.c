// SPDX-License-Identifier: GPL-2.0-only
/* What belongs to a task and has to survive a switch to another: FPU and SSE, segment bases, threads; time; ptrace. */
#include "user.h"

#include <asm/prctl.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 4

static unsigned int worker;

/* SSE registers, x87 control word and MXCSR hold this worker's number while others run. */
static void keep_fpu(void)
{
	uint64_t number = worker + 1, low, high;
	uint32_t mxcsr = 0x1f80 | worker << 13, back;
	uint16_t control = (uint16_t)(0x37f & ~(worker << 10)), control_back;

	__asm__ __volatile__("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(control));
	for (int i = 0; i < 3000; i++) {
		__asm__ __volatile__("movq %2, %%xmm3; movq %2, %%xmm15; pslldq $8, %%xmm15; movl %3, %%eax; syscall\n\t"
				     "movq %%xmm3, %0; psrldq $8, %%xmm15; movq %%xmm15, %1"
				     : "=&r"(low), "=&r"(high)
				     : "r"(number), "i"(SYS_sched_yield)
				     : "rax", "rcx", "r11", "xmm3", "xmm15", "memory");
		if (low != number || high != number)
			_exit(1);
		/* And without a system call: for as long as a tick may take. */
		for (volatile int spin = 0; i % 300 == 0 && spin < 100000; spin++)
			;
		__asm__ __volatile__("stmxcsr %0; fnstcw %1" : "=m"(back), "=m"(control_back));
		if ((back & ~0x3fu) != mxcsr || control_back != control)
			_exit(2);
	}
}

/* The upper halves of AVX registers, which only XSAVE keeps. */
static void keep_avx(void)
{
	uint64_t number = worker + 1, in[4] = { number, ~number, number << 8, number << 16 }, out[4];

	for (int i = 0; i < 3000 && __builtin_cpu_supports("avx"); i++) {
		__asm__ __volatile__("vmovdqu (%0), %%ymm2; vmovdqu (%0), %%ymm14; movl %2, %%eax; syscall\n\t"
				     "vmovdqu %%ymm2, (%1); vxorps %%ymm14, %%ymm2, %%ymm2; vptest %%ymm2, %%ymm2; jz 1f; movq $0, (%1)\n\t"
				     "1: vzeroupper"
				     :
				     : "r"(in), "r"(out), "i"(SYS_sched_yield)
				     : "rax", "rcx", "r11", "xmm2", "xmm14", "memory", "cc");
		if (memcmp(in, out, sizeof(in)))
			_exit(1);
	}
}

static void keep_gs(void)
{
	uint64_t cell[2] = { 0x1000 + worker, 0 }, seen;
	unsigned long base;

	if (syscall(SYS_arch_prctl, ARCH_SET_GS, cell))
		_exit(1);
	for (int i = 0; i < 2000; i++) {
		sched_yield();
		__asm__ __volatile__("movq %%gs:0, %0" : "=r"(seen));
		if (seen != cell[0])
			_exit(2);
	}
	if (syscall(SYS_arch_prctl, ARCH_GET_GS, &base) || base != (uintptr_t)cell)
		_exit(3);
	/* A selector of null, as old programs load it. */
	__asm__ __volatile__("movl %0, %%gs" : : "r"(0));
	sched_yield();
	_exit(0);
}

static void many(void (*what)(void), const char *text)
{
	int bad = 0, status;

	for (worker = 0; worker < WORKERS; worker++)
		if (fork() == 0) {
			what();
			_exit(0);
		}
	while (wait(&status) > 0)
		bad |= status;
	check(!bad, "%s: status %x", text, bad);
}

void test_registers(void)
{
	many(keep_fpu, "FPU and SSE across switches");
	many(keep_avx, "AVX across switches");
	many(keep_gs, "the GS base across switches");
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long counter;
static __thread unsigned long own;

static void *count(void *argument)
{
	own = (uintptr_t)argument;
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		if (i % 64 == 0)
			sched_yield();
		pthread_mutex_unlock(&lock);
		if (own != (uintptr_t)argument)
			return NULL;
	}
	return argument;
}

void test_threads(void)
{
	pthread_t thread[8];
	void *ret;

	for (int round = 0; round < 5; round++) {
		counter = 0;
		for (uintptr_t i = 0; i < 8; i++)
			check(pthread_create(&thread[i], NULL, count, (void *)(i + 1)) == 0, "thread %lu", i);
		for (uintptr_t i = 0; i < 8; i++)
			check(pthread_join(thread[i], &ret) == 0 && ret == (void *)(i + 1), "thread %lu has its own data", i);
		check(counter == 40000, "%lu of 40000", counter);
	}
}

static volatile sig_atomic_t ticks;

static void on_tick(int signal)
{
	(void)signal;
	ticks++;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void alarms(int which, int signal_number, const char *text)
{
	struct itimerval every = { { 0, 10000 }, { 0, 10000 } }, none = { { 0, 0 }, { 0, 0 } };
	int64_t end = now_ns(CLOCK_MONOTONIC) + 5000000000ll;

	ticks = 0;
	signal(signal_number, on_tick);
	setitimer(which, &every, NULL);
	/* No system call: only an interrupt can stop this loop. */
	for (unsigned long i = 0; ticks < 20; i++)
		if (i % 10000000 == 0 && now_ns(CLOCK_MONOTONIC) > end)
			break;
	setitimer(which, &none, NULL);
	check(ticks >= 20, "%s: %d ticks of 20 in five seconds", text, ticks);
}

void test_time(void)
{
	int64_t last = 0, before, slept;

	for (int i = 0; i < 20000; i++) {
		int64_t t = now_ns(CLOCK_MONOTONIC);

		if (t < last) {
			check(false, "the clock went back by %lld ns", (long long)(last - t));
			break;
		}
		last = t;
	}
	check(now_ns(CLOCK_REALTIME) > 1700000000ll * 1000000000, "the date");
	alarms(ITIMER_REAL, SIGALRM, "real time");
	alarms(ITIMER_VIRTUAL, SIGVTALRM, "a program's own time");
	before = now_ns(CLOCK_MONOTONIC);
	usleep(50000);
	slept = now_ns(CLOCK_MONOTONIC) - before;
	check(slept >= 50000000 && slept < 2000000000, "a sleep of 50 ms took %lld ns", (long long)slept);
}

static void traced(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	/* Steps for all: arithmetic, a system call, a page fault. */
	for (volatile int i = 0; i < 200; i++)
		;
	syscall(SYS_getppid);
	*(volatile char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
	__asm__ __volatile__("int3");
	_exit(7);
}

static bool step(pid_t pid, int *status)
{
	return !ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) && waitpid(pid, status, 0) == pid && WIFSTOPPED(*status) &&
	       WSTOPSIG(*status) == SIGTRAP;
}

static void single_steps(pid_t pid)
{
	struct user_regs_struct regs;
	unsigned long last = 0, moved = 0;
	int status = 0, n;

	for (n = 0; n < 400; n++) {
		if (!step(pid, &status) || ptrace(PTRACE_GETREGS, pid, NULL, &regs))
			break;
		moved += regs.rip != last;
		last = regs.rip;
	}
	check(n == 400, "single step %d: status %x", n, status);
	check(moved > 300, "%lu of 400 steps moved on", moved);
	check(!(regs.eflags & 0x100) && regs.cs == 0x33 && regs.ss == 0x2b, "flags %llx, cs %llx, ss %llx", regs.eflags, regs.cs,
	      regs.ss);
}

void test_ptrace(void)
{
	struct user_regs_struct regs;
	int status = 0;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		traced();
	check(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "stopped: %x", status);
	single_steps(pid);
	check(!ptrace(PTRACE_CONT, pid, NULL, NULL) && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	      WSTOPSIG(status) == SIGTRAP, "int3 after it: status %x", status);
	/* A register changed by the tracer is what the program goes on with: 9 in place of 7. */
	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	check(WIFSTOPPED(status) && !ptrace(PTRACE_GETREGS, pid, NULL, &regs) && regs.orig_rax == SYS_exit_group,
	      "stopped at the next system call: status %x, number %lld", status, regs.orig_rax);
	regs.rdi = 9;
	ptrace(PTRACE_SETREGS, pid, NULL, &regs);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 9, "exit of the traced: %x", status);
}
