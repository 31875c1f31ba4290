# SPDX-License-Identifier: GPL-2.0-only
# Tests of the VMM from outside. Each topic has a file of its own here.

include $(filter-out tests/host/module.mk,$(sort $(wildcard tests/host/*.mk)))
