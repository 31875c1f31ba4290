# SPDX-License-Identifier: GPL-2.0-only
# The monitor's plain C as an ordinary program, with sanitizers and with functions of the tests' own for ring 0.

MONITOR_TESTS := traps calls user interrupts doorbells mmu mmu_update mmu_random vcpus
MONITOR_TEST_PROGRAMS := $(MONITOR_TESTS:%=$(OUT)/tests/monitor/%)
TEST_PROGRAMS += $(MONITOR_TEST_PROGRAMS)

$(MONITOR_TEST_PROGRAMS): $(OUT)/tests/monitor/%: tests/monitor/%.c tests/monitor/fake.c tests/monitor/space.c $(MONITOR_PLAIN_SRCS) \
		tests/monitor/fake.h tests/monitor/space.h $(wildcard $(MONITOR_DIR)/*.h $(MONITOR_DIR)/*.inc)
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -Itests/monitor -I$(MONITOR_DIR) $(SANITIZE) -isystem $(PVN_KSELFTEST_INC) -Wno-sign-compare \
		-Wno-missing-prototypes -o $@ $(filter %.c,$^)

# And with a thread for each vCPU.
MONITOR_THREADS := $(OUT)/tests/monitor/vcpu_threads
TEST_PROGRAMS += $(MONITOR_THREADS)

$(MONITOR_THREADS): tests/monitor/vcpu_threads.c $(MONITOR_PLAIN_SRCS) $(wildcard $(MONITOR_DIR)/*.h $(MONITOR_DIR)/*.inc)
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -I$(MONITOR_DIR) -fsanitize=thread -isystem $(PVN_KSELFTEST_INC) -Wno-sign-compare \
		-Wno-missing-prototypes -o $@ $(filter %.c,$^)

# The same under libFuzzer, which is a part of clang.
MONITOR_FUZZERS := $(OUT)/tests/monitor/fuzz_calls $(OUT)/tests/monitor/fuzz_decode
TEST_PROGRAMS += $(MONITOR_FUZZERS)

$(MONITOR_FUZZERS): $(OUT)/tests/monitor/%: tests/monitor/%.c tests/monitor/fake.c tests/monitor/space.c $(MONITOR_PLAIN_SRCS) \
		tests/monitor/fake.h tests/monitor/space.h $(wildcard $(MONITOR_DIR)/*.h $(MONITOR_DIR)/*.inc)
	@mkdir -p $(@D)
	clang $(PVN_CFLAGS) -Itests/monitor -I$(MONITOR_DIR) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $(filter %.c,$^) -lZydis
