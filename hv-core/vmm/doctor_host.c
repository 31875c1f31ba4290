/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host has for devices and memory. */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "doctor.h"
#include "proc_kib.h"

#define LOW_MEMORY_MIB 1024

static void check_tun(struct doctor *d)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		doctor_say(d, DOCTOR_GOOD, "tun", "/dev/net/tun opens: --net tap=NAME works with a tap device that you may use");
		close(fd);
		return;
	}
	doctor_say(d, DOCTOR_LESS, "tun", "/dev/net/tun: %s: no --net tap, but --net user works", strerror(errno));
	if (errno == ENOENT || errno == ENODEV)
		doctor_advise("modprobe tun");
	else
		doctor_advise("chmod 666 /dev/net/tun (Debian's default), or run as a user who may open it");
}

static void check_io_uring(struct doctor *d)
{
	struct io_uring ring;
	int ret = io_uring_queue_init(8, &ring, 0);

	if (!ret) {
		doctor_say(d, DOCTOR_GOOD, "io_uring", "works");
		io_uring_queue_exit(&ring);
		return;
	}
	doctor_say(d, DOCTOR_BAD, "io_uring", "%s: disks need it", strerror(-ret));
	if (ret == -EPERM || ret == -EACCES)
		doctor_advise("sysctl kernel.io_uring_disabled=0, or ask whoever made the container to allow io_uring");
	else if (ret == -ENOSYS)
		doctor_advise("run Linux 5.10 or later with CONFIG_IO_URING");
	else if (ret == -ENOMEM)
		doctor_advise("raise the limit of locked memory: ulimit -l");
}

static void check_memlock(struct doctor *d)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		doctor_say(d, DOCTOR_GOOD, "locked memory", "no limit");
	else
		doctor_say(d, DOCTOR_INFO, "locked memory", "%llu KiB: nothing of a guest is locked",
			   (unsigned long long)limit.rlim_cur / 1024);
}

static void check_memory(struct doctor *d)
{
	unsigned long long available = proc_kib("/proc/meminfo", "MemAvailable") / 1024;
	unsigned long long total = proc_kib("/proc/meminfo", "MemTotal") / 1024;

	doctor_say(d, available < LOW_MEMORY_MIB ? DOCTOR_LESS : DOCTOR_GOOD, "memory", "%llu MiB free of %llu", available,
		   total);
	if (available < LOW_MEMORY_MIB)
		doctor_advise("end programs, or give guests less with --memory (64 MiB is the least)");
}

static void check_huge_pages(struct doctor *d)
{
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	char text[64] = "";

	if (f) {
		if (!fgets(text, sizeof(text), f))
			text[0] = 0;
		fclose(f);
	}
	if (strstr(text, "[always]") || strstr(text, "[madvise]"))
		doctor_say(d, DOCTOR_GOOD, "large pages", "given to guests (transparent_hugepage)");
	else {
		doctor_say(d, DOCTOR_LESS, "large pages", "off: guests boot with more exits");
		doctor_advise("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	}
}

void doctor_host(struct doctor *d)
{
	check_io_uring(d);
	check_tun(d);
	check_memory(d);
	check_huge_pages(d);
	check_memlock(d);
}
