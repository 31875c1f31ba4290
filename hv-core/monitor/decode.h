/* SPDX-License-Identifier: GPL-2.0-only */
/* Privileged instructions that the monitor emulates. */
#ifndef MONITOR_DECODE_H
#define MONITOR_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#define DECODE_MAX_BYTES 15

struct decoded {
	unsigned int what;   /* MONITOR_EMULATED_* */
	unsigned int length; /* bytes of the whole instruction */
	unsigned int bytes;  /* in and out: of the operand */
	bool port_in_dx;
	uint8_t port;	     /* when it is not in dx */
	uint8_t cr, reg;     /* mov to and from a control register: its number, and that of the other one (0: rax … 15: r15) */
};

/* false when the bytes are no such instruction, or there are too few of them. */
bool decode(const uint8_t *code, unsigned int bytes, struct decoded *out);

#endif
