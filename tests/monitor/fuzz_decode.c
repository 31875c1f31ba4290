// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor's decoder under libFuzzer, with Zydis to compare with. Whatever it takes for an instruction must be that
 * one, of that length, with those operands; and what it refuses must be none of those that it knows.
 */
#include <stdio.h>
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include "decode.h"
#include "interface.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_control(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER && ZydisRegisterGetClass(op->reg.value) == ZYDIS_REGCLASS_CONTROL;
}

static int what_of(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *op)
{
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return is_control(&op[0]) ? MONITOR_EMULATED_TO_CR : is_control(&op[1]) ? MONITOR_EMULATED_FROM_CR : -1;
	case ZYDIS_MNEMONIC_XSETBV:
		return MONITOR_EMULATED_XSETBV;
	case ZYDIS_MNEMONIC_CLTS:
		return MONITOR_EMULATED_CLTS;
	case ZYDIS_MNEMONIC_WBINVD:
	case ZYDIS_MNEMONIC_INVD:
		return MONITOR_EMULATED_WBINVD;
	case ZYDIS_MNEMONIC_HLT:
		return MONITOR_EMULATED_HLT;
	case ZYDIS_MNEMONIC_CLI:
		return MONITOR_EMULATED_CLI;
	case ZYDIS_MNEMONIC_STI:
		return MONITOR_EMULATED_STI;
	case ZYDIS_MNEMONIC_RDMSR:
		return MONITOR_EMULATED_RDMSR;
	case ZYDIS_MNEMONIC_WRMSR:
		return MONITOR_EMULATED_WRMSR;
	case ZYDIS_MNEMONIC_IN:
		return MONITOR_EMULATED_IN;
	case ZYDIS_MNEMONIC_OUT:
		return MONITOR_EMULATED_OUT;
	default:
		return -1;
	}
}

static void differ(const char *why)
{
	fprintf(stderr, "the decoders differ: %s\n", why);
	abort();
}

static void compare_port(const struct decoded *d, const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *op)
{
	const ZydisDecodedOperand *port = &op[d->what == MONITOR_EMULATED_IN ? 1 : 0];
	const ZydisDecodedOperand *data = &op[d->what == MONITOR_EMULATED_IN ? 0 : 1];

	if (data->size != 8 * d->bytes)
		differ("size of a port access");
	if (d->port_in_dx != (port->type == ZYDIS_OPERAND_TYPE_REGISTER))
		differ("where the port is");
	if (!d->port_in_dx && port->imm.value.u != d->port)
		differ("port");
}

static void compare_control(const struct decoded *d, const ZydisDecodedOperand *op)
{
	unsigned int control = d->what == MONITOR_EMULATED_TO_CR ? 0 : 1;

	if (ZydisRegisterGetId(op[control].reg.value) != d->cr)
		differ("which control register");
	if (ZydisRegisterGetId(op[!control].reg.value) != d->reg)
		differ("which register");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	ZydisDecoder decoder;
	struct decoded d;
	bool taken, known;
	uint8_t *code;

	if (!size)
		return 0;
	/* Exactly as many bytes, so that the address sanitizer sees one too many. */
	code = malloc(size);
	for (size_t i = 0; i < size; i++)
		code[i] = data[i];
	taken = decode(code, (unsigned int)size, &d);
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	known = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, size, &insn, op)) && what_of(&insn, op) >= 0;
	/* REP before IN or OUT is ignored by hardware; no assembler writes it, and the monitor leaves it to the guest. */
	if (known && !taken && !(insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))) {
		bool rep = false;

		for (unsigned int i = 0; i < insn.length && i < size; i++)
			rep |= code[i] == 0xf2 || code[i] == 0xf3 || (code[i] & 0xf0) == 0x40;
		if (!rep)
			differ("an instruction is not known");
	}
	if (taken && !known)
		differ("this is no such instruction");
	if (taken) {
		if ((int)d.what != what_of(&insn, op))
			differ("another instruction");
		if (d.length != insn.length)
			differ("length");
		if (d.what == MONITOR_EMULATED_IN || d.what == MONITOR_EMULATED_OUT)
			compare_port(&d, &insn, op);
		if (d.what == MONITOR_EMULATED_FROM_CR || d.what == MONITOR_EMULATED_TO_CR)
			compare_control(&d, op);
	}
	free(code);
	return 0;
}
