/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `paravane audit`: which instructions of a kernel a port to ring 3 has to care about, and which of them the kernel's
 * own patch tables take away. The stages, a file each:
 *
 *   file.c          a path into bytes: ELF, or an ELF packed in a bzImage, xz or gzip
 *   image.c         the ELF file's sections, symbols and relocations (kallsyms.c: symbols of a stripped vmlinux)
 *   tables.c        .altinstructions and .parainstructions
 *   sweep.c         the decoder over all code, and how each instruction found stands
 *   instructions.c  the instructions that count, and what each does in ring 3
 *   report.c, report_json.c   what the user sees
 *
 * The files are hostile: every offset, size and count in them is checked before it is used.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What an instruction is, in the terms of Popek and Goldberg. */
enum audit_class {
	AUDIT_SENSITIVE, /* shows or changes privileged state, and need not fault: what breaks their condition */
	AUDIT_PRIVILEGED, /* faults in ring 3, always */
	AUDIT_CONTROLLED, /* whether it faults in ring 3 is for a bit of CR4 (or of an MSR) to say */
	AUDIT_VIRTUAL, /* of the virtualization extensions themselves */
	AUDIT_NR_CLASSES,
};

/* What becomes of it in ring 3 when nobody replaces it. */
enum audit_ring3 {
	AUDIT_TRAPS, /* a fault, or entry to ring 0, whatever its operands are */
	AUDIT_SILENT, /* can complete, with another meaning */
	AUDIT_SAME, /* does what it does in ring 0, unless a control bit is set against it */
	AUDIT_ABSENT, /* has no encoding in 64-bit mode */
};

#define AUDIT_UMIP 1 /* CR4.UMIP makes it fault */
#define AUDIT_CLASSIC 2 /* one of those that Robin and Irvine list */
#define AUDIT_MNEMONICS_MAX 8

/* One row of the table: a mnemonic or a family that behaves alike. */
struct audit_kind {
	const char *name;
	enum audit_class class;
	enum audit_ring3 ring3;
	uint8_t flags;
	uint8_t form; /* for instructions.c, as the decoder's names of mnemonics are; 0 ends them */
	uint16_t mnemonic[AUDIT_MNEMONICS_MAX];
	const char *ring3_text;
};

extern const struct audit_kind audit_kinds[];
extern const unsigned int audit_nr_kinds;

const char *audit_class_name(enum audit_class class);

/* How an instruction stands in one image, the first that holds. The manual page defines each word. */
enum audit_status {
	AUDIT_PATCHED,
	AUDIT_FEATURE,
	AUDIT_INIT,
	AUDIT_STANDS_TRAP,
	AUDIT_STANDS_SILENT,
	AUDIT_STANDS_SAME,
	AUDIT_NR_STATUSES,
};

extern const char *const audit_status_names[AUDIT_NR_STATUSES];

/* file.c: an ELF file in memory of our own: what happens to the file afterwards doesn't matter. */
struct audit_file {
	uint8_t *data;
	size_t size;
	bool mapped; /* by the unpacker, else allocated */
	const char *packed; /* "bzImage, xz": its offsets are those of what was in it; NULL: the file itself */
};

int audit_file_read(const char *path, struct audit_file *file, char *err, unsigned int errlen);
void audit_file_free(struct audit_file *file);

struct audit_section {
	const char *name;
	const uint8_t *data;
	uint64_t addr; /* of a relocatable file: invented, so that sections don't overlap */
	uint64_t offset, size;
	bool exec;
	bool init; /* freed after boot, or after the module's init function */
};

struct audit_symbol {
	uint64_t addr, size; /* size 0: not known */
	const char *name;
	bool function;
};

/* Bytes within code that are known to be data. */
struct audit_range {
	uint64_t start, end;
};

#define AUDIT_MAX_COPIES 5

struct audit_image {
	struct audit_file file;
	bool relocatable; /* a module or an object: places are section + offset */
	struct audit_section *section;
	unsigned int nr_sections;
	const struct audit_section **code; /* those of code, by address; they don't overlap */
	unsigned int nr_code;
	struct audit_symbol *symbol; /* by address */
	size_t nr_symbols;
	struct audit_range *data; /* by address */
	size_t nr_data;
	const char *symbols_from; /* "symbol table", "kallsyms", or NULL */
	char *names; /* storage of decoded names */
	void *copy[AUDIT_MAX_COPIES]; /* of sections that are changed for reading: two of names, three tables */
	unsigned int nr_copies;
};

int audit_image_load(const char *path, struct audit_image *image, char *err, unsigned int errlen);
void audit_image_free(struct audit_image *image);
/* A section by name, the first; NULL when there is none. Its data are in the file. */
const struct audit_section *audit_image_section(const struct audit_image *image, const char *name);
/* The section of code that [addr, addr + len) lies in, or NULL. */
const struct audit_section *audit_image_code(const struct audit_image *image, uint64_t addr, uint64_t len);
const struct audit_symbol *audit_image_symbol(const struct audit_image *image, uint64_t addr);

/* kallsyms.c: the symbols of code in a vmlinux without symbol table. How many; 0: none found. */
size_t audit_kallsyms(struct audit_image *image);

/* tables.c */
#define AUDIT_MAX_FEATURES 32
#define AUDIT_FEATURE_XENPV (8 * 32 + 16)
#define AUDIT_FEATURE_ALWAYS (3 * 32 + 21)

/* Feature bits of which it is certain what they are in the kernel that is audited for. */
struct audit_assume {
	struct {
		uint16_t feature;
		bool set;
	} known[AUDIT_MAX_FEATURES];
	unsigned int nr;
	bool umip;
};

enum audit_applies { AUDIT_NEVER, AUDIT_MAYBE, AUDIT_ALWAYS };

struct audit_alt {
	uint64_t site, repl;
	uint8_t site_len, repl_len;
	uint16_t feature;
	bool inverted; /* applies when the feature is not there */
	uint32_t order; /* in the table: later ones are written over earlier ones */
	enum audit_applies applies;
	bool overwritten; /* a later record of the same site applies always */
};

struct audit_para {
	uint64_t site;
	uint8_t type, len;
};

struct audit_tables {
	struct audit_alt *alt; /* by site, then order */
	uint32_t *by_repl; /* indices into alt, by repl */
	struct audit_para *para; /* by site */
	size_t nr_alts, nr_paras;
	unsigned int alt_record_size;
};

int audit_tables_load(const struct audit_image *image, const struct audit_assume *assume, struct audit_tables *tables,
		      char *err, unsigned int errlen);
void audit_tables_free(struct audit_tables *tables);
/* Name of a feature bit where it is known, or NULL. */
const char *audit_feature_name(uint16_t feature);

/* What the tables say of the instruction at [addr, addr + len). */
struct audit_verdict {
	enum { AUDIT_LIVE, AUDIT_CONDITIONAL, AUDIT_REPLACED } fate;
	const struct audit_alt *alt; /* the record that decided, or NULL */
	const struct audit_para *para;
	bool in_replacement;
};

void audit_tables_ask(const struct audit_tables *tables, uint64_t addr, unsigned int len,
		      struct audit_verdict *verdict);

/* sweep.c */
struct audit_hit {
	uint64_t addr;
	const struct audit_section *section;
	const struct audit_kind *kind;
	struct audit_verdict verdict;
	uint8_t len;
	enum audit_status status;
	bool doubtful; /* between undecodable bytes and the next known boundary */
};

struct audit_sweep {
	struct audit_hit *hit;
	size_t nr_hits, room;
	uint64_t bytes, instructions;
	uint64_t undecodable; /* bytes that are no instruction */
	uint64_t cut; /* bytes of instructions that would run over a known boundary */
	uint64_t data; /* bytes of data symbols, left out */
};

int audit_sweep(const struct audit_image *image, const struct audit_tables *tables, const struct audit_assume *assume,
		struct audit_sweep *sweep);
void audit_sweep_free(struct audit_sweep *sweep);
/* AT&T syntax, as the kernel's own assembly is written. */
void audit_format(const struct audit_hit *hit, char *text, size_t len);

/* instructions.c: which row of the table an instruction belongs to, or NULL. */
struct ZydisDecodedInstruction_;
const struct audit_kind *audit_classify(const struct ZydisDecodedInstruction_ *instruction);

/* Reports. Counts are by row of audit_kinds. */
typedef uint64_t audit_counts[AUDIT_NR_STATUSES];

struct audit_filter {
	const char *symbol, *section;
	int status; /* enum audit_status, or -1: any */
};

bool audit_filter_takes(const struct audit_filter *filter, const struct audit_image *image,
			const struct audit_hit *hit);
void audit_count(const struct audit_image *image, const struct audit_sweep *sweep, const struct audit_filter *filter,
		 audit_counts *counts);
void audit_report_file(const char *path, const struct audit_image *image, const struct audit_tables *tables,
		       const struct audit_sweep *sweep);
void audit_report_list(const struct audit_image *image, const struct audit_sweep *sweep,
		       const struct audit_filter *filter);
void audit_report_summary(const audit_counts *counts);
void audit_report_instructions(bool umip);
/* Where it runs: a replacement's site, or the instruction's own place. */
uint64_t audit_hit_place(const struct audit_hit *hit);
/* "function+0x12", or "". */
void audit_symbol_text(const struct audit_image *image, uint64_t addr, char *text, size_t len);
/* What decided, in words: "alternative, not X86_FEATURE_XENPV". Empty when no table says anything. */
void audit_reason_text(const struct audit_hit *hit, char *text, size_t len);

struct json_t;
struct json_t *audit_json_file(const char *path, const struct audit_image *image, const struct audit_tables *tables,
			       const struct audit_sweep *sweep, const struct audit_filter *filter);
struct json_t *audit_json_counts(const audit_counts *counts);

#endif
