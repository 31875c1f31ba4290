/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ELF file: its sections, its symbols, and, for a module, relocations into the tables that are read here. Linux's
 * own reader trusts a module that root loads; this one trusts nothing.
 */

#include "audit.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTIONS_MAX (1u << 20)
/* Where the invented addresses of a relocatable file begin: not 0, so that an unresolved one is recognised. */
#define RELOCATABLE_BASE 0x10000ull
#define RELOCATABLE_ALIGN 0x1000ull
/* How far back a function is looked for that an inner label is part of. */
#define LABELS_IN_FUNCTION 64

struct elf {
	struct audit_image *image;
	const char *path;
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh;
	unsigned int nr;
	bool code_elsewhere; /* as in a file of debug information */
	char *err;
	unsigned int errlen;
};

/* Bytes of the file, or NULL; aligned for the structures that are read through it. */
static const void *range(const struct elf *e, uint64_t offset, uint64_t len)
{
	const struct audit_file *file = &e->image->file;

	return offset <= file->size && len <= file->size - offset && offset % 8 == 0 ? file->data + offset : NULL;
}

static int refuse(const struct elf *e, const char *what)
{
	snprintf(e->err, e->errlen, "%s is %s", e->path, what);
	return -ENOEXEC;
}

static int check_header(struct elf *e)
{
	const Elf64_Ehdr *eh = range(e, 0, sizeof(*eh));

	if (!eh)
		return refuse(e, "cut off within its ELF header: copy it again");
	if (eh->e_ident[EI_CLASS] == ELFCLASS32)
		return refuse(e, "a 32-bit ELF file: only x86-64 kernels and modules are audited");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return refuse(e, "an ELF file of another machine: only x86-64 kernels and modules are audited");
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN && eh->e_type != ET_REL)
		return refuse(e, "neither an executable nor a relocatable ELF file: give a vmlinux or a module");
	e->eh = eh;
	e->image->relocatable = eh->e_type == ET_REL;
	return 0;
}

/*
 * What is changed is changed in a copy: in a hostile file anything may lie over anything, and what was checked has to stay
 * as it was.
 */
static uint8_t *copy_of(struct elf *e, const Elf64_Shdr *sh)
{
	uint8_t *copy = malloc(sh->sh_size ? sh->sh_size : 1);

	if (copy) {
		memcpy(copy, e->image->file.data + sh->sh_offset, sh->sh_size);
		e->image->copy[e->image->nr_copies++] = copy;
	}
	return copy;
}

struct strings {
	const char *text;
	uint64_t size;
};

/* Names end, and have nothing in them that a terminal or JSON would take amiss. */
static int take_strings(struct elf *e, const Elf64_Shdr *table, struct strings *strings)
{
	uint8_t *s;
	uint64_t i;

	if (table->sh_type != SHT_STRTAB || !table->sh_size ||
	    e->image->file.data[table->sh_offset + table->sh_size - 1])
		return -ENOEXEC;
	s = copy_of(e, table);
	if (!s)
		return -ENOMEM;
	for (i = 0; i < table->sh_size; i++) {
		if (s[i] && (s[i] < 0x20 || s[i] > 0x7e))
			s[i] = '?';
	}
	*strings = (struct strings){ (const char *)s, table->sh_size };
	return 0;
}

static const char *string(const struct strings *strings, uint64_t index)
{
	return index < strings->size ? strings->text + index : "?";
}

/* Section headers and the section that has their names, checked; e->nr 0 when there are none. */
static int find_headers(struct elf *e, struct strings *names)
{
	const Elf64_Ehdr *eh = e->eh;
	uint64_t nr = eh->e_shnum, names_index = eh->e_shstrndx;
	const Elf64_Shdr *first;
	uint64_t i;
	int ret;

	if (!eh->e_shoff)
		return 0;
	first = range(e, eh->e_shoff, sizeof(*first));
	if (eh->e_shentsize != sizeof(*first) || !first)
		return refuse(e, "truncated or malformed: its section headers are outside of the file: copy it again");
	/* More sections than fit into the header's field are counted in the first section header. */
	if (!nr)
		nr = first->sh_size;
	if (names_index == SHN_XINDEX)
		names_index = first->sh_link;
	if (nr > SECTIONS_MAX || !range(e, eh->e_shoff, nr * sizeof(*first)))
		return refuse(e, "truncated or malformed: its section headers are outside of the file: copy it again");
	e->sh = first;
	for (i = 0; i < nr; i++) {
		const Elf64_Shdr *sh = &first[i];

		if (sh->sh_type != SHT_NOBITS && sh->sh_type != SHT_NULL &&
		    (sh->sh_offset > e->image->file.size || sh->sh_size > e->image->file.size - sh->sh_offset)) {
			snprintf(e->err, e->errlen,
				 "%s is truncated or malformed: section %llu wants bytes %#llx to %#llx of %#zx: "
				 "copy it again",
				 e->path, (unsigned long long)i, (unsigned long long)sh->sh_offset,
				 (unsigned long long)(sh->sh_offset + sh->sh_size), e->image->file.size);
			return -ENOEXEC;
		}
	}
	ret = !nr ? 0 : names_index < nr ? take_strings(e, &first[names_index], names) : -ENOEXEC;
	if (ret)
		return ret == -ENOMEM ? ret : refuse(e, "malformed: its sections have no names: copy it again");
	e->nr = (unsigned int)nr;
	return 0;
}

static int by_section_address(const void *a, const void *b)
{
	const struct audit_section *x = *(const struct audit_section *const *)a,
				   *y = *(const struct audit_section *const *)b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Overlapping code would be counted twice, and a file that says it a million times would take for ever. */
static int take_code(struct elf *e)
{
	struct audit_image *image = e->image;
	uint64_t bytes = 0;
	unsigned int i;

	image->code = calloc(image->nr_sections + 1, sizeof(*image->code));
	if (!image->code)
		return -ENOMEM;
	for (i = 0; i < image->nr_sections; i++) {
		if (!image->section[i].exec)
			continue;
		image->code[image->nr_code++] = &image->section[i];
		bytes += image->section[i].size;
	}
	/* Some modules have data alone. */
	if (!image->nr_code && (e->code_elsewhere || !image->relocatable))
		return refuse(e, "without any code: give a vmlinux or a module that is not only its debug information");
	qsort(image->code, image->nr_code, sizeof(*image->code), by_section_address);
	for (i = 1; i < image->nr_code; i++) {
		if (image->code[i]->addr - image->code[i - 1]->addr < image->code[i - 1]->size)
			bytes = UINT64_MAX;
	}
	return bytes > image->file.size ? refuse(e, "malformed: its sections of code overlap each other: copy it again")
					: 0;
}

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static int take_sections(struct elf *e)
{
	struct audit_image *image = e->image;
	uint64_t next = RELOCATABLE_BASE;
	struct strings names = { NULL, 0 };
	unsigned int i;
	int ret;

	ret = find_headers(e, &names);
	if (ret || !e->nr)
		return ret;
	image->section = calloc(e->nr, sizeof(*image->section));
	if (!image->section)
		return -ENOMEM;
	/* The same indices as in the file, so that symbols' and relocations' numbers hold. */
	image->nr_sections = e->nr;
	for (i = 0; i < e->nr; i++) {
		const Elf64_Shdr *sh = &e->sh[i];
		struct audit_section *s = &image->section[i];

		s->name = string(&names, sh->sh_name);
		e->code_elsewhere |= sh->sh_type == SHT_NOBITS && (sh->sh_flags & SHF_EXECINSTR);
		if (sh->sh_type == SHT_NULL || sh->sh_type == SHT_NOBITS)
			continue;
		s->addr = sh->sh_addr;
		s->offset = sh->sh_offset;
		s->size = sh->sh_size;
		s->data = image->file.data + s->offset;
		if (image->relocatable) {
			s->addr = next;
			next += (s->size + RELOCATABLE_ALIGN) & ~(RELOCATABLE_ALIGN - 1);
		} else if (s->addr + s->size < s->addr) {
			return refuse(e, "malformed: a section's addresses wrap around: copy it again");
		}
		s->exec = (sh->sh_flags & SHF_EXECINSTR) && (sh->sh_flags & SHF_ALLOC) && s->size;
		/* Built-in exit code can't be called, and Linux frees it with the init memory. A module's can. */
		s->init = starts_with(s->name, ".init") || (!image->relocatable && starts_with(s->name, ".exit"));
	}
	return 0;
}

/* Without section headers, what is mapped executable is code. */
static int take_segments(struct elf *e)
{
	struct audit_image *image = e->image;
	const Elf64_Phdr *ph = range(e, e->eh->e_phoff, (uint64_t)e->eh->e_phnum * sizeof(*ph));
	unsigned int i, nr = 0;

	if (!e->eh->e_phnum || e->eh->e_phentsize != sizeof(*ph) || !ph)
		return refuse(
			e,
			"truncated or malformed: neither section nor program headers are in the file: copy it again");
	image->section = calloc(e->eh->e_phnum, sizeof(*image->section));
	if (!image->section)
		return -ENOMEM;
	for (i = 0; i < e->eh->e_phnum; i++) {
		struct audit_section *s = &image->section[nr];

		if (ph[i].p_type != PT_LOAD || !(ph[i].p_flags & PF_X) || !ph[i].p_filesz)
			continue;
		if (ph[i].p_offset > image->file.size || ph[i].p_filesz > image->file.size - ph[i].p_offset ||
		    ph[i].p_vaddr + ph[i].p_filesz < ph[i].p_vaddr)
			return refuse(e, "truncated or malformed: a segment is outside of the file: copy it again");
		*s = (struct audit_section){ .name = "(segment)",
					     .data = image->file.data + ph[i].p_offset,
					     .addr = ph[i].p_vaddr,
					     .offset = ph[i].p_offset,
					     .size = ph[i].p_filesz,
					     .exec = true };
		nr++;
	}
	image->nr_sections = nr;
	return 0;
}

/* The value that S is in the relocations' formulas; false for a symbol of another file. */
static bool symbol_value(const struct elf *e, const Elf64_Sym *sym, uint64_t *value)
{
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= e->nr)
		return false;
	*value = sym->st_value + (e->image->relocatable ? e->image->section[sym->st_shndx].addr : 0);
	return true;
}

static void relocate(const struct elf *e, const struct audit_section *target, const Elf64_Rela *rela,
		     const Elf64_Sym *sym, uint8_t *copy)
{
	unsigned int type = ELF64_R_TYPE(rela->r_info);
	size_t len = type == R_X86_64_64 ? 8 : 4;
	uint64_t value, s;

	if (rela->r_offset > target->size || target->size - rela->r_offset < len || !symbol_value(e, sym, &s))
		return;
	value = s + (uint64_t)rela->r_addend;
	if (type == R_X86_64_PC32 || type == R_X86_64_PLT32)
		value -= target->addr + rela->r_offset;
	else if (type != R_X86_64_64)
		return;
	memcpy(copy + rela->r_offset, &value, len);
}

/* Into one of the tables that are read here: the code is looked at as it is in the file. */
static int relocate_section(struct elf *e, struct audit_section *target, const Elf64_Shdr *sh)
{
	const Elf64_Shdr *symtab = &e->sh[sh->sh_link];
	const Elf64_Rela *rela = range(e, sh->sh_offset, sh->sh_size);
	const Elf64_Sym *sym = symtab->sh_type == SHT_SYMTAB ? range(e, symtab->sh_offset, symtab->sh_size) : NULL;
	uint8_t *copy;
	size_t i;

	if (!rela || !sym)
		return refuse(e, "malformed: its relocations have no symbol table: copy it again");
	copy = copy_of(e, &e->sh[target - e->image->section]);
	if (!copy)
		return -ENOMEM;
	for (i = 0; i < sh->sh_size / sizeof(*rela); i++) {
		uint64_t index = ELF64_R_SYM(rela[i].r_info);

		if (index < symtab->sh_size / sizeof(*sym))
			relocate(e, target, &rela[i], &sym[index], copy);
	}
	target->data = copy;
	return 0;
}

static int apply_relocations(struct elf *e)
{
	static const char *const tables[] = { ".altinstructions", ".parainstructions", ".orc_unwind_ip" };
	unsigned int i, t;
	int ret = 0;

	for (t = 0; t < sizeof(tables) / sizeof(tables[0]) && !ret; t++) {
		const struct audit_section *s = audit_image_section(e->image, tables[t]);

		for (i = 0; s && i < e->nr; i++) {
			const Elf64_Shdr *sh = &e->sh[i];

			if (sh->sh_type == SHT_RELA && sh->sh_info == s - e->image->section && sh->sh_link < e->nr) {
				ret = relocate_section(e, &e->image->section[sh->sh_info], sh);
				break;
			}
		}
	}
	return ret;
}

static void take_symbol(struct elf *e, const Elf64_Sym *sym, const char *name)
{
	struct audit_image *image = e->image;
	unsigned int type = ELF64_ST_TYPE(sym->st_info);
	const struct audit_section *s;
	uint64_t addr;

	if (!*name || !symbol_value(e, sym, &addr))
		return;
	s = &image->section[sym->st_shndx];
	if (!s->exec || addr < s->addr || addr - s->addr >= s->size)
		return;
	if (type == STT_OBJECT && sym->st_size && sym->st_size <= s->size - (addr - s->addr))
		image->data[image->nr_data++] = (struct audit_range){ addr, addr + sym->st_size };
	else if (type == STT_FUNC || (type == STT_NOTYPE && !starts_with(name, ".L")))
		image->symbol[image->nr_symbols++] =
			(struct audit_symbol){ addr, sym->st_size, name, type == STT_FUNC };
}

static int take_symbols(struct elf *e)
{
	struct audit_image *image = e->image;
	struct strings names = { NULL, 0 };
	const Elf64_Shdr *table = NULL;
	const Elf64_Sym *sym;
	size_t i, nr;
	int ret;

	for (i = 0; i < e->nr && !table; i++)
		table = e->sh[i].sh_type == SHT_SYMTAB ? &e->sh[i] : NULL;
	if (!table)
		return 0;
	sym = range(e, table->sh_offset, table->sh_size);
	ret = sym && table->sh_link < e->nr ? take_strings(e, &e->sh[table->sh_link], &names) : -ENOEXEC;
	if (ret)
		return ret == -ENOMEM ? ret :
		       refuse(e, "malformed: its symbol table is outside of the file, misaligned or without names: "
				 "copy it again");
	nr = table->sh_size / sizeof(*sym);
	image->symbol = calloc(nr + 1, sizeof(*image->symbol));
	image->data = calloc(nr + 1, sizeof(*image->data));
	if (!image->symbol || !image->data)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		take_symbol(e, &sym[i], string(&names, sym[i].st_name));
	image->symbols_from = image->nr_symbols ? "symbol table" : NULL;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct audit_symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	/* Of names for one address, a function's comes last: that is the one which is found. */
	if (x->function != y->function)
		return (int)x->function - (int)y->function;
	/* Any fixed order does; that of their letters could take for ever in a hostile file. */
	return x->name < y->name ? 1 : x->name > y->name ? -1 : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct audit_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int audit_image_load(const char *path, struct audit_image *image, char *err, unsigned int errlen)
{
	struct elf e = { .image = image, .path = path, .err = err, .errlen = errlen };
	int ret;

	memset(image, 0, sizeof(*image));
	ret = audit_file_read(path, &image->file, err, errlen);
	if (ret)
		return ret;
	ret = check_header(&e);
	if (!ret)
		ret = take_sections(&e);
	if (!ret && !e.nr)
		ret = take_segments(&e);
	if (!ret)
		ret = take_code(&e);
	if (!ret)
		ret = take_symbols(&e);
	if (!ret && image->relocatable)
		ret = apply_relocations(&e);
	if (!ret && !image->nr_symbols && !image->relocatable && audit_kallsyms(image))
		image->symbols_from = "kallsyms";
	if (ret == -ENOMEM)
		snprintf(err, errlen, "%s: not enough memory to audit it", path);
	if (ret) {
		audit_image_free(image);
		return ret;
	}
	if (image->nr_symbols)
		qsort(image->symbol, image->nr_symbols, sizeof(*image->symbol), by_address);
	if (image->nr_data)
		qsort(image->data, image->nr_data, sizeof(*image->data), by_start);
	return 0;
}

void audit_image_free(struct audit_image *image)
{
	while (image->nr_copies)
		free(image->copy[--image->nr_copies]);
	audit_file_free(&image->file);
	free(image->section);
	free(image->code);
	free(image->symbol);
	free(image->data);
	free(image->names);
	memset(image, 0, sizeof(*image));
}

const struct audit_section *audit_image_section(const struct audit_image *image, const char *name)
{
	unsigned int i;

	for (i = 0; i < image->nr_sections; i++) {
		if (image->section[i].data && !strcmp(image->section[i].name, name))
			return &image->section[i];
	}
	return NULL;
}

const struct audit_section *audit_image_code(const struct audit_image *image, uint64_t addr, uint64_t len)
{
	unsigned int low = 0, high = image->nr_code;
	const struct audit_section *s;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (image->code[mid]->addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	s = image->code[low - 1];
	return addr - s->addr <= s->size && len <= s->size - (addr - s->addr) ? s : NULL;
}

const struct audit_symbol *audit_image_symbol(const struct audit_image *image, uint64_t addr)
{
	size_t low = 0, high = image->nr_symbols, back;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (image->symbol[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	/* A label within a function is less than the function's name. */
	for (back = 1; back <= low && back <= LABELS_IN_FUNCTION; back++) {
		const struct audit_symbol *sym = &image->symbol[low - back];

		if (sym->function && (addr - sym->addr < sym->size || (!sym->size && back == 1)))
			return sym;
	}
	/* Another section's last symbol names nothing here. */
	return audit_image_code(image, image->symbol[low - 1].addr, 1) == audit_image_code(image, addr, 1)
		       ? &image->symbol[low - 1]
		       : NULL;
}
