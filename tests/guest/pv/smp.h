/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU of the SMP suites: GS of kernel mode is its structure, and it does what it is told to by a mailbox. */
#ifndef TESTS_GUEST_PV_SMP_H
#define TESTS_GUEST_PV_SMP_H

#include "pv.h"

#define SMP_MAX 8
#define SMP_KICK 0x60	/* handled in C */
#define SMP_COUNT 0x61	/* handled by smp_count_entry */
#define SMP_EVENT 0x62	/* upcall of the vCPUs but the first */

#define SMP_COUNTED 8
#define SMP_RSP 16

#ifndef __ASSEMBLER__

struct smp_cpu {
	struct smp_cpu *self;
	uint64_t counted; /* at SMP_COUNTED */
	uint64_t rsp;
	uint32_t index;
	uint32_t kicks, upcalls, wrong; /* interrupts; those that came with the flag on */
	uint64_t (*job)(uint64_t arg); /* NULL: it has nothing to do */
	uint64_t arg, result;
	uint64_t hello, faults, resume;
	bool stop; /* what it does that goes on and on */
	bool flag_on_return; /* the next trap's return turns the virtual flag on */
	struct pvn_vcpu_info *info;
};

extern struct smp_cpu smp_cpu[SMP_MAX];
extern uint32_t smp_cpus; /* how many there are */

static inline struct smp_cpu *smp_me(void)
{
	struct smp_cpu *me;

	__asm__ __volatile__("movq %%gs:0, %0" : "=r"(me));
	return me;
}

#define SMP_LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SMP_STORE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)

void smp_start(void);
void smp_count_entry(void);
void smp_syscall(void);
/* User mode, with this in rsi; what its system call has in rdi. */
uint64_t smp_user(const struct pvn_return_frame *frame, uint64_t rsi);
void smp_other(struct smp_cpu *me);
/* Tables, features, traps, a page for each vCPU. */
void smp_begin(bool trusted);
/* The others, waiting for jobs. */
void smp_up_all(void);
/* A job for another vCPU, and its result. */
void smp_give(unsigned int cpu, uint64_t (*job)(uint64_t), uint64_t arg);
uint64_t smp_result(unsigned int cpu);
uint64_t smp_run(unsigned int cpu, uint64_t (*job)(uint64_t), uint64_t arg);
/* false: it is not so after seconds. */
bool smp_until32(const uint32_t *word, uint32_t least);
bool smp_until64(const uint64_t *word, uint64_t least);
void smp_flag(bool on);
/* Where it starts as such a vCPU. */
struct pvn_vcpu_context smp_context(unsigned int cpu);
int64_t smp_create(unsigned int cpu);

#endif
#endif
