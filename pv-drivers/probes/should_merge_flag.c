// SPDX-License-Identifier: GPL-2.0-only
/* Merging is asked for by a tag set flag. */
#include <linux/blk-mq.h>

unsigned int probe = BLK_MQ_F_SHOULD_MERGE;
