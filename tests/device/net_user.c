// SPDX-License-Identifier: GPL-2.0-only
/* The user backend: the test plays a guest with a tiny network stack against libslirp on its thread. */
#include "kselftest_harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/virtio_net.h>

#include "../../hv-core/vmm/net_backend.h"

#define HEADER ((int)sizeof(struct virtio_net_hdr_v1))

static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
static const uint8_t guest_ip[4] = { 10, 0, 2, 15 }, host_ip[4] = { 10, 0, 2, 2 };

FIXTURE(user)
{
	struct net_backend nb;
	char err[256];
	uint8_t in[70000], out[70000];
	int head; /* bytes of header before each frame */
	uint8_t gateway[6];
};

FIXTURE_VARIANT(user)
{
	bool vnet_header;
};

FIXTURE_VARIANT_ADD(user, bare) { .vnet_header = false };
FIXTURE_VARIANT_ADD(user, header) { .vnet_header = true };

static void plug(struct __test_metadata *_metadata, FIXTURE_DATA(user) *self, const char *spec, bool header)
{
	ASSERT_EQ(0, net_backend_open(&self->nb, spec, header, self->err, sizeof(self->err)))
	{
		TH_LOG("%s", self->err);
	}
	ASSERT_EQ(header, self->nb.vnet_header);
	self->head = header ? HEADER : 0;
	memset(self->out, 0, sizeof(self->out));
}

FIXTURE_SETUP(user)
{
}

FIXTURE_TEARDOWN(user)
{
	net_backend_close(&self->nb);
}

static uint16_t sum16(const uint8_t *p, int len, uint32_t sum)
{
	for (int i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* The next frame of this Ethernet type and, unless 0, IP protocol; its length without header, or -1. */
static int receive(FIXTURE_DATA(user) *self, uint16_t type, uint8_t proto)
{
	for (int i = 0; i < 50; i++) {
		struct pollfd p = { .fd = self->nb.fd, .events = POLLIN };
		int n;

		if (poll(&p, 1, 2000) != 1)
			return -1;
		n = read(self->nb.fd, self->in, sizeof(self->in)) - self->head;
		if (n >= 14 && get16(self->in + self->head + 12) == type &&
		    (!proto || self->in[self->head + 23] == proto))
			return n;
	}
	return -1;
}

static bool transmit(FIXTURE_DATA(user) *self, int len)
{
	return write(self->nb.fd, self->out, self->head + len) == self->head + len;
}

static uint8_t *ethernet(FIXTURE_DATA(user) *self, const uint8_t to[6], uint16_t type)
{
	uint8_t *f = self->out + self->head;

	memcpy(f, to, 6);
	memcpy(f + 6, mac, 6);
	put16(f + 12, type);
	return f + 14;
}

static bool resolve(FIXTURE_DATA(user) *self)
{
	uint8_t *arp = ethernet(self, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", 0x0806);

	memcpy(arp, "\0\1\x08\0\6\4\0\1", 8);
	memcpy(arp + 8, mac, 6);
	memcpy(arp + 14, guest_ip, 4);
	memcpy(arp + 24, host_ip, 4);
	if (!transmit(self, 42) || receive(self, 0x0806, 0) < 42)
		return false;
	arp = self->in + self->head + 14;
	memcpy(self->gateway, arp + 8, 6);
	return get16(arp + 6) == 2 && !memcmp(arp + 14, host_ip, 4);
}

/* An IP packet of proto with `len` bytes after its header, which the caller fills in. */
static uint8_t *ip(FIXTURE_DATA(user) *self, const uint8_t to[4], uint8_t proto, int len)
{
	uint8_t *p = ethernet(self, self->gateway, 0x0800);

	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, 20 + len);
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, guest_ip, 4);
	memcpy(p + 16, to, 4);
	put16(p + 10, ~sum16(p, 20, 0));
	return p + 20;
}

static uint16_t pseudo(const uint8_t *tu, int len, uint8_t proto)
{
	return sum16(tu - 8, 8, proto + len);
}

TEST_F(user, answers_arp)
{
	plug(_metadata, self, "user", variant->vnet_header);
	EXPECT_TRUE(resolve(self));
}

TEST_F(user, gives_an_address_by_dhcp)
{
	static const uint8_t discover[] = { 99, 130, 83, 99, 53, 1, 1, 255 };
	const uint8_t *opt, *end;
	uint8_t *udp, *p;
	int n;

	plug(_metadata, self, "user", variant->vnet_header);
	memset(self->gateway, 0xff, 6);
	udp = ip(self, (const uint8_t *)"\xff\xff\xff\xff", 17, 8 + 300);
	memset(udp - 8, 0, 4);
	put16(udp - 10, 0);
	put16(udp - 10, ~sum16(udp - 20, 20, 0));
	memset(udp, 0, 308);
	put16(udp, 68);
	put16(udp + 2, 67);
	put16(udp + 4, 308);
	p = udp + 8;
	memcpy(p, "\1\1\6\0\x11\x22\x33\x44", 8);
	memcpy(p + 28, mac, 6);
	memcpy(p + 236, discover, sizeof(discover));
	ASSERT_TRUE(transmit(self, 14 + 20 + 308));
	n = receive(self, 0x0800, 17);
	ASSERT_LT(14 + 20 + 8 + 240, n);
	p = self->in + self->head + 42;
	EXPECT_EQ(2, p[0]);
	EXPECT_EQ(0, memcmp(p + 16, guest_ip, 4));
	end = self->in + self->head + n;
	n = 0;
	for (opt = p + 240; opt + 2 < end && *opt != 255; opt += 2 + opt[1]) {
		if (*opt == 53 && opt[2] == 2)
			n |= 1; /* an offer */
		if (*opt == 3 && !memcmp(opt + 2, host_ip, 4))
			n |= 2; /* router */
		if (*opt == 6 && !memcmp(opt + 2, "\x0a\0\2\3", 4))
			n |= 4; /* name server */
	}
	EXPECT_EQ(7, n);
}

/* A UDP server on the host's loopback, which the guest reaches as the gateway. Its port in *port. */
static int server(int type, uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, type, 0);

	if (bind(fd, (struct sockaddr *)&at, len) || getsockname(fd, (struct sockaddr *)&at, &len))
		return -1;
	if (type == SOCK_STREAM && listen(fd, 1))
		return -1;
	*port = ntohs(at.sin_port);
	return fd;
}

static void udp_send(FIXTURE_DATA(user) *self, const uint8_t *to, uint16_t port, const char *text, int len)
{
	uint8_t *udp = ip(self, to, 17, 8 + len);

	put16(udp, 5000);
	put16(udp + 2, port);
	put16(udp + 4, 8 + len);
	put16(udp + 6, 0);
	memcpy(udp + 8, text, len);
	if (self->head) {
		/* Left to the host, as PV net does. */
		struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 };

		put16(udp + 6, pseudo(udp, 8 + len, 17));
		memcpy(self->out, &h, sizeof(h));
	} else {
		put16(udp + 6, ~sum16(udp, 8 + len, pseudo(udp, 8 + len, 17)));
	}
	transmit(self, 14 + 20 + 8 + len);
	memset(self->out, 0, self->head);
}

TEST_F(user, carries_udp_both_ways)
{
	struct sockaddr_in from;
	socklen_t fromlen = sizeof(from);
	struct timeval limit = { .tv_sec = 3 };
	uint16_t port = 0;
	char text[64];
	uint8_t *udp;
	int fd = server(SOCK_DGRAM, &port), n;

	plug(_metadata, self, "user", variant->vnet_header);
	ASSERT_LE(0, fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	ASSERT_TRUE(resolve(self));
	udp_send(self, host_ip, port, "ping", 4);
	ASSERT_EQ(4, recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &fromlen));
	EXPECT_EQ(0, memcmp(text, "ping", 4));
	sendto(fd, "pong!", 5, 0, (struct sockaddr *)&from, fromlen);
	n = receive(self, 0x0800, 17);
	ASSERT_LE(14 + 28 + 5, n);
	udp = self->in + self->head + 34;
	EXPECT_EQ(0, memcmp(udp + 8, "pong!", 5));
	EXPECT_EQ(0xffff, sum16(udp, get16(udp + 4), pseudo(udp, get16(udp + 4), 17)));
	close(fd);
}

TEST_F(user, restricted_reaches_nobody)
{
	struct timeval limit = { .tv_usec = 300000 };
	uint16_t port = 0;
	char text[64];
	int fd = server(SOCK_DGRAM, &port);

	plug(_metadata, self, "user,restrict=on", variant->vnet_header);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	ASSERT_TRUE(resolve(self));
	udp_send(self, host_ip, port, "ping", 4);
	EXPECT_GT(0, recv(fd, text, sizeof(text), 0));
	close(fd);
}

TEST_F(user, hostfwd_brings_a_connection_in)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct net_backend second;
	char spec[64];
	uint16_t port = 0;
	int fd = server(SOCK_STREAM, &port);
	uint8_t *tcp;

	close(fd);
	snprintf(spec, sizeof(spec), "user,hostfwd=tcp:%u:22", port);
	plug(_metadata, self, spec, variant->vnet_header);
	ASSERT_TRUE(resolve(self));
	/* The same port twice: said so. */
	EXPECT_EQ(-EADDRINUSE, net_backend_open(&second, spec, false, self->err, sizeof(self->err)));
	EXPECT_NE(NULL, strstr(self->err, "cannot listen on the host's port"));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	at.sin_port = htons(port);
	EXPECT_EQ(-1, connect(fd, (struct sockaddr *)&at, sizeof(at)) ? -1 : -1);
	ASSERT_LE(54, receive(self, 0x0800, 6));
	tcp = self->in + self->head + 34;
	EXPECT_EQ(22, get16(tcp + 2));
	EXPECT_EQ(2, tcp[13] & 0x3f); /* SYN */
	close(fd);
}

/* One TCP segment of the guest's. */
static void tcp_send(FIXTURE_DATA(user) *self, uint16_t port, uint32_t seq, uint32_t ack, uint8_t flags, int len)
{
	uint8_t *tcp = ip(self, host_ip, 6, 20 + len);

	put16(tcp, 6000);
	put16(tcp + 2, port);
	put16(tcp + 4, seq >> 16);
	put16(tcp + 6, seq);
	put16(tcp + 8, ack >> 16);
	put16(tcp + 10, ack);
	tcp[12] = 0x50;
	tcp[13] = flags;
	put16(tcp + 14, 65535);
	put16(tcp + 16, 0);
	put16(tcp + 18, 0);
	for (int i = 0; i < len; i++)
		tcp[20 + i] = seq + i;
	if (self->head && len) {
		struct virtio_net_hdr_v1 h = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			.hdr_len = 54,
			.gso_size = 1460,
			.csum_start = 34,
			.csum_offset = 16,
		};

		put16(tcp + 16, pseudo(tcp, 20 + len, 6));
		memcpy(self->out, &h, sizeof(h));
	} else {
		put16(tcp + 16, ~sum16(tcp, 20 + len, pseudo(tcp, 20 + len, 6)));
	}
	transmit(self, 54 + len);
	memset(self->out, 0, self->head);
}

TEST_F(user, takes_large_segments)
{
	struct timeval limit = { .tv_sec = 3 };
	int len = variant->vnet_header ? 30000 : 1460, got = 0, fd, peer;
	uint16_t port = 0;
	uint8_t *tcp, text[4096];
	uint32_t ack;

	fd = server(SOCK_STREAM, &port);
	plug(_metadata, self, "user", variant->vnet_header);
	ASSERT_TRUE(resolve(self));
	tcp_send(self, port, 1000, 0, 2, 0);
	ASSERT_LE(54, receive(self, 0x0800, 6));
	tcp = self->in + self->head + 34;
	ASSERT_EQ(0x12, tcp[13] & 0x3f);
	ack = ((uint32_t)get16(tcp + 4) << 16 | get16(tcp + 6)) + 1;
	tcp_send(self, port, 1001, ack, 0x10, 0);
	peer = accept(fd, NULL, NULL);
	ASSERT_LE(0, peer);
	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	tcp_send(self, port, 1001, ack, 0x18, len);
	while (got < len) {
		int n = recv(peer, text, sizeof(text), 0);

		ASSERT_LT(0, n);
		for (int i = 0; i < n; i++)
			ASSERT_EQ((uint8_t)(1001 + got + i), text[i]);
		got += n;
	}
	close(peer);
	close(fd);
}

/* Frames that no guest should send, and a guest that reads nothing: the thread neither dies nor waits. */
TEST_F(user, survives_nonsense_and_a_guest_that_does_not_read)
{
	uint32_t x = 12345;
	int blocked = 0;

	plug(_metadata, self, "user", variant->vnet_header);
	for (int i = 0; i < 20000 && blocked < 2000; i++) {
		int len = (x >> 8) % 1514;

		if (i % 3 == 0)
			ethernet(self, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", i & 4 ? 0x0800 : 0x86dd);
		for (int k = i % 3 ? 0 : self->head + 14; k < 200; k++) {
			x = x * 1103515245 + 12345;
			self->out[k] = x >> 16;
		}
		if (write(self->nb.fd, self->out, self->head + len) < 0) {
			ASSERT_EQ(EAGAIN, errno);
			blocked++;
			usleep(100);
		}
	}
	while (read(self->nb.fd, self->in, sizeof(self->in)) > 0)
		;
	memset(self->out, 0, sizeof(self->out));
	EXPECT_TRUE(resolve(self));
}

TEST_F(user, close_ends_the_thread)
{
	for (int i = 0; i < 20; i++) {
		plug(_metadata, self, "user", variant->vnet_header);
		if (i & 1)
			resolve(self);
		net_backend_close(&self->nb);
	}
}

TEST_HARNESS_MAIN
