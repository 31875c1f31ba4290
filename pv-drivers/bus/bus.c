// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus of PV devices: matching drivers to devices by type, and the turns of a driver's life.
 */
#include <linux/cc_platform.h>
#include <linux/init.h>
#include <linux/module.h>
#include <pvn_compat.h>

#include "internal.h"

static struct pvn_driver *to_pvn_driver(const struct device_driver *driver)
{
	return container_of(driver, struct pvn_driver, driver);
}

static int bus_match(struct device *dev, pvn_match_const struct device_driver *driver)
{
	return to_pvn_device(dev)->type == to_pvn_driver(driver)->type;
}

static int bus_uevent(pvn_uevent_const struct device *dev, struct kobj_uevent_env *env)
{
	const struct pvn_device *pdev = container_of(dev, const struct pvn_device, dev);

	return add_uevent_var(env, "MODALIAS=pvn:t%08X", pdev->type);
}

static int bus_probe(struct device *dev)
{
	struct pvn_device *pdev = to_pvn_device(dev);
	int err;

	pvn_device_bound(pdev);
	err = to_pvn_driver(dev->driver)->probe(pdev);
	if (err)
		pvn_device_unbound(pdev);
	return err;
}

static void bus_remove(struct device *dev)
{
	struct pvn_device *pdev = to_pvn_device(dev);

	to_pvn_driver(dev->driver)->remove(pdev);
	pvn_device_unbound(pdev);
}

static void bus_shutdown(struct device *dev)
{
	struct pvn_driver *drv;

	if (!dev->driver)
		return;
	drv = to_pvn_driver(dev->driver);
	if (drv->shutdown)
		drv->shutdown(to_pvn_device(dev));
}

static int __maybe_unused bus_suspend(struct device *dev)
{
	struct pvn_driver *drv;

	if (!dev->driver)
		return 0;
	drv = to_pvn_driver(dev->driver);
	return drv->suspend ? drv->suspend(to_pvn_device(dev)) : 0;
}

static int __maybe_unused bus_resume(struct device *dev)
{
	struct pvn_driver *drv;

	if (!dev->driver)
		return 0;
	drv = to_pvn_driver(dev->driver);
	return drv->resume ? drv->resume(to_pvn_device(dev)) : 0;
}

static SIMPLE_DEV_PM_OPS(bus_pm, bus_suspend, bus_resume);

struct bus_type pvn_bus = {
	.name = "pvn",
	.match = bus_match,
	.uevent = bus_uevent,
	.probe = bus_probe,
	.remove = bus_remove,
	.shutdown = bus_shutdown,
	.bus_groups = pvn_bus_groups,
	.dev_groups = pvn_device_groups,
	.pm = &bus_pm,
};

int __pvn_driver_register(struct pvn_driver *drv, struct module *owner)
{
	drv->driver.bus = &pvn_bus;
	drv->driver.owner = owner;
	return driver_register(&drv->driver);
}
EXPORT_SYMBOL_GPL(__pvn_driver_register);

void pvn_driver_unregister(struct pvn_driver *drv)
{
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL_GPL(pvn_driver_unregister);

static int __init bus_init(void)
{
	int err;

	/* The ABI carries guest-physical addresses of memory that the host can read. */
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_err("paravane: this guest's memory is encrypted, which PV devices don't support\n");
		return -EOPNOTSUPP;
	}
	err = pvn_hypercall_init();
	if (err)
		return err;
	err = bus_register(&pvn_bus);
	if (err)
		goto hypercall_exit;
	err = pvn_pci_init();
	if (err)
		goto bus_unregister;
	err = pvn_port_init();
	if (err)
		goto pci_exit;
	return 0;

pci_exit:
	pvn_pci_exit();
bus_unregister:
	bus_unregister(&pvn_bus);
hypercall_exit:
	pvn_hypercall_exit();
	return err;
}
module_init(bus_init);

static void __exit bus_exit(void)
{
	pvn_port_exit();
	pvn_pci_exit();
	bus_unregister(&pvn_bus);
	pvn_hypercall_exit();
}
module_exit(bus_exit);

MODULE_DESCRIPTION("Paravane bus: PV devices and hypercalls");
MODULE_AUTHOR("The Paravane developers");
MODULE_LICENSE("GPL");
