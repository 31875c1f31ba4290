/* SPDX-License-Identifier: GPL-2.0-only */
/* The emulated devices: how the VMM makes and unmakes each. One device, one file (or a few by its name). */
#ifndef VMM_DEVICES_EMULATED_H
#define VMM_DEVICES_EMULATED_H

#include "../../blk_queue.h"
#include "../../machine.h"
#include "../../net_backend.h"

struct uart;
struct rtc;
struct acpi_pm;
struct ide;
struct e1000;

/* 16550A at port 0x3f8, GSI 4. Output goes to sink; input comes by uart_input(). */
int uart_create(struct machine *m, void (*sink)(void *opaque, const uint8_t *buf, unsigned int len), void *opaque,
		struct uart **out);
/*
 * Bytes typed by the user; returns how many were taken. A full FIFO takes less: ready is then called once, when it
 * is empty again, on the vCPU's thread that emptied it and with no lock of the UART's held.
 */
unsigned int uart_input(struct uart *u, const uint8_t *buf, unsigned int len, void (*ready)(void *opaque),
			void *opaque);
void uart_destroy(struct uart *u);

/* MC146818 at ports 0x70–0x71: the host's UTC, no periodic interrupt. */
int rtc_create(struct machine *m, struct rtc **out);
void rtc_destroy(struct rtc *r);

/* ACPI fixed hardware: PM1 event and control, PM timer, reset register; SCI is GSI 9. */
int acpi_pm_create(struct machine *m, struct acpi_pm **out);
void acpi_pm_press_power_button(struct acpi_pm *pm);
void acpi_pm_destroy(struct acpi_pm *pm);

/* PIIX3 IDE, a PCI function with ports 0x1f0/0x3f6 (GSI 14) and 0x170/0x376 (GSI 15); up to four disks. */
int ide_create(struct machine *m, struct blk_disk *const disks[4], struct ide **out);
void ide_destroy(struct ide *ide);

/* 82540EM. mac: 6 bytes. */
int e1000_create(struct machine *m, struct net_backend *nb, const uint8_t mac[6], struct e1000 **out);
void e1000_destroy(struct e1000 *e);

#endif
