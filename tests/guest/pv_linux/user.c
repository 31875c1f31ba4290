// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program can see of the processor, from inside a guest whose kernel and programs are both at level 3: a static
 * program that the guest's shell runs. One line for each check that fails, then a line with the counts. `user NAME` runs
 * one topic, `user` all of them. The topics themselves are in the files beside it.
 */
#include "user.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *topic;
static unsigned int checks, failures;

bool check(bool ok, const char *format, ...)
{
	va_list args;

	checks++;
	if (ok)
		return true;
	failures++;
	printf("FAILED %s: ", topic);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return false;
}

int in_child(void (*what)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		what();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static const struct {
	const char *name;
	void (*run)(void);
	bool asked; /* only by its name: for guests with more than one CPU */
} topics[] = {
	{ "syscalls", test_syscalls, false }, { "exec", test_exec, false },	    { "faults", test_faults, false },
	{ "signals", test_signals, false },   { "memory", test_memory, false },	    { "registers", test_registers, false },
	{ "threads", test_threads, false },   { "time", test_time, false },	    { "ptrace", test_ptrace, false },
	{ "cpus", test_cpus, true },	      { "clocks", test_clocks, true },	    { "dirty", test_dirty, true },
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit-as-told"))
		return argc > 2 ? argv[2][0] : 0;
	for (unsigned int i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		if (argc > 1 ? strcmp(argv[1], topics[i].name) != 0 : topics[i].asked)
			continue;
		topic = topics[i].name;
		topics[i].run();
	}
	printf("USER %u checks, %u failed\n", checks, failures);
	return failures || !checks;
}
