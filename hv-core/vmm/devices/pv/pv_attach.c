// SPDX-License-Identifier: GPL-2.0-only
/* ATTACH: struct pvn_attach is copied once, every field of the copy is checked, then its rings are taken up. */
#include <string.h>

#include "../../machine.h"
#include "pv_device.h"

static bool all_zero(const pvn_u64 *words, unsigned int n)
{
	pvn_u64 any = 0;

	while (n--)
		any |= words[n];
	return !any;
}

static int check_queue(const struct pv_device *dev, const struct pvn_queue_desc *d)
{
	if (d->flags || !all_zero(d->reserved, 2) || d->ring_addr % PVN_RING_LINE)
		return -PVN_EINVAL;
	if (d->sq_order < PVN_RING_ORDER_MIN || d->cq_order < d->sq_order)
		return -PVN_EINVAL;
	if (d->cq_order > dev->class->max_order || d->vector > dev->transport->max_vector(dev))
		return -PVN_ERANGE;
	return 0;
}

static int check_header(const struct pv_device *dev, const struct pvn_attach *attach)
{
	if (attach->version >> 16 != PVN_DEVICE_VERSION_MAJOR)
		return -PVN_EVERSION;
	if (!attach->nr_queues || attach->reserved0 || !all_zero(attach->reserved, 5) ||
	    (attach->config_port && !dev->transport->has_config_port))
		return -PVN_EINVAL;
	if (attach->nr_queues > dev->max_queues || attach->config_port > dev->transport->max_vector(dev))
		return -PVN_ERANGE;
	if (attach->features & ~dev->features)
		return -PVN_EVERSION;
	return 0;
}

static int take_ring(struct pv_queue *q, const struct pvn_queue_desc *d)
{
	const struct gmem *gm = &q->dev->m->gmem;
	int rc = check_queue(q->dev, d);

	if (rc)
		return rc;
	q->bytes = pvn_ring_bytes(d->sq_order, d->cq_order);
	q->memory = gmem_ptr_held(gm, GPA(d->ring_addr), q->bytes);
	if (!q->memory)
		return -PVN_EFAULT;
	if (pvn_ring_host_init(&q->ring, q->memory, d->sq_order, d->cq_order))
		return -PVN_EINVAL;
	q->vector = d->vector;
	return 0;
}

void pv_detach(struct pv_device *dev)
{
	for (unsigned int i = 0; i < dev->max_queues; i++) {
		struct pv_queue *q = &dev->queue[i];

		if (q->memory)
			gmem_release(&dev->m->gmem, q->memory, q->bytes);
		q->memory = NULL;
	}
}

int pv_attach(struct pv_device *dev, gpa_t addr)
{
	const struct gmem *gm = &dev->m->gmem;
	struct pvn_attach attach;
	unsigned int i;
	int rc;

	if (addr.v % 64)
		return -PVN_EINVAL;
	/* Queues that are not attached are not read: their memory need not be there. */
	if (gmem_read(gm, addr, &attach, offsetof(struct pvn_attach, queue)))
		return -PVN_EFAULT;
	rc = check_header(dev, &attach);
	if (rc)
		return rc;
	if (gmem_read(gm, GPA(addr.v + offsetof(struct pvn_attach, queue)), attach.queue,
		      attach.nr_queues * sizeof(attach.queue[0])))
		return -PVN_EFAULT;
	if (dev->class->check) {
		rc = dev->class->check(dev, attach.nr_queues, attach.features);
		if (rc)
			return rc;
	}
	for (i = 0; i < attach.nr_queues; i++) {
		rc = take_ring(&dev->queue[i], &attach.queue[i]);
		if (rc) {
			pv_detach(dev);
			return rc;
		}
	}
	dev->nr_queues = attach.nr_queues;
	dev->accepted = attach.features;
	/* In hvm mode it is zero, and vector 0 the one. */
	__atomic_store_n(&dev->config_vector, attach.config_port, __ATOMIC_RELAXED);
	return 0;
}
