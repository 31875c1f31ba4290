/* SPDX-License-Identifier: GPL-2.0-only */
/* The PV devices: how the VMM makes and unmakes each. Destroyed after the vCPUs have stopped. */
#ifndef VMM_DEVICES_PV_H
#define VMM_DEVICES_PV_H

#include "../../blk_queue.h"
#include "../../machine.h"
#include "../../net_backend.h"
#include "pv_fault.h"

struct pv_block;
struct pv_net;
struct pv_console;

/* fault: how to lie on the ring, for tests; NULL: not at all. It stays the caller's. */
int pv_block_create(struct machine *m, struct blk_disk *disk, struct pv_fault *fault, struct pv_block **out);
void pv_block_destroy(struct pv_block *b);

/* mac: 6 bytes. The backend stays the caller's, and is closed after the device is destroyed. */
int pv_net_create(struct machine *m, struct net_backend *nb, const uint8_t mac[6], struct pv_fault *fault,
		  struct pv_net **out);
void pv_net_destroy(struct pv_net *n);

/* Output goes to sink, on the main loop's thread; input comes by pv_console_input(). */
int pv_console_create(struct machine *m, void (*sink)(void *opaque, const uint8_t *buf, unsigned int len),
		      void *opaque, struct pv_fault *fault, struct pv_console **out);
/*
 * Bytes typed by the user; returns how many were taken. When that is less than len, ready is called once, on the
 * main loop's thread, as soon as the guest has room again.
 */
unsigned int pv_console_input(struct pv_console *c, const uint8_t *buf, unsigned int len,
			      void (*ready)(void *opaque), void *opaque);
/* Does a driver read and write here? Else a message may only be seen by the emulated port. */
bool pv_console_attached(const struct pv_console *c);
void pv_console_destroy(struct pv_console *c);

#endif
