// SPDX-License-Identifier: GPL-2.0-only
/*
 * The patched kernel in pv mode, one vCPU, with tables that the host validates and with trusted ones: it boots to a shell
 * at level 3, programs have all that they have on hardware (pv_linux/ is one that looks), and the machine ends in the ways
 * that it should.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "kernel_parts.h"
#include "kselftest_harness.h"

#define KERNEL "out/guest-kernel/vmlinux"
#define INITRD "out/guest-kernel/initrd-pv"
#define STATS "out/check/pv-linux.json"

FIXTURE(pv_linux)
{
	struct guest g;
};

FIXTURE_VARIANT(pv_linux)
{
	const char *tables;
};

FIXTURE_VARIANT_ADD(pv_linux, validated)
{
	.tables = "validated",
};

FIXTURE_VARIANT_ADD(pv_linux, trusted)
{
	.tables = "trusted",
};

FIXTURE_SETUP(pv_linux)
{
	memset(&self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(pv_linux)
{
	guest_end(&self->g);
}

static int start_with(struct guest *g, const char *tables, const char *label, const char *memory, const char *append)
{
	const char *args[] = { "run", "--mode", "pv", "--pv-tables", tables, "--kernel", KERNEL, "--initrd", INITRD,
			       "--append", append, "--memory", memory, "--stats", STATS, NULL };

	return guest_start_raw(g, label, args) || guest_wait_ready(g, 120) ? -1 : 0;
}

static int start(struct guest *g, const char *tables, const char *label, const char *memory)
{
	return start_with(g, tables, label, memory, "console=hvc0 quiet");
}

TEST_F_TIMEOUT(pv_linux, boots_to_a_shell, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, "pv-linux", "512M"));
	EXPECT_EQ(0, guest_run(g, 30, "dmesg | grep -c 'Hypervisor detected: Paravane, pv mode'"));
	EXPECT_EQ(0, guest_run(g, 30, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"));
	EXPECT_STREQ("paravane\n", g->output);
	EXPECT_EQ(0, guest_run(g, 30, "[ $(grep -c ^processor /proc/cpuinfo) = 1 ]"));
	EXPECT_EQ(0, guest_run(g, 60, "seq 1 20000 | sort -rn | awk '{ s += $1 } END { print s }' | tee /tmp/sum"));
	EXPECT_STREQ("200010000\n", g->output);
	EXPECT_EQ(0, guest_run(g, 60, "for i in $(seq 1 100); do /bin/true || exit 1; done"));
	/* An idle guest sleeps in the host: most of these two seconds are idle ones. */
	EXPECT_EQ(0, guest_run(g, 30, "read u i </proc/uptime; sleep 2; read v j </proc/uptime; "
			       "awk -v a=$i -v b=$j 'BEGIN { exit !(b - a > 1) }'"))
		TH_LOG("not idle: %s", g->output);
	EXPECT_EQ(0, guest_run(g, 30, "[ $(date +%%Y) -ge 2024 ]"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

/* What --stats has written, from a key on; NULL when it is not there. */
static const char *stats_from(const char *key)
{
	static char text[65536];
	FILE *f = fopen(STATS, "re");

	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return strstr(text, key);
}

/* A number, by its key; -1 without one. */
static long counted(const char *key)
{
	const char *at = stats_from(key);

	return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* All that the monitor emulated. */
static long emulated(void)
{
	const char *at = stats_from("\"emulated\"");
	long sum = 0;

	if (!at)
		return -1;
	for (at = strstr(at, "\"count\":"); at; at = strstr(at, "\"count\":")) {
		at += strlen("\"count\":");
		sum += strtol(at, NULL, 10);
	}
	return sum;
}

TEST_F_TIMEOUT(pv_linux, programs_have_what_hardware_gives_them, 400)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, "pv-linux-user", "512M"));
	EXPECT_EQ(0, guest_run(g, 200, "pv-user"))
		TH_LOG("%s", g->output);
	EXPECT_NE(NULL, strstr(g->output, "checks, 0 failed"));
	EXPECT_EQ(NULL, guest_scan_log(g, "pv-user["));
	EXPECT_EQ(0, guest_power_off(g));
	if (!strcmp(variant->tables, "validated"))
		EXPECT_LT(1000, counted("\"mmu.update\": "));
	/* What is hot is patched: the rest is a serial port that is looked for at boot, and the like. */
	EXPECT_GE(emulated(), 0);
	EXPECT_LT(emulated(), 500);
}

TEST_F_TIMEOUT(pv_linux, has_what_a_real_guest_has, 300)
{
	struct guest *g = &self->g;

	/* Below 512 MiB Linux has no huge pages. */
	ASSERT_EQ(0, start(g, variant->tables, "pv-linux-parts", "768M"));
	for (size_t i = 0; i < sizeof(kernel_parts) / sizeof(kernel_parts[0]); i++) {
		EXPECT_EQ(0, guest_run(g, 60, "(%s) 2>&1", kernel_parts[i].command))
			TH_LOG("%s: %s", kernel_parts[i].what, g->output);
	}
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

/* Many processes have many tables: the zone takes memory from the page allocator, and tables that are freed come back. */
TEST_F_TIMEOUT(pv_linux, many_processes, 400)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, "pv-linux-many", "768M"));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, guest_run(g, 120, "i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i + 1)); done; "
				       "while [ $(pidof sleep | wc -w) -lt 200 ]; do usleep 100000; done; killall sleep; wait; true"))
			TH_LOG("%s", g->output);
	}
	EXPECT_EQ(0, guest_run(g, 60, "for i in $(seq 1 50); do /bin/true || exit 1; done"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
	if (!strcmp(variant->tables, "trusted")) {
		EXPECT_EQ(1, counted("\"mmu.zone_trust\": "));
		EXPECT_EQ(-1, counted("\"mmu.entry_set\": "));
		return;
	}
	EXPECT_LT(1, counted("\"chunks\": "));
	/* Three rounds take no more than one and a half. */
	EXPECT_GT(6, counted("\"chunks\": "));
	EXPECT_LT(1000, counted("\"mmu.table_free\": "));
}

TEST_F_TIMEOUT(pv_linux, little_memory_and_much, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, "pv-linux-small", "256M"));
	EXPECT_EQ(0, guest_run(g, 60, "dd if=/dev/zero of=/tmp/zeroes bs=1M count=64 && rm /tmp/zeroes"));
	EXPECT_EQ(0, guest_power_off(g));
	guest_end(g);
	/* Above the first GiB the kernel's tables of its start have to reach, too. */
	ASSERT_EQ(0, start(g, variant->tables, "pv-linux-large", "1536M"));
	EXPECT_EQ(0, guest_run(g, 60, "[ $(awk '/MemTotal/ { print $2 }' /proc/meminfo) -gt 1400000 ]"));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_F_TIMEOUT(pv_linux, panic_reaches_the_host_with_its_words, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, "pv-linux-panic", "256M"));
	ASSERT_EQ(0, guest_send(g, "echo c > /proc/sysrq-trigger"));
	EXPECT_EQ(0, guest_wait_text(g, "Kernel panic", 60));
	EXPECT_EQ(3, guest_wait_exit(g, 60));
	EXPECT_NE(NULL, strstr(guest_stderr(g), "Linux: sysrq triggered crash"));
}

TEST_F_TIMEOUT(pv_linux, restart_ends_the_run, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->tables, "pv-linux-restart", "256M"));
	ASSERT_EQ(0, guest_send(g, "reboot -f"));
	EXPECT_EQ(0, guest_wait_exit(g, 60));
}

FIXTURE(pv_mode_of_tables)
{
	struct guest g;
};

FIXTURE_SETUP(pv_mode_of_tables)
{
	memset(&self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(pv_mode_of_tables)
{
	guest_end(&self->g);
}

TEST_F_TIMEOUT(pv_mode_of_tables, one_by_one, 400)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start_with(g, "validated", "pv-linux-unbatched", "512M", "console=hvc0 quiet paravane.mmu=unbatched"));
	EXPECT_EQ(0, guest_run(g, 200, "pv-user"))
		TH_LOG("%s", g->output);
	EXPECT_NE(NULL, strstr(g->output, "checks, 0 failed"));
	EXPECT_EQ(NULL, guest_scan_log(g, "pv-user["));
	EXPECT_EQ(0, guest_power_off(g));
	EXPECT_EQ(-1, counted("\"mmu.update\": "));
	EXPECT_LT(10000, counted("\"mmu.entry_set\": "));
}

/* Trusted ones are taken where the host has them, unless others are asked for. */
TEST_F_TIMEOUT(pv_mode_of_tables, as_asked_for, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start_with(g, "trusted", "pv-linux-asked", "256M", "console=hvc0 quiet paravane.mmu=batched"));
	EXPECT_EQ(0, guest_run(g, 30, "dmesg | grep 'page tables are validated, changes in batches'"));
	EXPECT_EQ(0, guest_power_off(g));
	EXPECT_EQ(-1, counted("\"mmu.zone_trust\": "));
	EXPECT_LT(100, counted("\"mmu.update\": "));
	guest_end(g);
	ASSERT_EQ(0, start_with(g, "validated", "pv-linux-refused", "256M", "console=hvc0 quiet paravane.mmu=trusted"));
	EXPECT_EQ(0, guest_run(g, 30, "dmesg | grep 'paravane.mmu=trusted: the host has no trusted tables'"));
	EXPECT_EQ(0, guest_power_off(g));
	EXPECT_LT(100, counted("\"mmu.update\": "));
	guest_end(g);
	ASSERT_EQ(0, start_with(g, "validated", "pv-linux-wrong", "256M", "console=hvc0 quiet paravane.mmu=fast"));
	EXPECT_EQ(0, guest_run(g, 30, "dmesg | grep 'paravane.mmu=fast: want batched, unbatched or trusted'"));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_HARNESS_MAIN
