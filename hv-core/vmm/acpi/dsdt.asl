/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's fixed part as ACPI names it: one PCI root with bus 0 only, UART, clock, power-off. Addresses are
 * those of pci.h, acpi.h and the device models; tests/device/acpi.c compares them.
 */
DefinitionBlock ("", "DSDT", 2, "PARAVN", "PARAVANE", 1)
{
	/* First word: SLP_TYP for PM1a control (ACPI_SLP_TYP_S5). */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			/*
			 * A PCI root, not a PCI Express one: with the latter Linux asks for control of hot-plug,
			 * power management events and error reporting, of which there is nothing here.
			 */
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)

			Name (_CRS, ResourceTemplate () {
				/* Bus 0 alone: the guest has no reason to look for 255 others. */
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				/* Legacy IDE's ports are the child of a PCI function, hence not only 0xc000 and up. */
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x0000, 0x0CF7, 0, 0x0CF8)
				/* PCI_PORT_BASE to PCI_PORT_END: a guest that places BARs anew must not go elsewhere. */
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0xC000, 0xFFFF, 0, 0x4000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
			})

			Include ("routing.asl")
		}

		/* Linux trusts MCFG's window when a motherboard device claims it. */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate () {
				Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000)
				IO (Decode16, 0x0600, 0x0600, 1, 0x0C)
				IO (Decode16, 0x0CF9, 0x0CF9, 1, 1)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x0070, 0x0070, 1, 2)
				IRQNoFlags () { 8 }
			})
		}
	}
}
