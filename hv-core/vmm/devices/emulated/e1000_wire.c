// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cable: what the card listens to on its backend, and what happens when that goes away and comes back. All of this
 * runs on the main loop's thread, but for e1000_watch() and e1000_set_link().
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "e1000.h"

#define RECOVER_NS 1000000000ull

static void e1000_count_down(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return; /* somebody else took it */
}

void e1000_signal(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		return; /* only when the counter is full: then it is awake anyway */
}

void e1000_set_link(struct e1000 *e, bool up)
{
	if (e->link_up == up)
		return;
	__atomic_store_n(&e->link_up, up, __ATOMIC_RELAXED);
	e1000_phy_link(e);
	e1000_irq_cause(&e->irq, INT_LSC);
	e1000_irq_update(e);
}

static void e1000_wire_ready(void *opaque, uint32_t events);

void e1000_watch(struct e1000 *e)
{
	uint32_t events = (e1000_rx_wanted(e) && !e->rx.stalled ? EPOLLIN : 0) |
			  (__atomic_load_n(&e->tx_waits, __ATOMIC_SEQ_CST) ? EPOLLOUT : 0);

	if (!e->watching || events == e->watched_events)
		return;
	if (!loop_modify_fd(e->m->loop, &e->watch, events))
		e->watched_events = events;
}

/* On the loop's thread: plug the cable in if the backend's wire is there, else try again in a second. */
void e1000_wire_connect(void *opaque)
{
	struct e1000 *e = opaque;
	int ret = net_backend_recover(e->nb);

	pthread_mutex_lock(&e->lock);
	if (!ret) {
		__atomic_store_n(&e->lost, false, __ATOMIC_RELAXED);
		e->watched_events = 0;
		e->watching = !loop_add_fd(e->m->loop, &e->watch, e->nb->fd, 0, e1000_wire_ready, e);
		ret = e->watching ? 0 : -EIO;
	}
	e1000_set_link(e, !ret);
	if (!ret)
		e1000_watch(e);
	else
		loop_timer_set(&e->recover_timer, loop_now_ns() + RECOVER_NS);
	pthread_mutex_unlock(&e->lock);
}

static void e1000_wire_cut(struct e1000 *e)
{
	if (!e->watching)
		return;
	loop_remove_fd(e->m->loop, &e->watch);
	e->watching = false;
	/* A frame that waited for room is not going to find any. */
	if (__atomic_exchange_n(&e->tx_waits, false, __ATOMIC_SEQ_CST))
		e1000_signal(e->sender_wake);
	e1000_wire_connect(e);
}

static void e1000_wire_ready(void *opaque, uint32_t events)
{
	struct e1000 *e = opaque;

	if (events & (EPOLLERR | EPOLLHUP)) {
		e1000_wire_cut(e);
		return;
	}
	if (events & EPOLLOUT) {
		pthread_mutex_lock(&e->lock);
		__atomic_store_n(&e->tx_waits, false, __ATOMIC_SEQ_CST);
		e1000_watch(e);
		pthread_mutex_unlock(&e->lock);
		e1000_signal(e->sender_wake);
	}
	if (events & EPOLLIN)
		e1000_rx_ready(e);
	if (__atomic_load_n(&e->lost, __ATOMIC_RELAXED))
		e1000_wire_cut(e);
}

void e1000_kicked(void *opaque, uint32_t events)
{
	struct e1000 *e = opaque;

	e1000_count_down(e->kick);
	if (__atomic_load_n(&e->lost, __ATOMIC_RELAXED)) {
		e1000_wire_cut(e);
		return;
	}
	pthread_mutex_lock(&e->lock);
	e1000_watch(e);
	pthread_mutex_unlock(&e->lock);
	if (e->watching)
		e1000_rx_ready(e);
}
