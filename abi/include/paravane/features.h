/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Versions and features of the hypercall interface, both ways: the host offers (CPUID, or core.features), the guest
 * answers with what it understands (core.accept_features), and from then on only what was accepted is in use.
 *
 * A device's own features are another matter: PVN_REG_FEATURES and struct pvn_attach.
 */
#ifndef PARAVANE_FEATURES_H
#define PARAVANE_FEATURES_H

#include <paravane/types.h>

/* A major changes the meaning of what is there, and is refused by who doesn't know it; a minor only adds. */
#define PVN_ABI_MAJOR 1
#define PVN_ABI_MINOR 0
#define PVN_ABI_VERSION ((PVN_ABI_MAJOR << 16) | PVN_ABI_MINOR)

#define PVN_FEATURE_WORDS 4 /* words of 32 bits; bits that are not named are zero */

/* Word 0: families of calls. The core family is always there. */
#define PVN_F0_CPU PVN_U32(0x1)	     /* pv mode */
#define PVN_F0_MMU PVN_U32(0x2)	     /* pv mode */
#define PVN_F0_SCHED PVN_U32(0x4)
#define PVN_F0_TIME PVN_U32(0x8)
#define PVN_F0_VCPU PVN_U32(0x10)    /* pv mode */
#define PVN_F0_EVENT PVN_U32(0x20)
#define PVN_F0_RING PVN_U32(0x40)
#define PVN_F0_CONSOLE PVN_U32(0x80)
#define PVN_F0_MEMORY PVN_U32(0x100)
#define PVN_F0_DEBUG PVN_U32(0x200)

/* Words 1 to 3 are free: zero. */

#endif /* PARAVANE_FEATURES_H */
