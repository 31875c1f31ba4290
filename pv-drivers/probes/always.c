// SPDX-License-Identifier: GPL-2.0-only
/* Compiles with every kernel: shows that the probes can be run at all. */
#include <linux/module.h>

int probe(void);
int probe(void)
{
	return 0;
}
