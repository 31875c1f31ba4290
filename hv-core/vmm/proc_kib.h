/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VMM_PROC_KIB_H
#define VMM_PROC_KIB_H

/* The value of the line "name:  123 kB" of a file as /proc/meminfo or /proc/self/status, in KiB; 0 when absent. */
unsigned long long proc_kib(const char *path, const char *name);

#endif
