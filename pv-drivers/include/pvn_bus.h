/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bus of PV devices, as a driver sees it. A driver finds a device by its type, asks for
 * interrupt vectors, lays out its queues, attaches, and then works on rings and doorbells; how
 * registers, doorbells and interrupts travel is the transport's business.
 *
 * Order of a driver's life:
 *
 *	probe	pvn_device_vectors(), pvn_device_alloc_queues(), request_irq(), pvn_device_attach()
 *	remove	stop submitting, pvn_device_stop(), free_irq(), pvn_device_free_queues()
 */
#ifndef PVN_BUS_H
#define PVN_BUS_H

#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <paravane/device.h>
#include <pvn_ring.h>

struct pvn_device;

/* One queue: its ring, and what the device needs to know of it. */
struct pvn_queue {
	struct pvn_ring_guest ring;
	struct pvn_device *pdev;
	void *mem;
	u32 bytes;
	u16 index;
	u16 sq_order;
	u16 cq_order;
	u16 vector;	/* 1 … nr_vectors - 1 */
};

/* How registers, doorbells and interrupts travel. Filled in by a transport. */
struct pvn_transport_ops {
	const char *name;
	u32 (*read)(struct pvn_device *pdev, u32 reg);
	void (*write)(struct pvn_device *pdev, u32 reg, u32 value);
	void (*doorbell)(struct pvn_device *pdev, u32 queue);
	/* Optional: put the transport's own numbers in place of the queues' vectors. */
	void (*attach)(struct pvn_device *pdev, struct pvn_attach *attach);
	/* Up to nr vectors, 2 or more: how many there are, or -errno. */
	int (*vectors_alloc)(struct pvn_device *pdev, unsigned int nr);
	void (*vectors_free)(struct pvn_device *pdev);
	int (*vector_irq)(struct pvn_device *pdev, unsigned int vector);
	const struct cpumask *(*vector_cpus)(struct pvn_device *pdev, unsigned int vector);
};

/* pvn_device.state */
#define PVN_DEVICE_ATTACHED 0	/* the host may touch the rings */
#define PVN_DEVICE_DEAD 1	/* given up: nothing is submitted until it is attached again */
#define PVN_DEVICE_STOPPED 2	/* no callback into the driver any more */

struct pvn_device {
	struct device dev;
	const struct pvn_transport_ops *ops;
	void *transport;
	u32 id;
	u32 type;
	u32 version;
	u64 offered;		/* features of the device */
	u64 accepted;		/* those that the driver attached with */
	u32 max_queues;
	u32 max_order;
	unsigned int nr_vectors;
	unsigned int nr_queues;
	struct pvn_queue *queues;
	struct pvn_attach *attach;
	unsigned long state;
	struct mutex command;	/* one command at a time */
	struct work_struct death;
	struct work_struct config;
};

struct pvn_driver {
	struct device_driver driver;
	u32 type;
	int (*probe)(struct pvn_device *pdev);
	void (*remove)(struct pvn_device *pdev);
	/* The device was declared dead and the host has let go of its rings: end what is in flight.
	 * Process context.
	 */
	void (*dead)(struct pvn_device *pdev);
	/* The configuration, or the link, may have changed. Process context. Optional. */
	void (*config_changed)(struct pvn_device *pdev);
	/* Detach so that nothing is lost, and attach again. */
	int (*suspend)(struct pvn_device *pdev);
	int (*resume)(struct pvn_device *pdev);
	/* The machine goes down: the host must not write into memory any more. Optional. */
	void (*shutdown)(struct pvn_device *pdev);
};

int __pvn_driver_register(struct pvn_driver *drv, struct module *owner);
#define pvn_driver_register(drv) __pvn_driver_register(drv, THIS_MODULE)
void pvn_driver_unregister(struct pvn_driver *drv);

#define module_pvn_driver(drv) module_driver(drv, pvn_driver_register, pvn_driver_unregister)

/*
 * Vectors: 0 is the bus' own, for changes of status and configuration; a queue takes one of the
 * others. nr: how many of those the driver would like. How many it got (1 or more), or -errno.
 */
int pvn_device_vectors(struct pvn_device *pdev, unsigned int nr);
int pvn_device_irq(struct pvn_device *pdev, unsigned int vector);
const struct cpumask *pvn_device_cpus(struct pvn_device *pdev, unsigned int vector);

/* Ring memory for nr queues; the caller then sets each queue's vector (1 until then). */
int pvn_device_alloc_queues(struct pvn_device *pdev, unsigned int nr, unsigned int sq_order,
			    unsigned int cq_order);
void pvn_device_free_queues(struct pvn_device *pdev);

/* Starts all queues with empty rings. features: a subset of pdev->offered. 0 or -errno. */
int pvn_device_attach(struct pvn_device *pdev, u64 features);
/* The host finishes what it accepted; then pop the completions and detach. 0 or -errno. */
int pvn_device_quiesce(struct pvn_device *pdev);
/* Afterwards the host touches no ring and no buffer. What it had not finished is cancelled. */
void pvn_device_detach(struct pvn_device *pdev);
/* Detaches, and waits until no callback into the driver runs; none comes afterwards. */
void pvn_device_stop(struct pvn_device *pdev);

/* Declares the device dead, for a reason that is logged; dead() is called soon. Any context. */
__printf(2, 3) void pvn_device_fail(struct pvn_device *pdev, const char *fmt, ...);

static inline bool pvn_device_dead(const struct pvn_device *pdev)
{
	return test_bit(PVN_DEVICE_DEAD, &pdev->state);
}

u32 pvn_device_status(struct pvn_device *pdev);

/* A consistent copy of the device's configuration. */
void pvn_device_config(struct pvn_device *pdev, void *to, unsigned int bytes);

static inline void pvn_queue_kick(struct pvn_queue *q)
{
	q->pdev->ops->doorbell(q->pdev, q->index);
}

/* Makes filled slots visible and rings when the host asked for it. True when it rang. */
static inline bool pvn_queue_publish(struct pvn_queue *q)
{
	if (!pvn_ring_guest_publish(&q->ring))
		return false;
	pvn_queue_kick(q);
	return true;
}

static inline struct pvn_device *to_pvn_device(struct device *dev)
{
	return container_of(dev, struct pvn_device, dev);
}

static inline void pvn_device_set_data(struct pvn_device *pdev, void *data)
{
	dev_set_drvdata(&pdev->dev, data);
}

static inline void *pvn_device_data(struct pvn_device *pdev)
{
	return dev_get_drvdata(&pdev->dev);
}

#endif /* PVN_BUS_H */
