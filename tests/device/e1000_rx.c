// SPDX-License-Identifier: GPL-2.0-only
/* What the 82540EM receives: filters, buffers, checksums, segments cut for the guest, and when it stops reading. */
#include "kselftest_harness.h"

#include <sys/socket.h>

#include "e1000_driver.h"

FIXTURE(rx)
{
	struct drv d;
	uint8_t frame[DRV_FRAME_MAX];
	uint8_t out[DRV_FRAME_MAX];
	struct e1000_rx_desc last;
};

FIXTURE_VARIANT(rx)
{
	bool vnet_header;
};

FIXTURE_VARIANT_ADD(rx, bare) { .vnet_header = false };
FIXTURE_VARIANT_ADD(rx, header) { .vnet_header = true };

FIXTURE_SETUP(rx)
{
	ASSERT_EQ(0, drv_create(&self->d, variant->vnet_header));
	drv_start(&self->d, RCTL_BAM);
	drv_rx_give(&self->d, DRV_RING - 1);
}

FIXTURE_TEARDOWN(rx)
{
	drv_destroy(&self->d);
}

/* What only a backend with headers has. */
FIXTURE(offload)
{
	struct drv d;
	uint8_t frame[DRV_FRAME_MAX];
	uint8_t out[DRV_FRAME_MAX];
	struct e1000_rx_desc last;
};

FIXTURE_SETUP(offload)
{
	ASSERT_EQ(0, drv_create(&self->d, true));
	drv_start(&self->d, RCTL_BAM);
	drv_rx_give(&self->d, DRV_RING - 1);
}

FIXTURE_TEARDOWN(offload)
{
	drv_destroy(&self->d);
}

/* Send a frame to this address: does the guest get it? */
static bool passes(struct __test_metadata *_metadata, FIXTURE_DATA(rx) *self, const char *to)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 100), got;

	memcpy(self->frame, to, 6);
	drv_peer_send(d, self->frame, len, NULL);
	got = drv_rx_frame(d, self->out, &self->last);
	drv_write(d, R_RDT, (d->rx_at + DRV_RING - 1) % DRV_RING);
	if (got < 0)
		return false;
	EXPECT_EQ(len + 4, got);
	EXPECT_EQ(0, memcmp(self->frame, self->out, len));
	return true;
}
#define PASSES(to) passes(_metadata, self, to)

TEST_F(rx, filters)
{
	struct drv *d = &self->d;
	const char *mine = (const char *)drv_mac, *other = "\x52\x54\x00\x12\x34\x57";
	const char *broadcast = "\xff\xff\xff\xff\xff\xff", *group = "\x01\x00\x5e\x12\x34\x56";
	static const unsigned int shift[] = { 4, 3, 2, 0 };

	EXPECT_TRUE(PASSES(mine));
	EXPECT_TRUE(drv_read(d, R_ICR) & INT_RXT0);
	EXPECT_FALSE(PASSES(other));
	EXPECT_EQ(0, drv_read(d, R_ICR) & INT_RXT0);
	EXPECT_TRUE(PASSES(broadcast));
	EXPECT_FALSE(PASSES(group));
	drv_write(d, R_RCTL, RCTL_EN);
	EXPECT_FALSE(PASSES(broadcast));
	drv_write(d, R_RCTL, RCTL_EN | RCTL_UPE);
	EXPECT_TRUE(PASSES(other));
	EXPECT_FALSE(PASSES(group));
	drv_write(d, R_RCTL, RCTL_EN | RCTL_MPE);
	EXPECT_TRUE(PASSES(group));
	EXPECT_FALSE(PASSES(other));
	/* The last of the 16 addresses. */
	drv_write(d, R_RCTL, RCTL_EN);
	drv_write(d, R_RAL + 15 * 8, 0x12005452);
	drv_write(d, R_RAL + 15 * 8 + 4, 0x5734);
	EXPECT_FALSE(PASSES(other));
	drv_write(d, R_RAL + 15 * 8 + 4, RAH_AV | 0x5734);
	EXPECT_TRUE(PASSES(other));
	/* Multicast by hash, in each of its four places. */
	for (uint32_t mo = 0; mo < 4; mo++) {
		uint32_t bits = (0x5634u >> shift[mo]) & 0xfff;

		drv_write(d, R_RCTL, RCTL_EN | mo << RCTL_MO_SHIFT);
		EXPECT_FALSE(PASSES(group));
		drv_write(d, R_MTA + 4 * (bits >> 5), 1u << (bits & 31));
		EXPECT_TRUE(PASSES(group));
		EXPECT_TRUE(self->last.status & RXD_PIF);
		drv_write(d, R_MTA + 4 * (bits >> 5), 0);
	}
}

TEST_F(rx, vlan_filter_and_strip)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 100), n;

	memmove(self->frame + 16, self->frame + 12, len - 12);
	memcpy(self->frame + 12, "\x81\x00\x60\x2a", 4);
	/* As it is. */
	drv_peer_send(d, self->frame, len + 4, NULL);
	EXPECT_EQ(len + 8, drv_rx_frame(d, self->out, &self->last));
	EXPECT_EQ(0, self->last.status & RXD_VP);
	drv_write(d, R_CTRL, drv_read(d, R_CTRL) | CTRL_VME);
	drv_peer_send(d, self->frame, len + 4, NULL);
	n = drv_rx_frame(d, self->out, &self->last);
	EXPECT_EQ(len + 4, n);
	EXPECT_TRUE(self->last.status & RXD_VP);
	EXPECT_EQ(0x602a, self->last.special);
	EXPECT_STREQ("", drv_check_frame(self->out, n - 4));
	drv_write(d, R_RCTL, RCTL_EN | RCTL_VFE);
	drv_peer_send(d, self->frame, len + 4, NULL);
	EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
	drv_write(d, R_VFTA + 4 * (0x2a >> 5), 1u << (0x2a & 31));
	drv_peer_send(d, self->frame, len + 4, NULL);
	EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
}

TEST_F(rx, sizes)
{
	struct drv *d = &self->d;
	static const struct {
		uint32_t rctl, bytes;
	} sizes[] = {
		{ 0, 2048 },
		{ 1 << RCTL_BSIZE_SHIFT, 1024 },
		{ 2 << RCTL_BSIZE_SHIFT, 512 },
		{ 3 << RCTL_BSIZE_SHIFT, 256 },
		{ RCTL_BSEX | 1 << RCTL_BSIZE_SHIFT, 16384 },
		{ RCTL_BSEX | 2 << RCTL_BSIZE_SHIFT, 8192 },
		{ RCTL_BSEX | 3 << RCTL_BSIZE_SHIFT, 4096 },
	};

	for (unsigned int i = 0; i < 7; i++) {
		/* Jumbo frames over several buffers; with and without the check sequence. */
		for (uint32_t secrc = 0; secrc <= RCTL_SECRC; secrc += RCTL_SECRC) {
			int len = drv_make_tcp(self->frame, false, 9000 - 40), n;
			uint32_t before;

			drv_start(d, sizes[i].rctl | RCTL_LPE | secrc);
			drv_rx_give(d, DRV_RING - 1);
			drv_peer_send(d, self->frame, len, NULL);
			before = d->rx_at;
			n = drv_rx_frame(d, self->out, &self->last);
			EXPECT_EQ(len + (secrc ? 0 : 4), n);
			EXPECT_EQ(0, memcmp(self->frame, self->out, len));
			EXPECT_EQ((n + sizes[i].bytes - 1) / sizes[i].bytes, d->rx_at - before);
		}
	}
	/* Without LPE too long; the longest that is not. */
	drv_start(d, 0);
	drv_rx_give(d, DRV_RING - 1);
	drv_peer_send(d, self->frame, 1519, NULL);
	EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
	EXPECT_EQ(1, drv_read(d, R_ROC));
	drv_peer_send(d, self->frame, 1518, NULL);
	EXPECT_EQ(1522, drv_rx_frame(d, self->out, &self->last));
	/* Padded to the least length. */
	drv_peer_send(d, self->frame, 42, NULL);
	EXPECT_EQ(64, drv_rx_frame(d, self->out, &self->last));
}

TEST_F(rx, checksum_bits)
{
	struct drv *d = &self->d;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		int len = drv_make_tcp(self->frame, ipv6, 501);

		drv_write(d, R_RXCSUM, 0);
		drv_peer_send(d, self->frame, len, NULL);
		drv_rx_frame(d, self->out, &self->last);
		EXPECT_TRUE(self->last.status & RXD_IXSM);
		drv_write(d, R_RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
		drv_peer_send(d, self->frame, len, NULL);
		drv_rx_frame(d, self->out, &self->last);
		EXPECT_EQ(RXD_TCPCS | (ipv6 ? 0 : RXD_IPCS),
			  self->last.status & (RXD_IXSM | RXD_TCPCS | RXD_IPCS));
		EXPECT_EQ(0, self->last.errors);
		self->frame[len - 1] ^= 1;
		drv_peer_send(d, self->frame, len, NULL);
		drv_rx_frame(d, self->out, &self->last);
		EXPECT_EQ(RXD_ERR_TCPE, self->last.errors);
		if (!ipv6) {
			self->frame[len - 1] ^= 1;
			self->frame[22] ^= 1;
			drv_peer_send(d, self->frame, len, NULL);
			drv_rx_frame(d, self->out, &self->last);
			EXPECT_EQ(RXD_ERR_IPE, self->last.errors);
		}
	}
	/* A fragment, and something that is not IP: not looked at. */
	drv_make_tcp(self->frame, false, 501);
	self->frame[20] = 0x20;
	drv_peer_send(d, self->frame, 555, NULL);
	drv_rx_frame(d, self->out, &self->last);
	EXPECT_EQ(0, self->last.status & RXD_TCPCS);
	memcpy(self->frame + 12, "\x08\x06", 2);
	drv_peer_send(d, self->frame, 60, NULL);
	drv_rx_frame(d, self->out, &self->last);
	EXPECT_TRUE(self->last.status & RXD_IXSM);
}

TEST_F(offload, partial_checksums_are_completed)
{
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	uint8_t tail[4] = { 0, 6, 0, 120 };
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 100);
	uint16_t sum = drv_sum(tail, 4, drv_sum(self->frame + 26, 8, 0));

	self->frame[50] = sum >> 8;
	self->frame[51] = sum;
	drv_write(d, R_RXCSUM, RXCSUM_TUOFL);
	drv_peer_send(d, self->frame, len, &h);
	EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
	EXPECT_STREQ("", drv_check_frame(self->out, len));
	EXPECT_TRUE(self->last.status & RXD_TCPCS);
	/* Offsets beyond the frame. */
	h.csum_start = 0xffff;
	drv_peer_send(d, self->frame, len, &h);
	EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
}

TEST_F(offload, large_segments_are_cut)
{
	struct drv *d = &self->d;

	drv_write(d, R_RXCSUM, RXCSUM_TUOFL);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		int len = drv_make_tcp(self->frame, ipv6, 60001), header = ipv6 ? 74 : 54, done = 0, n;
		struct virtio_net_hdr_v1 h = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
			.gso_size = 1400,
			.hdr_len = header,
			.csum_start = header - 20,
			.csum_offset = 16,
		};

		/* Fewer descriptors than segments at first: the rest comes when the guest gives more. */
		drv_start(d, 0);
		drv_write(d, R_RXCSUM, RXCSUM_TUOFL);
		drv_rx_give(d, 10);
		drv_peer_send(d, self->frame, len, &h);
		for (int i = 0; i < 60; i++) {
			n = drv_rx_frame(d, self->out, &self->last);
			if (n < 0) {
				EXPECT_EQ(10, i);
				drv_rx_give(d, DRV_RING - 1);
				n = drv_rx_frame(d, self->out, &self->last);
			}
			n -= 4;
			ASSERT_EQ(60001 - done < 1400 ? 60001 - done : 1400, n - header);
			EXPECT_STREQ("", drv_check_frame(self->out, n));
			EXPECT_EQ(0, memcmp(self->frame + header + done, self->out + header, n - header));
			EXPECT_TRUE(self->last.status & RXD_TCPCS);
			done += n - header;
			EXPECT_EQ(done == 60001 ? 0x19 : 0x10, self->out[header - 7]);
			if (done == 60001)
				break;
		}
		EXPECT_EQ(60001, done);
		EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
		/* Headers that lie. */
		h.gso_size = 0;
		drv_peer_send(d, self->frame, len, &h);
		h.gso_size = 1400;
		h.gso_type = 77;
		drv_peer_send(d, self->frame, len, &h);
		h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		drv_peer_send(d, self->frame, 40, &h);
		EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
	}
}

TEST_F(rx, without_descriptors_frames_wait_in_the_backend)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 100), bytes;

	drv_start(d, 0);
	drv_rx_give(d, 4);
	drv_read(d, R_ICR);
	for (int i = 0; i < 12; i++) {
		self->frame[len - 1] = i;
		drv_peer_send(d, self->frame, len, NULL);
	}
	EXPECT_EQ(4, drv_read(d, R_RDH));
	/* Not read, and nobody turns in circles over it. */
	EXPECT_LT(0, recv(d->nb.fd, self->out, sizeof(self->out), MSG_PEEK));
	loop_run_once(d->f->m.loop, 0);
	bytes = d->f->irq_calls[d->e->pci.gsi];
	for (int i = 0; i < 100; i++)
		loop_run_once(d->f->m.loop, 0);
	EXPECT_EQ(bytes, d->f->irq_calls[d->e->pci.gsi]);
	drv_rx_give(d, DRV_RING - 1);
	for (int i = 0; i < 12; i++) {
		ASSERT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
		EXPECT_EQ(i, self->out[len - 1]);
	}
	EXPECT_EQ(0, drv_read(d, R_MPC));
}

TEST_F(rx, threshold)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 10);

	/* 63 free; at half, 32 are left: after 31 frames. */
	drv_read(d, R_ICR);
	for (int i = 0; i < 30; i++)
		drv_peer_send(d, self->frame, len, NULL);
	EXPECT_EQ(0, drv_read(d, R_ICR) & INT_RXDMT0);
	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_TRUE(drv_read(d, R_ICR) & INT_RXDMT0);
	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_EQ(0, drv_read(d, R_ICR) & INT_RXDMT0);
}

/* A driver that polls with interrupts masked is not interrupted for what it has taken. */
TEST_F(rx, unmasking_after_a_poll)
{
	struct drv *d = &self->d;
	unsigned int *rises = &d->f->irq_rises[d->e->pci.gsi], before;
	int len = drv_make_tcp(self->frame, false, 100);

	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_TRUE(drv_read(d, R_ICR) & INT_RXT0);
	drv_write(d, R_IMC, ~0u);
	drv_peer_send(d, self->frame, len, NULL);
	drv_peer_send(d, self->frame, len, NULL);
	before = *rises;
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
	drv_write(d, R_IMS, INT_RXT0);
	usleep(300);
	drv_settle(d);
	EXPECT_EQ(before, *rises);
	EXPECT_EQ(0, drv_read(d, R_ICR) & INT_RXT0);
	/* One that came after the last that was taken does interrupt. */
	drv_write(d, R_IMC, ~0u);
	drv_peer_send(d, self->frame, len, NULL);
	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
	drv_write(d, R_IMS, INT_RXT0);
	usleep(300);
	drv_settle(d);
	EXPECT_EQ(before + 1, *rises);
}

/* As a driver's self-test does it: what is sent comes back, and neither goes out nor comes in. */
TEST_F(rx, loopback_in_the_phy)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 300);
	uint32_t mdic = PHY_CTRL << 16 | PHY_ADDRESS << 21 | MDIC_OP_WRITE;

	drv_write(d, R_MDIC, mdic | PHY_CTRL_LOOPBACK | 0x140);
	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
	self->frame[60] = 77;
	drv_tx_put(d, drv_tx_data(d, self->frame, len), len | TXD_CMD_EOP | TXD_CMD_RS, 0);
	drv_tx_go(d);
	EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
	EXPECT_EQ(77, self->out[60]);
	EXPECT_EQ(-1, drv_peer_receive(d, self->out, NULL));
	drv_write(d, R_MDIC, mdic | 0x1140);
	drv_write(d, R_RDT, (d->rx_at + DRV_RING - 1) % DRV_RING);
	drv_settle(d);
	EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
	EXPECT_NE(77, self->out[60]);
}

TEST_F(rx, null_and_wild_descriptors)
{
	struct drv *d = &self->d;
	struct e1000_rx_desc rx = { .addr = 0 };
	int len = drv_make_tcp(self->frame, false, 100);

	gmem_write(&d->f->m.gmem, GPA(DRV_RX_RING), &rx, sizeof(rx));
	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_EQ(2, drv_read(d, R_RDH));
	EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
	/* The buffer is nowhere, or ends outside memory. */
	rx.addr = 0xffffffffffffff00ull;
	gmem_write(&d->f->m.gmem, GPA(DRV_RX_RING + 32), &rx, sizeof(rx));
	rx.addr = DRV_RAM - 10;
	gmem_write(&d->f->m.gmem, GPA(DRV_RX_RING + 48), &rx, sizeof(rx));
	drv_peer_send(d, self->frame, len, NULL);
	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_EQ(4, drv_read(d, R_RDH));
	/* The ring is nowhere, has no length, or indices outside it. */
	drv_write(d, R_RDBAH, 0xffff);
	drv_peer_send(d, self->frame, len, NULL);
	drv_write(d, R_RDH, 0xffff);
	drv_rx_give(d, 5);
	drv_write(d, R_RDH, 0);
	drv_write(d, R_RDLEN, 0);
	drv_rx_give(d, 5);
	drv_peer_send(d, self->frame, len, NULL);
	/* All descriptors null: a frame takes what there is and is cut short. */
	memset(&rx, 0, sizeof(rx));
	drv_start(d, 0);
	for (uint32_t i = 0; i < DRV_RING; i++)
		gmem_write(&d->f->m.gmem, GPA(DRV_RX_RING + 16 * i), &rx, sizeof(rx));
	drv_rx_give(d, 20);
	EXPECT_EQ(20, drv_read(d, R_RDH));
}

TEST_F(rx, off_and_without_bus_mastering)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 100);

	drv_write(d, R_RCTL, 0);
	drv_settle(d);
	drv_peer_send(d, self->frame, len, NULL);
	EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
	fake_config_write(d->f, &d->e->pci, 4, 2, 3);
	drv_write(d, R_RCTL, RCTL_EN);
	drv_settle(d);
	EXPECT_EQ(-1, drv_rx_frame(d, self->out, &self->last));
	fake_device_enable(d->f, &d->e->pci);
	drv_settle(d);
	EXPECT_EQ(len + 4, drv_rx_frame(d, self->out, &self->last));
}

static bool link_is_up(void *arg)
{
	return drv_read(arg, R_STATUS) & STATUS_LU;
}

static bool link_is_down(void *arg)
{
	return !link_is_up(arg);
}

TEST_F(rx, a_cut_wire_and_its_return)
{
	struct drv *d = &self->d;
	int peer = d->peer, fds[2];
	uint32_t lsc;

	drv_read(d, R_ICR);
	/* The other end closes: sending shows it. */
	close(peer);
	d->peer = -1;
	drv_tx_put(d, DRV_TX_DATA, 100 | TXD_CMD_EOP | TXD_CMD_RS, 0);
	drv_tx_go(d);
	EXPECT_TRUE(fake_wait(d->f, link_is_down, d, 1000));
	lsc = drv_read(d, R_ICR);
	EXPECT_TRUE(lsc & INT_LSC);
	/* What is sent meanwhile is gone, and done. */
	drv_tx_put(d, DRV_TX_DATA, 100 | TXD_CMD_EOP | TXD_CMD_RS, 0);
	drv_tx_go(d);
	EXPECT_TRUE(drv_tx_done(d, 1));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds));
	ASSERT_EQ(d->nb.fd, dup2(fds[0], d->nb.fd));
	close(fds[0]);
	d->peer = fds[1];
	EXPECT_TRUE(fake_wait(d->f, link_is_up, d, 3000));
	EXPECT_TRUE(drv_read(d, R_ICR) & INT_LSC);
	drv_peer_send(d, self->frame, drv_make_tcp(self->frame, false, 100), NULL);
	EXPECT_EQ(158, drv_rx_frame(d, self->out, &self->last));
}

TEST_HARNESS_MAIN
