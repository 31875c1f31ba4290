// SPDX-License-Identifier: GPL-2.0-only
/* The 82540EM's registers as a driver finds them: EEPROM, PHY, reset, causes, statistics, the way in by I/O ports. */
#include "kselftest_harness.h"

#include "e1000_driver.h"

FIXTURE(regs)
{
	struct drv d;
};

FIXTURE_SETUP(regs)
{
	ASSERT_EQ(0, drv_create(&self->d, false));
}

FIXTURE_TEARDOWN(regs)
{
	drv_destroy(&self->d);
}

/* The bits of `value`, highest first, clocked into the EEPROM; what came out meanwhile. */
static uint32_t microwire(struct drv *d, uint32_t value, unsigned int bits)
{
	uint32_t base = EECD_CS | EECD_REQ, out = 0;

	for (unsigned int i = bits; i-- > 0;) {
		uint32_t di = value >> i & 1 ? EECD_DI : 0;

		drv_write(d, R_EECD, base | di);
		drv_write(d, R_EECD, base | di | EECD_SK);
		out = out << 1 | !!(drv_read(d, R_EECD) & EECD_DO);
		drv_write(d, R_EECD, base | di);
	}
	return out;
}

static uint16_t eeprom_by_bits(struct drv *d, unsigned int word)
{
	uint16_t value;

	drv_write(d, R_EECD, EECD_REQ);
	drv_write(d, R_EECD, EECD_REQ | EECD_CS);
	microwire(d, 6, 3);
	microwire(d, word, 6);
	value = microwire(d, 0, 16);
	drv_write(d, R_EECD, EECD_REQ);
	drv_write(d, R_EECD, 0);
	return value;
}

static uint16_t eeprom_by_eerd(struct drv *d, unsigned int word)
{
	drv_write(d, R_EERD, word << 8 | EERD_START);
	return drv_read(d, R_EERD) & EERD_DONE ? drv_read(d, R_EERD) >> 16 : 0;
}

TEST_F(regs, eeprom_has_the_address_and_a_valid_sum)
{
	struct drv *d = &self->d;
	uint16_t sum = 0;

	drv_write(d, R_EECD, EECD_REQ);
	EXPECT_TRUE(drv_read(d, R_EECD) & EECD_GNT);
	EXPECT_TRUE(drv_read(d, R_EECD) & EECD_PRES);
	for (unsigned int i = 0; i < EEPROM_WORDS; i++) {
		uint16_t word = eeprom_by_bits(d, i);

		EXPECT_EQ(word, eeprom_by_eerd(d, i));
		sum += word;
		if (i < 3)
			EXPECT_EQ(drv_mac[2 * i] | drv_mac[2 * i + 1] << 8, word);
	}
	EXPECT_EQ(EEPROM_SUM, sum);
	EXPECT_EQ(0xffff, eeprom_by_eerd(d, 200));
}

TEST_F(regs, eeprom_reads_on_while_it_is_clocked)
{
	struct drv *d = &self->d;

	drv_write(d, R_EECD, EECD_REQ | EECD_CS);
	microwire(d, 6, 3);
	microwire(d, 0, 6);
	EXPECT_EQ(drv_mac[0] | drv_mac[1] << 8, microwire(d, 0, 16));
	EXPECT_EQ(drv_mac[2] | drv_mac[3] << 8, microwire(d, 0, 16));
	/* A write command changes nothing. */
	drv_write(d, R_EECD, 0);
	drv_write(d, R_EECD, EECD_REQ | EECD_CS);
	microwire(d, 5, 3);
	microwire(d, 0, 6);
	microwire(d, 0x1234, 16);
	drv_write(d, R_EECD, 0);
	EXPECT_EQ(drv_mac[0] | drv_mac[1] << 8, eeprom_by_bits(d, 0));
}

TEST_F(regs, reset_values)
{
	struct drv *d = &self->d;

	drv_start(d, 0);
	drv_write(d, R_MTA, 5);
	drv_write(d, R_ITR, 100);
	drv_write(d, R_CTRL, CTRL_RST);
	EXPECT_EQ(0, drv_read(d, R_CTRL) & CTRL_RST);
	EXPECT_EQ(0, drv_read(d, R_RCTL));
	EXPECT_EQ(0, drv_read(d, R_TCTL));
	EXPECT_EQ(0, drv_read(d, R_IMS));
	EXPECT_EQ(0, drv_read(d, R_MTA));
	EXPECT_EQ(0, drv_read(d, R_ITR));
	EXPECT_EQ(0, drv_read(d, R_TDLEN));
	/* The station address comes back from the EEPROM. */
	EXPECT_EQ(0x12005452, drv_read(d, R_RAL));
	EXPECT_EQ(RAH_AV | 0x5634, drv_read(d, R_RAL + 4));
	EXPECT_EQ(STATUS_LU | STATUS_FD | STATUS_SPEED_1000,
		  drv_read(d, R_STATUS) & (STATUS_LU | STATUS_FD | STATUS_SPEED_1000));
	EXPECT_EQ(0, d->f->irq_level[d->e->pci.gsi]);
}

static int phy_read(struct drv *d, unsigned int reg)
{
	uint32_t mdic;

	drv_write(d, R_MDIC, reg << 16 | PHY_ADDRESS << 21 | MDIC_OP_READ);
	mdic = drv_read(d, R_MDIC);
	return mdic & MDIC_READY && !(mdic & MDIC_ERROR) ? (int)(mdic & 0xffff) : -1;
}

static void phy_write(struct drv *d, unsigned int reg, uint16_t value)
{
	drv_write(d, R_MDIC, reg << 16 | PHY_ADDRESS << 21 | MDIC_OP_WRITE | value);
}

TEST_F(regs, phy_is_an_m88e1011_with_its_cable_in)
{
	struct drv *d = &self->d;

	EXPECT_EQ(0x0141, phy_read(d, PHY_ID1));
	EXPECT_EQ(0x0c20, phy_read(d, PHY_ID2) & 0xfff0);
	EXPECT_EQ(PHY_STATUS_LINK | PHY_STATUS_AN_DONE, phy_read(d, PHY_STATUS) & 0x24);
	EXPECT_TRUE(phy_read(d, PHY_M88_STATUS) & PHY_M88_STATUS_LINK);
	/* Nobody at other addresses. */
	drv_write(d, R_MDIC, PHY_ID1 << 16 | 2 << 21 | MDIC_OP_READ);
	EXPECT_TRUE(drv_read(d, R_MDIC) & MDIC_ERROR);
	/* Read-only registers stay, reset and restart bits clear themselves. */
	phy_write(d, PHY_ID1, 0xffff);
	EXPECT_EQ(0x0141, phy_read(d, PHY_ID1));
	phy_write(d, PHY_ANAR, 0x01e1);
	EXPECT_EQ(0x01e1, phy_read(d, PHY_ANAR));
	drv_read(d, R_ICR);
	phy_write(d, PHY_CTRL, PHY_CTRL_AUTONEG | PHY_CTRL_RESTART_AN);
	EXPECT_EQ(PHY_CTRL_AUTONEG, phy_read(d, PHY_CTRL));
	EXPECT_TRUE(drv_read(d, R_ICR) & INT_LSC);
	phy_write(d, PHY_CTRL, PHY_CTRL_RESET);
	EXPECT_EQ(0x1140, phy_read(d, PHY_CTRL));
	EXPECT_EQ(0x0de1, phy_read(d, PHY_ANAR));
}

static bool is_high(void *level)
{
	return *(int *)level;
}

TEST_F(regs, causes_masks_and_the_wire)
{
	struct drv *d = &self->d;
	int *level = &d->f->irq_level[d->e->pci.gsi];

	drv_read(d, R_ICR);
	drv_write(d, R_ICS, INT_LSC | INT_RXT0);
	EXPECT_EQ(0, *level);
	drv_write(d, R_IMS, INT_LSC);
	EXPECT_EQ(1, *level);
	drv_write(d, R_IMC, INT_LSC);
	EXPECT_EQ(0, *level);
	/* Two interrupts are some time apart. */
	drv_write(d, R_IMS, INT_RXT0);
	EXPECT_TRUE(fake_wait(d->f, is_high, level, 1000));
	EXPECT_EQ(INT_LSC | INT_RXT0, drv_read(d, R_ICR));
	EXPECT_EQ(0, *level);
	EXPECT_EQ(0, drv_read(d, R_ICR));
	/* Writing ones clears too. */
	drv_write(d, R_ICS, INT_LSC | INT_RXT0);
	drv_write(d, R_ICR, INT_RXT0);
	EXPECT_EQ(0, *level);
	EXPECT_EQ(INT_LSC, drv_read(d, R_ICR));
	EXPECT_EQ(INT_RXT0, drv_read(d, R_IMS));
}

TEST_F(regs, io_ports_reach_the_same_registers)
{
	struct drv *d = &self->d;

	fake_pio_write(d->f, d->io, 4, R_RAL);
	EXPECT_EQ(R_RAL, fake_pio_read(d->f, d->io, 4));
	EXPECT_EQ(0x12005452, fake_pio_read(d->f, d->io + 4, 4));
	fake_pio_write(d->f, d->io, 4, R_TIPG);
	fake_pio_write(d->f, d->io + 4, 4, 0x602008);
	EXPECT_EQ(0x602008, drv_read(d, R_TIPG));
	/* Beyond the registers. */
	fake_pio_write(d->f, d->io, 4, 0xfffffffc);
	fake_pio_write(d->f, d->io + 4, 4, ~0u);
	EXPECT_EQ(0, fake_pio_read(d->f, d->io + 4, 4));
}

/* The bits that each register keeps, as the driver's own self-test has them (ethtool -t). */
TEST_F(regs, writable_bits)
{
	static const struct {
		uint32_t reg, mask;
	} regs[] = {
		{ R_FCAL, 0xffffffff }, { R_FCAH, 0xffff },	{ R_FCT, 0xffff },	{ R_VET, 0xffff },
		{ R_RDTR, 0xffff },	{ R_RDBAH, 0xffffffff }, { R_RDBAL, 0xfffffff0 }, { R_RDLEN, 0xfff80 },
		{ R_RDH, 0xffff },	{ R_RDT, 0xffff },	{ R_FCTTV, 0xffff },	{ R_TDBAH, 0xffffffff },
		{ R_TDBAL, 0xfffffff0 }, { R_TDLEN, 0xfff80 },	{ R_TIDV, 0xffff },	{ R_RAL, 0xffffffff },
		{ R_RAL + 4, 0x8003ffff }, { R_MTA + 0x1fc, 0xffffffff }, { R_STATUS, 0 }, { R_GPRC, 0 },
	};
	static const uint32_t patterns[] = { 0x5a5a5a5a, 0xa5a5a5a5, 0, 0xffffffff };
	struct drv *d = &self->d;

	for (unsigned int i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		uint32_t fixed = regs[i].mask ? 0 : drv_read(d, regs[i].reg);

		for (unsigned int p = 0; p < 4; p++) {
			drv_write(d, regs[i].reg, patterns[p]);
			EXPECT_EQ((patterns[p] & regs[i].mask) | fixed, drv_read(d, regs[i].reg))
			{
				TH_LOG("register %#x", regs[i].reg);
			}
		}
	}
}

TEST_F(regs, narrow_accesses)
{
	struct drv *d = &self->d;

	EXPECT_EQ(0x54, fake_mmio_read(d->f, d->bar + R_RAL + 1, 1));
	EXPECT_EQ(0x1200, fake_mmio_read(d->f, d->bar + R_RAL + 2, 2));
	EXPECT_EQ(0x8000563412005452ull, fake_mmio_read(d->f, d->bar + R_RAL, 8));
	fake_mmio_write(d->f, d->bar + R_RAL, 1, 0);
	EXPECT_EQ(0x12005452, drv_read(d, R_RAL));
}

TEST_F(regs, statistics_clear_when_read)
{
	struct drv *d = &self->d;
	uint8_t frame[100] = { 0 };

	drv_start(d, 0);
	memset(frame, 0xff, 6);
	drv_tx_put(d, drv_tx_data(d, frame, sizeof(frame)), sizeof(frame) | TXD_CMD_EOP | TXD_CMD_RS, 0);
	drv_tx_put(d, drv_tx_data(d, frame, 20), 20 | TXD_CMD_EOP | TXD_CMD_RS, 0);
	drv_tx_go(d);
	EXPECT_EQ(2, drv_read(d, R_GPTC));
	EXPECT_EQ(0, drv_read(d, R_GPTC));
	EXPECT_EQ(2, drv_read(d, R_BPTC));
	EXPECT_EQ(1, drv_read(d, R_PTC64));
	EXPECT_EQ(1, drv_read(d, R_PTC64 + 4));
	EXPECT_EQ(168, drv_read(d, R_GOTCL));
	EXPECT_EQ(168, drv_read(d, R_GOTCL));
	EXPECT_EQ(0, drv_read(d, R_GOTCL + 4));
	EXPECT_EQ(0, drv_read(d, R_GOTCL));
}

TEST_HARNESS_MAIN
