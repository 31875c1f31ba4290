/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two ways of entering an ELF kernel share: headers, notes, segments, the start-info structure. */
#ifndef VMM_LOADER_ELF_H
#define VMM_LOADER_ELF_H

#include <elf.h>

#include "loader.h"

#define ELF_MAX_HEADERS 64

struct elf_file {
	int fd;
	uint64_t size;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[ELF_MAX_HEADERS];
};

/* Each: 0, or -errno with a message in err. */
int elf_open(const struct boot_request *req, int fd, uint64_t size, struct elf_file *elf, char *err,
	     unsigned int errlen);
/* Contents of a note, of at most `room` bytes; *len is 0 when there is none of that owner and type. */
int elf_note(const struct boot_request *req, const struct elf_file *elf, const char *owner, uint32_t type, void *desc,
	     uint64_t room, uint64_t *len, char *err, unsigned int errlen);
/* Segments to their physical addresses; *end: where the last one ends. */
int elf_load_segments(const struct boot_request *req, const struct elf_file *elf, uint64_t *end, char *err,
		      unsigned int errlen);
/* Command line, initrd above `end`, and the structure at BOOT_PVH_INFO_ADDR that names them and the memory map. */
int elf_start_info(const struct boot_request *req, uint64_t end, char *err, unsigned int errlen);

#endif
