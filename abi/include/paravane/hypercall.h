/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Calls from guest to host: what is common to all of them, and the structures that they read and write. Numbers are
 * in hypercall_nr.h, typed wrappers in hypercall_proto.h, both generated; docs/abi/ has a page for each call.
 *
 * A call is a near CALL to the first byte of the hypercall page, in 64-bit mode at privilege level 0:
 *
 *	rax		number in, result out: zero or more when done, -PVN_E* when not
 *	rdi rsi rdx	arguments 0, 1, 2
 *	r10 r8 r9	arguments 3, 4, 5; registers beyond a call's own arguments are ignored
 *	rcx r11 flags	lost; every other register is kept
 *
 * The page's code uses eight bytes of stack for the return address, and nothing below it.
 * Every structure is little-endian. Reserved fields that the guest writes are zero, and the host checks that.
 */
#ifndef PARAVANE_HYPERCALL_H
#define PARAVANE_HYPERCALL_H

#include <paravane/error.h>
#include <paravane/features.h>
#include <paravane/types.h>

#define PVN_PAGE_SHIFT 12
#define PVN_PAGE_BYTES 4096
#define PVN_HYPERCALL_ARGS 6

/* A call's number: family << 8 | index. */
#define PVN_HC_FAMILY(nr) ((nr) >> 8)
#define PVN_HC_INDEX(nr) ((nr) & 0xff)

/* core.multicall */
#define PVN_MULTICALL_MAX 256
#define PVN_MULTICALL_ENTRY_BYTES 64
#define PVN_MULTICALL_STOP_ON_ERROR 0x1 /* flags: an entry that fails is the last one */

/* core.describe: struct pvn_call_info */
#define PVN_CALL_INFO_NAME 32
#define PVN_CALL_AVAILABLE 0x1	  /* flags: answered in this mode */
#define PVN_CALL_NO_MULTICALL 0x2 /* flags: not allowed as an entry of a multicall */

/* sched.shutdown */
#define PVN_SHUTDOWN_POWEROFF 0
#define PVN_SHUTDOWN_REBOOT 1
#define PVN_SHUTDOWN_CRASH 2
#define PVN_SHUTDOWN_HALT 3

/* Event ports. Port 0 is never given out. */
#define PVN_EVENT_PORTS 1024
#define PVN_EVENT_WORDS 16 /* of 64 bits */
#define PVN_EVENT_VCPUS 48
#define PVN_EVENT_VECTOR_MIN 32
#define PVN_EVENT_VECTOR_MAX 255
#define PVN_EVENT_OPEN 0x10000	  /* event.status: the port is open; bits 15:0 are its vCPU */
#define PVN_EVENT_PENDING 0x20000 /* event.status */
#define PVN_EVENT_MASKED 0x40000  /* event.status */

/* console */
#define PVN_CONSOLE_CALL_MAX 4096 /* bytes a call */

/* memory */
#define PVN_MEMORY_RAM 1		/* struct pvn_memory_range.type */
#define PVN_MEMORY_RESERVED 2		/* device registers live here */
#define PVN_MEMORY_MAP_MAX 128		/* ranges that memory.map takes room for */
#define PVN_MEMORY_CALL_MAX PVN_U64(0x40000000) /* bytes that one release or populate may cover */

/* debug */
#define PVN_DEBUG_TEXT_MAX 1024	/* bytes of a message */

#ifndef __ASSEMBLER__

/* core.multicall. 8-byte aligned. The host copies an entry once, then writes its result. */
struct pvn_multicall_entry {
	pvn_u32 nr;		/* writer: guest */
	pvn_u32 reserved;	/* writer: guest, zero */
	pvn_u64 args[PVN_HYPERCALL_ARGS]; /* writer: guest */
	pvn_s64 result;		/* writer: host */
};
PVN_ASSERT_SIZE(struct pvn_multicall_entry, PVN_MULTICALL_ENTRY_BYTES);
PVN_ASSERT_OFFSET(struct pvn_multicall_entry, nr, 0);
PVN_ASSERT_OFFSET(struct pvn_multicall_entry, reserved, 4);
PVN_ASSERT_OFFSET(struct pvn_multicall_entry, args, 8);
PVN_ASSERT_OFFSET(struct pvn_multicall_entry, result, 56);

/* core.describe. writer: host. */
struct pvn_call_info {
	pvn_u32 nr;
	pvn_u32 flags;		/* PVN_CALL_* */
	pvn_u32 since;		/* version in which the call came: major << 16 | minor */
	pvn_u16 nr_args;	/* 0 … PVN_HYPERCALL_ARGS */
	pvn_u16 feature_bit;	/* of feature word 0 that must be accepted; 0xffff for none */
	pvn_u32 wide_args;	/* bit i: argument i has 64 bits; else its upper half must be zero */
	pvn_u32 reserved;	/* zero */
	char name[PVN_CALL_INFO_NAME]; /* "family.call", zero-padded */
};
PVN_ASSERT_SIZE(struct pvn_call_info, 56);
PVN_ASSERT_OFFSET(struct pvn_call_info, nr, 0);
PVN_ASSERT_OFFSET(struct pvn_call_info, flags, 4);
PVN_ASSERT_OFFSET(struct pvn_call_info, since, 8);
PVN_ASSERT_OFFSET(struct pvn_call_info, nr_args, 12);
PVN_ASSERT_OFFSET(struct pvn_call_info, feature_bit, 14);
PVN_ASSERT_OFFSET(struct pvn_call_info, wide_args, 16);
PVN_ASSERT_OFFSET(struct pvn_call_info, reserved, 20);
PVN_ASSERT_OFFSET(struct pvn_call_info, name, 24);

/* time.wall_clock. writer: host. The two moments are the same one. */
struct pvn_wall_clock {
	pvn_s64 seconds;	/* UTC since 1970-01-01 00:00 */
	pvn_u32 nanoseconds;	/* 0 … 999,999,999 */
	pvn_u32 reserved;	/* zero */
	pvn_u64 clock;		/* time.clock, ns */
};
PVN_ASSERT_SIZE(struct pvn_wall_clock, 24);
PVN_ASSERT_OFFSET(struct pvn_wall_clock, seconds, 0);
PVN_ASSERT_OFFSET(struct pvn_wall_clock, nanoseconds, 8);
PVN_ASSERT_OFFSET(struct pvn_wall_clock, reserved, 12);
PVN_ASSERT_OFFSET(struct pvn_wall_clock, clock, 16);

/* One vCPU's line of the event page. */
struct pvn_event_vcpu {
	pvn_u64 selector;	/* writer: host sets bit w for pending[w]; the guest exchanges it for zero */
	pvn_u32 upcall_pending;	/* writer: host sets 1 with an upcall on its way; the guest sets 0 when it starts */
	pvn_u32 pad0;		/* zero */
	pvn_u64 pad1[6];	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_event_vcpu, 64);
PVN_ASSERT_OFFSET(struct pvn_event_vcpu, selector, 0);
PVN_ASSERT_OFFSET(struct pvn_event_vcpu, upcall_pending, 8);
PVN_ASSERT_OFFSET(struct pvn_event_vcpu, pad0, 12);
PVN_ASSERT_OFFSET(struct pvn_event_vcpu, pad1, 16);

/*
 * The event page, 4096-byte aligned, one a machine. Port p is bit p % 64 of word p / 64. Both words change by atomic
 * read-modify-write only, since host and guest write them at the same time. docs/abi/events.md has the protocol.
 */
struct pvn_event_page {
	pvn_u64 pending[PVN_EVENT_WORDS]; /* writer: host sets a bit, guest clears it */
	pvn_u64 mask[PVN_EVENT_WORDS];	  /* writer: guest (event.mask and event.unmask do it for the guest) */
	pvn_u64 pad0[96];		  /* zero */
	struct pvn_event_vcpu vcpu[PVN_EVENT_VCPUS];
};
PVN_ASSERT_SIZE(struct pvn_event_page, PVN_PAGE_BYTES);
PVN_ASSERT_OFFSET(struct pvn_event_page, pending, 0);
PVN_ASSERT_OFFSET(struct pvn_event_page, mask, 128);
PVN_ASSERT_OFFSET(struct pvn_event_page, pad0, 256);
PVN_ASSERT_OFFSET(struct pvn_event_page, vcpu, 1024);

/* ring.info. writer: host. */
struct pvn_ring_device {
	pvn_u32 device;		/* number that the ring calls take */
	pvn_u32 type;		/* PVN_PCI_DEVICE_* */
	pvn_u32 version;	/* PVN_REG_VERSION */
	pvn_u32 max_queues;	/* PVN_REG_MAX_QUEUES */
	pvn_u64 features;	/* PVN_REG_FEATURES */
	pvn_u32 max_order;	/* PVN_REG_MAX_ORDER */
	pvn_u32 status;		/* PVN_REG_STATUS */
	pvn_u32 error;		/* PVN_REG_ERROR */
	pvn_u32 pci;		/* bus << 16 | device << 11 | function << 8 in hvm mode; PVN_RING_NO_PCI in pv mode */
	pvn_u64 reserved[3];	/* zero */
};
#define PVN_RING_NO_PCI PVN_U32(0xffffffff)
PVN_ASSERT_SIZE(struct pvn_ring_device, 64);
PVN_ASSERT_OFFSET(struct pvn_ring_device, device, 0);
PVN_ASSERT_OFFSET(struct pvn_ring_device, type, 4);
PVN_ASSERT_OFFSET(struct pvn_ring_device, version, 8);
PVN_ASSERT_OFFSET(struct pvn_ring_device, max_queues, 12);
PVN_ASSERT_OFFSET(struct pvn_ring_device, features, 16);
PVN_ASSERT_OFFSET(struct pvn_ring_device, max_order, 24);
PVN_ASSERT_OFFSET(struct pvn_ring_device, status, 28);
PVN_ASSERT_OFFSET(struct pvn_ring_device, error, 32);
PVN_ASSERT_OFFSET(struct pvn_ring_device, pci, 36);
PVN_ASSERT_OFFSET(struct pvn_ring_device, reserved, 40);

/* memory.map writes an array of them, by rising address. writer: host. */
struct pvn_memory_range {
	pvn_u64 start;		/* guest-physical, bytes */
	pvn_u64 bytes;
	pvn_u32 type;		/* PVN_MEMORY_RAM or PVN_MEMORY_RESERVED */
	pvn_u32 reserved;	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_memory_range, 24);
PVN_ASSERT_OFFSET(struct pvn_memory_range, start, 0);
PVN_ASSERT_OFFSET(struct pvn_memory_range, bytes, 8);
PVN_ASSERT_OFFSET(struct pvn_memory_range, type, 16);
PVN_ASSERT_OFFSET(struct pvn_memory_range, reserved, 20);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_HYPERCALL_H */
