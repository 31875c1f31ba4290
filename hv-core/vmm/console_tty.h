/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's console on the VMM's standard input and output: raw mode while the guest runs, output through a buffer
 * so that a slow reader doesn't hold up a vCPU, and a key that talks to the VMM.
 */
#ifndef VMM_CONSOLE_TTY_H
#define VMM_CONSOLE_TTY_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct console_tty;

enum console_command { CONSOLE_QUIT, CONSOLE_POWER_BUTTON };

struct console_ops {
	/* Bytes typed; returns how many were taken. When that is less, console_tty_ready() is called later. */
	unsigned int (*input)(void *opaque, const uint8_t *buf, unsigned int len);
	void (*command)(void *opaque, enum console_command command);
	void *opaque;
};

/* One a process. escape_key: -1 for none. 0 or -errno. */
int console_tty_create(struct loop *loop, int escape_key, struct console_tty **out);
/* From now on what is typed goes to ops. */
int console_tty_start(struct console_tty *tty, const struct console_ops *ops);
/* Output of the guest: any thread, any length. Waits for room for a bounded time, then drops. */
void console_tty_output(void *console, const uint8_t *buf, unsigned int len);
/* The same without waiting: how many bytes there was room for. */
unsigned int console_tty_try_output(void *console, const uint8_t *buf, unsigned int len);
/* The guest can take more input. Any thread. */
void console_tty_ready(void *console);
/* Restore the terminal's mode; safe in a signal handler, and when nothing was changed. */
void console_tty_restore(void);
/* Raw mode again, after a stop and continue, if it was on. */
void console_tty_continue(void);
/* Write out what is buffered, restore the terminal. The loop has ended. */
void console_tty_destroy(struct console_tty *tty);

#endif
