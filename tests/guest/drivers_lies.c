// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host that lies on its rings (--fault): one clean message and errors for what was in flight, no oops, no hang;
 * and the device works again after its driver was bound anew, or its interface brought up again.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "kselftest_harness.h"

#define IMAGE_BYTES (32 << 20)
/* Enough for the partition table's reads, and the first packets, to go well. */
#define LATER ":after=40:count=1"

FIXTURE(lies)
{
	struct guest g;
	char image[300];
};

FIXTURE_VARIANT(lies)
{
	const char *label, *block, *net;
	const char *block_state, *net_state; /* afterwards */
};

FIXTURE_VARIANT_ADD(lies, index_ahead)
{
	.label = "index-ahead",
	.block = "pv-block=wild-index" LATER,
	.net = "pv-net=wild-index" LATER,
	.block_state = "dead",
	.net_state = "dead",
};

FIXTURE_VARIANT_ADD(lies, id_twice)
{
	.label = "id-twice",
	.block = "pv-block=replay-id" LATER,
	.net = "pv-net=replay-id" LATER,
	.block_state = "dead",
	.net_state = "dead",
};

FIXTURE_VARIANT_ADD(lies, id_invented)
{
	.label = "id-invented",
	.block = "pv-block=bad-id" LATER,
	.net = "pv-net=bad-id" LATER,
	.block_state = "dead",
	.net_state = "dead",
};

FIXTURE_VARIANT_ADD(lies, status_impossible)
{
	.label = "status-impossible",
	.block = "pv-block=bad-status" LATER,
	.net = "pv-net=bad-status" LATER,
	.block_state = "dead",
	.net_state = "dead",
};

FIXTURE_VARIANT_ADD(lies, flags_impossible)
{
	.label = "flags-impossible",
	.block = "pv-block=bad-flags" LATER,
	.net = "pv-net=bad-flags" LATER,
	.block_state = "dead",
	.net_state = "dead",
};

/* A disk's request without an answer ends by time; a card has lost one frame, or one buffer. */
FIXTURE_VARIANT_ADD(lies, completion_never)
{
	.label = "completion-never",
	.block = "pv-block=drop" LATER,
	.net = "pv-net=drop" LATER,
	.block_state = "dead",
	.net_state = "attached",
};

/* Not worth giving a device up: an interrupt too many. */
FIXTURE_VARIANT_ADD(lies, interrupts_for_nothing)
{
	.label = "interrupts-for-nothing",
	.block = "pv-block=spurious:after=40:count=50",
	.net = "pv-net=spurious:after=40:count=50",
	.block_state = "attached",
	.net_state = "attached",
};

FIXTURE_SETUP(lies)
{
	char option[400], label[64];
	const char *args[] = { "--memory", "512M", "--cpus", "2", "--disk", option, "--net", "user,if=pv",
			       "--fault", variant->block, "--fault", variant->net, NULL };

	memset(&self->g, 0, sizeof(self->g));
	ASSERT_EQ(0, guest_make_image(self->image, sizeof(self->image), "lies", IMAGE_BYTES));
	snprintf(option, sizeof(option), "file=%s,if=pv", self->image);
	snprintf(label, sizeof(label), "drivers-lies-%s", variant->label);
	ASSERT_EQ(0, guest_start(&self->g, label, args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, 120));
	ASSERT_EQ(0, guest_run(&self->g, 60, "modprobe paravane_block && modprobe paravane_net && sleep 1 && "
			       /* Not as a word to modprobe: the guest has loaded the driver by itself already. */
			       "echo 4 > /sys/module/paravane_block/parameters/give_up_after && "
			       "echo 2000 > /sys/block/pvda/queue/io_timeout"));
}

FIXTURE_TEARDOWN(lies)
{
	guest_end(&self->g);
	unlink(self->image);
}

TEST_F_TIMEOUT(lies, end_in_a_clean_error, 300)
{
	bool dead = !strcmp(variant->block_state, "dead");
	struct guest *g = &self->g;

	/* All of it succeeds, or fails; it does not hang. */
	EXPECT_EQ(0, guest_run(g, 100, "fio --name=x --filename=/dev/pvda --rw=randrw --bs=4k --size=2M --direct=1 "
			       "--ioengine=libaio --iodepth=8 >/tmp/x 2>&1; [ $? %s 0 ]", dead ? "!=" : "="));
	EXPECT_EQ(0, guest_run(g, 30, "[ $(cat /sys/bus/pvn/drivers/paravane_block/pvn*/state) = %s ]",
			       variant->block_state));
	EXPECT_EQ(0, guest_run(g, 30, "dd if=/dev/pvda of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; [ $? %s 0 ]",
			       dead ? "!=" : "="));
	/* One message, not one a request. */
	EXPECT_EQ(0, guest_run(g, 30, "[ $(dmesg | grep -c 'paravane_block.*given up') = %d ]", dead));
	EXPECT_EQ(0, guest_run(g, 60, "cd /sys/bus/pvn/drivers/paravane_block && D=$(ls -d pvn*) && echo $D > unbind && "
			       "echo $D > bind && sleep 1 && dd if=/dev/pvda of=/dev/null bs=64k count=8 iflag=direct 2>/dev/null"));

	EXPECT_EQ(0, guest_run(g, 100, "I=$(ls /sys/bus/pvn/drivers/paravane_net/pvn*/net); ip addr add 10.0.2.15/24 dev $I; "
			       "ip link set $I up; ping -c 100 -i 0.01 -W 1 10.0.2.2 >/dev/null 2>&1; "
			       "[ $(cat /sys/bus/pvn/drivers/paravane_net/pvn*/state) = %s ]", variant->net_state));
	EXPECT_EQ(0, guest_run(g, 100, "I=$(ls /sys/bus/pvn/drivers/paravane_net/pvn*/net); ip link set $I down; "
			       "ip link set $I up; sleep 1; ping -c 10 -i 0.1 -W 2 10.0.2.2 >/dev/null && "
			       "rmmod paravane_net && rmmod paravane_block"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_HARNESS_MAIN
