/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting a kernel into guest memory: a bzImage by Linux's 64-bit boot protocol, or an ELF vmlinux by PVH. Files are
 * read straight into guest memory, so that the VMM holds no copy.
 */
#ifndef VMM_LOADER_H
#define VMM_LOADER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "memory.h"

/* Where the loader puts its own things: all below 640 KiB, none where the kernel's start-up code writes. */
#define BOOT_GDT_ADDR 0x1000
#define BOOT_PVH_INFO_ADDR 0x6000
#define BOOT_PARAMS_ADDR 0x7000
#define BOOT_PAGE_TABLES_ADDR 0x9000 /* to 0xf000 */
#define BOOT_CMDLINE_ADDR 0x20000
#define BOOT_CMDLINE_MAX 0x10000
#define BOOT_LOW_END 0x9fc00 /* where a PC's BIOS data would start */
#define BOOT_BIOS_START 0xe0000 /* ACPI tables; to 1 MiB */
#define BOOT_HIGH_START 0x100000

struct boot_segment {
	uint16_t selector;
	bool code;
	bool long_mode;
};

/* Registers with which the first vCPU starts. */
struct boot_state {
	uint64_t rip, rdi, rsi, rbx;
	uint64_t cr0, cr3, cr4, efer;
	struct boot_segment cs, ds;
	uint64_t gdt_base;
	uint16_t gdt_limit;
	bool every_vcpu; /* all start so, in pv mode; else the first one, and the others by INIT and SIPI */
	uint64_t rdi_step; /* what each has more in rdi than the one before */
};

struct boot_request {
	struct gmem *gmem;
	const char *kernel;	/* path */
	const char *initrd;	/* path, or NULL */
	const char *cmdline;	/* never NULL */
	uint64_t rsdp;		/* where the ACPI tables start; 0: none */
	bool unpack_in_guest;	/* a bzImage unpacks itself */
};

/* A kernel for pv mode, in guest memory, and where its segments want to be mapped. */
#define PV_MAX_SEGMENTS 64

struct pv_segment {
	uint64_t va, gpa, bytes; /* whole pages */
	bool write, execute;
};

struct pv_kernel {
	uint64_t entry;	     /* virtual */
	uint64_t start_info; /* guest-physical */
	struct pv_segment segment[PV_MAX_SEGMENTS];
	unsigned int nr_segments;
};

/* loader_pv.c. 0, or -errno with a message in err. */
int loader_load_pv(const struct boot_request *req, struct pv_kernel *kernel, char *err, unsigned int errlen);

/* Open a file that an option names; its size, and a descriptor or -errno with a message. */
int loader_open(const char *path, const char *what, const char *option, uint64_t *size, char *err, unsigned int errlen);

/* 0, or -errno with a message in err. */
int loader_load(const struct boot_request *req, struct boot_state *boot, char *err, unsigned int errlen);

/* The formats: loader_bzimage.c, loader_elf.c. The first bytes of the kernel are in head. */
bool bzimage_recognise(const uint8_t *head, unsigned int len);
int bzimage_load(const struct boot_request *req, int fd, uint64_t size, struct boot_state *boot, char *err,
		 unsigned int errlen);
bool elf_recognise(const uint8_t *head, unsigned int len);
int elf_load(const struct boot_request *req, int fd, uint64_t size, struct boot_state *boot, char *err,
	     unsigned int errlen);

/*
 * loader_unpack.c: unpack [offset, offset + len) of a file, a bzImage's payload, and place the kernel in it within
 * [floor, ceiling). 0 with its 64-bit entry point; 1 when the format is not known; -errno when it is malformed.
 */
int loader_unpack(const struct gmem *gm, int fd, uint64_t offset, uint64_t len, uint64_t floor, uint64_t ceiling,
		  uint64_t *entry);

struct loader_unpacked {
	uint8_t *data; /* the caller's to munmap() */
	size_t size;
};

/*
 * The same in memory. `size` is what it unpacks to; 0: its last four bytes say so, as Linux appends them to every format,
 * and as gzip has them anyway. 0; 1 when the format or the size is not one that is known; -errno when it is malformed.
 */
int loader_unpack_buffer(const uint8_t *in, size_t len, uint64_t size, struct loader_unpacked *out);

/* Shared by both formats. */
#define BOOT_MAP_RAM 1
#define BOOT_MAP_RESERVED 2
#define BOOT_MAP_MAX 8

struct boot_map_entry {
	uint64_t addr, size;
	uint32_t type;
};

/* The guest's memory map, as firmware would give it. How many entries. */
unsigned int loader_memory_map(const struct gmem *gm, struct boot_map_entry map[BOOT_MAP_MAX]);
/* Read [offset, offset + len) of a file to gpa. 0, or -errno; -ENODATA when the file is shorter. */
int loader_read_guest(const struct gmem *gm, int fd, uint64_t offset, uint64_t gpa, uint64_t len);
int loader_read(int fd, uint64_t offset, void *buf, uint64_t len);
/* Place the initrd below `limit` and above `floor`. Addresses are 0 without one. */
int loader_initrd(const struct boot_request *req, uint64_t floor, uint64_t limit, uint64_t *addr, uint64_t *size,
		  char *err, unsigned int errlen);
int loader_cmdline(const struct boot_request *req, uint64_t max, char *err, unsigned int errlen);

#endif
