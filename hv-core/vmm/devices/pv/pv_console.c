// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV console, on the main loop: what it moves is little, and the terminal is there. Output is taken from guest
 * memory as it is; input is put into a buffer as soon as there is one, so no buffer is ever held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <paravane/console.h>

#include "pv.h"
#include "pv_device.h"

#define QUEUE_OUTPUT 0
#define QUEUE_INPUT 1
#define MAX_ORDER 8
/* Entries a turn: other devices live on this loop too. */
#define BUDGET 64

struct pv_console {
	struct pv_device dev;
	struct pvn_console_config config;
	struct loop_fd watch[2];
	void (*sink)(void *opaque, const uint8_t *buf, unsigned int len);
	void *sink_opaque;

	pthread_mutex_t lock; /* of the rings while running, and of what follows; taken inside dev.lock */
	bool running;
	void (*ready)(void *opaque);
	void *ready_opaque;
};

static void kick(struct pv_console *c, unsigned int queue)
{
	uint64_t one = 1;

	/* A full count has signalled already. */
	if (write(c->dev.queue[queue].doorbell, &one, sizeof(one)) < 0)
		return;
}

/* 0 with the place in guest memory, held, or -PVN_E*. */
static int check(struct pv_console *c, const struct pvn_console_request *req, unsigned int op, void **host)
{
	pvn_u64 reserved = req->flags | req->reserved0 | req->reserved1;
	unsigned int i;

	if (req->op != op)
		return -PVN_ENOSYS;
	for (i = 0; i < 5; i++)
		reserved |= req->reserved2[i];
	if (reserved || !req->len || req->len > PVN_CONSOLE_MAX_BYTES)
		return -PVN_EINVAL;
	*host = gmem_ptr_held(&c->dev.m->gmem, GPA(req->addr), req->len);
	return *host ? 0 : -PVN_EFAULT;
}

/* c->lock is held. True: the ring was emptied, and a doorbell asked for. */
static bool output(struct pv_console *c)
{
	struct pv_queue *q = &c->dev.queue[QUEUE_OUTPUT];
	struct pvn_console_request req;
	unsigned int n = 0;
	void *host;
	int rc;

	do {
		while (n < BUDGET && pv_queue_pop(q, &req)) {
			rc = check(c, &req, PVN_CONSOLE_WRITE, &host);
			if (!rc) {
				c->sink(c->sink_opaque, host, req.len);
				gmem_release(&c->dev.m->gmem, host, req.len);
				rc = (int)req.len;
			}
			pv_queue_complete(q, req.id, rc, 0);
			n++;
		}
		pv_queue_publish(q);
		if (n == BUDGET || pv_device_failed(&c->dev))
			return pv_device_failed(&c->dev);
	} while (pvn_ring_host_arm(&q->ring));
	return true;
}

static void output_rung(void *opaque, uint32_t events)
{
	struct pv_console *c = opaque;
	bool emptied;

	pthread_mutex_lock(&c->lock);
	emptied = !c->running || output(c);
	pthread_mutex_unlock(&c->lock);
	if (!emptied)
		kick(c, QUEUE_OUTPUT);
}

unsigned int pv_console_input(struct pv_console *c, const uint8_t *buf, unsigned int len,
			      void (*ready)(void *opaque), void *opaque)
{
	struct pv_queue *q = &c->dev.queue[QUEUE_INPUT];
	struct pvn_console_request req;
	unsigned int taken = 0;
	void *host;
	int rc;

	pthread_mutex_lock(&c->lock);
	while (c->running && !pv_device_failed(&c->dev)) {
		while (taken < len && pv_queue_pop(q, &req)) {
			rc = check(c, &req, PVN_CONSOLE_READ, &host);
			if (!rc) {
				rc = (int)(req.len < len - taken ? req.len : len - taken);
				memcpy(host, buf + taken, (unsigned int)rc);
				gmem_release(&c->dev.m->gmem, host, req.len);
				taken += (unsigned int)rc;
			}
			pv_queue_complete(q, req.id, rc, 0);
		}
		pv_queue_publish(q);
		/* Room that came meanwhile is used at once. */
		if (taken == len || !pvn_ring_host_arm(&q->ring))
			break;
	}
	c->ready = taken < len ? ready : NULL;
	c->ready_opaque = opaque;
	pthread_mutex_unlock(&c->lock);
	return taken;
}

/* New buffers, or no driver any more: whoever waits with input tries again. */
static void input_rung(void *opaque, uint32_t events)
{
	struct pv_console *c = opaque;
	void (*ready)(void *opaque);

	pthread_mutex_lock(&c->lock);
	ready = c->ready;
	c->ready = NULL;
	pthread_mutex_unlock(&c->lock);
	if (ready)
		ready(c->ready_opaque);
}

bool pv_console_attached(const struct pv_console *c)
{
	return __atomic_load_n(&c->dev.status, __ATOMIC_ACQUIRE) == PVN_STATUS_ATTACHED;
}

static int console_check(struct pv_device *dev, unsigned int nr_queues, uint64_t features)
{
	return nr_queues == 2 ? 0 : -PVN_EINVAL;
}

static int console_start(struct pv_device *dev)
{
	struct pv_console *c = (struct pv_console *)dev;

	pthread_mutex_lock(&c->lock);
	c->running = true;
	pthread_mutex_unlock(&c->lock);
	kick(c, QUEUE_OUTPUT);
	kick(c, QUEUE_INPUT);
	return 0;
}

static void console_stop(struct pv_device *dev)
{
	struct pv_console *c = (struct pv_console *)dev;

	pthread_mutex_lock(&c->lock);
	c->running = false;
	pthread_mutex_unlock(&c->lock);
	kick(c, QUEUE_INPUT);
}

static const struct pv_class console_class = {
	.name = "pv-console",
	.type = PVN_PCI_DEVICE_CONSOLE,
	.pci_class = 0x078000, /* communication, other */
	.max_order = MAX_ORDER,
	.check = console_check,
	.start = console_start,
	.stop = console_stop,
};

int pv_console_create(struct machine *m, void (*sink)(void *opaque, const uint8_t *buf, unsigned int len),
		      void *opaque, struct pv_fault *fault, struct pv_console **out)
{
	static unsigned int created;
	struct pv_console *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->sink = sink;
	c->sink_opaque = opaque;
	pthread_mutex_init(&c->lock, NULL);
	c->dev.class = &console_class;
	c->dev.fault = fault;
	c->dev.max_queues = 2;
	c->dev.config = &c->config;
	c->dev.config_bytes = sizeof(c->config);
	rc = pv_device_init(&c->dev, m, created);
	if (rc)
		goto free_console;
	created++;
	/* Edge-triggered: the counts are never read. */
	rc = loop_add_fd(m->loop, &c->watch[QUEUE_OUTPUT], c->dev.queue[QUEUE_OUTPUT].doorbell,
			 EPOLLIN | EPOLLET, output_rung, c);
	if (rc)
		goto destroy_device;
	rc = loop_add_fd(m->loop, &c->watch[QUEUE_INPUT], c->dev.queue[QUEUE_INPUT].doorbell, EPOLLIN | EPOLLET,
			 input_rung, c);
	if (rc)
		goto remove_output;
	*out = c;
	return 0;

remove_output:
	loop_remove_fd(m->loop, &c->watch[QUEUE_OUTPUT]);
destroy_device:
	pv_device_destroy(&c->dev);
free_console:
	pthread_mutex_destroy(&c->lock);
	free(c);
	return rc;
}

void pv_console_destroy(struct pv_console *c)
{
	if (!c)
		return;
	pv_device_command(&c->dev, PVN_CMD_DETACH, GPA(0));
	loop_remove_fd(c->dev.m->loop, &c->watch[QUEUE_INPUT]);
	loop_remove_fd(c->dev.m->loop, &c->watch[QUEUE_OUTPUT]);
	pv_device_destroy(&c->dev);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
