// SPDX-License-Identifier: GPL-2.0-only
/* System core operations are registered with data of their own (a stable update brought it, too). */
#include <linux/syscore_ops.h>

void probe(void *data);

const struct syscore_ops probe_ops = { .resume = probe };
struct syscore probe_syscore = { .ops = &probe_ops };
