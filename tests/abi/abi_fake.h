/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine without KVM to make calls in: real guest memory and event loop, recorders for everything that a call asks
 * of the VMM. Every answer is noted, so that a test can tell at its end which documented error it has not seen.
 */
#ifndef ABI_FAKE_H
#define ABI_FAKE_H

#include <stdarg.h>
#include <stdint.h>

#include <paravane/hypercall_nr.h>

#include "hypercall.h"

#define FAKE_VCPUS 4
#define FAKE_HIGH_BYTES (64ull << 20) /* RAM above the hole */
#define FAKE_RAM_BYTES (GMEM_HOLE_START + FAKE_HIGH_BYTES)
#define FAKE_RAM_END (GMEM_HOLE_END + FAKE_HIGH_BYTES)
#define FAKE_MAX_MSIS 64
#define FAKE_ALL_FEATURES (PVN_F0_SCHED | PVN_F0_TIME | PVN_F0_EVENT | PVN_F0_RING | PVN_F0_CONSOLE | \
			   PVN_F0_MEMORY | PVN_F0_DEBUG)

struct fake {
	struct machine m;
	struct hypercalls *h;
	unsigned int vcpu; /* that makes the calls */
	unsigned int cpl;

	unsigned int stops;
	enum stop_reason stop_reason;
	char stop_text[512];
	unsigned int crashes;

	uint64_t guest_clock_start; /* in pv mode: its clock when the host's monotonic one was 0 */

	unsigned int nr_msis;
	struct {
		uint64_t addr;
		uint32_t data;
	} msi[FAKE_MAX_MSIS];

	char console_out[8192];
	long console_out_len;
	long console_limit; /* bytes that a write takes; negative: it fails */
	const char *console_in;
	long console_in_error;

	unsigned int log_lines;
	char log_last[8192];
	unsigned int marks, marks_room;
	uint32_t mark_id;
	uint64_t mark_value;
};

/* 0, or -1 with a message. ops: NULL for all operations. */
int fake_init(struct fake *fake, const struct hypercall_ops *ops);
/* The same as the VMM is in pv mode, where calls come from the monitor. */
int fake_init_pv(struct fake *fake);
void fake_destroy(struct fake *fake);
extern const struct hypercall_ops fake_ops;

/* One call with all six arguments given; fake_call() fills up with zeroes. */
int64_t fake_call6(struct fake *fake, uint64_t nr, const uint64_t args[PVN_HYPERCALL_ARGS]);
#define fake_call(fake, nr, ...) fake_call6(fake, nr, (const uint64_t[PVN_HYPERCALL_ARGS]){ __VA_ARGS__ })
/* core.accept_features with everything that is offered. */
int64_t fake_accept_all(struct fake *fake);

/* Where a test keeps things in guest memory. */
static inline void *fake_ptr(struct fake *fake, uint64_t gpa, uint64_t len)
{
	return gmem_ptr(&fake->m.gmem, GPA(gpa), len);
}

/* The answers, shared between the processes in which a harness runs its tests. */
struct documented_error {
	uint32_t nr;
	int error;
};
bool fake_error_seen(uint32_t nr, int error);

/*
 * Calls of one family: what all of them share. Level 3, before acceptance, without acceptance, and each 32-bit
 * argument with a bit in its upper half. Returns NULL, or what went wrong.
 */
const char *fake_check_shared_errors(unsigned int family);
/* The documented errors of one family that no test has seen: how many, after printing them. */
unsigned int fake_unseen_errors(unsigned int family);

/*
 * The two tests that each family's file ends with. In a fixture of their own, declared last: the harness runs fixtures
 * in the order in which it meets them, and tests without one before all others.
 */
#define FAMILY_TESTS(family)                                          \
	FIXTURE(family_end) {};                                       \
	FIXTURE_SETUP(family_end) {}                                  \
	FIXTURE_TEARDOWN(family_end) {}                               \
	TEST_F(family_end, shared_errors)                             \
	{                                                             \
		const char *wrong = fake_check_shared_errors(family); \
								      \
		ASSERT_EQ(NULL, wrong) TH_LOG("%s", wrong);           \
	}                                                             \
	TEST_F(family_end, every_documented_error_seen)               \
	{                                                             \
		EXPECT_EQ(0, fake_unseen_errors(family));             \
	}

#endif
