// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPUID leaves by which a guest finds Paravane. They stand beside KVM's own block at 0x40000000, which a guest
 * needs for kvmclock and its other services; KVM itself keeps 0x40000100 for Hyper-V and Xen, hence the distance.
 */
#include "cpuid_pvn.h"

#include <string.h>

#include "hypercall.h"

unsigned int cpuid_pvn_leaves(const struct machine *m, unsigned int vcpu, struct kvm_cpuid_entry2 *entry,
			      unsigned int room)
{
	if (room < CPUID_PVN_LEAVES)
		return 0;
	memset(entry, 0, CPUID_PVN_LEAVES * sizeof(*entry));
	for (unsigned int leaf = 0; leaf < CPUID_PVN_LEAVES; leaf++)
		entry[leaf].function = PVN_CPUID_HOST_BASE + leaf;

	entry[PVN_CPUID_LEAF_BASE].eax = PVN_CPUID_HOST_BASE + PVN_CPUID_MAX_LEAF;
	entry[PVN_CPUID_LEAF_BASE].ebx = PVN_CPUID_SIGNATURE_EBX;
	entry[PVN_CPUID_LEAF_BASE].ecx = PVN_CPUID_SIGNATURE_ECX;
	entry[PVN_CPUID_LEAF_BASE].edx = PVN_CPUID_SIGNATURE_EDX;

	entry[PVN_CPUID_LEAF_VERSION].eax = PVN_ABI_VERSION;
	entry[PVN_CPUID_LEAF_VERSION].ebx = m->pv_mode ? PVN_CPUID_MODE_PV : PVN_CPUID_MODE_HVM;
	entry[PVN_CPUID_LEAF_VERSION].ecx = m->nr_vcpus;

	entry[PVN_CPUID_LEAF_FEATURES].eax = hypercalls_offered(m->hypercall, 0);
	entry[PVN_CPUID_LEAF_FEATURES].ebx = hypercalls_offered(m->hypercall, 1);
	entry[PVN_CPUID_LEAF_FEATURES].ecx = hypercalls_offered(m->hypercall, 2);
	entry[PVN_CPUID_LEAF_FEATURES].edx = hypercalls_offered(m->hypercall, 3);

	if (!m->pv_mode) {
		entry[PVN_CPUID_LEAF_TRANSPORT].eax = PVN_PORT_PAGE;
		entry[PVN_CPUID_LEAF_TRANSPORT].ebx = PVN_PORT_CALL;
	}

	entry[PVN_CPUID_LEAF_VCPU].eax = vcpu;
	return CPUID_PVN_LEAVES;
}
