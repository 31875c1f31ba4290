// SPDX-License-Identifier: GPL-2.0-only
/* Processes and their memory: fork, exec, page faults, unmapping, protection. */

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define LARGE_PAGES (64u * 1024 * 1024 / PAGE_BYTES)
#define PROTECT_BYTES (1024u * 1024)

/* Always the same place, whole page tables: a piece across a table's edge would cost another table now and then. */
#define AREA_PLACE ((void *)0x10000000000)

static unsigned char *area;
static size_t area_bytes;
static int holder_pid, holder_pipe[2] = { -1, -1 };

static int area_map(uint64_t pages)
{
	area_bytes = pages * PAGE_BYTES;
	area = mmap(AREA_PLACE, area_bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (area != MAP_FAILED)
		return 0;
	area = NULL;
	return bench_error("%zu bytes of memory", area_bytes);
}

/* A write to each page, and what that took. */
static uint64_t area_touch(void)
{
	unsigned char *end = area + area_bytes;
	uint64_t start = ticks_now();

	for (unsigned char *at = area; at < end; at += PAGE_BYTES)
		*(volatile unsigned char *)at = 1;
	return ticks_now() - start;
}

static int area_map_touched(uint64_t pages)
{
	if (area_map(pages))
		return -1;
	area_touch();
	return 0;
}

static int area_unmap(void)
{
	int ret = area ? munmap(area, area_bytes) : 0;

	area = NULL;
	return ret ? bench_error("unmapping") : 0;
}

static int nothing(uint64_t ops)
{
	return 0;
}

static int nothing_left(void)
{
	return 0;
}

static int fork_exit(void)
{
	int pid = fork();

	if (!pid)
		_exit(0);
	return pid < 0 ? bench_error("fork") : bench_reap(pid, "the child");
}

static int fork_exec(void)
{
	char *const words[] = { self_path, "--exit", NULL }, *const none[] = { NULL };
	int pid = fork();

	if (!pid) {
		execve(self_path, words, none);
		_exit(127);
	}
	return pid < 0 ? bench_error("fork") : bench_reap(pid, "the program that was started");
}

static int repeat(int (*once)(void), uint64_t ops, struct sample *sample)
{
	uint64_t start = ticks_now();

	for (uint64_t i = 0; i < ops; i++)
		if (once())
			return -1;
	sample->ticks = ticks_now() - start;
	/* The loop's few instructions are nothing beside a fork: only the clock is taken off. */
	sample->overhead = ticks_of_clock();
	return 0;
}

static int fork_exit_run(uint64_t ops, struct sample *sample)
{
	return repeat(fork_exit, ops, sample);
}

static int fork_exec_run(uint64_t ops, struct sample *sample)
{
	return repeat(fork_exec, ops, sample);
}

/* The second time over the same pages is the loop without faults. */
static int touch_run(uint64_t ops, struct sample *sample)
{
	sample->ticks = area_touch();
	sample->overhead = area_touch();
	return 0;
}

/* A child that shares the pages and only waits. */
static int cow_prepare(uint64_t ops)
{
	char byte;

	if (area_map_touched(ops))
		return -1;
	if (pipe(holder_pipe))
		return bench_error("a pipe");
	holder_pid = fork();
	if (holder_pid < 0)
		return bench_error("fork");
	if (!holder_pid) {
		close(holder_pipe[1]);
		_exit(read(holder_pipe[0], &byte, 1) != 0);
	}
	close(holder_pipe[0]);
	holder_pipe[0] = -1;
	return 0;
}

static int cow_finish(void)
{
	int ret = 0;

	for (int i = 0; i < 2; i++) {
		if (holder_pipe[i] >= 0)
			close(holder_pipe[i]);
		holder_pipe[i] = -1;
	}
	if (holder_pid > 0)
		ret = bench_reap(holder_pid, "the process that shares the pages");
	holder_pid = 0;
	return area_unmap() ? -1 : ret;
}

static int munmap_run(uint64_t ops, struct sample *sample)
{
	uint64_t start = ticks_now();
	int ret = munmap(area, area_bytes);

	sample->ticks = ticks_now() - start;
	sample->overhead = ticks_of_clock();
	area = NULL;
	return ret ? bench_error("unmapping") : 0;
}

/* One fork an area, unless more are asked for: the second finds the pages protected already. */
static int fork_large_prepare(uint64_t ops)
{
	return area_map_touched(LARGE_PAGES);
}

static int protect_prepare(uint64_t ops)
{
	return area_map_touched(PROTECT_BYTES / PAGE_BYTES);
}

static int protect_twice(void)
{
	if (mprotect(area, area_bytes, PROT_READ) || mprotect(area, area_bytes, PROT_READ | PROT_WRITE))
		return bench_error("mprotect");
	return 0;
}

static int protect_run(uint64_t ops, struct sample *sample)
{
	return repeat(protect_twice, ops, sample);
}

const struct bench memory_benches[] = {
	{ "mmu.fork-exit", 200, 1000000, "fork, exit of the child, wait", nothing, fork_exit_run, nothing_left },
	{ "mmu.fork-exec", 50, 1000000, "fork, exec of this static program, its exit, wait", nothing, fork_exec_run,
	  nothing_left },
	{ "mmu.anon-fault", 8192, 65536, "the first write to a page, each", area_map, touch_run, area_unmap },
	{ "mmu.cow-fault", 8192, 65536, "a write to a page shared with a child, each", cow_prepare, touch_run,
	  cow_finish },
	{ "mmu.munmap", 8192, 65536, "munmap of touched memory, each page", area_map_touched, munmap_run, area_unmap },
	{ "mmu.fork-64m", 1, 1000, "fork, exit, wait of a process that has touched 64 MiB", fork_large_prepare,
	  fork_exit_run, area_unmap },
	{ "mmu.mprotect-1m", 200, 1000000, "mprotect of a touched MiB to read-only, and back", protect_prepare,
	  protect_run, area_unmap },
};
const size_t nr_memory_benches = sizeof(memory_benches) / sizeof(memory_benches[0]);
