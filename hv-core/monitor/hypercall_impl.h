/* SPDX-License-Identifier: GPL-2.0-only */
/* The shape of the generated call table, whose bounds monitor.h has. For hypercall.c, and for entry.S by way of offsets.c. */
#ifndef MONITOR_HYPERCALL_IMPL_H
#define MONITOR_HYPERCALL_IMPL_H

struct monitor_entry {
	int64_t (*call)(struct monitor_call *c);
	uint32_t feature; /* bit of feature word 0; zero: always there */
	uint8_t narrow;	  /* bit i: argument i has 32 bits, its upper half must be zero */
	bool no_multicall;
	/*
	 * None of these to be checked, and the call looks at no argument and no register: entry.S calls it straight,
	 * without struct monitor_call and with no register saved that C keeps.
	 */
	bool plain;
};

extern const struct monitor_entry monitor_calls[MONITOR_FAMILIES][MONITOR_FAMILY_CALLS];

/* entry.S reckons with these. */
_Static_assert(sizeof(struct monitor_entry) == 16 && MONITOR_FAMILY_CALLS == 32, "the table's row has 512 bytes");
_Static_assert(MONITOR_FAMILIES * MONITOR_FAMILY_CALLS <= MONITOR_CALLS, "each call has a count");

#endif
