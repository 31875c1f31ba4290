// SPDX-License-Identifier: GPL-2.0-only
/* The PV disk's driver taken away and brought back while I/O is in flight: errors at most, no hang, no oops. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "kselftest_harness.h"

#define IMAGE_BYTES (64 << 20)
#define DRIVER "/sys/bus/pvn/drivers/paravane_block"
/* Keeps 32 requests in flight until it is stopped or fails; $P is its process. */
#define LOAD "fio --name=load --filename=/dev/pvda --rw=randrw --bsrange=4k-64k --size=32M --direct=1 --ioengine=libaio " \
	     "--iodepth=32 --runtime=60 --time_based >/tmp/load 2>&1 & P=$!; sleep 2; "
#define READS "{ for n in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/pvda ] && break; usleep 200000; done; " \
	      "dd if=/dev/pvda of=/dev/null bs=64k count=8 iflag=direct 2>/dev/null; }"

FIXTURE(block)
{
	struct guest g;
	char image[300];
};

FIXTURE_SETUP(block)
{
	char option[400];
	const char *args[] = { "--memory", "512M", "--cpus", "2", "--disk", option, NULL };

	memset(&self->g, 0, sizeof(self->g));
	ASSERT_EQ(0, guest_make_image(self->image, sizeof(self->image), "drivers", IMAGE_BYTES));
	snprintf(option, sizeof(option), "file=%s,if=pv", self->image);
	ASSERT_EQ(0, guest_start(&self->g, "drivers-block", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, 120));
	ASSERT_EQ(0, guest_run(&self->g, 60, "modprobe paravane_block && " READS));
}

FIXTURE_TEARDOWN(block)
{
	guest_end(&self->g);
	unlink(self->image);
}

TEST_F_TIMEOUT(block, taken_away_under_load_and_back, 500)
{
	struct guest *g = &self->g;

	TH_LOG("unbind with I/O in flight");
	EXPECT_EQ(0, guest_run(g, 100, LOAD "echo pvn0 > " DRIVER "/unbind; ! wait $P && grep -q 'err=' /tmp/load && "
			       "[ ! -e /dev/pvda ] && echo pvn0 > " DRIVER "/bind && " READS));
	TH_LOG("the PCI function removed with I/O in flight, and found anew");
	EXPECT_EQ(0, guest_run(g, 100, "F=$(dirname $(readlink -f /sys/bus/pvn/devices/pvn0)); " LOAD "echo 1 > $F/remove; "
			       "! wait $P && grep -q 'err=' /tmp/load && [ ! -e /dev/pvda ] && "
			       "echo 1 > /sys/bus/pci/rescan && " READS));
	TH_LOG("unload while it is open is refused, and works when it is not");
	EXPECT_EQ(0, guest_run(g, 100, LOAD "! rmmod paravane_block 2>/dev/null && kill $P; wait $P; "
			       "for i in 1 2 3 4 5; do rmmod paravane_block && modprobe paravane_block && " READS " || exit 1; done"));
	TH_LOG("suspend and resume of the devices while data is written and verified");
	EXPECT_EQ(0, guest_run(g, 200, "fio --name=verify --filename=/dev/pvda --rw=randrw --bs=4k --size=16M --direct=1 "
			       "--ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 >/tmp/verify 2>&1 & P=$!; "
			       "echo 1 > /sys/module/suspend/parameters/pm_test_delay; echo devices > /sys/power/pm_test; "
			       "sleep 1; echo freeze > /sys/power/state && sleep 1 && echo freeze > /sys/power/state && wait $P || "
			       "{ cat /tmp/verify; false; }"));
	EXPECT_EQ(0, guest_run(g, 30, "cat /sys/bus/pvn/devices/pvn0/state"));
	EXPECT_STREQ("attached\n", g->output);
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_HARNESS_MAIN
