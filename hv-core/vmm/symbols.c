/* SPDX-License-Identifier: GPL-2.0-only */
/* Function symbols of a vmlinux. The file is hostile input: every offset and size in it is checked. */

#include "symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest_walk.h"

/* Linux maps its text into this range, at a multiple of 2 MiB, and nothing in front of it. */
#define KERNEL_MAP_START 0xffffffff80000000ull
#define KERNEL_MAP_END 0xffffffffc0000000ull
#define KERNEL_MAP_STEP (2ull << 20)

struct symbol {
	uint64_t addr, size;
	const char *name;
};

struct symbols {
	void *map;
	size_t bytes;
	struct symbol *sym;
	size_t nr;
	uint64_t text; /* link address of _text, or 0 */
};

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static const void *file_range(const struct symbols *s, uint64_t offset, uint64_t len)
{
	return offset <= s->bytes && len <= s->bytes - offset ? (const char *)s->map + offset : NULL;
}

static int take_table(struct symbols *s, const Elf64_Shdr *table, const Elf64_Shdr *names)
{
	const Elf64_Sym *sym = file_range(s, table->sh_offset, table->sh_size);
	const char *strings = file_range(s, names->sh_offset, names->sh_size);
	size_t i, nr = table->sh_size / sizeof(*sym);

	if (!sym || !strings || !names->sh_size || strings[names->sh_size - 1] || table->sh_offset % 8)
		return -ENOEXEC;
	s->sym = malloc((nr ? nr : 1) * sizeof(*s->sym));
	if (!s->sym)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		if (sym[i].st_name >= names->sh_size)
			continue;
		if (!strcmp(strings + sym[i].st_name, "_text"))
			s->text = sym[i].st_value;
		if (ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC && sym[i].st_shndx != SHN_UNDEF)
			s->sym[s->nr++] = (struct symbol){ sym[i].st_value, sym[i].st_size, strings + sym[i].st_name };
	}
	qsort(s->sym, s->nr, sizeof(*s->sym), by_address);
	return s->nr ? 0 : -ENODATA;
}

static int take_file(struct symbols *s)
{
	const Elf64_Ehdr *eh = file_range(s, 0, sizeof(*eh));
	const Elf64_Shdr *sh;
	unsigned int i;

	if (!eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_machine != EM_X86_64 || eh->e_shentsize != sizeof(*sh) || eh->e_shoff % 8)
		return -ENOEXEC;
	sh = file_range(s, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(*sh));
	if (!sh)
		return -ENOEXEC;
	for (i = 0; i < eh->e_shnum; i++) {
		if (sh[i].sh_type == SHT_SYMTAB && sh[i].sh_link < eh->e_shnum)
			return take_table(s, &sh[i], &sh[sh[i].sh_link]);
	}
	return -ENODATA;
}

int symbols_load(const char *path, struct symbols **out, char *err, unsigned int errlen)
{
	struct symbols *s = calloc(1, sizeof(*s));
	struct stat st;
	int fd, ret;

	if (!s)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		ret = -errno;
		snprintf(err, errlen, "no function names: %s: %s: check the path given to --vmlinux", path, strerror(-ret));
		goto free_symbols;
	}
	s->bytes = (size_t)st.st_size;
	s->map = mmap(NULL, s->bytes ? s->bytes : 1, PROT_READ, MAP_PRIVATE, fd, 0);
	if (s->map == MAP_FAILED) {
		ret = -errno;
		snprintf(err, errlen, "no function names: cannot map %s: %s", path, strerror(-ret));
		goto free_symbols;
	}
	ret = take_file(s);
	if (ret) {
		snprintf(err, errlen, "no function names: %s %s: give --vmlinux the kernel's ELF file with its symbol table",
			 path, ret == -ENODATA ? "has no function symbols" : "is not a whole x86-64 ELF file");
		free(s->sym);
		munmap(s->map, s->bytes ? s->bytes : 1);
		goto free_symbols;
	}
	close(fd);
	*out = s;
	return 0;
free_symbols:
	if (fd >= 0)
		close(fd);
	free(s);
	return ret;
}

void symbols_free(struct symbols *s)
{
	munmap(s->map, s->bytes ? s->bytes : 1);
	free(s->sym);
	free(s);
}

bool symbols_format(const struct symbols *s, uint64_t addr, char *text, size_t len)
{
	size_t low = 0, high = s->nr;
	const struct symbol *sym;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->sym[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	sym = &s->sym[low - 1];
	if (addr - sym->addr >= sym->size)
		return false;
	snprintf(text, len, "%s+%#llx/%#llx", sym->name, (unsigned long long)(addr - sym->addr),
		 (unsigned long long)sym->size);
	return true;
}

uint64_t symbols_slide(const struct symbols *s, const struct gmem *gm, const struct kvm_sregs *sregs)
{
	unsigned int bits;
	uint64_t virt;
	gpa_t phys;

	if (!s->text)
		return 0;
	/* The lowest mapped 2 MiB of the range are where _text is. */
	for (virt = KERNEL_MAP_START; virt < KERNEL_MAP_END; virt += KERNEL_MAP_STEP) {
		if (guest_translate(gm, sregs, virt, &phys, &bits))
			return virt - (s->text & ~(KERNEL_MAP_STEP - 1));
	}
	return 0;
}
