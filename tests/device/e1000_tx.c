// SPDX-License-Identifier: GPL-2.0-only
/* What the 82540EM sends: checksums, segmentation, tags, and what it makes of rings that no driver would set up. */
#include "kselftest_harness.h"

#include <arpa/inet.h>

#include "e1000_driver.h"

#define TCP_PAYLOAD 60000
#define MSS 1448

FIXTURE(tx)
{
	struct drv d;
	uint8_t frame[DRV_FRAME_MAX];
	uint8_t out[DRV_FRAME_MAX];
};

FIXTURE_VARIANT(tx)
{
	bool vnet_header;
};

FIXTURE_VARIANT_ADD(tx, bare) { .vnet_header = false };
FIXTURE_VARIANT_ADD(tx, header) { .vnet_header = true };

FIXTURE_SETUP(tx)
{
	ASSERT_EQ(0, drv_create(&self->d, variant->vnet_header));
	drv_start(&self->d, 0);
}

FIXTURE_TEARDOWN(tx)
{
	drv_destroy(&self->d);
}

static const uint32_t legacy = TXD_CMD_EOP | TXD_CMD_RS | TXD_CMD_IFCS;

/* Offsets of a context descriptor for IPv4 or IPv6 and TCP. */
static uint64_t tcp_offsets(bool ipv6)
{
	uint64_t tu = ipv6 ? 54 : 34, ip = ipv6 ? 0 : 14 | 24 << 8 | 33 << 16;

	if (ipv6)
		ip = 14;
	return ip | tu << 32 | (tu + 16) << 40;
}

/* Make of a good frame what a driver hands over: no IP length and sum, and a pseudo header without length. */
static void to_segment_template(uint8_t *f, bool ipv6)
{
	uint8_t *ip = f + 14, *tcp = ip + (ipv6 ? 40 : 20), tail[4] = { 0, 6, 0, 0 };
	uint16_t sum = ipv6 ? drv_sum(ip + 8, 32, 0) : drv_sum(ip + 12, 8, 0);

	sum = drv_sum(tail, 4, sum);
	if (ipv6) {
		memset(ip + 4, 0, 2);
	} else {
		memset(ip + 2, 0, 2);
		memset(ip + 10, 0, 2);
	}
	tcp[16] = sum >> 8;
	tcp[17] = sum;
}

/* A partial checksum: the pseudo header's sum, with its length. */
static void to_partial(uint8_t *f, uint32_t len, bool ipv6)
{
	uint8_t *tcp = f + (ipv6 ? 54 : 34);
	uint32_t bytes = f + len - tcp;
	uint8_t tail[4] = { 0, 6, bytes >> 8, bytes };
	uint16_t sum = ipv6 ? drv_sum(f + 22, 32, 0) : drv_sum(f + 26, 8, 0);

	sum = drv_sum(tail, 4, sum);
	tcp[16] = sum >> 8;
	tcp[17] = sum;
}

TEST_F(tx, legacy_frame_in_three_descriptors)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 1000);
	uint64_t at = drv_tx_data(d, self->frame, len);

	drv_tx_put(d, at, 14, 0);
	drv_tx_put(d, at + 14, 500, 0);
	drv_tx_put(d, at + 514, (len - 514) | legacy, 0);
	drv_tx_go(d);
	EXPECT_EQ(3, drv_read(d, R_TDH));
	EXPECT_FALSE(drv_tx_done(d, 0));
	EXPECT_TRUE(drv_tx_done(d, 2));
	EXPECT_TRUE(drv_read(d, R_ICR) & INT_TXDW);
	ASSERT_EQ(len, drv_peer_receive(d, self->out, NULL));
	EXPECT_EQ(0, memcmp(self->frame, self->out, len));
	EXPECT_EQ(-1, drv_peer_receive(d, self->out, NULL));
}

TEST_F(tx, short_frames_are_padded)
{
	struct drv *d = &self->d;
	uint64_t at = drv_tx_data(d, "\xff\xff\xff\xff\xff\xff\x52\x54\0\1\2\3\x08\x06", 14);

	drv_tx_put(d, at, 14 | legacy, 0);
	drv_tx_go(d);
	EXPECT_EQ(60, drv_peer_receive(d, self->out, NULL));
	/* Shorter than an Ethernet header: nothing to send, but done. */
	drv_tx_put(d, at, 13 | legacy, 0);
	drv_tx_go(d);
	EXPECT_TRUE(drv_tx_done(d, 1));
	EXPECT_EQ(-1, drv_peer_receive(d, self->out, NULL));
}

TEST_F(tx, legacy_checksum)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 333);

	to_partial(self->frame, len, false);
	drv_tx_put(d, drv_tx_data(d, self->frame, len), len | 50 << 16 | legacy | TXD_CMD_IC, 34 << 8);
	drv_tx_go(d);
	ASSERT_EQ(len, drv_peer_receive(d, self->out, NULL));
	EXPECT_STREQ("", drv_check_frame(self->out, len));
}

/* What a tap's other end would make of a partial checksum. */
static void complete(uint8_t *f, uint32_t len, const struct virtio_net_hdr_v1 *h)
{
	uint16_t sum = ~drv_sum(f + h->csum_start, len - h->csum_start, 0);

	f[h->csum_start + h->csum_offset] = sum >> 8;
	f[h->csum_start + h->csum_offset + 1] = sum;
}

TEST_F(tx, checksum_by_context)
{
	struct drv *d = &self->d;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		int len = drv_make_tcp(self->frame, ipv6, 1001);
		struct virtio_net_hdr_v1 h = { 0 };

		to_partial(self->frame, len, ipv6);
		if (!ipv6)
			memset(self->frame + 24, 0xee, 2);
		drv_tx_context(d, tcp_offsets(ipv6), TXC_CMD_TCP | (ipv6 ? 0 : TXC_CMD_IP), 0, 0);
		drv_tx_put(d, drv_tx_data(d, self->frame, len), len | TXD_CMD_DEXT | TXD_DTYP_DATA | legacy,
			   TXD_POPTS_TXSM | (ipv6 ? 0 : TXD_POPTS_IXSM));
		drv_tx_go(d);
		ASSERT_EQ(len, drv_peer_receive(d, self->out, &h));
		if (variant->vnet_header) {
			EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, h.flags);
			EXPECT_EQ(ipv6 ? 54 : 34, h.csum_start);
			EXPECT_EQ(16, h.csum_offset);
			complete(self->out, len, &h);
		}
		EXPECT_STREQ("", drv_check_frame(self->out, len));
	}
}

static void send_large(struct drv *d, uint8_t *frame, int len, bool ipv6, uint32_t extra, uint32_t special)
{
	uint32_t header = ipv6 ? 74 : 54;
	uint32_t cmd = TXD_CMD_DEXT | TXD_DTYP_DATA | TXD_CMD_TSE | extra;
	uint32_t popts = TXD_POPTS_TXSM | (ipv6 ? 0 : TXD_POPTS_IXSM);
	uint64_t at;

	to_segment_template(frame, ipv6);
	at = drv_tx_data(d, frame, len);
	drv_tx_context(d, tcp_offsets(ipv6), (len - header) | TXC_CMD_TCP | (ipv6 ? 0 : TXC_CMD_IP) | TXD_CMD_TSE,
		       header, MSS);
	drv_tx_put(d, at, header | cmd, popts);
	for (int done = header; done < len;) {
		int n = len - done < 16000 ? len - done : 16000;
		bool last = done + n == len;

		drv_tx_put(d, at + done, n | cmd | (last ? legacy : 0), popts | (last ? special << 16 : 0));
		done += n;
	}
	drv_tx_go(d);
}

TEST_F(tx, segmentation)
{
	struct drv *d = &self->d;

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		int len = drv_make_tcp(self->frame, ipv6, TCP_PAYLOAD), header = ipv6 ? 74 : 54, n, done = 0, nr = 0;
		struct virtio_net_hdr_v1 h = { 0 };
		static uint8_t good[DRV_FRAME_MAX];

		memcpy(good, self->frame, len);
		send_large(d, self->frame, len, ipv6, 0, 0);
		if (variant->vnet_header) {
			ASSERT_EQ(len, drv_peer_receive(d, self->out, &h));
			EXPECT_EQ(ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4, h.gso_type);
			EXPECT_EQ(MSS, h.gso_size);
			EXPECT_EQ(header, h.hdr_len);
			EXPECT_EQ(header - 20, h.csum_start);
			complete(self->out, len, &h);
			/* Completed, it is the frame that the driver would have sent without segmentation. */
			EXPECT_EQ(0, memcmp(good, self->out, len));
			EXPECT_STREQ("", drv_check_frame(self->out, len));
			EXPECT_EQ((TCP_PAYLOAD + MSS - 1) / MSS, drv_read(d, R_GPTC));
			continue;
		}
		while ((n = drv_peer_receive(d, self->out, NULL)) > 0) {
			uint32_t seq;
			bool last = done + n - header == TCP_PAYLOAD;

			ASSERT_EQ(last ? TCP_PAYLOAD - done : MSS, n - header);
			EXPECT_STREQ("", drv_check_frame(self->out, n));
			memcpy(&seq, self->out + header - 16, 4);
			EXPECT_EQ(0xfffff000 + done, ntohl(seq));
			EXPECT_EQ(last ? 0x19 : 0x10, self->out[header - 7]);
			if (!ipv6)
				EXPECT_EQ(0x1234 + nr, self->out[18] << 8 | self->out[19]);
			EXPECT_EQ(0, memcmp(good + header + done, self->out + header, n - header));
			done += n - header;
			nr++;
		}
		EXPECT_EQ(TCP_PAYLOAD, done);
		EXPECT_EQ(nr, drv_read(d, R_GPTC));
		EXPECT_EQ(1, drv_read(d, R_TSCTC));
	}
}

TEST_F(tx, segmentation_of_what_fits_in_one)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 700);
	struct virtio_net_hdr_v1 h = { 0 };

	send_large(d, self->frame, len, false, 0, 0);
	ASSERT_EQ(len, drv_peer_receive(d, self->out, &h));
	EXPECT_EQ(VIRTIO_NET_HDR_GSO_NONE, h.gso_type);
	if (variant->vnet_header)
		complete(self->out, len, &h);
	EXPECT_STREQ("", drv_check_frame(self->out, len));
	EXPECT_EQ(0x19, self->out[47]);
}

TEST_F(tx, vlan_tag_is_inserted)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, 100), n;
	uint64_t at = drv_tx_data(d, self->frame, len);
	struct virtio_net_hdr_v1 h = { 0 };

	/* Not unless the card is told to by register. */
	drv_tx_put(d, at, len | legacy | TXD_CMD_VLE, 0x2042u << 16);
	drv_tx_go(d);
	EXPECT_EQ(len, drv_peer_receive(d, self->out, NULL));
	drv_write(d, R_CTRL, drv_read(d, R_CTRL) | CTRL_VME);
	drv_tx_put(d, at, len | legacy | TXD_CMD_VLE, 0x2042u << 16);
	drv_tx_go(d);
	ASSERT_EQ(len + 4, drv_peer_receive(d, self->out, NULL));
	EXPECT_EQ(0, memcmp(self->out, self->frame, 12));
	EXPECT_EQ(0, memcmp(self->out + 12, "\x81\x00\x20\x42", 4));
	EXPECT_EQ(0, memcmp(self->out + 16, self->frame + 12, len - 12));
	/* And with segments, offsets move along. */
	len = drv_make_tcp(self->frame, false, 4000);
	send_large(d, self->frame, len, false, TXD_CMD_VLE, 7);
	n = drv_peer_receive(d, self->out, &h);
	if (variant->vnet_header) {
		EXPECT_EQ(len + 4, n);
		EXPECT_EQ(38, h.csum_start);
		EXPECT_EQ(58, h.hdr_len);
		complete(self->out, n, &h);
	}
	EXPECT_EQ(0, memcmp(self->out + 12, "\x81\x00\x00\x07", 4));
	memmove(self->out + 12, self->out + 16, n - 16);
	EXPECT_STREQ("", drv_check_frame(self->out, n - 4));
}

TEST_F(tx, nothing_without_bus_mastering_or_enable)
{
	struct drv *d = &self->d;
	uint64_t at = drv_tx_data(d, self->frame, 100);

	fake_config_write(d->f, &d->e->pci, 4, 2, 3);
	drv_tx_put(d, at, 100 | legacy, 0);
	drv_tx_go(d);
	EXPECT_EQ(0, drv_read(d, R_TDH));
	EXPECT_EQ(-1, drv_peer_receive(d, self->out, NULL));
	drv_write(d, R_TCTL, 0);
	fake_device_enable(d->f, &d->e->pci);
	drv_tx_go(d);
	EXPECT_EQ(0, drv_read(d, R_TDH));
	drv_write(d, R_TCTL, TCTL_EN);
	EXPECT_EQ(1, drv_read(d, R_TDH));
	EXPECT_EQ(100, drv_peer_receive(d, self->out, NULL));
}

TEST_F(tx, rings_that_stand_still)
{
	struct drv *d = &self->d;

	drv_write(d, R_TDT, DRV_RING); /* one past the end */
	EXPECT_EQ(0, drv_read(d, R_TDH));
	drv_write(d, R_TDT, 0xffff);
	drv_write(d, R_TDH, 0xfff0);
	drv_write(d, R_TDT, 3);
	drv_write(d, R_TDLEN, 0);
	drv_write(d, R_TDH, 0);
	drv_write(d, R_TDT, 3);
	EXPECT_EQ(0, drv_read(d, R_TDH));
	drv_write(d, R_TDLEN, 0x13); /* not a multiple of 128: 0 */
	drv_write(d, R_TDT, 3);
	EXPECT_EQ(0, drv_read(d, R_TDH));
	/* The ring is not in memory, or only half. */
	drv_write(d, R_TDLEN, 128);
	drv_write(d, R_TDBAH, 0xffffffff);
	drv_write(d, R_TDT, 3);
	EXPECT_EQ(0, drv_read(d, R_TDH));
	drv_write(d, R_TDBAH, 0);
	drv_write(d, R_TDBAL, DRV_RAM - 32);
	drv_write(d, R_TDT, 5);
	EXPECT_EQ(2, drv_read(d, R_TDH));
	EXPECT_EQ(-1, drv_peer_receive(d, self->out, NULL));
}

TEST_F(tx, wild_buffers_and_endless_frames)
{
	struct drv *d = &self->d;

	/* Not in memory: a bus error's ones. */
	drv_tx_put(d, 0xdeadbeef0000ull, 100 | legacy, 0);
	drv_tx_put(d, DRV_RAM - 50, 100 | legacy, 0);
	drv_tx_go(d);
	EXPECT_EQ(2, drv_read(d, R_TDH));
	EXPECT_EQ(100, drv_peer_receive(d, self->out, NULL));
	EXPECT_EQ(0xff, self->out[99]);
	EXPECT_EQ(100, drv_peer_receive(d, self->out, NULL));
	/* Longer than anything: dropped as a whole, and the next is a new frame. */
	for (int i = 0; i < 20; i++)
		drv_tx_put(d, DRV_TX_DATA, 0xffff, 0);
	drv_tx_put(d, DRV_TX_DATA, 100 | legacy, 0);
	drv_tx_put(d, DRV_TX_DATA, 99 | legacy, 0);
	drv_tx_go(d);
	EXPECT_EQ(99, drv_peer_receive(d, self->out, NULL));
	EXPECT_EQ(-1, drv_peer_receive(d, self->out, NULL));
	/* A context that makes no sense for cutting: header beyond the frame, no MSS, fields outside the header. */
	for (int i = 0; i < 3; i++) {
		drv_tx_context(d, i == 2 ? 14 | 34ull << 32 | 250ull << 40 : tcp_offsets(false),
			       TXC_CMD_TCP | TXC_CMD_IP | TXD_CMD_TSE, i == 0 ? 240 : 54, i == 1 ? 0 : MSS);
		drv_tx_put(d, DRV_TX_DATA, 100 | legacy | TXD_CMD_DEXT | TXD_DTYP_DATA | TXD_CMD_TSE,
			   TXD_POPTS_TXSM | TXD_POPTS_IXSM);
	}
	drv_tx_go(d);
	EXPECT_EQ(d->tail, drv_read(d, R_TDH));
	EXPECT_EQ(-1, drv_peer_receive(d, self->out, NULL));
}

static bool all_sent(void *arg)
{
	struct drv *d = arg;

	return drv_read(d, R_TDH) == d->tail;
}

TEST_F(tx, a_full_backend_loses_nothing)
{
	struct drv *d = &self->d;
	int bytes = 1, got = 0, n;

	/* A small queue fills up long before the ring is through; the rest goes when there is room. */
	setsockopt(d->nb.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	for (int i = 0; i < 60; i++) {
		memset(self->frame, i, 1000);
		drv_tx_put(d, drv_tx_data(d, self->frame, 1000), 1000 | legacy, 0);
	}
	drv_tx_go(d);
	drv_settle(d);
	EXPECT_LT(drv_read(d, R_TDH), 60);
	for (int rounds = 0; rounds < 1000 && got < 60; rounds++) {
		while ((n = drv_peer_receive(d, self->out, NULL)) > 0) {
			EXPECT_EQ(1000, n);
			EXPECT_EQ(got, self->out[500]);
			got++;
		}
		loop_run_once(d->f->m.loop, 1);
	}
	EXPECT_EQ(60, got);
	EXPECT_TRUE(fake_wait(d->f, all_sent, d, 1000));
}

TEST_F(tx, long_bursts_are_finished_by_the_sender)
{
	struct e1000_tx_desc t = { .addr = DRV_TX_DATA, .lower = 100 | legacy };
	struct drv *d = &self->d;
	int got = 0;

	/* More than a vCPU does itself. */
	for (int i = 0; i < 1024; i++)
		gmem_write(&d->f->m.gmem, GPA(DRV_TX_RING + 16 * i), &t, sizeof(t));
	drv_write(d, R_TDLEN, 16 * 1024);
	d->tail = 1000;
	drv_tx_go(d);
	EXPECT_TRUE(fake_wait(d->f, all_sent, d, 2000));
	while (drv_peer_receive(d, self->out, NULL) > 0)
		got++;
	EXPECT_EQ(1000, got);
}

TEST_F(tx, tiny_segments_keep_no_vcpu_busy)
{
	struct drv *d = &self->d;
	int len = drv_make_tcp(self->frame, false, TCP_PAYLOAD), got = 0;
	uint32_t cmd = TXD_CMD_DEXT | TXD_DTYP_DATA | TXD_CMD_TSE;
	uint64_t at;

	to_segment_template(self->frame, false);
	at = drv_tx_data(d, self->frame, len);
	/* 1,875 segments a frame are cut, on the sender's thread; none by less than any TCP would ask for. */
	drv_tx_context(d, tcp_offsets(false), TXC_CMD_TCP | TXC_CMD_IP | TXD_CMD_TSE, 54, 32);
	drv_tx_put(d, at, len | cmd | legacy, TXD_POPTS_TXSM | TXD_POPTS_IXSM);
	drv_tx_context(d, tcp_offsets(false), TXC_CMD_TCP | TXC_CMD_IP | TXD_CMD_TSE, 54, 1);
	drv_tx_put(d, at, len | cmd | legacy, TXD_POPTS_TXSM | TXD_POPTS_IXSM);
	drv_tx_go(d);
	for (int i = 0; i < 2000 && !(all_sent(d) && got); i++) {
		while (drv_peer_receive(d, self->out, NULL) > 0)
			got++;
		loop_run_once(d->f->m.loop, 1);
	}
	EXPECT_EQ(d->tail, drv_read(d, R_TDH));
	while (drv_peer_receive(d, self->out, NULL) > 0)
		got++;
	EXPECT_EQ(variant->vnet_header ? 1 : 1875, got);
}

TEST_F(tx, reset_forgets_a_frame_begun)
{
	struct drv *d = &self->d;

	drv_tx_put(d, DRV_TX_DATA, 100, 0);
	drv_tx_go(d);
	drv_start(d, 0);
	drv_tx_put(d, DRV_TX_DATA, 64 | legacy, 0);
	drv_tx_go(d);
	EXPECT_EQ(64, drv_peer_receive(d, self->out, NULL));
}

TEST_HARNESS_MAIN
