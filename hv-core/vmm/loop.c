// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event loop over epoll.
 *
 * A watch may be removed while the loop's thread is about to call it back. Before each callback the loop looks the
 * watch up again in the table of live ones, and notes which one runs; so a watch that was removed is not called from a
 * stale event, and loop_remove_fd() can wait for one that runs. No lock is held during a callback: devices call
 * loop_modify_fd() with their own lock held, and take that lock in their callbacks too.
 *
 * For the same reason a caller of loop_remove_fd() must not hold a lock that the callback takes; from the callback
 * itself, anything goes.
 */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 32

/* What an epoll entry points at: an index in the table with a generation, not the caller's memory. */
struct loop_slot {
	struct loop_fd *watch; /* NULL: free */
	uint32_t generation;
};

struct loop {
	int epoll;
	int stop_fd;
	bool stopped;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t idle;  /* running became NULL */
	struct loop_fd *running;
	pthread_t runner; /* the thread that is in running's callback */
	struct loop_slot *slot;
	unsigned int nr_slots;
};

static uint64_t slot_cookie(const struct loop *loop, unsigned int i)
{
	return (uint64_t)loop->slot[i].generation << 32 | i;
}

static struct loop_slot *slot_of_watch(struct loop *loop, const struct loop_fd *watch)
{
	for (unsigned int i = 0; i < loop->nr_slots; i++)
		if (loop->slot[i].watch == watch)
			return &loop->slot[i];
	return NULL;
}

static struct loop_slot *slot_take(struct loop *loop)
{
	struct loop_slot *slot = slot_of_watch(loop, NULL);
	unsigned int nr = loop->nr_slots ? 2 * loop->nr_slots : 16;

	if (slot)
		return slot;
	slot = realloc(loop->slot, nr * sizeof(*slot));
	if (!slot)
		return NULL;
	memset(slot + loop->nr_slots, 0, (nr - loop->nr_slots) * sizeof(*slot));
	loop->slot = slot;
	slot += loop->nr_slots;
	loop->nr_slots = nr;
	return slot;
}

struct loop *loop_create(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		goto free_loop;
	loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->stop_fd < 0)
		goto close_epoll;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->stop_fd, &ev))
		goto close_stop;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->idle, NULL);
	return loop;

close_stop:
	close(loop->stop_fd);
close_epoll:
	close(loop->epoll);
free_loop:
	free(loop);
	return NULL;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	pthread_cond_destroy(&loop->idle);
	pthread_mutex_destroy(&loop->lock);
	close(loop->stop_fd);
	close(loop->epoll);
	free(loop->slot);
	free(loop);
}

int loop_add_fd(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events, loop_fd_fn fn, void *opaque)
{
	struct epoll_event ev = { .events = events };
	struct loop_slot *slot;
	int err = 0;

	pthread_mutex_lock(&loop->lock);
	slot = slot_take(loop);
	if (!slot) {
		err = -ENOMEM;
		goto unlock;
	}
	ev.data.u64 = slot_cookie(loop, slot - loop->slot);
	watch->fd = fd;
	watch->fn = fn;
	watch->opaque = opaque;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		err = -errno;
		goto unlock;
	}
	slot->watch = watch;
	watch->added = true;
unlock:
	pthread_mutex_unlock(&loop->lock);
	return err;
}

int loop_modify_fd(struct loop *loop, struct loop_fd *watch, uint32_t events)
{
	struct epoll_event ev = { .events = events };
	struct loop_slot *slot;
	int err = 0;

	pthread_mutex_lock(&loop->lock);
	slot = watch->added ? slot_of_watch(loop, watch) : NULL;
	if (!slot) {
		err = -ENOENT;
	} else {
		ev.data.u64 = slot_cookie(loop, slot - loop->slot);
		if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &ev))
			err = -errno;
	}
	pthread_mutex_unlock(&loop->lock);
	return err;
}

void loop_remove_fd(struct loop *loop, struct loop_fd *watch)
{
	struct loop_slot *slot;

	pthread_mutex_lock(&loop->lock);
	slot = watch->added ? slot_of_watch(loop, watch) : NULL;
	if (slot) {
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
		slot->watch = NULL;
		slot->generation++;
		watch->added = false;
	}
	while (loop->running == watch && !pthread_equal(loop->runner, pthread_self()))
		pthread_cond_wait(&loop->idle, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
}

static void timer_expired(void *opaque, uint32_t events)
{
	struct loop_timer *timer = opaque;
	uint64_t expirations;

	/* Nothing to read: it was moved or disarmed after epoll saw it expire. */
	if (read(timer->fd, &expirations, sizeof(expirations)) != sizeof(expirations))
		return;
	timer->fn(timer->opaque);
}

int loop_timer_init(struct loop *loop, struct loop_timer *timer, loop_timer_fn fn, void *opaque)
{
	int err;

	memset(timer, 0, sizeof(*timer));
	timer->fn = fn;
	timer->opaque = opaque;
	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->fd < 0)
		return -errno;
	err = loop_add_fd(loop, &timer->watch, timer->fd, EPOLLIN, timer_expired, timer);
	if (err) {
		close(timer->fd);
		timer->fd = -1;
	}
	return err;
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline_ns)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000 },
	};

	timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void loop_timer_destroy(struct loop *loop, struct loop_timer *timer)
{
	loop_remove_fd(loop, &timer->watch);
	if (timer->fd >= 0)
		close(timer->fd);
	timer->fd = -1;
}

uint64_t loop_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void loop_dispatch(struct loop *loop, const struct epoll_event *ev)
{
	uint64_t cookie = ev->data.u64;
	unsigned int i = (uint32_t)cookie;
	struct loop_fd *watch;
	loop_fd_fn fn;
	void *opaque;

	if (cookie == UINT64_MAX)
		return;
	pthread_mutex_lock(&loop->lock);
	watch = i < loop->nr_slots ? loop->slot[i].watch : NULL;
	if (!watch || slot_cookie(loop, i) != cookie) {
		pthread_mutex_unlock(&loop->lock);
		return;
	}
	fn = watch->fn;
	opaque = watch->opaque;
	loop->running = watch;
	loop->runner = pthread_self();
	pthread_mutex_unlock(&loop->lock);

	fn(opaque, ev->events);

	/* The callback may have freed the watch: only its address is compared from here on. */
	pthread_mutex_lock(&loop->lock);
	loop->running = NULL;
	pthread_cond_broadcast(&loop->idle);
	pthread_mutex_unlock(&loop->lock);
}

void loop_run_once(struct loop *loop, int timeout_ms)
{
	struct epoll_event ev[MAX_EVENTS];
	int n = epoll_wait(loop->epoll, ev, MAX_EVENTS, timeout_ms);

	for (int i = 0; i < n; i++)
		loop_dispatch(loop, &ev[i]);
}

void loop_run(struct loop *loop)
{
	uint64_t count;

	while (!__atomic_load_n(&loop->stopped, __ATOMIC_ACQUIRE))
		loop_run_once(loop, -1);
	/* So that the loop can be run again, for what is left to be drained. */
	if (read(loop->stop_fd, &count, sizeof(count)) == sizeof(count))
		__atomic_store_n(&loop->stopped, false, __ATOMIC_RELAXED);
}

void loop_stop(struct loop *loop)
{
	uint64_t one = 1;

	__atomic_store_n(&loop->stopped, true, __ATOMIC_RELEASE);
	/* Only fails when the counter is full, and then the loop is awake anyway. */
	if (write(loop->stop_fd, &one, sizeof(one)) != sizeof(one))
		return;
}
