/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Discovery. Paravane's leaves are a block of their own among the hypervisor leaves, because KVM keeps 0x40000000 for
 * itself. The guest looks at each base from PVN_CPUID_FIRST to PVN_CPUID_LAST in steps of PVN_CPUID_STEP, and takes
 * the first whose EBX, ECX, EDX spell the signature. Leaf numbers below are offsets from that base.
 */
#ifndef PARAVANE_CPUID_H
#define PARAVANE_CPUID_H

#include <paravane/types.h>

#define PVN_CPUID_FIRST PVN_U32(0x40000000)
#define PVN_CPUID_LAST PVN_U32(0x4000ff00)
#define PVN_CPUID_STEP PVN_U32(0x100)
#define PVN_CPUID_HOST_BASE PVN_U32(0x40000400) /* where this host puts them; a guest scans all the same */

/* "ParavaneHost" */
#define PVN_CPUID_SIGNATURE_EBX PVN_U32(0x61726150)
#define PVN_CPUID_SIGNATURE_ECX PVN_U32(0x656e6176)
#define PVN_CPUID_SIGNATURE_EDX PVN_U32(0x74736f48)

/* Leaf 0: EAX the last leaf (base + PVN_CPUID_MAX_LEAF or more); EBX, ECX, EDX the signature. */
#define PVN_CPUID_LEAF_BASE 0
/* Leaf 1: EAX version, major << 16 | minor; EBX mode; ECX number of vCPUs; EDX zero. */
#define PVN_CPUID_LEAF_VERSION 1
#define PVN_CPUID_MODE_HVM 0
#define PVN_CPUID_MODE_PV 1
/* Leaf 2: EAX, EBX, ECX, EDX feature words 0 to 3 that the host offers (features.h). */
#define PVN_CPUID_LEAF_FEATURES 2
/* Leaf 3: EAX the port that takes the hypercall page's frame number; EBX the port that the page's code uses; the
 * rest is zero. Both are zero in pv mode, where the page needs neither. */
#define PVN_CPUID_LEAF_TRANSPORT 3
/* Leaf 4: EAX the number of the vCPU that asks; the rest is zero. */
#define PVN_CPUID_LEAF_VCPU 4
#define PVN_CPUID_MAX_LEAF 4

/* Ports in hvm mode. A guest takes the numbers from leaf 3. */
#define PVN_PORT_PAGE 0x5650 /* 32-bit: write a frame number; read the frame of the page in use */
#define PVN_PORT_CALL 0x5654 /* 32-bit: written by the page's code only */
#define PVN_PORT_PAGE_NONE PVN_U32(0xffffffff) /* written: forget the page; read: no page, or the last was refused */

#endif /* PARAVANE_CPUID_H */
