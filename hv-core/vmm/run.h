/* SPDX-License-Identifier: GPL-2.0-only */
/* One run of a guest: the machine with its devices, console, signals and statistics. */
#ifndef VMM_RUN_H
#define VMM_RUN_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>

#include "blk_fault.h"
#include "console_tty.h"
#include "devices/emulated/emulated.h"
#include "devices/pv/pv.h"
#include "options.h"
#include "vm.h"

#define RUN_IDE_DISKS 4

#define RUN_NR_PV_FAULTS 3
#define RUN_MAX_MARKS 256
#define RUN_TYPED_BYTES 256

/* A guest's mark in the statistics (debug.mark). */
struct run_mark {
	uint32_t id;
	unsigned int vcpu;
	uint64_t value, ns, exits;
};

struct run {
	struct vm vm;
	struct run_options opt;
	uint64_t started_ns; /* CLOCK_MONOTONIC, when vCPUs started */

	/* run_devices.c */
	struct console_tty *tty;
	struct uart *uart;
	struct rtc *rtc;
	struct acpi_pm *pm;
	struct ide *ide;
	struct pv_console *pv_console;
	struct blk_disk *disk[RUN_MAX_DISKS];
	bool disk_owned[RUN_MAX_DISKS]; /* false: shared with an earlier one */
	struct pv_block *pv_block[RUN_MAX_DISKS];
	struct net_backend net[RUN_MAX_NETS];
	unsigned int nr_nets; /* open ones */
	struct e1000 *e1000[RUN_MAX_NETS];
	struct pv_net *pv_net[RUN_MAX_NETS];

	/* run_faults.c */
	struct blk_fault fault_disk[RUN_MAX_DISKS];
	struct pv_fault fault_pv[RUN_NR_PV_FAULTS];

	/* run_hypercalls.c. Typed text goes to the guest's calls once it has asked for some that way. */
	pthread_mutex_t typed_lock;
	bool typed_by_call;
	uint8_t typed[RUN_TYPED_BYTES];
	unsigned int nr_typed;
	pthread_mutex_t mark_lock;
	struct run_mark mark[RUN_MAX_MARKS];
	unsigned int nr_marks;

	/* run_control.c */
	struct run_control *control;

	/* run_signals.c */
	struct loop_fd signal_watch;
	int signal_fd;
	bool asked_to_stop;
};

/* 0, or -errno with a message in err. Destroying takes whatever was created. */
int run_devices_create(struct run *run, char *err, unsigned int errlen);
void run_devices_destroy(struct run *run);

/* run_faults.c: --fault. 0, or -EINVAL with a message; then what a device is to be made with, NULL for none. */
int run_faults_parse(struct run *run, char *err, unsigned int errlen);
struct blk_fault *run_fault_disk(struct run *run, unsigned int index);
struct pv_fault *run_fault_pv(struct run *run, const char *device);

/* Blocks the signals in all threads to come, and takes them in the loop. */
int run_signals_init(struct run *run, char *err, unsigned int errlen);
void run_signals_destroy(struct run *run);
/* Undo what a child or a restarted process would inherit. */
void run_signals_unblock(void);
/* SIGTERM, SIGINT or the console's key: the first presses the power button, the second kills. */
void run_ask_to_stop(struct run *run, const char *who);

/* run_stats.c: what --stats has, as it is now; vCPUs may run, but are not destroyed. NULL without memory. */
struct json_t *run_stats_report(struct run *run);
/* Write it. 0 or -errno. */
int run_stats_write(struct run *run, const char *path);
/* KVM's count of exits, all vCPUs together. */
uint64_t run_stats_exits(const struct run *run);

/* run_control.c: --control. 0, or -errno with a message in err. */
int run_control_create(struct run *run, char *err, unsigned int errlen);
void run_control_destroy(struct run *run);

/* run_hypercalls.c: what calls of the guest need. 0, or -errno with a message in err. */
int run_hypercalls_create(struct run *run, char *err, unsigned int errlen);
void run_hypercalls_destroy(struct run *run);
/* Offer typed text to the calls: false when the guest doesn't read that way, else *taken bytes were taken. */
bool run_hypercalls_type(struct run *run, const uint8_t *buf, unsigned int len, unsigned int *taken);

#endif
