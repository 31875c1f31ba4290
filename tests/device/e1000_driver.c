// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e1000_driver.h"

const uint8_t drv_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static int drv_offload(struct net_backend *nb, bool csum, bool tso4, bool tso6)
{
	return 0;
}

static int drv_recover(struct net_backend *nb)
{
	struct drv *d = nb->opaque;

	return d->peer >= 0 ? 0 : -ENETDOWN;
}

int drv_create(struct drv *d, bool vnet_header)
{
	int fds[2], bytes = 4 << 20, ret;

	memset(d, 0, sizeof(*d));
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		return -errno;
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	d->peer = fds[1];
	d->nb = (struct net_backend){
		.fd = fds[0],
		.vnet_header = vnet_header,
		.can_csum = vnet_header,
		.can_tso = vnet_header,
		.link_up = true,
		.describe = "test cable",
		.set_offload = drv_offload,
		.recover = drv_recover,
		.opaque = d,
	};
	d->f = fake_machine_create(DRV_RAM);
	if (!d->f)
		return -ENOMEM;
	ret = e1000_create(&d->f->m, &d->nb, drv_mac, &d->e);
	if (ret)
		return ret;
	fake_device_enable(d->f, &d->e->pci);
	d->bar = fake_bar(&d->e->pci, 0);
	d->io = fake_bar(&d->e->pci, 1);
	return 0;
}

void drv_destroy(struct drv *d)
{
	e1000_destroy(d->e);
	fake_machine_destroy(d->f);
	close(d->nb.fd);
	if (d->peer >= 0)
		close(d->peer);
}

uint32_t drv_read(struct drv *d, uint32_t reg)
{
	return fake_mmio_read(d->f, d->bar + reg, 4);
}

void drv_write(struct drv *d, uint32_t reg, uint32_t value)
{
	fake_mmio_write(d->f, d->bar + reg, 4, value);
}

void drv_start(struct drv *d, uint32_t rctl)
{
	drv_write(d, R_CTRL, CTRL_RST);
	drv_settle(d);
	d->tail = 0;
	d->data = DRV_TX_DATA;
	d->rx_at = 0;
	for (uint32_t i = 0; i < DRV_RING; i++) {
		struct e1000_rx_desc rx = { .addr = DRV_RX_DATA + i * DRV_RX_STRIDE };

		gmem_write(&d->f->m.gmem, GPA(DRV_RX_RING + 16 * i), &rx, sizeof(rx));
	}
	drv_write(d, R_TDBAL, DRV_TX_RING);
	drv_write(d, R_TDLEN, 16 * DRV_RING);
	drv_write(d, R_RDBAL, DRV_RX_RING);
	drv_write(d, R_RDLEN, 16 * DRV_RING);
	drv_write(d, R_VET, 0x8100);
	drv_write(d, R_TCTL, TCTL_EN);
	drv_write(d, R_RCTL, RCTL_EN | rctl);
	drv_write(d, R_IMS, INT_ALL);
}

void drv_rx_give(struct drv *d, uint32_t tail)
{
	drv_write(d, R_RDT, tail);
	drv_settle(d);
}

void drv_tx_put(struct drv *d, uint64_t addr, uint32_t lower, uint32_t upper)
{
	struct e1000_tx_desc t = { .addr = addr, .lower = lower, .upper = upper };

	gmem_write(&d->f->m.gmem, GPA(DRV_TX_RING + 16 * d->tail), &t, sizeof(t));
	d->tail = (d->tail + 1) % DRV_RING;
}

uint64_t drv_tx_data(struct drv *d, const void *bytes, uint32_t len)
{
	uint64_t at = d->data;

	gmem_write(&d->f->m.gmem, GPA(at), bytes, len);
	d->data += len;
	if (d->data > DRV_TX_DATA + (4 << 20))
		d->data = DRV_TX_DATA;
	return at;
}

void drv_tx_context(struct drv *d, uint64_t offsets, uint32_t lower, uint8_t header, uint16_t mss)
{
	drv_tx_put(d, offsets, lower | TXD_CMD_DEXT, (uint32_t)mss << 16 | (uint32_t)header << 8);
}

void drv_tx_go(struct drv *d)
{
	drv_write(d, R_TDT, d->tail);
	/* The card may have left it to its sender thread. */
	for (int i = 0; i < 300 && drv_read(d, R_TDH) != d->tail; i++)
		usleep(1000);
}

bool drv_tx_done(struct drv *d, uint32_t index)
{
	struct e1000_tx_desc t;

	gmem_read(&d->f->m.gmem, GPA(DRV_TX_RING + 16 * index), &t, sizeof(t));
	return t.upper & TXD_STAT_DD;
}

int drv_peer_receive(struct drv *d, uint8_t *frame, struct virtio_net_hdr_v1 *header)
{
	struct virtio_net_hdr_v1 unused;
	struct iovec iov[2] = {
		{ .iov_base = header ? header : &unused, .iov_len = d->nb.vnet_header ? sizeof(unused) : 0 },
		{ .iov_base = frame, .iov_len = DRV_FRAME_MAX },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = recvmsg(d->peer, &msg, MSG_DONTWAIT);

	return n < 0 ? -1 : (int)(n - iov[0].iov_len);
}

void drv_settle(struct drv *d)
{
	for (int i = 0; i < 6; i++)
		loop_run_once(d->f->m.loop, 0);
}

void drv_peer_send(struct drv *d, const void *frame, uint32_t len, const struct virtio_net_hdr_v1 *header)
{
	static const struct virtio_net_hdr_v1 none;
	struct iovec iov[2] = {
		{ .iov_base = (void *)(header ? header : &none), .iov_len = d->nb.vnet_header ? sizeof(none) : 0 },
		{ .iov_base = (void *)frame, .iov_len = len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	/* A card that has no descriptors lets the queue fill up. */
	if (sendmsg(d->peer, &msg, MSG_DONTWAIT) < 0 && errno != EAGAIN)
		abort();
	drv_settle(d);
}

int drv_rx_frame(struct drv *d, uint8_t *frame, struct e1000_rx_desc *last)
{
	struct e1000_rx_desc rx;
	int len = 0;

	for (unsigned int i = 0; i < DRV_RING; i++) {
		uint64_t at = DRV_RX_RING + 16 * d->rx_at;

		gmem_read(&d->f->m.gmem, GPA(at), &rx, sizeof(rx));
		if (!(rx.status & RXD_DD))
			return -1;
		gmem_read(&d->f->m.gmem, GPA(rx.addr), frame + len, rx.length);
		len += rx.length;
		*last = rx;
		rx.status = 0;
		gmem_write(&d->f->m.gmem, GPA(at), &rx, sizeof(rx));
		d->rx_at = (d->rx_at + 1) % DRV_RING;
		if (last->status & RXD_EOP)
			return len;
	}
	return -1;
}

/* Frames. Byte by byte and slow on purpose: nothing of it is shared with what it checks. */

uint16_t drv_sum(const uint8_t *p, uint32_t len, uint32_t start)
{
	uint32_t sum = start;

	for (uint32_t i = 0; i < len; i++) {
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

static uint16_t pseudo(const uint8_t *ip, bool ipv6, uint8_t proto, uint32_t len)
{
	uint16_t sum = ipv6 ? drv_sum(ip + 8, 32, 0) : drv_sum(ip + 12, 8, 0);
	uint8_t tail[4] = { 0, proto, len >> 8, len };

	return drv_sum(tail, 4, sum);
}

int drv_make_tcp(uint8_t *f, bool ipv6, uint32_t payload)
{
	uint8_t *ip = f + 14, *tcp = ip + (ipv6 ? 40 : 20);
	uint32_t tcp_len = 20 + payload;

	memset(f, 0, 14 + 40 + 20);
	memcpy(f, drv_mac, 6);
	memcpy(f + 6, "\x52\x54\x00\xaa\xbb\xcc", 6);
	put16(f + 12, ipv6 ? 0x86dd : 0x0800);
	if (ipv6) {
		ip[0] = 0x60;
		put16(ip + 4, tcp_len);
		ip[6] = 6;
		ip[7] = 64;
		for (int i = 0; i < 32; i++)
			ip[8 + i] = 0x20 + 3 * i;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, 20 + tcp_len);
		put16(ip + 4, 0x1234);
		ip[6] = 0x40;
		ip[8] = 64;
		ip[9] = 6;
		memcpy(ip + 12, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
		put16(ip + 10, ~drv_sum(ip, 20, 0));
	}
	put16(tcp, 40000);
	put16(tcp + 2, 5201);
	memcpy(tcp + 4, "\xff\xff\xf0\x00\x01\x02\x03\x04", 8);
	tcp[12] = 0x50;
	tcp[13] = 0x19; /* ACK, PSH, FIN */
	put16(tcp + 14, 8192);
	for (uint32_t i = 0; i < payload; i++)
		tcp[20 + i] = i * 7 + (i >> 8);
	put16(tcp + 16, ~drv_sum(tcp, tcp_len, pseudo(ip, ipv6, 6, tcp_len)));
	return tcp + tcp_len - f;
}

const char *drv_check_frame(const uint8_t *f, uint32_t len)
{
	const uint8_t *ip = f + 14, *tu;
	bool ipv6 = f[12] == 0x86;
	uint32_t total;
	uint8_t proto;

	if (len < 54)
		return "shorter than its headers";
	if (ipv6) {
		total = 40 + (ip[4] << 8 | ip[5]);
		proto = ip[6];
		tu = ip + 40;
	} else {
		total = ip[2] << 8 | ip[3];
		proto = ip[9];
		tu = ip + 20;
		if (drv_sum(ip, 20, 0) != 0xffff)
			return "IP checksum";
	}
	if (total > len - 14)
		return "IP length beyond the frame";
	if (total != len - 14 && len > 60)
		return "IP length below the frame's";
	total -= tu - ip;
	if (drv_sum(tu, total, pseudo(ip, ipv6, proto, total)) != 0xffff)
		return "TCP or UDP checksum";
	return "";
}
