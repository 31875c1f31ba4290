/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * From a call's number to its name and arguments, for traces and tools. Header only, no other file of ours needed.
 */
#ifndef PARAVANE_DECODE_H
#define PARAVANE_DECODE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum pvn_decode_type { PVN_ARG_U32, PVN_ARG_U64, PVN_ARG_GPA, PVN_ARG_VA };

#define PVN_DECODE_HVM 0x1
#define PVN_DECODE_PV 0x2

struct pvn_decode_arg {
	const char *name;
	int type; /* PVN_ARG_* */
};

struct pvn_decode_call {
	uint32_t nr;
	uint16_t nr_args;
	uint16_t modes; /* PVN_DECODE_* */
	const char *family;
	const char *name;
	struct pvn_decode_arg arg[6];
};

#include "hypercall_decode_table.h"

#define PVN_DECODE_COUNT (sizeof(pvn_decode_table) / sizeof(pvn_decode_table[0]))

/* NULL for a number that no call has. */
static inline const struct pvn_decode_call *pvn_decode_number(uint64_t nr)
{
	size_t low = 0, high = PVN_DECODE_COUNT;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pvn_decode_table[middle].nr == nr)
			return &pvn_decode_table[middle];
		if (pvn_decode_table[middle].nr < nr)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* name: "family.call". NULL when there is none. */
static inline const struct pvn_decode_call *pvn_decode_name(const char *name)
{
	const char *dot = strchr(name, '.');
	size_t i;

	if (!dot)
		return NULL;
	for (i = 0; i < PVN_DECODE_COUNT; i++) {
		const struct pvn_decode_call *call = &pvn_decode_table[i];

		if (!strcmp(call->name, dot + 1) && strlen(call->family) == (size_t)(dot - name) &&
		    !strncmp(call->family, name, (size_t)(dot - name)))
			return call;
	}
	return NULL;
}

/* "event.bind(port=3, vcpu=0)", or "call 0x1234" for an unknown one. As snprintf: the length it would have. */
static inline int pvn_decode_format(char *text, size_t bytes, uint64_t nr, const uint64_t *args)
{
	const struct pvn_decode_call *call = pvn_decode_number(nr);
	int at, i;

	if (!call)
		return snprintf(text, bytes, "call 0x%llx", (unsigned long long)nr);
	at = snprintf(text, bytes, "%s.%s(", call->family, call->name);
	for (i = 0; i < call->nr_args; i++) {
		int is_address = call->arg[i].type == PVN_ARG_GPA || call->arg[i].type == PVN_ARG_VA;
		size_t used = (size_t)at < bytes ? (size_t)at : bytes;

		at += snprintf(text + used, bytes - used, is_address ? "%s%s=0x%llx" : "%s%s=%llu", i ? ", " : "",
			       call->arg[i].name, (unsigned long long)args[i]);
	}
	at += snprintf((size_t)at < bytes ? text + at : text + bytes, (size_t)at < bytes ? bytes - (size_t)at : 0, ")");
	return at;
}

#endif /* PARAVANE_DECODE_H */
