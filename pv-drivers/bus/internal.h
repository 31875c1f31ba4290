/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the bus module: between the bus proper, its transports, and the hypercall page.
 */
#ifndef PVN_BUS_INTERNAL_H
#define PVN_BUS_INTERNAL_H

#include <pvn_bus.h>
#include <pvn_call.h>
#include <pvn_probe.h>

#ifdef PVN_HAVE_PARAVANE_GUEST
#include <asm/paravane.h>
#endif

/* bus.c */
extern struct bus_type pvn_bus;

/* device.c. A transport makes a device, then adds it; remove frees it. */
struct pvn_device *pvn_device_create(struct device *parent, const struct pvn_transport_ops *ops,
				     void *transport);
int pvn_device_add(struct pvn_device *pdev);
void pvn_device_remove(struct pvn_device *pdev);
/* Vector 0 fired. Any context. */
void pvn_device_notify(struct pvn_device *pdev);
/* Around a driver's life on a device. */
void pvn_device_bound(struct pvn_device *pdev);
void pvn_device_unbound(struct pvn_device *pdev);

/* pci.c */
int pvn_pci_init(void);
void pvn_pci_exit(void);

/* port.c */
int pvn_port_init(void);
void pvn_port_exit(void);

/* hypercall.c, hypercall_page.S */
int pvn_hypercall_init(void);
void pvn_hypercall_exit(void);
extern char pvn_hypercall_page[];

/* sysfs.c */
extern const struct attribute_group *pvn_bus_groups[];
extern const struct attribute_group *pvn_device_groups[];

/* In pv mode the kernel has a hypercall page and has accepted features before a module comes. */
static inline bool pvn_kernel_calls(void)
{
#ifdef PVN_HAVE_PARAVANE_GUEST
	return paravane_pv;
#else
	return false;
#endif
}

static inline s64 pvn_kernel_call(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
#ifdef PVN_HAVE_PARAVANE_GUEST
	return paravane_hypercall(nr, a0, a1, a2, a3, a4, a5);
#else
	return -PVN_ENOSYS;
#endif
}

#endif /* PVN_BUS_INTERNAL_H */
