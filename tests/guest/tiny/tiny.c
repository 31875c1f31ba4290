// SPDX-License-Identifier: GPL-2.0-only
/* Serial port, TAP, interrupts: what every tiny guest has. */
#include "tiny.h"

#define SERIAL 0x3f8
#define LINE_STATUS_EMPTY 0x20
#define APIC 0xfee00000ull
#define APIC_ID 0x20
#define APIC_EOI 0xb0
#define APIC_SPURIOUS 0xf0
#define APIC_COMMAND 0x300
#define APIC_COMMAND_TO 0x310
#define COMMAND_INIT 0x4500
#define COMMAND_START 0x4600

void tiny_main(const void *start_info);
void tiny_ap_main(void);
void tiny_interrupt(const struct tiny_frame *frame);
void tiny_user_return(void);
/* The compiler makes calls to these. */
void *memset(void *to, int value, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);

extern uint64_t tiny_gdt[];
extern char interrupt_entries[], tiny_interrupt_stack_end[], tiny_ap_begin[], tiny_ap_end[];

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline;
};

struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t ist[8];
	uint32_t reserved1[3];
} __attribute__((packed));

static struct gate idt[256];
static struct tss tss;
static unsigned int results;

void *memset(void *to, int value, size_t bytes)
{
	char *at = to;

	while (bytes--)
		*at++ = (char)value;
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	const char *src = from;
	char *at = to;

	while (bytes--)
		*at++ = *src++;
	return to;
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ __volatile__("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ __volatile__("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void tiny_text(const char *text)
{
	for (; *text; text++) {
		while (!(inb(SERIAL + 5) & LINE_STATUS_EMPTY))
			;
		outb(SERIAL, (uint8_t)*text);
	}
}

void tiny_number(int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char text[24], *at = text + sizeof(text) - 1;

	*at = 0;
	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--at = '-';
	tiny_text(at);
}

void tiny_plan(unsigned int tests)
{
	tiny_text("TAP version 13\n1..");
	tiny_number(tests);
	tiny_text("\n");
}

void tiny_result(bool ok, const char *name)
{
	tiny_text(ok ? "ok " : "not ok ");
	tiny_number(++results);
	tiny_text(" ");
	tiny_text(name);
	tiny_text("\n");
}

void tiny_equal(int64_t want, int64_t got, const char *name)
{
	if (want != got) {
		tiny_text("# want ");
		tiny_number(want);
		tiny_text(", got ");
		tiny_number(got);
		tiny_text("\n");
	}
	tiny_result(want == got, name);
}

void tiny_irq_window(void)
{
	/* STI lets the next instruction pass first. */
	__asm__ __volatile__("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

void tiny_irq_wait(void)
{
	__asm__ __volatile__("sti\n\thlt\n\tcli" : : : "memory");
}

static void apic_write(uint32_t reg, uint32_t value)
{
	__asm__ __volatile__("movl %0, (%1)" : : "r"(value), "r"(APIC + reg) : "memory");
}

void tiny_apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

static uint32_t apic_read(uint32_t reg)
{
	uint32_t value;

	__asm__ __volatile__("movl (%1), %0" : "=r"(value) : "r"(APIC + reg) : "memory");
	return value;
}

unsigned int tiny_apic_id(void)
{
	return apic_read(APIC_ID) >> 24;
}

void tiny_interrupt(const struct tiny_frame *frame)
{
	if (frame->vector >= 32) {
		tiny_irq(frame->vector);
		return;
	}
	tiny_text("Bail out! exception ");
	tiny_number((int64_t)frame->vector);
	tiny_text(" at ");
	tiny_number((int64_t)frame->rip);
	tiny_text(", error ");
	tiny_number((int64_t)frame->error);
	tiny_text("\n");
	/* With an empty table the next exception is a triple fault: the machine stops. */
	__asm__ __volatile__("lidt %0\n\tud2" : : "m"((struct { uint16_t limit; uint64_t base; } __attribute__((packed))){ 0, 0 }));
}

static void gate_set(unsigned int vector, void *entry, uint8_t type)
{
	uint64_t at = (uint64_t)entry;

	idt[vector] = (struct gate){
		.offset0 = (uint16_t)at, .selector = TINY_KERNEL_CS, .type = type,
		.offset1 = (uint16_t)(at >> 16), .offset2 = (uint32_t)(at >> 32),
	};
}

static void idt_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ __volatile__("lidt %0" : : "m"(pointer));
}

static void interrupts_init(void)
{
	uint64_t base = (uint64_t)&tss;

	for (unsigned int i = 0; i < 256; i++)
		gate_set(i, interrupt_entries + 16 * i, 0x8e);
	gate_set(TINY_USER_VECTOR, (void *)tiny_user_return, 0xee); /* user mode may come this way */
	idt_load();

	tss.rsp[0] = (uint64_t)tiny_interrupt_stack_end & ~15ull;
	tiny_gdt[TINY_TSS / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	tiny_gdt[TINY_TSS / 8 + 1] = base >> 32;
	__asm__ __volatile__("ltr %w0" : : "r"(TINY_TSS));

	/* The old interrupt controllers stay silent; the local APIC listens. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(APIC_SPURIOUS, 0x1ff);
}

void tiny_main(const void *start_info)
{
	const struct start_info *info = start_info;

	interrupts_init();
	tiny_test(info->cmdline ? (const char *)info->cmdline : "");
	for (;;)
		__asm__ __volatile__("cli\n\thlt");
}

void tiny_ap_start(void)
{
	memcpy((void *)TINY_AP_START, tiny_ap_begin, (size_t)(tiny_ap_end - tiny_ap_begin));
	apic_write(APIC_COMMAND_TO, 1u << 24);
	apic_write(APIC_COMMAND, COMMAND_INIT);
	apic_write(APIC_COMMAND_TO, 1u << 24);
	apic_write(APIC_COMMAND, COMMAND_START | TINY_AP_START >> 12);
}

void tiny_ap_main(void)
{
	idt_load();
	apic_write(APIC_SPURIOUS, 0x1ff);
	tiny_ap_test();
	for (;;)
		tiny_irq_wait();
}
