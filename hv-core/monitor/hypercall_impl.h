/* SPDX-License-Identifier: GPL-2.0-only */
/* The shape of the generated call table. For hypercall.c. */
#ifndef MONITOR_HYPERCALL_IMPL_H
#define MONITOR_HYPERCALL_IMPL_H

/* Room in the table, for each family: the generator refuses more. */
#define MONITOR_FAMILY_CALLS 16

struct monitor_entry {
	int64_t (*call)(struct monitor_call *c);
	uint32_t feature; /* bit of feature word 0; zero: always there */
	uint8_t narrow;	  /* bit i: argument i has 32 bits, its upper half must be zero */
	bool no_multicall;
	bool plain;	  /* none of these to be checked: one test instead of three for core.null */
};

#endif
