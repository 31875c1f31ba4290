/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPUID leaves by which a guest finds Paravane. */
#ifndef VMM_CPUID_PVN_H
#define VMM_CPUID_PVN_H

#include <linux/kvm.h>
#include <paravane/cpuid.h>

struct machine;

#define CPUID_PVN_LEAVES (PVN_CPUID_MAX_LEAF + 1)

/* Write the entries of one vCPU, to stand beside those that KVM supports: how many, 0 when there is no room. */
unsigned int cpuid_pvn_leaves(const struct machine *m, unsigned int vcpu, struct kvm_cpuid_entry2 *entry,
			      unsigned int room);

#endif
