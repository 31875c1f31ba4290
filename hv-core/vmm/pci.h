/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One PCI root with bus 0 only. Configuration space is ECAM alone: 1 MiB of it is memory that the guest reads
 * without an exit (a read-only memory slot), and only its writes reach the VMM. So a device's configuration bytes
 * live in that memory, and pci_config_write() applies the write masks.
 */
#ifndef VMM_PCI_H
#define VMM_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

#define PCI_ECAM_BASE 0xe0000000ull
#define PCI_ECAM_SIZE 0x100000ull /* bus 0 */
#define PCI_MMIO_BASE 0xc0000000ull
#define PCI_MMIO_END 0xe0000000ull
#define PCI_PORT_BASE 0xc000
#define PCI_PORT_END 0xffff
#define PCI_CONFIG_SIZE 4096
#define PCI_NR_BARS 6
#define PCI_GSI_BASE 16 /* INTx of slot s, pin p (INTA is 0): GSI 16 + (s + p) % 8 */
#define PCI_NR_GSI 8

struct pci_device;

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_MMIO32, PCI_BAR_IO };

struct pci_bar {
	enum pci_bar_kind kind;
	uint32_t size; /* power of two; I/O 4 or more, memory 4096 or more (16 or more for unit tests' sake) */
	struct bus_range range;
	bool mapped;
	/* Optional: told after the BAR was mapped at `base` or unmapped (for doorbells). Config lock held. */
	void (*changed)(struct pci_device *dev, unsigned int bar, uint64_t base, bool mapped);
};

struct msix_vector {
	int eventfd; /* a write raises the interrupt, mask or not: only msix_raise() writes */
	int route;
	bool bound;
	bool masked;
	bool pending;
	uint64_t addr; /* the message that it is bound to */
	uint32_t data;
};

struct msix {
	struct machine *m;
	struct pci_device *dev;
	pthread_mutex_t lock;
	unsigned int nr;
	unsigned int cap; /* offset of the capability */
	uint8_t *table;	  /* 16 bytes a vector */
	uint32_t pba_offset;
	bool enabled;	      /* control register: MSI-X enable */
	bool function_masked; /* control register: all vectors masked */
	struct msix_vector *vec;
};

/* A PCI function. The device embeds it, fills in the identity, then calls pci_add(). */
struct pci_device {
	const char *name; /* "ide", "pv-block0", … */
	uint16_t vendor, device, subsys_vendor, subsys_device;
	uint32_t class_code; /* 24 bits: class, subclass, programming interface */
	uint8_t revision;
	uint8_t int_pin; /* 0 none, 1 INTA */
	int slot;	 /* -1: next free */
	unsigned int function;
	bool multifunction;

	struct machine *m;
	uint8_t *config; /* PCI_CONFIG_SIZE bytes, in the ECAM memory */
	uint8_t wmask[256];
	struct pci_bar bar[PCI_NR_BARS];
	struct msix *msix;
	unsigned int next_cap;
	unsigned int gsi;
	bool bus_master; /* command register's bit; a device does no DMA without it */
	bool intx_level; /* what the device last asked for; the wire also depends on the INTx disable bit */
	bool intx_wired; /* what this function adds to the wire */
	bool on_bus;
	uint32_t bar_home[PCI_NR_BARS]; /* where pci_add() placed them; a reset puts them back */
	/* Optional: after a guest write to [offset, offset + len) took effect. */
	void (*config_written)(struct pci_device *dev, unsigned int offset, unsigned int len);
	/* Optional: bring the device to its power-on state. */
	void (*reset)(struct pci_device *dev);
	void *opaque;
};

int pci_bus_create(struct machine *m, struct pci_bus **bus);
void pci_bus_destroy(struct pci_bus *bus);
/* The memory behind ECAM, to be mapped read-only into the guest. */
void *pci_ecam_memory(struct pci_bus *bus);
/* Function 0 of a slot, or NULL. For ACPI tables and `--help`-like listings. */
struct pci_device *pci_bus_slot(struct pci_bus *bus, unsigned int slot);

/*
 * Place the function on the bus; BARs set before are given addresses at once, but decode nothing until the guest's
 * driver sets the command register's enable bits, as after power-on. 0 or -errno.
 *
 * Lock order: configuration lock (held in config_written, changed and reset), then a bus, then a device's own locks.
 * So a device may call pci_intx() and msix_raise() with its lock held, but not pci_add() or pci_remove().
 */
int pci_add(struct machine *m, struct pci_device *dev);
void pci_remove(struct pci_device *dev);

/* Before pci_add(): describe a BAR. */
void pci_set_bar(struct pci_device *dev, unsigned int bar, enum pci_bar_kind kind, uint32_t size, const char *name,
		 const struct bus_ops *ops, void *opaque);
/*
 * A capability of len bytes (id and next pointer included), read-only but for the caller's wmask. Its offset. The
 * caller fills in dev->config from there on. Before pci_add() that is a buffer of its own, moved by pci_add().
 */
unsigned int pci_add_capability(struct pci_device *dev, uint8_t id, unsigned int len);
/* MSI-X with nr vectors, table at offset 0 of `bar` and pending bits at pba_offset. Before pci_add(). 0 or -errno. */
int msix_init(struct pci_device *dev, unsigned int bar, unsigned int nr, uint32_t pba_offset);
void msix_destroy(struct pci_device *dev);
/* Raise vector v: any thread. While it is masked the pending bit is set instead. */
void msix_raise(struct pci_device *dev, unsigned int v);
bool msix_enabled(const struct pci_device *dev);
/* pci.c's: the guest wrote the control register; back to power-on. */
void msix_control_written(struct pci_device *dev);
void msix_reset(struct pci_device *dev);

/* All functions and their MSI-X to the power-on state, as a machine reset does. vCPUs are stopped. */
void pci_bus_reset(struct pci_bus *bus);

/* INTx level of this function. Any thread. */
void pci_intx(struct pci_device *dev, int level);

#endif
