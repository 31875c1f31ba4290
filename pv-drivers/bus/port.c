// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transport of pv mode: no PCI. Devices have numbers; registers, commands and doorbells are
 * calls, interrupts are event ports. The kernel announces itself by a platform device.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <paravane/hypercall_nr.h>

#include "internal.h"

#ifdef PVN_HAVE_PARAVANE_GUEST

#define VECTORS_MAX (PVN_DEVICE_MAX_QUEUES + 1)

struct port_vector {
	int irq;
	u32 port;
	cpumask_t cpus;
};

struct port_transport {
	struct pvn_device *pdev;
	u32 number;
	u64 attach_addr;
	unsigned int nr;
	struct port_vector vector[VECTORS_MAX];
};

struct port_bus {
	unsigned int nr;
	struct port_transport *device[];
};

static struct port_transport *transport_of(struct pvn_device *pdev)
{
	return pdev->transport;
}

static u32 port_read(struct pvn_device *pdev, u32 reg)
{
	s64 value = pvn_hypercall(PVN_HC_RING_REGISTER_READ, transport_of(pdev)->number, reg, 0, 0,
				  0, 0);

	/* As a register of a function that was pulled out. */
	return value < 0 ? U32_MAX : value;
}

static void port_command(struct port_transport *t, u32 command)
{
	static const u32 calls[] = {
		[PVN_CMD_ATTACH] = PVN_HC_RING_ATTACH,
		[PVN_CMD_DETACH] = PVN_HC_RING_DETACH,
		[PVN_CMD_QUIESCE] = PVN_HC_RING_QUIESCE,
		[PVN_CMD_RESUME] = PVN_HC_RING_RESUME,
	};

	if (WARN_ON(!command || command >= ARRAY_SIZE(calls)))
		return;
	/* How it went is read from the status and error registers, as everywhere. */
	pvn_hypercall(calls[command], t->number, command == PVN_CMD_ATTACH ? t->attach_addr : 0, 0,
		      0, 0, 0);
}

static void port_write(struct pvn_device *pdev, u32 reg, u32 value)
{
	struct port_transport *t = transport_of(pdev);

	if (reg == PVN_REG_ATTACH_ADDR)
		t->attach_addr = (t->attach_addr & ~(u64)U32_MAX) | value;
	else if (reg == PVN_REG_ATTACH_ADDR + 4)
		t->attach_addr = (u32)t->attach_addr | (u64)value << 32;
	else if (reg == PVN_REG_COMMAND)
		port_command(t, value);
}

static void port_doorbell(struct pvn_device *pdev, u32 queue)
{
	pvn_hypercall(PVN_HC_RING_NOTIFY, transport_of(pdev)->number, queue, 0, 0, 0, 0);
}

static irqreturn_t port_config_irq(int irq, void *data)
{
	pvn_device_notify(data);
	return IRQ_HANDLED;
}

static void ports_close(struct port_transport *t)
{
	while (t->nr)
		paravane_event_destroy(t->vector[--t->nr].irq);
}

/* Those of queues share the CPUs among them, whether these are there now or come later. */
static void spread_vector(struct port_transport *t, unsigned int vector, unsigned int queues)
{
	struct port_vector *v = &t->vector[vector];
	unsigned int cpu;

	cpumask_clear(&v->cpus);
	for_each_possible_cpu(cpu)
		if (cpu % queues == vector - 1)
			cpumask_set_cpu(cpu, &v->cpus);
	/* With none of them online it stays where it is, which is no error. */
	irq_set_affinity(v->irq, &v->cpus);
}

static int ports_open(struct port_transport *t, unsigned int nr)
{
	for (t->nr = 0; t->nr < nr; t->nr++) {
		struct port_vector *v = &t->vector[t->nr];

		v->irq = paravane_event_create();
		if (v->irq < 0)
			return v->irq;
		v->port = paravane_event_port(v->irq);
		if (t->nr != PVN_DEVICE_VECTOR_CONFIG)
			spread_vector(t, t->nr, nr - 1);
	}
	return 0;
}

static int port_vectors_alloc(struct pvn_device *pdev, unsigned int nr)
{
	struct port_transport *t = transport_of(pdev);
	int err;

	nr = min(nr, pdev->max_queues + 1);
	err = ports_open(t, nr);
	if (!err)
		err = request_irq(t->vector[PVN_DEVICE_VECTOR_CONFIG].irq, port_config_irq, 0,
				  dev_name(&pdev->dev), pdev);
	if (err) {
		dev_err(&pdev->dev, "no %u event ports to be had (%d)\n", nr, err);
		ports_close(t);
		return err;
	}
	return nr;
}

static void port_vectors_free(struct pvn_device *pdev)
{
	struct port_transport *t = transport_of(pdev);

	free_irq(t->vector[PVN_DEVICE_VECTOR_CONFIG].irq, pdev);
	ports_close(t);
}

static int port_vector_irq(struct pvn_device *pdev, unsigned int vector)
{
	struct port_transport *t = transport_of(pdev);

	return vector < t->nr ? t->vector[vector].irq : -EINVAL;
}

static const struct cpumask *port_vector_cpus(struct pvn_device *pdev, unsigned int vector)
{
	struct port_transport *t = transport_of(pdev);

	return vector && vector < t->nr ? &t->vector[vector].cpus : NULL;
}

/* The device knows ports, not vectors. */
static void port_attach(struct pvn_device *pdev, struct pvn_attach *attach)
{
	struct port_transport *t = transport_of(pdev);
	unsigned int i;

	attach->config_port = t->vector[PVN_DEVICE_VECTOR_CONFIG].port;
	for (i = 0; i < attach->nr_queues; i++)
		attach->queue[i].vector = t->vector[attach->queue[i].vector].port;
}

static const struct pvn_transport_ops port_ops = {
	.name = "port",
	.read = port_read,
	.write = port_write,
	.doorbell = port_doorbell,
	.attach = port_attach,
	.vectors_alloc = port_vectors_alloc,
	.vectors_free = port_vectors_free,
	.vector_irq = port_vector_irq,
	.vector_cpus = port_vector_cpus,
};

/* Without a gap, so the first number that names none is how many there are. */
static unsigned int devices_count(void)
{
	unsigned int nr = 0;
	s64 magic;

	do
		magic = pvn_hypercall(PVN_HC_RING_REGISTER_READ, nr, PVN_REG_MAGIC, 0, 0, 0, 0);
	while (magic >= 0 && ++nr < U8_MAX);
	return nr;
}

static struct port_transport *port_device_add(struct device *parent, u32 number)
{
	struct port_transport *t;
	int err;

	t = devm_kzalloc(parent, sizeof(*t), GFP_KERNEL);
	if (!t)
		return ERR_PTR(-ENOMEM);
	t->number = number;
	t->pdev = pvn_device_create(parent, &port_ops, t);
	if (IS_ERR(t->pdev))
		return ERR_CAST(t->pdev);
	err = pvn_device_add(t->pdev);
	if (!err)
		return t;
	put_device(&t->pdev->dev);
	return ERR_PTR(err);
}

/* A device that cannot be used says why, and keeps nobody from the others. */
static int port_bus_probe(struct platform_device *platform)
{
	unsigned int number, nr = devices_count();
	struct port_bus *bus;

	bus = devm_kzalloc(&platform->dev, struct_size(bus, device, nr), GFP_KERNEL);
	if (!bus)
		return -ENOMEM;
	for (number = 0; number < nr; number++) {
		struct port_transport *t = port_device_add(&platform->dev, number);

		if (IS_ERR(t))
			dev_err(&platform->dev, "device %u cannot be added (%ld)\n", number,
				PTR_ERR(t));
		else
			bus->device[bus->nr++] = t;
	}
	platform_set_drvdata(platform, bus);
	return 0;
}

static int port_bus_remove(struct platform_device *platform)
{
	struct port_bus *bus = platform_get_drvdata(platform);

	while (bus->nr)
		pvn_device_remove(bus->device[--bus->nr]->pdev);
	return 0;
}

static struct platform_driver port_bus_driver = {
	.probe = port_bus_probe,
	.remove = port_bus_remove,
	.driver = { .name = "paravane" },
};

int pvn_port_init(void)
{
	return platform_driver_register(&port_bus_driver);
}

void pvn_port_exit(void)
{
	platform_driver_unregister(&port_bus_driver);
}

MODULE_ALIAS("platform:paravane");

#else /* a kernel that cannot run in pv mode */

int pvn_port_init(void)
{
	return 0;
}

void pvn_port_exit(void)
{
}

#endif
