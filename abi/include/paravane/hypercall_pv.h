/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Structures of the calls that only a guest in pv mode makes (families cpu, mmu, vcpu). A host in hvm mode answers
 * those calls with PVN_ENOTSUP. In pv mode core.describe says which of them this host serves so far; the layouts of
 * those that none serves yet may grow.
 */
#ifndef PARAVANE_HYPERCALL_PV_H
#define PARAVANE_HYPERCALL_PV_H

#include <paravane/types.h>

#define PVN_TRAP_TABLE_MAX 256
#define PVN_TRAP_INTERRUPT_OFF 0x1 /* flags: the handler starts with virtual interrupts off */
#define PVN_TRAP_FROM_USER 0x2	   /* flags: user mode may raise it by INT n */

#define PVN_BASE_FS 0
#define PVN_BASE_GS_KERNEL 1
#define PVN_BASE_GS_USER 2

#define PVN_CLOCK_STABLE 0x1  /* the same on every vCPU */
#define PVN_CLOCK_STOPPED 0x2 /* the machine stood still since the last look */

#define PVN_PV_GDT_FIRST 12 /* the guest's entries of the global descriptor table */
#define PVN_PV_GDT_LAST 15

#define PVN_MMU_TABLE_KERNEL 0x1 /* flags: for kernel mode; below level 4, a table of the upper half */
#define PVN_MMU_UPDATE_MAX 512
/* struct pvn_mmu_update.entry: an op, the first entry's address, and how many more are meant that follow it in its table */
#define PVN_MMU_SET 0  /* op: entries = value */
#define PVN_MMU_MASK 1 /* op: entries = (entries & mask) | value, accessed and dirty bits kept unless masked */
#define PVN_MMU_COPY 2 /* op: entries = those of the array at guest-physical `value` */
#define PVN_MMU_ENTRY_ADDRESS PVN_U64(0x000ffffffffffff8)
#define PVN_MMU_MORE_SHIFT 52

#ifndef __ASSEMBLER__

/* cpu.trap_table. writer: guest. */
struct pvn_trap_entry {
	pvn_u32 vector;		/* 0 … 255 */
	pvn_u32 flags;		/* PVN_TRAP_* */
	pvn_u64 handler;	/* guest-virtual; zero takes the entry away */
};
PVN_ASSERT_SIZE(struct pvn_trap_entry, 16);
PVN_ASSERT_OFFSET(struct pvn_trap_entry, vector, 0);
PVN_ASSERT_OFFSET(struct pvn_trap_entry, flags, 4);
PVN_ASSERT_OFFSET(struct pvn_trap_entry, handler, 8);

/*
 * What the host pushes on the guest's stack, aligned to 16 bytes first, when it enters a trap handler: an error code
 * where hardware has one, then this. The entry of system calls has it too. writer: host.
 */
struct pvn_trap_frame {
	pvn_u64 rip;
	pvn_u64 cs;		/* PVN_PV_KERNEL_CS: it came from kernel mode; with level 3 in it: from user mode */
	pvn_u64 rflags;		/* bit 9 is the virtual interrupt flag */
	pvn_u64 rsp;
	pvn_u64 ss;		/* PVN_PV_KERNEL_SS, PVN_PV_REAL_SS */
};
PVN_ASSERT_SIZE(struct pvn_trap_frame, 40);
PVN_ASSERT_OFFSET(struct pvn_trap_frame, rip, 0);
PVN_ASSERT_OFFSET(struct pvn_trap_frame, cs, 8);
PVN_ASSERT_OFFSET(struct pvn_trap_frame, rflags, 16);
PVN_ASSERT_OFFSET(struct pvn_trap_frame, rsp, 24);
PVN_ASSERT_OFFSET(struct pvn_trap_frame, ss, 32);

/*
 * cpu.trap_return: what lies on the stack above the return address of the CALL to the hypercall page. A handler that
 * has restored all other registers and dropped the error code pushes rax, r11, rcx and calls. writer: guest.
 */
struct pvn_return_frame {
	pvn_u64 rcx;
	pvn_u64 r11;
	pvn_u64 rax;
	struct pvn_trap_frame trap;
};
PVN_ASSERT_SIZE(struct pvn_return_frame, 64);
PVN_ASSERT_OFFSET(struct pvn_return_frame, rcx, 0);
PVN_ASSERT_OFFSET(struct pvn_return_frame, r11, 8);
PVN_ASSERT_OFFSET(struct pvn_return_frame, rax, 16);
PVN_ASSERT_OFFSET(struct pvn_return_frame, trap, 24);

/*
 * Nanoseconds on the clock of time.clock: the time stamp counter's distance from tsc_timestamp, shifted left by tsc_shift
 * (right when it is negative), times tsc_to_system_mul, right by 32, plus system_time. The layout is that of kvmclock, and
 * so is the way to read it: `version` is odd while the rest is written, and the same before and after a good reading.
 * writer: host.
 */
struct pvn_clock {
	pvn_u32 version;
	pvn_u32 pad0;
	pvn_u64 tsc_timestamp;
	pvn_u64 system_time;
	pvn_u32 tsc_to_system_mul;
	pvn_s8 tsc_shift;
	pvn_u8 flags;		/* PVN_CLOCK_* */
	pvn_u8 pad[2];
};
PVN_ASSERT_SIZE(struct pvn_clock, 32);
PVN_ASSERT_OFFSET(struct pvn_clock, version, 0);
PVN_ASSERT_OFFSET(struct pvn_clock, pad0, 4);
PVN_ASSERT_OFFSET(struct pvn_clock, tsc_timestamp, 8);
PVN_ASSERT_OFFSET(struct pvn_clock, system_time, 16);
PVN_ASSERT_OFFSET(struct pvn_clock, tsc_to_system_mul, 24);
PVN_ASSERT_OFFSET(struct pvn_clock, tsc_shift, 28);
PVN_ASSERT_OFFSET(struct pvn_clock, flags, 29);
PVN_ASSERT_OFFSET(struct pvn_clock, pad, 30);

/* vcpu.info_register: the start of the page; the rest of it is the host's, zero. */
struct pvn_vcpu_info {
	pvn_u32 interrupts_on;	/* writer: guest and host: the virtual interrupt flag, 0 or 1 */
	pvn_u32 pending;	/* writer: host: not zero when an interrupt waits for interrupts_on */
	pvn_u64 fault_address;	/* writer: host: of the last page fault delivered; what CR2 is on hardware */
	/*
	 * writer: guest: top of the stack for everything that comes out of user mode; what TSS.RSP0 is on hardware.
	 * 16-byte aligned, in the kernel half. Read at each entry.
	 */
	pvn_u64 kernel_stack;
	pvn_u64 reserved0[5];	/* zero */
	struct pvn_clock clock;	/* writer: host */
	pvn_u64 reserved1[4];	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_vcpu_info, 128);
PVN_ASSERT_OFFSET(struct pvn_vcpu_info, interrupts_on, 0);
PVN_ASSERT_OFFSET(struct pvn_vcpu_info, pending, 4);
PVN_ASSERT_OFFSET(struct pvn_vcpu_info, fault_address, 8);
PVN_ASSERT_OFFSET(struct pvn_vcpu_info, kernel_stack, 16);
PVN_ASSERT_OFFSET(struct pvn_vcpu_info, reserved0, 24);
PVN_ASSERT_OFFSET(struct pvn_vcpu_info, clock, 64);
PVN_ASSERT_OFFSET(struct pvn_vcpu_info, reserved1, 96);

/* mmu.update. writer: guest. */
struct pvn_mmu_update {
	pvn_u64 entry;		/* op, address, and how many more: PVN_MMU_* */
	pvn_u64 value;		/* with PVN_MMU_COPY the array's address */
	pvn_u64 mask;		/* with PVN_MMU_MASK; else zero */
};
PVN_ASSERT_SIZE(struct pvn_mmu_update, 24);
PVN_ASSERT_OFFSET(struct pvn_mmu_update, entry, 0);
PVN_ASSERT_OFFSET(struct pvn_mmu_update, value, 8);
PVN_ASSERT_OFFSET(struct pvn_mmu_update, mask, 16);

/* vcpu.create. writer: guest. */
struct pvn_vcpu_context {
	pvn_u64 rip;		/* guest-virtual, kernel half */
	pvn_u64 rsp;
	pvn_u64 rdi;		/* handed to the entry */
	pvn_u64 kernel_table;	/* guest-physical address of the top-level table for kernel mode */
	pvn_u64 user_table;	/* the same for user mode; 0: none */
	pvn_u64 gs_base;	/* of kernel mode */
	pvn_u64 fs_base;
	pvn_u64 reserved;	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_vcpu_context, 64);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, rip, 0);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, rsp, 8);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, rdi, 16);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, kernel_table, 24);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, user_table, 32);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, gs_base, 40);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, fs_base, 48);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, reserved, 56);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_HYPERCALL_PV_H */
