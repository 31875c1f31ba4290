/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the console driver: the device and its rings (main.c), and the terminal that Linux sees
 * (tty.c).
 */
#ifndef PVN_CONSOLE_DRIVER_H
#define PVN_CONSOLE_DRIVER_H

#include <linux/console.h>
#include <linux/spinlock.h>
#include <linux/tty.h>
#include <paravane/console.h>
#include <pvn_bus.h>

#define PVN_CONSOLE_MAX 8
#define PVN_CONSOLE_ORDER 4
#define PVN_CONSOLE_ENTRIES 16U	/* of that order */
#define PVN_CONSOLE_OUT_BYTES 32768U	/* a power of two */
#define PVN_CONSOLE_IN_BUFFERS 4
#define PVN_CONSOLE_IN_BYTES 1024U

struct pvn_console_out {
	u32 bytes;
	bool in_flight;
	bool done;
};

struct pvn_console {
	struct tty_port port;	/* its reference count is ours */
	struct pvn_device *pdev;
	struct console printk;
	bool printk_registered;
	unsigned int index;
	u64 features;
	int irq;
	struct winsize size;

	spinlock_t lock;	/* all below; taken in any context */
	bool alive;		/* attached: the rings may be touched */
	bool throttled;
	/* Output, in a circular buffer: free-running counters of bytes. */
	char *out;
	u32 out_head;		/* written by the terminal */
	u32 out_sent;		/* handed to the host */
	u32 out_tail;		/* taken by the host */
	/* What was handed over, in order; `id` is the slot here. */
	struct pvn_console_out sent[PVN_CONSOLE_ENTRIES];
	u32 sent_head;
	u32 sent_tail;
	/* Input. */
	char *in;
	bool in_posted[PVN_CONSOLE_IN_BUFFERS];
};

static inline struct pvn_queue *pvn_console_out_queue(struct pvn_console *con)
{
	return &con->pdev->queues[0];
}

static inline struct pvn_queue *pvn_console_in_queue(struct pvn_console *con)
{
	return &con->pdev->queues[1];
}

/* main.c. con->lock is held. */
u32 pvn_console_out_room(const struct pvn_console *con);
u32 pvn_console_out_put(struct pvn_console *con, const char *text, u32 bytes);
/* Hands over what was put; takes up what the host has finished. */
void pvn_console_out_submit(struct pvn_console *con);
void pvn_console_out_reap(struct pvn_console *con);
void pvn_console_in_post(struct pvn_console *con);

/* tty.c */
int pvn_console_tty_init(void);
void pvn_console_tty_exit(void);
int pvn_console_tty_add(struct pvn_console *con);
void pvn_console_tty_remove(struct pvn_console *con);
void pvn_console_tty_resize(struct pvn_console *con);
void pvn_console_put(struct pvn_console *con);
void pvn_console_port_init(struct pvn_console *con);

#endif /* PVN_CONSOLE_DRIVER_H */
