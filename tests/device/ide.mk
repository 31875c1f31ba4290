# SPDX-License-Identifier: GPL-2.0-only
# IDE: two programs over real files, two over a disk whose answers the test holds back.
IDE_MODEL := $(wildcard $(DEVICE_EMULATED)/ide*.c) tests/device/ide_driver.c hv-core/vmm/blk_disk.c hv-core/vmm/blk_fault.c

$(eval $(call device_test,ide_ata,$(IDE_MODEL) hv-core/vmm/blk_queue.c,-luring))
$(eval $(call device_test,ide_dma,$(IDE_MODEL) hv-core/vmm/blk_queue.c,-luring))
$(eval $(call device_test,ide_flight,$(IDE_MODEL) tests/device/ide_slow_disk.c))
$(eval $(call device_test,ide_fuzz,$(IDE_MODEL) tests/device/ide_slow_disk.c))
