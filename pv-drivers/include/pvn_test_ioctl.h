/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/paravane_test: hypercalls made for a root program, for tests and benchmarks.
 */
#ifndef PVN_TEST_IOCTL_H
#define PVN_TEST_IOCTL_H

#include <linux/ioctl.h>
#include <paravane/types.h>

#define PVN_TEST_PAGES 4 /* of memory that mmap() gives, for calls that take addresses */
#define PVN_TEST_BYTES (PVN_TEST_PAGES * 4096)

/* Guest-physical address of that memory, and what the bus module knows of the host. */
struct pvn_test_info {
	pvn_u64 phys;		/* of the first byte; the pages follow each other */
	pvn_u64 bytes;
	pvn_u32 cpuid_base;	/* zero without a host */
	pvn_u32 version;
	pvn_u32 mode;
	pvn_u32 usable;		/* calls reach the host */
	pvn_u32 offered[4];
	pvn_u32 accepted[4];
};

/* One call, as it stands. */
struct pvn_test_call {
	pvn_u64 nr;
	pvn_u64 args[6];
	pvn_s64 result;
};

/* `rounds` transitions, of one null call each, or of a multicall of `batch` null calls. */
struct pvn_test_time {
	pvn_u32 rounds;		/* 1 … 1000000 */
	pvn_u32 batch;		/* 0: single calls; 1 … PVN_MULTICALL_MAX */
	pvn_u64 ns;		/* for all of them, with preemption off in slices */
	pvn_u64 calls;		/* that succeeded */
	pvn_s64 error;		/* zero, or what the first one that failed returned */
};

#define PVN_TEST_INFO _IOR('P', 0x50, struct pvn_test_info)
#define PVN_TEST_CALL _IOWR('P', 0x51, struct pvn_test_call)
#define PVN_TEST_TIME _IOWR('P', 0x52, struct pvn_test_time)

#endif /* PVN_TEST_IOCTL_H */
