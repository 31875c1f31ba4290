/* SPDX-License-Identifier: GPL-2.0-only */
/* Making and unmaking the KVM virtual machine. */

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hypercall.h"
#include "pci.h"
#include "pv_monitor.h"
#include "vcpu.h"
#include "vm.h"

/* What the machine can't do without. All of them are older than the kernels this runs on, but hosts differ. */
static const struct {
	int cap;
	const char *name;
} vm_needs[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
	{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI" },
	{ KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
};

int kvm_open(const char *path, char *err, unsigned int errlen)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int version, ret;

	if (fd < 0) {
		ret = -errno;
		if (ret == -ENOENT)
			snprintf(err, errlen, "no %s on this machine: load kvm_intel or kvm_amd (modprobe), switch on "
				 "virtualization in the firmware, or run in the test host (tests/testhost/testhost)", path);
		else if (ret == -EACCES || ret == -EPERM)
			snprintf(err, errlen, "no permission to open %s: join the group that owns it (usually: "
				 "adduser $USER kvm, then log in again)", path);
		else if (ret == -ENODEV || ret == -ENXIO)
			snprintf(err, errlen, "%s has no driver behind it (%s): load kvm_intel or kvm_amd, or switch on "
				 "virtualization in the firmware", path, strerror(-ret));
		else
			snprintf(err, errlen, "cannot open %s: %s", path, strerror(-ret));
		return ret;
	}
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		ret = version < 0 ? -errno : -EPROTO;
		if (version < 0)
			snprintf(err, errlen, "%s is not KVM's device file (%s): check what it is with ls -l", path,
				 strerror(-ret));
		else
			snprintf(err, errlen, "KVM speaks interface version %d here, and %d is needed: run a newer kernel",
				 version, KVM_API_VERSION);
		close(fd);
		return ret;
	}
	return fd;
}

static int vm_check_needs(struct vm *vm, char *err, unsigned int errlen)
{
	unsigned int i;

	for (i = 0; i < sizeof(vm_needs) / sizeof(vm_needs[0]); i++) {
		if (ioctl(vm->fd, KVM_CHECK_EXTENSION, vm_needs[i].cap) <= 0) {
			snprintf(err, errlen, "this host's KVM lacks %s, which every guest needs: `paravane doctor` lists "
				 "what it has", vm_needs[i].name);
			return -ENOTSUP;
		}
	}
	return 0;
}

int vm_map_memory(struct vm *vm, enum vm_slot slot, uint64_t gpa, void *host, uint64_t bytes, bool read_only)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = read_only ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

static int vm_init_memory(struct vm *vm, char *err, unsigned int errlen)
{
	unsigned long long mib = vm->opt->memory >> 20;
	unsigned int i;
	int ret;

	ret = gmem_init(&vm->m.gmem, vm->opt->memory);
	if (ret) {
		snprintf(err, errlen, "cannot reserve %llu MiB of guest memory: %s: ask for less with --memory", mib,
			 strerror(-ret));
		return ret;
	}
	for (i = 0; i < vm->m.gmem.nr_regions; i++) {
		struct gmem_region *r = &vm->m.gmem.region[i];

		ret = vm_map_memory(vm, VM_SLOT_RAM0 + i, r->start, r->host, r->size, false);
		if (ret) {
			snprintf(err, errlen, "KVM refused %llu MiB of guest memory: %s: ask for less with --memory", mib,
				 strerror(-ret));
			gmem_destroy(&vm->m.gmem);
			return ret;
		}
	}
	return 0;
}

static int vm_open_kvm(struct vm *vm, char *err, unsigned int errlen)
{
	uint64_t identity = VM_IDENTITY_MAP_ADDR;
	int ret;

	vm->kvm_fd = kvm_open(vm->opt->kvm_path, err, errlen);
	if (vm->kvm_fd < 0)
		return vm->kvm_fd;
	do {
		vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	} while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0) {
		ret = -errno;
		snprintf(err, errlen, "KVM cannot make a virtual machine: %s: `paravane doctor` says more", strerror(-ret));
		close(vm->kvm_fd);
		return ret;
	}
	ret = vm_check_needs(vm, err, errlen);
	if (ret)
		goto close_vm;
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_IDENTITY_MAP_ADDR) > 0)
		ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, VM_TSS_ADDR) < 0) {
		ret = -errno;
		snprintf(err, errlen, "KVM_SET_TSS_ADDR failed: %s", strerror(-ret));
		goto close_vm;
	}
	vm->run_bytes = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	ret = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
	vm->sync_regs = ret > 0 && (ret & KVM_SYNC_X86_REGS);
	/* Absent before Linux 5.14: the exit counts are then missing from --stats. */
	vm->stats_fd = ioctl(vm->fd, KVM_GET_STATS_FD, 0);
	return 0;
close_vm:
	close(vm->fd);
	close(vm->kvm_fd);
	return ret;
}

/* The first caller's reason stands. */
static void vm_stop(struct machine *m, enum stop_reason reason, const char *text)
{
	struct vm *vm = vm_of_machine(m);
	bool first;

	pthread_mutex_lock(&vm->stop_lock);
	first = vm->stop_reason == STOP_NONE;
	if (first) {
		vm->stop_reason = reason;
		snprintf(vm->stop_text, sizeof(vm->stop_text), "%s", text ? text : "");
	}
	pthread_mutex_unlock(&vm->stop_lock);
	if (first) {
		__atomic_store_n(&vm->stopping, 1, __ATOMIC_SEQ_CST);
		vcpu_kick_all(vm);
		loop_stop(m->loop);
	}
}

static uint64_t vm_guest_clock(struct machine *m)
{
	struct kvm_clock_data data = { 0 };

	/* Every KVM that can run a guest of ours has it. */
	if (ioctl(vm_of_machine(m)->fd, KVM_GET_CLOCK, &data) < 0)
		machine_stop(m, STOP_HOST_ERROR, "KVM_GET_CLOCK failed: %s", strerror(errno));
	return data.clock;
}

static const struct machine_ops vm_machine_ops = {
	.irq_set = vm_irq_set,
	.msi_send = vm_msi_send,
	.msi_bind = vm_msi_bind,
	.msi_unbind = vm_msi_unbind,
	.doorbell = vm_doorbell,
	.event_raise = hypercall_event_raise,
	.guest_clock = vm_guest_clock,
	.stop = vm_stop,
};

int vm_create(struct vm *vm, const struct run_options *opt, char *err, unsigned int errlen)
{
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->opt = opt;
	vm->m.ops = &vm_machine_ops;
	vm->m.nr_vcpus = opt->cpus;
	vm->m.pv_mode = opt->pv;
	vm->m.name = opt->name;
	pthread_mutex_init(&vm->route_lock, NULL);
	pthread_mutex_init(&vm->stop_lock, NULL);
	bus_init(&vm->m.pio, BUS_PIO);
	bus_init(&vm->m.mmio, BUS_MMIO);
	vm->m.pio.log_unclaimed = vm->m.mmio.log_unclaimed = opt->log_unclaimed;
	ret = vm_open_kvm(vm, err, errlen);
	if (ret)
		goto destroy_buses;
	ret = vm_init_memory(vm, err, errlen);
	if (ret)
		goto close_kvm;
	/* Interrupt controllers come before vCPUs: KVM makes a local APIC for each vCPU from then on. */
	ret = vm_irq_init(vm, err, errlen);
	if (ret)
		goto destroy_memory;
	vm->m.loop = loop_create();
	if (!vm->m.loop) {
		ret = -errno ? -errno : -ENOMEM;
		snprintf(err, errlen, "cannot make the event loop: %s", strerror(-ret));
		goto destroy_memory;
	}
	ret = pci_bus_create(&vm->m, &vm->m.pci);
	if (!ret)
		ret = vm_map_memory(vm, VM_SLOT_ECAM, PCI_ECAM_BASE, pci_ecam_memory(vm->m.pci), PCI_ECAM_SIZE, true);
	if (ret) {
		snprintf(err, errlen, "cannot make the PCI bus: %s", strerror(-ret));
		goto destroy_loop;
	}
	ret = opt->pv ? pv_monitor_create(vm, err, errlen) : 0;
	if (ret)
		goto destroy_loop;
	return 0;
destroy_loop:
	if (vm->m.pci)
		pci_bus_destroy(vm->m.pci);
	loop_destroy(vm->m.loop);
destroy_memory:
	gmem_destroy(&vm->m.gmem);
close_kvm:
	if (vm->stats_fd >= 0)
		close(vm->stats_fd);
	close(vm->fd);
	close(vm->kvm_fd);
destroy_buses:
	bus_destroy(&vm->m.mmio);
	bus_destroy(&vm->m.pio);
	return ret;
}

/* vCPUs and devices are gone already. */
void vm_destroy(struct vm *vm)
{
	pci_bus_destroy(vm->m.pci);
	loop_destroy(vm->m.loop);
	if (vm->stats_fd >= 0)
		close(vm->stats_fd);
	close(vm->fd);
	close(vm->kvm_fd);
	pv_monitor_destroy(vm);
	gmem_destroy(&vm->m.gmem);
	bus_destroy(&vm->m.mmio);
	bus_destroy(&vm->m.pio);
}

enum stop_reason vm_stop_reason(struct vm *vm)
{
	enum stop_reason reason;

	pthread_mutex_lock(&vm->stop_lock);
	reason = vm->stop_reason;
	pthread_mutex_unlock(&vm->stop_lock);
	return reason;
}
