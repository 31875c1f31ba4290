// SPDX-License-Identifier: GPL-2.0-only
/* The bus module in a stock guest: found by PCI id, hypercalls from user space, what sysfs says, unload and reload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <paravane/error.h>
#include <paravane/hypercall.h>
#include <paravane/hypercall_nr.h>

#include "guest.h"
#include "kselftest_harness.h"

FIXTURE(bus)
{
	struct guest g;
};

FIXTURE_SETUP(bus)
{
	const char *args[] = { "--memory", "512M", "--cpus", "2", "--net", "user,if=pv", NULL };

	memset(&self->g, 0, sizeof(self->g));
	ASSERT_EQ(0, guest_start(&self->g, "drivers-bus", args));
	ASSERT_EQ(0, guest_wait_ready(&self->g, 120));
}

FIXTURE_TEARDOWN(bus)
{
	guest_end(&self->g);
}

static long long call(struct guest *g, const char *words)
{
	char *result;

	if (guest_run(g, 60, "pvn-hypercall call %s", words))
		return -1000;
	result = strstr(g->output, "result=");
	return result ? atoll(result + 7) : -1001;
}

/* The value of KEY=VALUE in what the last command printed. */
static double value(const struct guest *g, const char *key)
{
	const char *found = strstr(g->output, key);

	return found ? atof(found + strlen(key)) : -1;
}

TEST_F_TIMEOUT(bus, found_by_number_and_answers_calls, 400)
{
	struct guest *g = &self->g;
	char words[96];
	double single;

	/* As udev does it: the PCI function's alias, then the bus' own device's. */
	EXPECT_EQ(0, guest_run(g, 60, "modprobe $(cat /sys/bus/pci/devices/*/modalias | grep v00005056d0000000[1-3]) && "
			       "modprobe $(cat /sys/bus/pvn/devices/pvn0/modalias) && ls /sys/bus/pvn/drivers/paravane_net/pvn0"));
	EXPECT_EQ(0, guest_run(g, 30, "cd /sys/bus/pvn && cat mode hypercalls host_version && cat devices/pvn0/transport"));
	EXPECT_STREQ("hvm\n1\n1.0\npci\n", g->output);

	ASSERT_EQ(0, guest_run(g, 30, "modprobe paravane_test && pvn-hypercall info"));
	snprintf(words, sizeof(words), "%u", PVN_HC_CORE_NULL);
	EXPECT_EQ(0, call(g, words));
	snprintf(words, sizeof(words), "%u", PVN_HC_CORE_VERSION);
	EXPECT_EQ(PVN_ABI_VERSION, call(g, words));
	EXPECT_EQ(-PVN_ENOSYS, call(g, "0xfff"));
	EXPECT_EQ(-PVN_ENOSYS, call(g, "0xffffffffffffffff"));
	/* A multicall whose list lies outside of memory, and one whose count is none. */
	snprintf(words, sizeof(words), "%u 0xfffffffffffff000 1 0", PVN_HC_CORE_MULTICALL);
	EXPECT_EQ(-PVN_EFAULT, call(g, words));
	snprintf(words, sizeof(words), "%u mem+0 0 0", PVN_HC_CORE_MULTICALL);
	EXPECT_EQ(-PVN_EINVAL, call(g, words));
	snprintf(words, sizeof(words), "%u mem+0 1 0", PVN_HC_CORE_MULTICALL);
	EXPECT_EQ(1, call(g, words));

	ASSERT_EQ(0, guest_run(g, 60, "pvn-hypercall time 200"));
	EXPECT_EQ(200, value(g, "calls="));
	single = value(g, "ns_per_call=");
	ASSERT_EQ(0, guest_run(g, 60, "pvn-hypercall time 50 64"));
	EXPECT_EQ(50 * 64, value(g, " calls="));
	/* The point of batching; how much cheaper it is, is the benchmarks' business. */
	EXPECT_LT(value(g, "ns_per_call="), single);

	/* The hypercall page goes back to the kernel and comes again. */
	EXPECT_EQ(0, guest_run(g, 60, "for i in 1 2 3 4 5; do rmmod paravane_test paravane_net paravane_bus && "
			       "modprobe paravane_test && modprobe paravane_net || exit 1; done"));
	snprintf(words, sizeof(words), "%u", PVN_HC_CORE_VERSION);
	EXPECT_EQ(PVN_ABI_VERSION, call(g, words));
	EXPECT_NE(0, guest_run(g, 30, "rmmod paravane_bus 2>/dev/null"));
	EXPECT_EQ(NULL, guest_scan_log(g, NULL));
	EXPECT_EQ(0, guest_power_off(g));
}

TEST_HARNESS_MAIN
