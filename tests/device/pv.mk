# SPDX-License-Identifier: GPL-2.0-only
# PV devices and the disk queue.

DEVICE_PV := hv-core/vmm/devices/pv
DEVICE_PV_CORE := $(addprefix $(DEVICE_PV)/,pv_device.c pv_pci.c pv_port.c pv_attach.c pv_worker.c pv_fault.c) hv-core/vmm/pv_registry.c \
	tests/device/pv_driver.c
PV_NET_BACKEND := $(addprefix hv-core/vmm/,net_backend.c net_tap.c net_slirp.c net_socket.c net_csum.c)
DEVICE_BLK := $(addprefix hv-core/vmm/,blk_disk.c blk_queue.c blk_fault.c)

$(eval $(call device_test,pv_block_test,$(DEVICE_PV_CORE) $(DEVICE_PV)/pv_block.c $(DEVICE_PV)/pv_block_request.c $(DEVICE_BLK),-luring))
$(eval $(call device_test,pv_net_test,$(DEVICE_PV_CORE) $(addprefix $(DEVICE_PV)/,pv_net.c pv_net_tx.c pv_net_rx.c) $(PV_NET_BACKEND),-lslirp))
$(eval $(call device_test,pv_console_test,$(DEVICE_PV_CORE) $(DEVICE_PV)/pv_console.c))
$(eval $(call device_test,pv_port_test,$(DEVICE_PV_CORE) $(DEVICE_PV)/pv_console.c))
$(eval $(call device_test,blk_disk_test,$(DEVICE_BLK),-luring))
