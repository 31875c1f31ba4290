/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM's binary statistics (KVM_GET_STATS_FD): self-describing counters of a machine or a vCPU. */
#ifndef VMM_KVM_STATS_H
#define VMM_KVM_STATS_H

#include <stdint.h>

/* Call fn for each counter with one value. 0 or -errno. */
int kvm_stats_each(int fd, void (*fn)(void *opaque, const char *name, uint64_t value), void *opaque);
/* One counter by name; 0 when there is none. */
uint64_t kvm_stats_value(int fd, const char *name);

#endif
