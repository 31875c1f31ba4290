// SPDX-License-Identifier: GPL-2.0-only
/* System calls, programs that start programs, and memory that comes, changes its rights, is copied on write and goes. */
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

static long raw_syscall(long number, long a, long b, long c)
{
	long ret;

	__asm__ __volatile__("syscall" : "=a"(ret) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return ret;
}

/* What SYSCALL leaves: in rcx where it came back to, in r11 the flags. */
static void syscall_registers(void)
{
	unsigned long rcx, r11, next;

	__asm__ __volatile__("stc; movl %3, %%eax; syscall; 1: movq %%r11, %1; leaq 1b(%%rip), %2"
			     : "=c"(rcx), "=&r"(r11), "=&r"(next)
			     : "i"(SYS_getppid)
			     : "rax", "r11", "memory", "cc");
	check((r11 & 0x201) == 0x201, "r11 is %lx after a system call: carry and interrupts were on", r11);
	check(rcx == next, "rcx is %lx after the system call before %lx", rcx, next);
}

void test_syscalls(void)
{
	char buffer[64];
	int pipes[2];

	syscall_registers();
	check(raw_syscall(SYS_getpid, 0, 0, 0) == getpid(), "getpid");
	check(raw_syscall(100000, 0, 0, 0) == -ENOSYS, "a number that is none");
	check(raw_syscall(-1, 0, 0, 0) == -ENOSYS, "number -1");
	/* What is a hypercall's number in the kernel is a system call's here. */
	check(raw_syscall(0x0101, -1, (long)"x", 0) != 0, "the number of a hypercall");
	check(raw_syscall(SYS_write, 1, 0xffffffff81000000, 16) == -EFAULT, "write from the kernel's text");
	check(raw_syscall(SYS_write, 1, 0xffff800000000000, 16) == -EFAULT, "write from the monitor");
	check(pipe(pipes) == 0, "pipe");
	check(raw_syscall(SYS_write, pipes[1], 16, 16) == -EFAULT, "write from nowhere");
	check(write(pipes[1], "0123456789", 10) == 10, "write to a pipe");
	check(raw_syscall(SYS_read, pipes[0], 0xffff888000001000, 16) == -EFAULT, "read to the direct map");
	check(raw_syscall(SYS_read, pipes[0], 16, 16) == -EFAULT, "read to nowhere");
	check(write(pipes[1], "0123456789", 10) == 10 && read(pipes[0], buffer, 10) == 10, "and the pipe goes on");
	for (int i = 0; i < 20000; i++)
		raw_syscall(SYS_getppid, 0, 0, 0);
	close(pipes[0]);
	close(pipes[1]);
}

void test_exec(void)
{
	for (int i = 0; i < 100; i++) {
		char told[2] = { (char)(i + 1), 0 };
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			execl("/proc/self/exe", "user", "exit-as-told", told, NULL);
			_exit(255);
		}
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != i + 1) {
			check(false, "child %d: status %x", i, status);
			return;
		}
	}
	/* Many at once, over a pipe that each writes to. */
	int pipes[2], sum = 0;
	char c;

	check(pipe(pipes) == 0, "pipe");
	for (int i = 0; i < 50; i++)
		if (fork() == 0)
			_exit(write(pipes[1], "x", 1) != 1);
	close(pipes[1]);
	while (read(pipes[0], &c, 1) == 1)
		sum++;
	while (wait(NULL) > 0)
		;
	close(pipes[0]);
	check(sum == 50, "%d children of 50 wrote", sum);
}

static uint64_t *shared;

static void copy_on_write(void)
{
	for (unsigned long i = 0; i < 512; i++)
		shared[i * PAGE / 8] += 1000;
	for (unsigned long i = 0; i < 512; i++)
		if (shared[i * PAGE / 8] != i + 1000)
			_exit(1);
}

static void test_copy_on_write(void)
{
	shared = mmap(NULL, 512 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned long i = 0; i < 512; i++)
		shared[i * PAGE / 8] = i;
	for (int round = 0; round < 5; round++)
		check(in_child(copy_on_write) == 0, "a child's copy");
	for (unsigned long i = 0; i < 512; i++)
		if (shared[i * PAGE / 8] != i) {
			check(false, "a child changed page %lu of the parent's", i);
			break;
		}
	munmap(shared, 512 * PAGE);
}

/* Random maps, unmaps and rights over a window, against a model of what is there. */
static void test_random(void)
{
	enum { PAGES = 256 };
	static uint64_t model[PAGES]; /* 0: not there; else what the page begins with */
	static bool writable[PAGES];
	char *window = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t next = 1;

	srand(1);
	for (int step = 0; step < 20000; step++) {
		unsigned int first = rand() % PAGES, n = 1 + rand() % 16;
		char *at = window + first * PAGE;

		if (first + n > PAGES)
			n = PAGES - first;
		switch (rand() % 4) {
		case 0:
			mmap(at, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			for (unsigned int i = first; i < first + n; i++) {
				*(uint64_t *)(window + i * PAGE) = model[i] = next++;
				writable[i] = true;
			}
			break;
		case 1:
			mmap(at, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
			for (unsigned int i = first; i < first + n; i++)
				model[i] = 0;
			break;
		case 2:
			for (unsigned int i = first; i < first + n && model[i]; i++) {
				writable[i] = rand() % 2;
				mprotect(window + i * PAGE, PAGE, writable[i] ? PROT_READ | PROT_WRITE : PROT_READ);
			}
			break;
		default:
			for (unsigned int i = first; i < first + n; i++) {
				if (!model[i])
					continue;
				if (*(uint64_t *)(window + i * PAGE) != model[i]) {
					check(false, "step %d: page %u is not as written", step, i);
					return;
				}
				if (writable[i])
					*(uint64_t *)(window + i * PAGE) = model[i] = next++;
			}
		}
	}
	check(true, "20000 steps");
	munmap(window, PAGES * PAGE);
}

static void test_large(void)
{
	size_t bytes = 32ul << 20;
	unsigned char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rusage before, after;
	unsigned long sum = 0;

	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < bytes; i += PAGE)
		p[i] = (unsigned char)(i / PAGE);
	getrusage(RUSAGE_SELF, &after);
	for (size_t i = 0; i < bytes; i += PAGE)
		sum += p[i] != (unsigned char)(i / PAGE);
	check(!sum, "%lu of the pages of 32 MiB", sum);
	check(after.ru_minflt > before.ru_minflt, "faults are counted");
	madvise(p, bytes, MADV_DONTNEED);
	for (size_t i = 0; i < bytes; i += PAGE)
		sum += p[i];
	check(!sum, "given back, they are zero again");
	p = mremap(p, bytes, bytes / 2, MREMAP_MAYMOVE);
	check(p != MAP_FAILED && munmap(p, bytes / 2) == 0, "shrunk and gone");
}

static void test_code(void)
{
	static const unsigned char return_42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	unsigned char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 100; i++) {
		mprotect(p, PAGE, PROT_READ | PROT_WRITE);
		memcpy(p, return_42, sizeof(return_42));
		p[1] = (unsigned char)i;
		mprotect(p, PAGE, PROT_READ | PROT_EXEC);
		if (((int (*)(void))(uintptr_t)p)() != i) {
			check(false, "code that was just written, round %d", i);
			break;
		}
	}
	munmap(p, PAGE);
}

void test_memory(void)
{
	test_copy_on_write();
	test_random();
	test_large();
	test_code();
}
