# SPDX-License-Identifier: GPL-2.0-only
# Tests of the network backends and of the emulated network card.

NET_SRCS := $(addprefix hv-core/vmm/,net_backend.c net_tap.c net_slirp.c net_socket.c net_csum.c)
E1000_SRCS := $(wildcard hv-core/vmm/devices/emulated/e1000*.c) hv-core/vmm/net_backend.c hv-core/vmm/net_tap.c \
	hv-core/vmm/net_slirp.c hv-core/vmm/net_socket.c hv-core/vmm/net_csum.c tests/device/e1000_driver.c

$(eval $(call device_test,e1000_regs,$(E1000_SRCS),-lslirp))
$(eval $(call device_test,e1000_tx,$(E1000_SRCS),-lslirp))
$(eval $(call device_test,e1000_rx,$(E1000_SRCS),-lslirp))
$(eval $(call device_test,e1000_irq,$(E1000_SRCS),-lslirp))
$(eval $(call device_test,e1000_fuzz,$(E1000_SRCS),-lslirp))
$(eval $(call device_test,net_backend,$(NET_SRCS),-lslirp))
$(eval $(call device_test,net_user,$(NET_SRCS),-lslirp))
$(eval $(call device_test,net_tap,$(NET_SRCS),-lslirp))
