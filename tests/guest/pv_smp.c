// SPDX-License-Identifier: GPL-2.0-only
/*
 * The patched kernel in pv mode on two and four vCPUs, with tables that the host validates and with trusted ones: every
 * CPU comes, works, gets interrupts of its own, goes and comes again; memory that several CPUs write; text that is
 * patched while others run it; and each way to end, from a CPU that is not the first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "kernel_parts.h"
#include "kselftest_harness.h"

#define KERNEL "out/guest-kernel/vmlinux"
#define INITRD "out/guest-kernel/initrd-pv"

FIXTURE(pv_smp)
{
	struct guest g;
};

FIXTURE_VARIANT(pv_smp)
{
	const char *tables;
	int cpus;
};

FIXTURE_VARIANT_ADD(pv_smp, validated_2)
{
	.tables = "validated",
	.cpus = 2,
};

FIXTURE_VARIANT_ADD(pv_smp, trusted_2)
{
	.tables = "trusted",
	.cpus = 2,
};

FIXTURE_VARIANT_ADD(pv_smp, validated_4)
{
	.tables = "validated",
	.cpus = 4,
};

FIXTURE_VARIANT_ADD(pv_smp, trusted_4)
{
	.tables = "trusted",
	.cpus = 4,
};

FIXTURE_SETUP(pv_smp)
{
	memset(&self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(pv_smp)
{
	guest_end(&self->g);
}

static int start(struct guest *g, const char *tables, int cpus, const char *label)
{
	char number[8];
	const char *args[] = { "run", "--mode", "pv", "--pv-tables", tables, "--cpus", number, "--kernel", KERNEL, "--initrd",
			       INITRD, "--append", "console=hvc0 quiet", "--memory", "768M", NULL };

	snprintf(number, sizeof(number), "%d", cpus);
	return guest_start_raw(g, label, args) || guest_wait_ready(g, 120) ? -1 : 0;
}

/* pv-user's checks of a topic. */
static bool user(struct guest *g, const char *before, const char *topic)
{
	return guest_run(g, 200, "%s pv-user %s", before, topic) == 0 && strstr(g->output, "checks, 0 failed");
}

TEST_F_TIMEOUT(pv_smp, every_cpu_works, 600)
{
	struct guest *g = &self->g;
	int n = variant->cpus;

	ASSERT_EQ(0, start(g, variant->tables, n, "pv-smp"));
	EXPECT_EQ(0, guest_run(g, 30, "[ $(grep -c ^processor /proc/cpuinfo) = %d ] && [ $(nproc) = %d ]", n, n));
	EXPECT_EQ(0, guest_run(g, 30, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"));
	EXPECT_STREQ("paravane\n", g->output);
	/* Each is a core of its own, and its number is the one that its CPUID has. */
	EXPECT_EQ(0, guest_run(g, 30, "awk -F: '/^apicid/ && $2 != n++ { exit 1 } /^siblings/ && $2 != %d { exit 1 }' /proc/cpuinfo", n));
	EXPECT_EQ(0, guest_run(g, 30, "for c in $(seq 0 %d); do [ $(cat /sys/devices/system/cpu/cpu$c/topology/thread_siblings_list) "
				      "= $c ] || exit 1; done", n - 1));
	EXPECT_TRUE(user(g, "", "cpus"))
		TH_LOG("%s", g->output);
	EXPECT_TRUE(user(g, "", "clocks"))
		TH_LOG("%s", g->output);
	for (int cpu = 1; cpu < n; cpu++) {
		char before[32];

		snprintf(before, sizeof(before), "taskset -c %d", cpu);
		EXPECT_TRUE(user(g, before, "faults"))
			TH_LOG("CPU %d: %s", cpu, g->output);
		EXPECT_TRUE(user(g, before, "signals"))
			TH_LOG("CPU %d: %s", cpu, g->output);
	}
	/* Ticks, and calls from one CPU to another, on all of them. */
	EXPECT_EQ(0, guest_run(g, 30, "awk -v n=%d '/timer[0-9]/ { c = substr($NF, 6); if ($(c + 2) > 0) t++ } "
				      "/^ *CAL:/ { for (i = 2; i < n + 2; i++) if ($i > 0) k++ } "
				      "END { exit !(t == n && k == n) }' /proc/interrupts", n))
		EXPECT_EQ(-1, guest_run(g, 30, "cat /proc/interrupts; false")) TH_LOG("%s", g->output);
	EXPECT_EQ(NULL, guest_scan_log(g, "pv-user["));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_F_TIMEOUT(pv_smp, no_write_is_lost_and_none_comes_late, 600)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, variant->cpus, "pv-smp-dirty"));
	EXPECT_EQ(0, guest_run(g, 60, "modprobe zram && echo 16M > /sys/block/zram0/disksize && mkswap /dev/zram0 && "
				      "swapon /dev/zram0"))
		TH_LOG("%s", g->output);
	EXPECT_TRUE(user(g, "", "dirty"))
		TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 30, "awk '/^pswpout/ { o = $2 } /^pswpin/ { i = $2 } END { print o, i; exit !(o > 100 && i > 100) }' "
				      "/proc/vmstat"))
		TH_LOG("swapped out and in: %s", g->output);
	EXPECT_EQ(NULL, guest_scan_log(g, "pv-user["));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_F_TIMEOUT(pv_smp, cpus_go_and_come_and_text_is_patched, 600)
{
	struct guest *g = &self->g;
	int last = variant->cpus - 1;

	ASSERT_EQ(0, start(g, variant->tables, variant->cpus, "pv-smp-parts"));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, guest_run(g, 60, "cd /sys/devices/system/cpu/cpu%d && echo 0 > online && [ $(nproc) = %d ] && "
					      "echo 1 > online && taskset -c %d true && [ $(nproc) = %d ]",
				       last, last, last, last + 1))
			TH_LOG("%s", g->output);
	}
	EXPECT_TRUE(user(g, "", "cpus"))
		TH_LOG("%s", g->output);
	/* What is patched, is run elsewhere at the same time. */
	EXPECT_EQ(0, guest_run(g, 30, "taskset -c %d sh -c 'while :; do cat /proc/uptime /proc/stat; done' > /dev/null & "
				      "echo $! > /tmp/busy", last));
	for (size_t i = 0; i < sizeof(kernel_parts) / sizeof(kernel_parts[0]); i++) {
		EXPECT_EQ(0, guest_run(g, 60, "(%s) 2>&1", kernel_parts[i].command))
			TH_LOG("%s: %s", kernel_parts[i].what, g->output);
	}
	EXPECT_EQ(0, guest_run(g, 60, "for i in 1 2 3; do modprobe zram && rmmod zram || exit 1; done"));
	EXPECT_EQ(0, guest_run(g, 30, "kill $(cat /tmp/busy)"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	/* A panic that another CPU than the first one finds. */
	ASSERT_EQ(0, guest_send(g, "taskset -c %d sh -c 'echo c > /proc/sysrq-trigger'", last));
	EXPECT_EQ(0, guest_wait_text(g, "Kernel panic", 60));
	EXPECT_EQ(3, guest_wait_exit(g, 60));
	EXPECT_NE(NULL, strstr(guest_stderr(g), "Linux: sysrq triggered crash"));
}

TEST_F_TIMEOUT(pv_smp, restart_from_another_cpu, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, variant->cpus, "pv-smp-restart"));
	ASSERT_EQ(0, guest_send(g, "taskset -c %d sh -c 'echo b > /proc/sysrq-trigger'", variant->cpus - 1));
	EXPECT_EQ(0, guest_wait_exit(g, 60));
}

TEST_HARNESS_MAIN
