// SPDX-License-Identifier: GPL-2.0-only
/* Twenty boots in a row, one to four vCPUs, all devices present, without one failure. */
#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "kselftest_harness.h"

#define BOOTS 20

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

TEST_F_TIMEOUT(boot_many, twenty_boots_in_a_row, 3600)
{
	static const char *const cpus[] = { "1", "2", "3", "4" };
	char label[32];

	for (int i = 0; i < BOOTS; i++) {
		const char *args[] = { "--memory", "512M", "--cpus", cpus[i % 4], "--disk", "file=null,if=ide",
				       "--disk", "file=null,if=pv", "--net", "user,if=e1000", "--net", "user,if=pv", NULL };

		snprintf(label, sizeof(label), "boot-many-%d", i);
		ASSERT_EQ(0, guest_start(&self->g, label, args));
		EXPECT_EQ(0, guest_wait_ready(&self->g, 180));
		EXPECT_EQ(0, guest_run(&self->g, 60, "ls /dev/sda /dev/pvda >/dev/null && [ $(ls /sys/class/net | wc -l) -ge 3 ]"));
		EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
		EXPECT_EQ(0, guest_power_off(&self->g));
		guest_end(&self->g);
	}
}

TEST_HARNESS_MAIN
