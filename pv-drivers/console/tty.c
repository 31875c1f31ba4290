// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PV console as a terminal, /dev/hvp0 and on, and as a console of the kernel
 * (console=hvp0).
 *
 * A driver of its own rather than a back end of hvc: that one writes through small pieces and
 * polls where the ring has completions and interrupts.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/slab.h>
#include <linux/tty_driver.h>
#include <pvn_compat.h>

#include "console.h"

/* How long the kernel's own output waits for the host, and between two looks. */
#define PRINTK_WAIT_US 500000
#define PRINTK_STEP_US 10

static struct tty_driver *console_tty_driver;
static struct pvn_console *consoles[PVN_CONSOLE_MAX];
static DEFINE_MUTEX(consoles_lock);

static void port_destruct(struct tty_port *port)
{
	tty_port_destroy(port);
	kfree(container_of(port, struct pvn_console, port));
}

static const struct tty_port_operations port_ops = {
	.destruct = port_destruct,
};

void pvn_console_port_init(struct pvn_console *con)
{
	tty_port_init(&con->port);
	con->port.ops = &port_ops;
}

void pvn_console_put(struct pvn_console *con)
{
	tty_port_put(&con->port);
}

static int op_install(struct tty_driver *driver, struct tty_struct *tty)
{
	struct pvn_console *con;
	int err;

	mutex_lock(&consoles_lock);
	con = consoles[tty->index];
	if (con)
		tty_port_get(&con->port);
	mutex_unlock(&consoles_lock);
	if (!con)
		return -ENODEV;
	tty->driver_data = con;
	err = tty_port_install(&con->port, driver, tty);
	if (err) {
		pvn_console_put(con);
		return err;
	}
	tty->winsize = con->size;
	return 0;
}

static void op_cleanup(struct tty_struct *tty)
{
	pvn_console_put(tty->driver_data);
	tty->driver_data = NULL;
}

static int op_open(struct tty_struct *tty, struct file *file)
{
	struct pvn_console *con = tty->driver_data;

	return tty_port_open(&con->port, tty, file);
}

static void op_close(struct tty_struct *tty, struct file *file)
{
	struct pvn_console *con = tty->driver_data;

	tty_port_close(&con->port, tty, file);
}

static void op_hangup(struct tty_struct *tty)
{
	struct pvn_console *con = tty->driver_data;

	tty_port_hangup(&con->port);
}

static pvn_tty_ret_t op_write(struct tty_struct *tty, const u8 *text, pvn_tty_len_t bytes)
{
	struct pvn_console *con = tty->driver_data;
	unsigned long flags;
	u32 n = bytes;

	spin_lock_irqsave(&con->lock, flags);
	/* Nobody is there to take it: as on a line without a peer. */
	if (con->alive || !pvn_device_dead(con->pdev)) {
		n = pvn_console_out_put(con, (const char *)text, bytes);
		pvn_console_out_submit(con);
	}
	spin_unlock_irqrestore(&con->lock, flags);
	return n;
}

static unsigned int op_write_room(struct tty_struct *tty)
{
	struct pvn_console *con = tty->driver_data;
	unsigned long flags;
	unsigned int room;

	spin_lock_irqsave(&con->lock, flags);
	room = pvn_console_out_room(con);
	spin_unlock_irqrestore(&con->lock, flags);
	return room;
}

static unsigned int op_chars_in_buffer(struct tty_struct *tty)
{
	return PVN_CONSOLE_OUT_BYTES - op_write_room(tty);
}

static void op_set_throttled(struct tty_struct *tty, bool throttled)
{
	struct pvn_console *con = tty->driver_data;
	unsigned long flags;

	spin_lock_irqsave(&con->lock, flags);
	con->throttled = throttled;
	pvn_console_in_post(con);
	spin_unlock_irqrestore(&con->lock, flags);
}

static void op_throttle(struct tty_struct *tty)
{
	op_set_throttled(tty, true);
}

static void op_unthrottle(struct tty_struct *tty)
{
	op_set_throttled(tty, false);
}

static const struct tty_operations console_tty_ops = {
	.install = op_install,
	.cleanup = op_cleanup,
	.open = op_open,
	.close = op_close,
	.hangup = op_hangup,
	.write = op_write,
	.write_room = op_write_room,
	.chars_in_buffer = op_chars_in_buffer,
	.throttle = op_throttle,
	.unthrottle = op_unthrottle,
};

/* Puts all of it, waiting for the host where need be, but not for ever. con->lock is held. */
static void printk_put(struct pvn_console *con, const char *text, u32 bytes, unsigned int *wait_us)
{
	u32 n;

	for (;;) {
		n = pvn_console_out_put(con, text, bytes);
		text += n;
		bytes -= n;
		if (!bytes || !con->alive || !*wait_us)
			return;
		pvn_console_out_submit(con);
		udelay(PRINTK_STEP_US);
		*wait_us -= PRINTK_STEP_US;
		pvn_console_out_reap(con);
	}
}

static void printk_put_lines(struct pvn_console *con, const char *text, u32 bytes)
{
	unsigned int wait_us = PRINTK_WAIT_US;
	const char *end;

	while (bytes) {
		end = memchr(text, '\n', bytes);
		printk_put(con, text, end ? end - text : bytes, &wait_us);
		if (!end)
			break;
		printk_put(con, "\r\n", 2, &wait_us);
		bytes -= end + 1 - text;
		text = end + 1;
	}
	pvn_console_out_submit(con);
	/* After a panic nobody else will see to it that it leaves the machine. */
	while (oops_in_progress && con->alive && con->out_tail != con->out_head && wait_us) {
		udelay(PRINTK_STEP_US);
		wait_us -= PRINTK_STEP_US;
		pvn_console_out_reap(con);
		pvn_console_out_submit(con);
	}
}

static void printk_write(struct console *printk, const char *text, unsigned int bytes)
{
	struct pvn_console *con = printk->data;
	unsigned long flags;

	/* The CPU that is going down may have held the lock, and will not give it back. */
	if (!oops_in_progress) {
		spin_lock_irqsave(&con->lock, flags);
		printk_put_lines(con, text, bytes);
		spin_unlock_irqrestore(&con->lock, flags);
	} else if (spin_trylock_irqsave(&con->lock, flags)) {
		printk_put_lines(con, text, bytes);
		spin_unlock_irqrestore(&con->lock, flags);
	} else {
		printk_put_lines(con, text, bytes);
	}
}

static struct tty_driver *printk_device(struct console *printk, int *index)
{
	*index = printk->index;
	return console_tty_driver;
}

static int printk_setup(struct console *printk, char *options)
{
	struct pvn_console *con = printk->data;

	/* console=hvp asks for the first one there is. */
	if (printk->index < 0)
		printk->index = con->index;
	return printk->index == con->index ? 0 : -ENODEV;
}

static void printk_add(struct pvn_console *con)
{
	struct console *printk = &con->printk;

	strscpy(printk->name, "hvp", sizeof(printk->name));
	printk->write = printk_write;
	printk->device = printk_device;
	printk->setup = printk_setup;
	printk->flags = CON_PRINTBUFFER;
	printk->index = con->index;
	printk->data = con;
	register_console(printk);
	con->printk_registered = printk->flags & CON_ENABLED;
}

int pvn_console_tty_add(struct pvn_console *con)
{
	struct device *dev;
	unsigned int i;

	mutex_lock(&consoles_lock);
	for (i = 0; i < PVN_CONSOLE_MAX && consoles[i]; i++)
		;
	if (i < PVN_CONSOLE_MAX) {
		con->index = i;
		consoles[i] = con;
	}
	mutex_unlock(&consoles_lock);
	if (i == PVN_CONSOLE_MAX) {
		dev_err(&con->pdev->dev, "more than %u consoles\n", PVN_CONSOLE_MAX);
		return -ENOSPC;
	}
	dev = tty_port_register_device(&con->port, console_tty_driver, con->index,
				       &con->pdev->dev);
	if (IS_ERR(dev)) {
		mutex_lock(&consoles_lock);
		consoles[con->index] = NULL;
		mutex_unlock(&consoles_lock);
		return PTR_ERR(dev);
	}
	printk_add(con);
	return 0;
}

void pvn_console_tty_remove(struct pvn_console *con)
{
	struct tty_struct *tty;

	unregister_console(&con->printk);
	mutex_lock(&consoles_lock);
	consoles[con->index] = NULL;
	mutex_unlock(&consoles_lock);
	/* Whoever has it open sees the line go down. */
	tty = tty_port_tty_get(&con->port);
	if (tty) {
		tty_vhangup(tty);
		tty_kref_put(tty);
	}
	tty_unregister_device(console_tty_driver, con->index);
}

void pvn_console_tty_resize(struct pvn_console *con)
{
	struct tty_struct *tty = tty_port_tty_get(&con->port);

	if (!tty)
		return;
	tty_do_resize(tty, &con->size);
	tty_kref_put(tty);
}

int pvn_console_tty_init(void)
{
	struct tty_driver *driver;
	int err;

	driver = tty_alloc_driver(PVN_CONSOLE_MAX, TTY_DRIVER_REAL_RAW | TTY_DRIVER_DYNAMIC_DEV);
	if (IS_ERR(driver))
		return PTR_ERR(driver);
	driver->driver_name = "paravane_console";
	driver->name = "hvp";
	driver->type = TTY_DRIVER_TYPE_SERIAL;
	driver->subtype = SERIAL_TYPE_NORMAL;
	driver->init_termios = tty_std_termios;
	tty_set_operations(driver, &console_tty_ops);
	err = tty_register_driver(driver);
	if (err) {
		tty_driver_kref_put(driver);
		return err;
	}
	console_tty_driver = driver;
	return 0;
}

void pvn_console_tty_exit(void)
{
	tty_unregister_driver(console_tty_driver);
	tty_driver_kref_put(console_tty_driver);
}
