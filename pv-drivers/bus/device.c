// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PV device: registers and commands, queues, and what happens when host or device gives up.
 */
#include <linux/gfp.h>
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "internal.h"

#define REG_GONE U32_MAX /* what a register of a device that was pulled out reads as */

static DEFINE_IDA(device_ids);

static struct pvn_driver *driver_of(struct pvn_device *pdev)
{
	return container_of(pdev->dev.driver, struct pvn_driver, driver);
}

u32 pvn_device_status(struct pvn_device *pdev)
{
	return pdev->ops->read(pdev, PVN_REG_STATUS);
}
EXPORT_SYMBOL_GPL(pvn_device_status);

void pvn_device_config(struct pvn_device *pdev, void *to, unsigned int bytes)
{
	u32 *word = to;
	u32 gen, i, tries;

	/* A host that changes it all the time gets a torn copy of its own making. */
	for (tries = 0; tries < 8; tries++) {
		gen = pdev->ops->read(pdev, PVN_REG_CONFIG_GEN);
		for (i = 0; i < bytes / 4; i++)
			word[i] = pdev->ops->read(pdev, PVN_REG_CONFIG + 4 * i);
		if (gen == pdev->ops->read(pdev, PVN_REG_CONFIG_GEN))
			break;
	}
}
EXPORT_SYMBOL_GPL(pvn_device_config);

/* Runs a command; 0 when STATUS then is as it should be, else -errno. */
static int device_command(struct pvn_device *pdev, u32 command, u32 mask, u32 want)
{
	u32 status, error;

	lockdep_assert_held(&pdev->command);
	pdev->ops->write(pdev, PVN_REG_COMMAND, command);
	status = pdev->ops->read(pdev, PVN_REG_STATUS);
	if (status == REG_GONE)
		return -ENODEV;
	if ((status & mask) == want)
		return 0;
	error = pdev->ops->read(pdev, PVN_REG_ERROR);
	dev_err(&pdev->dev, "command %u failed: status %#x, %s\n", command, status,
		pvn_error_name(-(s64)error));
	return pvn_errno(-(s64)error) ?: -EIO;
}

int pvn_device_vectors(struct pvn_device *pdev, unsigned int nr)
{
	int got = pdev->ops->vectors_alloc(pdev, nr + 1);

	if (got < 0)
		return got;
	pdev->nr_vectors = got;
	return got - 1;
}
EXPORT_SYMBOL_GPL(pvn_device_vectors);

int pvn_device_irq(struct pvn_device *pdev, unsigned int vector)
{
	return pdev->ops->vector_irq(pdev, vector);
}
EXPORT_SYMBOL_GPL(pvn_device_irq);

const struct cpumask *pvn_device_cpus(struct pvn_device *pdev, unsigned int vector)
{
	return pdev->ops->vector_cpus(pdev, vector) ?: cpu_possible_mask;
}
EXPORT_SYMBOL_GPL(pvn_device_cpus);

int pvn_device_alloc_queues(struct pvn_device *pdev, unsigned int nr, unsigned int sq_order,
			    unsigned int cq_order)
{
	unsigned int i;

	if (!nr || nr > pdev->max_queues || sq_order < PVN_RING_ORDER_MIN ||
	    cq_order < sq_order || cq_order > pdev->max_order)
		return -EINVAL;
	pdev->queues = kcalloc(nr, sizeof(*pdev->queues), GFP_KERNEL);
	if (!pdev->queues)
		return -ENOMEM;
	pdev->nr_queues = nr;
	for (i = 0; i < nr; i++) {
		struct pvn_queue *q = &pdev->queues[i];

		q->pdev = pdev;
		q->index = i;
		q->sq_order = sq_order;
		q->cq_order = cq_order;
		q->vector = 1;
		q->bytes = pvn_ring_bytes(sq_order, cq_order);
		q->mem = alloc_pages_exact(q->bytes, GFP_KERNEL | __GFP_ZERO);
		if (!q->mem)
			goto free_queues;
	}
	return 0;

free_queues:
	pvn_device_free_queues(pdev);
	return -ENOMEM;
}
EXPORT_SYMBOL_GPL(pvn_device_alloc_queues);

void pvn_device_free_queues(struct pvn_device *pdev)
{
	unsigned int i;

	for (i = 0; i < pdev->nr_queues; i++)
		if (pdev->queues[i].mem)
			free_pages_exact(pdev->queues[i].mem, pdev->queues[i].bytes);
	kfree(pdev->queues);
	pdev->queues = NULL;
	pdev->nr_queues = 0;
}
EXPORT_SYMBOL_GPL(pvn_device_free_queues);

int pvn_device_attach(struct pvn_device *pdev, u64 features)
{
	struct pvn_attach *attach = pdev->attach;
	phys_addr_t addr = virt_to_phys(attach);
	unsigned int i;
	int err;

	if (WARN_ON(!pdev->nr_queues || (features & ~pdev->offered)))
		return -EINVAL;
	/* A failure of the attachment before must not take this one down. */
	cancel_work_sync(&pdev->death);
	mutex_lock(&pdev->command);
	memset(attach, 0, sizeof(*attach));
	attach->version = PVN_DEVICE_VERSION;
	attach->nr_queues = pdev->nr_queues;
	attach->features = features;
	for (i = 0; i < pdev->nr_queues; i++) {
		struct pvn_queue *q = &pdev->queues[i];

		pvn_ring_guest_init(&q->ring, q->mem, q->sq_order, q->cq_order);
		attach->queue[i].ring_addr = virt_to_phys(q->mem);
		attach->queue[i].sq_order = q->sq_order;
		attach->queue[i].cq_order = q->cq_order;
		attach->queue[i].vector = q->vector;
	}
	if (pdev->ops->attach)
		pdev->ops->attach(pdev, attach);
	pdev->accepted = features;
	clear_bit(PVN_DEVICE_DEAD, &pdev->state);
	set_bit(PVN_DEVICE_ATTACHED, &pdev->state);
	pdev->ops->write(pdev, PVN_REG_ATTACH_ADDR, lower_32_bits(addr));
	pdev->ops->write(pdev, PVN_REG_ATTACH_ADDR + 4, upper_32_bits(addr));
	err = device_command(pdev, PVN_CMD_ATTACH, PVN_STATUS_ATTACHED | PVN_STATUS_FAILED,
			     PVN_STATUS_ATTACHED);
	if (err)
		clear_bit(PVN_DEVICE_ATTACHED, &pdev->state);
	mutex_unlock(&pdev->command);
	return err;
}
EXPORT_SYMBOL_GPL(pvn_device_attach);

int pvn_device_quiesce(struct pvn_device *pdev)
{
	int err;

	mutex_lock(&pdev->command);
	err = device_command(pdev, PVN_CMD_QUIESCE, PVN_STATUS_QUIESCED | PVN_STATUS_FAILED,
			     PVN_STATUS_QUIESCED);
	mutex_unlock(&pdev->command);
	return err;
}
EXPORT_SYMBOL_GPL(pvn_device_quiesce);

void pvn_device_detach(struct pvn_device *pdev)
{
	mutex_lock(&pdev->command);
	if (test_and_clear_bit(PVN_DEVICE_ATTACHED, &pdev->state))
		device_command(pdev, PVN_CMD_DETACH, PVN_STATUS_ATTACHED, 0);
	mutex_unlock(&pdev->command);
}
EXPORT_SYMBOL_GPL(pvn_device_detach);

void pvn_device_stop(struct pvn_device *pdev)
{
	set_bit(PVN_DEVICE_STOPPED, &pdev->state);
	cancel_work_sync(&pdev->config);
	cancel_work_sync(&pdev->death);
	pvn_device_detach(pdev);
}
EXPORT_SYMBOL_GPL(pvn_device_stop);

void pvn_device_fail(struct pvn_device *pdev, const char *fmt, ...)
{
	struct va_format why;
	va_list args;

	if (test_and_set_bit(PVN_DEVICE_DEAD, &pdev->state))
		return;
	va_start(args, fmt);
	why.fmt = fmt;
	why.va = &args;
	dev_err(&pdev->dev, "device given up: %pV\n", &why);
	va_end(args);
	schedule_work(&pdev->death);
}
EXPORT_SYMBOL_GPL(pvn_device_fail);

static void device_death(struct work_struct *work)
{
	struct pvn_device *pdev = container_of(work, struct pvn_device, death);

	/* First, so that the host does not write into buffers that are given back below. */
	pvn_device_detach(pdev);
	if (!test_bit(PVN_DEVICE_STOPPED, &pdev->state))
		driver_of(pdev)->dead(pdev);
}

static void device_config_changed(struct work_struct *work)
{
	struct pvn_device *pdev = container_of(work, struct pvn_device, config);
	u32 status = pvn_device_status(pdev);
	struct pvn_driver *drv;

	if (test_bit(PVN_DEVICE_STOPPED, &pdev->state))
		return;
	if (status == REG_GONE) {
		pvn_device_fail(pdev, "it was taken away by the host");
		return;
	}
	if (status & PVN_STATUS_FAILED) {
		pvn_device_fail(pdev, "the host stopped it, saying %s",
				pvn_error_name(-(s64)pdev->ops->read(pdev, PVN_REG_ERROR)));
		return;
	}
	drv = driver_of(pdev);
	if (drv->config_changed)
		drv->config_changed(pdev);
}

void pvn_device_notify(struct pvn_device *pdev)
{
	if (!test_bit(PVN_DEVICE_STOPPED, &pdev->state))
		schedule_work(&pdev->config);
}

void pvn_device_bound(struct pvn_device *pdev)
{
	clear_bit(PVN_DEVICE_DEAD, &pdev->state);
	clear_bit(PVN_DEVICE_STOPPED, &pdev->state);
}

void pvn_device_unbound(struct pvn_device *pdev)
{
	pvn_device_stop(pdev);
	if (pdev->nr_vectors)
		pdev->ops->vectors_free(pdev);
	pdev->nr_vectors = 0;
	/* Whatever was scheduled before the last interrupt was freed. */
	cancel_work_sync(&pdev->config);
	cancel_work_sync(&pdev->death);
	WARN_ON(pdev->nr_queues);
	pvn_device_set_data(pdev, NULL);
}

static void device_release(struct device *dev)
{
	struct pvn_device *pdev = to_pvn_device(dev);

	ida_free(&device_ids, pdev->id);
	free_page((unsigned long)pdev->attach);
	kfree(pdev);
}

struct pvn_device *pvn_device_create(struct device *parent, const struct pvn_transport_ops *ops,
				     void *transport)
{
	struct pvn_device *pdev;
	int err = -ENOMEM;

	pdev = kzalloc(sizeof(*pdev), GFP_KERNEL);
	if (!pdev)
		return ERR_PTR(err);
	pdev->attach = (void *)get_zeroed_page(GFP_KERNEL);
	if (!pdev->attach)
		goto free_device;
	err = ida_alloc(&device_ids, GFP_KERNEL);
	if (err < 0)
		goto free_attach;
	pdev->id = err;
	pdev->ops = ops;
	pdev->transport = transport;
	pdev->state = BIT(PVN_DEVICE_STOPPED);
	mutex_init(&pdev->command);
	INIT_WORK(&pdev->death, device_death);
	INIT_WORK(&pdev->config, device_config_changed);
	pdev->dev.parent = parent;
	pdev->dev.bus = &pvn_bus;
	pdev->dev.release = device_release;
	device_initialize(&pdev->dev);
	return pdev;

free_attach:
	free_page((unsigned long)pdev->attach);
free_device:
	kfree(pdev);
	return ERR_PTR(err);
}

/* Reads what the device is and adds it to the bus. The caller drops its reference on failure. */
int pvn_device_add(struct pvn_device *pdev)
{
	struct device *parent = pdev->dev.parent;
	u32 magic = pdev->ops->read(pdev, PVN_REG_MAGIC);
	int err;

	if (magic != PVN_DEVICE_MAGIC) {
		dev_err(parent, "not a Paravane device: magic %#x instead of %#x\n", magic,
			PVN_DEVICE_MAGIC);
		return -ENODEV;
	}
	pdev->version = pdev->ops->read(pdev, PVN_REG_VERSION);
	if (pdev->version >> 16 != PVN_DEVICE_VERSION_MAJOR) {
		dev_err(parent, "the device speaks version %u.%u and this driver %u.%u; load the driver that came with the host\n",
			pdev->version >> 16, pdev->version & 0xffff, PVN_DEVICE_VERSION_MAJOR,
			PVN_DEVICE_VERSION_MINOR);
		return -EPROTO;
	}
	pdev->type = pdev->ops->read(pdev, PVN_REG_TYPE);
	pdev->offered = pdev->ops->read(pdev, PVN_REG_FEATURES) |
			(u64)pdev->ops->read(pdev, PVN_REG_FEATURES + 4) << 32;
	pdev->max_queues = min_t(u32, pdev->ops->read(pdev, PVN_REG_MAX_QUEUES),
				 PVN_DEVICE_MAX_QUEUES);
	pdev->max_order = min_t(u32, pdev->ops->read(pdev, PVN_REG_MAX_ORDER), PVN_RING_ORDER_MAX);
	if (!pdev->max_queues || pdev->max_order < PVN_RING_ORDER_MIN) {
		dev_err(parent, "the device offers %u queues of order %u: it cannot be used\n",
			pdev->max_queues, pdev->max_order);
		return -EPROTO;
	}
	/* A kernel that ran here before this one may have left it attached. */
	if (pvn_device_status(pdev) & (PVN_STATUS_ATTACHED | PVN_STATUS_FAILED)) {
		set_bit(PVN_DEVICE_ATTACHED, &pdev->state);
		pvn_device_detach(pdev);
	}
	err = dev_set_name(&pdev->dev, "pvn%u", pdev->id);
	if (err)
		return err;
	return device_add(&pdev->dev);
}

void pvn_device_remove(struct pvn_device *pdev)
{
	device_unregister(&pdev->dev);
}
