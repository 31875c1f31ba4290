/* SPDX-License-Identifier: GPL-2.0-only */
/* What every tiny guest of pv mode has: text on the console, TAP, traps that are noted and stepped over. */
#ifndef TESTS_GUEST_PV_H
#define TESTS_GUEST_PV_H

/* Tests of the loader build this guest with other values. */
#ifndef PV_NOTE_VERSION
#define PV_NOTE_VERSION PVN_ABI_VERSION
#endif
#ifndef PV_NOTE_PAGE
#define PV_NOTE_PAGE pv_page
#endif
#ifndef PV_BASE
#define PV_BASE 0xffffffff80000000
#endif

/* What pv_user_enter() says of a system call; the vector of event upcalls; where programs lie. */
#define PV_SYSCALL 0x100
#define PV_UPCALL 0x50
#define PV_USER_TEXT 0x10000000
#define PV_USER_STACK 0x10001000
#define PV_USER_EDGE 0x7ffffffff000

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paravane/hypercall_pv.h>

struct pv_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	struct pvn_trap_frame hw;
};

/* The last trap, and how many there were. */
struct pv_trapped {
	struct pv_frame frame;
	uint64_t frame_at; /* address of the hardware's part */
	unsigned int count;
	bool interrupts_on; /* in the handler */
};

extern struct pv_trapped pv_trapped;
/* The same of interrupts out of kernel mode. */
extern struct pv_trapped pv_trapped_interrupt;
/* The next trap's return turns the virtual flag on. */
extern bool pv_flag_on_return;
/* Where the handler goes on after a fault; 0: where the trap was. Cleared by the trap. */
extern uint64_t pv_resume;
/* Single steps to take: the last one, or the first when there are none to take, ends them. */
extern unsigned int pv_steps;
extern struct pvn_vcpu_info *pv_info;
extern uint64_t pv_start_rsp, pv_start_rflags;
extern char pv_page[], pv_start[], pv_trap_entries[], pv_data[], pv_end[];

uint64_t pv_int3_registers(void);
/* The same over a call, whose arguments are small numbers; rax, rcx and r11 may be lost. */
uint64_t pv_call_registers(uint64_t nr);
int64_t pv_return_to(const struct pvn_return_frame *frame);
void pv_trap_return(void);

/* The guest's own, with its command line. Does not return. */
void pv_test(const char *cmdline);

static inline uint64_t pv_gpa(const void *p)
{
	return (uint64_t)p - PV_BASE;
}

void *memcpy(void *to, const void *from, size_t bytes);

void pv_text(const char *text);
void pv_number(int64_t value);
void pv_result(bool ok, const char *name);
void pv_equal(int64_t want, int64_t got, const char *name);
unsigned int pv_results(void);
void pv_power_off(void);
/* A result: what trapped last was `vector`, and only it since there had been `before`. */
void pv_expect(unsigned int before, uint64_t vector, const char *name);
/* Its price, of which a round has `each`. */
void pv_bench(const char *name, void (*one)(void), unsigned int each);
/* One round of it is enough. */
void pv_bench_few(const char *name, void (*one)(void), unsigned int each);
/* mmu.c */
void pv_mmu_suite(void);
void pv_mmu_benches(void);
/* Features, traps, info page; an address space of one's own, with a page of text and one of stack for programs. */
#define PV_USER_TEXT_DIRECT (PVN_PV_DIRECT_MAP + 0x2001000)
#define PV_USER_EDGE_DIRECT (PVN_PV_DIRECT_MAP + 0x2003000)
void pv_mmu_spaces(bool trusted);
int64_t pv_mmu_switch(bool user);
/* Its top-level tables; the entry of PV_USER_TEXT + index * 4096 in it. */
void pv_mmu_tops(uint64_t *kernel, uint64_t *user);
int64_t pv_mmu_map(unsigned int index, uint64_t value);
/* A second chunk for the zone. */
int64_t pv_mmu_more_zone(void);
/* A frame for another kernel's top-level table; its entries, as those of the first. */
uint64_t pv_mmu_second_top(void);
int64_t pv_mmu_fill_top(uint64_t top);
void pv_mmu_trusted(void);
void pv_mmu_break(void);
/* user.c */
void pv_user_suite(bool trusted);
void pv_user_end(uint64_t stack, bool syscall);
void pv_user_benches(void);
void pv_user_break(void);
/* With trusted tables and empty system calls. */
void pv_user_start(void);
/* So many of them by a program; how many upcalls came meanwhile. */
unsigned int pv_user_null(uint64_t calls);
/* control.c */
void pv_control_suite(void);
/* stress.c */
void pv_stress_suite(void);
/* smp.c, smp_suite.c */
bool pv_smp_trap(struct pv_frame *frame);
void pv_smp_suite(bool trusted);
void pv_smp_stress(bool trusted);
/* By its word. It returns when the guest has not ended by it. */
void pv_smp_end(const char *word);
bool pv_is(const char *line, const char *word);
/* events.c */
/* What is pending of a port has been seen by the vCPU that it is bound to. */
void pv_events_seen(unsigned int vcpu, uint32_t port);
extern unsigned int pv_interrupts;
void pv_events_suite(void);
int64_t pv_events_start(void);
uint64_t pv_now(void);
/* An interrupt, so many nanoseconds from now. */
void pv_timer(uint64_t ns);
/* false: none waits after seconds. */
bool pv_wait_pending(void);
/* What the handler of PV_UPCALL does. */
void pv_upcall(void);
/* Handlers for all exceptions, each with interrupts off or not. */
int64_t pv_traps_register(uint32_t flags);

/* One instruction that may fault; afterwards pv_trapped says whether it did. */
#define PV_TRY(instruction, ...) \
	__asm__ __volatile__("leaq 771f(%%rip), %%r11\n\tmovq %%r11, pv_resume(%%rip)\n\t" instruction \
			     "\n771:\tmovq $0, pv_resume(%%rip)" __VA_ARGS__)

#endif
#endif
