/* SPDX-License-Identifier: GPL-2.0-only */
/* The console's terminal side. See console_tty.h. */

#include "console_tty.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

#define OUT_BYTES (16 * 1024)
#define IN_BYTES 256
#define WRITER_STACK_BYTES (64 * 1024)
/* A reader that takes nothing for this long is taken for gone: output is dropped until it takes some. */
#define STALL_SECONDS 10
/* Writing each byte on its own costs a system call and a wake-up each; a burst is collected for this long. */
#define COLLECT_NS 1000000
#define FLUSH_SECONDS 2

struct console_tty {
	struct loop *loop;
	const struct console_ops *ops;
	struct console_ops ops_copy;
	int escape_key;
	bool escaped; /* the escape key was the last one typed */
	bool is_tty;

	/* output: a ring, filled by vCPU threads and emptied by the writer */
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	pthread_t writer;
	uint8_t *out;
	unsigned int head, tail; /* free-running */
	bool closing, dead, stalled;
	uint64_t dropped;

	/* input, on the loop's thread */
	struct loop_fd watch, ready_watch;
	int ready_fd;
	uint8_t in[IN_BYTES];
	unsigned int in_len;
	bool is_file, ended;
};

/* The terminal's own mode. Global, because signal handlers and atexit() restore it. */
static struct termios saved_mode;
static volatile sig_atomic_t raw_mode;
static bool wanted_raw;

void console_tty_restore(void)
{
	if (raw_mode) {
		raw_mode = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
	}
}

static void set_raw(void)
{
	struct termios mode;

	if (raw_mode || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved_mode) < 0)
		return;
	mode = saved_mode;
	cfmakeraw(&mode);
	/* Output keeps the terminal's rules, so that messages of the VMM start at the left margin. */
	mode.c_oflag = saved_mode.c_oflag;
	/* Set before: a signal in between then restores what is still the old mode, which does no harm. */
	raw_mode = 1;
	wanted_raw = true;
	tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

void console_tty_continue(void)
{
	if (wanted_raw)
		set_raw();
}

/* Restore, then die of the signal as if it had not been caught. */
static void fatal_signal(int sig)
{
	console_tty_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_fatal_signals(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ };
	struct sigaction action = { .sa_handler = fatal_signal };
	unsigned int i;

	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &action, NULL);
}

static void write_all(struct console_tty *tty, const uint8_t *buf, unsigned int len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n > 0) {
			buf += n;
			len -= n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

			poll(&pfd, 1, 1000);
		} else if (n < 0 && errno != EINTR) {
			/* The reader closed its end, or the disk is full: the guest goes on without a console. */
			message("standard output: %s: the guest's console output is dropped from here on", strerror(errno));
			pthread_mutex_lock(&tty->lock);
			tty->dead = true;
			pthread_mutex_unlock(&tty->lock);
			return;
		}
	}
}

static void *writer_thread(void *arg)
{
	struct console_tty *tty = arg;
	struct timespec collect = { .tv_nsec = COLLECT_NS };
	unsigned int from, len;

	pthread_setname_np(pthread_self(), "console");
	pthread_mutex_lock(&tty->lock);
	for (;;) {
		while (tty->head == tty->tail && !tty->closing)
			pthread_cond_wait(&tty->filled, &tty->lock);
		if (tty->head == tty->tail)
			break;
		if (!tty->closing && tty->head - tty->tail < OUT_BYTES / 4) {
			pthread_mutex_unlock(&tty->lock);
			nanosleep(&collect, NULL);
			pthread_mutex_lock(&tty->lock);
		}
		from = tty->tail % OUT_BYTES;
		len = tty->head - tty->tail;
		if (len > OUT_BYTES - from)
			len = OUT_BYTES - from;
		if (!tty->dead) {
			pthread_mutex_unlock(&tty->lock);
			write_all(tty, tty->out + from, len);
			pthread_mutex_lock(&tty->lock);
		}
		tty->tail += len;
		tty->stalled = false;
		pthread_cond_broadcast(&tty->emptied);
	}
	/* Tell console_tty_destroy(), which doesn't wait for ever. */
	tty->dead = true;
	pthread_cond_broadcast(&tty->emptied);
	pthread_mutex_unlock(&tty->lock);
	return NULL;
}

/* Lock held. false: no room came in time, and none will be waited for until the reader takes something. */
static bool wait_for_room(struct console_tty *tty)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STALL_SECONDS;
	while (tty->head - tty->tail == OUT_BYTES && !tty->stalled && !tty->closing && !tty->dead) {
		if (pthread_cond_timedwait(&tty->emptied, &tty->lock, &until) == ETIMEDOUT)
			tty->stalled = true;
	}
	return tty->head - tty->tail < OUT_BYTES && !tty->dead;
}

void console_tty_output(void *console, const uint8_t *buf, unsigned int len)
{
	struct console_tty *tty = console;
	bool was_empty;

	pthread_mutex_lock(&tty->lock);
	was_empty = tty->head == tty->tail;
	while (len) {
		if (tty->head - tty->tail == OUT_BYTES) {
			pthread_cond_signal(&tty->filled);
			if (!wait_for_room(tty)) {
				tty->dropped += len;
				break;
			}
		}
		tty->out[tty->head++ % OUT_BYTES] = *buf++;
		len--;
	}
	/* The writer looks at the ring again before it waits, so only the first byte needs to wake it. */
	if (was_empty)
		pthread_cond_signal(&tty->filled);
	pthread_mutex_unlock(&tty->lock);
}

unsigned int console_tty_try_output(void *console, const uint8_t *buf, unsigned int len)
{
	struct console_tty *tty = console;
	unsigned int taken = 0;

	pthread_mutex_lock(&tty->lock);
	while (taken < len && tty->head - tty->tail < OUT_BYTES)
		tty->out[tty->head++ % OUT_BYTES] = buf[taken++];
	pthread_cond_signal(&tty->filled);
	pthread_mutex_unlock(&tty->lock);
	return taken;
}

static void escape_help(const struct console_tty *tty)
{
	char key = (char)(tty->escape_key | 0x40);

	fprintf(stderr, "\r\nCtrl-%c then: q kill the guest, p press its power button, Ctrl-%c send Ctrl-%c, ? this text\r\n",
		key, key, key);
}

/* A key after the escape key. true: the key itself goes to the guest. */
static bool escape_command(struct console_tty *tty, uint8_t key)
{
	switch (key) {
	case 'q':
	case 'x':
		tty->ops->command(tty->ops->opaque, CONSOLE_QUIT);
		return false;
	case 'p':
		tty->ops->command(tty->ops->opaque, CONSOLE_POWER_BUTTON);
		return false;
	default:
		if (key == tty->escape_key)
			return true;
		escape_help(tty);
		return false;
	}
}

/* Take out of the input what is meant for the VMM. */
static unsigned int filter_escapes(struct console_tty *tty, uint8_t *buf, unsigned int len)
{
	unsigned int from, to = 0;

	if (!tty->is_tty || tty->escape_key < 0)
		return len;
	for (from = 0; from < len; from++) {
		if (tty->escaped) {
			tty->escaped = false;
			if (escape_command(tty, buf[from]))
				buf[to++] = buf[from];
		} else if (buf[from] == tty->escape_key) {
			tty->escaped = true;
		} else {
			buf[to++] = buf[from];
		}
	}
	return to;
}

/* Hand over what was read; what the guest doesn't take stays. */
static void push_input(struct console_tty *tty)
{
	unsigned int taken;

	if (!tty->in_len)
		return;
	taken = tty->ops->input(tty->ops->opaque, tty->in, tty->in_len);
	if (taken > tty->in_len)
		taken = tty->in_len;
	tty->in_len -= taken;
	memmove(tty->in, tty->in + taken, tty->in_len);
}

static void read_input(void *opaque, uint32_t events);

/* Watching for nothing is not enough: a pipe whose writer is gone reports that all the time. */
static int watch_input(struct console_tty *tty, bool on)
{
	if (on && !tty->watch.added)
		return loop_add_fd(tty->loop, &tty->watch, STDIN_FILENO, EPOLLIN, read_input, tty);
	if (!on && tty->watch.added)
		loop_remove_fd(tty->loop, &tty->watch);
	return 0;
}

/* Returns when the guest is full, when nothing is there to read, or at the end of the input. */
static void read_input(void *opaque, uint32_t events)
{
	struct console_tty *tty = opaque;
	ssize_t n;

	do {
		push_input(tty);
		if (tty->in_len) {
			watch_input(tty, false); /* until console_tty_ready() */
			return;
		}
		n = read(STDIN_FILENO, tty->in, sizeof(tty->in));
		if (n > 0) {
			tty->in_len = filter_escapes(tty, tty->in, (unsigned int)n);
			push_input(tty);
			if (tty->in_len)
				watch_input(tty, false);
		} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
			/* The end of the input is not the end of the guest. */
			watch_input(tty, false);
			tty->ended = true;
			return;
		}
	} while (tty->is_file && !tty->in_len);
}

static void input_ready(void *opaque, uint32_t events)
{
	struct console_tty *tty = opaque;
	uint64_t count;

	if (read(tty->ready_fd, &count, sizeof(count)) < 0)
		return;
	push_input(tty);
	if (tty->in_len || tty->ended)
		return;
	if (tty->is_file)
		read_input(tty, 0);
	else
		watch_input(tty, true);
}

void console_tty_ready(void *console)
{
	struct console_tty *tty = console;
	uint64_t one = 1;

	/* Only fails when the counter is full, and then the loop is awake already. */
	if (write(tty->ready_fd, &one, sizeof(one)) < 0)
		return;
}

int console_tty_create(struct loop *loop, int escape_key, struct console_tty **out)
{
	struct console_tty *tty = calloc(1, sizeof(*tty));
	pthread_attr_t attr;
	int ret;

	if (!tty)
		return -ENOMEM;
	tty->loop = loop;
	tty->escape_key = escape_key;
	tty->is_tty = isatty(STDIN_FILENO);
	tty->out = malloc(OUT_BYTES);
	tty->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!tty->out || tty->ready_fd < 0) {
		ret = -ENOMEM;
		goto free_tty;
	}
	pthread_mutex_init(&tty->lock, NULL);
	pthread_cond_init(&tty->filled, NULL);
	pthread_cond_init(&tty->emptied, NULL);
	signal(SIGPIPE, SIG_IGN);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WRITER_STACK_BYTES);
	ret = -pthread_create(&tty->writer, &attr, writer_thread, tty);
	pthread_attr_destroy(&attr);
	if (ret)
		goto free_tty;
	*out = tty;
	return 0;
free_tty:
	if (tty->ready_fd >= 0)
		close(tty->ready_fd);
	free(tty->out);
	free(tty);
	return ret;
}

int console_tty_start(struct console_tty *tty, const struct console_ops *ops)
{
	int ret;

	tty->ops_copy = *ops;
	tty->ops = &tty->ops_copy;
	ret = loop_add_fd(tty->loop, &tty->ready_watch, tty->ready_fd, EPOLLIN, input_ready, tty);
	if (ret)
		return ret;
	if (tty->is_tty) {
		atexit(console_tty_restore);
		catch_fatal_signals();
		set_raw();
	}
	ret = watch_input(tty, true);
	if (ret == -EPERM) {
		/* A regular file or /dev/null: always readable, so it is read as the guest takes it. */
		tty->is_file = true;
		console_tty_ready(tty);
		return 0;
	}
	if (ret == -EBADF) {
		tty->ended = true; /* standard input is closed: nothing will be typed */
		return 0;
	}
	return ret;
}

void console_tty_destroy(struct console_tty *tty)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FLUSH_SECONDS;
	pthread_mutex_lock(&tty->lock);
	tty->closing = true;
	pthread_cond_signal(&tty->filled);
	while (!tty->dead) {
		if (pthread_cond_timedwait(&tty->emptied, &tty->lock, &until) == ETIMEDOUT)
			break;
	}
	if (tty->head != tty->tail)
		tty->dropped += tty->head - tty->tail;
	pthread_mutex_unlock(&tty->lock);
	wanted_raw = false;
	console_tty_restore();
	if (tty->dropped)
		message("%llu bytes of console output were dropped: nobody read them",
			(unsigned long long)tty->dropped);
	/* A writer that is stuck in write() holds on to all of this: it ends with the process. */
	if (tty->head != tty->tail)
		return;
	pthread_join(tty->writer, NULL);
	watch_input(tty, false);
	loop_remove_fd(tty->loop, &tty->ready_watch);
	close(tty->ready_fd);
	free(tty->out);
	free(tty);
}
