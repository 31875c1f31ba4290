// SPDX-License-Identifier: GPL-2.0-only
/* System calls, switches between processes, signals, hypercalls. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pvn_test_ioctl.h>

#include "bench.h"

#define HYPERCALL_DEVICE "/dev/paravane_test"

static int pipes[2][2] = { { -1, -1 }, { -1, -1 } };
static int echo_pid;
static int hypercall_fd = -1;
static volatile sig_atomic_t signals;

/* The loop of the benches that do one thing over and over, with nothing in it. */
static uint64_t empty_loop(uint64_t ops)
{
	uint64_t start = ticks_now();

	for (uint64_t i = 0; i < ops; i++)
		__asm__ __volatile__("" : : : "memory");
	return ticks_now() - start;
}

static int nothing(uint64_t ops)
{
	return 0;
}

static int nothing_left(void)
{
	return 0;
}

/* What the waiting and the words on the console cost in exits: the host takes it off all others. */
static int null_run(uint64_t ops, struct sample *sample)
{
	return 0;
}

static int getppid_run(uint64_t ops, struct sample *sample)
{
	uint64_t start = ticks_now();

	for (uint64_t i = 0; i < ops; i++) {
		long ret = SYS_getppid;

		__asm__ __volatile__("syscall" : "+a"(ret) : : "rcx", "r11", "memory");
	}
	sample->ticks = ticks_now() - start;
	sample->overhead = empty_loop(ops);
	return 0;
}

static void close_pipes(void)
{
	for (int i = 0; i < 4; i++) {
		if (pipes[i / 2][i % 2] >= 0)
			close(pipes[i / 2][i % 2]);
		pipes[i / 2][i % 2] = -1;
	}
}

/* Sends each byte back until the other end is closed. */
static void echo(void)
{
	char byte;

	close(pipes[0][1]);
	close(pipes[1][0]);
	while (read(pipes[0][0], &byte, 1) == 1)
		if (write(pipes[1][1], &byte, 1) != 1)
			_exit(1);
	_exit(0);
}

static int round_trip(void)
{
	char byte = 0;

	if (write(pipes[0][1], &byte, 1) == 1 && read(pipes[1][0], &byte, 1) == 1)
		return 0;
	return bench_error("a byte through the pipes");
}

static int pipe_prepare(uint64_t ops)
{
	if (pipe(pipes[0]) || pipe(pipes[1])) {
		close_pipes();
		return bench_error("two pipes");
	}
	echo_pid = fork();
	if (echo_pid < 0) {
		close_pipes();
		return bench_error("fork");
	}
	if (!echo_pid)
		echo();
	close(pipes[0][0]);
	close(pipes[1][1]);
	pipes[0][0] = -1;
	pipes[1][1] = -1;
	/* The first one waits for the child to begin. */
	return round_trip();
}

static int pipe_run(uint64_t ops, struct sample *sample)
{
	uint64_t start = ticks_now();

	for (uint64_t i = 0; i < ops; i++)
		if (round_trip())
			return -1;
	sample->ticks = ticks_now() - start;
	sample->overhead = empty_loop(ops);
	return 0;
}

static int pipe_finish(void)
{
	int pid = echo_pid;

	close_pipes();
	echo_pid = 0;
	return pid > 0 ? bench_reap(pid, "the process at the pipes' other end") : 0;
}

static void count_signal(int number)
{
	signals++;
}

static int signal_prepare(uint64_t ops)
{
	struct sigaction action = { .sa_handler = count_signal };

	signals = 0;
	return sigaction(SIGUSR1, &action, NULL) ? bench_error("a handler for SIGUSR1") : 0;
}

static int signal_run(uint64_t ops, struct sample *sample)
{
	int self = getpid();
	uint64_t start = ticks_now();

	for (uint64_t i = 0; i < ops; i++)
		syscall(SYS_kill, self, SIGUSR1);
	sample->ticks = ticks_now() - start;
	errno = 0;
	if ((uint64_t)signals != ops)
		return bench_error("%ld signals of %llu reached the handler", (long)signals, (unsigned long long)ops);
	sample->overhead = empty_loop(ops);
	return 0;
}

static int signal_finish(void)
{
	return signal(SIGUSR1, SIG_DFL) == SIG_ERR ? bench_error("SIGUSR1's default") : 0;
}

static int hypercall_prepare(uint64_t ops)
{
	struct pvn_test_info info;

	hypercall_fd = open(HYPERCALL_DEVICE, O_RDWR | O_CLOEXEC);
	if (hypercall_fd < 0)
		return bench_error("%s, which the module paravane_test makes", HYPERCALL_DEVICE);
	if (ioctl(hypercall_fd, PVN_TEST_INFO, &info))
		return bench_error("asking the module paravane_test");
	errno = 0;
	return info.usable ? 0 : bench_error("the module paravane_bus found no host that takes hypercalls");
}

static int time_calls(uint64_t ops, uint64_t *ticks)
{
	struct pvn_test_time calls = { .rounds = (pvn_u32)ops };
	uint64_t start = ticks_now();

	if (ioctl(hypercall_fd, PVN_TEST_TIME, &calls))
		return bench_error("null calls through the module paravane_test");
	*ticks = ticks_now() - start;
	errno = 0;
	if (calls.error || calls.calls != ops)
		return bench_error("%llu null calls of %llu succeeded, the first other answer was %lld",
				   (unsigned long long)calls.calls, (unsigned long long)ops, (long long)calls.error);
	return 0;
}

/*
 * The calls are made in the kernel, by the module; going there and back is taken off as what one call takes more than
 * its share. The host counts one exit too many in `ops`.
 */
static int hypercall_run(uint64_t ops, struct sample *sample)
{
	uint64_t one, all;

	if (time_calls(1, &one) || time_calls(ops, &all))
		return -1;
	sample->ticks = all;
	/* all = way + ops * call and one = way + call. */
	sample->overhead = ops > 1 && all > one ? one - (all - one) / (ops - 1) : 0;
	if (sample->overhead > one)
		sample->overhead = 0;
	return 0;
}

static int hypercall_finish(void)
{
	if (hypercall_fd >= 0)
		close(hypercall_fd);
	hypercall_fd = -1;
	return 0;
}

const struct bench call_benches[] = {
	{ "null", 1, 1, "nothing: what asking for a bench costs by itself", nothing, null_run, nothing_left },
	{ "cpu.getppid", 100000, 100000000, "the system call getppid", nothing, getppid_run, nothing_left },
	{ "cpu.pipe", 2000, 10000000, "a byte through a pipe to another process and back", pipe_prepare, pipe_run,
	  pipe_finish },
	{ "cpu.signal", 10000, 10000000, "a signal to itself, with a handler", signal_prepare, signal_run,
	  signal_finish },
	{ "hypercall.null", 5000, 1000000, "the hypercall core.null, made by the kernel", hypercall_prepare,
	  hypercall_run, hypercall_finish },
};
const size_t nr_call_benches = sizeof(call_benches) / sizeof(call_benches[0]);
