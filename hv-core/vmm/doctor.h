/* SPDX-License-Identifier: GPL-2.0-only */
/* The checks of `paravane doctor`. */
#ifndef VMM_DOCTOR_H
#define VMM_DOCTOR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum doctor_verdict { DOCTOR_GOOD, DOCTOR_LESS, DOCTOR_BAD, DOCTOR_INFO, DOCTOR_NR_VERDICTS };

struct doctor {
	const char *kvm_path;
	int kvm_fd; /* -1: could not be opened */
	unsigned int count[DOCTOR_NR_VERDICTS];
};

void doctor_say(struct doctor *d, enum doctor_verdict verdict, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* What to do about the line before. */
void doctor_advise(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* doctor_kvm.c: device file, capabilities, speed, PV features, counters. */
void doctor_kvm(struct doctor *d);
/* doctor_host.c: tun, io_uring, memory, limits. */
void doctor_host(struct doctor *d);

#endif
