// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames through each card and each backend: data arrives whole both ways, a tap taken down is survived. Everything
 * happens in a network namespace that the test makes for itself.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "kselftest_harness.h"

#define BOOT_SECONDS 120
#define PAYLOAD_MIB "8"

FIXTURE(net)
{
	struct guest g;
	pid_t httpd, iperf;
	char folder[64], sum[80];
};

FIXTURE_VARIANT(net)
{
	const char *label, *option, *modules, *host, *up;
};

#define TAP_UP "ip addr add 192.168.77.2/24 dev $i"
/* What DHCP would give; udhcpc is not in every initrd, and the address is libslirp's documented default. */
#define USER_UP "ip addr add 10.0.2.15/24 dev $i && ip route add default via 10.0.2.2"

FIXTURE_VARIANT_ADD(net, e1000_tap)
{
	.label = "net-e1000-tap",
	.option = "tap=pvntest,if=e1000,mac=52:56:4e:00:00:01",
	.modules = "e1000",
	.host = "192.168.77.1",
	.up = TAP_UP,
};

FIXTURE_VARIANT_ADD(net, pv_tap)
{
	.label = "net-pv-tap",
	.option = "tap=pvntest,if=pv,mac=52:56:4e:00:00:01",
	.modules = "paravane_bus paravane_net",
	.host = "192.168.77.1",
	.up = TAP_UP,
};

FIXTURE_VARIANT_ADD(net, e1000_user)
{
	.label = "net-e1000-user",
	.option = "user,if=e1000,mac=52:56:4e:00:00:01",
	.modules = "e1000",
	.host = "10.0.2.2",
	.up = USER_UP,
};

FIXTURE_VARIANT_ADD(net, pv_user)
{
	.label = "net-pv-user",
	.option = "user,if=pv,mac=52:56:4e:00:00:01",
	.modules = "paravane_bus paravane_net",
	.host = "10.0.2.2",
	.up = USER_UP,
};

static int sh(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static pid_t serve(const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return pid;
}

FIXTURE_SETUP(net)
{
	char command[512], *end;
	FILE *f;

	memset(self, 0, sizeof(*self));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, sh("modprobe tun; ip link set lo up && ip tuntap add dev pvntest mode tap vnet_hdr && "
			"ip addr add 192.168.77.1/24 dev pvntest && ip link set pvntest up"));
	strcpy(self->folder, "/tmp/pvn-net-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->folder));
	snprintf(command, sizeof(command),
		 "cd %s && head -c " PAYLOAD_MIB "M /dev/urandom > payload && sha256sum < payload | cut -c1-64", self->folder);
	f = popen(command, "r");
	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(self->sum, sizeof(self->sum), f));
	pclose(f);
	end = strchr(self->sum, '\n');
	if (end)
		*end = '\0';
	self->httpd = serve((const char *[]){ "busybox", "httpd", "-f", "-p", "8080", "-h", self->folder, NULL });
	self->iperf = serve((const char *[]){ "iperf3", "-s", "-p", "5201", "--logfile", "/dev/null", NULL });
	ASSERT_EQ(0, guest_start(&self->g, variant->label,
				 (const char *[]){ "--memory", "512M", "--cpus", "1", "--net", variant->option, NULL }));
	ASSERT_EQ(0, guest_wait_ready(&self->g, BOOT_SECONDS));
	ASSERT_EQ(0, guest_run(&self->g, 60,
			       "for m in %s; do modprobe $m || exit 1; done; sleep 1; "
			       "i=$(grep -l 52:56:4e:00:00:01 /sys/class/net/*/address | head -n1 | cut -d/ -f5); "
			       "[ -n \"$i\" ] && echo $i > /tmp/if && ip link set $i up && %s && sleep 2",
			       variant->modules, variant->up));
}

FIXTURE_TEARDOWN(net)
{
	char command[128];

	guest_end(&self->g);
	for (int i = 0; i < 2; i++) {
		pid_t pid = i ? self->httpd : self->iperf;

		if (pid > 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	if (self->folder[0]) {
		snprintf(command, sizeof(command), "rm -r %s", self->folder);
		sh(command);
	}
}

TEST_F_TIMEOUT(net, data_arrives_whole, 400)
{
	if (strstr(variant->option, "tap="))
		EXPECT_EQ(0, guest_run(&self->g, 60, "ping -c 3 -s 1400 -w 20 %s", variant->host));
	EXPECT_EQ(0, guest_run(&self->g, 120, "wget -q -O - http://%s:8080/payload | sha256sum | cut -c1-64",
			       variant->host));
	self->g.output[strcspn(self->g.output, "\n")] = '\0';
	EXPECT_STREQ(self->sum, self->g.output);
	/* Both ways at load; iperf3 fails when the connection does. */
	EXPECT_EQ(0, guest_run(&self->g, 60, "iperf3 -c %s -t 3 -i 0 >/tmp/o 2>&1 || { cat /tmp/o; false; }",
			       variant->host));
	EXPECT_EQ(0, guest_run(&self->g, 60, "iperf3 -c %s -t 3 -i 0 -R >/tmp/o 2>&1 || { cat /tmp/o; false; }",
			       variant->host));
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
}

TEST_F_TIMEOUT(net, tap_taken_down_and_up_again, 400)
{
	if (!strstr(variant->option, "tap="))
		SKIP(return, "only a tap can be taken down");
	EXPECT_EQ(0, sh("ip link set pvntest down"));
	EXPECT_NE(0, guest_run(&self->g, 60, "ping -c 2 -w 4 %s >/dev/null", variant->host));
	EXPECT_EQ(0, sh("ip link set pvntest up"));
	EXPECT_EQ(0, guest_run(&self->g, 90, "for n in 1 2 3 4 5 6; do ping -c 1 -w 5 %s >/dev/null && exit 0; done; exit 1",
			       variant->host));
	/* Gone for good: the guest stays well. */
	EXPECT_EQ(0, sh("ip link del pvntest"));
	EXPECT_NE(0, guest_run(&self->g, 60, "ping -c 2 -w 4 %s >/dev/null", variant->host));
	EXPECT_EQ(NULL, guest_scan_log(&self->g, NULL));
	EXPECT_EQ(0, guest_power_off(&self->g));
}

TEST_HARNESS_MAIN
