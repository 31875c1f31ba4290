// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data through each disk path: what the guest writes, it and the host read back; what was acknowledged outlives
 * the VMM; a backend that fails is an I/O error in the guest, and nothing more.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"
#include "kselftest_harness.h"

#define BOOT_SECONDS 120
#define IMAGE_BYTES (64 << 20)

FIXTURE(disk)
{
	struct guest g;
	char image[300], option[400];
};

FIXTURE_VARIANT(disk)
{
	const char *interface, *node, *modules;
};

FIXTURE_VARIANT_ADD(disk, ide)
{
	.interface = "ide",
	.node = "/dev/sda",
	.modules = "ata_piix sd_mod",
};

FIXTURE_VARIANT_ADD(disk, pv)
{
	.interface = "pv",
	.node = "/dev/pvda",
	.modules = "paravane_bus paravane_block",
};

/* The first line that a shell command prints; empty when it fails. */
static void shell_line(char *line, size_t len, const char *format, ...)
{
	char command[1024];
	va_list args;
	FILE *f;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	line[0] = '\0';
	f = popen(command, "r");
	if (!f)
		return;
	if (!fgets(line, len, f))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	pclose(f);
}

static int start(struct guest *g, const char *label, const char *option, const char *extra, const char *modules)
{
	const char *args[] = { "--memory", "512M", "--cpus", "2", "--disk", option, extra ? "--fault" : NULL, extra, NULL };

	if (guest_start(g, label, args) || guest_wait_ready(g, BOOT_SECONDS))
		return -1;
	return guest_run(g, 60, "for m in %s; do modprobe $m || exit 1; done; "
			 "for n in 1 2 3 4 5 6 7 8 9 10; do ls /dev/sda /dev/pvda 2>/dev/null | grep -q . && exit 0; "
			 "sleep 1; done; exit 1", modules);
}

FIXTURE_SETUP(disk)
{
	memset(&self->g, 0, sizeof(self->g));
	ASSERT_EQ(0, guest_make_image(self->image, sizeof(self->image), "disk", IMAGE_BYTES));
	snprintf(self->option, sizeof(self->option), "file=%s,if=%s", self->image, variant->interface);
}

FIXTURE_TEARDOWN(disk)
{
	guest_end(&self->g);
	unlink(self->image);
}

TEST_F_TIMEOUT(disk, what_is_written_is_read_back_by_guest_and_host, 400)
{
	char host[256];

	ASSERT_EQ(0, start(&self->g, "disk-verify", self->option, NULL, variant->modules));
	EXPECT_EQ(0, guest_run(&self->g, 200,
			       "fio --name=v --filename=%s --rw=randrw --bsrange=512-64k --size=24M --direct=1 "
			       "--ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 "
			       "--output-format=terse >/tmp/fio 2>&1 || { cat /tmp/fio; false; }", variant->node));
	EXPECT_EQ(0, guest_run(&self->g, 120,
			       "dd if=/dev/urandom of=%s bs=1M count=16 seek=32 oflag=direct 2>/dev/null && sync && "
			       "echo 3 > /proc/sys/vm/drop_caches && sha256sum %s | cut -c1-64", variant->node,
			       variant->node));
	self->g.output[strcspn(self->g.output, "\n")] = '\0';
	shell_line(host, sizeof(host), "sha256sum %s | cut -c1-64", self->image);
	EXPECT_STREQ(self->g.output, host);
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
}

TEST_F_TIMEOUT(disk, killing_the_vmm_loses_nothing_acknowledged, 400)
{
	char block[4096], want[32], marker[32];
	const int acknowledged = 40;
	int fd;

	ASSERT_EQ(0, start(&self->g, "disk-kill9", self->option, NULL, variant->modules));
	ASSERT_EQ(0, guest_send(&self->g,
				"i=1; while [ $i -lt 4000 ]; do printf 'block %%08d' $i | dd of=%s bs=4096 seek=$i "
				"conv=sync,notrunc,fsync 2>/dev/null && echo ACK $i.; i=$((i+1)); done", variant->node));
	snprintf(marker, sizeof(marker), "ACK %d.", acknowledged);
	ASSERT_EQ(0, guest_wait_text(&self->g, marker, 120));
	kill(self->g.pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, guest_wait_exit(&self->g, 20));
	fd = open(self->image, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	for (int i = 1; i <= acknowledged; i++) {
		ASSERT_EQ(4096, pread(fd, block, sizeof(block), i * 4096L));
		snprintf(want, sizeof(want), "block %08d", i);
		EXPECT_EQ(0, memcmp(block, want, strlen(want)));
	}
	close(fd);
}

TEST_F_TIMEOUT(disk, backend_errors_are_io_errors_in_the_guest, 400)
{
	ASSERT_EQ(0, start(&self->g, "disk-eio", self->option, "disk=eio:from=8388608:to=9437184", variant->modules));
	/* Outside the injected range all is well; inside it is an error that ends, and the disk lives on. */
	EXPECT_EQ(0, guest_run(&self->g, 60, "dd if=%s of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null",
			       variant->node));
	EXPECT_NE(0, guest_run(&self->g, 200, "dd if=%s of=/dev/null bs=4k skip=2048 count=1 iflag=direct 2>&1",
			       variant->node));
	EXPECT_NE(NULL, strstr(self->g.output, "Input/output error"));
	EXPECT_NE(0, guest_run(&self->g, 200, "dd if=/dev/zero of=%s bs=4k seek=2048 count=1 oflag=direct 2>&1",
			       variant->node));
	EXPECT_EQ(0, guest_run(&self->g, 60, "dd if=%s of=/dev/null bs=64k count=16 skip=256 iflag=direct 2>/dev/null",
			       variant->node));
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
}

TEST_F_TIMEOUT(disk, file_truncated_under_the_guest_is_an_io_error, 400)
{
	ASSERT_EQ(0, start(&self->g, "disk-truncate", self->option, NULL, variant->modules));
	ASSERT_EQ(0, truncate(self->image, 1 << 20));
	EXPECT_NE(0, guest_run(&self->g, 200, "dd if=%s of=/dev/null bs=4k skip=4096 count=1 iflag=direct 2>&1",
			       variant->node));
	EXPECT_NE(NULL, strstr(self->g.output, "Input/output error"));
	EXPECT_EQ(0, guest_run(&self->g, 60, "dd if=%s of=/dev/null bs=4k count=4 iflag=direct 2>/dev/null",
			       variant->node));
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
}

TEST_F_TIMEOUT(disk, full_host_disk_is_an_error_and_no_more, 400)
{
	char option[400], path[300];

	/* A sparse image on a filesystem too small for it. */
	shell_line(path, sizeof(path), "d=$(mktemp -d) && mount -t tmpfs -o size=4M pvn-small $d && "
		   "truncate -s 32M $d/disk.img && echo $d");
	ASSERT_NE('\0', path[0]);
	snprintf(option, sizeof(option), "file=%s/disk.img,if=%s,cache=writeback", path, variant->interface);
	EXPECT_EQ(0, start(&self->g, "disk-enospc", option, NULL, variant->modules));
	EXPECT_NE(0, guest_run(&self->g, 200, "dd if=/dev/zero of=%s bs=64k count=256 oflag=direct 2>&1",
			       variant->node));
	/* What fits still can be read, and the guest is well. */
	EXPECT_EQ(0, guest_run(&self->g, 60, "dd if=%s of=/dev/null bs=4k count=16 iflag=direct 2>/dev/null",
			       variant->node));
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
	guest_end(&self->g);
	shell_line(option, sizeof(option), "umount %s && rmdir %s", path, path);
}

TEST_HARNESS_MAIN
