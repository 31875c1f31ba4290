/* SPDX-License-Identifier: GPL-2.0-only */
/* From a path to the bytes of an ELF file: as it is, or packed in a bzImage, xz (modules) or gzip. */

#include "audit.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"

#define FILE_MAX (2ull << 30)
#define INDEX_MEMORY_MAX (16u << 20)
#define SETUP_HEADER 0x1f1
#define SETUP_SECTOR 512
#define SETUP_SECTORS_DEFAULT 4

static int read_whole(const char *path, struct audit_file *file, char *err, unsigned int errlen)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int ret = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		ret = -errno;
		snprintf(err, errlen, "%s: %s: check the path", path, strerror(-ret));
		goto close_file;
	}
	if (!S_ISREG(st.st_mode) || !st.st_size || (uint64_t)st.st_size > FILE_MAX) {
		ret = -EINVAL;
		snprintf(err, errlen, "%s is %s: give a vmlinux, a bzImage or a module", path,
			 !S_ISREG(st.st_mode) ? "not a regular file"
			 : st.st_size	      ? "larger than 2 GiB"
					      : "empty");
		goto close_file;
	}
	file->size = (size_t)st.st_size;
	file->data = malloc(file->size);
	/* Read, not mapped: a file that shrinks meanwhile is an error here, and not a SIGBUS later. */
	ret = file->data ? loader_read(fd, 0, file->data, file->size) : -ENOMEM;
	if (ret)
		snprintf(err, errlen, "%s: %s while reading it", path,
			 ret == -ENODATA ? "it became shorter" : strerror(-ret));
close_file:
	if (fd >= 0)
		close(fd);
	return ret;
}

/* The unpacked size that an xz file's index states; 0: it has no good index. */
static uint64_t xz_size(const uint8_t *data, size_t size)
{
	uint64_t limit = INDEX_MEMORY_MAX, unpacked;
	lzma_stream_flags footer;
	lzma_index *index = NULL;
	size_t at = 0;

	if (size < 2 * LZMA_STREAM_HEADER_SIZE ||
	    lzma_stream_footer_decode(&footer, data + size - LZMA_STREAM_HEADER_SIZE) != LZMA_OK ||
	    footer.backward_size > size - 2 * LZMA_STREAM_HEADER_SIZE)
		return 0;
	data += size - LZMA_STREAM_HEADER_SIZE - footer.backward_size;
	if (lzma_index_buffer_decode(&index, &limit, NULL, data, &at, footer.backward_size) != LZMA_OK)
		return 0;
	unpacked = lzma_index_uncompressed_size(index);
	lzma_index_end(index, NULL);
	return unpacked;
}

/* Replaces what is in the file by what is packed in [offset, offset + len) of it. 0, or -errno. */
static int unpack(struct audit_file *file, size_t offset, size_t len, uint64_t unpacked_size)
{
	struct loader_unpacked out;
	int ret = loader_unpack_buffer(file->data + offset, len, unpacked_size, &out);

	if (ret)
		return ret == 1 ? -EPROTONOSUPPORT : ret;
	free(file->data);
	file->data = out.data;
	file->size = out.size;
	file->mapped = true;
	return 0;
}

static const char *format_name(const uint8_t *data, size_t len)
{
	static const struct {
		const char *magic, *name;
		size_t len;
	} formats[] = {
		{ "\xfd"
		  "7zXZ",
		  "xz", 6 },
		{ "\x1f\x8b\x08", "gzip", 3 },
		{ "\x28\xb5\x2f\xfd", "zstd", 4 },
		{ "\x02\x21\x4c\x18", "lz4", 4 },
		{ "BZh", "bzip2", 3 },
		{ "\x5d\0\0", "lzma", 3 },
		{ "\x89LZO", "lzo", 4 },
	};
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (len >= formats[i].len && !memcmp(data, formats[i].magic, formats[i].len))
			return formats[i].name;
	}
	return NULL;
}

static int unpack_bzimage(const char *path, struct audit_file *file, char *err, unsigned int errlen)
{
	uint64_t setup, offset, len;
	struct setup_header hdr;
	const char *format;
	int ret;

	memcpy(&hdr, file->data + SETUP_HEADER, sizeof(hdr));
	setup = ((hdr.setup_sects ? hdr.setup_sects : SETUP_SECTORS_DEFAULT) + 1) * SETUP_SECTOR;
	offset = setup + hdr.payload_offset;
	len = hdr.payload_length;
	if (!len || offset > file->size || len > file->size - offset) {
		snprintf(err, errlen,
			 "%s is a truncated or damaged bzImage: its header says that the kernel is in bytes %llu to "
			 "%llu of %zu: copy it again",
			 path, (unsigned long long)offset, (unsigned long long)(offset + len), file->size);
		return -ENOEXEC;
	}
	format = format_name(file->data + offset, len);
	/* Linux appends the unpacked size; the loader knows that. */
	ret = unpack(file, offset, len, 0);
	if (ret == -EPROTONOSUPPORT)
		snprintf(err, errlen,
			 "%s is a bzImage packed with %s, and only xz and gzip are unpacked here: take the vmlinux "
			 "out of it with the kernel's scripts/extract-vmlinux",
			 path, format ? format : "something unknown");
	else if (ret)
		snprintf(err, errlen, "%s: the kernel that is packed in it is damaged: copy it again", path);
	else
		file->packed = !strcmp(format, "xz") ? "bzImage, xz" : "bzImage, gzip";
	return ret;
}

static int unpack_plain(const char *path, const char *format, struct audit_file *file, char *err, unsigned int errlen)
{
	bool xz = !strcmp(format, "xz");
	uint64_t size = xz ? xz_size(file->data, file->size) : 0;
	int ret = xz && !size ? -EINVAL : unpack(file, 0, file->size, size);

	if (ret == -EPROTONOSUPPORT)
		snprintf(err, errlen, "%s is packed with %s, and only xz and gzip are unpacked here: unpack it first",
			 path, format);
	else if (ret)
		snprintf(err, errlen, "%s: what is packed in it (%s) is damaged: copy it again", path, format);
	else
		file->packed = format;
	return ret;
}

int audit_file_read(const char *path, struct audit_file *file, char *err, unsigned int errlen)
{
	const char *format;
	int ret;

	memset(file, 0, sizeof(*file));
	ret = read_whole(path, file, err, errlen);
	if (!ret) {
		format = format_name(file->data, file->size);
		if (bzimage_recognise(file->data, file->size > UINT32_MAX ? UINT32_MAX : (unsigned int)file->size))
			ret = unpack_bzimage(path, file, err, errlen);
		else if (format)
			ret = unpack_plain(path, format, file, err, errlen);
	}
	if (!ret && (file->size < SELFMAG || memcmp(file->data, ELFMAG, SELFMAG))) {
		snprintf(err, errlen, "%s%s is not an ELF file: give a vmlinux, a bzImage or a module", path,
			 file->packed ? ": what is packed in it" : "");
		ret = -ENOEXEC;
	}
	if (ret)
		audit_file_free(file);
	return ret;
}

void audit_file_free(struct audit_file *file)
{
	if (file->mapped)
		munmap(file->data, file->size);
	else
		free(file->data);
	memset(file, 0, sizeof(*file));
}
