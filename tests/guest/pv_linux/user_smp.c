// SPDX-License-Identifier: GPL-2.0-only
/*
 * More than one CPU: each one does what a CPU has to, and memory that one CPU writes while another takes it away, moves
 * it, makes it read-only or swaps it out. What may not happen: a write that is lost, and a write that still goes through
 * after the call that forbade it has returned (a translation that another CPU has kept).
 */
#include "user.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define PAGES 32u
#define CPUS_MAX 8
#define ROUNDS 60
#define ROUNDS_SWAP 20
#define PROBES 200

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static int online(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static bool run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static void run_anywhere(void)
{
	cpu_set_t set;

	memset(&set, 0xff, sizeof(set));
	sched_setaffinity(0, sizeof(set), &set);
}

static int cpu_by_call(void)
{
	unsigned int cpu = ~0u;

	syscall(SYS_getcpu, &cpu, NULL, NULL);
	return (int)cpu;
}

/* What a system call, the vDSO (by the CPU's own descriptor table) and a switch say of where this is. */
void test_cpus(void)
{
	int cpus = online();

	for (int round = 0; round < 20; round++) {
		for (int cpu = 0; cpu < cpus; cpu++) {
			if (!run_on(cpu) || cpu_by_call() != cpu || sched_getcpu() != cpu) {
				check(false, "on CPU %d: the kernel says %d, the vDSO %d", cpu, cpu_by_call(), sched_getcpu());
				run_anywhere();
				return;
			}
		}
	}
	check(true, "each CPU knows its number");
	for (int cpu = 0; cpu < cpus; cpu++) {
		struct timespec nap = { 0, 20000000 }, before, after;

		run_on(cpu);
		clock_gettime(CLOCK_MONOTONIC, &before);
		nanosleep(&nap, NULL);
		clock_gettime(CLOCK_MONOTONIC, &after);
		check((after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec >= nap.tv_nsec,
		      "a sleep on CPU %d is not too short", cpu);
	}
	run_anywhere();
}

static _Atomic int64_t latest;
static atomic_int went_back;

/* The clock of all CPUs is one: what one has read, none reads less than later. */
static void *read_clock(void *argument)
{
	run_on((int)(intptr_t)argument);
	for (int i = 0; i < 20000; i++) {
		int64_t seen = atomic_load(&latest), now;
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		now = ts.tv_sec * 1000000000l + ts.tv_nsec;
		if (now < seen)
			went_back++;
		while (seen < now && !atomic_compare_exchange_weak(&latest, &seen, now))
			;
	}
	return NULL;
}

static void on_every_cpu(void *(*what)(void *))
{
	pthread_t thread[CPUS_MAX];
	int cpus = online();

	for (int i = 0; i < cpus; i++)
		check(!pthread_create(&thread[i], NULL, what, (void *)(intptr_t)i), "thread %d", i);
	for (int i = 0; i < cpus; i++)
		pthread_join(thread[i], NULL);
}

/* Two threads that wake each other: interrupts between CPUs, thousands of them, none lost. */
static void test_wakes(void)
{
	int there[2], back[2], cpus = online();
	char c = 0;
	pid_t pid;

	if (!check(!pipe(there) && !pipe(back), "pipes"))
		return;
	pid = fork();
	if (!pid) {
		run_on(cpus - 1);
		for (int i = 0; i < 2000; i++)
			if (read(there[0], &c, 1) != 1 || write(back[1], &c, 1) != 1)
				_exit(1);
		_exit(0);
	}
	run_on(0);
	for (int i = 0; i < 2000; i++) {
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1) {
			check(false, "message %d", i);
			break;
		}
	}
	int status = -1;

	check(waitpid(pid, &status, 0) == pid && !status, "2000 messages there and back: status %x", status);
	run_anywhere();
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
}

void test_clocks(void)
{
	on_every_cpu(read_clock);
	check(!went_back, "the clock went back %d times from one CPU to another", went_back);
	test_wakes();
}

/*
 * The other side of what follows: threads that write to pages, each to a word of its own in each page, and keep what they
 * have written; a page that cannot be written just now is left out.
 */
static struct {
	unsigned char *volatile pages;
	atomic_bool stop;
	int writers;
	uint64_t kept[CPUS_MAX][PAGES];
	atomic_ulong passes[CPUS_MAX]; /* over all pages */
} dirty;

static __thread sigjmp_buf writer_back;

static void on_segv(int number)
{
	(void)number;
	siglongjmp(writer_back, 1);
}

static void catch_segv(void)
{
	struct sigaction action = { .sa_handler = on_segv, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
}

static volatile uint64_t *word_of(unsigned char *pages, int writer, unsigned int page)
{
	return (volatile uint64_t *)(void *)(pages + page * PAGE + 64 * (size_t)writer);
}

static void *write_pages(void *argument)
{
	int writer = (int)(intptr_t)argument;
	volatile unsigned int page = 0;

	run_on(writer);
	while (!atomic_load_explicit(&dirty.stop, memory_order_relaxed)) {
		volatile uint64_t *word = word_of(dirty.pages, writer, page);

		/* The store is all or nothing, and what is kept is what has been stored. */
		if (!sigsetjmp(writer_back, 0)) {
			*word = dirty.kept[writer][page] + 1;
			dirty.kept[writer][page]++;
		}
		page = (page + 1) % PAGES;
		if (!page)
			atomic_fetch_add_explicit(&dirty.passes[writer], 1, memory_order_relaxed);
	}
	return NULL;
}

static pthread_t writer_thread[CPUS_MAX];

static void *page_map(void *at, int fixed)
{
	return mmap(at, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (fixed ? MAP_FIXED : 0), -1, 0);
}

/* Until every writer has been over its pages so often since: it may have to wait for a CPU of the host's. */
static bool writers_pass(unsigned long passes)
{
	unsigned long first[CPUS_MAX];

	for (int i = 1; i < dirty.writers; i++)
		first[i] = dirty.passes[i];
	for (int i = 1; i < dirty.writers; i++)
		for (int tries = 0; dirty.passes[i] - first[i] < passes; tries++) {
			if (tries == 20000)
				return check(false, "the writer on CPU %d doesn't get on", i);
			usleep(1000);
		}
	return true;
}

/* A writer on each CPU but the first, which is the one that troubles them. */
static bool writers_start(void)
{
	catch_segv();
	memset(dirty.kept, 0, sizeof(dirty.kept));
	dirty.pages = page_map(NULL, 0);
	dirty.stop = false;
	dirty.writers = online();
	if (!check(dirty.pages != MAP_FAILED && dirty.writers <= CPUS_MAX, "pages to write to"))
		return false;
	run_on(0);
	for (int i = 1; i < dirty.writers; i++)
		check(!pthread_create(&writer_thread[i], NULL, write_pages, (void *)(intptr_t)i), "writer %d", i);
	writers_pass(2);
	return true;
}

static void writers_stop(void)
{
	writers_pass(1);
	dirty.stop = true;
	for (int i = 1; i < dirty.writers; i++)
		pthread_join(writer_thread[i], NULL);
	run_anywhere();
}

static void writers_check(const char *what)
{
	unsigned int lost = 0;

	for (int i = 1; i < dirty.writers; i++)
		for (unsigned int page = 0; page < PAGES; page++)
			lost += *word_of(dirty.pages, i, page) != dirty.kept[i][page];
	check(!lost, "%s: %u words of %u are not what was written last", what, lost, PAGES * (dirty.writers - 1));
	munmap(dirty.pages, PAGES * PAGE);
}

/* The sum of all that the writers have written there. */
static uint64_t sum_of(unsigned char *pages)
{
	uint64_t sum = 0;

	for (int i = 1; i < dirty.writers; i++)
		for (unsigned int page = 0; page < PAGES; page++)
			sum += *word_of(pages, i, page);
	return sum;
}

/* Whether what is there stands still, though the writers go on. */
static bool still(unsigned char *pages)
{
	uint64_t first = sum_of(pages);

	for (int i = 0; i < PROBES; i++)
		if (sum_of(pages) != first)
			return false;
	return true;
}

static void still_to_child(void)
{
	if (!still(dirty.pages))
		_exit(1);
}

static void while_forking(void)
{
	unsigned int moved = 0;

	if (!writers_start())
		return;
	for (int i = 0; i < ROUNDS / 3; i++)
		moved += in_child(still_to_child) != 0;
	writers_stop();
	check(!moved, "%u children of %u saw their parent's later writes", moved, ROUNDS / 3);
	writers_check("fork");
}

static void while_protecting(void)
{
	unsigned int moved = 0;

	if (!writers_start())
		return;
	for (int i = 0; i < ROUNDS; i++) {
		mprotect(dirty.pages, PAGES * PAGE, PROT_READ);
		moved += !still(dirty.pages);
		mprotect(dirty.pages, PAGES * PAGE, PROT_READ | PROT_WRITE);
	}
	writers_stop();
	check(!moved, "in %u rounds of %u something was written to pages that are read-only", moved, ROUNDS);
	writers_check("mprotect");
}

/* Moved elsewhere and back. In between nothing is at the old place. */
static void while_moving(void)
{
	unsigned char *aside = page_map(NULL, 0), *home;
	unsigned int moved = 0, failed = 0;

	if (!writers_start())
		return;
	home = dirty.pages;
	for (int i = 0; i < ROUNDS; i++) {
		failed += mremap(home, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, aside) != aside;
		moved += !still(aside);
		failed += mremap(aside, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, home) != home;
	}
	writers_stop();
	check(!failed && !moved, "in %u rounds of %u moved pages were written to at their old place (%u calls failed)", moved,
	      ROUNDS, failed);
	writers_check("mremap");
}

/* What is given back is written by nobody: it may be somebody else's page now. */
static void while_unmapping(bool keep_mapped, const char *what)
{
	unsigned int strange = 0;
	unsigned char *home;

	if (!writers_start())
		return;
	home = dirty.pages;
	for (int i = 0; i < ROUNDS; i++) {
		unsigned char *other;

		if (keep_mapped)
			madvise(home, PAGES * PAGE, MADV_DONTNEED);
		else
			munmap(home, PAGES * PAGE);
		other = page_map(NULL, 0);
		if (other == home) {
			/* The hole is the kernel's first choice: take the next. */
			other = page_map(NULL, 0);
			munmap(home, PAGES * PAGE);
		}
		memset(other, 0x5a, PAGES * PAGE);
		for (int probe = 0; probe < 4; probe++)
			for (unsigned int at = 0; at < PAGES * PAGE / 8; at += 8)
				strange += ((uint64_t *)(void *)other)[at] != 0x5a5a5a5a5a5a5a5a;
		munmap(other, PAGES * PAGE);
		if (!keep_mapped)
			strange += page_map(home, 1) != home;
	}
	writers_stop();
	check(!strange, "%s: %u words that another CPU wrote to pages which were not its own any more", what, strange);
	munmap(home, PAGES * PAGE);
}

/* The dirty bit that a CPU sets while another one takes the entry away decides whether the page is written to swap. */
static void while_swapping(void)
{
	if (!writers_start())
		return;
	for (int i = 0; i < ROUNDS_SWAP; i++) {
		check(!madvise(dirty.pages, PAGES * PAGE, MADV_PAGEOUT), "pages out: %s", strerror(errno));
		/* Each page comes back, and is dirty again. */
		if (!writers_pass(1))
			break;
	}
	writers_stop();
	for (int i = 0; i < 3; i++)
		madvise(dirty.pages, PAGES * PAGE, MADV_PAGEOUT);
	writers_check("swap");
}

void test_dirty(void)
{
	if (!check(online() > 1, "there is more than one CPU"))
		return;
	while_forking();
	while_protecting();
	while_moving();
	while_unmapping(false, "munmap");
	while_unmapping(true, "MADV_DONTNEED");
	while_swapping();
}
