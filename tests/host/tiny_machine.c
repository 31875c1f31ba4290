// SPDX-License-Identifier: GPL-2.0-only
/* A tiny guest that does what the first word of its command line says, for tests of the VMM from outside. */
#include "tiny.h"

#define PM1_STATUS 0x600
#define PM1_ENABLE 0x602
#define PM1_CONTROL 0x604
#define PM1_POWER_BUTTON 0x100
#define SLEEP_S5 (5 << 10 | 1 << 13)
#define RESET_PORT 0xcf9
#define SERIAL 0x3f8
#define ECAM 0xe0000000ull
#define EMPTY_SLOT 29
#define FREE_PORT 0x1234
#define FREE_MMIO 0xd8000000ull
#define FLOOD_LINE 16
#define FLOOD_LINES 256
#define FLOOD_BLOCKS 7
#define ABOVE_RAM 0x40000000ull /* these guests have less than 1 GiB */

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ __volatile__("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ __volatile__("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ __volatile__("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ __volatile__("outb %0, %1" : : "a"(value), "Nd"(port));
}

static volatile uint32_t *at(uint64_t address)
{
	return (volatile uint32_t *)address;
}

static bool is(const char *line, const char *word)
{
	while (*word && *line == *word) {
		line++;
		word++;
	}
	return !*word && (!*line || *line == ' ');
}

static void power_off(void)
{
	outw(PM1_CONTROL, SLEEP_S5);
	for (;;)
		;
}

/* Named in the crash report. */
__attribute__((noinline)) static void machine_crash_here(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	tiny_text("CRASHING\n");
	__asm__ __volatile__("lidt %0\n\tud2" : : "m"(none));
}

/* Accesses that no device has read as ones, and what is written goes nowhere. */
static void unclaimed(void)
{
	volatile uint32_t *config = at(ECAM + (EMPTY_SLOT << 15));

	tiny_plan(9);
	tiny_equal(0xffffffff, tiny_inl(FREE_PORT), "a port that no device has, 32 bits");
	tiny_equal(0xffff, inw(FREE_PORT), "16 bits");
	tiny_equal(0xff, inb(FREE_PORT), "8 bits");
	tiny_outl(FREE_PORT, 1);
	tiny_result(true, "written");
	tiny_equal(0xffffffff, *at(FREE_MMIO), "memory-mapped registers that no device has");
	*at(FREE_MMIO) = 1;
	tiny_equal(0xffffffff, *at(FREE_MMIO), "written");
	tiny_equal(0xffffffff, *at(ABOVE_RAM), "memory beyond the end of RAM");
	tiny_equal(0xffffffff, *config, "configuration space of an empty slot");
	*config = 0;
	tiny_equal(0xffffffff, *config, "written");
}

/* Wait for the power button as ACPI does, without interrupts. */
static void button(void)
{
	outw(PM1_ENABLE, PM1_POWER_BUTTON);
	tiny_text("READY\n");
	while (!(inw(PM1_STATUS) & PM1_POWER_BUTTON))
		;
	outw(PM1_STATUS, PM1_POWER_BUTTON);
	tiny_text("BUTTON\n");
}

/* Lines back to where they came from, until one has a q. */
static void echo(void)
{
	char c = 0;

	tiny_text("READY\n");
	while (c != 'q') {
		char text[2] = { 0, 0 };

		while (!(inb(SERIAL + 5) & 1))
			;
		c = (char)inb(SERIAL);
		text[0] = c;
		tiny_text(text);
	}
}

/* More than the VMM's buffer and the smallest pipe hold. */
static void flood(void)
{
	static char block[FLOOD_LINES * FLOOD_LINE];

	for (unsigned int i = 0; i < sizeof(block); i++)
		block[i] = "0123456789abcde\n"[i % FLOOD_LINE];
	for (unsigned int i = 0; i < FLOOD_BLOCKS; i++) {
		const char *from = block;
		uint64_t count = sizeof(block);

		__asm__ __volatile__("cld; rep outsb" : "+S"(from), "+c"(count) : "d"(SERIAL) : "memory");
	}
	tiny_text("END\n");
}

void tiny_irq(uint64_t vector __attribute__((unused)))
{
}

/* The other vCPUs are never started. */
void tiny_ap_test(void)
{
}

void tiny_test(const char *line)
{
	if (is(line, "crash"))
		machine_crash_here();
	else if (is(line, "reset"))
		outb(RESET_PORT, 6);
	else if (is(line, "unclaimed"))
		unclaimed();
	else if (is(line, "button"))
		button();
	else if (is(line, "echo"))
		echo();
	else if (is(line, "flood"))
		flood();
	else if (is(line, "spin")) {
		tiny_text("READY\n");
		for (;;)
			__asm__ __volatile__("pause");
	} else if (is(line, "halt")) {
		tiny_text("READY\n");
		for (;;)
			__asm__ __volatile__("cli\n\thlt");
	} else {
		tiny_text("BOOTED\n");
	}
	power_off();
}
