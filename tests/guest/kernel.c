// SPDX-License-Identifier: GPL-2.0-only
/*
 * The patched kernel as an ordinary hvm guest: one vmlinux for both modes, so that they can be compared. It boots to
 * init by its PVH note and from its bzImage, with one and two vCPUs, with emulated and with our devices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "kernel_parts.h"
#include "kselftest_harness.h"

#define FOLDER "out/guest-kernel/"
#define KERNEL_LINE "console=ttyS0 quiet panic=-1 tsc=reliable"

FIXTURE(kernel)
{
	struct guest g;
};

FIXTURE_VARIANT(kernel)
{
	const char *label, *image, *cpus;
};

FIXTURE_VARIANT_ADD(kernel, vmlinux_one_vcpu)
{
	.label = "kernel1",
	.image = FOLDER "vmlinux",
	.cpus = "1",
};

FIXTURE_VARIANT_ADD(kernel, vmlinux_two_vcpus)
{
	.label = "kernel2",
	.image = FOLDER "vmlinux",
	.cpus = "2",
};

FIXTURE_VARIANT_ADD(kernel, bzimage_two_vcpus)
{
	.label = "kernel-bz",
	.image = FOLDER "bzImage",
	.cpus = "2",
};

FIXTURE_SETUP(kernel)
{
	memset(&self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(kernel)
{
	guest_end(&self->g);
}

/* The first line of a file that the build left. */
static void build_says(char *line, size_t len, const char *path)
{
	FILE *f = fopen(path, "re");

	line[0] = '\0';
	if (f && !fgets(line, len, f))
		line[0] = '\0';
	if (f)
		fclose(f);
}

TEST_F_TIMEOUT(kernel, boots_with_every_device, 300)
{
	const char *args[] = { "run", "--kernel", variant->image, "--initrd", FOLDER "initrd", "--append", KERNEL_LINE,
			       "--memory", "512M", "--cpus", variant->cpus, "--disk", "file=null,if=ide",
			       "--disk", "file=null,if=pv", "--net", "user,if=e1000", "--net", "user,if=pv", NULL };
	struct guest *g = &self->g;
	char release[128];

	build_says(release, sizeof(release), FOLDER "release");
	ASSERT_NE('\0', release[0])
		TH_LOG("out/guest-kernel/ has no kernel: run `make guest-kernel`, then make");
	ASSERT_EQ(0, guest_start_raw(g, variant->label, args));
	ASSERT_EQ(0, guest_wait_ready(g, 120));
	EXPECT_EQ(0, guest_run(g, 30, "uname -r"));
	EXPECT_STREQ(release, g->output);
	EXPECT_EQ(0, guest_run(g, 30, "[ $(grep -c ^processor /proc/cpuinfo) = %s ]", variant->cpus));
	EXPECT_EQ(0, guest_run(g, 30, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"));
	EXPECT_STREQ("kvm-clock\n", g->output);
	/* The drivers are modules built for this kernel, found by PCI id. */
	EXPECT_EQ(0, guest_run(g, 60, "lsmod | grep -q ^paravane_block && lsmod | grep -q ^paravane_net"));
	EXPECT_EQ(0, guest_run(g, 60, "for d in sda pvda; do dd if=/dev/$d of=/dev/null bs=64k count=16 iflag=direct || exit 1; done"));
	EXPECT_EQ(0, guest_run(g, 60, "for n in /sys/class/net/eth*; do ip link set ${n##*/} up && "
			       "udhcpc -n -q -t 10 -i ${n##*/} -s /bin/true >/dev/null 2>&1 || exit 1; done"));
	EXPECT_EQ(0, guest_run(g, 60, "[ $(ls -d /sys/class/net/eth* | wc -l) = 2 ]"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_F_TIMEOUT(kernel, has_what_a_real_guest_has, 300)
{
	/* Below 512 MiB Linux has no huge pages. */
	const char *args[] = { "run", "--kernel", variant->image, "--initrd", FOLDER "initrd", "--append", KERNEL_LINE,
			       "--memory", "768M", "--cpus", variant->cpus, NULL };
	struct guest *g = &self->g;

	ASSERT_EQ(0, guest_start_raw(g, variant->label, args));
	ASSERT_EQ(0, guest_wait_ready(g, 120));
	for (size_t i = 0; i < sizeof(kernel_parts) / sizeof(kernel_parts[0]); i++) {
		EXPECT_EQ(0, guest_run(g, 60, "(%s) 2>&1", kernel_parts[i].command))
			TH_LOG("%s: %s", kernel_parts[i].what, g->output);
	}
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_HARNESS_MAIN
