// SPDX-License-Identifier: GPL-2.0-only
/* bus_type.uevent takes a constant device. */
#include <linux/device.h>

int probe(const struct device *dev, struct kobj_uevent_env *env);

struct bus_type probe_bus = { .uevent = probe };
