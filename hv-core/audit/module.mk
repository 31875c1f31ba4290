# SPDX-License-Identifier: GPL-2.0-only
# `paravane audit`, as a library: main.c of the VMM has the table of commands. A second time with sanitizers, for tests.

AUDIT_DIR := hv-core/audit
AUDIT_SRCS := $(sort $(wildcard $(AUDIT_DIR)/*.c))
AUDIT_LIB := $(OUT)/obj/$(AUDIT_DIR)/libaudit.a
AUDIT_LIB_ASAN := $(OUT)/obj/asan/$(AUDIT_DIR)/libaudit.a
AUDIT_CFLAGS := -I$(AUDIT_DIR) -Ihv-core/vmm
AUDIT_LIBS := -lZydis

$(AUDIT_SRCS:%.c=$(OUT)/obj/%.o): $(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(AUDIT_CFLAGS) -MMD -MP -c -o $@ $<

$(AUDIT_SRCS:%.c=$(OUT)/obj/asan/%.o): $(OUT)/obj/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(AUDIT_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

$(AUDIT_LIB): $(AUDIT_SRCS:%.c=$(OUT)/obj/%.o)
	rm -f $@ && ar rcs $@ $^

$(AUDIT_LIB_ASAN): $(AUDIT_SRCS:%.c=$(OUT)/obj/asan/%.o)
	rm -f $@ && ar rcs $@ $^
