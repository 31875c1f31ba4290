/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user is told when a guest can't go on: why, registers, code, stack. */
#ifndef VMM_CRASH_H
#define VMM_CRASH_H

struct vcpu;

/* An exit that ends the guest (triple fault, KVM_EXIT_INTERNAL_ERROR, …): report it and stop the machine. */
void crash_report_exit(struct vcpu *vcpu);
/* Registers, code and stack of a vCPU that is not in the guest, to standard error. */
void crash_dump_vcpu(struct vcpu *vcpu);

#endif
