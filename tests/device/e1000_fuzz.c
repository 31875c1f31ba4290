// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile driver: random values in all registers and in memory, frames coming in meanwhile. Nothing is expected but
 * that the card neither touches what is not its own (ASan, UBSan), nor hangs: afterwards a reset makes it usable.
 * The seed is printed; give it as E1000_FUZZ_SEED to repeat a run, and E1000_FUZZ_ROUNDS for a longer one.
 */
#include "kselftest_harness.h"

#include <time.h>

#include "e1000_driver.h"

static uint64_t state;

static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static uint32_t any_value(void)
{
	static const uint32_t likely[] = { 0, 1, 2, 3, 0x10, 0x7f, 0x80, 0x400, 0xfff, 0xffff, 0x100000,
					   DRV_TX_RING, DRV_RX_RING, DRV_RAM - 16, DRV_RAM, 0xffffffff };

	switch (any() % 3) {
	case 0:
		return likely[any() % 16];
	case 1:
		return any() % 64;
	default:
		return any();
	}
}

static uint32_t any_reg(void)
{
	static const uint32_t busy[] = { R_CTRL, R_RCTL, R_TCTL, R_TDBAL, R_TDBAH, R_TDLEN, R_TDH, R_TDT, R_RDBAL,
					 R_RDBAH, R_RDLEN, R_RDH, R_RDT, R_RDTR, R_ITR, R_IMS, R_IMC, R_ICR, R_ICS,
					 R_TIDV, R_TADV, R_RXCSUM, R_VET, R_EECD, R_EERD, R_MDIC };

	return any() & 1 ? busy[any() % 26] : any() % E1000_MMIO_BYTES;
}

static void scribble(struct drv *d)
{
	bool tx = any() & 1;
	uint32_t words[4];

	for (int i = 0; i < 4; i++)
		words[i] = any_value();
	if (any() & 3) {
		words[0] = DRV_TX_DATA + any() % 65536;
		words[1] = any() & 7 ? 0 : words[1];
	}
	if (tx)
		words[2] = (words[2] & 0xffff) | (any() & 0xff3fffff);
	gmem_write(&d->f->m.gmem, GPA((tx ? DRV_TX_RING : DRV_RX_RING) + 16 * (any() % DRV_RING)), words, 16);
}

static void incoming(struct drv *d)
{
	static uint8_t frame[DRV_FRAME_MAX];
	struct virtio_net_hdr_v1 h = { 0 };
	int len = drv_make_tcp(frame, any() & 1, any() % (any() & 7 ? 1400 : 62000));

	if (any() & 1) {
		h.flags = any() & 3;
		h.gso_type = any() & 1 ? any() & 5 : any();
		h.gso_size = any_value();
		h.csum_start = any_value();
		h.csum_offset = any_value();
	}
	for (int i = any() % 4; i > 0; i--)
		frame[any() % 80] = any();
	if (!(any() & 7))
		len = 14 + any() % (len - 13);
	if (any() & 1)
		memset(frame, 0xff, 6);
	drv_peer_send(d, frame, len, &h);
}

static void fuzz(struct __test_metadata *_metadata, bool vnet_header)
{
	const char *seed = getenv("E1000_FUZZ_SEED"), *rounds = getenv("E1000_FUZZ_ROUNDS");
	unsigned long n = rounds ? strtoul(rounds, NULL, 0) : 40000;
	static uint8_t out[DRV_FRAME_MAX];
	struct drv d;

	state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) << 20 | getpid();
	TH_LOG("seed %#llx", (unsigned long long)state);
	ASSERT_EQ(0, drv_create(&d, vnet_header));
	drv_start(&d, RCTL_UPE | RCTL_MPE | RCTL_BAM);
	for (unsigned long i = 0; i < n; i++) {
		uint64_t at = d.bar + any_reg();

		switch (any() % 8) {
		case 0:
			fake_mmio_read(d.f, at, 1 << any() % 4);
			break;
		case 1:
			fake_pio_write(d.f, d.io + any() % 60, 1 << any() % 3, any_value());
			break;
		case 2:
			incoming(&d);
			break;
		case 3:
		case 4:
			scribble(&d);
			break;
		case 5:
			if (!(any() & 15))
				drv_start(&d, any_value());
			loop_run_once(d.f->m.loop, 0);
			break;
		default:
			fake_mmio_write(d.f, any() & 1 ? at : (at & ~3ull), any() & 3 ? 4 : 1 << any() % 4,
					any_value());
		}
		while (drv_peer_receive(&d, out, NULL) > 0)
			;
	}
	/* Still a network card. */
	drv_start(&d, 0);
	drv_settle(&d);
	while (drv_peer_receive(&d, out, NULL) > 0)
		;
	drv_tx_put(&d, DRV_TX_DATA, 100 | TXD_CMD_EOP | TXD_CMD_RS, 0);
	drv_tx_go(&d);
	EXPECT_EQ(100, drv_peer_receive(&d, out, NULL));
	drv_destroy(&d);
}

FIXTURE(hostile)
{
	int unused;
};

FIXTURE_VARIANT(hostile)
{
	bool vnet_header;
};

FIXTURE_VARIANT_ADD(hostile, bare) { .vnet_header = false };
FIXTURE_VARIANT_ADD(hostile, header) { .vnet_header = true };

FIXTURE_SETUP(hostile)
{
}

FIXTURE_TEARDOWN(hostile)
{
}

TEST_F_TIMEOUT(hostile, driver, 120)
{
	fuzz(_metadata, variant->vnet_header);
}

TEST_HARNESS_MAIN
