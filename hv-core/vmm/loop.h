/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event loop: file descriptors and timers, called back on the loop's own thread. The main loop runs on the main
 * thread and serves the emulated devices, the console and signals; PV queues have threads of their own.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* events: EPOLLIN, EPOLLOUT, … as in epoll_ctl(2). */
typedef void (*loop_fd_fn)(void *opaque, uint32_t events);
typedef void (*loop_timer_fn)(void *opaque);

struct loop_fd {
	int fd;
	loop_fd_fn fn;
	void *opaque;
	bool added;
};

/* One-shot. Setting it again moves it. */
struct loop_timer {
	int fd; /* timerfd, CLOCK_MONOTONIC */
	loop_timer_fn fn;
	void *opaque;
	struct loop_fd watch;
};

struct loop *loop_create(void);
void loop_destroy(struct loop *loop);

/* All of these may be called from any thread. 0 or -errno. */
int loop_add_fd(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events, loop_fd_fn fn, void *opaque);
int loop_modify_fd(struct loop *loop, struct loop_fd *watch, uint32_t events);
/* From another thread: returns when the callback is not running and will not run again. */
void loop_remove_fd(struct loop *loop, struct loop_fd *watch);

int loop_timer_init(struct loop *loop, struct loop_timer *timer, loop_timer_fn fn, void *opaque);
/* deadline: CLOCK_MONOTONIC ns; 0 disarms. */
void loop_timer_set(struct loop_timer *timer, uint64_t deadline_ns);
void loop_timer_destroy(struct loop *loop, struct loop_timer *timer);

uint64_t loop_now_ns(void); /* CLOCK_MONOTONIC */

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* One round: waits up to timeout_ms (-1: no limit) and calls back. For tests. */
void loop_run_once(struct loop *loop, int timeout_ms);

#endif
