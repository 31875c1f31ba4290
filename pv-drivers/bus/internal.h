/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the bus module: between the bus proper, its transports, and the hypercall page.
 */
#ifndef PVN_BUS_INTERNAL_H
#define PVN_BUS_INTERNAL_H

#include <pvn_bus.h>
#include <pvn_call.h>

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

/* hypercall.c, hypercall_page.S */
int pvn_hypercall_init(void);
void pvn_hypercall_exit(void);
extern char pvn_hypercall_page[];

/* sysfs.c */
extern const struct attribute_group *pvn_bus_groups[];
extern const struct attribute_group *pvn_device_groups[];

#endif /* PVN_BUS_INTERNAL_H */
