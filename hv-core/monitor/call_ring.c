// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells of PV devices. The devices are the VMM's, and so are the calls that attach and detach them; but ring.notify
 * is on the fast path, and a doorbell's port is served by the host's kernel, without waking the VMM's vCPU thread.
 */
#include <paravane/device.h>

#include "arch.h"
#include "monitor.h"

/*
 * The number is read a second time, after the VMM has copied the structure. A guest that changes it meanwhile rings
 * doorbells of its own device that wake nobody.
 */
int64_t monitor_ring_attach(struct monitor_call *c, uint32_t device, uint64_t attach)
{
	const struct pvn_attach *shared = guest_ram(c->v, attach, sizeof(*shared));
	int64_t ret = hypercall_forward(c);
	uint32_t queues;

	if (ret || device >= MONITOR_DEVICES_MAX || !shared)
		return ret;
	queues = __atomic_load_n(&shared->nr_queues, __ATOMIC_RELAXED);
	if (queues > PVN_DEVICE_MAX_QUEUES)
		queues = PVN_DEVICE_MAX_QUEUES;
	__atomic_store_n(&c->v->vm->doorbells[device], (uint8_t)queues, __ATOMIC_RELAXED);
	return 0;
}

int64_t monitor_ring_detach(struct monitor_call *c, uint32_t device)
{
	if (device < MONITOR_DEVICES_MAX)
		__atomic_store_n(&c->v->vm->doorbells[device], 0, __ATOMIC_RELAXED);
	return hypercall_forward(c);
}

int64_t monitor_ring_notify(struct monitor_call *c, uint32_t device, uint32_t queue)
{
	/* What has no doorbell gets its error from the VMM. */
	if (device >= MONITOR_DEVICES_MAX ||
	    queue >= __atomic_load_n(&c->v->vm->doorbells[device], __ATOMIC_RELAXED))
		return hypercall_forward(c);
	arch_out((uint16_t)MONITOR_DOORBELL_PORT(device, queue), 4, 1);
	return 0;
}
