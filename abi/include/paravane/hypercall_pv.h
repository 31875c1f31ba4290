/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Structures of the calls that only a guest in pv mode makes (families cpu, mmu, vcpu). A host in hvm mode answers
 * those calls with PVN_ENOTSUP; no host offers their feature bits yet, and until one does the layouts may grow.
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

#define PVN_MMU_UPDATE_MAX 512
#define PVN_MMU_SET 0  /* op: entry = value */
#define PVN_MMU_MASK 1 /* op: entry = (entry & mask) | value, accessed and dirty bits kept unless masked */

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

/* mmu.update. writer: guest. */
struct pvn_mmu_update {
	pvn_u64 entry;		/* guest-physical address of a table entry, 8-byte aligned; bits 2:0 are the op */
	pvn_u64 value;
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
	pvn_u64 user_table;	/* the same for user mode */
	pvn_u64 gs_base;
	pvn_u64 reserved[2];	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_vcpu_context, 64);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, rip, 0);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, rsp, 8);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, rdi, 16);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, kernel_table, 24);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, user_table, 32);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, gs_base, 40);
PVN_ASSERT_OFFSET(struct pvn_vcpu_context, reserved, 48);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_HYPERCALL_PV_H */
