// SPDX-License-Identifier: GPL-2.0-only
/* pv mode's monitor: its memory, its image, the state in which its vCPUs start. */

#include "pv_monitor.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "hypercall.h"
#include "vm.h"

#define PAGE 4096ull
#define LARGE_PAGE (2ull << 20)
#define GIB (1ull << 30)
/* Tables for the kernel's own segments: a last-level table for each 2 MiB, and some above them. */
#define KERNEL_TABLES 1024

#define CR0_PE 0x1ull
#define CR0_MP 0x2ull
#define CR0_ET 0x10ull
#define CR0_NE 0x20ull
#define CR0_WP 0x10000ull
#define CR0_PG 0x80000000ull
#define CR4_PAE 0x20ull
#define CR4_OSFXSR 0x200ull
#define CR4_OSXMMEXCPT 0x400ull
#define EFER_SCE 0x1ull
#define EFER_LME 0x100ull
#define EFER_LMA 0x400ull
#define EFER_NXE 0x800ull

extern const uint8_t monitor_image[], monitor_image_end[];

struct pv_monitor {
	uint64_t gpa; /* above all RAM */
	uint64_t bytes;
	uint8_t *host;
	/* Offsets: the first vCPU's area, then what the monitor knows of the table zone, then the start's tables. */
	uint64_t areas, directory, slot;
	uint32_t chunks, slots;
	struct pv_tables tables;
};

static uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static void image_header(struct monitor_image *header)
{
	memcpy(header, monitor_image, sizeof(*header));
}

/*
 * Bits of a guest-physical address on this host, at most 48: nested page tables of four levels reach no further, whatever
 * the CPU says.
 */
static unsigned int physical_bits(struct vm *vm)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[256];
	} *list = calloc(1, sizeof(*list));
	unsigned int bits = 36; /* every CPU with 64-bit mode has as many */

	if (!list)
		return bits;
	list->head.nent = 256;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, list) >= 0)
		for (unsigned int i = 0; i < list->head.nent; i++)
			if (list->entry[i].function == 0x80000008)
				bits = list->entry[i].eax & 0xff;
	free(list);
	return bits < 48 ? bits : 48;
}

/*
 * The middle of the guest-physical space: above any RAM, and far from its end, where AMD's CPUs have a reserved range.
 */
static int choose_place(struct vm *vm, struct pv_monitor *mon, char *err, unsigned int errlen)
{
	const struct gmem *gm = &vm->m.gmem;
	const struct gmem_region *last = &gm->region[gm->nr_regions - 1];
	uint64_t end = last->start + last->size, most;

	mon->gpa = 1ull << (physical_bits(vm) - 1);
	most = mon->gpa < PVN_PV_DIRECT_MAX ? mon->gpa : PVN_PV_DIRECT_MAX;
	if (end <= most)
		return 0;
	snprintf(err, errlen,
		 "--memory is too much for pv mode on this host: guest memory would end at %#llx, and the monitor "
		 "needs what is above %#llx: give less",
		 (unsigned long long)end, (unsigned long long)most);
	return -EINVAL;
}

/*
 * How much the zone can grow is fixed here. Page tables of all programs and the kernel are a small part of a Linux
 * machine's memory; an eighth, and never less than 8 MiB, costs nothing until it is used.
 */
#define ZONE_SHARE 8
#define ZONE_CHUNKS_MIN 4
#define ZONE_CHUNKS_MAX 0xfffe /* by the directory's 16 bits */

static void place_zone(const struct vm *vm, struct pv_monitor *mon)
{
	const struct gmem *gm = &vm->m.gmem;
	const struct gmem_region *last = &gm->region[gm->nr_regions - 1];
	uint64_t slots = gm->bytes / ZONE_SHARE / LARGE_PAGE;

	mon->chunks = (uint32_t)(align_up(last->start + last->size, LARGE_PAGE) / LARGE_PAGE);
	mon->slots = slots < ZONE_CHUNKS_MIN ? ZONE_CHUNKS_MIN : slots > ZONE_CHUNKS_MAX ? ZONE_CHUNKS_MAX : slots;
	mon->slot = align_up(mon->directory + sizeof(uint16_t) * mon->chunks, PAGE);
	mon->tables.at = align_up(mon->slot + (uint64_t)MONITOR_SLOT_BYTES * mon->slots, PAGE);
}

int pv_monitor_create(struct vm *vm, char *err, unsigned int errlen)
{
	struct pv_monitor *mon = calloc(1, sizeof(*mon));
	struct monitor_image header;
	int ret;

	if (!mon) {
		snprintf(err, errlen, "no memory for the monitor");
		return -ENOMEM;
	}
	ret = choose_place(vm, mon, err, errlen);
	if (ret)
		goto free_monitor;
	image_header(&header);
	mon->areas = align_up(header.memory_bytes, MONITOR_AREA_BYTES);
	mon->directory = mon->areas + (uint64_t)vm->m.nr_vcpus * MONITOR_AREA_BYTES;
	place_zone(vm, mon);
	mon->bytes = align_up(mon->tables.at + PAGE * (KERNEL_TABLES + 2 * (vm->m.gmem.bytes / GIB + 8)), LARGE_PAGE);
	/* Tables of the last level that map this memory itself. */
	mon->bytes += align_up(PAGE * (mon->bytes / LARGE_PAGE + 1), LARGE_PAGE);
	mon->host = mmap(NULL, mon->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mon->host == MAP_FAILED) {
		ret = -errno;
		snprintf(err, errlen, "cannot reserve %llu KiB for the monitor: %s",
			 (unsigned long long)mon->bytes >> 10, strerror(-ret));
		goto free_monitor;
	}
	madvise(mon->host, mon->bytes, MADV_DONTDUMP);
	madvise(mon->host, mon->bytes, MADV_DONTFORK);
#ifdef PR_SET_VMA
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, mon->host, mon->bytes, "monitor-memory");
#endif
	vm->m.gmem.holds = calloc(mon->chunks, sizeof(*vm->m.gmem.holds));
	if (!vm->m.gmem.holds) {
		snprintf(err, errlen, "no memory for the monitor");
		ret = -ENOMEM;
		goto unmap;
	}
	mon->tables.host = mon->host;
	mon->tables.gpa = mon->gpa;
	mon->tables.bytes = mon->bytes;
	ret = vm_map_memory(vm, VM_SLOT_MONITOR, mon->gpa, mon->host, mon->bytes, false);
	if (ret) {
		snprintf(err, errlen, "KVM refused the monitor's memory at %#llx: %s", (unsigned long long)mon->gpa,
			 strerror(-ret));
		goto free_holds;
	}
	vm->monitor = mon;
	return 0;
free_holds:
	free(vm->m.gmem.holds);
	vm->m.gmem.holds = NULL;
unmap:
	munmap(mon->host, mon->bytes);
free_monitor:
	free(mon);
	return ret;
}

void pv_monitor_destroy(struct vm *vm)
{
	if (!vm->monitor)
		return;
	vm->m.gmem.closed = NULL;
	free(vm->m.gmem.holds);
	vm->m.gmem.holds = NULL;
	munmap(vm->monitor->host, vm->monitor->bytes);
	free(vm->monitor);
	vm->monitor = NULL;
}

static uint8_t *area(const struct vm *vm, unsigned int vcpu)
{
	return vm->monitor->host + vm->monitor->areas + (uint64_t)vcpu * MONITOR_AREA_BYTES;
}

struct pv_zone_use pv_monitor_zone_use(const struct vm *vm)
{
	const struct pv_monitor *mon = vm->monitor;
	struct pv_zone_use use = { .chunks_max = mon->slots };

	for (uint32_t i = 0; i < mon->slots; i++) {
		const struct monitor_slot *slot = (const void *)(mon->host + mon->slot + (uint64_t)i * MONITOR_SLOT_BYTES);

		if (!__atomic_load_n(&slot->in_use, __ATOMIC_RELAXED))
			continue;
		use.chunks++;
		use.tables += __atomic_load_n(&slot->tables, __ATOMIC_RELAXED);
	}
	return use;
}

const struct monitor_shared *pv_monitor_shared(const struct vm *vm, unsigned int vcpu)
{
	return (const struct monitor_shared *)area(vm, vcpu);
}

static void add_emulated(struct monitor_counters *sum, const struct monitor_emulated *add)
{
	for (unsigned int i = 0; i < MONITOR_EMULATED_MAX; i++) {
		struct monitor_emulated *e = &sum->emulated[i];

		if (e->count && (e->rip != add->rip || e->what != add->what))
			continue;
		*e = (struct monitor_emulated){ .rip = add->rip, .what = add->what, .count = e->count + add->count };
		return;
	}
	sum->emulated_elsewhere += add->count;
}

void pv_monitor_counters(const struct vm *vm, struct monitor_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned int v = 0; v < vm->m.nr_vcpus; v++) {
		const struct monitor_counters *c = &pv_monitor_shared(vm, v)->counters;

		for (unsigned int i = 0; i < MONITOR_CALLS; i++)
			sum->calls[i] += c->calls[i];
		for (unsigned int i = 0; i < MONITOR_EXCEPTIONS; i++)
			sum->delivered[i] += c->delivered[i];
		sum->forwarded += c->forwarded;
		sum->syscalls += c->syscalls;
		sum->interrupts += c->interrupts;
		sum->interrupts_dropped += c->interrupts_dropped;
		sum->pokes += c->pokes;
		sum->emulated_elsewhere += c->emulated_elsewhere;
		for (unsigned int i = 0; i < MONITOR_EMULATED_MAX; i++)
			if (c->emulated[i].count)
				add_emulated(sum, &c->emulated[i]);
	}
}

static int make_tables(struct vm *vm, const struct monitor_image *header, const struct pv_kernel *kernel, char *err,
		       unsigned int errlen)
{
	const struct pv_layout layout = {
		.text_bytes = header->text_bytes,
		.image_bytes = header->memory_bytes,
		.areas = vm->monitor->areas,
		.nr_vcpus = vm->m.nr_vcpus,
		.rest = vm->monitor->directory,
	};
	int ret = pv_tables_make(&vm->monitor->tables, &layout, &vm->m.gmem, kernel);

	if (ret == -EEXIST)
		snprintf(err, errlen, "kernel %s has two segments at one virtual address: build it again",
			 vm->opt->kernel);
	else if (ret)
		snprintf(err, errlen,
			 "kernel %s is larger than pv mode's first page tables can map (some 2 GiB): make it smaller",
			 vm->opt->kernel);
	return ret;
}

static void fill_boot(struct vm *vm, unsigned int vcpu, const struct pv_kernel *kernel, struct monitor_boot *boot)
{
	const struct pv_monitor *mon = vm->monitor;
	const struct gmem *gm = &vm->m.gmem;

	boot->vcpu = vcpu;
	boot->nr_vcpus = vm->m.nr_vcpus;
	boot->flags = vm->opt->pv_trusted ? MONITOR_BOOT_TRUSTED : 0;
	boot->memory = mon->gpa;
	boot->top = mon->gpa + mon->tables.top;
	boot->directory = mon->directory;
	boot->slot = mon->slot;
	boot->chunks = mon->chunks;
	boot->slots = mon->slots;
	boot->entry = kernel->entry;
	boot->start_info = kernel->start_info;
	for (unsigned int i = 0; i < 4; i++)
		boot->offered[i] = hypercalls_offered(vm->m.hypercall, i);
	for (unsigned int i = 0; i < gm->nr_regions; i++)
		boot->ram[i] = (struct monitor_ram){ gm->region[i].start, gm->region[i].size };
}

int pv_monitor_load(struct vm *vm, const struct pv_kernel *kernel, struct boot_state *boot, char *err,
		    unsigned int errlen)
{
	struct monitor_image header;
	int ret;

	image_header(&header);
	memcpy(vm->monitor->host, monitor_image, header.image_bytes);
	ret = make_tables(vm, &header, kernel, err, errlen);
	if (ret)
		return ret;
	/* From here on no device and no call reaches what the guest has made a table. */
	vm->m.gmem.closed = (const uint16_t *)(vm->monitor->host + vm->monitor->directory);
	for (unsigned int i = 0; i < vm->m.nr_vcpus; i++)
		fill_boot(vm, i, kernel, &((struct monitor_shared *)area(vm, i))->boot);
	*boot = (struct boot_state){
		.rip = header.entry,
		.rdi = MONITOR_VA + vm->monitor->areas,
		.every_vcpu = true,
		.rdi_step = MONITOR_AREA_BYTES,
		.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG,
		.cr3 = vm->monitor->gpa + vm->monitor->tables.top,
		.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT,
		.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE,
		.cs = { .selector = PVN_PV_KERNEL_CS, .code = true, .long_mode = true },
		.ds = { .selector = PVN_PV_KERNEL_SS },
	};
	return 0;
}
