/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the call families share. For hypercall*.c only. */
#ifndef VMM_HYPERCALL_IMPL_H
#define VMM_HYPERCALL_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "hypercall.h"

struct hypercall_entry {
	int64_t (*call)(struct hypercalls *h, const struct hypercall_frame *f); /* NULL: not in hvm mode */
	const char *name;
	uint32_t since;
	uint8_t nr_args;
	uint8_t narrow; /* bit i: argument i has 32 bits, its upper half must be zero */
	bool known;
	bool no_multicall;
	bool in_monitor; /* in pv mode the monitor serves it */
};

struct hypercall_family {
	const struct hypercall_entry *entry;
	unsigned int count;
	uint32_t feature; /* bit of feature word 0; zero: always there */
};

/* A vCPU's one-shot timer. */
struct hypercall_timer {
	struct loop_timer timer;
	struct hypercalls *h;
	uint32_t port;	   /* made pending when it fires; 0: not running */
	uint64_t deadline; /* CLOCK_MONOTONIC ns */
};

struct hypercall_port {
	bool open;
	uint16_t vcpu;
};

/* Room for the numbers that there are. */
#define HYPERCALL_FAMILIES_MAX 16
#define HYPERCALL_INDEX_MAX 32

struct hypercalls {
	struct machine *m;
	const struct hypercall_ops *ops;
	void *opaque;
	uint64_t clock_start; /* CLOCK_MONOTONIC ns at the machine's start */
	uint32_t offered[PVN_FEATURE_WORDS];

	_Atomic uint32_t usable; /* bits of word 0 whose families answer */
	_Atomic bool accepted;	 /* core.accept_features has succeeded */
	_Atomic bool stopping;	 /* a call has stopped the machine: a multicall ends here */
	_Atomic uint32_t page;	 /* frame of the hypercall page, or PVN_PORT_PAGE_NONE */

	_Atomic uint64_t count[HYPERCALL_FAMILIES_MAX * HYPERCALL_INDEX_MAX]; /* calls, by number */
	_Atomic uint64_t events, upcalls; /* ports that became pending; interrupts for them */

	pthread_mutex_t lock; /* of all below */
	struct pvn_event_page *event_page; /* shared with the guest: atomic accesses only */
	struct hypercall_port port[PVN_EVENT_PORTS];
	uint8_t vector[PVN_EVENT_VCPUS]; /* 0: no upcalls */
	struct hypercall_timer *timer;	 /* one a vCPU */
	unsigned int nr_timers;
	uint64_t log_second; /* rate limit of debug.log: the second that log_bytes counts */
	uint32_t log_bytes;
	uint32_t log_dropped;
};

/* -errno of the host's as the interface's own number, negated. */
int64_t hypercall_error(int error);

/* A structure for the guest, whose address must be a multiple of align: 0, -PVN_EINVAL or -PVN_EFAULT. */
int64_t hypercall_put(struct hypercalls *h, gpa_t gpa, const void *data, size_t len, unsigned int align);

/* hypercall_core.c */
void hypercall_features_init(struct hypercalls *h);
void hypercall_features_reset(struct hypercalls *h);
/* The first call whose number is nr or above; *feature: its family's. NULL past the last. */
const struct hypercall_entry *hypercall_next(uint32_t *nr, uint32_t *feature);

/* hypercall_event.c. With the lock held. */
struct hypercall_port *hypercall_port_get(struct hypercalls *h, uint32_t port);
void hypercall_port_raise(struct hypercalls *h, uint32_t port);
void hypercall_events_reset(struct hypercalls *h);

/* hypercall_time.c */
int hypercall_timers_init(struct hypercalls *h);
/* Not with the lock held: waits for a callback that takes it. */
void hypercall_timers_destroy(struct hypercalls *h);
/* With the lock held. All of them; those that would fire on one port. */
void hypercall_timers_reset(struct hypercalls *h);
void hypercall_timers_forget(struct hypercalls *h, uint32_t port);

#define HYPERCALL_TABLE_PROTOTYPES
#include "hypercall_table.inc"
#undef HYPERCALL_TABLE_PROTOTYPES

#endif
