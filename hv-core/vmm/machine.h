/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine as a device sees it: memory, buses, interrupt wires, the loop. A device never calls KVM: what needs
 * KVM goes through machine_ops, which vm.c fills in, and which a unit test replaces by a recorder.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "loop.h"
#include "memory.h"

struct machine;
struct hypercalls;
struct pci_bus;
struct pv_registry;

/* Why the machine stops. The process's exit status is in parentheses; paravane-run(1) documents them. */
enum stop_reason {
	STOP_NONE,
	STOP_POWEROFF,	   /* (0) ACPI or hypercall */
	STOP_RESET,	   /* (0, or the guest starts again with --on-reset restart) */
	STOP_GUEST_CRASH,  /* (3) the guest said so by hypercall, or a triple fault */
	STOP_GUEST_FAULT,  /* (4) the guest broke the contract */
	STOP_HOST_ERROR,   /* (5) KVM or the host failed */
	STOP_KILLED,	   /* (6) a second SIGTERM, or the console's escape key */
};

struct machine_ops {
	/* Set the level of an interrupt wire (GSI: 0–15 ISA, 16–23 PCI INTx). Any thread. */
	void (*irq_set)(struct machine *m, unsigned int gsi, int level);
	/* Raise a message-signalled interrupt now. Any thread. 0 or -errno. */
	int (*msi_send)(struct machine *m, uint64_t addr, uint32_t data);
	/*
	 * Bind an eventfd to a message: a write to the eventfd raises it in the kernel. *route is -1 for a new one;
	 * later calls with the same route change the message. enable false masks: writes are then kept by the caller.
	 */
	int (*msi_bind)(struct machine *m, int *route, int eventfd, uint64_t addr, uint32_t data, bool enable);
	void (*msi_unbind)(struct machine *m, int route, int eventfd);
	/* Let a guest write of `len` bytes (any value) to addr signal an eventfd in the kernel, or stop doing so. */
	int (*doorbell)(struct machine *m, enum bus_kind kind, uint64_t addr, unsigned int len, int eventfd, bool add);
	/*
	 * Nanoseconds on the clock that the guest reads without a call (kvmclock); optional: without it time.clock is the
	 * host's monotonic clock. Any thread.
	 */
	uint64_t (*guest_clock)(struct machine *m);
	/* Make an event port pending, if the guest has opened it (pv mode). Any thread. */
	void (*event_raise)(struct machine *m, uint32_t port);
	/* Stop the machine: asynchronous, first caller's reason wins. text: what happened, for the user. */
	void (*stop)(struct machine *m, enum stop_reason reason, const char *text);
};

struct machine {
	const struct machine_ops *ops;
	struct gmem gmem;
	struct bus pio;
	struct bus mmio;
	struct loop *loop; /* the main loop */
	struct pci_bus *pci;
	struct hypercalls *hypercall;
	struct pv_registry *pv; /* PV devices by number */
	unsigned int nr_vcpus;
	bool pv_mode; /* calls come from the monitor */
	const char *name;
};

static inline void irq_set(struct machine *m, unsigned int gsi, int level)
{
	m->ops->irq_set(m, gsi, level);
}

void machine_stop(struct machine *m, enum stop_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
