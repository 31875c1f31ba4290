// SPDX-License-Identifier: GPL-2.0-only
/* Family time: clocks, and a one-shot timer a vCPU that makes an event port pending. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "hypercall_impl.h"

static void timer_fired(void *opaque)
{
	struct hypercall_timer *t = opaque;
	struct hypercalls *h = t->h;
	uint32_t port;

	pthread_mutex_lock(&h->lock);
	/* It may have been stopped or moved since the loop saw it expire; a moved one is armed again already. */
	if (t->port && loop_now_ns() >= t->deadline) {
		port = t->port;
		t->port = 0;
		if (hypercall_port_get(h, port))
			hypercall_port_raise(h, port);
	}
	pthread_mutex_unlock(&h->lock);
}

int hypercall_timers_init(struct hypercalls *h)
{
	int err;

	h->timer = calloc(h->m->nr_vcpus, sizeof(*h->timer));
	if (!h->timer)
		return -ENOMEM;
	for (h->nr_timers = 0; h->nr_timers < h->m->nr_vcpus; h->nr_timers++) {
		struct hypercall_timer *t = &h->timer[h->nr_timers];

		t->h = h;
		err = loop_timer_init(h->m->loop, &t->timer, timer_fired, t);
		if (err)
			goto destroy_timers;
	}
	return 0;

destroy_timers:
	hypercall_timers_destroy(h);
	return err;
}

void hypercall_timers_destroy(struct hypercalls *h)
{
	while (h->nr_timers)
		loop_timer_destroy(h->m->loop, &h->timer[--h->nr_timers].timer);
	free(h->timer);
	h->timer = NULL;
}

void hypercall_timers_reset(struct hypercalls *h)
{
	for (unsigned int i = 0; i < h->nr_timers; i++) {
		h->timer[i].port = 0;
		loop_timer_set(&h->timer[i].timer, 0);
	}
}

/* A port that is opened anew under the same number must not hear of its predecessor's timer. */
void hypercall_timers_forget(struct hypercalls *h, uint32_t port)
{
	for (unsigned int i = 0; i < h->nr_timers; i++) {
		if (h->timer[i].port != port)
			continue;
		h->timer[i].port = 0;
		loop_timer_set(&h->timer[i].timer, 0);
	}
}

/*
 * The host's monotonic time at which the guest's clock was 0. In pv mode it moves a little, since that clock is KVM's
 * and runs by the CPU's counter alone.
 */
static uint64_t clock_start(struct hypercalls *h)
{
	const struct machine_ops *ops = h->m->ops;

	return h->m->pv_mode && ops->guest_clock ? loop_now_ns() - ops->guest_clock(h->m) : h->clock_start;
}

int64_t hypercall_time_clock(struct hypercalls *h, const struct hypercall_frame *f)
{
	return (int64_t)(loop_now_ns() - clock_start(h));
}

int64_t hypercall_time_wall_clock(struct hypercalls *h, const struct hypercall_frame *f, gpa_t buffer)
{
	struct pvn_wall_clock out = { 0 };
	uint64_t before, after;
	struct timespec ts;

	/* The two clocks are read one after the other: take the middle, which is wrong by half the distance at most. */
	before = loop_now_ns();
	clock_gettime(CLOCK_REALTIME, &ts);
	after = loop_now_ns();
	out.seconds = ts.tv_sec;
	out.nanoseconds = (uint32_t)ts.tv_nsec;
	out.clock = before + (after - before) / 2 - clock_start(h);
	return hypercall_put(h, buffer, &out, sizeof(out), 8);
}

int64_t hypercall_time_timer_set(struct hypercalls *h, const struct hypercall_frame *f, uint64_t deadline,
				 uint32_t port)
{
	struct hypercall_timer *t = &h->timer[f->vcpu];
	uint64_t start = clock_start(h);
	int64_t result;

	if (!(atomic_load(&h->usable) & PVN_F0_EVENT))
		return -PVN_ENOTSUP;
	pthread_mutex_lock(&h->lock);
	if (!hypercall_port_get(h, port)) {
		result = -PVN_ENODEV;
		goto unlock;
	}
	result = t->port != 0;
	t->port = port;
	/* Three centuries are for ever: neither this sum nor a timespec overflows below. */
	if (deadline > (uint64_t)INT64_MAX - start)
		deadline = (uint64_t)INT64_MAX - start;
	t->deadline = start + deadline;
	/* A guest's clock may be ahead of the host's: then what is long past for it was before the host's beginning. */
	if ((int64_t)t->deadline <= 0)
		t->deadline = 1;
	loop_timer_set(&t->timer, t->deadline);
unlock:
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_time_timer_stop(struct hypercalls *h, const struct hypercall_frame *f)
{
	struct hypercall_timer *t = &h->timer[f->vcpu];
	int64_t result;

	pthread_mutex_lock(&h->lock);
	result = t->port != 0;
	t->port = 0;
	loop_timer_set(&t->timer, 0);
	pthread_mutex_unlock(&h->lock);
	return result;
}
