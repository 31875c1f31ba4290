/* SPDX-License-Identifier: GPL-2.0-only */
/* The shape of the generated call table. For hypercall.c. */
#ifndef MONITOR_HYPERCALL_IMPL_H
#define MONITOR_HYPERCALL_IMPL_H

struct monitor_entry {
	int64_t (*call)(struct monitor_call *c); /* NULL: nobody serves it in pv mode */
	uint8_t narrow;	 /* bit i: argument i has 32 bits, its upper half must be zero */
	bool known;
	bool no_multicall;
};

struct monitor_family {
	const struct monitor_entry *entry;
	uint32_t count;
	uint32_t feature; /* bit of feature word 0; zero: always there */
};

#endif
