/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all PV devices share: the register file, the commands, and the queues' rings. A transport carries accesses,
 * doorbells and interrupts; a class of devices (block, net, console) fills in what is done with the entries.
 *
 * Threads: commands come on vCPU threads, one at a time (lock). A class serves its rings on a thread of its own
 * between start() and stop(); it alone touches queue[].ring then.
 */
#ifndef VMM_PV_DEVICE_H
#define VMM_PV_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <paravane/device.h>

#include "../../pci.h"
#include "pv_fault.h"
#include "pvn_ring.h"

struct pv_device;

struct pv_queue {
	struct pv_device *dev;
	unsigned int index;
	int doorbell; /* eventfd: signalled by the kernel at the guest's write, never read */
	uint16_t vector; /* the transport's number */
	void *memory;	 /* the ring's, held while it is attached; NULL: not */
	uint64_t bytes;
	struct pvn_ring_host ring;
};

struct pv_class {
	const char *name;
	uint32_t type; /* PVN_PCI_DEVICE_* */
	uint32_t pci_class;
	unsigned int max_order;
	/* May a driver attach so many queues with these (offered) features? 0 or -PVN_E*. Optional. */
	int (*check)(struct pv_device *dev, unsigned int nr_queues, uint64_t features);
	/* Serve the rings: after ATTACH and RESUME. 0 or -PVN_E*. */
	int (*start)(struct pv_device *dev);
	/* Complete what was accepted, then leave the rings and all guest memory alone. Also when failed. */
	void (*stop)(struct pv_device *dev);
};

/* How a guest reaches a device, and is reached by it. */
struct pv_transport {
	/* 0 or -errno. */
	int (*create)(struct pv_device *dev);
	void (*destroy)(struct pv_device *dev);
	/* May the device read and write guest memory? */
	bool (*may_attach)(const struct pv_device *dev);
	/* The largest number that a queue's vector may have. */
	uint32_t (*max_vector)(const struct pv_device *dev);
	/* Interrupt the guest. Any thread. */
	void (*raise)(struct pv_device *dev, uint32_t vector);
	/* struct pvn_ring_device.pci */
	uint32_t (*place)(const struct pv_device *dev);
	bool has_config_port; /* pvn_attach.config_port names what is raised for changes; else it is vector 0 */
};

extern const struct pv_transport pv_pci_transport;  /* pv_pci.c: hvm mode */
extern const struct pv_transport pv_port_transport; /* pv_port.c: pv mode */

/* The first member of a class's own structure. */
struct pv_device {
	struct machine *m;
	const struct pv_transport *transport;
	struct pci_device pci; /* pv_pci_transport's */
	uint32_t number;       /* that ring calls take */
	const struct pv_class *class;
	char name[24];
	unsigned int max_queues;
	uint64_t features;   /* offered */
	const void *config;  /* device configuration, written under config_lock */
	unsigned int config_bytes;
	pthread_mutex_t config_lock;
	uint32_t config_gen;

	pthread_mutex_t lock; /* of commands, and of what follows */
	uint64_t attach_addr;
	bool started; /* between start() and stop() */
	/* Set by a command while stopped, read by the class's thread while started. */
	uint64_t accepted; /* features */
	unsigned int nr_queues;
	uint32_t config_vector; /* atomic: where changes of status and configuration are told */
	struct pv_queue queue[PVN_DEVICE_MAX_QUEUES];

	uint32_t status; /* PVN_STATUS_*; atomic: the class's thread may fail the device */
	uint32_t error;	 /* atomic */
	unsigned int failures;
	struct pv_fault *fault;
};

/* index: of its kind, for the name. The class, features, config and max_queues are set before. 0 or -errno. */
int pv_device_init(struct pv_device *dev, struct machine *m, unsigned int index);
/* Stops it first. */
void pv_device_destroy(struct pv_device *dev);

/* PVN_CMD_*: 0 or -PVN_E*. */
int pv_device_command(struct pv_device *dev, uint32_t command, gpa_t attach);
/* A word of the register file. offset: a multiple of 4. */
uint32_t pv_device_read(struct pv_device *dev, uint32_t offset);
/* PVN_REG_ATTACH_ADDR: the bits of `mask` become those of `value`. */
void pv_device_attach_addr(struct pv_device *dev, uint64_t mask, uint64_t value);
/* Ring the doorbell of a queue: 0 or -PVN_E*. */
int pv_device_notify(struct pv_device *dev, uint32_t queue);

/* The guest broke the ring: nothing moves until it detaches. From the class's thread. error: PVN_E*. */
void pv_device_fail(struct pv_device *dev, uint32_t error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static inline bool pv_device_failed(const struct pv_device *dev)
{
	return __atomic_load_n(&dev->status, __ATOMIC_ACQUIRE) & PVN_STATUS_FAILED;
}

/* The configuration was changed (under config_lock): tell the guest. */
void pv_device_config_changed(struct pv_device *dev);

/* Copy one submission. 1, 0 for none; a broken ring fails the device and gives 0. */
int pv_queue_pop(struct pv_queue *q, void *sqe);
/* Write one completion; shown later, in batches. */
void pv_queue_complete(struct pv_queue *q, uint32_t id, int32_t status, uint32_t flags);
/* Show completions to the guest. */
void pv_queue_show(struct pv_queue *q);
/* Interrupt it if it asks for that, for all that was shown since the last time. Due before the thread sleeps. */
void pv_queue_notify(struct pv_queue *q);
/* Both. */
void pv_queue_publish(struct pv_queue *q);

/* -errno of the host as -PVN_E*. */
int pv_error(int host_errno);

/* pv_attach.c: copy and check struct pvn_attach, and take up its rings. 0 or -PVN_E*. */
int pv_attach(struct pv_device *dev, gpa_t addr);
/* Let go of them. */
void pv_detach(struct pv_device *dev);

#endif
