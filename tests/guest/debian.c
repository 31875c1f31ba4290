// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real Debian 12 user space, systemd to the login prompt, from each kind of disk with each kind of network card: what a
 * person who installs guest additions has; and the same on the patched kernel. The disk image is made by tests/images/make-guest-disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "kselftest_harness.h"

FIXTURE(debian)
{
	struct guest g;
};

FIXTURE_VARIANT(debian)
{
	const char *label, *disk, *net, *root;
	bool patched;
};

FIXTURE_VARIANT_ADD(debian, emulated)
{
	.label = "debian-emulated",
	.disk = "if=ide",
	.net = "user,if=e1000",
	.root = "/dev/sda",
};

FIXTURE_VARIANT_ADD(debian, pv)
{
	.label = "debian-pv",
	.disk = "if=pv",
	.net = "user,if=pv",
	.root = "/dev/pvda",
};

FIXTURE_VARIANT_ADD(debian, patched)
{
	.label = "debian-patched",
	.disk = "if=pv",
	.net = "user,if=pv",
	.root = "/dev/pvda",
	.patched = true,
};

FIXTURE_SETUP(debian)
{
	memset(&self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(debian)
{
	guest_end(&self->g);
	unlink("out/check/debian.img");
}

/* Type a line at the shell of the serial console and wait for what it must print. */
static int type(struct guest *g, const char *line, const char *expect)
{
	if (write(g->in, line, strlen(line)) != (ssize_t)strlen(line))
		return -1;
	return guest_wait_text(g, expect, 120);
}

TEST_F_TIMEOUT(debian, boots_to_login_and_works, 900)
{
	char disk[128], append[256], command[512];
	const char *image = guest_path("PVN_GUEST_DISK");
	const char *kernel = variant->patched ? "out/guest-kernel/vmlinux" : guest_path("PVN_KERNEL_IMAGE");
	const char *initrd = variant->patched ? "out/guest-kernel/initrd" : "out/guest-initrd";
	const char *args[] = { "run", "--kernel", kernel, "--initrd", initrd, "--append", append, "--memory", "1G",
			       "--cpus", "2", "--disk", disk, "--net", variant->net, NULL };

	if (!image || !*image)
		SKIP(return, "no Debian disk image: tests/setup/fetch disk makes it (make soak does)");
	snprintf(command, sizeof(command), "cp --sparse=always %s out/check/debian.img", image);
	ASSERT_EQ(0, system(command));
	snprintf(disk, sizeof(disk), "file=out/check/debian.img,%s,cache=writeback", variant->disk);
	snprintf(append, sizeof(append), "console=ttyS0 root=%s init=/sbin/init mitigations=off", variant->root);
	ASSERT_EQ(0, guest_start_raw(&self->g, variant->label, args));
	ASSERT_EQ(0, guest_wait_text(&self->g, "login:", 600));
	ASSERT_EQ(0, type(&self->g, "root\n", "# "));
	EXPECT_EQ(0, type(&self->g, "findmnt -no SOURCE /; echo do''ne1\n", "done1"));
	EXPECT_NE(NULL, strstr(self->g.output, variant->root));
	EXPECT_EQ(0, type(&self->g, "systemctl is-system-running --wait; echo do''ne2\n", "done2"));
	EXPECT_EQ(0, type(&self->g, "systemctl --failed --no-legend --plain; echo failed=$(systemctl --failed --no-legend | wc -l).\n",
			  "failed=0."));
	EXPECT_EQ(0, type(&self->g, "dpkg --audit && sync && echo do''ne3\n", "done3"));
	/* Not what the shell echoes: the count only stands in what the command prints. */
	EXPECT_EQ(0, type(&self->g, "echo count=$(dmesg | grep -c -e BUG: -e Oops -e 'Call Trace' -e WARNING:).\n", "count=0."));
	EXPECT_EQ(0, type(&self->g, "systemctl poweroff\n", "Power"));
	EXPECT_EQ(0, guest_wait_exit(&self->g, 120));
}

TEST_HARNESS_MAIN
