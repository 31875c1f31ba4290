// SPDX-License-Identifier: GPL-2.0-only
/* The 82540EM's two small helpers: the EEPROM with the address, and the PHY, an M88E1011 with its cable. */
#include <string.h>

#include "e1000.h"

/* EEPROM words by the manual's map */
#define EE_MAC 0x00
#define EE_SUBSYS_ID 0x0b
#define EE_SUBSYS_VENDOR 0x0c
#define EE_DEVICE_ID 0x0d
#define EE_VENDOR_ID 0x0e
#define EE_INIT_1 0x0a
#define EE_INIT_2 0x0f
#define EE_CHECKSUM 0x3f

#define MICROWIRE_COMMAND_BITS 9 /* start bit, two of opcode, six of address */
#define MICROWIRE_READ 6	 /* start bit and opcode */

void e1000_eeprom_init(struct e1000 *e, const uint8_t mac[6])
{
	uint16_t sum = 0;

	memset(e->eeprom, 0xff, sizeof(e->eeprom));
	for (unsigned int i = 0; i < 3; i++)
		e->eeprom[EE_MAC + i] = mac[2 * i] | mac[2 * i + 1] << 8;
	/* Identity is loaded from these words; no wake-up by packets, no power management of the PHY. */
	e->eeprom[EE_INIT_1] = 0x4008;
	e->eeprom[EE_SUBSYS_ID] = e->pci.subsys_device;
	e->eeprom[EE_SUBSYS_VENDOR] = e->pci.subsys_vendor;
	e->eeprom[EE_DEVICE_ID] = e->pci.device;
	e->eeprom[EE_VENDOR_ID] = e->pci.vendor;
	e->eeprom[EE_INIT_2] = 0x3040;
	for (unsigned int i = 0x10; i < EE_CHECKSUM; i++)
		e->eeprom[i] = 0;
	for (unsigned int i = 0; i < EE_CHECKSUM; i++)
		sum += e->eeprom[i];
	e->eeprom[EE_CHECKSUM] = EEPROM_SUM - sum;
}

void e1000_eerd_write(struct e1000 *e, uint32_t value)
{
	uint32_t word = value >> 8 & 0xff;

	if (!(value & EERD_START)) {
		*e1000_reg(e, R_EERD) = value & ~(uint32_t)EERD_DONE;
		return;
	}
	*e1000_reg(e, R_EERD) = word << 8 | EERD_DONE |
				(uint32_t)(word < EEPROM_WORDS ? e->eeprom[word] : 0xffff) << 16;
}

uint32_t e1000_eecd_read(struct e1000 *e)
{
	uint32_t eecd = *e1000_reg(e, R_EECD);

	eecd &= EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ;
	if (eecd & EECD_REQ)
		eecd |= EECD_GNT; /* nobody else wants it */
	if (e->microwire.out)
		eecd |= EECD_DO;
	return eecd | EECD_PRES;
}

/* A rising edge of the clock, with chip select. */
static void microwire_clock(struct e1000 *e, bool in)
{
	unsigned int address, bit;

	if (e->microwire.nr_in < MICROWIRE_COMMAND_BITS) {
		if (!e->microwire.nr_in && !in)
			return; /* waiting for the start bit */
		e->microwire.in = e->microwire.in << 1 | in;
		e->microwire.nr_in++;
		e->microwire.nr_out = 0;
		e->microwire.out = false; /* a zero precedes the data */
		return;
	}
	/* Writing and erasing are not wired up: their bits go nowhere, and the chip says that it is ready. */
	if (e->microwire.in >> 6 != MICROWIRE_READ) {
		e->microwire.out = true;
		return;
	}
	/* The address counts on while the clock does. */
	address = (e->microwire.in & (EEPROM_WORDS - 1)) + e->microwire.nr_out / 16;
	bit = 15 - e->microwire.nr_out % 16;
	e->microwire.out = e->eeprom[address % EEPROM_WORDS] >> bit & 1;
	e->microwire.nr_out = (e->microwire.nr_out + 1) % (16 * EEPROM_WORDS);
}

void e1000_eecd_write(struct e1000 *e, uint32_t value)
{
	bool clock = value & EECD_SK;

	*e1000_reg(e, R_EECD) = value;
	if (!(value & EECD_CS)) {
		memset(&e->microwire, 0, sizeof(e->microwire));
		e->microwire.out = true;
		e->microwire.clock = clock;
		return;
	}
	if (clock && !e->microwire.clock)
		microwire_clock(e, value & EECD_DI);
	e->microwire.clock = clock;
}

void e1000_phy_link(struct e1000 *e)
{
	if (e->link_up) {
		e->phy[PHY_STATUS] |= PHY_STATUS_LINK | PHY_STATUS_AN_DONE;
		e->phy[PHY_LPAR] = 0x45e1; /* everything, acknowledged */
		e->phy[PHY_ANER] = 0x0001;
		e->phy[PHY_1000T_STATUS] = 0x3c00;
		e->phy[PHY_M88_STATUS] = PHY_M88_STATUS_1000 | PHY_M88_STATUS_FD | PHY_M88_STATUS_RESOLVED |
					 PHY_M88_STATUS_LINK;
	} else {
		e->phy[PHY_STATUS] &= ~(PHY_STATUS_LINK | PHY_STATUS_AN_DONE);
		e->phy[PHY_LPAR] = 0;
		e->phy[PHY_ANER] = 0;
		e->phy[PHY_1000T_STATUS] = 0;
		e->phy[PHY_M88_STATUS] = 0;
	}
}

void e1000_phy_reset(struct e1000 *e)
{
	memset(e->phy, 0, sizeof(e->phy));
	__atomic_store_n(&e->loopback, false, __ATOMIC_RELAXED);
	e->phy[PHY_CTRL] = 0x1140;
	e->phy[PHY_STATUS] = 0x7949;
	e->phy[PHY_ID1] = 0x0141;
	e->phy[PHY_ID2] = 0x0c24;
	e->phy[PHY_ANAR] = 0x0de1;
	e->phy[PHY_1000T_CTRL] = 0x0e00;
	e->phy[PHY_EXT_STATUS] = 0x3000;
	e->phy[PHY_M88_CTRL] = 0x0360;
	e->phy[PHY_M88_EXT_CTRL] = 0x0d60;
	e1000_phy_link(e);
}

static void phy_write(struct e1000 *e, unsigned int reg, uint16_t value)
{
	switch (reg) {
	case PHY_CTRL:
		if (value & PHY_CTRL_RESET) {
			e1000_phy_reset(e);
			break;
		}
		__atomic_store_n(&e->loopback, !!(value & PHY_CTRL_LOOPBACK), __ATOMIC_RELAXED);
		e1000_watch(e);
		e->phy[reg] = value & ~(PHY_CTRL_RESET | PHY_CTRL_RESTART_AN | 0x3f);
		/* The partner at the other end of this cable answers at once. */
		if (value & PHY_CTRL_RESTART_AN && value & PHY_CTRL_AUTONEG)
			e1000_irq_cause(&e->irq, INT_LSC);
		break;
	case PHY_ANAR:
	case 7: /* next page */
	case PHY_1000T_CTRL:
	case PHY_M88_CTRL:
	case PHY_M88_INT_ENABLE:
	case PHY_M88_EXT_CTRL:
	case 22 ... 31: /* LEDs, cable test, pages of the vendor's */
		e->phy[reg] = value;
		break;
	default: /* read-only */
		break;
	}
}

void e1000_mdic_write(struct e1000 *e, uint32_t value)
{
	unsigned int reg = value >> 16 & 0x1f, address = value >> 21 & 0x1f;

	value &= ~(uint32_t)(MDIC_READY | MDIC_ERROR);
	if (address != PHY_ADDRESS) {
		value |= MDIC_ERROR;
	} else if (value & MDIC_OP_READ) {
		value = (value & 0xffff0000) | e->phy[reg];
	} else if (value & MDIC_OP_WRITE) {
		phy_write(e, reg, value);
	}
	*e1000_reg(e, R_MDIC) = value | MDIC_READY;
	if (value & MDIC_INT_EN)
		e1000_irq_cause(&e->irq, INT_MDAC);
}
