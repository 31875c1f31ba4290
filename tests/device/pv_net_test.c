// SPDX-License-Identifier: GPL-2.0-only
/* PV net on the fake machine, the other end of the wire being a socket of the test's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/devices/pv/pv_net.h"
#include "../../hv-core/vmm/pv_registry.h"
#include "pv_driver.h"

#define ORDER 6
#define TX PV_NET_QUEUE_TX
#define RX PV_NET_QUEUE_RX
#define ALL_FEATURES 0xffull

/* What the device asked of its backend. */
struct wire {
	struct net_backend nb;
	int other; /* the test's end */
	bool csum, tso4, tso6;
	bool cut;
	unsigned int recovers;
};

static int wire_set_offload(struct net_backend *nb, bool csum, bool tso4, bool tso6)
{
	struct wire *w = nb->opaque;

	w->csum = csum;
	w->tso4 = tso4;
	w->tso6 = tso6;
	return 0;
}

static int wire_recover(struct net_backend *nb)
{
	struct wire *w = nb->opaque;
	int pair[2];

	__atomic_add_fetch(&w->recovers, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&w->cut, __ATOMIC_RELAXED))
		return -ENODEV;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair))
		return -errno;
	dup2(pair[0], nb->fd);
	close(pair[0]);
	__atomic_store_n(&w->other, pair[1], __ATOMIC_RELEASE);
	return 0;
}

FIXTURE(net) {
	struct fake_machine *f;
	struct wire w;
	struct pv_net *n;
	struct pv_driver d;
	struct pv_fault fault;
};

FIXTURE_VARIANT(net) {
	bool vnet;
};

FIXTURE_VARIANT_ADD(net, with_header) { .vnet = true };
FIXTURE_VARIANT_ADD(net, plain) { .vnet = false };

FIXTURE_SETUP(net)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
	int pair[2];

	self->f = fake_machine_create(PVD_RAM);
	ASSERT_NE(NULL, self->f);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
	self->w.nb = (struct net_backend){
		.fd = pair[0],
		.vnet_header = variant->vnet,
		.can_csum = variant->vnet,
		.can_tso = variant->vnet,
		.link_up = true,
		.describe = "test wire",
		.set_offload = wire_set_offload,
		.recover = wire_recover,
		.opaque = &self->w,
	};
	self->w.other = pair[1];
	ASSERT_EQ(0, pv_net_create(&self->f->m, &self->w.nb, mac, &self->fault, &self->n));
	pvd_init(&self->d, self->f, &self->n->dev.pci);
}

FIXTURE_TEARDOWN(net)
{
	pv_net_destroy(self->n);
	pv_registry_destroy(&self->f->m);
	fake_machine_destroy(self->f);
	close(self->w.nb.fd);
	close(self->w.other);
}

static struct pvn_net_tx frame(uint32_t id, uint32_t bytes)
{
	struct pvn_net_tx tx = { .id = id, .op = PVN_NET_TX, .nr_segs = 1, .bytes = bytes };

	tx.seg[0].addr = PVD_DATA;
	tx.seg[0].len = bytes;
	return tx;
}

static int32_t send_frame(struct pv_driver *d, const struct pvn_net_tx *tx)
{
	struct pvn_cqe cqe;

	if (!pvd_submit(d, TX, tx) || !pvd_wait(d, TX, &cqe, 5000) || cqe.id != tx->id)
		return INT32_MIN;
	return cqe.status;
}

static bool post_buffer(struct pv_driver *d, uint32_t id, uint64_t addr, uint32_t len)
{
	struct pvn_net_rx_buffer rb = { .id = id, .op = PVN_NET_RX_BUFFER, .addr = addr, .len = len };

	return pvd_submit(d, RX, &rb);
}

/* The other end: one frame, waited for. Bytes, or -1. */
static ssize_t wire_read(struct wire *w, void *buf, size_t len)
{
	struct pollfd p = { .fd = w->other, .events = POLLIN };

	return poll(&p, 1, 5000) == 1 ? read(w->other, buf, len) : -1;
}

/* header: put before the frame when the wire has headers. */
static ssize_t wire_write(struct wire *w, const struct pvn_net_rx_header *header, const void *frame, size_t len)
{
	static const struct pvn_net_rx_header none;
	struct iovec iov[2] = { { (void *)(header ? header : &none), 12 }, { (void *)frame, len } };

	return w->nb.vnet_header ? writev(w->other, iov, 2) : write(w->other, frame, len);
}

static void fill_pattern(char *p, uint32_t bytes, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < bytes; i++)
		p[i] = (char)(seed * 13 + i * 5 + (i >> 8));
}

TEST_F(net, features_follow_the_backend)
{
	uint64_t features = pvd_features(&self->d);

	EXPECT_EQ(variant->vnet ? 0xffull : PVN_NET_F_MERGE | PVN_NET_F_STATUS, features);
	EXPECT_EQ(0x00005452u | 0x01u << 24, pvd_read(&self->d, PVN_REG_CONFIG));
	EXPECT_EQ(1500u << 16 | 0x0302, pvd_read(&self->d, PVN_REG_CONFIG + 4));
	EXPECT_EQ(PVN_NET_LINK_UP, pvd_read(&self->d, PVN_REG_CONFIG + 8));
	EXPECT_EQ(PVN_EINVAL, pvd_attach(&self->d, 1, ORDER, 0));
	if (!variant->vnet)
		return;
	EXPECT_EQ(PVN_EINVAL, pvd_attach(&self->d, 2, ORDER, PVN_NET_F_RX_TSO4 | PVN_NET_F_RX_CSUM));
	EXPECT_EQ(PVN_EINVAL, pvd_attach(&self->d, 2, ORDER, PVN_NET_F_RX_TSO4 | PVN_NET_F_MERGE));
	EXPECT_EQ(0, pvd_attach(&self->d, 2, ORDER, PVN_NET_F_RX_CSUM | PVN_NET_F_RX_TSO6 | PVN_NET_F_MERGE));
	EXPECT_TRUE(self->w.csum && !self->w.tso4 && self->w.tso6);
}

TEST_F(net, frames_are_gathered_and_sent)
{
	struct pv_driver *d = &self->d;
	struct pvn_segment *table = pvd_ptr(d, PVD_TABLE);
	struct pvn_net_tx tx;
	static char got[70000], want[2000];
	unsigned int skip = variant->vnet ? 12 : 0, i;

	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, 0));
	fill_pattern(want, sizeof(want), 1);
	memcpy(pvd_ptr(d, PVD_DATA), want, sizeof(want));
	tx = frame(3, 60);
	EXPECT_EQ(0, send_frame(d, &tx));
	EXPECT_EQ(60 + skip, wire_read(&self->w, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got + skip, want, 60));
	/* Five pieces of odd length from a table. */
	tx = frame(4, 1500);
	tx.nr_segs = 5;
	tx.table = PVD_TABLE;
	for (i = 0; i < 5; i++)
		table[i] = (struct pvn_segment){ .addr = PVD_DATA + 301 * i, .len = i < 4 ? 301 : 1500 - 4 * 301 };
	EXPECT_EQ(0, send_frame(d, &tx));
	EXPECT_EQ(1500 + skip, wire_read(&self->w, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got + skip, want, 1500));
	/* Order is kept over many, with the wire full in between. */
	for (i = 0; i < 2000; i++) {
		struct pvn_cqe cqe;

		*(uint32_t *)pvd_ptr(d, PVD_DATA + 64 * (i % 32)) = i;
		tx = frame(i, 60);
		tx.seg[0].addr += 64 * (i % 32);
		while (i % 32 == 0 && pvn_ring_guest_space(&d->ring[TX]) < 1u << ORDER) {
			uint32_t n;

			while (wire_read(&self->w, got, sizeof(got)) > 0) {
				memcpy(&n, got + skip, 4);
				if (n == i - 1)
					break;
			}
			while (pvn_ring_guest_space(&d->ring[TX]) < 1u << ORDER)
				ASSERT_TRUE(pvd_wait(d, TX, &cqe, 5000));
		}
		ASSERT_TRUE(pvd_submit(d, TX, &tx));
	}
}

TEST_F(net, offload_requests_reach_the_wire)
{
	struct pv_driver *d = &self->d;
	struct pvn_net_rx_header header;
	struct pvn_net_tx tx = frame(1, 30000);
	static char got[70000];

	if (!variant->vnet)
		SKIP(return, "this wire has no header to carry them");
	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, PVN_NET_F_TX_CSUM | PVN_NET_F_TX_TSO4));
	tx.flags = PVN_NET_TX_NEEDS_CSUM;
	tx.csum_start = 34;
	tx.csum_offset = 16;
	tx.gso_type = PVN_NET_GSO_TCPV4 | PVN_NET_GSO_ECN;
	tx.gso_size = 1448;
	tx.hdr_len = 66;
	EXPECT_EQ(0, send_frame(d, &tx));
	ASSERT_EQ(30012, wire_read(&self->w, got, sizeof(got)));
	memcpy(&header, got, sizeof(header));
	EXPECT_EQ(1, header.flags);
	EXPECT_EQ(PVN_NET_GSO_TCPV4 | PVN_NET_GSO_ECN, header.gso_type);
	EXPECT_EQ(1448, header.gso_size);
	EXPECT_EQ(66, header.hdr_len);
	EXPECT_EQ(34, header.csum_start);
	EXPECT_EQ(16, header.csum_offset);
}

TEST_F(net, malformed_entries_complete_with_an_error)
{
	struct pv_driver *d = &self->d;
	struct pvn_segment *table = pvd_ptr(d, PVD_TABLE);
	uint64_t features = variant->vnet ? PVN_NET_F_TX_CSUM | PVN_NET_F_TX_TSO4 : 0;
	struct pvn_net_tx tx, good = frame(9, 60);
	struct pvn_net_rx_buffer rb;
	struct pvn_cqe cqe;
	static char got[70000];

	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, features));
#define BAD(error, change)                                                                              \
	do {                                                                                            \
		tx = frame(5, 100);                                                                     \
		table[0] = table[1] = table[2] = (struct pvn_segment){ .addr = PVD_DATA, .len = 40 };   \
		change;                                                                                 \
		EXPECT_EQ(-error, send_frame(d, &tx)) TH_LOG("%s", #change);                            \
		EXPECT_EQ(0, send_frame(d, &good));                                                     \
		EXPECT_LT(0, wire_read(&self->w, got, sizeof(got)));                                    \
	} while (0)
	BAD(PVN_ENOSYS, tx.op = 7);
	BAD(PVN_EINVAL, tx.flags = 0x80);
	BAD(PVN_EINVAL, tx.bytes = 13);
	BAD(PVN_EINVAL, tx.bytes = 99);
	BAD(PVN_EINVAL, tx.bytes = PVN_NET_MAX_FRAME + 1);
	BAD(PVN_EINVAL, tx.nr_segs = 0);
	BAD(PVN_EINVAL, tx.nr_segs = 33);
	BAD(PVN_EINVAL, tx.reserved[2] = 1);
	BAD(PVN_EINVAL, tx.seg[0].len = 0);
	BAD(PVN_EINVAL, tx.seg[0].reserved = 1);
	BAD(PVN_EFAULT, tx.seg[0].addr = PVD_RAM - 50);
	BAD(PVN_EFAULT, tx.seg[0].addr = ~0ull);
	BAD(PVN_EINVAL, tx.table = PVD_TABLE);
	BAD(PVN_EINVAL, { tx.nr_segs = 3; tx.table = PVD_TABLE + 1; });
	BAD(PVN_EFAULT, { tx.nr_segs = 3; tx.table = PVD_RAM; });
	BAD(PVN_EINVAL, { tx.nr_segs = 3; tx.table = PVD_TABLE; });
	BAD(PVN_EINVAL, tx.csum_start = 1);
	BAD(PVN_EINVAL, tx.gso_size = 1);
	if (variant->vnet) {
		BAD(PVN_ERANGE, { tx.flags = 1; tx.csum_start = 99; });
		BAD(PVN_ERANGE, { tx.flags = 1; tx.csum_start = 0xffff; tx.csum_offset = 0xffff; });
		BAD(PVN_EINVAL, { tx.flags = 1; tx.gso_type = 2; });
		BAD(PVN_ENOTSUP, { tx.flags = 1; tx.gso_type = PVN_NET_GSO_TCPV6; });
		BAD(PVN_EINVAL, { tx.flags = 1; tx.gso_type = PVN_NET_GSO_TCPV4; });
		BAD(PVN_EINVAL, { tx.gso_type = PVN_NET_GSO_TCPV4; tx.gso_size = 50; tx.hdr_len = 40; });
		BAD(PVN_EINVAL, { tx.flags = 1; tx.gso_type = PVN_NET_GSO_TCPV4; tx.gso_size = 50; tx.hdr_len = 100; });
	} else {
		BAD(PVN_ENOTSUP, tx.flags = 1);
		BAD(PVN_ENOTSUP, tx.gso_type = PVN_NET_GSO_TCPV4);
	}
	/* Receive buffers are looked at when there is a frame for them. */
#define BAD_RX(error, change)                                                                           \
	do {                                                                                            \
		rb = (struct pvn_net_rx_buffer){ .id = 8, .op = PVN_NET_RX_BUFFER, .addr = PVD_DATA, .len = 2048 }; \
		change;                                                                                 \
		ASSERT_TRUE(pvd_submit(d, RX, &rb));                                                    \
		ASSERT_TRUE(post_buffer(d, 50, PVD_DATA, 2048));                                        \
		ASSERT_LT(0, wire_write(&self->w, NULL, got, 60));                                      \
		ASSERT_TRUE(pvd_wait(d, RX, &cqe, 5000));                                               \
		EXPECT_EQ(-error, cqe.status) TH_LOG("%s", #change);                                    \
		ASSERT_TRUE(pvd_wait(d, RX, &cqe, 5000));                                               \
		EXPECT_EQ(72, cqe.status);                                                              \
	} while (0)
	BAD_RX(PVN_ENOSYS, rb.op = 0);
	BAD_RX(PVN_EINVAL, rb.flags = 1);
	BAD_RX(PVN_EINVAL, rb.len = 255);
	BAD_RX(PVN_EINVAL, rb.len = 65537);
	BAD_RX(PVN_EINVAL, rb.reserved2[4] = 1);
	BAD_RX(PVN_EFAULT, rb.addr = PVD_RAM - 1000);
	EXPECT_EQ(PVN_STATUS_ATTACHED, pvd_read(d, PVN_REG_STATUS));
}

TEST_F(net, frames_are_received)
{
	struct pv_driver *d = &self->d;
	struct pvn_net_rx_header header = { .flags = 2, .reserved = 0xffff };
	static char want[4000];
	struct pvn_cqe cqe;
	unsigned int i;
	char *data;

	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, 0));
	fill_pattern(want, sizeof(want), 3);
	/* The frame waits for a buffer. */
	ASSERT_LT(0, wire_write(&self->w, &header, want, 60));
	EXPECT_FALSE(pvd_wait(d, RX, &cqe, 50));
	for (i = 0; i < 8; i++)
		ASSERT_TRUE(post_buffer(d, i, PVD_DATA + 4096 * i, 2048));
	ASSERT_TRUE(pvd_wait(d, RX, &cqe, 5000));
	EXPECT_EQ(0, cqe.id);
	EXPECT_EQ(72, cqe.status);
	EXPECT_EQ(0, cqe.flags);
	data = pvd_ptr(d, PVD_DATA);
	EXPECT_EQ(variant->vnet ? 2 : 0, data[0]);
	EXPECT_EQ(0, data[10]);
	EXPECT_EQ(0, memcmp(data + 12, want, 60));
	/* Without MERGE what does not fit is dropped, and the next one comes. */
	ASSERT_LT(0, wire_write(&self->w, NULL, want, 3000));
	ASSERT_LT(0, wire_write(&self->w, NULL, want, 1514));
	ASSERT_TRUE(pvd_wait(d, RX, &cqe, 5000));
	EXPECT_EQ(1, cqe.id);
	EXPECT_EQ(1526, cqe.status);
	EXPECT_EQ(0, memcmp(pvd_ptr(d, PVD_DATA + 4096 + 12), want, 1514));
	/* Exactly full. */
	ASSERT_LT(0, wire_write(&self->w, NULL, want, 2048 - 12));
	ASSERT_TRUE(pvd_wait(d, RX, &cqe, 5000));
	EXPECT_EQ(2048, cqe.status);
	if (variant->vnet) {
		/* What was not accepted is not delivered. */
		header = (struct pvn_net_rx_header){ .flags = 1, .csum_start = 34, .csum_offset = 16 };
		ASSERT_LT(0, wire_write(&self->w, &header, want, 60));
		header = (struct pvn_net_rx_header){ .gso_type = PVN_NET_GSO_TCPV4, .gso_size = 100 };
		ASSERT_LT(0, wire_write(&self->w, &header, want, 60));
		EXPECT_FALSE(pvd_wait(d, RX, &cqe, 50));
	}
	/* Buffers that are held go back when the device is quiesced. */
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_QUIESCE));
	while (pvd_wait(d, RX, &cqe, 10))
		EXPECT_EQ(-PVN_ECANCELED, cqe.status);
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_RESUME));
	for (i = 0; i < 8; i++)
		ASSERT_TRUE(post_buffer(d, 20 + i, PVD_DATA + 4096 * i, 2048));
	ASSERT_LT(0, wire_write(&self->w, NULL, want, 60));
	ASSERT_TRUE(pvd_wait(d, RX, &cqe, 5000));
	EXPECT_EQ(72, cqe.status);
}

TEST_F(net, large_frames_span_buffers)
{
	struct pv_driver *d = &self->d;
	struct pvn_net_rx_header header = { .flags = 1, .gso_type = PVN_NET_GSO_TCPV4, .gso_size = 1448, .hdr_len = 66 };
	uint64_t features = PVN_NET_F_MERGE;
	uint32_t size = variant->vnet ? 40000 : 1514, at = 0;
	static char want[40000];
	struct pvn_cqe cqe;
	unsigned int i;

	if (variant->vnet)
		features |= PVN_NET_F_RX_CSUM | PVN_NET_F_RX_TSO4;
	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, features));
	fill_pattern(want, size, 4);
	for (i = 0; i < 60; i++)
		ASSERT_TRUE(post_buffer(d, i, PVD_DATA + 4096 * i, variant->vnet ? 2048 : 512));
	ASSERT_LT(0, wire_write(&self->w, &header, want, size));
	for (i = 0; at < size; i++) {
		uint32_t skip = i ? 0 : 12;

		ASSERT_TRUE(pvd_wait(d, RX, &cqe, 5000));
		ASSERT_EQ(i, cqe.id);
		ASSERT_LE(at + cqe.status - skip, size);
		EXPECT_EQ(0, memcmp(pvd_ptr(d, PVD_DATA + 4096 * i + skip), want + at, cqe.status - skip));
		at += cqe.status - skip;
		EXPECT_EQ(at < size ? PVN_NET_CQE_MORE : 0, cqe.flags);
	}
}

TEST_F(net, cut_wire_shows_and_comes_back)
{
	struct pv_driver *d = &self->d;
	struct pvn_net_tx tx = frame(1, 60);
	char got[128];
	uint64_t end;

	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, PVN_NET_F_STATUS));
	__atomic_store_n(&self->w.cut, true, __ATOMIC_RELAXED);
	close(self->w.other);
	end = loop_now_ns() + 5000000000ull;
	while (pvd_read(d, PVN_REG_CONFIG + 8) && loop_now_ns() < end)
		usleep(1000);
	EXPECT_EQ(0, pvd_read(d, PVN_REG_CONFIG + 8));
	EXPECT_LE(1, fake_msix_take(self->f, d->pci, 0));
	/* Frames are taken and lost, and nothing hangs. */
	EXPECT_EQ(0, send_frame(d, &tx));
	__atomic_store_n(&self->w.cut, false, __ATOMIC_RELAXED);
	while (!pvd_read(d, PVN_REG_CONFIG + 8) && loop_now_ns() < end)
		usleep(1000);
	EXPECT_EQ(PVN_NET_LINK_UP, pvd_read(d, PVN_REG_CONFIG + 8));
	EXPECT_EQ(0, send_frame(d, &tx));
	EXPECT_EQ(variant->vnet ? 72 : 60, wire_read(&self->w, got, sizeof(got)));
}

TEST_F(net, wild_index_fails_the_device)
{
	struct pv_driver *d = &self->d;
	struct pvn_ring_header *hdr = pvd_ptr(d, PVD_RING(RX));
	char bytes[60] = { 0 };

	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, 0));
	hdr->sq_tail += 1000;
	ASSERT_LT(0, wire_write(&self->w, NULL, bytes, 60));
	EXPECT_TRUE(pvd_wait_status(d, PVN_STATUS_FAILED, PVN_STATUS_FAILED, 5000));
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_DETACH));
	EXPECT_EQ(0, pvd_attach(d, 2, ORDER, 0));
}

/* Detach with frames moving both ways: not a byte is touched afterwards. */
TEST_F_TIMEOUT(net, detach_under_load, 60)
{
	struct pv_driver *d = &self->d;
	char bytes[200] = { 0 };
	struct pvn_net_tx tx;
	unsigned int round, i;
	char *ring;

	for (round = 0; round < 50; round++) {
		ASSERT_EQ(0, pvd_attach(d, 2, ORDER, PVN_NET_F_MERGE));
		for (i = 0; i < 40; i++) {
			tx = frame(i, 60 + i);
			pvd_submit(d, TX, &tx);
			post_buffer(d, i, PVD_DATA + 0x100000 + 2048 * i, 2048);
			wire_write(&self->w, NULL, bytes, sizeof(bytes));
		}
		ASSERT_EQ(0, pvd_command(d, PVN_CMD_DETACH));
		memset(pvd_ptr(d, PVD_DATA + 0x100000), 0x5a, 2048 * 40);
		ring = pvd_ptr(d, PVD_RING(0));
		memset(ring, 0x5a, 0x40000);
		usleep(500);
		for (i = 0; i < 0x40000; i++)
			ASSERT_EQ(0x5a, ring[i]);
		ring = pvd_ptr(d, PVD_DATA + 0x100000);
		for (i = 0; i < 2048 * 40; i++)
			ASSERT_EQ(0x5a, ring[i]);
		while (read(self->w.other, bytes, sizeof(bytes)) > 0)
			;
	}
}

TEST_HARNESS_MAIN
