/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine as KVM has it: file descriptors, memory slots, interrupt routes, vCPUs. Devices don't see this
 * header; they see machine.h, whose operations are filled in here.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "machine.h"
#include "options.h"

struct pv_monitor;
struct vcpu;
struct kvm_irq_routing;

#define VM_MAX_CPUS 8
#define VM_NR_WIRES 24	 /* pins of the I/O APIC */
#define VM_MAX_ROUTES 256 /* wires and messages together */

/* KVM keeps three pages for real mode on Intel, and one for its identity map: in the hole below 4 GiB. */
#define VM_IDENTITY_MAP_ADDR 0xfffbc000ull
#define VM_TSS_ADDR 0xfffbd000ull

enum vm_slot { VM_SLOT_RAM0, VM_SLOT_RAM1, VM_SLOT_ECAM, VM_SLOT_MONITOR };

struct vm_message {
	bool used;
	uint64_t addr;
	uint32_t data;
};

struct vm {
	struct machine m;
	const struct run_options *opt;
	int kvm_fd;
	int fd;
	int stats_fd; /* KVM's binary statistics, or -1 */
	unsigned int run_bytes; /* of a vCPU's shared page */
	bool sync_regs; /* KVM copies registers to the shared page at each exit */
	struct vcpu *vcpu[VM_MAX_CPUS];
	struct pv_monitor *monitor; /* pv mode; NULL in hvm mode */

	pthread_mutex_t route_lock;
	struct vm_message message[VM_MAX_ROUTES]; /* index: GSI */

	pthread_mutex_t stop_lock;
	enum stop_reason stop_reason;
	char stop_text[256];
	int stopping; /* atomic: vCPU threads leave */
	bool reported; /* atomic: why the guest cannot go on has been printed; pv mode */
};

static inline struct vm *vm_of_machine(struct machine *m)
{
	return (struct vm *)((char *)m - offsetof(struct vm, m));
}

/*
 * Open KVM and make the machine: memory, buses, interrupt controllers. 0, or -errno with a message in err that says
 * what was asked, what is wrong and what to do.
 */
int vm_create(struct vm *vm, const struct run_options *opt, char *err, unsigned int errlen);
void vm_destroy(struct vm *vm);

/* Open the device file. A file descriptor, or -errno with a message in err. */
int kvm_open(const char *path, char *err, unsigned int errlen);

/* Map `bytes` at `host` into the guest at gpa. 0 or -errno. */
int vm_map_memory(struct vm *vm, enum vm_slot slot, uint64_t gpa, void *host, uint64_t bytes, bool read_only);

/* vm_irq.c */
int vm_irq_init(struct vm *vm, char *err, unsigned int errlen);
void vm_irq_set(struct machine *m, unsigned int gsi, int level);
int vm_msi_send(struct machine *m, uint64_t addr, uint32_t data);
int vm_msi_bind(struct machine *m, int *route, int eventfd, uint64_t addr, uint32_t data, bool enable);
void vm_msi_unbind(struct machine *m, int route, int eventfd);
int vm_doorbell(struct machine *m, enum bus_kind kind, uint64_t addr, unsigned int len, int eventfd, bool add);

/* Reason given to the process at its end; STOP_NONE as long as the machine runs. */
enum stop_reason vm_stop_reason(struct vm *vm);

#endif
