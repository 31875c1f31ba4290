// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV devices in pv mode: no PCI, so the bus finds them by calls, interrupts are event ports and doorbells calls. The
 * drivers are those of hvm mode, built for the patched kernel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "kselftest_harness.h"

#define KERNEL "out/guest-kernel/vmlinux"
#define INITRD "out/guest-kernel/initrd-pv"
#define DISK_BYTES (64 << 20)

FIXTURE(pv_devices)
{
	struct guest g;
	char disk[256];
};

FIXTURE_SETUP(pv_devices)
{
	memset(&self->g, 0, sizeof(self->g));
	ASSERT_EQ(0, guest_make_image(self->disk, sizeof(self->disk), "pv-devices", DISK_BYTES));
}

FIXTURE_TEARDOWN(pv_devices)
{
	guest_end(&self->g);
	unlink(self->disk);
}

static int start(FIXTURE_DATA(pv_devices) *self, const char *label, const char *append, const char *more, const char *value)
{
	char disk[300];
	const char *args[] = { "run", "--mode", "pv", "--pv-tables", "trusted", "--kernel", KERNEL, "--initrd", INITRD,
			       "--append", append, "--memory", "512M", "--disk", disk, "--net", "user", more, value, NULL };

	snprintf(disk, sizeof(disk), "file=%s", self->disk);
	return guest_start_raw(&self->g, label, args) || guest_wait_ready(&self->g, 120) ? -1 : 0;
}

TEST_F_TIMEOUT(pv_devices, disk, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(self, "pv-disk", "console=hvc0 quiet", NULL, NULL));
	EXPECT_EQ(0, guest_run(g, 30, "cat /sys/bus/pvn/devices/pvn0/transport 2>/dev/null; [ -b /dev/pvda ]"))
		TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 60, "fio --name=v --filename=/dev/pvda --rw=randwrite --bs=4k --size=16m --direct=1 "
			       "--ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 >/tmp/o 2>&1 || { cat /tmp/o; false; }"))
		TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 60, "mke2fs -q /dev/pvda && mount -t ext4 /dev/pvda /mnt && seq 1 100000 >/mnt/f && sync && umount /mnt"))
		TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 60, "mount -t ext4 /dev/pvda /mnt && md5sum </mnt/f && umount /mnt && seq 1 100000 | md5sum"));
	/* Both sums are one. */
	EXPECT_EQ(0, strncmp(g->output, strchr(g->output, '\n') + 1, 32)) TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 30, "cd /sys/bus/pvn/drivers/*block* && echo pvn0 >unbind && [ ! -b /dev/pvda ] && "
			       "echo pvn0 >bind && usleep 300000 && [ -b /dev/pvda ]"))
		TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 30, "dd if=/dev/pvda of=/dev/null bs=1M count=8 iflag=direct"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

/* The data is on the host's file. */
TEST_F_TIMEOUT(pv_devices, disk_on_the_host, 300)
{
	struct guest *g = &self->g;
	char byte = 0;
	FILE *f;

	ASSERT_EQ(0, start(self, "pv-disk-host", "console=hvc0 quiet", NULL, NULL));
	EXPECT_EQ(0, guest_run(g, 30, "tr '\\0' Z </dev/zero | dd of=/dev/pvda bs=4096 count=1 seek=100 iflag=fullblock conv=fsync"));
	EXPECT_EQ(0, guest_power_off(g));
	f = fopen(self->disk, "re");
	ASSERT_NE(NULL, f);
	EXPECT_EQ(0, fseek(f, 100 * 4096, SEEK_SET));
	EXPECT_EQ(1, fread(&byte, 1, 1, f));
	EXPECT_EQ('Z', byte);
	fclose(f);
}

TEST_F_TIMEOUT(pv_devices, net, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(self, "pv-net", "console=hvc0 quiet pvn.ip=10.0.2.15/24", NULL, NULL));
	EXPECT_EQ(0, guest_run(g, 60, "ping -c 3 -s 1400 -w 20 10.0.2.2")) TH_LOG("%s", g->output);
	EXPECT_EQ(0, guest_run(g, 30, "grep -q pvn /proc/interrupts || cat /proc/interrupts"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_F_TIMEOUT(pv_devices, console, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(self, "pv-console", "console=hvc0 quiet console=hvp0 pvn.modules=paravane_console pvn.console=hvp0", "--console", "pv"));
	EXPECT_EQ(0, guest_run(g, 30, "seq 1 2000 | md5sum"));
	EXPECT_EQ(0, guest_run(g, 30, "seq 1 2000"));
	EXPECT_EQ(8893, strlen(g->output));
	EXPECT_EQ(0, guest_power_off(g));
}

/* A disk that fails says so to the guest, and the guest goes on. */
TEST_F_TIMEOUT(pv_devices, failing_disk, 300)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(self, "pv-failing", "console=hvc0 quiet", "--fault", "disk0=eio:op=read:from=81920:to=86016"));
	EXPECT_EQ(0, guest_run(g, 30, "dd if=/dev/pvda of=/dev/null bs=4k count=1 iflag=direct"));
	EXPECT_NE(0, guest_run(g, 30, "dd if=/dev/pvda of=/dev/null bs=4k count=1 skip=20 iflag=direct"));
	EXPECT_EQ(0, guest_run(g, 30, "dd if=/dev/pvda of=/dev/null bs=4k count=1 iflag=direct"));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_HARNESS_MAIN
