// SPDX-License-Identifier: GPL-2.0-only
/* Network specifications that are wrong, and what is said about each; the cable between two guests. */
#include "kselftest_harness.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

#include "../../hv-core/vmm/net_backend.h"

static void refused(struct __test_metadata *_metadata, const char *spec, int err, const char *says)
{
	struct net_backend nb;
	char text[256] = "";
	int ret = net_backend_open(&nb, spec, true, text, sizeof(text));

	EXPECT_EQ(-err, ret)
	{
		TH_LOG("%s gave %d: %s", spec, ret, text);
	}
	/* The message names what was asked for, and says what is the matter. */
	EXPECT_NE(NULL, strstr(text, spec));
	EXPECT_NE(NULL, strstr(text, says))
	{
		TH_LOG("%s: %s", spec, text);
	}
	EXPECT_EQ(-1, nb.fd);
	if (!ret)
		net_backend_close(&nb);
}
#define REFUSED(spec, err, says) refused(_metadata, spec, err, says)

TEST(malformed)
{
	REFUSED("", EINVAL, "there are user, tap=NAME and socket=PATH");
	REFUSED("tapp=x", EINVAL, "no such kind");
	REFUSED("user=1", EINVAL, "takes no value");
	REFUSED("user,speed=9", EINVAL, "no option 'speed=9'");
	REFUSED("user,", EINVAL, "no option ''");
	REFUSED("user,restrict=yes", EINVAL, "restrict=on|off");
	REFUSED("user,restrict=on,restrict=off", EINVAL, "given twice");
	REFUSED("user,hostfwd=tcp", EINVAL, "write hostfwd=tcp:PORT:GUESTPORT");
	REFUSED("user,hostfwd=tcp:80", EINVAL, "write hostfwd=");
	REFUSED("user,hostfwd=sctp:80:80", EINVAL, "write hostfwd=");
	REFUSED("user,hostfwd=tcp:0:80", EINVAL, "'0' is not a port");
	REFUSED("user,hostfwd=tcp:80:65536", EINVAL, "'65536' is not a port");
	REFUSED("user,hostfwd=tcp:-1:80", EINVAL, "write hostfwd=");
	REFUSED("user,hostfwd=tcp:1.2.3:80:80", EINVAL, "'1.2.3' is not an IPv4 address");
	REFUSED("tap", EINVAL, "which tap device?");
	REFUSED("tap=", EINVAL, "which tap device?");
	REFUSED("tap=%d", EINVAL, "not a name");
	REFUSED("tap=a/b", EINVAL, "not a name");
	REFUSED("tap=sixteen_letters_", EINVAL, "not a name");
	REFUSED("tap=x,queues=2", EINVAL, "no option 'queues=2'");
	REFUSED("socket", EINVAL, "which socket?");
	REFUSED("socket=/nowhere/at/all", ENOENT, "No such file");
	REFUSED("socket=/tmp/x,a", EINVAL, "no option 'a'");
}

TEST(too_many_options)
{
	char spec[512] = "user";

	for (int i = 0; i < 40; i++)
		strcat(spec, ",a=b");
	REFUSED(spec, E2BIG, "more than 32");
}

TEST(socket_path_too_long)
{
	char spec[256];

	snprintf(spec, sizeof(spec), "socket=/tmp/%0150d", 0);
	REFUSED(spec, ENAMETOOLONG, "shorter");
}

FIXTURE(cable)
{
	char folder[64], spec[128], path[100], err[256];
	struct net_backend a, b, c;
};

FIXTURE_SETUP(cable)
{
	strcpy(self->folder, "/tmp/net_backend.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->folder));
	snprintf(self->path, sizeof(self->path), "%s/s", self->folder);
	snprintf(self->spec, sizeof(self->spec), "socket=%s", self->path);
}

FIXTURE_TEARDOWN(cable)
{
	EXPECT_EQ(0, rmdir(self->folder));
}

static int open_end(FIXTURE_DATA(cable) *self, struct net_backend *nb)
{
	return net_backend_open(nb, self->spec, true, self->err, sizeof(self->err));
}

static int carries(struct net_backend *from, struct net_backend *to)
{
	char out[64];

	if (write(from->fd, "hello, other end", 16) != 16)
		return -errno;
	return read(to->fd, out, sizeof(out)) == 16 && !memcmp(out, "hello, other end", 16) ? 0 : -EIO;
}

TEST_F(cable, two_ends_in_any_order)
{
	ASSERT_EQ(0, open_end(self, &self->a));
	EXPECT_FALSE(self->a.vnet_header);
	EXPECT_FALSE(self->a.link_up);
	EXPECT_GT(0, net_backend_recover(&self->a));
	ASSERT_EQ(0, open_end(self, &self->b));
	EXPECT_TRUE(self->b.link_up);
	EXPECT_EQ(0, net_backend_recover(&self->a));
	EXPECT_TRUE(self->a.link_up);
	EXPECT_EQ(0, carries(&self->a, &self->b));
	EXPECT_EQ(0, carries(&self->b, &self->a));
	/* A cable has two ends. */
	EXPECT_EQ(-EADDRINUSE, open_end(self, &self->c));
	EXPECT_NE(NULL, strstr(self->err, "a cable has two ends"));
	net_backend_close(&self->a);
	net_backend_close(&self->b);
}

TEST_F(cable, an_end_goes_and_comes_back)
{
	int ret;

	ASSERT_EQ(0, open_end(self, &self->a));
	ASSERT_EQ(0, open_end(self, &self->b));
	ASSERT_EQ(0, net_backend_recover(&self->a));
	net_backend_close(&self->b);
	ret = carries(&self->a, &self->b);
	EXPECT_TRUE(net_backend_lost(-ret));
	EXPECT_GT(0, net_backend_recover(&self->a));
	ASSERT_EQ(0, open_end(self, &self->b));
	EXPECT_EQ(0, net_backend_recover(&self->a));
	EXPECT_EQ(0, carries(&self->a, &self->b));
	EXPECT_EQ(0, carries(&self->b, &self->a));
	net_backend_close(&self->a);
	net_backend_close(&self->b);
}

TEST_F(cable, what_a_killed_guest_left_behind)
{
	struct stat st;

	ASSERT_EQ(0, open_end(self, &self->a));
	/* As after kill -9: the file stays, nobody listens. */
	close(self->a.fd);
	ASSERT_EQ(0, stat(self->path, &st));
	ASSERT_EQ(0, open_end(self, &self->b));
	ASSERT_EQ(0, open_end(self, &self->c));
	ASSERT_EQ(0, net_backend_recover(&self->b));
	EXPECT_EQ(0, carries(&self->b, &self->c));
	net_backend_close(&self->b);
	net_backend_close(&self->c);
}

TEST_F(cable, a_file_that_is_no_socket_is_left_alone)
{
	FILE *f = fopen(self->path, "w");

	fputs("precious", f);
	fclose(f);
	EXPECT_EQ(-EEXIST, open_end(self, &self->a));
	f = fopen(self->path, "r");
	EXPECT_EQ('p', getc(f));
	fclose(f);
	unlink(self->path);
}

TEST_F(cable, a_full_queue_says_so)
{
	struct pollfd p;
	char out[2048];
	int n = 0;

	ASSERT_EQ(0, open_end(self, &self->a));
	ASSERT_EQ(0, open_end(self, &self->b));
	ASSERT_EQ(0, net_backend_recover(&self->a));
	while (write(self->a.fd, out, 1500) == 1500)
		ASSERT_LT(n++, 100000);
	EXPECT_EQ(EAGAIN, errno);
	p = (struct pollfd){ .fd = self->a.fd, .events = POLLOUT };
	EXPECT_EQ(0, poll(&p, 1, 0));
	while (read(self->b.fd, out, sizeof(out)) == 1500)
		n--;
	EXPECT_EQ(0, n);
	EXPECT_EQ(1, poll(&p, 1, 0));
	net_backend_close(&self->a);
	net_backend_close(&self->b);
}

TEST_HARNESS_MAIN
