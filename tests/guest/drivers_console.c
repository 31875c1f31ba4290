// SPDX-License-Identifier: GPL-2.0-only
/* The PV console: the agent runs on it, so that every command here goes through both of its rings. */
#include <string.h>

#include "guest.h"
#include "kselftest_harness.h"

FIXTURE(console)
{
	struct guest g;
};

FIXTURE_SETUP(console)
{
	const char *args[] = { "run", "--kernel", guest_path("PVN_KERNEL_IMAGE"), "--initrd", "out/guest-initrd",
			       "--append", "console=ttyS0 console=hvp0 quiet panic=-1 pvn.modules=paravane_console pvn.console=hvp0",
			       "--memory", "512M", "--cpus", "2", "--console", "pv", NULL };

	memset(&self->g, 0, sizeof(self->g));
	ASSERT_NE(NULL, args[2]);
	ASSERT_EQ(0, guest_start_raw(&self->g, "drivers-console", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, 120));
}

FIXTURE_TEARDOWN(console)
{
	guest_end(&self->g);
}

TEST_F_TIMEOUT(console, carries_both_ways_and_comes_back, 400)
{
	struct guest *g = &self->g;
	unsigned int line = 1;
	char *at;

	EXPECT_EQ(0, guest_run(g, 30, "cut -c1-4 /proc/consoles | head -1"));
	EXPECT_STREQ("hvp0\n", g->output);

	TH_LOG("more than its buffer holds, in order");
	EXPECT_EQ(0, guest_run(g, 120, "seq 1 10000"));
	for (at = strtok(g->output, "\n"); at && (unsigned int)atoi(at) == line; at = strtok(NULL, "\n"))
		line++;
	EXPECT_EQ(NULL, at);
	EXPECT_EQ(10001, line);

	TH_LOG("a long line in");
	EXPECT_EQ(0, guest_run(g, 60, "echo %01000d%01000d%01000d | wc -c", 0, 0, 0));
	EXPECT_STREQ("3001\n", g->output);

	TH_LOG("the kernel's messages");
	EXPECT_EQ(0, guest_run(g, 30, "echo '<2>through the PV console' > /dev/kmsg; sleep 1"));
	EXPECT_NE(NULL, strstr(g->output, "through the PV console"));

	TH_LOG("unbound, which hangs its terminal up, and bound again");
	ASSERT_EQ(0, guest_send(g, "(sleep 1; echo pvn0 > /sys/bus/pvn/drivers/paravane_console/unbind; sleep 1; "
				"echo pvn0 > /sys/bus/pvn/drivers/paravane_console/bind) & sleep 1"));
	ASSERT_EQ(0, guest_wait_ready(g, 60));
	EXPECT_EQ(0, guest_run(g, 30, "cat /sys/bus/pvn/devices/pvn0/state"));
	EXPECT_NE(NULL, strstr(g->output, "attached\n"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));

	TH_LOG("the last words of a kernel that dies");
	ASSERT_EQ(0, guest_send(g, "echo c > /proc/sysrq-trigger"));
	EXPECT_EQ(0, guest_wait_text(g, "Kernel panic - not syncing", 30));
	EXPECT_GE(guest_wait_exit(g, 30), 0);
}

TEST_HARNESS_MAIN
