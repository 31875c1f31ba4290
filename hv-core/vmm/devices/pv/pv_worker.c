// SPDX-License-Identifier: GPL-2.0-only
/* A device's own thread. */
#include "pv_worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int worker_wait(struct pv_worker *w)
{
	int result;

	pthread_mutex_lock(&w->lock);
	while (w->request != PV_REQUEST_NONE)
		pthread_cond_wait(&w->answered, &w->lock);
	result = w->result;
	pthread_mutex_unlock(&w->lock);
	return result;
}

int pv_worker_ask(struct pv_worker *w, enum pv_request request)
{
	uint64_t one = 1;

	__atomic_store_n(&w->request, request, __ATOMIC_RELEASE);
	if (write(w->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return -errno;
	return worker_wait(w);
}

void pv_worker_answer(struct pv_worker *w, int result)
{
	pthread_mutex_lock(&w->lock);
	w->result = result;
	__atomic_store_n(&w->request, PV_REQUEST_NONE, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&w->answered);
	pthread_mutex_unlock(&w->lock);
}

int pv_worker_create(struct pv_worker *w, const char *name, void *(*fn)(void *opaque), void *opaque)
{
	sigset_t all, before;
	int rc;

	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake < 0)
		return -errno;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->answered, NULL);
	w->request = PV_REQUEST_INIT;
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&w->thread, NULL, fn, opaque);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		goto close_wake;
	pthread_setname_np(w->thread, name);
	rc = worker_wait(w);
	if (!rc)
		return 0;
	pthread_join(w->thread, NULL);
close_wake:
	pthread_cond_destroy(&w->answered);
	pthread_mutex_destroy(&w->lock);
	close(w->wake);
	return rc;
}

void pv_worker_destroy(struct pv_worker *w)
{
	pv_worker_ask(w, PV_REQUEST_EXIT);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->answered);
	pthread_mutex_destroy(&w->lock);
	close(w->wake);
}

bool pv_worker_may_spin(unsigned int nr_vcpus)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && (unsigned int)CPU_COUNT(&set) > nr_vcpus;
}
