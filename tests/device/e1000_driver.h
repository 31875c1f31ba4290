/* SPDX-License-Identifier: GPL-2.0-only */
/* A small driver of the 82540EM for tests: it plays the guest on a fake machine, and the test holds the cable's end. */
#ifndef TESTS_E1000_DRIVER_H
#define TESTS_E1000_DRIVER_H

#include <linux/virtio_net.h>

#include "../../hv-core/vmm/devices/emulated/e1000.h"
#include "fake_machine.h"

#define DRV_RAM (64u << 20)
#define DRV_TX_RING 0x10000u
#define DRV_RX_RING 0x20000u
#define DRV_TX_DATA 0x100000u
#define DRV_RX_DATA 0x800000u
#define DRV_RX_STRIDE 0x4000u
#define DRV_RING 64u
#define DRV_FRAME_MAX 70000

struct drv {
	struct fake_machine *f;
	struct net_backend nb;
	int peer; /* the cable's other end */
	struct e1000 *e;
	uint64_t bar, io;
	uint32_t tail;	/* next TX descriptor */
	uint32_t data;	/* next free byte for TX data */
	uint32_t rx_at; /* next RX descriptor to look at */
};

extern const uint8_t drv_mac[6];

/* A card on a cable whose frames have the 12-byte header or not. 0 or -errno. */
int drv_create(struct drv *d, bool vnet_header);
void drv_destroy(struct drv *d);

uint32_t drv_read(struct drv *d, uint32_t reg);
void drv_write(struct drv *d, uint32_t reg, uint32_t value);

/* Reset, rings of DRV_RING, sending and receiving on, all interrupts on. rctl: bits beside EN. */
void drv_start(struct drv *d, uint32_t rctl);
/* Give the card RX descriptors up to index `tail`. */
void drv_rx_give(struct drv *d, uint32_t tail);
/* Put one TX descriptor in the ring, without telling the card. */
void drv_tx_put(struct drv *d, uint64_t addr, uint32_t lower, uint32_t upper);
/* Copy bytes to guest memory; their address. */
uint64_t drv_tx_data(struct drv *d, const void *bytes, uint32_t len);
/* A context descriptor. */
void drv_tx_context(struct drv *d, uint64_t offsets, uint32_t lower, uint8_t header, uint16_t mss);
void drv_tx_go(struct drv *d);
/* Is the descriptor before `tail` done? */
bool drv_tx_done(struct drv *d, uint32_t index);

/* What came out of the card: its length, or -1. header may be NULL. */
int drv_peer_receive(struct drv *d, uint8_t *frame, struct virtio_net_hdr_v1 *header);
/* Send to the card, and run its loop until it has had a look. */
void drv_peer_send(struct drv *d, const void *frame, uint32_t len, const struct virtio_net_hdr_v1 *header);
void drv_settle(struct drv *d);
/* The next received frame, from as many descriptors as it has: its length with check sequence, or -1. */
int drv_rx_frame(struct drv *d, uint8_t *frame, struct e1000_rx_desc *last);

/* An IPv4 or IPv6 TCP frame with good checksums; its length. Independent of the VMM's own checksum code. */
int drv_make_tcp(uint8_t *frame, bool ipv6, uint32_t payload);
/* Are lengths and all checksums of this TCP or UDP frame right? "", or what is wrong. */
const char *drv_check_frame(const uint8_t *frame, uint32_t len);
uint16_t drv_sum(const uint8_t *p, uint32_t len, uint32_t start);

#endif
