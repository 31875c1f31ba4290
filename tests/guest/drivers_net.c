// SPDX-License-Identifier: GPL-2.0-only
/* The PV card's driver taken away and brought back under traffic both ways. */
#include <string.h>

#include "guest.h"
#include "kselftest_harness.h"

#define DRIVER "/sys/bus/pvn/drivers/paravane_net"
#define INTERFACE "I=$(ls /sys/bus/pvn/devices/pvn0/net); "
#define UP "{ " INTERFACE "ip addr add 10.0.2.15/24 dev $I 2>/dev/null; ip link set $I up && " \
	   "for n in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 1 10.0.2.2 >/dev/null && break; usleep 200000; done; " \
	   "ping -c 5 -i 0.1 -W 2 10.0.2.2 >/dev/null; }"
/* Frames of all sizes, as fast as they come back. */
#define LOAD "( while :; do ping -c 50 -i 0.002 -s 1400 10.0.2.2; ping -c 50 -i 0.002 10.0.2.2; done ) >/dev/null 2>&1 & " \
	     "P=$!; sleep 1; "
#define STOP "kill $P; wait $P 2>/dev/null; "

FIXTURE(net)
{
	struct guest g;
};

FIXTURE_SETUP(net)
{
	const char *args[] = { "--memory", "512M", "--cpus", "2", "--net", "user,if=pv", NULL };

	memset(&self->g, 0, sizeof(self->g));
	ASSERT_EQ(0, guest_start(&self->g, "drivers-net", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, 120));
	ASSERT_EQ(0, guest_run(&self->g, 60, "modprobe paravane_net && " UP));
}

FIXTURE_TEARDOWN(net)
{
	guest_end(&self->g);
}

TEST_F_TIMEOUT(net, taken_away_under_traffic_and_back, 500)
{
	struct guest *g = &self->g;

	TH_LOG("unbind under traffic");
	EXPECT_EQ(0, guest_run(g, 60, LOAD "echo pvn0 > " DRIVER "/unbind; " STOP "echo pvn0 > " DRIVER "/bind; " UP));
	TH_LOG("down and up under traffic");
	EXPECT_EQ(0, guest_run(g, 60, INTERFACE LOAD "for n in 1 2 3 4 5 6 7 8; do ip link set $I down; ip link set $I up; "
			       "usleep 50000; done; " STOP UP));
	TH_LOG("unload under traffic");
	EXPECT_EQ(0, guest_run(g, 60, LOAD "for n in 1 2 3; do rmmod paravane_net && modprobe paravane_net || exit 1; done; "
			       STOP UP));
	TH_LOG("suspend under traffic");
	EXPECT_EQ(0, guest_run(g, 120, "echo 1 > /sys/module/suspend/parameters/pm_test_delay; "
			       "echo devices > /sys/power/pm_test; " LOAD "echo freeze > /sys/power/state; " STOP UP));
	TH_LOG("sizes that the card cannot have, and those that it can");
	EXPECT_EQ(0, guest_run(g, 60, INTERFACE "! ip link set $I mtu 65000 2>/dev/null && ip link set $I mtu 600 && "
			       "ping -c 3 -s 1400 -W 2 10.0.2.2 >/dev/null && ip link set $I mtu 1500"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_HARNESS_MAIN
