/* SPDX-License-Identifier: GPL-2.0-only */
/* What both kernel formats need: reading files into guest memory, the initrd, the command line, the memory map. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"
#include "pci.h"

int loader_read(int fd, uint64_t offset, void *buf, uint64_t len)
{
	uint8_t *to = buf;

	while (len) {
		ssize_t n = pread(fd, to, len > 1 << 30 ? 1 << 30 : len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}

int loader_read_guest(const struct gmem *gm, int fd, uint64_t offset, uint64_t gpa, uint64_t len)
{
	void *to;

	if (!len)
		return 0;
	to = gmem_ptr(gm, GPA(gpa), len);
	return to ? loader_read(fd, offset, to, len) : -EFAULT;
}

int loader_open(const char *path, const char *what, const char *option, uint64_t *size, char *err, unsigned int errlen)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0 || fstat(fd, &st) < 0) {
		ret = -errno;
		snprintf(err, errlen, "%s %s: %s: check the path given to %s", what, path, strerror(-ret), option);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(err, errlen, "%s %s is not a regular file: give %s the file itself", what, path, option);
		close(fd);
		return -EINVAL;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

unsigned int loader_memory_map(const struct gmem *gm, struct boot_map_entry map[BOOT_MAP_MAX])
{
	unsigned int n = 0, i;

	map[n++] = (struct boot_map_entry){ 0, BOOT_LOW_END, BOOT_MAP_RAM };
	map[n++] = (struct boot_map_entry){ BOOT_BIOS_START, BOOT_HIGH_START - BOOT_BIOS_START, BOOT_MAP_RESERVED };
	for (i = 0; i < gm->nr_regions; i++) {
		uint64_t start = gm->region[i].start, end = start + gm->region[i].size;

		if (start < BOOT_HIGH_START)
			start = BOOT_HIGH_START;
		if (end > start)
			map[n++] = (struct boot_map_entry){ start, end - start, BOOT_MAP_RAM };
	}
	/* Linux trusts an ECAM window only when firmware has reserved it. */
	map[n++] = (struct boot_map_entry){ PCI_ECAM_BASE, PCI_ECAM_SIZE, BOOT_MAP_RESERVED };
	return n;
}

int loader_initrd(const struct boot_request *req, uint64_t floor, uint64_t limit, uint64_t *addr, uint64_t *size,
		  char *err, unsigned int errlen)
{
	uint64_t top = req->gmem->region[0].start + req->gmem->region[0].size;
	int fd, ret;

	*addr = 0;
	*size = 0;
	if (!req->initrd)
		return 0;
	fd = loader_open(req->initrd, "initrd", "--initrd", size, err, errlen);
	if (fd < 0)
		return fd;
	if (!*size) {
		snprintf(err, errlen, "initrd %s is empty: build it again, or leave out --initrd", req->initrd);
		ret = -EINVAL;
		goto close_fd;
	}
	if (top > limit)
		top = limit;
	top &= ~0xfffull;
	if (*size > top || ((top - *size) & ~0xfffull) < floor) {
		snprintf(err, errlen, "initrd %s has %llu KiB, and beside the kernel only %llu KiB of guest memory are free: "
			 "give more with --memory", req->initrd, (unsigned long long)*size >> 10,
			 (unsigned long long)(top > floor ? top - floor : 0) >> 10);
		ret = -ENOMEM;
		goto close_fd;
	}
	*addr = (top - *size) & ~0xfffull;
	ret = loader_read_guest(req->gmem, fd, 0, *addr, *size);
	if (ret)
		snprintf(err, errlen, "initrd %s: %s while reading it", req->initrd,
			 ret == -ENODATA ? "it became shorter" : strerror(-ret));
close_fd:
	close(fd);
	return ret;
}

int loader_cmdline(const struct boot_request *req, uint64_t max, char *err, unsigned int errlen)
{
	uint64_t len = strlen(req->cmdline);

	if (len > max || len >= BOOT_CMDLINE_MAX) {
		snprintf(err, errlen, "the kernel's command line has %llu characters and this kernel takes %llu: shorten "
			 "--append", (unsigned long long)len, (unsigned long long)max);
		return -E2BIG;
	}
	if (gmem_write(req->gmem, GPA(BOOT_CMDLINE_ADDR), req->cmdline, len + 1)) {
		snprintf(err, errlen, "no guest memory for the command line: give more with --memory");
		return -ENOMEM;
	}
	return 0;
}

/* Formats that a user may hand over by mistake, told by their first bytes. */
static const char *describe_wrong_file(const uint8_t *head, unsigned int len)
{
	static const struct {
		const char *magic;
		unsigned int len;
		const char *what;
	} known[] = {
		{ "\x1f\x8b", 2, "gzip data" },	       { "\x28\xb5\x2f\xfd", 4, "zstd data" },
		{ "\xfd" "7zXZ", 5, "xz data" },       { "070701", 6, "a cpio archive (an initrd?)" },
		{ "\x7f" "ELF", 4, "an ELF file" },    { "MZ", 2, "a PE (EFI) program" },
		{ "QFI\xfb", 4, "a qcow2 disk image" }, { "!<arch>", 7, "an archive" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (len >= known[i].len && !memcmp(head, known[i].magic, known[i].len))
			return known[i].what;
	}
	return "something else";
}

int loader_load(const struct boot_request *req, struct boot_state *boot, char *err, unsigned int errlen)
{
	uint8_t head[1024] = { 0 };
	unsigned int len;
	uint64_t size;
	int fd, ret;

	memset(boot, 0, sizeof(*boot));
	fd = loader_open(req->kernel, "kernel", "--kernel", &size, err, errlen);
	if (fd < 0)
		return fd;
	len = size < sizeof(head) ? size : sizeof(head);
	ret = loader_read(fd, 0, head, len);
	if (ret) {
		snprintf(err, errlen, "kernel %s: %s while reading it", req->kernel, strerror(-ret));
	} else if (bzimage_recognise(head, len)) {
		ret = bzimage_load(req, fd, size, boot, err, errlen);
	} else if (elf_recognise(head, len)) {
		ret = elf_load(req, fd, size, boot, err, errlen);
	} else {
		ret = -ENOEXEC;
		snprintf(err, errlen, "%s is not a kernel but %s: --kernel takes a bzImage (vmlinuz) or an ELF vmlinux",
			 req->kernel, size ? describe_wrong_file(head, len) : "empty");
	}
	close(fd);
	return ret;
}
