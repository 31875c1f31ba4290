// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel for pv mode: an ELF file with Paravane's note (pv_boot.h). Segments go to their physical addresses and will
 * be mapped at their virtual ones; the hypercall page, which is one of the kernel's own, is filled here.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <paravane/features.h>
#include <paravane/pv_boot.h>

#include "loader_elf.h"

#define PAGE 4096ull
#define DIRECT_MAP_END (PVN_PV_DIRECT_MAP + PVN_PV_DIRECT_MAX)

/* No tail but INT3: the page is entered at its first byte. Everything that a call loses is lost by SYSCALL itself. */
static const uint8_t page_code[] = {
	0xf3, 0x0f, 0x1e, 0xfa,	/* endbr64: callers may come through a pointer */
	0x0f, 0x05,		/* syscall */
	0xc3,			/* ret */
};
#define PAGE_FILL 0xcc /* int3 */

static bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

static bool overlaps(uint64_t va, uint64_t bytes, uint64_t start, uint64_t end)
{
	return va < end && va + bytes > start;
}

static int check_range(const struct boot_request *req, const Elf64_Phdr *ph, char *err, unsigned int errlen)
{
	uint64_t va = ph->p_vaddr, last = va + ph->p_memsz - 1;
	const char *what = NULL;

	if (last < va || last > UINT64_MAX - PAGE || !canonical(va) || !canonical(last) || (va ^ last) >> 63)
		what = "is no range of addresses: build the kernel again";
	else if (overlaps(va, ph->p_memsz, PVN_PV_HOLE_START, PVN_PV_HOLE_END))
		what = "lies where the monitor has its place (0xffff800000000000 to 0xffff87ffffffffff): link it "
		       "elsewhere";
	else if (overlaps(va, ph->p_memsz, PVN_PV_DIRECT_MAP, DIRECT_MAP_END))
		what = "lies where all RAM is mapped (from 0xffff888000000000, 512 GiB): link it elsewhere";
	else if ((va ^ ph->p_paddr) & (PAGE - 1))
		what = "has virtual and physical addresses that differ within a page: link it with whole pages";
	if (!what)
		return 0;
	snprintf(err, errlen, "kernel %s: its segment at %#llx, %llu bytes, %s", req->kernel, (unsigned long long)va,
		 (unsigned long long)ph->p_memsz, what);
	return -ENOEXEC;
}

static int list_segments(const struct boot_request *req, const struct elf_file *elf, struct pv_kernel *kernel,
			 char *err, unsigned int errlen)
{
	for (unsigned int i = 0; i < elf->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &elf->ph[i];
		uint64_t before = ph->p_vaddr & (PAGE - 1);
		int ret;

		if (ph->p_type != PT_LOAD || !ph->p_memsz)
			continue;
		ret = check_range(req, ph, err, errlen);
		if (ret)
			return ret;
		kernel->segment[kernel->nr_segments++] = (struct pv_segment){
			.va = ph->p_vaddr - before,
			.gpa = ph->p_paddr - before,
			.bytes = (before + ph->p_memsz + PAGE - 1) & ~(PAGE - 1),
			.write = ph->p_flags & PF_W,
			.execute = ph->p_flags & PF_X,
		};
	}
	return 0;
}

/* Guest-physical address of a byte of the image; false when no executable segment has it. */
static bool find_executable(const struct pv_kernel *kernel, uint64_t va, uint64_t *gpa)
{
	for (unsigned int i = 0; i < kernel->nr_segments; i++) {
		const struct pv_segment *s = &kernel->segment[i];

		if (s->execute && va - s->va < s->bytes) {
			*gpa = s->gpa + (va - s->va);
			return true;
		}
	}
	return false;
}

static int read_note(const struct boot_request *req, const struct elf_file *elf, struct pvn_note_pv *note, char *err,
		     unsigned int errlen)
{
	uint64_t len;
	int ret;

	memset(note, 0, sizeof(*note));
	ret = elf_note(req, elf, PVN_NOTE_OWNER, PVN_NOTE_PV, note, sizeof(*note), &len, err, errlen);
	if (ret)
		return ret;
	if (!len) {
		snprintf(err, errlen,
			 "%s is not made for pv mode (it has no Paravane note): use --mode hvm, or a kernel built for "
			 "pv mode",
			 req->kernel);
		return -ENOEXEC;
	}
	if (len != sizeof(*note) || note->flags || note->reserved) {
		snprintf(err, errlen, "kernel %s has a malformed Paravane note (%llu bytes, flags %#x): build it again",
			 req->kernel, (unsigned long long)len, note->flags);
		return -ENOEXEC;
	}
	if (note->version >> 16 != PVN_ABI_MAJOR) {
		snprintf(err, errlen,
			 "kernel %s was built for version %u of the interface, and this host speaks %u: build it "
			 "against this version's headers",
			 req->kernel, note->version >> 16, PVN_ABI_MAJOR);
		return -ENOEXEC;
	}
	return 0;
}

static int fill_page(const struct boot_request *req, const struct pv_kernel *kernel, uint64_t va, char *err,
		     unsigned int errlen)
{
	uint8_t *page = NULL;
	uint64_t gpa;

	if (va % PAGE == 0 && find_executable(kernel, va, &gpa))
		page = gmem_ptr(req->gmem, GPA(gpa), PAGE);
	if (!page) {
		snprintf(err, errlen,
			 "kernel %s: the hypercall page that its note names, %#llx, is no whole page of an executable "
			 "segment: build it again",
			 req->kernel, (unsigned long long)va);
		return -ENOEXEC;
	}
	memset(page, PAGE_FILL, PAGE);
	memcpy(page, page_code, sizeof(page_code));
	return 0;
}

static int load(const struct boot_request *req, int fd, uint64_t size, struct pv_kernel *kernel, char *err,
		unsigned int errlen)
{
	struct pvn_note_pv note;
	struct elf_file elf;
	uint64_t end, gpa;
	int ret;

	ret = elf_open(req, fd, size, &elf, err, errlen);
	if (!ret)
		ret = read_note(req, &elf, &note, err, errlen);
	if (!ret)
		ret = list_segments(req, &elf, kernel, err, errlen);
	if (!ret)
		ret = elf_load_segments(req, &elf, &end, err, errlen);
	if (!ret && !find_executable(kernel, note.entry, &gpa)) {
		snprintf(err, errlen,
			 "kernel %s: the entry that its note names, %#llx, is in no executable segment: build it again",
			 req->kernel, (unsigned long long)note.entry);
		ret = -ENOEXEC;
	}
	if (!ret)
		ret = fill_page(req, kernel, note.hypercall_page, err, errlen);
	if (!ret)
		ret = elf_start_info(req, end, err, errlen);
	kernel->entry = note.entry;
	kernel->start_info = BOOT_PVH_INFO_ADDR;
	return ret;
}

int loader_load_pv(const struct boot_request *req, struct pv_kernel *kernel, char *err, unsigned int errlen)
{
	uint8_t head[1024] = { 0 };
	unsigned int len;
	uint64_t size;
	int fd, ret;

	memset(kernel, 0, sizeof(*kernel));
	fd = loader_open(req->kernel, "kernel", "--kernel", &size, err, errlen);
	if (fd < 0)
		return fd;
	len = size < sizeof(head) ? size : sizeof(head);
	ret = loader_read(fd, 0, head, len);
	if (ret) {
		snprintf(err, errlen, "kernel %s: %s while reading it", req->kernel, strerror(-ret));
	} else if (bzimage_recognise(head, len)) {
		ret = -ENOEXEC;
		snprintf(err, errlen,
			 "%s is a bzImage, and pv mode takes an ELF vmlinux made for it: give that, or use --mode hvm",
			 req->kernel);
	} else if (!elf_recognise(head, len)) {
		ret = -ENOEXEC;
		snprintf(err, errlen, "%s is not an ELF kernel: --mode pv takes an ELF vmlinux made for pv mode",
			 req->kernel);
	} else {
		ret = load(req, fd, size, kernel, err, errlen);
	}
	close(fd);
	return ret;
}
