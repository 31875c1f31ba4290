/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor's own structures. All state of a vCPU is in its struct monitor_vcpu; what all vCPUs of the guest share is
 * in struct monitor_vm. Nothing here needs ring 0 but what arch.h declares, so that the rest runs under unit tests.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paravane/error.h>
#include <paravane/features.h>
#include <paravane/hypercall.h>
#include <paravane/hypercall_nr.h>
#include <paravane/hypercall_pv.h>

#include "interface.h"
#include "mmu.h"

#define VECTOR_DB 1
#define VECTOR_NMI 2
#define VECTOR_BP 3
#define VECTOR_OF 4
#define VECTOR_UD 6
#define VECTOR_DF 8
#define VECTOR_GP 13
#define VECTOR_PF 14
#define VECTOR_MC 18
#define VECTOR_POKE 31	     /* from another vCPU: look at what it has asked for. No exception has it, nor a guest */
#define VECTOR_INTERRUPTS 32 /* from here on */
/* In regs->vector: out of user mode, and CR3 and GS are the kernel's already. */
#define VECTOR_FROM_USER (1ull << 32)

#define RFLAGS_FIXED 0x2ull
#define RFLAGS_TF 0x100ull
#define RFLAGS_IF 0x200ull /* the real one is on whenever the guest runs */
#define RFLAGS_NT 0x4000ull
#define RFLAGS_RF 0x10000ull
/* What a guest may set by a return: CF PF AF ZF SF TF DF OF NT RF AC ID. IF is virtual, IOPL stays 0. */
#define RFLAGS_GUEST 0x254dd5ull

#define DR6_BS 0x4000ull

#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
/* In the monitor, after SWAPGS, this is the base that the guest has in GS. */
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define PF_ERROR_USER 0x4ull

#define MONITOR_VCPUS_MAX 64 /* as many as calls have bits for */

struct monitor_trap {
	uint64_t handler; /* 0: none */
	uint64_t flags;	  /* PVN_TRAP_* */
};

/* One a guest. Lists of vCPUs are complete before the first one starts. */
struct monitor_vm {
	uint32_t ready;	   /* the other vCPUs may start */
	uint32_t usable;   /* bits of feature word 0 whose families answer */
	uint32_t accepted; /* core.accept_features has succeeded */
	uint32_t nr_vcpus;
	struct monitor_vcpu *vcpu[MONITOR_VCPUS_MAX];
	struct monitor_trap trap[PVN_TRAP_TABLE_MAX];
	uint8_t doorbells[MONITOR_DEVICES_MAX]; /* by device: queues that are attached */
	struct mmu mmu;
};

struct monitor_tss {
	uint32_t reserved0;
	uint32_t rsp0[2];
	uint32_t rsp12[4];
	uint32_t reserved1[2];
	uint32_t ist[7][2];
	uint32_t reserved2[2];
	uint16_t reserved3;
	uint16_t io_map; /* beyond the limit: no port is open to level 3 */
};

#define GDT_ENTRIES (PVN_PV_GDT_LAST + 1)

struct monitor_vcpu;

struct monitor_call {
	struct monitor_vcpu *v;
	uint64_t nr;
	const uint64_t *args;
	bool in_multicall;
};

#define SLOW_FAMILY 0x1	 /* family cpu has not been accepted */
#define SLOW_WAITING 0x2 /* interrupts wait */
#define SLOW_NO_USER 0x4 /* there is no user table */

#define VCPU_NEW 0  /* it has no context */
#define VCPU_DOWN 1
#define VCPU_UP 2

/*
 * What other vCPUs write here is under "others"; everything else is the vCPU's own, or whoever's has mmu.lock while it
 * rests.
 */
struct monitor_vcpu {
	struct monitor_shared shared;
	struct monitor_vcpu *self;
	struct monitor_regs *regs; /* at the end of the area */
	struct monitor_vm *vm;
	uint8_t *ram;		   /* guest-physical address 0, as the monitor sees it */
	struct pvn_vcpu_info *info; /* shared with the guest, or own_info */
	struct monitor_call call;  /* the one that SYSCALL makes; its arguments are in regs */
	uint64_t full_return;	   /* leave this call by iretq with all of regs */
	uint64_t user;		   /* the guest is in user mode */
	uint64_t slow;		   /* SLOW_*: why fast.S leaves cpu.trap_return and exceptions to C */
	uint64_t hole_end;	   /* PVN_PV_HOLE_END, for comparing in fast.S */
	uint64_t kernel_gs_base, user_gs_base; /* the one that is not in GS */
	uint64_t syscall_entry;	   /* 0: none */
	uint64_t waiting[4];	   /* interrupts, by vector */
	uint64_t dr6;
	uint64_t xcr0_supported; /* 0: the CPU has no XSAVE */
	uint32_t away;		   /* it uses no translation of the guest's before vcpu_back() */
	uint32_t resting;	   /* it is down, in the start's address space */
	bool fresh;		   /* `context` has not been entered yet */
	bool no_clock;		   /* KVM has none */
	struct pvn_vcpu_context context;
	/* Others: */
	uint64_t kicked[4];	   /* interrupts, by vector: the vCPU that sets a bit pokes */
	uint32_t flush_asked;
	uint32_t state;		   /* VCPU_*: what it is to be; under mmu.lock */
	uint32_t acknowledged;	   /* writer: KVM sets bit 0, the monitor clears it */
	struct mmu_vcpu mmu;
	struct pvn_vcpu_info own_info;
	uint64_t gdt[GDT_ENTRIES];
	struct monitor_tss tss;
};

/* hypercall.c: a call from kernel mode. The result; the caller's registers may have been replaced (full_return). */
int64_t hypercall_handle(struct monitor_vcpu *v, uint64_t nr);
int64_t hypercall_dispatch(struct monitor_call *c);
/* Let the VMM serve it. */
int64_t hypercall_forward(struct monitor_call *c);

/* trap.c: an exception of the guest's or an interrupt, in v->regs. */
void trap_from_guest(struct monitor_vcpu *v, struct monitor_regs *regs);
/* The guest goes on at an address that is not canonical: to it that is a general protection fault. */
void trap_bad_address(struct monitor_vcpu *v);
/*
 * Enter the guest's handler of `vector`; without one, or when its frame can't be pushed, the guest is stopped. `user`:
 * v->regs are a program's, though CR3 and GS are the kernel's already, or still.
 */
void trap_deliver(struct monitor_vcpu *v, unsigned int vector, bool has_error, uint64_t error, bool user);
/*
 * The last step before a return with all of v->regs: interrupts that wait come first. `user`: the regs are a program's,
 * and CR3 and GS become its.
 */
void trap_resume(struct monitor_vcpu *v, bool user);

/* What fast.S has to know, made anew. */
void mode_slow_update(struct monitor_vcpu *v);
/* mode.c: CR3 and GS from user mode to kernel mode, and back. */
void mode_to_kernel(struct monitor_vcpu *v);
void mode_to_user(struct monitor_vcpu *v);
/* SYSCALL of user mode, in v->regs; CR3 and GS are the kernel's already. */
void mode_syscall(struct monitor_vcpu *v);

/* interrupt.c */
bool interrupt_waits(const struct monitor_vcpu *v);
void interrupt_start(struct monitor_vcpu *v);
/* It has come: acknowledged, and kept. */
void interrupt_note(struct monitor_vcpu *v, unsigned int vector);
/* The highest that waits, which then does no more; -1: none. */
int interrupt_next(struct monitor_vcpu *v);
/* Asleep until an interrupt waits; for good, with the virtual flag off: only vcpu.create gets it out of that. */
void interrupt_wait(struct monitor_vcpu *v);
/* Make one wait on a vCPU, this one or another. */
void interrupt_send(struct monitor_vcpu *to, unsigned int vector);
/* VECTOR_POKE has come: do what others have asked for; only rest is left to the caller. */
void interrupt_poked(struct monitor_vcpu *v);
/* `pending` and SLOW_WAITING as they are to be. */
void interrupt_pending_update(struct monitor_vcpu *v);

/* vcpu.c: vCPUs among each other. What a vCPU must have been asked to do is done in these, and when it is poked. */
/* From here to vcpu_back() nobody waits for it to flush: it does that then. */
void vcpu_away(struct monitor_vcpu *v);
void vcpu_back(struct monitor_vcpu *v);
/* Flush, if another one has asked for it. */
void vcpu_answer(struct monitor_vcpu *v);
/* One round of waiting for another one, which answers; `spins` is the caller's count of them. */
void vcpu_relax(struct monitor_vcpu *v, unsigned int *spins);
/* Not up any more? Then it sleeps here until it is. */
void vcpu_rest(struct monitor_vcpu *v);
/* One of those that begin at rest, which somebody may have ended already: it goes on in its context, not here. */
void vcpu_start(struct monitor_vcpu *v);
/* Wait, with mmu.lock held, until another one that is down rests. It may be up again at return. */
void vcpu_wait_rest(struct monitor_vcpu *v, struct monitor_vcpu *other);
struct monitor_vcpu *vcpu_find(const struct monitor_vm *vm, uint32_t vcpu);
/* It has been left a note: let it look. */
void vcpu_poke(const struct monitor_vcpu *to);
bool vcpu_is_up(const struct monitor_vcpu *v);
/* A bit for each that there is. */
static inline uint64_t vcpus_all(const struct monitor_vm *vm)
{
	return ~0ull >> (MONITOR_VCPUS_MAX - vm->nr_vcpus);
}
/* KVM writes the clock to the vCPU's page: from now on, or no more. 0, or -1: KVM has no clock. */
int vcpu_clock(struct monitor_vcpu *v, bool on);

/* emulate.c: true when the instruction at rip was emulated, counted and stepped over. */
bool emulate(struct monitor_vcpu *v, struct monitor_regs *regs);

/* control.c: true when it is done; else it is the guest's fault. */
void control_start(struct monitor_vcpu *v);
bool control_read(const struct monitor_vcpu *v, unsigned int cr, uint64_t *value);
bool control_write(struct monitor_vcpu *v, unsigned int cr, uint64_t value);
bool control_xsetbv(struct monitor_vcpu *v, uint32_t index, uint64_t value);

/* frame.c */
#define FRAME_WORDS_MAX 6
/* The words that hardware would push, error code first if there is one. How many. */
unsigned int frame_build(uint64_t words[FRAME_WORDS_MAX], const struct monitor_regs *regs, bool user,
			 bool interrupts_on, bool has_error, uint64_t error);
/* Where they begin on a stack that is at rsp. */
uint64_t frame_address(uint64_t rsp, unsigned int words);
/* Take a return frame for kernel mode: 0, or -PVN_EINVAL with nothing changed. */
int frame_return(const struct pvn_return_frame *frame, struct monitor_regs *regs, bool *interrupts_on);
/* Take one for user mode. false: no program can go on so, and the regs show what was asked for. */
bool frame_return_user(const struct pvn_return_frame *frame, struct monitor_regs *regs);

/* guest.c: guest memory by its two kinds of addresses. 0, or -PVN_EFAULT; virtual copies may be partly done then. */
static inline void *guest_ram(const struct monitor_vcpu *v, uint64_t gpa, uint64_t bytes)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct monitor_ram *ram = &v->shared.boot.ram[i];
		/* Below the start it wraps to a large offset and fails the comparison; nothing else can wrap. */
		uint64_t offset = gpa - ram->start;

		if (bytes && offset < ram->bytes && bytes <= ram->bytes - offset)
			return v->ram + gpa;
	}
	return NULL;
}
/* The same for memory that is to be written: NULL for the table zone too. */
void *guest_ram_writable(const struct monitor_vcpu *v, uint64_t gpa, uint64_t bytes);
int guest_read(uint64_t va, void *to, size_t bytes);
int guest_write(uint64_t va, const void *from, size_t bytes);
bool guest_canonical(uint64_t va);
/* In the kernel's half of the address space, and not the monitor's. */
static inline bool guest_kernel_half(uint64_t va)
{
	return va >= PVN_PV_HOLE_END;
}
bool guest_interrupts_on(const struct monitor_vcpu *v);
void guest_interrupts_set(struct monitor_vcpu *v, bool on);

/* stop.c: the guest may end with the call that is about to be made: what a report shows of it. */
void stop_prepare(struct monitor_vcpu *v);
/* The guest ends here, with a report; these don't return. */
void stop_guest(struct monitor_vcpu *v, const struct monitor_regs *regs, const char *text, uint64_t number)
	__attribute__((noreturn));
void stop_bug_at(struct monitor_vcpu *v, const struct monitor_regs *regs, const char *text, uint64_t number,
		 const char *where) __attribute__((noreturn));
#define STOP_TEXT(x) #x
#define STOP_LINE(line) STOP_TEXT(line)
#define stop_bug(v, regs, text, number) stop_bug_at(v, regs, text, number, __FILE__ ":" STOP_LINE(__LINE__))

#define MONITOR_TABLE_PROTOTYPES
#include "hypercall_table.inc"
#undef MONITOR_TABLE_PROTOTYPES

#endif
