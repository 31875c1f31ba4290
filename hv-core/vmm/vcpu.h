/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual CPUs: one thread each, which runs the guest and serves its exits. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;
struct boot_state;

#define VCPU_NR_EXIT_REASONS 64

struct vcpu {
	struct vm *vm;
	unsigned int index; /* also the APIC id */
	int fd;
	int stats_fd; /* KVM's binary statistics, or -1 */
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	/* Exits to the VMM by KVM_EXIT_*: written by the vCPU's thread, read by anyone. */
	uint64_t exits[VCPU_NR_EXIT_REASONS];
	uint64_t hypercalls;
	/* Registers of the last exit, for crash reports where the CPU keeps none. */
	bool last_valid;
	uint64_t nr_exits;
	struct kvm_regs last_regs;
	struct kvm_sregs last_sregs;
};

/* All vCPUs, with CPUID and registers set; the first one starts at the loaded kernel, the others wait for it. */
int vcpu_create_all(struct vm *vm, const struct boot_state *boot, char *err, unsigned int errlen);
void vcpu_destroy_all(struct vm *vm);
/* Start the threads. 0 or -errno. */
int vcpu_start_all(struct vm *vm, char *err, unsigned int errlen);
/* Make every vCPU leave the guest and look at vm->stopping. Any thread. */
void vcpu_kick_all(struct vm *vm);
/* Wait for the threads to end; vm->stopping is set. */
void vcpu_join_all(struct vm *vm);

/* vcpu_exit.c: serve one exit. false: this vCPU is done. */
bool vcpu_handle_exit(struct vcpu *vcpu);
/* The vCPU's registers as of the exit being served, to be read, and to be written back when `dirty`. */
struct kvm_regs *vcpu_regs(struct vcpu *vcpu, struct kvm_regs *space);
void vcpu_regs_put(struct vcpu *vcpu, struct kvm_regs *regs);
/* Words for a KVM_EXIT_* number. */
const char *vcpu_exit_name(unsigned int reason);

/* cpuid.c: what the guest's CPUID says. 0, or -errno with a message. */
int cpuid_setup(struct vcpu *vcpu, char *err, unsigned int errlen);

#endif
