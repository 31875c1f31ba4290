// SPDX-License-Identifier: GPL-2.0-only
/* Write cache and FUA are features of the queue limits. */
#include <linux/blkdev.h>

struct queue_limits probe_limits = { .features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA };
