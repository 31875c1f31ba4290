# SPDX-License-Identifier: GPL-2.0-only
# The patched kernel: build, tree, patches (docs/guest-kernel.md). TREE: a work tree; DEBUG=1: with the kernel's own checks;
# CONFIG=FILE: one more fragment, for a tree.

GUEST_KERNEL_TOOLS := guest-kernel-patches/tools
GUEST_KERNEL_TREE := $(if $(TREE),$(TREE),$(OUT)/guest-kernel-tree)

.PHONY: guest-kernel guest-kernel-edit guest-kernel-tree guest-kernel-patches
guest-kernel:
	@$(GUEST_KERNEL_TOOLS)/build $(if $(TREE),--tree "$(TREE)") $(if $(DEBUG),--debug) $(if $(CONFIG),--config "$(CONFIG)")

guest-kernel-edit:
	@$(GUEST_KERNEL_TOOLS)/build --tree "$(GUEST_KERNEL_TREE)" $(if $(DEBUG),--debug) $(if $(CONFIG),--config "$(CONFIG)")

guest-kernel-tree:
	@$(GUEST_KERNEL_TOOLS)/tree make "$(GUEST_KERNEL_TREE)"

guest-kernel-patches:
	@$(GUEST_KERNEL_TOOLS)/tree patches "$(GUEST_KERNEL_TREE)"

# The guests' initrd for that kernel: our drivers built for it, zram and the like from its own modules. A make of its
# own, so that the stock kernel's drivers stay where they are.
$(OUT)/guest-kernel/initrd: $(OUT)/guest-kernel/built $(MODULE_SOURCES) $(PVN_GUEST_INITRD_TOOLS) tests/images/pack-overlay
	+$(MAKE) -s OUT=$(OUT)/guest-kernel/drivers KDIR=$(abspath $(OUT)/guest-kernel/kdir) modules
	rm -rf $(OUT)/guest-kernel/overlay && mkdir -p $(OUT)/guest-kernel/overlay/usr/bin $(OUT)/guest-kernel/own-modules
	cp $(OUT)/guest-kernel/drivers/bin/pvn-hypercall $(OUT)/guest-kernel/overlay/usr/bin/
	rm -f $(OUT)/guest-kernel/own-modules/* && find $(OUT)/guest-kernel/root/ -name '*.ko' -exec cp -t $(OUT)/guest-kernel/own-modules {} +
	tests/images/pack-overlay --modules $(OUT)/guest-kernel/drivers/modules --modules $(OUT)/guest-kernel/own-modules \
		--release "$$(cat $(OUT)/guest-kernel/release)" $(OUT)/guest-kernel/overlay $(OUT)/guest-kernel/overlay.cpio
	cat $(PVN_GUEST_INITRD_TOOLS) $(OUT)/guest-kernel/overlay.cpio > $@
