# SPDX-License-Identifier: GPL-2.0-only

# The harness defines functions without prototypes and compares int with what it is given.
RING_TEST_CFLAGS = $(PVN_CFLAGS) -Wno-missing-prototypes -Wno-sign-compare -isystem $(PVN_KSELFTEST_INC)

RING_TESTS := ring_basic ring_hostile ring_threads ring_processes
TEST_PROGRAMS += $(RING_TESTS:%=$(OUT)/tests/ring/%)

$(OUT)/tests/ring/ring_basic $(OUT)/tests/ring/ring_hostile: RING_SANITIZE = $(SANITIZE)
$(OUT)/tests/ring/ring_threads: RING_SANITIZE = -fsanitize=thread
$(OUT)/tests/ring/ring_processes: RING_SANITIZE =

$(RING_TESTS:%=$(OUT)/tests/ring/%): $(OUT)/tests/ring/%: tests/ring/%.c
	@mkdir -p $(@D)
	$(CC) $(RING_TEST_CFLAGS) $(RING_SANITIZE) -MMD -o $@ $<
