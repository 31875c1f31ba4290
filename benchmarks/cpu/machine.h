/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine under cpu-bench: set up when it is a guest's first process, and described. */
#ifndef CPU_BENCH_MACHINE_H
#define CPU_BENCH_MACHINE_H

#include <stdint.h>

/* /proc, /sys, /dev, and the modules in /modules/RELEASE in the order of their names. What fails is printed as NOTE. */
void machine_set_up(void);

/* MACHINE lines, KEY=VALUE to the end of the line: kernel, command line, CPUID, THP, vulnerabilities, clock. */
void machine_print(void);

/*
 * Uses three quarters of the free memory once, so that the host has given it by the time something is measured. In
 * pages.
 */
uint64_t machine_touch_memory(void);

#endif
