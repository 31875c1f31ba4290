/* SPDX-License-Identifier: GPL-2.0-only */
/* What only ring 0 can do. The unit tests have functions of their own behind these names. */
#ifndef MONITOR_ARCH_H
#define MONITOR_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct monitor_vcpu;

/* Copies that survive a page fault: 0, or -1 with an unknown part of it done. Addresses were checked before. */
int arch_copy_from_guest(void *to, uint64_t from, size_t bytes);
int arch_copy_to_guest(uint64_t to, const void *from, size_t bytes);

uint64_t arch_rdmsr(uint32_t msr);
void arch_wrmsr(uint32_t msr, uint64_t value);
/* A register that the host may not have: 0, or -1. */
int arch_wrmsr_try(uint32_t msr, uint64_t value);
uint64_t arch_read_cr2(void);
/* CR0 or CR4. */
uint64_t arch_read_cr(unsigned int cr);
/* Switch XSAVE on where the CPU has it. What XCR0 may have there; 0: nothing, since it hasn't. */
uint64_t arch_xsave_start(void);
/* XCR0 = value: 0, or -1 when it is refused. */
int arch_xsetbv_try(uint64_t value);
/* Run on another top-level table, or on the same one: nothing cached is used any more. */
void arch_write_cr3(uint64_t top);
void arch_invlpg(uint64_t va);
uint32_t arch_in(uint16_t port, unsigned int bytes);
void arch_out(uint16_t port, unsigned int bytes, uint32_t value);
/* Sleep until an interrupt has been noted (interrupt_note()). Real interrupts are on meanwhile, and nowhere else. */
void arch_sleep(void);
/* This vCPU's local APIC, by the offset of a register. */
uint32_t arch_apic_read(unsigned int reg);
void arch_apic_write(unsigned int reg, uint32_t value);
/* Interrupt a vCPU with VECTOR_POKE, this one when it is back at level 3. */
void arch_poke(unsigned int vcpu);
/* To level 3 with all of v->regs, whatever the stack is in the middle of. */
void arch_return(struct monitor_vcpu *v) __attribute__((noreturn));
/* The vCPU that this runs on. */
struct monitor_vcpu *arch_self(void);
/* May level 3 raise `vector` by INT n? */
void arch_gate_open(unsigned int vector, bool open);
#define DR6_NOTHING 0xffff0ff0ull
/* Load the GS selector, which is known to be one that loads. The base that it brings; then GS has base `own` again. */
uint64_t arch_gs_load(uint16_t selector, uint64_t own);
/* What a debug exception left, and nothing left after that. */
uint64_t arch_take_dr6(void);

/* An exit to the VMM: a call for the guest, and the end of everything. */
int64_t arch_vmm_call(uint64_t nr, const uint64_t *args);
void arch_vmm_stop(void) __attribute__((noreturn));

#endif
