// SPDX-License-Identifier: GPL-2.0-only
/* Guests with Debian on their disk: see debian_guest.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debian_guest.h"

const char *debian_image(void)
{
	const char *image = guest_path("PVN_GUEST_DISK");

	return image && *image ? image : NULL;
}

int debian_start(struct debian *d, const struct debian_kind *kind, const char *append)
{
	bool pv = kind->mode && strcmp(kind->mode, "hvm");
	const char *initrd = !kind->mode ? "out/guest-initrd" : pv ? "out/guest-kernel/initrd-pv" : "out/guest-kernel/initrd";
	const char *args[GUEST_MAX_ARGS] = { "run" };
	char command[512], disk[256], line[256], label[64];
	int n = 1;

	snprintf(d->disk, sizeof(d->disk), "out/check/debian-%s-%d.img", kind->label, getpid());
	snprintf(command, sizeof(command), "cp --sparse=always %s %s", debian_image(), d->disk);
	if (system(command))
		return -1;
	snprintf(disk, sizeof(disk), "file=%s,if=%s,cache=writeback", d->disk, kind->disk);
	snprintf(line, sizeof(line), "console=%s root=%s init=/sbin/init mitigations=off %s", pv ? "hvc0" : "ttyS0", kind->root,
		 append ? append : "");
	if (pv) {
		args[n++] = "--mode";
		args[n++] = "pv";
		args[n++] = "--pv-tables";
		args[n++] = kind->mode;
	}
	args[n++] = "--kernel";
	args[n++] = kind->mode ? "out/guest-kernel/vmlinux" : guest_path("PVN_KERNEL_IMAGE");
	args[n++] = "--initrd";
	args[n++] = initrd;
	args[n++] = "--append";
	args[n++] = line;
	args[n++] = "--memory";
	args[n++] = "1G";
	args[n++] = "--cpus";
	args[n++] = kind->cpus;
	args[n++] = "--disk";
	args[n++] = disk;
	args[n++] = "--net";
	args[n++] = kind->net;
	snprintf(label, sizeof(label), "debian-%s", kind->label);
	return guest_start_raw(&d->g, label, args) ? -1 : 0;
}

int debian_type(struct debian *d, const char *line, const char *expect)
{
	if (write(d->g.in, line, strlen(line)) != (ssize_t)strlen(line))
		return -1;
	return guest_wait_text(&d->g, expect, 120);
}

void debian_end(struct debian *d)
{
	guest_end(&d->g);
	if (d->disk[0])
		unlink(d->disk);
}
