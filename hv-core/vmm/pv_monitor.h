/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv mode's monitor as the VMM has it: memory of its own beside the guest's, the image in it, the tables to start with,
 * and what the monitor leaves there for reports. That memory is no part of struct gmem, so no device and no call of the
 * guest's can name it.
 */
#ifndef VMM_PV_MONITOR_H
#define VMM_PV_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "../monitor/interface.h"
#include "loader.h"

struct kvm_regs;
struct pv_monitor;
struct vcpu;
struct vm;

/* Memory for vm->monitor, given to KVM. 0, or -errno with a message in err. */
int pv_monitor_create(struct vm *vm, char *err, unsigned int errlen);
void pv_monitor_destroy(struct vm *vm);
/* Image, tables, areas; the first vCPU's registers in *boot. */
int pv_monitor_load(struct vm *vm, const struct pv_kernel *kernel, struct boot_state *boot, char *err,
		    unsigned int errlen);

/* What a vCPU and its monitor share. */
const struct monitor_shared *pv_monitor_shared(const struct vm *vm, unsigned int vcpu);

/* What the monitor has counted, of all vCPUs together. Any thread; whatever is in there, these are numbers. */
void pv_monitor_counters(const struct vm *vm, struct monitor_counters *sum);

/* What the table zone takes of what it may take at most. Any thread; a snapshot. */
struct pv_zone_use {
	uint64_t chunks, chunks_max, tables;
};
struct pv_zone_use pv_monitor_zone_use(const struct vm *vm);

/* pv_exit.c: a write to MONITOR_PORT from the monitor. The vCPU goes on only when it returns true. */
bool pv_monitor_command(struct vcpu *vcpu, uint32_t command);
/* The guest's registers, code and stack, for a guest that ends itself by a call. */
void pv_dump_vcpu(struct vcpu *vcpu);
/* Was this exit the monitor's own (a call, a stop), so that KVM's registers are its own? */
bool pv_in_monitor(const struct kvm_regs *regs);

/* pv_tables.c: the page tables that the guest starts with, in the monitor's memory. */
struct pv_tables {
	uint8_t *host; /* the monitor's memory */
	uint64_t gpa; /* where the VM has it */
	uint64_t at, bytes; /* next free byte; how many there are */
	uint64_t top; /* offset of the top-level table */
};

#define PV_PTE_PRESENT 0x1ull
#define PV_PTE_WRITE 0x2ull
#define PV_PTE_USER 0x4ull
#define PV_PTE_UNCACHED 0x18ull
#define PV_PTE_LARGE 0x80ull
#define PV_PTE_NX (1ull << 63)
#define PV_PTE_ADDR 0x000ffffffffff000ull

/* A first, empty top-level table. -ENOMEM when the memory is used up. */
int pv_tables_init(struct pv_tables *t);
/* Map whole pages of 4 KiB. Mapped again to the same frame, a page gets the rights of both; to another: -EEXIST. */
int pv_tables_map(struct pv_tables *t, uint64_t va, uint64_t phys, uint64_t bytes, uint64_t rights);

/* The monitor's memory, by offsets: the image from 0 on, a vCPU's area each, and the rest, tables with it. */
struct pv_layout {
	uint64_t text_bytes, image_bytes;
	uint64_t areas;
	unsigned int nr_vcpus;
	uint64_t rest;
};

/* The address space of the start: monitor, local APIC, all RAM for both, the kernel's segments. */
int pv_tables_make(struct pv_tables *t, const struct pv_layout *layout, const struct gmem *gm,
		   const struct pv_kernel *kernel);

#endif
