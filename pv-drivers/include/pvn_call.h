/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls for kernel code. Exported by paravane_bus; numbers and structures are in abi/.
 */
#ifndef PVN_CALL_H
#define PVN_CALL_H

#include <linux/types.h>
#include <paravane/cpuid.h>
#include <paravane/hypercall.h>

/* What CPUID says of the host, and what both sides agreed on. */
struct pvn_host_info {
	u32 base;		/* CPUID base; zero when there is no Paravane host */
	u32 version;		/* major << 16 | minor of the host's ABI */
	u32 mode;		/* PVN_CPUID_MODE_* */
	u32 nr_vcpus;
	u32 page_port;		/* takes the hypercall page's frame number; zero in pv mode */
	u32 offered[PVN_FEATURE_WORDS];
	u32 accepted[PVN_FEATURE_WORDS];
	bool calls_usable;	/* the hypercall page is filled */
};

const struct pvn_host_info *pvn_host_info(void);

/* Any call. Zero or more when done, -PVN_E* when not; -PVN_ENOSYS without a host. */
s64 pvn_hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);

/* nr_entries calls through one transition. How many were made, or -PVN_E*. */
s64 pvn_multicall(struct pvn_multicall_entry *entries, u32 nr_entries, u32 flags);

/* -PVN_E* as the -errno nearest to it, and its name for messages. */
int pvn_errno(s64 error);
const char *pvn_error_name(s64 error);

#endif /* PVN_CALL_H */
