// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debian at work on the patched kernel: packages are installed, programs built, processes, memory, disk and network put
 * under load. MODE is hvm, validated or trusted: what passes in one has to pass in the others.
 *
 * usage: debian_work MODE [CPUS [SECONDS for each kind of load]]
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "debian_guest.h"
#include "kselftest_harness.h"

#define HOST "192.168.77.1"
#define GUEST "192.168.77.2"

static const char *mode, *cpus = "1";
static int load_seconds = 8;

static void __attribute__((constructor)) take_arguments(int argc, char **argv)
{
	mode = argc > 1 ? argv[1] : "";
	if (argc > 2)
		cpus = argv[2];
	if (argc > 3)
		load_seconds = atoi(argv[3]);
	if ((strcmp(mode, "hvm") && strcmp(mode, "validated") && strcmp(mode, "trusted")) || atoi(cpus) < 1 || load_seconds < 1) {
		fprintf(stderr, "usage: debian_work hvm|validated|trusted [CPUS [SECONDS]]\n");
		exit(2);
	}
}

FIXTURE(work)
{
	struct debian d;
	pid_t iperf;
};

static pid_t serve_iperf(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("iperf3", "iperf3", "-s", "-p", "5201", "--logfile", "/dev/null", NULL);
		_exit(127);
	}
	return pid;
}

FIXTURE_SETUP(work)
{
	struct debian_kind kind = { .mode = mode, .disk = "pv", .root = "/dev/pvda", .cpus = cpus,
				    .net = "tap=pvnwork,if=pv" };
	char label[32];

	memset(self, 0, sizeof(*self));
	if (!debian_image())
		SKIP(return, DEBIAN_NO_IMAGE);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, system("modprobe tun; ip link set lo up && ip tuntap add dev pvnwork mode tap vnet_hdr && "
			    "ip addr add " HOST "/24 dev pvnwork && ip link set pvnwork up"));
	self->iperf = serve_iperf();
	snprintf(label, sizeof(label), "work-%s", mode);
	kind.label = label;
	ASSERT_EQ(0, debian_start(&self->d, &kind, "pvn.agent"));
	ASSERT_EQ(0, guest_wait_ready(&self->d.g, 600));
	ASSERT_EQ(0, guest_run(&self->d.g, 60, "[ $(nproc) = %s ]", cpus));
}

FIXTURE_TEARDOWN(work)
{
	debian_end(&self->d);
	if (self->iperf > 0) {
		kill(self->iperf, SIGKILL);
		waitpid(self->iperf, NULL, 0);
	}
}

/* A shell command that has to succeed; what it printed is told when it does not. */
#define DO(seconds, ...) do { \
	EXPECT_EQ(0, guest_run(g, seconds, __VA_ARGS__)) \
		TH_LOG("%s", g->output); \
} while (0)

static int end_well(struct guest *g)
{
	const char *line = guest_scan_log(g, NULL);
	int ret = line || guest_power_off(g) ? -1 : 0;

	if (ret)
		printf("# %s: %s\n", line ? "the guest's log" : "the guest did not power off", line ? line : g->why);
	return ret;
}

TEST_F_TIMEOUT(work, apt_installs_and_removes, 900)
{
	struct guest *g = &self->d.g;

	DO(120, "apt-get -q update");
	DO(200, "apt-get -q -y install gawk hello");
	DO(30, "[ \"$(hello)\" = 'Hello, world!' ] && awk --version | grep -q 'GNU Awk'");
	DO(200, "apt-get -q -y purge gawk && ! awk --version | grep -q 'GNU Awk'");
	DO(120, "dpkg --audit && dpkg --verify hello");
	EXPECT_EQ(0, end_well(g));
}

/* Sums in four threads, of numbers that are exact in floating point; by shell lines, so without single quotes. */
static const struct {
	const char *file, *line;
} program[] = {
	{ "part.c", "double part(long from, long to) { double s = 0; for (long i = from; i < to; i++) s += 0.5 * i; return s; }" },
	{ "main.c", "#include <pthread.h>" },
	{ "main.c", "#include <stdio.h>" },
	{ "main.c", "double part(long from, long to); static double sums[4];" },
	{ "main.c", "static void *work(void *p) { long n = (long)p; sums[n] = part(n * 100000, (n + 1) * 100000); return p; }" },
	{ "main.c", "int main(void) { pthread_t t[4]; for (long i = 0; i < 4; i++) if (pthread_create(&t[i], 0, work, (void *)i)) return 1;" },
	{ "main.c", "for (int i = 0; i < 4; i++) pthread_join(t[i], 0);" },
	{ "main.c", "printf(\"%.1f\\n\", sums[0] + sums[1] + sums[2] + sums[3]); }" },
	{ "Makefile", "CFLAGS = -O3 -Wall -Werror -pthread" },
	{ "Makefile", "sum: main.o part.o; $(CC) -pthread -o $@ $^" },
};

TEST_F_TIMEOUT(work, gcc_builds_a_program_that_runs, 900)
{
	struct guest *g = &self->d.g;

	DO(30, "mkdir /var/tmp/sum");
	for (size_t i = 0; i < sizeof(program) / sizeof(program[0]); i++)
		DO(30, "cd /var/tmp/sum && printf '%%s\\n' '%s' >> %s", program[i].line, program[i].file);
	DO(300, "cd /var/tmp/sum && make -s -j2");
	DO(30, "/var/tmp/sum/sum");
	/* Half the sum of all numbers below 400,000. */
	EXPECT_STREQ("39999900000.0\n", g->output);
	DO(30, "cd /var/tmp/sum && echo 'int main(void) { return part; }' > bad.c && ! gcc -c bad.c");
	EXPECT_NE(NULL, strstr(g->output, "undeclared"));
	EXPECT_EQ(0, end_well(g));
}

TEST_F_TIMEOUT(work, loads, 3600)
{
	static const char *const loads[] = { "cpu 2", "vm 2 --vm-bytes 96M", "fork 2", "switch 2", "signal 2",
					     "mmap 2 --mmap-bytes 64M", "futex 2" };
	struct guest *g = &self->d.g;

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		DO(load_seconds * 3 + 120, "stress-ng --%s --timeout %ds --verify --metrics-brief --temp-path /var/tmp 2>&1", loads[i],
		   load_seconds);
		TH_LOG("%s: %s", loads[i], strstr(g->output, "bogo ops") ?: g->output);
	}
	EXPECT_EQ(0, end_well(g));
}

TEST_F_TIMEOUT(work, fio_finds_what_it_wrote, 900)
{
	struct guest *g = &self->d.g;
	static const char *const engines[] = { "libaio", "io_uring", "mmap" };

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		DO(300, "fio --name=v --filename=/var/tmp/fio --size=48m --rw=randrw --bsrange=4k-64k --ioengine=%s %s --iodepth=16 "
		   "--verify=crc32c --verify_fatal=1 --end_fsync=1 && rm /var/tmp/fio", engines[i], i < 2 ? "--direct=1" : "");
	EXPECT_EQ(0, end_well(g));
}

TEST_F_TIMEOUT(work, iperf3_both_ways, 900)
{
	struct guest *g = &self->d.g;

	DO(60, "i=$(ls -d /sys/class/net/*/device | cut -d/ -f5); ip addr add " GUEST "/24 dev $i && ip link set $i up && ping -c 3 -w 30 " HOST);
	DO(90, "iperf3 -c " HOST " -t 5 -i 0");
	DO(90, "iperf3 -c " HOST " -t 5 -i 0 -R");
	DO(90, "iperf3 -c " HOST " -t 5 -i 0 -u -b 20M");
	EXPECT_EQ(0, end_well(g));
}

TEST_HARNESS_MAIN
