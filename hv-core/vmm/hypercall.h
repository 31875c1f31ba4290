/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls from the guest. The vCPU's thread takes the registers out of an exit and hands them over; nothing here calls
 * KVM, so all of it runs in a unit test with a fake machine.
 */
#ifndef VMM_HYPERCALL_H
#define VMM_HYPERCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paravane/cpuid.h>
#include <paravane/error.h>
#include <paravane/features.h>
#include <paravane/hypercall.h>

#include "machine.h"

struct hypercalls;

/*
 * One call, as the exit's registers have it. The page's code moves argument 2 from rdx to rcx, because OUT needs rdx
 * for the port.
 */
struct hypercall_frame {
	uint64_t nr;			    /* rax */
	uint64_t args[PVN_HYPERCALL_ARGS];  /* rdi, rsi, rcx (argument 2), r10, r8, r9 */
	unsigned int vcpu;
	unsigned int cpl;		    /* hypercall_cpl_known() says when it need not be looked up */
	bool in_multicall;		    /* the dispatcher's own; false from a vCPU */
};

/*
 * Privilege level without asking KVM for the segment registers. No system that keeps user programs out of the upper
 * half of the address space runs one there, so a call from there is the kernel's; docs/abi/transport.md says what a
 * guest that maps user code there must do. Reading the segments at each exit (KVM_SYNC_X86_SREGS) would make every
 * exit pay for what only calls need, and an ioctl for each call would cost it another system call.
 */
static inline bool hypercall_cpl_known(uint64_t rip)
{
	return rip >> 63;
}

/* What calls need of the VMM beyond machine.h. A family whose operations are absent is not offered. */
struct hypercall_ops {
	/* Take up to len bytes for the console: bytes taken, or -errno. Any thread. Never waits. */
	long (*console_write)(void *opaque, const void *data, size_t len);
	/* Bytes typed, up to len: 0 when there are none, or -errno. Never waits. */
	long (*console_read)(void *opaque, void *data, size_t len);
	/* One line of text, printable, without its newline. */
	void (*log)(void *opaque, const char *text);
	/* A mark in the statistics. 0, or -ENOMEM when there is no room for more. */
	int (*mark)(void *opaque, unsigned int vcpu, uint32_t id, uint64_t value);
	/* The guest stops the machine with a message: print registers if wanted. machine_stop() follows. Optional. */
	void (*crash)(void *opaque, unsigned int vcpu, const char *text);
};

/*
 * The state of a machine's calls; sets m->hypercall. Vector upcalls assume that a vCPU's number is its APIC id.
 * NULL when there is no memory for it, or the loop has no room for timers.
 */
struct hypercalls *hypercalls_create(struct machine *m, const struct hypercall_ops *ops, void *opaque);
void hypercalls_destroy(struct hypercalls *h);
/* As at power-on: the guest was reset. vCPUs must not run. */
void hypercalls_reset(struct hypercalls *h);

/* Feature word that CPUID and core.features show. */
uint32_t hypercalls_offered(const struct hypercalls *h, unsigned int word);

/*
 * Serve one call on the vCPU's own thread. What it returns goes into rax: 0 or more, or -PVN_E*. The machine may have
 * been told to stop.
 */
int64_t hypercall_handle(struct machine *m, const struct hypercall_frame *frame);

/* Make a port pending; one that is not open hears nothing. Any thread; machine_ops.event_raise. */
void hypercall_event_raise(struct machine *m, uint32_t port);

/*
 * How often the guest made a call, those that failed included: that of the first number which is *nr or above, its name,
 * and *nr is set to it. False past the last. Any thread.
 */
bool hypercalls_count(const struct hypercalls *h, uint32_t *nr, const char **name, uint64_t *count);
struct hypercall_events {
	uint64_t raised;  /* times that a port became pending */
	uint64_t upcalls; /* interrupts for them */
};
struct hypercall_events hypercalls_events(const struct hypercalls *h);

/* PVN_PORT_PAGE written with a page frame number. From level 0 only: it makes the host write guest memory. */
void hypercall_page_set(struct machine *m, uint32_t frame, unsigned int cpl);
/* PVN_PORT_PAGE read: the frame of the page in use, PVN_PORT_PAGE_NONE without one. */
uint32_t hypercall_page_get(struct machine *m);

#endif
