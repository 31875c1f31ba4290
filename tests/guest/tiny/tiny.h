/* SPDX-License-Identifier: GPL-2.0-only */
/* What every tiny guest has: a serial port for TAP, interrupts, a way to user mode and back. */
#ifndef TESTS_GUEST_TINY_H
#define TESTS_GUEST_TINY_H

#define TINY_KERNEL_CS 0x08
#define TINY_KERNEL_DS 0x10
#define TINY_USER_DS 0x18
#define TINY_USER_CS 0x20
#define TINY_TSS 0x28
#define TINY_CODE32 0x38
#define TINY_USER_VECTOR 0x80
#define TINY_AP_START 0x8000 /* below 1 MiB, a page's boundary */
/* Physical address 0 seen from the upper half. */
#define TINY_HIGH 0xffffff8000000000

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tiny_frame {
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* The guest's own, called with interrupts off. cmdline: what --append gave. Does not return. */
void tiny_test(const char *cmdline);
/* An interrupt of vector 32 or above other than the user gate; exceptions end the guest with a message. */
void tiny_irq(uint64_t vector);

/* TAP on the serial port. */
void tiny_plan(unsigned int tests);
void tiny_result(bool ok, const char *name);
/* The number is shown when the two differ. */
void tiny_equal(int64_t want, int64_t got, const char *name);
void tiny_text(const char *text);
void tiny_number(int64_t value);

/* Turn interrupts on for a moment, or sleep until the next one. */
void tiny_irq_window(void);
void tiny_irq_wait(void);
void tiny_apic_eoi(void);
unsigned int tiny_apic_id(void);

/* Start vCPU 1; its local APIC listens when it comes to tiny_ap_test(), which is the guest's own. */
void tiny_ap_start(void);
void tiny_ap_test(void);

int64_t tiny_user(uint64_t rax, uint64_t rdi, uint64_t rsi, uint64_t rdx, void (*target)(void));
void tiny_user_out(void);
uint64_t tiny_kept_registers(uint64_t nr, void *page);

/* Linked in after everything else: memory from here on is free. */
extern char tiny_end[];

static inline void tiny_outl(uint16_t port, uint32_t value)
{
	__asm__ __volatile__("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t tiny_inl(uint16_t port)
{
	uint32_t value;

	__asm__ __volatile__("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void tiny_cpuid(uint32_t leaf, uint32_t out[4])
{
	__asm__ __volatile__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

static inline uint64_t tiny_rdtsc(void)
{
	uint32_t low, high;

	__asm__ __volatile__("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

#endif
#endif
