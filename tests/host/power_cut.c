// SPDX-License-Identifier: GPL-2.0-only
/*
 * Durability, shown by a power cut below the backend: the whole test host is killed, with its page cache, at the moment
 * a guest says that its flush of block 20 has returned. Every block up to there must be in the file that was the test
 * host's disk, which QEMU wrote without a cache.
 *
 * The same cut with flushes left out (the VMM acknowledges without asking the host) must lose blocks, else the first
 * result would mean nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#define IMAGE "out/check/power-cut.img"
#define IMAGE_BYTES (32 << 20)
#define ACKNOWLEDGED 20
#define CUT_STATUS 137 /* tests/testhost/testhost: the marker was seen and the power cut */

/* Blocks 1 to ACKNOWLEDGED that the image holds after a cut; -1 when there was none. */
static int blocks_after_cut(const char *interface, const char *more)
{
	char command[1024], block[4096], want[32];
	int fd, status, found = 0;

	fd = open(IMAGE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, IMAGE_BYTES))
		return -1;
	snprintf(command, sizeof(command),
		 "tests/setup/paths | grep ^PVN_KERNEL_IMAGE= > out/power-cut.env && "
		 "tests/testhost/testhost --timeout 200 --cpus 1 --name power-cut --disk %s:cache=none "
		 "--kill-after-marker 'ACK %d.' -- tests/guest/power-cut-guest %s %s > out/check/power-cut-%s.log 2>&1",
		 IMAGE, ACKNOWLEDGED, interface, more, interface);
	status = system(command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != CUT_STATUS) {
		printf("# no power cut: status %#x, see out/check/power-cut-%s.log\n", status, interface);
		close(fd);
		return -1;
	}
	for (int i = 1; i <= ACKNOWLEDGED; i++) {
		snprintf(want, sizeof(want), "block %08d", i);
		if (pread(fd, block, sizeof(block), i * 4096L) == sizeof(block) && !memcmp(block, want, strlen(want)))
			found++;
	}
	close(fd);
	unlink(IMAGE);
	return found;
}

FIXTURE(power_cut)
{
	int unused;
};

FIXTURE_SETUP(power_cut)
{
	self->unused = 0;
}

FIXTURE_TEARDOWN(power_cut)
{
	unlink(IMAGE);
}

TEST_F_TIMEOUT(power_cut, pv_flush_survives_a_power_cut, 300)
{
	EXPECT_EQ(ACKNOWLEDGED, blocks_after_cut("pv", ""));
}

TEST_F_TIMEOUT(power_cut, ide_flush_survives_a_power_cut, 300)
{
	EXPECT_EQ(ACKNOWLEDGED, blocks_after_cut("ide", ""));
}

TEST_F_TIMEOUT(power_cut, without_flush_blocks_are_lost, 300)
{
	int found = blocks_after_cut("pv", "--fault disk=lost:op=flush");

	EXPECT_GE(found, 0);
	EXPECT_LT(found, ACKNOWLEDGED);
}

TEST_HARNESS_MAIN
