/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest with Debian 12 on its disk, a copy of the image that set-up made. */
#ifndef TESTS_DEBIAN_GUEST_H
#define TESTS_DEBIAN_GUEST_H

#include "guest.h"

#define DEBIAN_NO_IMAGE "no Debian disk image: tests/setup/fetch disk makes it (make soak does)"

/* How it is started. mode: NULL for Debian's own kernel; "hvm", "validated" or "trusted" for the patched one. */
struct debian_kind {
	const char *label, *mode;
	const char *disk; /* the disk's interface: ide, pv */
	const char *root; /* its name in the guest */
	const char *net;  /* argument of --net */
	const char *cpus;
};

struct debian {
	struct guest g;
	char disk[128]; /* its copy of the image */
};

/* Path of the image; NULL when there is none. */
const char *debian_image(void);
/* Copy the image and start the guest; append: more for the kernel's command line, or NULL. 0, or -1. */
int debian_start(struct debian *d, const struct debian_kind *kind, const char *append);
/* Type a line at the shell of its console and wait for what it must print: 0, or -1. */
int debian_type(struct debian *d, const char *line, const char *expect);
/* End the guest, remove the copy. Safe on a zeroed struct. */
void debian_end(struct debian *d);

#endif
