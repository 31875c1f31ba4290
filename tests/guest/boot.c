// SPDX-License-Identifier: GPL-2.0-only
/* The stock kernel boots, with one vCPU and more, and leaves in every documented way. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "kselftest_harness.h"

#define BOOT_SECONDS 120

FIXTURE(boot)
{
	struct guest g;
};

FIXTURE_SETUP(boot)
{
	memset(&self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(boot)
{
	guest_end(&self->g);
}

TEST_F_TIMEOUT(boot, one_vcpu_reaches_init_and_powers_off, 300)
{
	const char *args[] = { "--memory", "512M", "--cpus", "1", NULL };
	long long exits;

	ASSERT_EQ(0, guest_start(&self->g, "boot1", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, BOOT_SECONDS));
	exits = guest_kvm_stat(&self->g, "exits");
	TH_LOG("exits from power-on to init: %lld", exits);
	EXPECT_GT(exits, 0);
	EXPECT_EQ(0, guest_run(&self->g, 30, "grep -c ^processor /proc/cpuinfo"));
	EXPECT_STREQ("1\n", self->g.output);
	EXPECT_EQ(0, guest_run(&self->g, 30, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"));
	EXPECT_STREQ("kvm-clock\n", self->g.output);
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
}

TEST_F_TIMEOUT(boot, four_vcpus, 300)
{
	const char *args[] = { "--memory", "512M", "--cpus", "4", NULL };

	ASSERT_EQ(0, guest_start(&self->g, "boot4", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, BOOT_SECONDS));
	EXPECT_EQ(0, guest_run(&self->g, 30, "grep -c ^processor /proc/cpuinfo"));
	EXPECT_STREQ("4\n", self->g.output);
	/* Every vCPU runs something of its own. */
	EXPECT_EQ(0, guest_run(&self->g, 60,
			       "for c in 0 1 2 3; do taskset -c $c sh -c 'echo $(( 6 * 7 ))' || exit 1; done"));
	EXPECT_STREQ("42\n42\n42\n42\n", self->g.output);
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
}

TEST_F_TIMEOUT(boot, sigterm_presses_the_power_button, 300)
{
	const char *args[] = { "--memory", "256M", "--cpus", "1", NULL };

	ASSERT_EQ(0, guest_start(&self->g, "sigterm", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, BOOT_SECONDS));
	ASSERT_EQ(0, guest_run(&self->g, 30, "for n in 1 2 3 4 5 6 7 8 9; do pidof acpid && exit 0; sleep 1; done; exit 1"));
	kill(self->g.pid, SIGTERM);
	EXPECT_EQ(0, guest_wait_exit(&self->g, 60));
}

TEST_F_TIMEOUT(boot, only_a_second_sigterm_kills, 300)
{
	const char *args[] = { "--memory", "256M", "--cpus", "1", NULL };

	ASSERT_EQ(0, guest_start(&self->g, "sigterm2", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, BOOT_SECONDS));
	/* A guest that does not listen to its power button goes on. */
	ASSERT_EQ(0, guest_run(&self->g, 30, "sleep 3; killall acpid"));
	kill(self->g.pid, SIGTERM);
	EXPECT_EQ(0, guest_run(&self->g, 30, "sleep 1; echo alive"));
	EXPECT_STREQ("alive\n", self->g.output);
	kill(self->g.pid, SIGTERM);
	EXPECT_EQ(6, guest_wait_exit(&self->g, 30));
}

TEST_F_TIMEOUT(boot, panic_is_told, 300)
{
	const char *args[] = { "--memory", "256M", "--cpus", "1", NULL };

	ASSERT_EQ(0, guest_start(&self->g, "panic", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, BOOT_SECONDS));
	ASSERT_EQ(0, guest_send(&self->g, "echo c > /proc/sysrq-trigger"));
	/* panic=-1: the kernel reboots at once, which ends the run. */
	EXPECT_EQ(0, guest_wait_text(&self->g, "Kernel panic", 60));
	EXPECT_EQ(0, guest_wait_exit(&self->g, 60));
}

TEST_HARNESS_MAIN
