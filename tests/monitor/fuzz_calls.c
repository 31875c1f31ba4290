// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor under libFuzzer: an input is a guest, a list of calls, traps, interrupts and writes to its own memory.
 * Nothing may go out of bounds, and at the end the tables must obey the rules, told anew from their bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"

#define ARGUMENTS 0x3000ull
#define STEPS_MAX 200
#define WAKES_WITH 0x40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the input; zeros after its end. */
static const uint8_t *at;
static size_t left;

static uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *at++;
}

static uint64_t word(unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | byte();
	return value;
}

/* Few frames, so that operations meet. */
static uint64_t some_frame(void)
{
	uint8_t b = byte();

	return (1 + (b >> 4) % (SPACE_CHUNKS - 1)) * CHUNK_BYTES + (b & 15) * PAGE_BYTES;
}

static uint64_t some_entry(void)
{
	static const unsigned int slots[] = { 0, 1, 255, 256, 257, 271, 272, 273, 511 };
	uint64_t frame = some_frame();
	uint8_t b = byte();

	return frame + 8 * (b < 9 ? slots[b] : b * 2u);
}

static uint64_t some_value(void)
{
	uint64_t frame = some_frame();
	uint8_t b = byte();

	return frame | (b & 0x80 ? 0 : PTE_PRESENT | PTE_USER) | (b & 1 ? PTE_WRITE : 0) | (b & 2 ? PTE_NX : 0) |
	       (b & 4 ? PTE_LARGE : 0) | (b & 8 ? PTE_GLOBAL : 0) | (b & 16 ? PTE_DIRTY : 0) | (b & 32 ? PTE_CACHE : 0);
}

static uint64_t argument(void)
{
	switch (byte() % 10) {
	case 0:
		return byte();
	case 1:
		return some_frame();
	case 2:
		return some_entry();
	case 3:
		return some_value();
	case 4:
		return ARGUMENTS + 8 * byte();
	case 5:
		return FAKE_VA + 8 * byte();
	case 6:
		return (uint64_t)byte() << CHUNK_SHIFT;
	case 7:
		return SPACE_RAM - byte();
	case 8:
		return PVN_PV_HOLE_START - 64 + byte();
	default:
		return word(8);
	}
}

/* The model hears of these only from its own functions, and the first chunk is memory that the test itself writes. */
static bool changes_model(uint64_t nr)
{
	return nr == PVN_HC_MMU_ZONE_ADD || nr == PVN_HC_MMU_ZONE_REMOVE || nr == PVN_HC_MMU_TABLE_ALLOC ||
	       nr == PVN_HC_MMU_TABLE_FREE || nr == PVN_HC_MMU_SPACE_SWITCH;
}

static bool list_changes_model(uint64_t list, uint64_t count)
{
	const struct pvn_multicall_entry *entry;

	if (list % 8 || list >= SPACE_RAM || count > PVN_MULTICALL_MAX || SPACE_RAM - list < count * sizeof(*entry))
		return false;
	entry = (void *)(fake.ram + list);
	for (uint64_t i = 0; i < count; i++)
		if (changes_model(entry[i].nr) || entry[i].nr == PVN_HC_CORE_MULTICALL)
			return true;
	return false;
}

static void any_call(void)
{
	uint64_t nr = (byte() % 12) << 8 | byte() % 20, a[5];

	for (unsigned int i = 0; i < 5; i++)
		a[i] = argument();
	if (changes_model(nr) || (nr == PVN_HC_CORE_MULTICALL && list_changes_model(a[0], a[1])))
		return;
	fake_call(nr, a[0], a[1], a[2], a[3], a[4]);
}

static void model_call(void)
{
	uint64_t chunk = (1 + byte() % (SPACE_CHUNKS - 1)) * CHUNK_BYTES, a, b;

	switch (byte() % 5) {
	case 0:
		space_zone_add(chunk, CHUNK_BYTES);
		break;
	case 1:
		space_zone_remove(chunk, CHUNK_BYTES);
		break;
	case 2:
		a = some_frame();
		b = byte();
		space_alloc(a, b % 6, b >> 7);
		break;
	case 3:
		space_free(some_frame());
		break;
	default:
		a = some_frame();
		b = byte() & 1 ? some_frame() : 0;
		space_switch(a, b);
	}
}

static void write_memory(void)
{
	uint64_t to = ARGUMENTS + 8 * byte();
	unsigned int n = byte() % 64;

	while (n--)
		fake.ram[to++] = byte();
}

/* Lists that mean something: bytes of an input become one by chance too rarely. */
static void update(void)
{
	struct pvn_mmu_update *u = (void *)(fake.ram + ARGUMENTS);
	unsigned int count = 1 + byte() % 4;

	for (unsigned int i = 0; i < count; i++) {
		uint8_t b = byte();

		u[i].entry = some_entry() | (b & 3) | (uint64_t)(b & 0x80 ? byte() * 2u : b >> 5) << PVN_MMU_MORE_SHIFT;
		u[i].value = (b & 3) == PVN_MMU_COPY && !(b & 4) ? ARGUMENTS + 8 * byte() : some_value();
		u[i].mask = (b & 3) == PVN_MMU_MASK ? ~(b & 8 ? 1ull << (byte() & 63) : PTE_WRITE | PTE_DIRTY) : 0;
		if (b & 16)
			u[i].value = 0;
	}
	fake_call(PVN_HC_MMU_UPDATE, ARGUMENTS, count, 0, 0, 0);
}

static void exception(void)
{
	uint64_t *regs = (uint64_t *)&fake.regs;
	uint8_t b = byte();

	for (unsigned int i = 0; i < sizeof(fake.regs) / 8; i++)
		if (byte() & 1)
			regs[i] = argument();
	fake.regs.vector = b & 0x80 ? 32 + (b & 0x7f) : b % 32;
	fake.regs.rip = FAKE_VA + ARGUMENTS + byte() * 16;
	if (b & 1)
		for (unsigned int i = 0; i < 8; i++)
			fake.ram[fake.regs.rip - FAKE_VA + i] = byte();
	fake.regs.cs = PVN_PV_REAL_CS;
	fake.regs.ss = PVN_PV_REAL_SS;
	trap_from_guest(&fake.v, &fake.regs);
}

static void step(void)
{
	switch (byte() % 8) {
	case 0:
	case 1:
		any_call();
		break;
	case 2:
	case 3:
		model_call();
		break;
	case 4:
		space_set(some_frame(), byte() * 2u, some_value());
		break;
	case 5:
		write_memory();
		break;
	case 6:
		update();
		break;
	default:
		exception();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong;

	at = data;
	left = size;
	fake_init();
	space_init();
	fake_more();
	fake.wakes_with = WAKES_WITH;
	fake.vm.trap[WAKES_WITH] = (struct monitor_trap){ FAKE_VA, PVN_TRAP_INTERRUPT_OFF };
	/* A guest that is stopped is at its end, and its tables must be right all the same. */
	if (!setjmp(fake.stopped))
		for (unsigned int i = 0; left && i < STEPS_MAX; i++)
			step();
	wrong = fake.v.shared.report.kind == MONITOR_REPORT_BUG ? fake.v.shared.report.text : space_check();
	if (wrong) {
		fprintf(stderr, "the monitor: %s\n", wrong);
		abort();
	}
	space_destroy();
	fake_destroy();
	return 0;
}
