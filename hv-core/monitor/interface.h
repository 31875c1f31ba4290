/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the VMM and the monitor that it loads: the image, the address space, what each vCPU is told at its start, and
 * what the VMM reads back when a guest has stopped. Both sides include it; it is no part of the guest's contract.
 */
#ifndef MONITOR_INTERFACE_H
#define MONITOR_INTERFACE_H

#include <paravane/pv_boot.h>
#include <paravane/types.h>

/* Where the monitor is linked and its memory is mapped, all of it; first the image, then areas, then page tables. */
#define MONITOR_VA PVN_PV_HOLE_START
/* Guest RAM as the monitor sees it: guest-physical address plus this. */
#define MONITOR_RAM_VA PVN_U64(0xffff808000000000)
/* The vCPU's local APIC, which the guest has no way to: interrupts are acknowledged by the monitor. */
#define MONITOR_APIC_VA PVN_U64(0xffff810000000000)
#define MONITOR_APIC_GPA PVN_U64(0xfee00000)

/*
 * One area a vCPU, aligned to its size, so that code that can trust no register but the stack pointer finds its vCPU:
 * struct monitor_vcpu, three stacks for exceptions that may come at any moment, a page that is not mapped, the stack.
 */
#define MONITOR_AREA_BYTES 0x10000
#define MONITOR_AREA_STRUCT_BYTES 0x4000
#define MONITOR_AREA_IST_BYTES 0x1000
#define MONITOR_AREA_GUARD 0x7000
#define MONITOR_AREA_REGS (MONITOR_AREA_BYTES - MONITOR_REGS_BYTES)
#define MONITOR_REGS_BYTES 176

/* The table zone is kept track of by chunks of RAM: see struct monitor_boot. */
#define MONITOR_CHUNK_SHIFT 21
#define MONITOR_SLOT_BYTES 8208

/* A write of 32 bits to this port from level 0: a command in eax. Calls for the guest go through PVN_PORT_CALL. */
#define MONITOR_PORT 0x5658
#define MONITOR_STOP 1 /* the vCPU's report says why */

/* Doorbells of PV devices: a write of 32 bits, any value, from level 0. */
#define MONITOR_DOORBELL_BASE 0x5800
#define MONITOR_DEVICES_MAX 64
#define MONITOR_DOORBELL_PORT(device, queue) (MONITOR_DOORBELL_BASE + 64 * (device) + 4 * (queue))

/* Calls that there are numbers for: families of 32. */
#define MONITOR_CALLS 512
#define MONITOR_CALL(nr) (((nr) >> 8) * 32 + ((nr) & 0x1f))

#define MONITOR_MAGIC PVN_U64(0x726f74696e6f4d50) /* "PMonitor" */
#define MONITOR_VERSION 4

#define MONITOR_BOOT_TRUSTED 0x1 /* the guest may have trusted tables */

#define MONITOR_REPORT_GUEST 1 /* the guest broke the contract */
#define MONITOR_REPORT_BUG 2   /* the monitor did */

#define MONITOR_TEXT_BYTES 128
#define MONITOR_CODE_BYTES 48
#define MONITOR_CODE_BEFORE 16
#define MONITOR_STACK_WORDS 64
#define MONITOR_EMULATED_MAX 64
#define MONITOR_EXCEPTIONS 32

/* What was emulated: index of struct monitor_emulated.what and of the VMM's names. */
#define MONITOR_EMULATED_HLT 0
#define MONITOR_EMULATED_CLI 1
#define MONITOR_EMULATED_STI 2
#define MONITOR_EMULATED_RDMSR 3
#define MONITOR_EMULATED_WRMSR 4
#define MONITOR_EMULATED_IN 5
#define MONITOR_EMULATED_OUT 6
#define MONITOR_EMULATED_FROM_CR 7
#define MONITOR_EMULATED_TO_CR 8
#define MONITOR_EMULATED_XSETBV 9
#define MONITOR_EMULATED_CLTS 10
#define MONITOR_EMULATED_WBINVD 11 /* and INVD */
#define MONITOR_EMULATED_KINDS 12

#ifndef __ASSEMBLER__

/* What a chunk of the zone is known by; its frames follow. writer: monitor. */
struct monitor_slot {
	pvn_u64 chunk;	/* guest-physical address >> MONITOR_CHUNK_SHIFT */
	pvn_u32 in_use; /* the slot */
	pvn_u32 tables; /* frames that are one */
};

/* At the first byte of the image. */
struct monitor_image {
	pvn_u64 magic;
	pvn_u32 version;
	pvn_u32 text_bytes;   /* from the start: executable, not writable; whole pages */
	pvn_u64 image_bytes;  /* of the file */
	pvn_u64 memory_bytes; /* with what starts as zero; whole pages */
	pvn_u64 entry;	      /* virtual; rdi: the vCPU's area */
};

/* The guest's registers, at the end of the vCPU's stack; arguments of a call stand in their order. */
struct monitor_regs {
	pvn_u64 r15, r14, r13, r12, rbp, rbx, rcx, r11, rax;
	pvn_u64 rdi, rsi, rdx, r10, r8, r9;
	pvn_u64 vector, error;
	pvn_u64 rip, cs, rflags, rsp, ss;
};
PVN_ASSERT_SIZE(struct monitor_regs, MONITOR_REGS_BYTES);

struct monitor_ram {
	pvn_u64 start, bytes;
};

/* writer: VMM, before the vCPU starts. */
struct monitor_boot {
	pvn_u32 vcpu;
	pvn_u32 flags; /* MONITOR_BOOT_* */
	pvn_u64 entry;	    /* of the guest, virtual */
	pvn_u64 start_info; /* guest-physical */
	pvn_u32 offered[4]; /* feature words */
	struct monitor_ram ram[2];
	/* The monitor's memory. Offsets in it, where it is mapped from MONITOR_VA on: */
	pvn_u64 memory;	   /* guest-physical; all else here is inside */
	pvn_u64 top;	   /* guest-physical: the top-level table of the start */
	pvn_u64 directory; /* 16 bits for each chunk from 0 to the end of RAM: not zero when it is in the zone */
	pvn_u64 slot;	   /* MONITOR_SLOT_BYTES for each chunk that the zone may have at once */
	pvn_u32 chunks, slots;
	pvn_u32 nr_vcpus; /* their areas follow each other */
	pvn_u32 reserved;
};

/* writer: monitor, before MONITOR_STOP. */
struct monitor_report {
	pvn_u32 kind;	   /* MONITOR_REPORT_*; 0: none */
	pvn_u32 nr_stack;  /* words at rsp that could be read */
	pvn_u64 code_read; /* bit i: code[i], from rip - MONITOR_CODE_BEFORE on, could be read */
	pvn_u64 cr2;
	char text[MONITOR_TEXT_BYTES];
	struct monitor_regs regs;
	pvn_u8 code[MONITOR_CODE_BYTES];
	pvn_u64 stack[MONITOR_STACK_WORDS];
};

struct monitor_emulated {
	pvn_u64 rip;
	pvn_u64 count;
	pvn_u32 what;
	pvn_u32 reserved;
};

/* writer: monitor. */
struct monitor_counters {
	pvn_u64 calls[MONITOR_CALLS]; /* by MONITOR_CALL(number); entries of multicalls counted, too */
	pvn_u64 forwarded;    /* those that the VMM served */
	pvn_u64 syscalls;     /* of user mode, handed to the guest's kernel */
	pvn_u64 interrupts, interrupts_dropped; /* delivered; without a handler */
	pvn_u64 pokes;	      /* sent to other vCPUs, for a flush, a kick, or to go up or down */
	pvn_u64 delivered[MONITOR_EXCEPTIONS]; /* exceptions, by vector */
	struct monitor_emulated emulated[MONITOR_EMULATED_MAX];
	pvn_u64 emulated_elsewhere; /* when the table is full */
};

/* The start of a vCPU's area; what follows is the monitor's own. */
struct monitor_shared {
	struct monitor_boot boot;
	struct monitor_counters counters;
	struct monitor_report report;
};

#endif /* __ASSEMBLER__ */
#endif /* MONITOR_INTERFACE_H */
