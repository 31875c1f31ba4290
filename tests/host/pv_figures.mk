# SPDX-License-Identifier: GPL-2.0-only
# cpu-bench as the only program of a guest, without the modules that make bench-cpu needs.

$(OUT)/tests/cpu-initrd: $(OUT)/bin/cpu-bench tests/images/pack-overlay
	@rm -rf $(OUT)/tests/cpu-tree && mkdir -p $(OUT)/tests/cpu-tree
	@strip -o $(OUT)/tests/cpu-tree/init $<
	@tests/images/pack-overlay $(OUT)/tests/cpu-tree $@

TEST_PROGRAMS += $(OUT)/tests/cpu-initrd
