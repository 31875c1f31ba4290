// SPDX-License-Identifier: GPL-2.0-only
/* bus_attribute.show takes a constant bus. */
#include <linux/device.h>

ssize_t probe(const struct bus_type *bus, char *buf);

struct bus_attribute probe_attr = { .show = probe };
