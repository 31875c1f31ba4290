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

static bool decode_two_byte(uint8_t opcode, struct decoded *out)
{
	if (opcode == 0x32)
		out->what = MONITOR_EMULATED_RDMSR;
	else if (opcode == 0x30)
		out->what = MONITOR_EMULATED_WRMSR;
	else
		return false;
	return true;
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
	unsigned int at = 0;
	bool word = false;

	if (bytes > DECODE_MAX_BYTES)
		bytes = DECODE_MAX_BYTES;
	for (; at < bytes && is_prefix(code[at]); at++)
		word |= code[at] == 0x66;
	/* REX comes last. Its W undoes the operand-size prefix; nothing else of it matters here. */
	if (at < bytes && (code[at] & 0xf0) == 0x40)
		word &= !(code[at++] & 0x8);
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
		out->length++;
		return at + 1 < bytes && decode_two_byte(code[at + 1], out);
	case 0xe4: case 0xe5: case 0xe6: case 0xe7:
	case 0xec: case 0xed: case 0xee: case 0xef:
		return decode_port(code + at, bytes - at, word, out);
	default:
		return false;
	}
}
