# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Both ends are headers: what is built here is the measurement of what they cost.

$(OUT)/bin/ring-bench: benchmarks/ring-bench.c
	@mkdir -p $(@D) $(OUT)/obj/benchmarks
	$(CC) $(PVN_CFLAGS) -MMD -MF $(OUT)/obj/benchmarks/ring-bench.d -o $@ $<

PROGRAMS += $(OUT)/bin/ring-bench
