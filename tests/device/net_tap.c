// SPDX-License-Identifier: GPL-2.0-only
/* The tap backend, in a network namespace of the test's own: what is said of taps that cannot be had, and taps that go. */
#include "kselftest_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#include <linux/virtio_net.h>

#include "../../hv-core/vmm/net_backend.h"

FIXTURE(tap)
{
	struct net_backend nb, second;
	char err[256];
};

static bool have_namespace;

FIXTURE_SETUP(tap)
{
	self->nb.fd = -1;
	self->second.fd = -1;
	if (access("/dev/net/tun", R_OK | W_OK))
		SKIP(return, "no access to /dev/net/tun (run as root, modprobe tun)");
	if (unshare(CLONE_NEWNET))
		SKIP(return, "cannot make a network namespace: %s (run as root)", strerror(errno));
	have_namespace = true;
}

FIXTURE_TEARDOWN(tap)
{
	net_backend_close(&self->nb);
	net_backend_close(&self->second);
}

#define NEEDS_NAMESPACE()                                                                                               \
	do {                                                                                                            \
		if (!have_namespace)                                                                                    \
			return;                                                                                         \
	} while (0)

static int sh(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int open_tap(FIXTURE_DATA(tap) *self, struct net_backend *nb, const char *name, bool header)
{
	char spec[64];

	snprintf(spec, sizeof(spec), "tap=%s", name);
	return net_backend_open(nb, spec, header, self->err, sizeof(self->err));
}

/* Frames that the host sends by itself (router solicitations) are passed over. */
static int next_of_type(struct net_backend *nb, uint16_t type, uint8_t *frame)
{
	int head = nb->vnet_header ? 12 : 0;

	for (int i = 0; i < 100; i++) {
		struct pollfd p = { .fd = nb->fd, .events = POLLIN };
		int n;

		if (poll(&p, 1, 2000) != 1)
			return -1;
		n = read(nb->fd, frame, 70000);
		if (n < 0)
			return -errno;
		if (n > head + 14 && frame[head + 12] == type >> 8 && frame[head + 13] == (type & 0xff))
			return n - head;
	}
	return -1;
}

TEST_F(tap, frames_go_both_ways)
{
	static const uint8_t request[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 1, 2, 3, 8, 6,
					   0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 1, 2, 3, 10, 77, 0, 2,
					   0, 0, 0, 0, 0, 0, 10, 77, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					   0, 0, 0, 0, 0, 0, 0, 0 };
	static uint8_t frame[70000];

	NEEDS_NAMESPACE();
	for (int header = 0; header < 2; header++) {
		int head = header ? 12 : 0;

		/* Made, and brought up, because there was none. */
		ASSERT_EQ(0, open_tap(self, &self->nb, "pvt0", header))
		{
			TH_LOG("%s", self->err);
		}
		EXPECT_TRUE(self->nb.link_up);
		EXPECT_EQ(header, self->nb.vnet_header);
		ASSERT_EQ(0, sh("ip addr add 10.77.0.1/24 dev pvt0"));
		memset(frame, 0, 12);
		memcpy(frame + head, request, sizeof(request));
		ASSERT_EQ(head + (int)sizeof(request), write(self->nb.fd, frame, head + sizeof(request)));
		ASSERT_LE(42, next_of_type(&self->nb, 0x0806, frame));
		EXPECT_EQ(2, frame[head + 21]); /* a reply */
		EXPECT_EQ(0, memcmp(frame + head + 28, "\x0a\x4d\0\1", 4));
		EXPECT_EQ(header ? 0 : -EOPNOTSUPP, self->nb.set_offload(&self->nb, true, true, true));
		EXPECT_EQ(0, self->nb.set_offload(&self->nb, false, false, false));
		net_backend_close(&self->nb);
		/* It goes with its user. */
		EXPECT_NE(0, sh("ip link show pvt0 2>/dev/null"));
	}
}

TEST_F(tap, refusals)
{
	NEEDS_NAMESPACE();
	ASSERT_EQ(0, open_tap(self, &self->nb, "pvt0", true));
	EXPECT_EQ(-EBUSY, open_tap(self, &self->second, "pvt0", true));
	EXPECT_NE(NULL, strstr(self->err, "in use by another program"));
	EXPECT_EQ(-EINVAL, open_tap(self, &self->second, "lo", true));
	EXPECT_NE(NULL, strstr(self->err, "not a tap"));
}

/* In a child without privileges. */
TEST_F(tap, refusals_without_privileges)
{
	int status;
	pid_t pid;

	NEEDS_NAMESPACE();
	ASSERT_EQ(0, sh("ip tuntap add mode tap user 0 pvt1"));
	pid = fork();
	if (!pid) {
		int bad = 0, tun = open("/dev/net/tun", O_RDWR);

		if (setgid(65534) || setuid(65534))
			_exit(100);
		close(tun);
		if (access("/dev/net/tun", R_OK | W_OK)) {
			bad |= open_tap(self, &self->nb, "pvt9", true) != -EACCES;
			bad |= !strstr(self->err, "no permission to open /dev/net/tun");
		} else {
			bad |= open_tap(self, &self->nb, "pvt9", true) != -EPERM;
			bad |= !strstr(self->err, "ip tuntap add pvt9");
			bad |= open_tap(self, &self->nb, "pvt1", true) != -EPERM;
			bad |= !strstr(self->err, "belongs to somebody else");
		}
		_exit(bad);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(tap, a_tap_that_is_down)
{
	static uint8_t frame[70000] = { 0 };

	NEEDS_NAMESPACE();
	ASSERT_EQ(0, sh("ip tuntap add mode tap vnet_hdr pvt2"));
	ASSERT_EQ(0, open_tap(self, &self->nb, "pvt2", true));
	EXPECT_FALSE(self->nb.link_up);
	EXPECT_EQ(-1, write(self->nb.fd, frame, 72));
	EXPECT_TRUE(net_backend_lost(errno));
	EXPECT_EQ(-ENETDOWN, net_backend_recover(&self->nb));
	ASSERT_EQ(0, sh("ip link set pvt2 up"));
	EXPECT_EQ(0, net_backend_recover(&self->nb));
	EXPECT_TRUE(self->nb.link_up);
	EXPECT_EQ(72, write(self->nb.fd, frame, 72));
	/* And down again while in use. */
	ASSERT_EQ(0, sh("ip link set pvt2 down"));
	EXPECT_EQ(-1, write(self->nb.fd, frame, 72));
	EXPECT_TRUE(net_backend_lost(errno));
	EXPECT_EQ(-ENETDOWN, net_backend_recover(&self->nb));
	EXPECT_FALSE(self->nb.link_up);
}

TEST_F(tap, a_tap_that_is_removed_and_made_again)
{
	static uint8_t frame[70000] = { 0 };
	struct pollfd p;
	int fd;

	NEEDS_NAMESPACE();
	ASSERT_EQ(0, sh("ip tuntap add mode tap pvt3 && ip link set pvt3 up"));
	ASSERT_EQ(0, open_tap(self, &self->nb, "pvt3", true));
	ASSERT_EQ(0, self->nb.set_offload(&self->nb, true, true, false));
	fd = self->nb.fd;
	ASSERT_EQ(0, sh("ip link del pvt3"));
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_TRUE(p.revents & POLLERR);
	EXPECT_EQ(-1, read(fd, frame, sizeof(frame)));
	EXPECT_TRUE(net_backend_lost(errno));
	EXPECT_EQ(-1, write(fd, frame, 72));
	EXPECT_TRUE(net_backend_lost(errno));
	/* Gone on purpose: it is not made anew by us. */
	EXPECT_GT(0, net_backend_recover(&self->nb));
	EXPECT_NE(0, sh("ip link show pvt3 2>/dev/null"));
	ASSERT_EQ(0, sh("ip tuntap add mode tap pvt3 && ip link set pvt3 up"));
	EXPECT_EQ(0, net_backend_recover(&self->nb));
	EXPECT_EQ(fd, self->nb.fd);
	EXPECT_EQ(72, write(fd, frame, 72));
}

TEST_F(tap, one_made_for_several_queues)
{
	NEEDS_NAMESPACE();
	ASSERT_EQ(0, sh("ip tuntap add mode tap multi_queue vnet_hdr pvt4"));
	EXPECT_EQ(0, open_tap(self, &self->nb, "pvt4", true));
	EXPECT_EQ(0, open_tap(self, &self->second, "pvt4", true));
}

TEST_HARNESS_MAIN
