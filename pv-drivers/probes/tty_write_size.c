// SPDX-License-Identifier: GPL-2.0-only
/* tty_operations.write takes a size_t and returns ssize_t. */
#include <linux/tty.h>

ssize_t probe(struct tty_struct *tty, const u8 *buf, size_t count);

struct tty_operations probe_ops = { .write = probe };
