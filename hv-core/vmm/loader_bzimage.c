/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bzImage by Linux's 64-bit boot protocol (Documentation/x86/boot.rst of the kernel): the compressed kernel is loaded
 * at its preferred address, entered 512 bytes in, in long mode with the first 4 GiB mapped one to one, with the "zero
 * page" in rsi.
 */

#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "loader.h"

#define SECTOR 512
#define HEADER_OFFSET 0x1f1
#define BOOT_FLAG 0xaa55
#define HEADER_MAGIC 0x53726448 /* "HdrS" */
#define PROTOCOL_64BIT 0x020c	/* 2.12: xloadflags */
#define PROTOCOL_RSDP 0x020e	/* 2.14: acpi_rsdp_addr */
#define ENTRY_64 0x200
#define LOADER_UNREGISTERED 0xff
#define VIDEO_MODE_NORMAL 0xffff

#define CR0_PE 0x1ull
#define CR0_ET 0x10ull
#define CR0_PG 0x80000000ull
#define CR4_PAE 0x20ull
#define EFER_LME 0x100ull
#define EFER_LMA 0x400ull

#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_LARGE 0x80ull

bool bzimage_recognise(const uint8_t *head, unsigned int len)
{
	const struct setup_header *hdr = (const void *)(head + HEADER_OFFSET);

	return len >= HEADER_OFFSET + sizeof(*hdr) && hdr->boot_flag == BOOT_FLAG && hdr->header == HEADER_MAGIC;
}

/* One level-4 and one level-3 table, and four level-2 tables of 2 MiB pages: 4 GiB. */
static int write_page_tables(const struct gmem *gm)
{
	uint64_t *table = gmem_ptr(gm, GPA(BOOT_PAGE_TABLES_ADDR), 6 * 4096);
	unsigned int i;

	if (!table)
		return -EFAULT;
	memset(table, 0, 6 * 4096);
	table[0] = (BOOT_PAGE_TABLES_ADDR + 0x1000) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4; i++)
		table[512 + i] = (BOOT_PAGE_TABLES_ADDR + 0x2000 + i * 0x1000) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4 * 512; i++)
		table[1024 + i] = ((uint64_t)i << 21) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	return 0;
}

/* The protocol names the selectors: 0x10 code, 0x18 data. */
static int write_gdt(const struct gmem *gm)
{
	static const uint64_t gdt[4] = { 0, 0, 0x00af9b000000ffffull, 0x00cf93000000ffffull };

	return gmem_write(gm, GPA(BOOT_GDT_ADDR), gdt, sizeof(gdt));
}

static int check_header(const struct boot_request *req, const struct setup_header *hdr, uint64_t size, uint64_t setup,
			char *err, unsigned int errlen)
{
	if (hdr->version < PROTOCOL_64BIT || !(hdr->xloadflags & XLF_KERNEL_64)) {
		snprintf(err, errlen, "kernel %s is not for x86-64 (boot protocol %u.%02u, no 64-bit entry): use a 64-bit "
			 "kernel, 3.8 or later", req->kernel, hdr->version >> 8, hdr->version & 0xff);
		return -ENOEXEC;
	}
	if (size < setup || size - setup < (uint64_t)hdr->syssize * 16) {
		snprintf(err, errlen, "kernel %s is truncated: it has %llu bytes, its header says %llu: copy it again",
			 req->kernel, (unsigned long long)size,
			 (unsigned long long)(setup + (uint64_t)hdr->syssize * 16));
		return -ENOEXEC;
	}
	return 0;
}

static void fill_params(struct boot_params *bp, const struct boot_request *req, uint64_t initrd, uint64_t initrd_size)
{
	struct boot_map_entry map[BOOT_MAP_MAX];
	unsigned int i;

	bp->hdr.type_of_loader = LOADER_UNREGISTERED;
	bp->hdr.loadflags &= ~CAN_USE_HEAP;
	bp->hdr.vid_mode = VIDEO_MODE_NORMAL;
	bp->hdr.cmd_line_ptr = BOOT_CMDLINE_ADDR;
	bp->hdr.ramdisk_image = (uint32_t)initrd;
	bp->hdr.ramdisk_size = (uint32_t)initrd_size;
	bp->ext_ramdisk_image = (uint32_t)(initrd >> 32);
	bp->ext_ramdisk_size = (uint32_t)(initrd_size >> 32);
	bp->hdr.setup_data = 0;
	/* Kernels before protocol 2.14 ignore it and search for the tables below 1 MiB, where they are. */
	bp->acpi_rsdp_addr = bp->hdr.version >= PROTOCOL_RSDP ? req->rsdp : 0;
	bp->e820_entries = (uint8_t)loader_memory_map(req->gmem, map);
	for (i = 0; i < bp->e820_entries; i++)
		bp->e820_table[i] = (struct boot_e820_entry){ map[i].addr, map[i].size, map[i].type };
}

/* Unpacked here when that was asked for and can be, else as it is. The entry point in *entry. */
static int place_kernel(const struct boot_request *req, int fd, uint64_t size, uint64_t setup, const struct setup_header *hdr,
			uint64_t need, uint64_t *entry, char *err, unsigned int errlen)
{
	uint64_t load = hdr->pref_address, code = size - setup;
	int ret = 1;

	if (!req->unpack_in_guest && hdr->payload_offset <= code && code - hdr->payload_offset >= hdr->payload_length)
		ret = loader_unpack(req->gmem, fd, setup + hdr->payload_offset, hdr->payload_length, load, load + need,
				    entry);
	if (ret < 0) {
		snprintf(err, errlen, "kernel %s: what is packed in it is damaged: copy it again, or let the guest try with "
			 "--unpack guest", req->kernel);
		return -ENOEXEC;
	}
	if (!ret)
		return 0;
	*entry = load + ENTRY_64;
	ret = loader_read_guest(req->gmem, fd, setup, load, code);
	if (ret)
		snprintf(err, errlen, "kernel %s: %s while reading it", req->kernel, strerror(-ret));
	return ret;
}

int bzimage_load(const struct boot_request *req, int fd, uint64_t size, struct boot_state *boot, char *err,
		 unsigned int errlen)
{
	const struct gmem_region *low = &req->gmem->region[0];
	uint64_t setup, load, need, initrd, initrd_size, limit;
	struct boot_params *bp;
	int ret;

	bp = gmem_ptr(req->gmem, GPA(BOOT_PARAMS_ADDR), sizeof(*bp));
	if (!bp) {
		snprintf(err, errlen, "no guest memory for the boot parameters: give more with --memory");
		return -ENOMEM;
	}
	memset(bp, 0, sizeof(*bp));
	ret = loader_read(fd, HEADER_OFFSET, &bp->hdr, sizeof(bp->hdr));
	if (ret) {
		snprintf(err, errlen, "kernel %s: %s while reading its header", req->kernel, strerror(-ret));
		return ret;
	}
	setup = ((bp->hdr.setup_sects ? bp->hdr.setup_sects : 4) + 1) * SECTOR;
	ret = check_header(req, &bp->hdr, size, setup, err, errlen);
	if (ret)
		return ret;
	load = bp->hdr.pref_address;
	need = bp->hdr.init_size;
	if (need < size - setup)
		need = size - setup;
	if (load < BOOT_HIGH_START || load >= low->size || low->size - load < need) {
		snprintf(err, errlen, "kernel %s needs %llu MiB of guest memory from %llu MiB on, and the guest has %llu MiB: "
			 "give more with --memory", req->kernel, (unsigned long long)need >> 20,
			 (unsigned long long)load >> 20, (unsigned long long)req->gmem->bytes >> 20);
		return -ENOMEM;
	}
	ret = place_kernel(req, fd, size, setup, &bp->hdr, need, &boot->rip, err, errlen);
	if (ret)
		return ret;
	ret = loader_cmdline(req, bp->hdr.cmdline_size, err, errlen);
	if (ret)
		return ret;
	limit = (uint64_t)bp->hdr.initrd_addr_max + 1;
	ret = loader_initrd(req, load + need, limit, &initrd, &initrd_size, err, errlen);
	if (ret)
		return ret;
	fill_params(bp, req, initrd, initrd_size);
	if (write_page_tables(req->gmem) || write_gdt(req->gmem)) {
		snprintf(err, errlen, "no guest memory for the boot page tables: give more with --memory");
		return -ENOMEM;
	}
	boot->rsi = BOOT_PARAMS_ADDR;
	boot->cr0 = CR0_PE | CR0_ET | CR0_PG;
	boot->cr3 = BOOT_PAGE_TABLES_ADDR;
	boot->cr4 = CR4_PAE;
	boot->efer = EFER_LME | EFER_LMA;
	boot->cs = (struct boot_segment){ .selector = 0x10, .code = true, .long_mode = true };
	boot->ds = (struct boot_segment){ .selector = 0x18 };
	boot->gdt_base = BOOT_GDT_ADDR;
	boot->gdt_limit = 4 * 8 - 1;
	return 0;
}
