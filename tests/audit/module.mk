# SPDX-License-Identifier: GPL-2.0-only
# Tests of `paravane audit`: objects assembled here, whose contents the assembler itself lists, and real kernels.

AUDIT_TEST_DIR := $(OUT)/tests/audit
AUDIT_OBJECTS := $(AUDIT_TEST_DIR)/instructions.o $(AUDIT_TEST_DIR)/tables.o $(AUDIT_TEST_DIR)/tables-new.o \
	$(AUDIT_TEST_DIR)/tables.elf
AUDIT_TESTS := $(AUDIT_TEST_DIR)/listing $(AUDIT_TEST_DIR)/hostile

AUDIT_REAL := -DVMLINUX='"$(PVN_KERNEL_VMLINUX)"' \
	-DMODULE='"$(PVN_KERNEL_MODULES)/lib/modules/$(PVN_KERNEL_RELEASE)/kernel/arch/x86/kernel/msr.ko"'

TEST_PROGRAMS += $(AUDIT_TESTS)

$(AUDIT_TEST_DIR)/%.o: tests/audit/%.S
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<

$(AUDIT_TEST_DIR)/tables-new.o: tests/audit/tables.S
	@mkdir -p $(@D)
	$(CC) -DNEW_RECORDS -c -o $@ $<

# Linked where kernels are: addresses instead of section and offset.
$(AUDIT_TEST_DIR)/tables.elf: $(AUDIT_TEST_DIR)/tables.o
	ld -Ttext=0xffffffff81000000 -e removed -o $@ $<

$(AUDIT_TESTS): $(AUDIT_TEST_DIR)/%: tests/audit/%.c tests/audit/audit_test.h $(AUDIT_LIB_ASAN) $(VMM_LIB_ASAN) $(AUDIT_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(AUDIT_CFLAGS) $(SANITIZE) -isystem $(PVN_KSELFTEST_INC) -Wno-sign-compare \
		-Wno-missing-prototypes $(AUDIT_REAL) -o $@ $(filter %.c %.a,$^) $(VMM_LIBS) $(AUDIT_LIBS)
