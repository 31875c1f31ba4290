/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unpacking a bzImage's kernel in the VMM instead of in the guest: the guest's own unpacker runs under virtualization
 * before the kernel has set up anything. What is lost with it is KASLR, which that unpacker does: the kernel runs at its
 * link address. So it has to be asked for.
 *
 * A format that is not known here is no error: the guest unpacks it as ever.
 */

#include <elf.h>
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "loader.h"

#define PAYLOAD_MAX (256u << 20)
#define KERNEL_MAX (1u << 30) /* Linux maps no more */
#define UNPACK_MEMORY_MAX (512u << 20)
#define MAX_HEADERS 64
#define GZIP_WINDOW_BITS (15 + 16)

static int unpack_xz(const uint8_t *in, size_t len, struct loader_unpacked *out)
{
	uint64_t limit = UNPACK_MEMORY_MAX;
	size_t from = 0, to = 0;

	/* Stops at the end of the stream; the size that Linux appends to it is not read. */
	return lzma_stream_buffer_decode(&limit, 0, NULL, in, &from, len, out->data, &to, out->size) == LZMA_OK &&
	       to == out->size ? 0 : -EINVAL;
}

static int unpack_gzip(const uint8_t *in, size_t len, struct loader_unpacked *out)
{
	z_stream z = { .next_in = (uint8_t *)in, .avail_in = (uInt)len, .next_out = out->data,
		       .avail_out = (uInt)out->size };
	int ret;

	if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
		return -ENOMEM;
	ret = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return ret == Z_STREAM_END && !z.avail_out ? 0 : -EINVAL;
}

static const struct {
	const char *magic;
	unsigned int len;
	int (*unpack)(const uint8_t *in, size_t len, struct loader_unpacked *out);
} formats[] = {
	{ "\xfd" "7zXZ", 6, unpack_xz },
	{ "\x1f\x8b\x08", 3, unpack_gzip },
};

int loader_unpack_buffer(const uint8_t *in, size_t len, uint64_t size, struct loader_unpacked *out)
{
	uint32_t appended;
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (len > sizeof(appended) && len >= formats[i].len && !memcmp(in, formats[i].magic, formats[i].len))
			break;
	}
	if (i == sizeof(formats) / sizeof(formats[0]))
		return 1;
	if (!size) {
		memcpy(&appended, in + len - sizeof(appended), sizeof(appended));
		size = appended;
	}
	if (!size || size > KERNEL_MAX)
		return 1;
	out->size = size;
	out->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out->data == MAP_FAILED)
		return -errno;
	/* Written once, front to back: large pages save most of the faults. */
	madvise(out->data, size, MADV_HUGEPAGE);
	ret = formats[i].unpack(in, len, out);
	if (ret)
		munmap(out->data, size);
	return ret;
}

/* The kernel's segments to their physical addresses, all within [floor, ceiling). 0, or -errno. */
static int place(const struct gmem *gm, const struct loader_unpacked *k, uint64_t floor, uint64_t ceiling, uint64_t *entry)
{
	Elf64_Phdr ph[MAX_HEADERS];
	Elf64_Ehdr eh;
	unsigned int i;

	if (k->size < sizeof(eh))
		return -ENOEXEC;
	memcpy(&eh, k->data, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64 ||
	    eh.e_phentsize != sizeof(ph[0]) || !eh.e_phnum || eh.e_phnum > MAX_HEADERS || eh.e_phoff > k->size ||
	    k->size - eh.e_phoff < eh.e_phnum * sizeof(ph[0]))
		return -ENOEXEC;
	memcpy(ph, k->data + eh.e_phoff, eh.e_phnum * sizeof(ph[0]));
	if (eh.e_entry < floor || eh.e_entry >= ceiling)
		return -ENOEXEC;
	for (i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_filesz)
			continue;
		if (ph[i].p_offset > k->size || k->size - ph[i].p_offset < ph[i].p_filesz || ph[i].p_filesz > ph[i].p_memsz ||
		    ph[i].p_paddr < floor || ph[i].p_paddr > ceiling || ceiling - ph[i].p_paddr < ph[i].p_memsz)
			return -ENOEXEC;
		/* What follows the file's part is zero: guest memory is new. */
		if (gmem_write(gm, GPA(ph[i].p_paddr), k->data + ph[i].p_offset, ph[i].p_filesz))
			return -ENOMEM;
	}
	*entry = eh.e_entry;
	return 0;
}

int loader_unpack(const struct gmem *gm, int fd, uint64_t offset, uint64_t len, uint64_t floor, uint64_t ceiling,
		  uint64_t *entry)
{
	struct loader_unpacked kernel;
	uint8_t *payload;
	int ret;

	if (!len || len > PAYLOAD_MAX)
		return 1;
	payload = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (payload == MAP_FAILED)
		return 1;
	ret = loader_read(fd, offset, payload, len);
	if (!ret)
		ret = loader_unpack_buffer(payload, len, 0, &kernel);
	munmap(payload, len);
	if (ret)
		return ret;
	ret = place(gm, &kernel, floor, ceiling, entry);
	munmap(kernel.data, kernel.size);
	return ret;
}
