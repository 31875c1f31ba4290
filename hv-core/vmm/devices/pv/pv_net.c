// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV net: one thread moves frames between the rings and the backend's file descriptor. Both directions are served in
 * turns and completed by the batch. After a stream of frames the thread looks on for a short while before it asks for
 * doorbells and sleeps. After a single one it does not: that is one half of a round trip, and whoever answers on this
 * host needs the CPU more.
 */
#include "pv_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../../loop.h"

#define PV_NET_SPIN_NS 50000
/* Frames since the last sleep that make a stream. */
#define PV_NET_STREAM 16
#define PV_NET_RECOVER_NS 1000000000ull

/* ---- the wire ---- */

static void wire_watch(struct pv_net *n, bool watch)
{
	/* Edges are enough: readable and writable remember the level. */
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = n->nb->fd };

	if (watch == n->on_epoll)
		return;
	if (epoll_ctl(n->epoll, watch ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, n->nb->fd, &ev) && watch) {
		fprintf(stderr, "paravane: %s: cannot wait for %s: %s\n", n->dev.name, n->nb->describe,
			strerror(errno));
		return;
	}
	n->on_epoll = watch;
	n->readable = watch;
	n->writable = watch;
}

static void link_show(struct pv_net *n, bool up)
{
	if (up == n->link_up)
		return;
	n->link_up = up;
	pthread_mutex_lock(&n->dev.config_lock);
	n->config.link = up ? PVN_NET_LINK_UP : 0;
	pthread_mutex_unlock(&n->dev.config_lock);
	pv_device_config_changed(&n->dev);
}

void pv_net_wire_error(struct pv_net *n, int error)
{
	if (!net_backend_lost(error))
		return; /* this one frame was refused */
	wire_watch(n, false);
	link_show(n, false);
	n->next_recover = loop_now_ns() + PV_NET_RECOVER_NS;
	/* The first try says on stderr that the link went. */
	net_backend_recover(n->nb);
}

static void wire_offloads(struct pv_net *n, uint64_t features)
{
	if (n->nb->set_offload)
		n->nb->set_offload(n->nb, features & PVN_NET_F_RX_CSUM, features & PVN_NET_F_RX_TSO4,
				   features & PVN_NET_F_RX_TSO6);
}

static void wire_recover(struct pv_net *n)
{
	if (n->link_up || loop_now_ns() < n->next_recover)
		return;
	n->next_recover = loop_now_ns() + PV_NET_RECOVER_NS;
	if (net_backend_recover(n->nb))
		return;
	wire_offloads(n, n->dev.accepted);
	wire_watch(n, true);
	link_show(n, true);
}

/* ---- the thread ---- */

/* Waits up to timeout_ms (-1: no limit), and notes what is ready. */
static void wait_events(struct pv_net *n, int timeout_ms)
{
	struct epoll_event ev[4];
	int i, nr = epoll_wait(n->epoll, ev, 4, timeout_ms);

	for (i = 0; i < nr; i++) {
		if (ev[i].data.fd != n->nb->fd)
			continue;
		/* Also when the guest has posted no buffers, so that nothing would be read. */
		if (ev[i].events & (EPOLLERR | EPOLLHUP) && n->on_epoll) {
			pv_net_wire_error(n, EPIPE);
			continue;
		}
		if (ev[i].events & EPOLLIN)
			n->readable = true;
		if (ev[i].events & EPOLLOUT)
			n->writable = true;
	}
}

static void publish(struct pv_net *n)
{
	pv_queue_publish(&n->dev.queue[PV_NET_QUEUE_TX]);
	pv_queue_publish(&n->dev.queue[PV_NET_QUEUE_RX]);
}

/* Ask for doorbells where an entry would help. True: there is one already. */
static bool arm(struct pv_net *n)
{
	bool more = false;

	if (!n->tx.held)
		more |= pvn_ring_host_arm(&n->dev.queue[PV_NET_QUEUE_TX].ring);
	if (n->starved)
		more |= pvn_ring_host_arm(&n->dev.queue[PV_NET_QUEUE_RX].ring);
	return more;
}

static void disarm(struct pv_net *n)
{
	pvn_ring_host_disarm(&n->dev.queue[PV_NET_QUEUE_TX].ring);
	pvn_ring_host_disarm(&n->dev.queue[PV_NET_QUEUE_RX].ring);
}

static void serve(struct pv_net *n)
{
	uint64_t idle_since = 0;
	unsigned int burst = 0;

	disarm(n);
	while (pv_worker_request(&n->worker) == PV_REQUEST_NONE && !pv_device_failed(&n->dev)) {
		unsigned int moved = pv_net_send(n) + pv_net_receive(n);

		publish(n);
		wire_recover(n);
		if (moved) {
			burst += moved;
			idle_since = 0;
			continue;
		}
		if (!idle_since)
			idle_since = loop_now_ns();
		if (n->may_spin && burst >= PV_NET_STREAM && loop_now_ns() - idle_since < PV_NET_SPIN_NS) {
			wait_events(n, 0);
			continue;
		}
		if (!arm(n))
			wait_events(n, n->link_up ? -1 : 1000);
		disarm(n);
		idle_since = 0;
		burst = 0;
	}
}

static void start(struct pv_net *n)
{
	wire_offloads(n, n->dev.accepted);
	if (n->link_up)
		wire_watch(n, true);
	n->running = true;
}

static void finish(struct pv_net *n)
{
	pv_net_cancel_send(n);
	pv_net_cancel_receive(n);
	publish(n);
	wire_watch(n, false);
	n->running = false;
}

static int worker_init(struct pv_net *n)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	unsigned int i;

	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll < 0)
		return -errno;
	ev.data.fd = n->worker.wake;
	if (epoll_ctl(n->epoll, EPOLL_CTL_ADD, n->worker.wake, &ev))
		goto close_epoll;
	for (i = 0; i < n->dev.max_queues; i++) {
		ev.data.fd = n->dev.queue[i].doorbell;
		if (epoll_ctl(n->epoll, EPOLL_CTL_ADD, n->dev.queue[i].doorbell, &ev))
			goto close_epoll;
	}
	return 0;

close_epoll:
	i = (unsigned int)errno;
	close(n->epoll);
	return -(int)i;
}

static void *worker_main(void *opaque)
{
	struct pv_net *n = opaque;
	int rc = worker_init(n);

	pv_worker_answer(&n->worker, rc);
	if (rc)
		return NULL;
	for (;;) {
		switch (pv_worker_request(&n->worker)) {
		case PV_REQUEST_START:
			start(n);
			pv_worker_answer(&n->worker, 0);
			break;
		case PV_REQUEST_STOP:
			finish(n);
			pv_worker_answer(&n->worker, 0);
			break;
		case PV_REQUEST_EXIT:
			close(n->epoll);
			pv_worker_answer(&n->worker, 0);
			return NULL;
		default:
			if (n->running && !pv_device_failed(&n->dev))
				serve(n);
			else
				wait_events(n, -1);
		}
	}
}

/* ---- the device ---- */

static int net_check(struct pv_device *dev, unsigned int nr_queues, uint64_t features)
{
	if (nr_queues % 2)
		return -PVN_EINVAL;
	if (features & (PVN_NET_F_RX_TSO4 | PVN_NET_F_RX_TSO6) &&
	    (features & (PVN_NET_F_MERGE | PVN_NET_F_RX_CSUM)) != (PVN_NET_F_MERGE | PVN_NET_F_RX_CSUM))
		return -PVN_EINVAL;
	return 0;
}

static int net_start(struct pv_device *dev)
{
	return pv_worker_ask(&((struct pv_net *)dev)->worker, PV_REQUEST_START);
}

static void net_stop(struct pv_device *dev)
{
	pv_worker_ask(&((struct pv_net *)dev)->worker, PV_REQUEST_STOP);
}

static const struct pv_class net_class = {
	.name = "pv-net",
	.type = PVN_PCI_DEVICE_NET,
	.pci_class = 0x028000, /* network, other */
	.max_order = PV_NET_MAX_ORDER,
	.check = net_check,
	.start = net_start,
	.stop = net_stop,
};

static uint64_t offered(const struct net_backend *nb)
{
	uint64_t features = PVN_NET_F_MERGE | PVN_NET_F_STATUS;

	if (nb->vnet_header && nb->can_csum)
		features |= PVN_NET_F_TX_CSUM | PVN_NET_F_RX_CSUM;
	if (nb->vnet_header && nb->can_csum && nb->can_tso)
		features |= PVN_NET_F_TX_TSO4 | PVN_NET_F_TX_TSO6 | PVN_NET_F_RX_TSO4 | PVN_NET_F_RX_TSO6;
	return features;
}

int pv_net_create(struct machine *m, struct net_backend *nb, const uint8_t mac[6], struct pv_fault *fault,
		  struct pv_net **out)
{
	static unsigned int created;
	struct pv_net *n = calloc(1, sizeof(*n));
	int rc = -ENOMEM;

	if (!n)
		return -ENOMEM;
	n->spill = malloc(PVN_NET_MAX_FRAME);
	if (!n->spill)
		goto free_net;
	n->nb = nb;
	n->link_up = nb->link_up;
	n->may_spin = pv_worker_may_spin(m->nr_vcpus);
	memcpy(n->config.mac, mac, 6);
	n->config.mtu = PV_NET_MTU;
	n->config.link = nb->link_up ? PVN_NET_LINK_UP : 0;
	n->dev.class = &net_class;
	n->dev.fault = fault;
	n->dev.max_queues = 2;
	n->dev.features = offered(nb);
	n->dev.config = &n->config;
	n->dev.config_bytes = sizeof(n->config);
	rc = pv_device_init(&n->dev, m, created);
	if (rc)
		goto free_spill;
	created++;
	rc = pv_worker_create(&n->worker, n->dev.name, worker_main, n);
	if (rc)
		goto destroy_device;
	*out = n;
	return 0;

destroy_device:
	pv_device_destroy(&n->dev);
free_spill:
	free(n->spill);
free_net:
	free(n);
	return rc;
}

void pv_net_destroy(struct pv_net *n)
{
	if (!n)
		return;
	pv_device_command(&n->dev, PVN_CMD_DETACH, GPA(0));
	pv_worker_destroy(&n->worker);
	pv_device_destroy(&n->dev);
	free(n->spill);
	free(n);
}
