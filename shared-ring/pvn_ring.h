/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Both ends of a shared ring: the guest's drivers and the host's devices include this one
 * header, in the kernel and in user space. The layout is <paravane/ring.h>; the protocol, as
 * numbered steps, is in README.md here.
 *
 * The peer is hostile. So: cursors are private and only published; a peer's index is read once
 * and its distance checked; an entry is copied once, by loads that the compiler may neither
 * repeat nor merge with later ones. A broken peer index makes the ring dead: nothing moves on
 * it until it is initialised again.
 *
 * Threads: one end may submit (next, publish) and complete (pop, release, arm) from two threads
 * at once, as blk-mq and its interrupt do; each of the two halves is for one thread at a time.
 * The host's end is for one thread at a time.
 */
#ifndef PVN_RING_H
#define PVN_RING_H

#include <paravane/error.h>
#include <paravane/ring.h>

/* The platform: five ways to touch shared memory, one full barrier, one check of our own
 * callers. */
#ifdef __KERNEL__
#include <asm/barrier.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/string.h>
/* virt_*, not smp_*: a guest kernel built without SMP still has a peer on another CPU. */
#define pvn_ring_load_acquire(p) virt_load_acquire(p)
#define pvn_ring_store_release(p, v) virt_store_release(p, v)
#define pvn_ring_load(p) READ_ONCE(*(p))
#define pvn_ring_store(p, v) WRITE_ONCE(*(p), v)
#define pvn_ring_mb() virt_mb()
#define PVN_RING_BUG(cond) WARN_ON_ONCE(cond)
#else
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define pvn_ring_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define pvn_ring_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define pvn_ring_load(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define pvn_ring_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#ifdef __SANITIZE_THREAD__
/* ThreadSanitizer does not know fences; a locked instruction is one, and it does know those. */
static inline void pvn_ring_mb(void)
{
	static pvn_u32 word;

	__atomic_fetch_add(&word, 0, __ATOMIC_SEQ_CST);
}
#else
#define pvn_ring_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#define PVN_RING_BUG(cond)                                                                  \
	((cond) ? (fprintf(stderr, "%s:%d: ring misused: %s\n", __FILE__, __LINE__, #cond), \
		   abort(), 1)                                                              \
		: 0)
#endif

/* Bytes of a queue's memory. */
static inline pvn_u32 pvn_ring_bytes(pvn_u32 sq_order, pvn_u32 cq_order)
{
	return PVN_RING_HEADER_BYTES + ((pvn_u32)PVN_RING_SQE_BYTES << sq_order) +
	       ((pvn_u32)PVN_RING_CQE_BYTES << cq_order);
}

/*
 * Did the tail, on its way from old to now, move past the event index? All three run freely in
 * 32 bits; an event index that a hostile peer made up costs the peer a notification, or us one
 * too many, and nothing else.
 */
static inline bool pvn_ring_passed(pvn_u32 event, pvn_u32 now, pvn_u32 old)
{
	return (pvn_u32)(now - event - 1) < (pvn_u32)(now - old);
}

/* The one copy of an entry. Each word is loaded exactly once: a plain memcpy might be folded
 * into later reads. */
static inline void pvn_ring_copy_in(void *to, const void *from, pvn_u32 bytes)
{
	const pvn_u64 *src = (const pvn_u64 *)from;
	pvn_u32 i;

	for (i = 0; i < bytes / 8; i++) {
		pvn_u64 word = pvn_ring_load(&src[i]);

		memcpy((char *)to + 8 * i, &word, 8);
	}
}

/* ---- guest end ---- */

struct pvn_ring_guest {
	/* Set once, then read by both halves. */
	struct pvn_ring_header *hdr;
	char *sqes;
	char *cqes;
	pvn_u32 sq_size;
	pvn_u32 cq_size;
	pvn_u32 error; /* 0, or PVN_ERANGE: the host published an index that cannot be. The ring
			  is dead. */
	pvn_u32 pad0[7]; /* the halves on lines of their own */
	/* Submitting half. */
	pvn_u32 filled;	   /* slots handed out by next() */
	pvn_u32 published; /* what sq_tail says; the completing half reads it too */
	pvn_u32 sq_head;   /* the host's, as last seen and checked */
	pvn_u32 pad1[13];
	/* Completing half. */
	pvn_u32 popped;	  /* completions copied out */
	pvn_u32 released; /* what cq_head says; the submitting half reads it too */
	pvn_u32 cq_tail;  /* the host's, as last seen and checked */
	pvn_u32 pad2[13];
};

/* As pvn_ring_guest_init(), with both rings starting at an index of choice: a wrap can be had
 * in minutes. */
static inline void pvn_ring_guest_init_at(struct pvn_ring_guest *r, void *mem, pvn_u32 sq_order,
					  pvn_u32 cq_order, pvn_u32 start)
{
	memset(r, 0, sizeof(*r));
	memset(mem, 0, PVN_RING_HEADER_BYTES);
	r->hdr = (struct pvn_ring_header *)mem;
	r->sqes = (char *)mem + PVN_RING_HEADER_BYTES;
	r->cqes = r->sqes + ((pvn_u32)PVN_RING_SQE_BYTES << sq_order);
	r->sq_size = 1u << sq_order;
	r->cq_size = 1u << cq_order;
	r->filled = start;
	r->published = start;
	r->sq_head = start;
	r->popped = start;
	r->released = start;
	r->cq_tail = start;
	r->hdr->sq_tail = start;
	r->hdr->sq_head = start;
	r->hdr->cq_tail = start;
	r->hdr->cq_head = start;
	r->hdr->sq_event = start;     /* the host counts as asleep until it says otherwise */
	r->hdr->cq_event = start - 1; /* no interrupt until armed */
}

/* Before ATTACH: zeroes the header. No interrupt is asked for. */
static inline void pvn_ring_guest_init(struct pvn_ring_guest *r, void *mem, pvn_u32 sq_order,
				       pvn_u32 cq_order)
{
	pvn_ring_guest_init_at(r, mem, sq_order, cq_order, 0);
}

static inline bool pvn_ring_guest_dead(const struct pvn_ring_guest *r)
{
	return pvn_ring_load(&r->error) != 0;
}

/* Takes over how far the host has copied. False: its index cannot be, the ring is dead. */
static inline bool pvn_ring_guest_refresh(struct pvn_ring_guest *r)
{
	/* The host's copy of an entry before our overwriting its slot, else it copies half of the
	 * next one. Pairs with pvn_ring_host_release(). */
	pvn_u32 head = pvn_ring_load_acquire(&r->hdr->sq_head);

	/* Between what we saw last and what we published; else it went back, or ran ahead of us. */
	if ((pvn_u32)(head - r->sq_head) > (pvn_u32)(r->published - r->sq_head)) {
		pvn_ring_store(&r->error, PVN_ERANGE);
		return false;
	}
	r->sq_head = head;
	return true;
}

/* Room that the completion ring leaves: what is in flight must fit into it. */
static inline pvn_u32 pvn_ring_guest_cq_room(const struct pvn_ring_guest *r)
{
	/*
	 * The completing half's release of cq_head before our use of the room it made, else the
	 * host might see sq_tail without that cq_head and take us for a guest that overruns its
	 * completion ring. Pairs with pvn_ring_guest_release(); from here to the host the
	 * store-release in publish carries it on.
	 */
	return r->cq_size - (pvn_u32)(r->filled - pvn_ring_load_acquire(&r->released));
}

/* Submissions that may be filled now. */
static inline pvn_u32 pvn_ring_guest_space(struct pvn_ring_guest *r)
{
	pvn_u32 by_sq, by_cq;

	if (pvn_ring_guest_dead(r) || !pvn_ring_guest_refresh(r))
		return 0;
	by_sq = r->sq_size - (pvn_u32)(r->filled - r->sq_head);
	by_cq = pvn_ring_guest_cq_room(r);
	return by_sq < by_cq ? by_sq : by_cq;
}

/* A slot of 64 bytes to fill, all of it (it holds an old entry), or NULL when there is no room. */
static inline void *pvn_ring_guest_next(struct pvn_ring_guest *r)
{
	void *slot;

	if (pvn_ring_guest_dead(r) || !pvn_ring_guest_cq_room(r))
		return NULL;
	/* The host's line is touched only when the remembered index leaves no room. */
	if ((pvn_u32)(r->filled - r->sq_head) == r->sq_size &&
	    (!pvn_ring_guest_refresh(r) || (pvn_u32)(r->filled - r->sq_head) == r->sq_size))
		return NULL;
	slot = r->sqes + (pvn_u32)PVN_RING_SQE_BYTES * (r->filled & (r->sq_size - 1));
	r->filled++;
	return slot;
}

/* Slots filled and not yet visible. */
static inline pvn_u32 pvn_ring_guest_pending(const struct pvn_ring_guest *r)
{
	return r->filled - r->published;
}

/* Makes all filled slots visible. True: ring the doorbell. */
static inline bool pvn_ring_guest_publish(struct pvn_ring_guest *r)
{
	pvn_u32 old = r->published;

	if (r->filled == old || pvn_ring_guest_dead(r))
		return false;
	pvn_ring_store(&r->published, r->filled);
	/* The entries (and `published`) before sq_tail, else the host copies slots half filled.
	 * Pairs with pvn_ring_host_pop(). */
	pvn_ring_store_release(&r->hdr->sq_tail, r->filled);
	/* sq_tail before reading sq_event, else we may read the event of before the host armed
	 * while it reads sq_tail of before we published, and it sleeps on a full ring. Pairs
	 * with pvn_ring_host_arm(). */
	pvn_ring_mb();
	return pvn_ring_passed(pvn_ring_load(&r->hdr->sq_event), r->filled, old);
}

/* Copies one completion out. 1: done, 0: none there, -1: the ring is dead. */
static inline int pvn_ring_guest_pop(struct pvn_ring_guest *r, struct pvn_cqe *out)
{
	if (pvn_ring_guest_dead(r))
		return -1;
	if (r->popped == r->cq_tail) {
		/* cq_tail before the entries, else we copy what a slot held before. Pairs with
		 * pvn_ring_host_publish(). */
		pvn_u32 tail = pvn_ring_load_acquire(&r->hdr->cq_tail);

		if (tail == r->popped)
			return 0;
		/*
		 * Never more than are in flight, so never more than the ring holds. An honest
		 * completion answers an entry whose sq_tail the host acquired after `published`
		 * was stored: we see that store.
		 */
		if ((pvn_u32)(tail - r->popped) >
		    (pvn_u32)(pvn_ring_load(&r->published) - r->popped)) {
			pvn_ring_store(&r->error, PVN_ERANGE);
			return -1;
		}
		r->cq_tail = tail;
	}
	pvn_ring_copy_in(out,
			 r->cqes + (pvn_u32)PVN_RING_CQE_BYTES * (r->popped & (r->cq_size - 1)),
			 PVN_RING_CQE_BYTES);
	r->popped++;
	return 1;
}

/* Is there a completion to take? From either half; for decisions of speed alone. */
static inline bool pvn_ring_guest_ready(const struct pvn_ring_guest *r)
{
	return pvn_ring_load(&r->hdr->cq_tail) != pvn_ring_load(&r->released);
}

/* Gives the slots of all popped completions back to the host, and with them room to submit. */
static inline void pvn_ring_guest_release(struct pvn_ring_guest *r)
{
	if (r->released == r->popped)
		return;
	/* Our copies before cq_head, else the host overwrites a slot that we are copying. Pairs
	 * with pvn_ring_host_room(). */
	pvn_ring_store_release(&r->hdr->cq_head, r->popped);
	/* cq_head before the room is seen by our submitting half. Pairs with
	 * pvn_ring_guest_cq_room(). */
	pvn_ring_store_release(&r->released, r->popped);
}

/* Asks for an interrupt at the next completion. True: some are there already, poll again before
 * sleeping. */
static inline bool pvn_ring_guest_arm(struct pvn_ring_guest *r)
{
	pvn_ring_guest_release(r);
	pvn_ring_store(&r->hdr->cq_event, r->popped);
	/* cq_event before reading cq_tail, else a completion published in between raises no
	 * interrupt and is not seen here either. Pairs with pvn_ring_host_publish(). */
	pvn_ring_mb();
	/* Relaxed: nothing is copied on the strength of this read; pop() reads the index again,
	 * with acquire. */
	return pvn_ring_load(&r->hdr->cq_tail) != r->popped;
}

/*
 * As pvn_ring_guest_arm(), but for the completion after `after` others (fewer than are in flight): one
 * interrupt for many. True: more than `after` are there already.
 */
static inline bool pvn_ring_guest_arm_after(struct pvn_ring_guest *r, pvn_u32 after)
{
	pvn_ring_guest_release(r);
	pvn_ring_store(&r->hdr->cq_event, r->popped + after);
	/* As in pvn_ring_guest_arm(). */
	pvn_ring_mb();
	return (pvn_u32)(pvn_ring_load(&r->hdr->cq_tail) - r->popped) > after;
}

/* No interrupts while polling: an index already passed. One that comes all the same is
 * harmless, so no barrier. */
static inline void pvn_ring_guest_disarm(struct pvn_ring_guest *r)
{
	pvn_ring_store(&r->hdr->cq_event, r->popped - 1);
}

/* ---- host end ---- */

struct pvn_ring_host {
	struct pvn_ring_header *hdr;
	char *sqes;
	char *cqes;
	pvn_u32 sq_size;
	pvn_u32 cq_size;
	pvn_u32 error; /* 0; PVN_ERANGE: an index that cannot be; PVN_EOVERFLOW: no room left
			  for completions */
	pvn_u32
	    in_flight;	/* accepted and not yet pushed: each has its completion slot reserved */
	pvn_u32 popped; /* submissions copied out */
	pvn_u32 sq_head; /* what sq_head says */
	pvn_u32 sq_tail; /* the guest's, as last seen and checked */
	pvn_u32 pushed;	 /* completions written */
	pvn_u32 cq_tail; /* what cq_tail says */
	pvn_u32 notified; /* what it said when cq_event was last looked at */
	pvn_u32 cq_head; /* the guest's, as last seen and checked */
};

/*
 * Takes up a ring at the indices found in it: zero for a new one, others after a restore. 0, or
 * -1 when they cannot be (error says why); nothing of the ring may be used then.
 */
static inline int pvn_ring_host_init(struct pvn_ring_host *r, void *mem, pvn_u32 sq_order,
				     pvn_u32 cq_order)
{
	memset(r, 0, sizeof(*r));
	r->hdr = (struct pvn_ring_header *)mem;
	r->sqes = (char *)mem + PVN_RING_HEADER_BYTES;
	r->cqes = r->sqes + ((pvn_u32)PVN_RING_SQE_BYTES << sq_order);
	r->sq_size = 1u << sq_order;
	r->cq_size = 1u << cq_order;
	/* Read once here even though the host is their writer: they lie in guest memory. */
	r->popped = pvn_ring_load(&r->hdr->sq_head);
	r->sq_head = r->popped;
	r->sq_tail = r->popped;
	r->pushed = pvn_ring_load(&r->hdr->cq_tail);
	r->cq_tail = r->pushed;
	r->notified = r->pushed;
	r->cq_head = pvn_ring_load_acquire(&r->hdr->cq_head);
	if ((pvn_u32)(r->pushed - r->cq_head) > r->cq_size ||
	    (pvn_u32)(pvn_ring_load(&r->hdr->sq_tail) - r->popped) > r->sq_size) {
		r->error = PVN_ERANGE;
		return -1;
	}
	return 0;
}

/* May one more submission be accepted? The completion ring must hold what is in it and all in
 * flight. */
static inline bool pvn_ring_host_room(struct pvn_ring_host *r)
{
	if ((pvn_u32)(r->pushed - r->cq_head) + r->in_flight == r->cq_size) {
		/* The guest's copies before our overwriting their slots, else it copies half of
		 * the next. Pairs with pvn_ring_guest_release(). */
		pvn_u32 head = pvn_ring_load_acquire(&r->hdr->cq_head);

		/* Between what we saw last and what is published. */
		if ((pvn_u32)(head - r->cq_head) > (pvn_u32)(r->cq_tail - r->cq_head)) {
			r->error = PVN_ERANGE;
			return false;
		}
		r->cq_head = head;
		if ((pvn_u32)(r->pushed - head) + r->in_flight == r->cq_size) {
			/* The guest submits only into room that it has released: waiting would
			 * be for ever. */
			r->error = PVN_EOVERFLOW;
			return false;
		}
	}
	return true;
}

/* Copies one submission out and accepts it. 1: done, 0: none there, -1: the ring is dead (see
 * error). */
static inline int pvn_ring_host_pop(struct pvn_ring_host *r, void *sqe)
{
	if (r->error)
		return -1;
	if (r->popped == r->sq_tail) {
		/* sq_tail before the entries, else we copy what a slot held before. Pairs with
		 * pvn_ring_guest_publish(). */
		pvn_u32 tail = pvn_ring_load_acquire(&r->hdr->sq_tail);

		if (tail == r->popped)
			return 0;
		/* sq_head as published: slots popped since then are not the guest's to fill
		 * yet. */
		if ((pvn_u32)(tail - r->popped) >
		    r->sq_size - (pvn_u32)(r->popped - r->sq_head)) {
			r->error = PVN_ERANGE;
			return -1;
		}
		r->sq_tail = tail;
	}
	if (!pvn_ring_host_room(r))
		return -1;
	pvn_ring_copy_in(sqe,
			 r->sqes + (pvn_u32)PVN_RING_SQE_BYTES * (r->popped & (r->sq_size - 1)),
			 PVN_RING_SQE_BYTES);
	r->popped++;
	r->in_flight++;
	return 1;
}

/* Gives the slots of all popped submissions back to the guest. publish() and arm() do it as
 * well. */
static inline void pvn_ring_host_release(struct pvn_ring_host *r)
{
	if (r->sq_head == r->popped)
		return;
	/* Our copies before sq_head, else the guest overwrites a slot that we are copying.
	 * Pairs with pvn_ring_guest_refresh(). */
	pvn_ring_store_release(&r->hdr->sq_head, r->popped);
	r->sq_head = r->popped;
}

/* Writes one completion; there is room, for it was reserved when the submission was accepted.
 */
static inline void pvn_ring_host_push(struct pvn_ring_host *r, const struct pvn_cqe *cqe)
{
	pvn_u64 *slot =
	    (pvn_u64 *)(r->cqes + (pvn_u32)PVN_RING_CQE_BYTES * (r->pushed & (r->cq_size - 1)));
	pvn_u64 word[2];

	if (PVN_RING_BUG(!r->in_flight))
		return;
	memcpy(word, cqe, sizeof(word));
	pvn_ring_store(&slot[0], word[0]);
	pvn_ring_store(&slot[1], word[1]);
	r->pushed++;
	r->in_flight--;
}

/*
 * Makes the completions visible, without a look at whether the guest waits for them: a guest that looks by itself takes
 * them without an interrupt. pvn_ring_host_notify() must follow before the host sleeps.
 */
static inline void pvn_ring_host_show(struct pvn_ring_host *r)
{
	/* First, so that a guest that waits for slots finds them when the completion wakes it.
	 */
	pvn_ring_host_release(r);
	if (r->pushed == r->cq_tail)
		return;
	/* The entries before cq_tail, else the guest copies slots half written. Pairs with
	 * pvn_ring_guest_pop(). */
	pvn_ring_store_release(&r->hdr->cq_tail, r->pushed);
	r->cq_tail = r->pushed;
}

/* True: raise the interrupt, for what was shown since the last time. */
static inline bool pvn_ring_host_notify(struct pvn_ring_host *r)
{
	pvn_u32 old = r->notified;

	if (r->cq_tail == old)
		return false;
	r->notified = r->cq_tail;
	/* cq_tail before reading cq_event, else we may miss that the guest armed while it
	 * misses our tail, and it sleeps with completions waiting. Pairs with
	 * pvn_ring_guest_arm(). */
	pvn_ring_mb();
	return pvn_ring_passed(pvn_ring_load(&r->hdr->cq_event), r->cq_tail, old);
}

/* Makes the completions visible. True: raise the interrupt. */
static inline bool pvn_ring_host_publish(struct pvn_ring_host *r)
{
	pvn_ring_host_show(r);
	return pvn_ring_host_notify(r);
}

/*
 * How many completions that were shown the guest has not taken yet, as it says. Of those that it has taken it need not be
 * notified: a host that asks here between showing and notifying may leave the latter out when the answer is 0.
 */
static inline pvn_u32 pvn_ring_host_unseen(struct pvn_ring_host *r)
{
	pvn_u32 head = pvn_ring_load(&r->hdr->cq_head);

	/* Forward only. A guest that lies here misses its own interrupts. */
	if ((pvn_u32)(head - r->notified) <= (pvn_u32)(r->cq_tail - r->notified))
		r->notified = head;
	return (pvn_u32)(r->cq_tail - head) <= r->cq_size ? r->cq_tail - head : r->cq_size;
}

/* Asks for a doorbell at the next submission. True: some are there already, poll again before
 * sleeping. */
static inline bool pvn_ring_host_arm(struct pvn_ring_host *r)
{
	pvn_ring_host_release(r);
	pvn_ring_store(&r->hdr->sq_event, r->popped);
	/* sq_event before reading sq_tail, else an entry published in between rings no doorbell
	 * and is not seen here either. Pairs with pvn_ring_guest_publish(). */
	pvn_ring_mb();
	/* Relaxed, as in pvn_ring_guest_arm(). */
	return pvn_ring_load(&r->hdr->sq_tail) != r->popped;
}

/* No doorbells while polling: an index already passed. One that comes all the same is harmless,
 * so no barrier. */
static inline void pvn_ring_host_disarm(struct pvn_ring_host *r)
{
	pvn_ring_store(&r->hdr->sq_event, r->popped - 1);
}

#endif /* PVN_RING_H */
