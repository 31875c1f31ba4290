/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What CPUID tells the guest: what KVM supports on this host, with the guest's own topology (one package, one thread
 * a core), less what the user switched off, plus Paravane's own leaves.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpuid_pvn.h"
#include "vcpu.h"
#include "vm.h"

#define CPUID_MAX_ENTRIES 256

#define L1_ECX_TSC_DEADLINE (1u << 24)
#define L1_ECX_HYPERVISOR (1u << 31)
#define L1_EDX_HTT (1u << 28)
#define EXT1_ECX_CMP_LEGACY (1u << 1)
#define TOPOLOGY_SMT 1u
#define TOPOLOGY_CORE 2u

struct cpuid_list {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[CPUID_MAX_ENTRIES];
};

static struct kvm_cpuid_entry2 *find(struct cpuid_list *list, uint32_t leaf, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < list->head.nent; i++) {
		if (list->entry[i].function == leaf && list->entry[i].index == index)
			return &list->entry[i];
	}
	return NULL;
}

static void drop(struct cpuid_list *list, uint32_t first, uint32_t last)
{
	unsigned int from, to = 0;

	for (from = 0; from < list->head.nent; from++) {
		if (list->entry[from].function < first || list->entry[from].function > last)
			list->entry[to++] = list->entry[from];
	}
	list->head.nent = to;
}

static void add(struct cpuid_list *list, const struct kvm_cpuid_entry2 *entry)
{
	if (list->head.nent < CPUID_MAX_ENTRIES)
		list->entry[list->head.nent++] = *entry;
}

/* Bits that number `count` things. */
static unsigned int width(unsigned int count)
{
	unsigned int bits = 0;

	while ((1u << bits) < count)
		bits++;
	return bits;
}

/* Intel's extended topology leaf, which AMD has too: threads of a core, then cores of the package. */
static void set_extended_topology(struct cpuid_list *list, unsigned int apic_id, unsigned int cpus)
{
	struct kvm_cpuid_entry2 *base = find(list, 0, 0);
	struct kvm_cpuid_entry2 e = { .function = 0xb, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .edx = apic_id };

	drop(list, 0xb, 0xb);
	drop(list, 0x1f, 0x1f);
	if (!base || base->eax < 0xb)
		return;
	e.index = 0;
	e.eax = 0;
	e.ebx = 1;
	e.ecx = TOPOLOGY_SMT << 8;
	add(list, &e);
	e.index = 1;
	e.eax = width(cpus);
	e.ebx = cpus;
	e.ecx = 1 | TOPOLOGY_CORE << 8;
	add(list, &e);
	e.index = 2;
	e.eax = e.ebx = 0;
	e.ecx = 2;
	add(list, &e);
}

/* Caches of level 1 and 2 belong to a core, those above to the package. */
static void set_cache_sharing(struct kvm_cpuid_entry2 *e, unsigned int cpus)
{
	unsigned int level = (e->eax >> 5) & 7, sharers = level >= 3 ? cpus : 1;

	if (!(e->eax & 0x1f))
		return;
	e->eax &= 0x3fff;
	e->eax |= (sharers - 1) << 14;
	if (e->function == 4)
		e->eax |= (cpus - 1) << 26;
}

static void set_topology(struct cpuid_list *list, unsigned int apic_id, unsigned int cpus)
{
	struct kvm_cpuid_entry2 *e;
	unsigned int i;

	set_extended_topology(list, apic_id, cpus);
	for (i = 0; i < list->head.nent; i++) {
		e = &list->entry[i];
		switch (e->function) {
		case 1:
			e->ebx = (e->ebx & 0xffff) | cpus << 16 | apic_id << 24;
			e->edx = cpus > 1 ? e->edx | L1_EDX_HTT : e->edx & ~L1_EDX_HTT;
			break;
		case 4:
		case 0x8000001d:
			set_cache_sharing(e, cpus);
			break;
		case 0x80000001:
			/* Bit of AMD's alone; Intel keeps it clear. */
			if (find(list, 0x8000001d, 0) || find(list, 0x8000001e, 0))
				e->ecx = cpus > 1 ? e->ecx | EXT1_ECX_CMP_LEGACY : e->ecx & ~EXT1_ECX_CMP_LEGACY;
			break;
		case 0x80000008:
			e->ecx = (cpus - 1) | width(cpus) << 12;
			break;
		case 0x8000001e:
			e->eax = apic_id;
			e->ebx = apic_id;
			e->ecx = 0;
			break;
		}
	}
}

#define BIT(n) (1u << (n))

/*
 * What a kernel at level 3 cannot use, or would believe itself protected by: its pages are user pages to the CPU. Hidden
 * until the monitor serves it, or for good.
 */
static const struct cpuid_mask pv_masks[] = {
	{ 1, 0, {
		/* ecx: MONITOR, VMX, PCID, x2APIC, TSC deadline */
		[2] = BIT(3) | BIT(5) | BIT(17) | BIT(21) | BIT(24),
		/* edx: machine checks, local APIC (which KVM sets again), SYSENTER, MTRR, global pages */
		[3] = BIT(7) | BIT(14) | BIT(9) | BIT(11) | BIT(12) | BIT(13),
	} },
	{ 7, 0, {
		/* ebx: FSGSBASE, TSC_ADJUST, SMEP, INVPCID, MPX, SMAP */
		[1] = BIT(0) | BIT(1) | BIT(7) | BIT(10) | BIT(14) | BIT(20),
		/* ecx: UMIP, protection keys, shadow stacks, LA57 */
		[2] = BIT(2) | BIT(3) | BIT(4) | BIT(7) | BIT(16),
		/* edx: indirect-branch tracking, AMX; the speculation controls and what describes them */
		[3] = BIT(20) | BIT(22) | BIT(24) | BIT(25) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30) | BIT(31),
	} },
	/* The states of XSAVE that control.c of the monitor allows: x87, SSE, AVX, AVX-512. */
	{ 0xd, 0, { [0] = ~0xe7u, [3] = ~0u } },
	/* eax: XSAVES, the mask of the first use of AMX; ecx, edx: what XSAVES alone saves */
	{ 0xd, 1, { [0] = BIT(3) | BIT(4), [2] = ~0u, [3] = ~0u } },
	/* ecx: SVM; edx: as leaf 1 */
	{ 0x80000001, 0, {
		[2] = BIT(2),
		[3] = BIT(7) | BIT(9) | BIT(12) | BIT(13) | BIT(14),
	} },
	/* ebx: IBPB, IBRS, STIBP, SSBD, virtual SSBD */
	{ 0x80000008, 0, { [1] = BIT(12) | BIT(14) | BIT(15) | BIT(24) | BIT(25) } },
};

static void mask_leaf(struct cpuid_list *list, const struct cpuid_mask *mask)
{
	struct kvm_cpuid_entry2 *e = find(list, mask->leaf, mask->subleaf);

	if (!e)
		return;
	e->eax &= ~mask->clear[0];
	e->ebx &= ~mask->clear[1];
	e->ecx &= ~mask->clear[2];
	e->edx &= ~mask->clear[3];
}

/* KVM's own services are asked for by registers that level 3 does not reach. */
static void set_pv_features(struct cpuid_list *list)
{
	for (unsigned int i = 0; i < sizeof(pv_masks) / sizeof(pv_masks[0]); i++)
		mask_leaf(list, &pv_masks[i]);
	drop(list, KVM_CPUID_SIGNATURE, KVM_CPUID_FEATURES);
	/* Counters of events. */
	drop(list, 0xa, 0xa);
}

static void set_features(struct vcpu *vcpu, struct cpuid_list *list)
{
	const struct run_options *opt = vcpu->vm->opt;
	struct kvm_cpuid_entry2 *e = find(list, 1, 0);
	unsigned int i;

	if (e) {
		e->ecx |= L1_ECX_HYPERVISOR;
		/* KVM's local APIC has the mode, but the list leaves it to the VMM. */
		if (ioctl(vcpu->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= L1_ECX_TSC_DEADLINE;
	}
	e = find(list, KVM_CPUID_FEATURES, 0);
	if (e)
		e->eax &= opt->kvm_features;
	/* With none of them left the guest isn't told of KVM at all. */
	if (e && !e->eax)
		drop(list, KVM_CPUID_SIGNATURE, KVM_CPUID_FEATURES);
	if (opt->pv)
		set_pv_features(list);
	for (i = 0; i < opt->nr_cpuid_masks; i++)
		mask_leaf(list, &opt->cpuid_mask[i]);
}

int cpuid_setup(struct vcpu *vcpu, char *err, unsigned int errlen)
{
	struct cpuid_list *list = calloc(1, sizeof(*list));
	int ret;

	if (!list) {
		snprintf(err, errlen, "no memory for the CPUID list");
		return -ENOMEM;
	}
	list->head.nent = CPUID_MAX_ENTRIES;
	if (ioctl(vcpu->vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, list) < 0) {
		ret = -errno;
		snprintf(err, errlen, "KVM doesn't tell what CPUID it supports: %s", strerror(-ret));
		goto free_list;
	}
	set_topology(list, vcpu->index, vcpu->vm->m.nr_vcpus);
	set_features(vcpu, list);
	list->head.nent += cpuid_pvn_leaves(&vcpu->vm->m, vcpu->index, list->entry + list->head.nent,
					    CPUID_MAX_ENTRIES - list->head.nent);
	ret = ioctl(vcpu->fd, KVM_SET_CPUID2, list) < 0 ? -errno : 0;
	if (ret)
		snprintf(err, errlen, "KVM refused the guest's CPUID: %s: drop --cpuid-mask if it is given", strerror(-ret));
free_list:
	free(list);
	return ret;
}
