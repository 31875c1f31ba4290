/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals of a run: taken by the loop as events, so that no handler interrupts a device model. */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "command.h"
#include "run.h"

static const int run_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT };

static void signal_set(sigset_t *set)
{
	unsigned int i;

	sigemptyset(set);
	for (i = 0; i < sizeof(run_signals) / sizeof(run_signals[0]); i++)
		sigaddset(set, run_signals[i]);
}

void run_ask_to_stop(struct run *run, const char *who)
{
	if (run->asked_to_stop) {
		machine_stop(&run->vm.m, STOP_KILLED, "killed by a second %s", who);
		return;
	}
	run->asked_to_stop = true;
	message("%s: pressed the guest's power button; a second one kills it", who);
	acpi_pm_press_power_button(run->pm);
}

static void run_signal(void *opaque, uint32_t events)
{
	struct signalfd_siginfo info;
	struct run *run = opaque;

	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGTERM:
		run_ask_to_stop(run, "SIGTERM");
		break;
	case SIGINT:
		run_ask_to_stop(run, "SIGINT");
		break;
	case SIGHUP:
		/* The terminal is gone, and with it whoever could press a second time. */
		run_ask_to_stop(run, "SIGHUP");
		break;
	case SIGTSTP:
		console_tty_restore();
		raise(SIGSTOP);
		break;
	case SIGCONT:
		console_tty_continue();
		break;
	}
}

int run_signals_init(struct run *run, char *err, unsigned int errlen)
{
	sigset_t set;
	int ret;

	signal_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ret = run->signal_fd < 0 ? -errno : 0;
	if (!ret)
		ret = loop_add_fd(run->vm.m.loop, &run->signal_watch, run->signal_fd, EPOLLIN, run_signal, run);
	if (ret)
		snprintf(err, errlen, "cannot take signals: %s", strerror(-ret));
	return ret;
}

void run_signals_destroy(struct run *run)
{
	if (run->signal_fd < 0)
		return;
	loop_remove_fd(run->vm.m.loop, &run->signal_watch);
	close(run->signal_fd);
	run->signal_fd = -1;
}

void run_signals_unblock(void)
{
	sigset_t set;

	signal_set(&set);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
