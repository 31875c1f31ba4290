/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_GUEST_PV_LINUX_USER_H
#define TESTS_GUEST_PV_LINUX_USER_H

#include <stdbool.h>

/* Counts; says what failed. Returns ok. */
bool check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A child that does that: its wait status, or -1. */
int in_child(void (*what)(void));

void test_syscalls(void);
void test_exec(void);
void test_faults(void);
void test_signals(void);
void test_memory(void);
void test_registers(void);
void test_threads(void);
void test_time(void);
void test_ptrace(void);
/* On as many CPUs as there are. */
void test_cpus(void);
void test_clocks(void);
/* On two at least; swap has to be on, else pages that should go out stay. */
void test_dirty(void);

#endif
