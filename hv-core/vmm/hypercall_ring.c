// SPDX-License-Identifier: GPL-2.0-only
/* Family ring: the commands of a PV device's register file, by the device's number. */
#include "hypercall_impl.h"
#include "pv_registry.h"

/* What a device answers reaches the guest as it is, once it is known to be one of the interface's numbers. */
static int64_t device_result(int result)
{
	return result > 0 || result < -PVN_EMAX ? -PVN_EIO : result;
}

static int64_t device_command(struct hypercalls *h, uint32_t device, uint32_t command, gpa_t attach)
{
	const struct pv_registry_entry *entry = pv_registry_get(h->m, device);

	if (!entry)
		return -PVN_ENODEV;
	return device_result(entry->ops->command(entry->opaque, command, attach));
}

int64_t hypercall_ring_info(struct hypercalls *h, const struct hypercall_frame *f, uint32_t device, gpa_t info)
{
	const struct pv_registry_entry *entry = pv_registry_get(h->m, device);
	struct pvn_ring_device out = { .pci = PVN_RING_NO_PCI };

	if (info.v % 8)
		return -PVN_EINVAL;
	if (!entry)
		return -PVN_ENODEV;
	entry->ops->info(entry->opaque, &out);
	out.device = device;
	return hypercall_put(h, info, &out, sizeof(out), 8);
}

int64_t hypercall_ring_register_read(struct hypercalls *h, const struct hypercall_frame *f, uint32_t device,
				     uint32_t offset)
{
	const struct pv_registry_entry *entry = pv_registry_get(h->m, device);

	if (offset % 4)
		return -PVN_EINVAL;
	if (offset >= PVN_PCI_REGS_BYTES)
		return -PVN_ERANGE;
	return entry ? (int64_t)entry->ops->read(entry->opaque, offset) : -PVN_ENODEV;
}

int64_t hypercall_ring_attach(struct hypercalls *h, const struct hypercall_frame *f, uint32_t device, gpa_t attach)
{
	if (attach.v % 64)
		return -PVN_EINVAL;
	return device_command(h, device, PVN_CMD_ATTACH, attach);
}

int64_t hypercall_ring_detach(struct hypercalls *h, const struct hypercall_frame *f, uint32_t device)
{
	return device_command(h, device, PVN_CMD_DETACH, GPA(0));
}

int64_t hypercall_ring_quiesce(struct hypercalls *h, const struct hypercall_frame *f, uint32_t device)
{
	return device_command(h, device, PVN_CMD_QUIESCE, GPA(0));
}

int64_t hypercall_ring_resume(struct hypercalls *h, const struct hypercall_frame *f, uint32_t device)
{
	return device_command(h, device, PVN_CMD_RESUME, GPA(0));
}

int64_t hypercall_ring_notify(struct hypercalls *h, const struct hypercall_frame *f, uint32_t device, uint32_t queue)
{
	const struct pv_registry_entry *entry = pv_registry_get(h->m, device);

	if (!entry)
		return -PVN_ENODEV;
	return device_result(entry->ops->notify(entry->opaque, queue));
}
