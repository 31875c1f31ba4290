// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of the host in /sys/bus/pvn/, and of a device in /sys/bus/pvn/devices/pvnN/.
 */
#include <linux/device.h>
#include <linux/sysfs.h>
#include <pvn_compat.h>

#include "internal.h"

static ssize_t host_version_show(pvn_attr_const struct bus_type *bus, char *buf)
{
	u32 version = pvn_host_info()->version;

	return sysfs_emit(buf, "%u.%u\n", version >> 16, version & 0xffff);
}
static BUS_ATTR_RO(host_version);

static ssize_t driver_version_show(pvn_attr_const struct bus_type *bus, char *buf)
{
	return sysfs_emit(buf, "%u.%u\n", PVN_ABI_MAJOR, PVN_ABI_MINOR);
}
static BUS_ATTR_RO(driver_version);

static ssize_t cpuid_base_show(pvn_attr_const struct bus_type *bus, char *buf)
{
	return sysfs_emit(buf, "0x%08x\n", pvn_host_info()->base);
}
static BUS_ATTR_RO(cpuid_base);

static ssize_t mode_show(pvn_attr_const struct bus_type *bus, char *buf)
{
	const struct pvn_host_info *host = pvn_host_info();

	if (!host->base)
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%s\n", host->mode == PVN_CPUID_MODE_PV ? "pv" : "hvm");
}
static BUS_ATTR_RO(mode);

static ssize_t hypercalls_show(pvn_attr_const struct bus_type *bus, char *buf)
{
	return sysfs_emit(buf, "%d\n", pvn_host_info()->calls_usable);
}
static BUS_ATTR_RO(hypercalls);

static ssize_t words_emit(char *buf, const u32 *word)
{
	return sysfs_emit(buf, "0x%08x 0x%08x 0x%08x 0x%08x\n", word[0], word[1], word[2], word[3]);
}

static ssize_t features_offered_show(pvn_attr_const struct bus_type *bus, char *buf)
{
	return words_emit(buf, pvn_host_info()->offered);
}
static BUS_ATTR_RO(features_offered);

static ssize_t features_accepted_show(pvn_attr_const struct bus_type *bus, char *buf)
{
	return words_emit(buf, pvn_host_info()->accepted);
}
static BUS_ATTR_RO(features_accepted);

static struct attribute *bus_attrs[] = {
	&bus_attr_host_version.attr,
	&bus_attr_driver_version.attr,
	&bus_attr_cpuid_base.attr,
	&bus_attr_mode.attr,
	&bus_attr_hypercalls.attr,
	&bus_attr_features_offered.attr,
	&bus_attr_features_accepted.attr,
	NULL,
};

static const struct attribute_group bus_group = {
	.attrs = bus_attrs,
};

const struct attribute_group *pvn_bus_groups[] = {
	&bus_group,
	NULL,
};

static ssize_t type_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_pvn_device(dev)->type);
}
static DEVICE_ATTR_RO(type);

static ssize_t version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 version = to_pvn_device(dev)->version;

	return sysfs_emit(buf, "%u.%u\n", version >> 16, version & 0xffff);
}
static DEVICE_ATTR_RO(version);

static ssize_t modalias_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "pvn:t%08X\n", to_pvn_device(dev)->type);
}
static DEVICE_ATTR_RO(modalias);

static ssize_t transport_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_pvn_device(dev)->ops->name);
}
static DEVICE_ATTR_RO(transport);

static ssize_t offered_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#llx\n", to_pvn_device(dev)->offered);
}
static DEVICE_ATTR_RO(offered);

static ssize_t accepted_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#llx\n", to_pvn_device(dev)->accepted);
}
static DEVICE_ATTR_RO(accepted);

static ssize_t queues_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvn_device *pdev = to_pvn_device(dev);

	return sysfs_emit(buf, "%u of %u\n", pdev->nr_queues, pdev->max_queues);
}
static DEVICE_ATTR_RO(queues);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvn_device *pdev = to_pvn_device(dev);

	if (pvn_device_dead(pdev))
		return sysfs_emit(buf, "dead\n");
	return sysfs_emit(buf, "%s\n", test_bit(PVN_DEVICE_ATTACHED, &pdev->state) ?
			  "attached" : "detached");
}
static DEVICE_ATTR_RO(state);

static struct attribute *device_attrs[] = {
	&dev_attr_type.attr,
	&dev_attr_version.attr,
	&dev_attr_modalias.attr,
	&dev_attr_transport.attr,
	&dev_attr_offered.attr,
	&dev_attr_accepted.attr,
	&dev_attr_queues.attr,
	&dev_attr_state.attr,
	NULL,
};

static const struct attribute_group device_group = {
	.attrs = device_attrs,
};

const struct attribute_group *pvn_device_groups[] = {
	&device_group,
	NULL,
};
