# SPDX-License-Identifier: GPL-2.0-only
# The VMM: everything but main.c also as a library, so that unit tests link the parts that they need. The library
# exists a second time with sanitizers, for the tests that feed it hostile input.

VMM_DIR := hv-core/vmm
VMM_SRCS := $(sort $(wildcard $(VMM_DIR)/*.c $(VMM_DIR)/devices/emulated/*.c $(VMM_DIR)/devices/pv/*.c))
VMM_LIB_SRCS := $(filter-out $(VMM_DIR)/main.c,$(VMM_SRCS))
VMM_OBJS := $(VMM_SRCS:%.c=$(OUT)/obj/%.o)
VMM_LIB := $(OUT)/obj/$(VMM_DIR)/libvmm.a
VMM_LIB_ASAN := $(OUT)/obj/asan/$(VMM_DIR)/libvmm.a
# Named directly: libslirp's pkg-config file asks for glib's headers, which nothing here includes.
VMM_CFLAGS := -I$(VMM_DIR) -I/usr/include/slirp
VMM_LIBS := -lslirp -luring -ljansson -llzma -lz

PARAVANE := $(OUT)/bin/paravane
PROGRAMS += $(PARAVANE)

include $(VMM_DIR)/acpi/module.mk

$(VMM_OBJS): $(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(VMM_CFLAGS) -MMD -MP -c -o $@ $<

$(VMM_LIB_SRCS:%.c=$(OUT)/obj/asan/%.o): $(OUT)/obj/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) $(VMM_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

# Made anew as a whole: an archive keeps members whose sources are gone.
$(VMM_LIB): $(VMM_LIB_SRCS:%.c=$(OUT)/obj/%.o) $(MONITOR_IMAGE)
	rm -f $@ && ar rcs $@ $^

$(VMM_LIB_ASAN): $(VMM_LIB_SRCS:%.c=$(OUT)/obj/asan/%.o) $(MONITOR_IMAGE)
	rm -f $@ && ar rcs $@ $^

$(PARAVANE): $(OUT)/obj/$(VMM_DIR)/main.o $(AUDIT_LIB) $(VMM_LIB)
	@mkdir -p $(@D)
	$(CC) $(PVN_CFLAGS) -o $@ $^ $(VMM_LIBS) $(AUDIT_LIBS)

docs/completion/paravane.bash: $(PARAVANE)
	@mkdir -p $(@D)
	$(PARAVANE) completion > $@
