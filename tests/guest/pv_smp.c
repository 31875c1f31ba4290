// SPDX-License-Identifier: GPL-2.0-only
/*
 * The patched kernel in pv mode on two and four vCPUs, with tables that the host validates and with trusted ones: every
 * CPU comes, works, gets interrupts of its own, goes and comes again; memory that several CPUs write; text that is
 * patched while others run it; and each way to end, from a CPU that is not the first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "kernel_parts.h"
#include "kselftest_harness.h"

#define KERNEL "out/guest-kernel/vmlinux"
#define INITRD "out/guest-kernel/initrd-pv"
#define DISK_BYTES (4 << 20)

FIXTURE(pv_smp)
{
	struct guest g;
	char disk[256];
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
	ASSERT_EQ(0, guest_make_image(self->disk, sizeof(self->disk), "pv-smp", DISK_BYTES));
}

FIXTURE_TEARDOWN(pv_smp)
{
	guest_end(&self->g);
	unlink(self->disk);
}

static int start(FIXTURE_DATA(pv_smp) *self, const char *tables, int cpus, const char *label)
{
	char number[8], disk[300];
	const char *args[] = { "run", "--mode", "pv", "--pv-tables", tables, "--cpus", number, "--kernel", KERNEL, "--initrd",
			       INITRD, "--append", "console=hvc0 quiet", "--memory", "768M", "--disk", disk, NULL };

	snprintf(disk, sizeof(disk), "file=%s", self->disk);
	snprintf(number, sizeof(number), "%d", cpus);
	return guest_start_raw(&self->g, label, args) || guest_wait_ready(&self->g, 120) ? -1 : 0;
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
	char before[32];

	ASSERT_EQ(0, start(self, variant->tables, n, "pv-smp"));
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
	/* Wherever the scheduler puts it, and what a CPU has to do alone on one that is not the first. */
	EXPECT_TRUE(user(g, "", ""))
		TH_LOG("%s", g->output);
	snprintf(before, sizeof(before), "taskset -c %d", n - 1);
	EXPECT_TRUE(user(g, before, "faults"))
		TH_LOG("CPU %d: %s", n - 1, g->output);
	EXPECT_TRUE(user(g, before, "signals"))
		TH_LOG("CPU %d: %s", n - 1, g->output);
	/* Programs that come and go on all of them at once. */
	EXPECT_EQ(0, guest_run(g, 100, "for c in $(seq 0 %d); do taskset -c $c sh -c 'for i in $(seq 50); do /bin/true || exit 1; done' & "
				       "done; wait", n - 1));
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

	ASSERT_EQ(0, start(self, variant->tables, variant->cpus, "pv-smp-dirty"));
	EXPECT_EQ(0, guest_run(g, 60, "modprobe zram && echo 16M > /sys/block/zram0/disksize && mkswap /dev/zram0 && "
				      "swapon /dev/zram0"))
		TH_LOG("%s", g->output);
	EXPECT_TRUE(user(g, "", "dirty"))
		TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 30, "awk '{ print $1, $5; exit !($1 > 20 && $5 > 20) }' /sys/block/zram0/stat"))
		TH_LOG("pages read from swap and written there: %s", g->output);
	EXPECT_EQ(NULL, guest_scan_log(g, "pv-user["));
	/* Without a word to the other CPUs. */
	ASSERT_EQ(0, guest_send(g, "taskset -c %d sh -c 'echo b > /proc/sysrq-trigger'", variant->cpus - 1));
	EXPECT_EQ(0, guest_wait_exit(g, 60));
}

/* How many interrupts of the disk's first queue go where its affinity says, with so much I/O on the first CPU. */
static long interrupts_there(struct guest *g, int want_cpu)
{
	long cpu, before;

	if (guest_run(g, 30, "cat /proc/irq/$(awk -F: '/block-q0/ { print $1 + 0 }' /proc/interrupts)/effective_affinity_list"))
		return -1;
	cpu = strtol(g->output, NULL, 10);
	if (want_cpu >= 0 && cpu != want_cpu)
		return -1;
	if (guest_run(g, 30, "awk '/block-q0/ { print $%ld }' /proc/interrupts", cpu + 2))
		return -1;
	before = strtol(g->output, NULL, 10);
	if (guest_run(g, 60, "taskset -c 0 dd if=/dev/pvda of=/dev/null bs=4k count=50 iflag=direct 2>/dev/null; "
			     "awk '/block-q0/ { print $%ld }' /proc/interrupts", cpu + 2))
		return -1;
	return strtol(g->output, NULL, 10) - before;
}

TEST_F_TIMEOUT(pv_smp, cpus_go_and_come_and_text_is_patched, 600)
{
	struct guest *g = &self->g;
	int last = variant->cpus - 1;

	ASSERT_EQ(0, start(self, variant->tables, variant->cpus, "pv-smp-parts"));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, guest_run(g, 60, "cd /sys/devices/system/cpu/cpu%d && echo 0 > online && [ $(nproc) = %d ] && "
					      "echo 1 > online && taskset -c %d true && [ $(nproc) = %d ]",
				       last, last, last, last + 1))
			TH_LOG("%s", g->output);
	}
	EXPECT_TRUE(user(g, "", "cpus"))
		TH_LOG("%s", g->output);
	/* The disk's queues have a CPU each, and their interrupts go where they are sent; off a CPU that goes, too. */
	EXPECT_EQ(0, guest_run(g, 30, "[ $(cat /sys/block/pvda/mq/0/cpu_list) = 0 ] && [ $(cat /sys/block/pvda/mq/%d/cpu_list) = %d ]",
			       last, last));
	EXPECT_EQ(0, guest_run(g, 30, "i=$(awk -F: '/block-q0/ { print $1 + 0 }' /proc/interrupts); cd /proc/irq/$i && "
				      "[ $(cat effective_affinity_list) = 0 ] && echo %d > smp_affinity_list && "
				      "[ $(cat effective_affinity_list) = %d ]", last, last))
		TH_LOG("%s", g->output);
	EXPECT_LE(10, interrupts_there(g, last));
	EXPECT_EQ(0, guest_run(g, 30, "echo 0 > /sys/devices/system/cpu/cpu%d/online", last));
	EXPECT_LE(10, interrupts_there(g, -1));
	EXPECT_EQ(0, guest_run(g, 30, "echo 1 > /sys/devices/system/cpu/cpu%d/online", last));
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

TEST_HARNESS_MAIN
