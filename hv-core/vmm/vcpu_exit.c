/* SPDX-License-Identifier: GPL-2.0-only */
/* What a vCPU does when the guest comes out to the VMM. */

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "crash.h"
#include "hypercall.h"
#include "pv_monitor.h"
#include "vcpu.h"
#include "vm.h"

static const char *const exit_names[VCPU_NR_EXIT_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "unknown",
	[KVM_EXIT_EXCEPTION] = "exception",
	[KVM_EXIT_IO] = "io",
	[KVM_EXIT_HYPERCALL] = "hypercall",
	[KVM_EXIT_DEBUG] = "debug",
	[KVM_EXIT_HLT] = "hlt",
	[KVM_EXIT_MMIO] = "mmio",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq_window_open",
	[KVM_EXIT_SHUTDOWN] = "shutdown",
	[KVM_EXIT_FAIL_ENTRY] = "fail_entry",
	[KVM_EXIT_INTR] = "intr",
	[KVM_EXIT_SET_TPR] = "set_tpr",
	[KVM_EXIT_TPR_ACCESS] = "tpr_access",
	[KVM_EXIT_NMI] = "nmi",
	[KVM_EXIT_INTERNAL_ERROR] = "internal_error",
	[KVM_EXIT_SYSTEM_EVENT] = "system_event",
	[KVM_EXIT_IOAPIC_EOI] = "ioapic_eoi",
	[KVM_EXIT_HYPERV] = "hyperv",
	[KVM_EXIT_X86_RDMSR] = "rdmsr",
	[KVM_EXIT_X86_WRMSR] = "wrmsr",
	[KVM_EXIT_DIRTY_RING_FULL] = "dirty_ring_full",
	[KVM_EXIT_AP_RESET_HOLD] = "ap_reset_hold",
	[KVM_EXIT_X86_BUS_LOCK] = "bus_lock",
	[KVM_EXIT_XEN] = "xen",
	[KVM_EXIT_NOTIFY] = "notify",
};

const char *vcpu_exit_name(unsigned int reason)
{
	return reason < VCPU_NR_EXIT_REASONS && exit_names[reason] ? exit_names[reason] : "other";
}

struct kvm_regs *vcpu_regs(struct vcpu *vcpu, struct kvm_regs *space)
{
	if (vcpu->vm->sync_regs)
		return &vcpu->run->s.regs.regs;
	memset(space, 0, sizeof(*space));
	ioctl(vcpu->fd, KVM_GET_REGS, space);
	return space;
}

void vcpu_regs_put(struct vcpu *vcpu, struct kvm_regs *regs)
{
	if (vcpu->vm->sync_regs)
		vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	else
		ioctl(vcpu->fd, KVM_SET_REGS, regs);
}

/* Privilege level of the code that made this exit. */
static unsigned int vcpu_cpl(struct vcpu *vcpu, uint64_t rip)
{
	struct kvm_sregs sregs;

	if (hypercall_cpl_known(rip))
		return 0;
	/* Unknown is taken for a user program, which may do nothing. */
	return ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0 ? 3 : sregs.ss.dpl;
}

static void vcpu_hypercall(struct vcpu *vcpu)
{
	struct kvm_regs space, *regs = vcpu_regs(vcpu, &space);
	struct hypercall_frame frame = {
		.nr = regs->rax,
		/* Argument 2 came in rdx, which OUT needs: the page's code moved it. */
		.args = { regs->rdi, regs->rsi, regs->rcx, regs->r10, regs->r8, regs->r9 },
		.vcpu = vcpu->index,
		.cpl = vcpu_cpl(vcpu, regs->rip),
	};

	__atomic_store_n(&vcpu->hypercalls, vcpu->hypercalls + 1, __ATOMIC_RELAXED);
	regs->rax = (uint64_t)hypercall_handle(&vcpu->vm->m, &frame);
	/* KVM steps over the OUT when the vCPU goes on, so rip stays as it is. */
	vcpu_regs_put(vcpu, regs);
}

/* The port that registers the hypercall page. Other sizes are accesses that no device has. */
static bool vcpu_page_port(struct vcpu *vcpu, uint32_t *data, bool is_write)
{
	struct machine *m = &vcpu->vm->m;
	struct kvm_regs space;

	if (vcpu->run->io.size != 4 || vcpu->run->io.count != 1)
		return false;
	if (is_write)
		hypercall_page_set(m, *data, vcpu_cpl(vcpu, vcpu_regs(vcpu, &space)->rip));
	else
		*data = hypercall_page_get(m);
	return true;
}

/* false: the vCPU is done. */
static bool vcpu_pio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool is_write = run->io.direction == KVM_EXIT_IO_OUT;

	if (run->io.port == PVN_PORT_CALL && run->io.size == 4 && run->io.count == 1 && is_write) {
		vcpu_hypercall(vcpu);
		return true;
	}
	/* The guest itself reaches no port in pv mode: who writes here is the monitor. */
	if (vcpu->vm->monitor && run->io.port == MONITOR_PORT && run->io.size == 4 && run->io.count == 1 && is_write)
		return pv_monitor_command(vcpu, *(uint32_t *)data);
	/* In pv mode the kernel's file names the page, and nobody comes to this port. */
	if (!vcpu->vm->monitor && run->io.port == PVN_PORT_PAGE && vcpu_page_port(vcpu, (uint32_t *)data, is_write))
		return true;
	bus_access(&vcpu->vm->m.pio, run->io.port, run->io.size, run->io.count, data, is_write);
	return true;
}

static void vcpu_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(&vcpu->vm->m.mmio, run->mmio.phys_addr, run->mmio.len, 1, run->mmio.data, run->mmio.is_write);
}

static void vcpu_system_event(struct vcpu *vcpu)
{
	struct machine *m = &vcpu->vm->m;

	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_stop(m, STOP_POWEROFF, "KVM reported a shut-down");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		machine_stop(m, STOP_RESET, "KVM reported a reset");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		machine_stop(m, STOP_GUEST_CRASH, "KVM reported a crash of the guest");
		break;
	default:
		machine_stop(m, STOP_HOST_ERROR, "KVM reported system event %u, which is not known",
			     vcpu->run->system_event.type);
	}
}

/* Segment and control registers are read this often: a report needs only the kernel's page tables of them. */
#define SREGS_EVERY 256

static void vcpu_remember(struct vcpu *vcpu)
{
	if (!vcpu->vm->sync_regs || vcpu->run->exit_reason == KVM_EXIT_SHUTDOWN)
		return;
	vcpu->last_regs = vcpu->run->s.regs.regs;
	if (vcpu->nr_exits++ % SREGS_EVERY == 0)
		vcpu->last_valid = ioctl(vcpu->fd, KVM_GET_SREGS, &vcpu->last_sregs) == 0;
}

bool vcpu_handle_exit(struct vcpu *vcpu)
{
	unsigned int reason = vcpu->run->exit_reason;

	vcpu_remember(vcpu);
	if (reason < VCPU_NR_EXIT_REASONS)
		__atomic_store_n(&vcpu->exits[reason], vcpu->exits[reason] + 1, __ATOMIC_RELAXED);
	switch (reason) {
	case KVM_EXIT_IO:
		return vcpu_pio(vcpu);
	case KVM_EXIT_MMIO:
		vcpu_mmio(vcpu);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_HLT:
	case KVM_EXIT_NMI:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_TPR_ACCESS:
	case KVM_EXIT_IOAPIC_EOI:
		return true; /* with the in-kernel controllers there is nothing to do for these */
	case KVM_EXIT_SYSTEM_EVENT:
		vcpu_system_event(vcpu);
		return false;
	default:
		crash_report_exit(vcpu);
		return false;
	}
}
