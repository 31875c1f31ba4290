// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real Debian 12 user space, systemd to the login prompt, from each kind of disk with each kind of network card: what a
 * person who installs guest additions has; and the same on the patched kernel, in hvm and in pv mode. The disk image is
 * made by tests/images/make-guest-disk.
 */
#include <stdio.h>
#include <string.h>

#include "debian_guest.h"
#include "kselftest_harness.h"

FIXTURE(debian)
{
	struct debian d;
};

FIXTURE_VARIANT(debian)
{
	struct debian_kind kind;
};

FIXTURE_VARIANT_ADD(debian, emulated)
{
	.kind = { .label = "emulated", .disk = "ide", .net = "user,if=e1000", .root = "/dev/sda", .cpus = "2" },
};

FIXTURE_VARIANT_ADD(debian, pv)
{
	.kind = { .label = "pv", .disk = "pv", .net = "user,if=pv", .root = "/dev/pvda", .cpus = "2" },
};

FIXTURE_VARIANT_ADD(debian, patched)
{
	.kind = { .label = "patched", .mode = "hvm", .disk = "pv", .net = "user,if=pv", .root = "/dev/pvda", .cpus = "2" },
};

FIXTURE_VARIANT_ADD(debian, validated)
{
	.kind = { .label = "validated", .mode = "validated", .disk = "pv", .net = "user,if=pv", .root = "/dev/pvda", .cpus = "1" },
};

FIXTURE_VARIANT_ADD(debian, trusted)
{
	.kind = { .label = "trusted", .mode = "trusted", .disk = "pv", .net = "user,if=pv", .root = "/dev/pvda", .cpus = "1" },
};

FIXTURE_SETUP(debian)
{
	memset(&self->d, 0, sizeof(self->d));
}

FIXTURE_TEARDOWN(debian)
{
	debian_end(&self->d);
}

TEST_F_TIMEOUT(debian, boots_to_login_and_works, 900)
{
	struct debian *d = &self->d;
	struct guest *g = &d->g;
	char cpus[32];

	if (!debian_image())
		SKIP(return, DEBIAN_NO_IMAGE);
	ASSERT_EQ(0, debian_start(d, &variant->kind, NULL));
	ASSERT_EQ(0, guest_wait_text(g, "login:", 600));
	ASSERT_EQ(0, debian_type(d, "root\n", "# "));
	EXPECT_EQ(0, debian_type(d, "findmnt -no SOURCE /; echo do''ne1\n", "done1"));
	EXPECT_NE(NULL, strstr(g->output, variant->kind.root));
	EXPECT_EQ(0, debian_type(d, "systemctl is-system-running --wait; echo do''ne2\n", "done2"));
	EXPECT_EQ(0, debian_type(d, "systemctl --failed --no-legend --plain; echo failed=$(systemctl --failed --no-legend | wc -l).\n",
				 "failed=0."));
	snprintf(cpus, sizeof(cpus), "cpus=%s.", variant->kind.cpus);
	EXPECT_EQ(0, debian_type(d, "echo cpus=$(nproc).\n", cpus));
	EXPECT_EQ(0, debian_type(d, "i=$(ls -d /sys/class/net/*/device | cut -d/ -f5); ip addr add 10.0.2.15/24 dev $i; ip link set $i up; "
				 "ping -c 3 -w 30 10.0.2.2; echo ping=$?.\n", "ping=0."));
	EXPECT_EQ(0, debian_type(d, "dpkg --audit && sync && echo do''ne3\n", "done3"));
	/* Not what the shell echoes: the count only stands in what the command prints. */
	EXPECT_EQ(0, debian_type(d, "echo count=$(dmesg | grep -c -e BUG: -e Oops -e 'Call Trace' -e WARNING:).\n", "count=0."));
	EXPECT_EQ(0, debian_type(d, "systemctl poweroff\n", "Power"));
	EXPECT_EQ(0, guest_wait_exit(g, 120));
}

TEST_HARNESS_MAIN
