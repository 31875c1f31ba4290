# SPDX-License-Identifier: GPL-2.0-only
# Paravane: a paravirtualization kit for Linux on KVM.
#
#   make demo     set up, build, compare PV devices with emulated ones; report in out/demo/
#   make check    set up, build, run the tests
#   make help     everything else
#
# One make for the whole tree (no recursion): each folder's module.mk adds its programs and rules. The two commands
# above first run set-up, then make again, since set-up decides which headers there are to build against.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

TOP := $(CURDIR)
OUT := out
JOBS ?= $(shell nproc)

CC := gcc
HOST_PYTHON := /usr/bin/python3
PKG_CONFIG := pkg-config
CFLAGS := -O2 -g
PVN_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wno-unused-parameter \
	-Werror -fno-strict-aliasing -pthread -Iabi/include -Ishared-ring $(CFLAGS)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# The harness is the kernel source's; its warnings are not ours to mend.
KSELFTEST_CFLAGS = -isystem $(PVN_KSELFTEST_INC) -Wno-missing-prototypes -Wno-sign-compare

# What set-up put into the cache: PVN_KDIR, PVN_KSELFTEST_INC, … Empty until it has run.
-include $(OUT)/paths.mk

PROGRAMS :=
TEST_PROGRAMS :=
GENERATED :=

include $(wildcard abi/module.mk)
include $(wildcard shared-ring/module.mk)
include $(wildcard hv-core/audit/module.mk)
include $(wildcard hv-core/monitor/module.mk)
include $(wildcard hv-core/vmm/module.mk)
include $(wildcard pv-drivers/module.mk)
include $(wildcard guest-kernel-patches/module.mk)
include $(wildcard benchmarks/module.mk)
include $(sort $(wildcard tests/*/module.mk))

.PHONY: all programs tests modules
all: programs modules
programs: $(PROGRAMS)
tests: $(TEST_PROGRAMS)

.PHONY: setup demo bench-cpu check soak lint clean help install
setup:
	@tests/phase setup tests/setup/all

demo: setup guest-kernel-phase
	@tests/phase build $(MAKE) -s -j$(JOBS) programs modules $(OUT)/guest-initrd $(OUT)/guest-kernel/initrd
	@benchmarks/demo $(if $(PEER),--peer $(PEER)) $(DEMO_ARGS)

# The patched kernel, and the same one without patches, before the second make: paths.mk names them for it.
bench-cpu: setup
	@tests/phase guest-kernel tests/setup/all guest-kernel stock-kernel
	@tests/phase build $(MAKE) -s -j$(JOBS) programs modules $(OUT)/cpu/initrd
	@benchmarks/cpu/bench-cpu $(BENCH_CPU_ARGS)

# After set-up, so that the version of Debian's kernel is known; before the build, which makes drivers for it.
.PHONY: guest-kernel-phase
guest-kernel-phase: setup
	@tests/phase guest-kernel $(MAKE) -s guest-kernel

check: setup guest-kernel-phase
	@tests/phase build $(MAKE) -s -j$(JOBS) programs modules tests
	@tests/phase tests tests/run

soak: setup guest-kernel-phase
	@tests/phase build $(MAKE) -s -j$(JOBS) programs modules tests
	@tests/soak

compile_commands.json: FORCE
	$(MAKE) -nwB programs tests | tests/compile-commands > $@

.PHONY: FORCE
FORCE:

PREFIX ?= /usr/local
install: programs
	install -D -m 755 $(OUT)/bin/paravane $(DESTDIR)$(PREFIX)/bin/paravane
	for page in docs/man/*.1; do install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man1/$${page##*/} || exit 1; done
	install -D -m 644 docs/completion/paravane.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/paravane

# A tree of kernel patches may hold work that is nowhere else.
clean:
	$(if $(wildcard $(OUT)/guest-kernel-tree),@echo '$(OUT)/guest-kernel-tree stays: remove it by hand')
	if [ -d $(OUT) ]; then find $(OUT) -mindepth 1 -maxdepth 1 ! -name guest-kernel-tree -exec rm -rf {} +; fi

help:
	@echo 'make demo [PEER=qemu]   set up, build, compare PV with emulated devices: out/demo/report.{txt,json,html}'
	@echo 'make bench-cpu          system calls, processes, page tables, hypercalls in each mode: out/cpu/report.{txt,json}'
	@echo 'make check              set up, build, run the tests'
	@echo 'make soak               the long forms of the tests'
	@echo 'make                    build the VMM and the guest modules'
	@echo 'make setup              packages and caches only'
	@echo 'make modules KDIR=DIR   guest modules against another kernel tree'
	@echo 'make guest-kernel [DEBUG=1] [TREE=DIR]   the patched kernel: out/guest-kernel/ (docs/guest-kernel.md)'
	@echo 'make guest-kernel-tree  its series as a git work tree; make guest-kernel-edit builds it,'
	@echo 'make guest-kernel-patches  writes its commits back'
	@echo 'make lint               checkpatch, sparse and W=1 over the guest modules'
	@echo 'make compile_commands.json'
	@echo 'make install PREFIX=DIR the VMM, its man pages and completion'
	@echo 'tests/run --list        the tests; tests/run PATTERN runs some'
	@echo 'make clean              removes out/ but guest-kernel-tree; the caches stay (tests/setup/README.md says where)'

# Headers that each object was made from.
-include $(shell find $(OUT)/obj $(OUT)/tests -name '*.d' 2>/dev/null)
