/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ELF vmlinux by PVH: its note names a 32-bit entry point, entered in protected mode without paging, with a
 * start-info structure (memory map, command line, initrd, ACPI) in ebx. The protocol is Xen's, KVM guests take it too.
 */

#include "loader_elf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_PHYS32_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define MAX_NOTES (64 * 1024)
#define CR0_PE 0x1ull
#define CR0_ET 0x10ull
#define PVH_CMDLINE_MAX 2047
#define INITRD_LIMIT 0x80000000ull /* PVH names none: Linux takes any address that is RAM below 2 GiB */

#define PVH_MAGIC 0x336ec578
struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	/* since version 1 */
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct pvh_map_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* All three in one place, so that one address check covers them. */
struct pvh_block {
	struct pvh_start_info info;
	struct pvh_module module;
	struct pvh_map_entry map[BOOT_MAP_MAX];
};

bool elf_recognise(const uint8_t *head, unsigned int len)
{
	return len >= sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG);
}

static const char *machine_name(unsigned int machine)
{
	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_AARCH64:
		return "AArch64";
	case EM_ARM:
		return "32-bit ARM";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC64:
		return "64-bit POWER";
	case EM_S390:
		return "S/390";
	default:
		return "another CPU";
	}
}

static int check_header(const struct boot_request *req, const Elf64_Ehdr *eh, uint64_t size, char *err,
			unsigned int errlen)
{
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64) {
		bool swapped = eh->e_ident[EI_DATA] == ELFDATA2MSB;
		unsigned int machine = swapped ? __builtin_bswap16(eh->e_machine) : eh->e_machine;

		snprintf(err, errlen, "kernel %s is for %s, this machine is x86-64: use an x86-64 kernel", req->kernel,
			 machine == EM_X86_64 ? "another kind of x86-64" : machine_name(machine));
		return -ENOEXEC;
	}
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) {
		snprintf(err, errlen, "%s is an ELF file, but not an executable one: --kernel takes a vmlinux", req->kernel);
		return -ENOEXEC;
	}
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > ELF_MAX_HEADERS) {
		snprintf(err, errlen, "kernel %s has a malformed ELF header (%u program headers of %u bytes): build it again",
			 req->kernel, eh->e_phnum, eh->e_phentsize);
		return -ENOEXEC;
	}
	if (eh->e_phoff > size || size - eh->e_phoff < (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr)) {
		snprintf(err, errlen, "kernel %s is truncated: its program headers lie beyond its end: copy it again",
			 req->kernel);
		return -ENOEXEC;
	}
	return 0;
}

/* Notes are name and descriptor, each padded to four bytes. The descriptor's own length, even where it was cut to room. */
static uint64_t find_note(const uint8_t *note, uint64_t len, const char *owner, uint32_t type, void *out, uint64_t room)
{
	uint64_t owner_bytes = strlen(owner) + 1;

	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr nh;
		uint64_t name, desc;

		memcpy(&nh, note, sizeof(nh));
		name = ((uint64_t)nh.n_namesz + 3) & ~3ull;
		desc = ((uint64_t)nh.n_descsz + 3) & ~3ull;
		if (len - sizeof(nh) < name || len - sizeof(nh) - name < desc)
			return 0;
		if (nh.n_type == type && nh.n_namesz == owner_bytes && !memcmp(note + sizeof(nh), owner, owner_bytes)) {
			memcpy(out, note + sizeof(nh) + name, nh.n_descsz < room ? nh.n_descsz : room);
			return nh.n_descsz;
		}
		note += sizeof(nh) + name + desc;
		len -= sizeof(nh) + name + desc;
	}
	return 0;
}

int elf_note(const struct boot_request *req, const struct elf_file *elf, const char *owner, uint32_t type, void *desc,
	     uint64_t room, uint64_t *len, char *err, unsigned int errlen)
{
	unsigned int i;
	int ret;

	*len = 0;
	for (i = 0; i < elf->eh.e_phnum && !*len; i++) {
		const Elf64_Phdr *ph = &elf->ph[i];
		uint8_t *note;

		if (ph->p_type != PT_NOTE || !ph->p_filesz || ph->p_filesz > MAX_NOTES)
			continue;
		note = malloc(ph->p_filesz);
		if (!note) {
			snprintf(err, errlen, "no memory for the notes of kernel %s", req->kernel);
			return -ENOMEM;
		}
		ret = loader_read(elf->fd, ph->p_offset, note, ph->p_filesz);
		if (!ret)
			*len = find_note(note, ph->p_filesz, owner, type, desc, room);
		free(note);
		if (ret) {
			snprintf(err, errlen, "kernel %s is truncated: its notes lie beyond its end: copy it again",
				 req->kernel);
			return -ENOEXEC;
		}
	}
	return 0;
}

static int find_pvh_entry(const struct boot_request *req, const struct elf_file *elf, uint64_t *entry, char *err,
			  unsigned int errlen)
{
	uint64_t len;
	int ret;

	*entry = 0;
	ret = elf_note(req, elf, "Xen", NOTE_PHYS32_ENTRY, entry, sizeof(*entry), &len, err, errlen);
	if (ret)
		return ret;
	if (len == 4 || len == 8)
		return 0;
	snprintf(err, errlen, "%s has no PVH entry point (note of CONFIG_PVH): give the bzImage, or build the kernel with "
		 "CONFIG_PVH=y", req->kernel);
	return -ENOEXEC;
}

int elf_load_segments(const struct boot_request *req, const struct elf_file *elf, uint64_t *end, char *err,
		      unsigned int errlen)
{
	const Elf64_Phdr *ph = elf->ph;
	uint64_t size = elf->size;
	unsigned int i;
	int ret;

	*end = BOOT_HIGH_START;
	for (i = 0; i < elf->eh.e_phnum; i++) {
		void *to;

		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		if (ph[i].p_filesz > ph[i].p_memsz || ph[i].p_offset > size || size - ph[i].p_offset < ph[i].p_filesz) {
			snprintf(err, errlen, "kernel %s is truncated or malformed: segment %u wants bytes %llu to %llu of %llu:"
				 " copy it again", req->kernel, i, (unsigned long long)ph[i].p_offset,
				 (unsigned long long)(ph[i].p_offset + ph[i].p_filesz), (unsigned long long)size);
			return -ENOEXEC;
		}
		to = gmem_ptr(req->gmem, GPA(ph[i].p_paddr), ph[i].p_memsz);
		if (!to || ph[i].p_paddr < BOOT_HIGH_START) {
			snprintf(err, errlen, "kernel %s wants memory at %#llx to %#llx, and the guest has %llu MiB: give more "
				 "with --memory", req->kernel, (unsigned long long)ph[i].p_paddr,
				 (unsigned long long)(ph[i].p_paddr + ph[i].p_memsz),
				 (unsigned long long)req->gmem->bytes >> 20);
			return -ENOMEM;
		}
		/* Guest memory is zero already, so what follows the file's part needs no clearing. */
		ret = loader_read_guest(req->gmem, elf->fd, ph[i].p_offset, ph[i].p_paddr, ph[i].p_filesz);
		if (ret) {
			snprintf(err, errlen, "kernel %s: %s while reading it", req->kernel, strerror(-ret));
			return ret;
		}
		if (ph[i].p_paddr + ph[i].p_memsz > *end)
			*end = ph[i].p_paddr + ph[i].p_memsz;
	}
	return 0;
}

static void fill_start_info(const struct boot_request *req, struct pvh_block *block, uint64_t initrd, uint64_t initrd_size)
{
	struct boot_map_entry map[BOOT_MAP_MAX];
	unsigned int i, nr = loader_memory_map(req->gmem, map);

	memset(block, 0, sizeof(*block));
	for (i = 0; i < nr; i++)
		block->map[i] = (struct pvh_map_entry){ map[i].addr, map[i].size, map[i].type, 0 };
	block->module.paddr = initrd;
	block->module.size = initrd_size;
	block->info.magic = PVH_MAGIC;
	block->info.version = 1;
	block->info.nr_modules = initrd_size ? 1 : 0;
	block->info.modlist_paddr = initrd_size ? BOOT_PVH_INFO_ADDR + offsetof(struct pvh_block, module) : 0;
	block->info.cmdline_paddr = BOOT_CMDLINE_ADDR;
	block->info.rsdp_paddr = req->rsdp;
	block->info.memmap_paddr = BOOT_PVH_INFO_ADDR + offsetof(struct pvh_block, map);
	block->info.memmap_entries = nr;
}

int elf_start_info(const struct boot_request *req, uint64_t end, char *err, unsigned int errlen)
{
	uint64_t initrd, initrd_size;
	struct pvh_block *block;
	int ret;

	ret = loader_cmdline(req, PVH_CMDLINE_MAX, err, errlen);
	if (!ret)
		ret = loader_initrd(req, end, INITRD_LIMIT, &initrd, &initrd_size, err, errlen);
	if (ret)
		return ret;
	block = gmem_ptr(req->gmem, GPA(BOOT_PVH_INFO_ADDR), sizeof(*block));
	if (!block) {
		snprintf(err, errlen, "no guest memory for the start-up structures: give more with --memory");
		return -ENOMEM;
	}
	fill_start_info(req, block, initrd, initrd_size);
	return 0;
}

int elf_open(const struct boot_request *req, int fd, uint64_t size, struct elf_file *elf, char *err,
	     unsigned int errlen)
{
	int ret;

	elf->fd = fd;
	elf->size = size;
	ret = loader_read(fd, 0, &elf->eh, sizeof(elf->eh));
	if (ret) {
		snprintf(err, errlen, "kernel %s: %s while reading its header", req->kernel, strerror(-ret));
		return ret;
	}
	ret = check_header(req, &elf->eh, size, err, errlen);
	if (ret)
		return ret;
	ret = loader_read(fd, elf->eh.e_phoff, elf->ph, elf->eh.e_phnum * sizeof(elf->ph[0]));
	if (ret)
		snprintf(err, errlen, "kernel %s: %s while reading its program headers", req->kernel, strerror(-ret));
	return ret;
}

int elf_load(const struct boot_request *req, int fd, uint64_t size, struct boot_state *boot, char *err,
	     unsigned int errlen)
{
	/* Flat 32-bit segments: code at selector 8, data at 16. */
	static const uint64_t gdt[3] = { 0, 0x00cf9b000000ffffull, 0x00cf93000000ffffull };
	uint64_t entry = 0, end;
	struct elf_file elf;
	int ret;

	ret = elf_open(req, fd, size, &elf, err, errlen);
	if (!ret)
		ret = find_pvh_entry(req, &elf, &entry, err, errlen);
	if (!ret)
		ret = elf_load_segments(req, &elf, &end, err, errlen);
	if (!ret && (entry < BOOT_HIGH_START || entry >= end)) {
		snprintf(err, errlen, "kernel %s is malformed: its entry point %#llx is outside of it: build it again",
			 req->kernel, (unsigned long long)entry);
		ret = -ENOEXEC;
	}
	if (!ret)
		ret = elf_start_info(req, end, err, errlen);
	if (ret)
		return ret;
	if (gmem_write(req->gmem, GPA(BOOT_GDT_ADDR), gdt, sizeof(gdt))) {
		snprintf(err, errlen, "no guest memory for the start-up structures: give more with --memory");
		return -ENOMEM;
	}
	boot->rip = entry;
	boot->rbx = BOOT_PVH_INFO_ADDR;
	boot->cr0 = CR0_PE | CR0_ET;
	boot->cs = (struct boot_segment){ .selector = 8, .code = true };
	boot->ds = (struct boot_segment){ .selector = 16 };
	boot->gdt_base = BOOT_GDT_ADDR;
	boot->gdt_limit = sizeof(gdt) - 1;
	return 0;
}
