/* SPDX-License-Identifier: GPL-2.0-only */
/* A device's own thread, and how other threads make it start, stop and end. */
#ifndef VMM_PV_WORKER_H
#define VMM_PV_WORKER_H

#include <pthread.h>
#include <stdbool.h>

enum pv_request { PV_REQUEST_NONE, PV_REQUEST_INIT, PV_REQUEST_START, PV_REQUEST_STOP, PV_REQUEST_EXIT };

struct pv_worker {
	pthread_t thread;
	int wake; /* eventfd, signalled with each request: the thread waits on it among other things; never read */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	enum pv_request request; /* atomic; reset by the thread's answer */
	int result;
};

/*
 * Starts the thread with PV_REQUEST_INIT asked for, and waits for the answer: 0, or the thread's -errno, in which
 * case the thread has ended.
 */
int pv_worker_create(struct pv_worker *w, const char *name, void *(*fn)(void *opaque), void *opaque);
/* Asks and waits; returns the thread's answer. One caller at a time. Not from the thread itself. */
int pv_worker_ask(struct pv_worker *w, enum pv_request request);
/* Ends the thread and waits for that. */
void pv_worker_destroy(struct pv_worker *w);

/*
 * May a device's thread look on for work instead of sleeping? Only where it takes no CPU from a vCPU: when this
 * process may use more CPUs than the guest has. Otherwise the guest could not even submit while we look.
 */
bool pv_worker_may_spin(unsigned int nr_vcpus);

/* On the thread: what is asked, and the answer. */
static inline enum pv_request pv_worker_request(struct pv_worker *w)
{
	return __atomic_load_n(&w->request, __ATOMIC_ACQUIRE);
}
void pv_worker_answer(struct pv_worker *w, int result);

#endif
