// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpu-bench: what system calls, processes and page faults cost, in ticks of the time stamp counter. One static program
 * that needs nothing: the first process of a guest with any kernel, or an ordinary program.
 */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"
#include "machine.h"

#define MAX_RUNS 1000

char self_path[4096];
static char error_text[256];

struct options {
	const char *names;
	uint64_t ops;
	unsigned long runs;
	bool serve, list, machine;
};

int bench_error(const char *format, ...)
{
	int err = errno, at;
	va_list args;

	va_start(args, format);
	at = vsnprintf(error_text, sizeof(error_text), format, args);
	va_end(args);
	if (err && at >= 0 && at < (int)sizeof(error_text))
		snprintf(error_text + at, sizeof(error_text) - at, ": %s", strerror(err));
	return -1;
}

const char *bench_error_text(void)
{
	return error_text;
}

int bench_reap(int pid, const char *who)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return bench_error("waiting for %s", who);
	errno = 0;
	return status ? bench_error("%s ended with wait status %#x", who, status) : 0;
}

uint64_t ticks_of_clock(void)
{
	static uint64_t least = UINT64_MAX;

	for (int i = 0; i < 100; i++) {
		uint64_t start = ticks_now(), ticks = ticks_now() - start;

		if (ticks < least)
			least = ticks;
	}
	return least;
}

static const struct bench *bench_at(size_t i)
{
	if (i < nr_call_benches)
		return &call_benches[i];
	i -= nr_call_benches;
	return i < nr_memory_benches ? &memory_benches[i] : NULL;
}

static const struct bench *bench_find(const char *name)
{
	const struct bench *bench;

	for (size_t i = 0; (bench = bench_at(i)); i++)
		if (!strcmp(bench->name, name))
			return bench;
	return NULL;
}

/* All benches, or those named, or the family before the dot. */
static bool wanted(const struct bench *bench, const char *names)
{
	const char *dot = strchr(bench->name, '.');
	char copy[512], *rest = copy, *name;

	if (!names)
		return dot != NULL;
	snprintf(copy, sizeof(copy), "%s", names);
	while ((name = strsep(&rest, ","))) {
		if (!strcmp(name, bench->name) || (!strcmp(name, "all") && dot))
			return true;
		if (dot && strlen(name) == (size_t)(dot - bench->name) &&
		    !strncmp(name, bench->name, dot - bench->name))
			return true;
	}
	return false;
}

/* Every word of the list names something; what does not is told. */
static bool names_known(const char *names)
{
	char copy[512], *rest = copy, *name;
	const struct bench *bench;
	bool known;

	if (strlen(names) >= sizeof(copy)) {
		fprintf(stderr, "cpu-bench: --bench: the list is longer than %zu characters\n", sizeof(copy) - 1);
		return false;
	}
	strcpy(copy, names);
	while ((name = strsep(&rest, ","))) {
		known = false;
		for (size_t i = 0; (bench = bench_at(i)); i++)
			known |= wanted(bench, name);
		if (!known) {
			fprintf(stderr, "cpu-bench: --bench %s: '%s' is no bench; --list shows them\n", names, name);
			return false;
		}
	}
	return true;
}

static void usage(FILE *to)
{
	fputs("usage: cpu-bench [OPTION]...\n"
	      "\n"
	      "Measures what the kernel's and the CPU's services cost, in ticks of the time stamp counter. As the\n"
	      "first process of a guest it sets up /proc, /sys and /dev, loads the modules in /modules/RELEASE,\n"
	      "and powers off at the end; its options are what stands after -- on the kernel's command line.\n"
	      "\n"
	      "  --bench NAME[,NAME...]  benches, or families such as mmu (all)\n"
	      "  --ops N                 operations in a run, instead of the bench's own number\n"
	      "  --runs N                runs of each bench, 1 to 1000 (3)\n"
	      "  --serve                 take commands from standard input, one a line; answers on standard output\n"
	      "  --machine               print what this machine is, and end\n"
	      "  --list                  print the benches, and end\n"
	      "  --exit                  end at once: what mmu.fork-exec starts\n"
	      "  --help                  this text\n"
	      "\n"
	      "A line of output: RESULT bench=NAME ops=N ticks=N overhead=N per_op=X, where per_op is\n"
	      "(ticks - overhead) / ops, and overhead the same loop without what is measured;\n"
	      "FAILED bench=NAME: WHY for one that can't be.\n"
	      "Commands of --serve: prepare NAME [OPS] (ARMED or FAILED), go (DONE OPS TICKS OVERHEAD, in\n"
	      "hexadecimal of fixed width), end (ENDED), touch (memory that was never used: TOUCHED), machine,\n"
	      "quit.\n"
	      "Exit status: 0 all measured, 1 a bench failed, 2 usage.\n",
	      to);
}

static bool number(const char *option, const char *text, uint64_t most, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (!errno && text[0] >= '0' && text[0] <= '9' && !*end && *value && *value <= most)
		return true;
	fprintf(stderr, "cpu-bench: %s %s: want a number from 1 to %llu\n", option, text, (unsigned long long)most);
	return false;
}

/* 0, or the exit status of bad usage. */
static int parse(int argc, char **argv, struct options *o)
{
	enum { BENCH = 1, OPS, RUNS, SERVE, MACHINE, LIST, END, HELP };
	static const struct option longs[] = {
		{ "bench", 1, NULL, BENCH }, { "ops", 1, NULL, OPS },	  { "runs", 1, NULL, RUNS },
		{ "serve", 0, NULL, SERVE }, { "machine", 0, NULL, MACHINE }, { "list", 0, NULL, LIST },
		{ "exit", 0, NULL, END },    { "help", 0, NULL, HELP },	  { 0 },
	};
	uint64_t value;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case BENCH:
			if (!names_known(optarg))
				return 2;
			o->names = optarg;
			break;
		case OPS:
			if (!number("--ops", optarg, 1000000000, &o->ops))
				return 2;
			break;
		case RUNS:
			if (!number("--runs", optarg, MAX_RUNS, &value))
				return 2;
			o->runs = value;
			break;
		case SERVE: o->serve = true; break;
		case MACHINE: o->machine = true; break;
		case LIST: o->list = true; break;
		case END: exit(0);
		case HELP: usage(stdout); exit(0);
		default: fputs("cpu-bench: --help shows the options\n", stderr); return 2;
		}
	}
	/* A kernel hands words that it does not know to its first process. */
	if (optind < argc && getpid() != 1) {
		fprintf(stderr, "cpu-bench: '%s': want options only; --help shows them\n", argv[optind]);
		return 2;
	}
	return 0;
}

static uint64_t ops_of(const struct bench *bench, uint64_t asked)
{
	if (!asked)
		return bench->ops;
	return asked > bench->max_ops ? bench->max_ops : asked;
}

static int run_once(const struct bench *bench, uint64_t ops)
{
	struct sample sample = { 0 };
	int ret = bench->prepare(ops);
	double net;

	if (!ret)
		ret = bench->run(ops, &sample);
	/* What a failed run left behind goes too, but its words stay. */
	if (ret)
		printf("FAILED bench=%s: %s\n", bench->name, bench_error_text());
	if (bench->finish() && !ret) {
		printf("FAILED bench=%s: afterwards: %s\n", bench->name, bench_error_text());
		return -1;
	}
	if (ret)
		return -1;
	net = (double)sample.ticks - (double)sample.overhead;
	printf("RESULT bench=%s ops=%llu ticks=%llu overhead=%llu per_op=%.2f\n", bench->name, (unsigned long long)ops,
	       (unsigned long long)sample.ticks, (unsigned long long)sample.overhead, net / (double)ops);
	return 0;
}

static int run_all(const struct options *o)
{
	const struct bench *bench;
	int status = 0;

	machine_print();
	for (size_t i = 0; (bench = bench_at(i)); i++) {
		if (!wanted(bench, o->names))
			continue;
		for (unsigned long run = 0; run < o->runs; run++) {
			if (run_once(bench, ops_of(bench, o->ops))) {
				status = 1;
				break;
			}
		}
	}
	return status;
}

/* A bench that was armed, between its three commands. */
struct armed {
	const struct bench *bench;
	uint64_t ops;
	bool ran;
};

static void serve_prepare(struct armed *armed, char *words)
{
	const struct bench *bench;
	char *name = strsep(&words, " ");
	uint64_t ops = words ? strtoull(words, NULL, 10) : 0;

	bench = bench_find(name);
	if (!bench || armed->bench) {
		printf("FAILED bench=%s: %s\n", name, bench ? "another one is armed" : "not known");
		return;
	}
	armed->ops = ops_of(bench, ops);
	if (bench->prepare(armed->ops)) {
		printf("FAILED bench=%s: %s\n", name, bench_error_text());
		bench->finish();
		return;
	}
	armed->bench = bench;
	armed->ran = false;
	printf("ARMED\n");
}

/* Nothing that is printed here is longer for one bench than for another: each character is an exit somewhere. */
static void serve_go(struct armed *armed)
{
	struct sample sample = { 0 };

	if (!armed->bench || armed->ran) {
		printf("FAILED nothing is armed\n");
		return;
	}
	armed->ran = true;
	if (armed->bench->run(armed->ops, &sample))
		printf("FAILED bench=%s: %s\n", armed->bench->name, bench_error_text());
	else
		printf("DONE %016llx %016llx %016llx\n", (unsigned long long)armed->ops,
		       (unsigned long long)sample.ticks, (unsigned long long)sample.overhead);
}

static void serve_end(struct armed *armed)
{
	if (armed->bench && armed->bench->finish())
		printf("FAILED bench=%s: afterwards: %s\n", armed->bench->name, bench_error_text());
	else
		printf("ENDED\n");
	armed->bench = NULL;
}

static int serve(void)
{
	struct armed armed = { 0 };
	struct termios console;
	char line[256];

	/* A console that echoes would answer with its own words. */
	if (!tcgetattr(0, &console)) {
		console.c_lflag &= ~(tcflag_t)ECHO;
		console.c_oflag &= ~(tcflag_t)OPOST;
		tcsetattr(0, TCSANOW, &console);
	}
	printf("SERVING\n");
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = 0;
		if (!strncmp(line, "prepare ", 8))
			serve_prepare(&armed, line + 8);
		else if (!strcmp(line, "go"))
			serve_go(&armed);
		else if (!strcmp(line, "end"))
			serve_end(&armed);
		else if (!strcmp(line, "machine"))
			machine_print();
		else if (!strcmp(line, "touch"))
			printf("TOUCHED %llu\n", (unsigned long long)machine_touch_memory());
		else if (!strcmp(line, "quit"))
			break;
		else if (line[0])
			printf("FAILED no command '%s'\n", line);
	}
	return 0;
}

static int act(const struct options *o)
{
	const struct bench *bench;

	if (o->list) {
		for (size_t i = 0; (bench = bench_at(i)); i++)
			printf("%-18s %8llu  %s\n", bench->name, (unsigned long long)bench->ops, bench->what);
		return 0;
	}
	if (o->machine) {
		machine_print();
		return 0;
	}
	return o->serve ? serve() : run_all(o);
}

int main(int argc, char **argv)
{
	struct options o = { .runs = 3 };
	bool init = getpid() == 1;
	ssize_t n;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (init)
		machine_set_up();
	n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	if (n < 0)
		snprintf(self_path, sizeof(self_path), "%s", argv[0]);
	status = parse(argc, argv, &o);
	if (!status)
		status = act(&o);
	if (!init)
		return status;
	printf("BYE %d\n", status);
	sync();
	/* The console's last words take a moment. */
	tcdrain(1);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
