/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's end and a host's end that sleep whenever the ring lets them, for two threads or two processes. A lost
 * wake-up shows as a sleep that times out; a lost, doubled or torn entry by its id and contents.
 */
#ifndef RING_PEERS_H
#define RING_PEERS_H

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ring_check.h"

#define PEERS_SLEEP_MS 10000 /* longer than any descheduling; a lost wake-up is for ever */

struct peers {
	void *ring;
	pvn_u32 sq_order, cq_order, start;
	uint32_t entries; /* to pass through */
	int doorbell, interrupt; /* eventfds */
	bool split; /* submit and complete on threads of their own */
	/* Written by one side each, read after the end. */
	uint32_t doorbells, interrupts;
	const char *guest_error, *host_error;
	struct pvn_ring_guest *guest;
	struct pvn_ids ids;
	int room; /* eventfd: the completing thread has released */
};

static inline void peers_kick(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

/* False: nobody woke us. */
static inline bool peers_sleep(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, PEERS_SLEEP_MS) != 1)
		return false;
	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* Submit what there is room for, in batches of every size. Returns how many. */
static inline uint32_t peers_submit(struct peers *p, uint32_t next, uint64_t *seed)
{
	uint32_t batch = ring_random(seed) % 7 + 1, n = 0;

	while (n < batch && next + n < p->entries && pvn_ring_guest_space(p->guest)) {
		uint32_t *slot;
		int id = pvn_ids_get(&p->ids);

		if (id < 0)
			break;
		slot = pvn_ring_guest_next(p->guest);
		ring_fill(slot, next + n);
		slot[0] = (uint32_t)id;
		n++;
	}
	if (pvn_ring_guest_publish(p->guest)) {
		p->doorbells++;
		peers_kick(p->doorbell);
	}
	return n;
}

/* Take the completions there are. Returns how many, or -1 with guest_error set. */
static inline int peers_complete(struct peers *p)
{
	struct pvn_cqe cqe;
	int n = 0, rc;

	while ((rc = pvn_ring_guest_pop(p->guest, &cqe)) == 1) {
		if (!pvn_ids_claim(&p->ids, cqe.id)) {
			p->guest_error = "a completion came twice, or of nothing";
			return -1;
		}
		if (cqe.aux != cqe.id * 3 + 1) {
			p->guest_error = "a completion is torn";
			return -1;
		}
		n++;
	}
	if (rc < 0) {
		p->guest_error = "an honest host was taken for a liar";
		return -1;
	}
	pvn_ring_guest_release(p->guest);
	return n;
}

/* One thread does both halves, as a console driver would. */
static inline void peers_guest_main(struct peers *p)
{
	uint32_t submitted = 0, completed = 0;
	uint64_t seed = 4711;

	while (completed < p->entries) {
		uint32_t n = peers_submit(p, submitted, &seed);
		int done = peers_complete(p);

		if (done < 0)
			return;
		submitted += n;
		completed += (uint32_t)done;
		if (n || done || completed == p->entries)
			continue;
		/* Nothing to do: sleep until a completion. */
		if (pvn_ring_guest_arm(p->guest))
			continue;
		if (!peers_sleep(p->interrupt)) {
			p->guest_error = "the guest's wake-up was lost";
			return;
		}
		pvn_ring_guest_disarm(p->guest);
	}
}

/* The submitting half alone: sleeps when there is no room, until the completing half has made some. */
static inline void *peers_submit_main(void *opaque)
{
	struct peers *p = opaque;
	uint32_t submitted = 0;
	uint64_t seed = 4711;

	while (submitted < p->entries) {
		uint32_t n = peers_submit(p, submitted, &seed);

		submitted += n;
		if (!n && !peers_sleep(p->room)) {
			p->guest_error = "no room was ever made";
			return NULL;
		}
	}
	return NULL;
}

/* The completing half alone, as an interrupt handler is. */
static inline void *peers_complete_main(void *opaque)
{
	struct peers *p = opaque;
	uint32_t completed = 0;

	while (completed < p->entries) {
		int done = peers_complete(p);

		if (done < 0)
			return NULL;
		completed += (uint32_t)done;
		if (done) {
			peers_kick(p->room);
			continue;
		}
		if (pvn_ring_guest_arm(p->guest))
			continue;
		if (!peers_sleep(p->interrupt)) {
			p->guest_error = "the guest's wake-up was lost";
			return NULL;
		}
	}
	return NULL;
}

/* Accepts, holds some back so that completions come out of order, completes, sleeps. */
static inline void *peers_host_main(void *opaque)
{
	struct peers *p = opaque;
	uint32_t entry[PVN_RING_SQE_BYTES / 4], held[16], nr_held = 0, taken = 0, done = 0;
	struct pvn_ring_host host;
	uint64_t seed = 815;

	if (pvn_ring_host_init(&host, p->ring, p->sq_order, p->cq_order)) {
		p->host_error = "a new ring was refused";
		return NULL;
	}
	while (done < p->entries) {
		int rc = 0, pushed = 0;

		while (nr_held < 16 && (rc = pvn_ring_host_pop(&host, entry)) == 1) {
			held[nr_held++] = entry[0];
			entry[0] = taken * 2654435761u;
			if (!ring_filled_with(entry, taken++)) {
				p->host_error = "an entry is torn, lost or doubled";
				return NULL;
			}
		}
		if (rc < 0) {
			p->host_error = "an honest guest was taken for a liar";
			return NULL;
		}
		while (nr_held && (ring_random(&seed) % 4 || nr_held == 16 || !pushed)) {
			uint32_t i = ring_random(&seed) % nr_held;
			struct pvn_cqe cqe = { .id = held[i], .aux = held[i] * 3 + 1 };

			held[i] = held[--nr_held];
			pvn_ring_host_push(&host, &cqe);
			pushed++;
			done++;
		}
		if (pvn_ring_host_publish(&host)) {
			p->interrupts++;
			peers_kick(p->interrupt);
		}
		if (pushed || nr_held || done == p->entries)
			continue;
		if (pvn_ring_host_arm(&host))
			continue;
		if (!peers_sleep(p->doorbell)) {
			p->host_error = "the host's wake-up was lost";
			return NULL;
		}
		pvn_ring_host_disarm(&host);
	}
	return NULL;
}

#endif
