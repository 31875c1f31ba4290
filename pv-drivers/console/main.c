// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PV console device: output through one ring, input through the other.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/tty_flip.h>

#include "console.h"

u32 pvn_console_out_room(const struct pvn_console *con)
{
	return PVN_CONSOLE_OUT_BYTES - (con->out_head - con->out_tail);
}

u32 pvn_console_out_put(struct pvn_console *con, const char *text, u32 bytes)
{
	u32 at = con->out_head % PVN_CONSOLE_OUT_BYTES;
	u32 n = min(bytes, pvn_console_out_room(con));
	u32 first = min(n, PVN_CONSOLE_OUT_BYTES - at);

	memcpy(con->out + at, text, first);
	memcpy(con->out, text + first, n - first);
	con->out_head += n;
	return n;
}

/* What was put and not yet handed over, up to where the buffer wraps, as one request. */
static bool out_submit_one(struct pvn_console *con)
{
	u32 at = con->out_sent % PVN_CONSOLE_OUT_BYTES;
	u32 id = con->sent_head % PVN_CONSOLE_ENTRIES;
	struct pvn_console_request *req;
	u32 bytes;

	bytes = min(con->out_head - con->out_sent, PVN_CONSOLE_OUT_BYTES - at);
	if (!bytes || con->sent_head - con->sent_tail == PVN_CONSOLE_ENTRIES)
		return false;
	req = pvn_ring_guest_next(&pvn_console_out_queue(con)->ring);
	if (!req)
		return false;
	memset(req, 0, sizeof(*req));
	req->id = id;
	req->op = PVN_CONSOLE_WRITE;
	req->addr = virt_to_phys(con->out + at);
	req->len = bytes;
	con->sent[id] = (struct pvn_console_out){ .bytes = bytes, .in_flight = true };
	con->sent_head++;
	con->out_sent += bytes;
	return true;
}

void pvn_console_out_submit(struct pvn_console *con)
{
	if (!con->alive)
		return;
	while (out_submit_one(con))
		;
	pvn_queue_publish(pvn_console_out_queue(con));
}

static void console_fail(struct pvn_console *con, const char *queue)
{
	con->alive = false;
	pvn_device_fail(con->pdev, "%s queue: a completion or an index that cannot be", queue);
}

/* Takes up output that the host has finished. Doesn't arm. */
void pvn_console_out_reap(struct pvn_console *con)
{
	struct pvn_ring_guest *ring = &pvn_console_out_queue(con)->ring;
	struct pvn_console_out *sent;
	struct pvn_cqe cqe;
	int got;

	while (con->alive && (got = pvn_ring_guest_pop(ring, &cqe))) {
		if (got < 0 || cqe.id >= PVN_CONSOLE_ENTRIES || !con->sent[cqe.id].in_flight) {
			console_fail(con, "output");
			return;
		}
		/* Text that the host could not take is lost: there is nowhere to say so. */
		con->sent[cqe.id].in_flight = false;
		con->sent[cqe.id].done = true;
	}
	/* The buffer is given back in the order in which it was filled. */
	while (con->sent_tail != con->sent_head) {
		sent = &con->sent[con->sent_tail % PVN_CONSOLE_ENTRIES];
		if (!sent->done)
			break;
		sent->done = false;
		con->out_tail += sent->bytes;
		con->sent_tail++;
	}
	if (con->alive)
		pvn_ring_guest_release(ring);
}

void pvn_console_in_post(struct pvn_console *con)
{
	struct pvn_console_request *req;
	u32 id;

	if (!con->alive || con->throttled)
		return;
	for (id = 0; id < PVN_CONSOLE_IN_BUFFERS; id++) {
		if (con->in_posted[id])
			continue;
		req = pvn_ring_guest_next(&pvn_console_in_queue(con)->ring);
		if (!req)
			break;
		memset(req, 0, sizeof(*req));
		req->id = id;
		req->op = PVN_CONSOLE_READ;
		req->addr = virt_to_phys(con->in + id * PVN_CONSOLE_IN_BYTES);
		req->len = PVN_CONSOLE_IN_BYTES;
		con->in_posted[id] = true;
	}
	pvn_queue_publish(pvn_console_in_queue(con));
}

/* True when there was input. */
static bool in_take(struct pvn_console *con)
{
	struct pvn_ring_guest *ring = &pvn_console_in_queue(con)->ring;
	struct pvn_cqe cqe;
	bool any = false;
	int got;

	while (con->alive && (got = pvn_ring_guest_pop(ring, &cqe))) {
		if (got < 0 || cqe.id >= PVN_CONSOLE_IN_BUFFERS || !con->in_posted[cqe.id] ||
		    cqe.status > (s32)PVN_CONSOLE_IN_BYTES) {
			console_fail(con, "input");
			break;
		}
		con->in_posted[cqe.id] = false;
		if (cqe.status <= 0)
			continue;
		tty_insert_flip_string(&con->port, con->in + cqe.id * PVN_CONSOLE_IN_BYTES,
				       cqe.status);
		any = true;
	}
	if (con->alive)
		pvn_ring_guest_release(ring);
	return any;
}

/* All that the rings hold for us; armed afterwards. */
static void console_poll(struct pvn_console *con)
{
	bool input = false, again, room;
	unsigned long flags;
	u32 tail;

	spin_lock_irqsave(&con->lock, flags);
	tail = con->out_tail;
	do {
		again = false;
		pvn_console_out_reap(con);
		pvn_console_out_submit(con);
		input |= in_take(con);
		pvn_console_in_post(con);
		if (con->alive) {
			again |= pvn_ring_guest_arm(&pvn_console_out_queue(con)->ring);
			again |= pvn_ring_guest_arm(&pvn_console_in_queue(con)->ring);
		}
	} while (again);
	room = con->out_tail != tail;
	spin_unlock_irqrestore(&con->lock, flags);
	if (input)
		tty_flip_buffer_push(&con->port);
	if (room)
		tty_port_tty_wakeup(&con->port);
}

static irqreturn_t console_irq(int irq, void *data)
{
	console_poll(data);
	return IRQ_HANDLED;
}

/* The rings are new: nothing is in flight, and what was not taken is sent again. */
static void console_reset(struct pvn_console *con)
{
	memset(con->sent, 0, sizeof(con->sent));
	memset(con->in_posted, 0, sizeof(con->in_posted));
	con->sent_head = 0;
	con->sent_tail = 0;
	con->out_sent = con->out_tail;
}

static int console_attach(struct pvn_console *con)
{
	unsigned long flags;
	int err;

	err = pvn_device_attach(con->pdev, con->features);
	if (err)
		return err;
	spin_lock_irqsave(&con->lock, flags);
	console_reset(con);
	con->alive = true;
	spin_unlock_irqrestore(&con->lock, flags);
	console_poll(con);
	return 0;
}

/* Output that the host accepted is shown first. */
static void console_detach(struct pvn_console *con)
{
	unsigned long flags;

	spin_lock_irqsave(&con->lock, flags);
	con->alive = false;
	spin_unlock_irqrestore(&con->lock, flags);
	pvn_device_detach(con->pdev);
}

static void size_read(struct pvn_console *con)
{
	struct pvn_console_config config;

	if (!(con->features & PVN_CONSOLE_F_SIZE))
		return;
	pvn_device_config(con->pdev, &config, sizeof(config));
	con->size.ws_row = config.rows;
	con->size.ws_col = config.cols;
}

static int console_buffers(struct pvn_console *con)
{
	con->out = alloc_pages_exact(PVN_CONSOLE_OUT_BYTES, GFP_KERNEL | __GFP_ZERO);
	con->in = alloc_pages_exact(PVN_CONSOLE_IN_BUFFERS * PVN_CONSOLE_IN_BYTES,
				    GFP_KERNEL | __GFP_ZERO);
	return con->out && con->in ? 0 : -ENOMEM;
}

static void console_free_buffers(struct pvn_console *con)
{
	if (con->out)
		free_pages_exact(con->out, PVN_CONSOLE_OUT_BYTES);
	if (con->in)
		free_pages_exact(con->in, PVN_CONSOLE_IN_BUFFERS * PVN_CONSOLE_IN_BYTES);
}

static int console_queues(struct pvn_console *con)
{
	u32 order = PVN_CONSOLE_ORDER;
	int err;

	if (con->pdev->max_queues < 2 || con->pdev->max_order < order) {
		dev_err(&con->pdev->dev, "%u queues of order %u: 2 of order %u are needed\n",
			con->pdev->max_queues, con->pdev->max_order, order);
		return -EPROTO;
	}
	err = pvn_device_vectors(con->pdev, 1);
	if (err < 0)
		return err;
	err = pvn_device_alloc_queues(con->pdev, 2, order, order);
	if (err)
		return err;
	con->irq = pvn_device_irq(con->pdev, 1);
	err = request_irq(con->irq, console_irq, 0, dev_name(&con->pdev->dev), con);
	if (err)
		pvn_device_free_queues(con->pdev);
	return err;
}

static int console_probe(struct pvn_device *pdev)
{
	struct pvn_console *con;
	int err;

	con = kzalloc(sizeof(*con), GFP_KERNEL);
	if (!con)
		return -ENOMEM;
	con->pdev = pdev;
	con->features = pdev->offered & PVN_CONSOLE_F_SIZE;
	spin_lock_init(&con->lock);
	pvn_console_port_init(con);
	err = console_buffers(con);
	if (err)
		goto free_buffers;
	err = console_queues(con);
	if (err)
		goto free_buffers;
	size_read(con);
	pvn_device_set_data(pdev, con);
	err = console_attach(con);
	if (err)
		goto free_queues;
	err = pvn_console_tty_add(con);
	if (err)
		goto detach;
	dev_info(&pdev->dev, "/dev/hvp%u\n", con->index);
	return 0;

detach:
	console_detach(con);
free_queues:
	pvn_device_stop(pdev);
	free_irq(con->irq, con);
	pvn_device_free_queues(pdev);
free_buffers:
	console_free_buffers(con);
	pvn_console_put(con);
	return err;
}

static void console_remove(struct pvn_device *pdev)
{
	struct pvn_console *con = pvn_device_data(pdev);

	pvn_console_tty_remove(con);
	console_detach(con);
	pvn_device_stop(pdev);
	free_irq(con->irq, con);
	pvn_device_free_queues(pdev);
	console_free_buffers(con);
	pvn_console_put(con);
}

/* Who waits for room must not wait for ever: what is there is thrown away. */
static void console_dead(struct pvn_device *pdev)
{
	struct pvn_console *con = pvn_device_data(pdev);
	unsigned long flags;

	spin_lock_irqsave(&con->lock, flags);
	con->alive = false;
	con->out_tail = con->out_head;
	spin_unlock_irqrestore(&con->lock, flags);
	tty_port_tty_wakeup(&con->port);
}

static void console_config_changed(struct pvn_device *pdev)
{
	struct pvn_console *con = pvn_device_data(pdev);

	size_read(con);
	pvn_console_tty_resize(con);
}

static int console_suspend(struct pvn_device *pdev)
{
	struct pvn_console *con = pvn_device_data(pdev);

	if (!pvn_device_dead(pdev) && !pvn_device_quiesce(pdev))
		console_poll(con);
	console_detach(con);
	return 0;
}

static int console_resume(struct pvn_device *pdev)
{
	return pvn_device_dead(pdev) ? 0 : console_attach(pvn_device_data(pdev));
}

static void console_shutdown(struct pvn_device *pdev)
{
	struct pvn_console *con = pvn_device_data(pdev);

	/* The kernel's last words are still to come, and the machine's reset detaches it. */
	if (!con->printk_registered)
		console_suspend(pdev);
}

static struct pvn_driver console_driver = {
	.driver.name = "paravane_console",
	.type = PVN_PCI_DEVICE_CONSOLE,
	.probe = console_probe,
	.remove = console_remove,
	.dead = console_dead,
	.config_changed = console_config_changed,
	.suspend = console_suspend,
	.resume = console_resume,
	.shutdown = console_shutdown,
};

static int __init console_module_init(void)
{
	int err;

	err = pvn_console_tty_init();
	if (err)
		return err;
	err = pvn_driver_register(&console_driver);
	if (err)
		pvn_console_tty_exit();
	return err;
}
module_init(console_module_init);

static void __exit console_module_exit(void)
{
	pvn_driver_unregister(&console_driver);
	pvn_console_tty_exit();
}
module_exit(console_module_exit);

MODULE_ALIAS("pvn:t00000003");
MODULE_DESCRIPTION("Paravane PV console");
MODULE_AUTHOR("The Paravane developers");
MODULE_LICENSE("GPL");
