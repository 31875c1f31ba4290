// SPDX-License-Identifier: GPL-2.0-only
/* A decoder of just the instructions that are emulated, in 64-bit mode. Anything else is the guest's own exception. */
#include "decode.h"

#include "interface.h"

/* Prefixes that change nothing for these instructions; LOCK makes them invalid, REP makes them others. */
static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: /* segments: ignored */
	case 0x66: case 0x67: /* sizes */
		return true;
	default:
		return false;
	}
}

struct prefixes {
	bool size; /* 66, whatever REX makes of it */
	bool word; /* and what REX left of it */
	uint8_t rex;
};

/* 0f 20, 0f 22: the register form, whatever the upper two bits of the byte that follows say. */
static bool decode_control(const uint8_t *code, unsigned int left, const struct prefixes *p, struct decoded *out)
{
	if (left < 3)
		return false;
	out->what = code[1] == 0x20 ? MONITOR_EMULATED_FROM_CR : MONITOR_EMULATED_TO_CR;
	out->length++;
	out->cr = (code[2] >> 3 & 7) | (p->rex & 4) << 1;
	out->reg = (code[2] & 7) | (p->rex & 1) << 3;
	/* The others do not exist. */
	return out->cr == 0 || (out->cr >= 2 && out->cr <= 4) || out->cr == 8;
}

static bool decode_two_byte(const uint8_t *code, unsigned int left, const struct prefixes *p, struct decoded *out)
{
	if (left < 2)
		return false;
	out->length++;
	switch (code[1]) {
	case 0x01:
		if (left < 3 || code[2] != 0xd1 || p->size)
			return false;
		out->what = MONITOR_EMULATED_XSETBV;
		out->length++;
		return true;
	case 0x06:
		out->what = MONITOR_EMULATED_CLTS;
		return true;
	case 0x08: case 0x09:
		out->what = MONITOR_EMULATED_WBINVD;
		return true;
	case 0x20: case 0x22:
		return decode_control(code, left, p, out);
	case 0x30:
		out->what = MONITOR_EMULATED_WRMSR;
		return true;
	case 0x32:
		out->what = MONITOR_EMULATED_RDMSR;
		return true;
	default:
		return false;
	}
}

/* e4 e5 e6 e7: port in a byte; ec ed ee ef: in dx. Bit 0: more than a byte; bit 1: out. */
static bool decode_port(const uint8_t *code, unsigned int left, bool word, struct decoded *out)
{
	uint8_t opcode = code[0];

	out->what = opcode & 2 ? MONITOR_EMULATED_OUT : MONITOR_EMULATED_IN;
	out->bytes = !(opcode & 1) ? 1 : word ? 2 : 4;
	out->port_in_dx = opcode & 8;
	if (out->port_in_dx)
		return true;
	if (left < 2)
		return false;
	out->port = code[1];
	out->length++;
	return true;
}

bool decode(const uint8_t *code, unsigned int bytes, struct decoded *out)
{
	struct prefixes p = { 0 };
	unsigned int at = 0;

	if (bytes > DECODE_MAX_BYTES)
		bytes = DECODE_MAX_BYTES;
	for (; at < bytes && is_prefix(code[at]); at++)
		p.size |= code[at] == 0x66;
	p.word = p.size;
	/* REX comes last. Its W undoes the operand-size prefix. */
	if (at < bytes && (code[at] & 0xf0) == 0x40)
		p.rex = code[at++];
	p.word &= !(p.rex & 0x8);
	if (at >= bytes)
		return false;
	*out = (struct decoded){ .length = at + 1 };
	switch (code[at]) {
	case 0xf4:
		out->what = MONITOR_EMULATED_HLT;
		return true;
	case 0xfa:
		out->what = MONITOR_EMULATED_CLI;
		return true;
	case 0xfb:
		out->what = MONITOR_EMULATED_STI;
		return true;
	case 0x0f:
		return decode_two_byte(code + at, bytes - at, &p, out);
	case 0xe4: case 0xe5: case 0xe6: case 0xe7:
	case 0xec: case 0xed: case 0xee: case 0xef:
		return decode_port(code + at, bytes - at, p.word, out);
	default:
		return false;
	}
}
