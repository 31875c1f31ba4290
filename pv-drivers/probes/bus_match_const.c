// SPDX-License-Identifier: GPL-2.0-only
/* bus_type.match takes a constant driver. */
#include <linux/device.h>

int probe(struct device *dev, const struct device_driver *driver);

struct bus_type probe_bus = { .match = probe };
