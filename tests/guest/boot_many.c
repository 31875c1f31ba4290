// SPDX-License-Identifier: GPL-2.0-only
/*
 * Twenty boots in a row, all devices present, without one failure: the stock kernel with one to four vCPUs, or the patched
 * one in pv mode, with validated and trusted tables in turn.
 *
 * usage: boot_many [pv [CPUS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "kselftest_harness.h"

#define BOOTS 20

static bool pv;
static const char *pv_cpus = "1";

static void __attribute__((constructor)) take_arguments(int argc, char **argv)
{
	pv = argc > 1 && !strcmp(argv[1], "pv");
	if (pv && argc > 2)
		pv_cpus = argv[2];
	if ((argc > 1 && !pv) || atoi(pv_cpus) < 1) {
		fprintf(stderr, "usage: boot_many [pv [CPUS]]\n");
		exit(2);
	}
}

FIXTURE(boot_many)
{
	struct guest g;
};

FIXTURE_SETUP(boot_many)
{
	memset(&self->g, 0, sizeof(self->g));
}

FIXTURE_TEARDOWN(boot_many)
{
	guest_end(&self->g);
}

static int start(struct guest *g, const char *label, int turn)
{
	static const char *const cpus[] = { "1", "2", "3", "4" };
	const char *hvm_args[] = { "--memory", "512M", "--cpus", cpus[turn % 4], "--disk", "file=null,if=ide",
				   "--disk", "file=null,if=pv", "--net", "user,if=e1000", "--net", "user,if=pv", NULL };
	const char *pv_args[] = { "run", "--mode", "pv", "--pv-tables", turn % 2 ? "trusted" : "validated",
				  "--kernel", "out/guest-kernel/vmlinux", "--initrd", "out/guest-kernel/initrd-pv",
				  "--append", "console=hvc0 quiet", "--memory", "512M", "--cpus", pv_cpus,
				  "--disk", "file=null,if=pv", "--net", "user,if=pv", NULL };

	return pv ? guest_start_raw(g, label, pv_args) : guest_start(g, label, hvm_args);
}

TEST_F_TIMEOUT(boot_many, twenty_boots_in_a_row, 3600)
{
	char label[32];

	for (int i = 0; i < BOOTS; i++) {
		snprintf(label, sizeof(label), "boot-many-%s%d", pv ? "pv-" : "", i);
		ASSERT_EQ(0, start(&self->g, label, i));
		EXPECT_EQ(0, guest_wait_ready(&self->g, 180));
		EXPECT_EQ(0, guest_run(&self->g, 60, "ls %s /dev/pvda >/dev/null && [ $(ls -d /sys/class/net/*/device | wc -l) = %d ]",
				       pv ? "" : "/dev/sda", pv ? 1 : 2));
		if (pv)
			EXPECT_EQ(0, guest_run(&self->g, 60, "[ $(nproc) = %s ]", pv_cpus));
		EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
		EXPECT_EQ(0, guest_power_off(&self->g));
		guest_end(&self->g);
	}
}

TEST_HARNESS_MAIN
