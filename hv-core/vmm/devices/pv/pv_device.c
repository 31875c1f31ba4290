// SPDX-License-Identifier: GPL-2.0-only
/* A PV device: registers, commands, doorbells, completions. */
#include "pv_device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../pv_registry.h"

#define PV_DEVICE_MAX_COMPLAINTS 8

static void status_set(struct pv_device *dev, uint32_t set, uint32_t clear)
{
	if (clear)
		__atomic_and_fetch(&dev->status, ~clear, __ATOMIC_RELEASE);
	if (set)
		__atomic_or_fetch(&dev->status, set, __ATOMIC_RELEASE);
}

static uint32_t status_get(const struct pv_device *dev)
{
	return __atomic_load_n(&dev->status, __ATOMIC_ACQUIRE);
}

/* ---- commands; dev->lock is held ---- */

static void command_stop(struct pv_device *dev)
{
	if (!dev->started)
		return;
	dev->class->stop(dev);
	dev->started = false;
}

static int command_start(struct pv_device *dev)
{
	int rc = dev->class->start(dev);

	dev->started = !rc;
	return rc;
}

static int command_attach(struct pv_device *dev, gpa_t addr)
{
	int rc;

	if (status_get(dev) || !dev->transport->may_attach(dev))
		return -PVN_ESTATE;
	rc = pv_attach(dev, addr);
	if (rc)
		return rc;
	/* Before the start, so that a ring found broken at once fails an attached device. */
	status_set(dev, PVN_STATUS_ATTACHED, 0);
	rc = command_start(dev);
	if (rc) {
		status_set(dev, 0, PVN_STATUS_ATTACHED);
		pv_detach(dev);
	}
	return rc;
}

static int command_detach(struct pv_device *dev)
{
	command_stop(dev);
	pv_detach(dev);
	status_set(dev, 0, PVN_STATUS_ATTACHED | PVN_STATUS_QUIESCED | PVN_STATUS_FAILED);
	dev->nr_queues = 0;
	dev->accepted = 0;
	__atomic_store_n(&dev->config_vector, 0, __ATOMIC_RELAXED);
	return 0;
}

static int command_quiesce(struct pv_device *dev)
{
	if (status_get(dev) != PVN_STATUS_ATTACHED)
		return -PVN_ESTATE;
	command_stop(dev);
	/* It may have failed while it finished. */
	if (pv_device_failed(dev))
		return -PVN_ESTATE;
	status_set(dev, PVN_STATUS_QUIESCED, 0);
	return 0;
}

static int command_resume(struct pv_device *dev)
{
	int rc;

	if (status_get(dev) != (PVN_STATUS_ATTACHED | PVN_STATUS_QUIESCED))
		return -PVN_ESTATE;
	status_set(dev, 0, PVN_STATUS_QUIESCED);
	rc = command_start(dev);
	if (rc)
		status_set(dev, PVN_STATUS_QUIESCED, 0);
	return rc;
}

int pv_device_command(struct pv_device *dev, uint32_t command, gpa_t attach)
{
	int rc;

	pthread_mutex_lock(&dev->lock);
	switch (command) {
	case PVN_CMD_ATTACH:
		rc = command_attach(dev, attach);
		break;
	case PVN_CMD_DETACH:
		rc = command_detach(dev);
		break;
	case PVN_CMD_QUIESCE:
		rc = command_quiesce(dev);
		break;
	case PVN_CMD_RESUME:
		rc = command_resume(dev);
		break;
	default:
		rc = -PVN_ENOSYS;
	}
	/* Why a device failed stays readable until it detaches. */
	if (!pv_device_failed(dev))
		__atomic_store_n(&dev->error, (uint32_t)-rc, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

static void tell_change(struct pv_device *dev)
{
	dev->transport->raise(dev, __atomic_load_n(&dev->config_vector, __ATOMIC_RELAXED));
}

void pv_device_fail(struct pv_device *dev, uint32_t error, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	if (pv_device_failed(dev))
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	/* A guest could do this in a loop; the user's terminal is not its to fill. */
	if (dev->failures++ < PV_DEVICE_MAX_COMPLAINTS)
		fprintf(stderr,
			"paravane: %s: %s; the guest's driver is at fault, and the device stays stopped until it detaches\n",
			dev->name, why);
	__atomic_store_n(&dev->error, error, __ATOMIC_RELEASE);
	status_set(dev, PVN_STATUS_FAILED, 0);
	tell_change(dev);
}

void pv_device_config_changed(struct pv_device *dev)
{
	__atomic_add_fetch(&dev->config_gen, 1, __ATOMIC_RELEASE);
	tell_change(dev);
}

/* ---- register file ---- */

static uint32_t config_read(struct pv_device *dev, unsigned int offset)
{
	uint32_t value = 0;

	pthread_mutex_lock(&dev->config_lock);
	if (offset < dev->config_bytes)
		memcpy(&value, (const char *)dev->config + offset,
		       dev->config_bytes - offset < 4 ? dev->config_bytes - offset : 4);
	pthread_mutex_unlock(&dev->config_lock);
	return value;
}

uint32_t pv_device_read(struct pv_device *dev, uint32_t offset)
{
	switch (offset) {
	case PVN_REG_MAGIC:
		return PVN_DEVICE_MAGIC;
	case PVN_REG_VERSION:
		return PVN_DEVICE_VERSION;
	case PVN_REG_TYPE:
		return dev->class->type;
	case PVN_REG_MAX_QUEUES:
		return dev->max_queues;
	case PVN_REG_FEATURES:
		return (uint32_t)dev->features;
	case PVN_REG_FEATURES + 4:
		return (uint32_t)(dev->features >> 32);
	case PVN_REG_MAX_ORDER:
		return dev->class->max_order;
	case PVN_REG_CONFIG_GEN:
		return __atomic_load_n(&dev->config_gen, __ATOMIC_ACQUIRE);
	case PVN_REG_ATTACH_ADDR:
		return (uint32_t)__atomic_load_n(&dev->attach_addr, __ATOMIC_RELAXED);
	case PVN_REG_ATTACH_ADDR + 4:
		return (uint32_t)(__atomic_load_n(&dev->attach_addr, __ATOMIC_RELAXED) >> 32);
	case PVN_REG_STATUS:
		return status_get(dev);
	case PVN_REG_ERROR:
		return __atomic_load_n(&dev->error, __ATOMIC_ACQUIRE);
	default:
		return offset >= PVN_REG_CONFIG ? config_read(dev, offset - PVN_REG_CONFIG) : 0;
	}
}

void pv_device_attach_addr(struct pv_device *dev, uint64_t mask, uint64_t value)
{
	pthread_mutex_lock(&dev->lock);
	__atomic_store_n(&dev->attach_addr, (dev->attach_addr & ~mask) | value, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&dev->lock);
}

/* ---- doorbells ---- */

int pv_device_notify(struct pv_device *dev, uint32_t queue)
{
	uint64_t one = 1;

	if (queue >= dev->max_queues)
		return -PVN_ENODEV;
	if (!(status_get(dev) & PVN_STATUS_ATTACHED))
		return -PVN_ESTATE;
	/* The count is never read; a full one has signalled long ago, and still does. */
	if (write(dev->queue[queue].doorbell, &one, sizeof(one)) < 0)
		return errno == EAGAIN ? 0 : -PVN_EIO;
	return 0;
}

/* ---- queues ---- */

int pv_queue_pop(struct pv_queue *q, void *sqe)
{
	int rc = pvn_ring_host_pop(&q->ring, sqe);

	if (rc < 0) {
		pv_device_fail(q->dev, q->ring.error,
			       q->ring.error == PVN_EOVERFLOW ?
				       "queue %u has more in flight than its completion ring holds" :
				       "queue %u has an index that cannot be",
			       q->index);
		return 0;
	}
	return rc;
}

void pv_queue_complete(struct pv_queue *q, uint32_t id, int32_t status, uint32_t flags)
{
	struct pvn_cqe cqe = { .id = id, .status = status, .flags = flags };

	if (pv_device_failed(q->dev))
		return;
	if (q->dev->fault)
		pv_fault_complete(q->dev->fault, &q->ring, &cqe);
	else
		pvn_ring_host_push(&q->ring, &cqe);
}

void pv_queue_show(struct pv_queue *q)
{
	if (pv_device_failed(q->dev))
		return;
	if (q->dev->fault)
		pv_fault_publish(q->dev->fault, &q->ring);
	pvn_ring_host_show(&q->ring);
}

void pv_queue_notify(struct pv_queue *q)
{
	if (!pv_device_failed(q->dev) && pvn_ring_host_notify(&q->ring))
		q->dev->transport->raise(q->dev, q->vector);
}

void pv_queue_publish(struct pv_queue *q)
{
	pv_queue_show(q);
	pv_queue_notify(q);
}

int pv_error(int host_errno)
{
	switch (host_errno) {
	case 0:
		return 0;
	case -EINVAL:
		return -PVN_EINVAL;
	case -ERANGE:
		return -PVN_ERANGE;
	case -EROFS:
	case -EPERM:
		return -PVN_EROFS;
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
		return -PVN_ENOSPC;
	case -ENOMEM:
		return -PVN_ENOMEM;
	case -EOPNOTSUPP:
		return -PVN_ENOTSUP;
	case -ECANCELED:
		return -PVN_ECANCELED;
	default:
		return -PVN_EIO;
	}
}

/* ---- life ---- */

static int registry_command(void *opaque, uint32_t command, gpa_t attach)
{
	return pv_device_command(opaque, command, attach);
}

static int registry_notify(void *opaque, uint32_t queue)
{
	return pv_device_notify(opaque, queue);
}

static uint32_t registry_read(void *opaque, uint32_t offset)
{
	return pv_device_read(opaque, offset);
}

static void registry_info(void *opaque, struct pvn_ring_device *info)
{
	struct pv_device *dev = opaque;

	info->type = dev->class->type;
	info->version = PVN_DEVICE_VERSION;
	info->max_queues = dev->max_queues;
	info->features = dev->features;
	info->max_order = dev->class->max_order;
	info->status = status_get(dev);
	info->error = __atomic_load_n(&dev->error, __ATOMIC_ACQUIRE);
	info->pci = dev->transport->place(dev);
}

static const struct pv_device_ops registry_ops = {
	.command = registry_command,
	.notify = registry_notify,
	.info = registry_info,
	.read = registry_read,
};

static void close_doorbells(struct pv_device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->max_queues; i++) {
		if (dev->queue[i].doorbell >= 0)
			close(dev->queue[i].doorbell);
	}
}

int pv_device_init(struct pv_device *dev, struct machine *m, unsigned int index)
{
	unsigned int i;
	int rc = 0;

	dev->m = m;
	dev->transport = m->pv_mode ? &pv_port_transport : &pv_pci_transport;
	pthread_mutex_init(&dev->lock, NULL);
	pthread_mutex_init(&dev->config_lock, NULL);
	snprintf(dev->name, sizeof(dev->name), "%s%u", dev->class->name, index);
	for (i = 0; i < dev->max_queues; i++) {
		dev->queue[i] = (struct pv_queue){ .dev = dev, .index = i };
		dev->queue[i].doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (dev->queue[i].doorbell < 0)
			rc = -errno;
	}
	if (rc)
		goto close_doorbells;
	rc = pv_registry_add(m, &registry_ops, dev);
	if (rc < 0)
		goto close_doorbells;
	dev->number = (uint32_t)rc;
	rc = dev->transport->create(dev);
	if (rc)
		goto remove_number;
	return 0;

remove_number:
	pv_registry_remove_last(m);
close_doorbells:
	close_doorbells(dev);
	pthread_mutex_destroy(&dev->config_lock);
	pthread_mutex_destroy(&dev->lock);
	return rc;
}

void pv_device_destroy(struct pv_device *dev)
{
	pv_device_command(dev, PVN_CMD_DETACH, GPA(0));
	dev->transport->destroy(dev);
	close_doorbells(dev);
	pthread_mutex_destroy(&dev->config_lock);
	pthread_mutex_destroy(&dev->lock);
}
