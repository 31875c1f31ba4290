/* SPDX-License-Identifier: GPL-2.0-only */
/* Making vCPUs, their first registers, their threads, and how to get them out of the guest. */

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader.h"
#include "vcpu.h"
#include "vm.h"

/* Device models run on this stack too; none of them keeps large arrays. Smaller than the default to save memory. */
#define VCPU_STACK_BYTES (256 * 1024)

#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLED_WRITE_BACK ((1 << 11) | 6)

#define MCE_BANKS_MASK 0xffull /* of MCG_CAP */

/* Signal that interrupts KVM_RUN; its handler does nothing. */
#define VCPU_KICK_SIGNAL SIGUSR1

static void vcpu_kick_handler(int sig)
{
}

static void set_segment(struct kvm_segment *seg, const struct boot_segment *from)
{
	memset(seg, 0, sizeof(*seg));
	seg->base = 0;
	seg->limit = 0xffffffff;
	seg->selector = from->selector;
	seg->type = from->code ? 11 : 3; /* accessed; execute and read, or read and write */
	seg->present = 1;
	seg->s = 1;
	seg->g = 1;
	seg->l = from->code && from->long_mode;
	seg->db = !seg->l;
}

static int vcpu_set_boot_registers(struct vcpu *vcpu, const struct boot_state *boot)
{
	struct kvm_regs regs = {
		.rflags = 2,
		.rip = boot->rip,
		.rdi = boot->rdi + vcpu->index * boot->rdi_step,
		.rsi = boot->rsi,
		.rbx = boot->rbx,
	};
	struct kvm_mp_state runs = { KVM_MP_STATE_RUNNABLE };
	struct kvm_segment data;
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	set_segment(&sregs.cs, &boot->cs);
	set_segment(&data, &boot->ds);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.gdt.base = boot->gdt_base;
	sregs.gdt.limit = boot->gdt_limit;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = boot->cr0;
	sregs.cr3 = boot->cr3;
	sregs.cr4 = boot->cr4;
	sregs.efer = boot->efer;
	/* A task register of the right type: VT-x refuses entry with an unusable or 16-bit one in 64-bit mode. */
	sregs.tr.type = 11;
	sregs.tr.present = 1;
	sregs.tr.limit = 0x67;
	sregs.tr.s = 0;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0 ||
	    ioctl(vcpu->fd, KVM_SET_MP_STATE, &runs) < 0)
		return -errno;
	return 0;
}

/* Firmware would have made all memory write-back; without that Linux takes RAM for uncached and turns MTRRs off. */
static void vcpu_set_mtrr(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} msrs = {
		.head = { .nmsrs = 1 },
		.entry = { { .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED_WRITE_BACK } },
	};

	/* Refused only where CPUID has no MTRRs, and then Linux doesn't look at them. */
	ioctl(vcpu->fd, KVM_SET_MSRS, &msrs);
}

/*
 * One bank of machine checks instead of KVM's 32: nothing ever reports one to the guest, and Linux spends some five
 * exits on each bank while it boots.
 */
static void vcpu_set_machine_checks(struct vcpu *vcpu)
{
	uint64_t supported = 0, wanted;

	if (ioctl(vcpu->vm->kvm_fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &supported) < 0)
		return;
	wanted = (supported & ~MCE_BANKS_MASK) | 1;
	ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &wanted); /* KVM's own default stays when it refuses */
}

static int vcpu_create(struct vm *vm, unsigned int index, char *err, unsigned int errlen)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int ret;

	if (!vcpu) {
		snprintf(err, errlen, "no memory for vCPU %u", index);
		return -ENOMEM;
	}
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0) {
		ret = -errno;
		snprintf(err, errlen, "KVM cannot make vCPU %u: %s%s", index, strerror(-ret),
			 index ? ": ask for fewer with --cpus" : "");
		goto free_vcpu;
	}
	vcpu->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		ret = -errno;
		snprintf(err, errlen, "cannot map vCPU %u: %s", index, strerror(-ret));
		goto close_fd;
	}
	vcpu->stats_fd = vm->stats_fd >= 0 ? ioctl(vcpu->fd, KVM_GET_STATS_FD, 0) : -1;
	if (vm->sync_regs)
		vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	vm->vcpu[index] = vcpu;
	return 0;
close_fd:
	close(vcpu->fd);
free_vcpu:
	free(vcpu);
	return ret;
}

int vcpu_create_all(struct vm *vm, const struct boot_state *boot, char *err, unsigned int errlen)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->m.nr_vcpus; i++) {
		ret = vcpu_create(vm, i, err, errlen);
		if (!ret)
			ret = cpuid_setup(vm->vcpu[i], err, errlen);
		if (ret)
			goto destroy;
		vcpu_set_mtrr(vm->vcpu[i]);
		vcpu_set_machine_checks(vm->vcpu[i]);
	}
	/* Without every_vcpu the others wait for INIT and SIPI. */
	for (i = 0; i < (boot->every_vcpu ? vm->m.nr_vcpus : 1); i++) {
		ret = vcpu_set_boot_registers(vm->vcpu[i], boot);
		if (ret) {
			snprintf(err, errlen, "KVM refused the registers of vCPU %u: %s", i, strerror(-ret));
			goto destroy;
		}
	}
	return 0;
destroy:
	vcpu_destroy_all(vm);
	return ret;
}

void vcpu_destroy_all(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < VM_MAX_CPUS; i++) {
		struct vcpu *vcpu = vm->vcpu[i];

		if (!vcpu)
			continue;
		if (vcpu->stats_fd >= 0)
			close(vcpu->stats_fd);
		munmap(vcpu->run, vm->run_bytes);
		close(vcpu->fd);
		free(vcpu);
		vm->vcpu[i] = NULL;
	}
}

static void vcpu_run_failed(struct vcpu *vcpu, int error)
{
	if (error == EFAULT)
		machine_stop(&vcpu->vm->m, STOP_HOST_ERROR, "vCPU %u: KVM could not reach guest memory (EFAULT): is the "
			     "host out of memory?", vcpu->index);
	else
		machine_stop(&vcpu->vm->m, STOP_HOST_ERROR, "vCPU %u: KVM_RUN failed: %s", vcpu->index, strerror(error));
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	while (!__atomic_load_n(&vm->stopping, __ATOMIC_SEQ_CST)) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
			/* EINTR: kicked, or stopped by a debugger. EAGAIN: not started yet, or an exit retried. */
			if (errno == EINTR || errno == EAGAIN)
				continue;
			vcpu_run_failed(vcpu, errno);
			break;
		}
		if (!vcpu_handle_exit(vcpu))
			break;
	}
	return NULL;
}

int vcpu_start_all(struct vm *vm, char *err, unsigned int errlen)
{
	struct sigaction kick = { .sa_handler = vcpu_kick_handler };
	pthread_attr_t attr;
	sigset_t set;
	unsigned int i;
	int ret = 0;

	sigaction(VCPU_KICK_SIGNAL, &kick, NULL);
	sigemptyset(&set);
	sigaddset(&set, VCPU_KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VCPU_STACK_BYTES);
	for (i = 0; i < vm->m.nr_vcpus && !ret; i++) {
		ret = -pthread_create(&vm->vcpu[i]->thread, &attr, vcpu_thread, vm->vcpu[i]);
		vm->vcpu[i]->started = !ret;
		if (ret)
			snprintf(err, errlen, "cannot start the thread of vCPU %u: %s", i, strerror(-ret));
	}
	pthread_attr_destroy(&attr);
	return ret;
}

void vcpu_kick_all(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < VM_MAX_CPUS; i++) {
		struct vcpu *vcpu = vm->vcpu[i];

		if (!vcpu || !vcpu->started)
			continue;
		/*
		 * immediate_exit before the signal: a vCPU that takes the signal just before KVM_RUN would otherwise
		 * enter the guest with nobody left to kick it.
		 */
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		if (!pthread_equal(vcpu->thread, pthread_self()))
			pthread_kill(vcpu->thread, VCPU_KICK_SIGNAL);
	}
}

void vcpu_join_all(struct vm *vm)
{
	unsigned int i;

	vcpu_kick_all(vm);
	for (i = 0; i < VM_MAX_CPUS; i++) {
		if (vm->vcpu[i] && vm->vcpu[i]->started) {
			pthread_join(vm->vcpu[i]->thread, NULL);
			vm->vcpu[i]->started = false;
		}
	}
}
