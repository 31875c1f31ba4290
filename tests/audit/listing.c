// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the audit finds, against what the assembler wrote down: every instruction of the table at its address, nothing
 * else, and each rule of the patch tables. The same from packed files.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>

#include "kselftest_harness.h"

#include "audit_test.h"

#define PACKED_MAX (256 * 1024)
#define SETUP_BYTES (4 * 512)

/* As instructions.S writes it. */
struct expected {
	uint32_t offset, len;
	char words[56]; /* kind, status */
};

FIXTURE(audit)
{
	struct audit_run run;
	char path[64];
	uint8_t packed[PACKED_MAX];
};

FIXTURE_SETUP(audit)
{
	snprintf(self->path, sizeof(self->path), "/tmp/pvn-audit-%d", getpid());
}

FIXTURE_TEARDOWN(audit)
{
	unlink(self->path);
}

static const struct audit_hit *hit_at(const struct audit_run *run, const char *section, uint64_t offset)
{
	for (size_t i = 0; i < run->sweep.nr_hits; i++) {
		const struct audit_hit *hit = &run->sweep.hit[i];

		if (!strcmp(hit->section->name, section) && hit->addr - hit->section->addr == offset)
			return hit;
	}
	return NULL;
}

TEST_F(audit, every_instruction_and_nothing_else)
{
	bool seen[128] = { 0 };
	const struct audit_section *s;
	unsigned int nr;

	ASSERT_EQ(0, run_audit(&self->run, INSTRUCTIONS_O, &pv_guest)) TH_LOG("%s", self->run.err);
	s = audit_image_section(&self->run.image, ".audit_expected");
	ASSERT_NE(NULL, s);
	nr = s->size / sizeof(struct expected);
	EXPECT_LT(100, nr);
	EXPECT_EQ(nr, self->run.sweep.nr_hits);
	for (unsigned int i = 0; i < nr; i++) {
		const struct expected *e = (const void *)(s->data + i * sizeof(*e));
		const struct audit_hit *hit = hit_at(&self->run, ".text", e->offset);

		ASSERT_NE(NULL, hit) TH_LOG("%s at %#x is not listed", e->words, e->offset);
		EXPECT_STREQ(e->words, hit->kind->name);
		EXPECT_EQ(e->len, hit->len) TH_LOG("%s at %#x", e->words, e->offset);
		EXPECT_STREQ(e->words + strlen(e->words) + 1, audit_status_names[hit->status]) TH_LOG("%s", e->words);
		seen[hit->kind - audit_kinds] = true;
	}
	/* The table has no row that this file doesn't test, but those without an encoding. */
	for (unsigned int i = 0; i < audit_nr_kinds; i++) {
		EXPECT_EQ(audit_kinds[i].ring3 != AUDIT_ABSENT, seen[i]) TH_LOG("%s", audit_kinds[i].name);
	}
	end_audit(&self->run);
}

TEST_F(audit, bytes_that_are_no_code)
{
	const struct audit_symbol *sym;
	unsigned int doubtful = 0;

	ASSERT_EQ(0, run_audit(&self->run, INSTRUCTIONS_O, &pv_guest)) TH_LOG("%s", self->run.err);
	EXPECT_EQ(1, self->run.sweep.undecodable);
	EXPECT_EQ(1, self->run.sweep.cut);
	EXPECT_EQ(5, self->run.sweep.data);
	for (size_t i = 0; i < self->run.sweep.nr_hits; i++) {
		if (!self->run.sweep.hit[i].doubtful)
			continue;
		sym = audit_image_symbol(&self->run.image, self->run.sweep.hit[i].addr);
		ASSERT_NE(NULL, sym);
		EXPECT_TRUE(!strcmp(sym->name, "broken") || !strcmp(sym->name, "cut")) TH_LOG("%s", sym->name);
		doubtful++;
	}
	EXPECT_EQ(2, doubtful);
	end_audit(&self->run);
}

TEST_F(audit, umip_makes_five_fault)
{
	struct audit_assume umip = pv_guest;
	unsigned int trap = 0;

	umip.umip = true;
	ASSERT_EQ(0, run_audit(&self->run, INSTRUCTIONS_O, &umip)) TH_LOG("%s", self->run.err);
	for (size_t i = 0; i < self->run.sweep.nr_hits; i++) {
		const struct audit_hit *hit = &self->run.sweep.hit[i];

		trap += hit->status == AUDIT_STANDS_TRAP && hit->kind->ring3 == AUDIT_SILENT;
	}
	EXPECT_EQ(5, trap);
	end_audit(&self->run);
}

struct stand {
	const char *section, *symbol;
	unsigned int offset; /* in the symbol, which for a replacement is its site's */
	const char *kind;
	enum audit_status status;
};

static const struct stand stands[] = {
	{ ".text", "removed", 0, "swapgs", AUDIT_PATCHED },
	{ ".altinstr_replacement", "native", 0, "sti", AUDIT_PATCHED },
	{ ".altinstr_replacement", "by_feature", 0, "stac", AUDIT_FEATURE },
	{ ".text", "away_by_feature", 0, "rdtsc", AUDIT_FEATURE },
	{ ".text", "exchanged", 0, "wbinvd", AUDIT_PATCHED },
	{ ".altinstr_replacement", "exchanged", 0, "hlt", AUDIT_STANDS_TRAP },
	{ ".text", "twice", 0, "rdpmc", AUDIT_PATCHED },
	{ ".altinstr_replacement", "twice", 0, "mov cr", AUDIT_PATCHED },
	{ ".text", "thrice", 0, "rdmsr", AUDIT_PATCHED },
	{ ".altinstr_replacement", "thrice", 0, "ltr", AUDIT_FEATURE },
	{ ".text", "always", 0, "clts", AUDIT_PATCHED },
	{ ".text", "paravirt_site", 0, "cli", AUDIT_PATCHED },
	{ ".text", "half", 0, "wrmsr", AUDIT_STANDS_TRAP },
	{ ".text", "left", 0, "invlpg", AUDIT_STANDS_TRAP },
	{ ".text", "left", 3, "pushf", AUDIT_STANDS_SILENT },
	{ ".init.text", "early", 0, "lgdt", AUDIT_INIT },
	{ ".altinstr_replacement", "early_site", 0, "lidt", AUDIT_INIT },
};

#define NR_STANDS (sizeof(stands) / sizeof(stands[0]))

static const struct audit_hit *hit_of(const struct audit_run *run, const struct stand *stand)
{
	for (size_t i = 0; i < run->sweep.nr_hits; i++) {
		const struct audit_hit *hit = &run->sweep.hit[i];
		uint64_t place = audit_hit_place(hit);
		const struct audit_symbol *sym = audit_image_symbol(&run->image, place);

		if (sym && !strcmp(sym->name, stand->symbol) && place - sym->addr == stand->offset &&
		    !strcmp(hit->kind->name, stand->kind) && !strcmp(hit->section->name, stand->section))
			return hit;
	}
	return NULL;
}

TEST_F(audit, each_rule_of_the_patch_tables)
{
	static const char *const files[] = { TABLES_O, TABLES_NEW_O, TABLES_ELF };
	static const unsigned int record_size[] = { 12, 14, 12 };

	for (size_t f = 0; f < 3; f++) {
		ASSERT_EQ(0, run_audit(&self->run, files[f], &pv_guest)) TH_LOG("%s", self->run.err);
		EXPECT_EQ(record_size[f], self->run.tables.alt_record_size);
		EXPECT_EQ(12, self->run.tables.nr_alts);
		EXPECT_EQ(1, self->run.tables.nr_paras);
		EXPECT_EQ(NR_STANDS, self->run.sweep.nr_hits);
		for (size_t i = 0; i < NR_STANDS; i++) {
			const struct audit_hit *hit = hit_of(&self->run, &stands[i]);

			ASSERT_NE(NULL, hit) TH_LOG("%s: %s in %s", files[f], stands[i].kind, stands[i].symbol);
			EXPECT_STREQ(audit_status_names[stands[i].status], audit_status_names[hit->status])
			TH_LOG("%s: %s in %s", files[f], stands[i].kind, stands[i].symbol);
		}
		end_audit(&self->run);
	}
}

/* What is assumed of features decides, and nothing else: without XENPV, the native instructions are what is there. */
TEST_F(audit, features_decide)
{
	static const struct audit_assume bare = {
		.known = { { AUDIT_FEATURE_XENPV, false }, { 9 * 32 + 20, true } },
		.nr = 2,
	};
	static const struct stand native[] = {
		{ ".text", "removed", 0, "swapgs", AUDIT_STANDS_TRAP },
		{ ".altinstr_replacement", "native", 0, "sti", AUDIT_STANDS_TRAP },
		{ ".altinstr_replacement", "by_feature", 0, "stac", AUDIT_STANDS_TRAP },
		{ ".altinstr_replacement", "exchanged", 0, "hlt", AUDIT_PATCHED },
		{ ".altinstr_replacement", "twice", 0, "mov cr", AUDIT_FEATURE },
		{ ".text", "thrice", 0, "rdmsr", AUDIT_PATCHED },
		{ ".text", "always", 0, "clts", AUDIT_FEATURE },
	};

	ASSERT_EQ(0, run_audit(&self->run, TABLES_O, &bare)) TH_LOG("%s", self->run.err);
	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++) {
		const struct audit_hit *hit = hit_of(&self->run, &native[i]);

		ASSERT_NE(NULL, hit) TH_LOG("%s in %s", native[i].kind, native[i].symbol);
		EXPECT_EQ(native[i].status, hit->status)
		TH_LOG("%s in %s: %s", native[i].kind, native[i].symbol, audit_status_names[hit->status]);
	}
	end_audit(&self->run);
}

/* A kernel without section headers: its executable segments are code, and no table is known, so nothing is patched. */
TEST_F(audit, segments_where_there_are_no_sections)
{
	size_t len;
	uint8_t *elf = read_file(TABLES_ELF, &len);
	Elf64_Ehdr *eh = (void *)elf;

	eh->e_shoff = 0;
	eh->e_shnum = 0;
	write_file(self->path, elf, len);
	free(elf);
	ASSERT_EQ(0, run_audit(&self->run, self->path, &pv_guest)) TH_LOG("%s", self->run.err);
	EXPECT_LE(NR_STANDS, self->run.sweep.nr_hits);
	for (size_t i = 0; i < self->run.sweep.nr_hits; i++)
		EXPECT_NE(AUDIT_PATCHED, self->run.sweep.hit[i].status);
	end_audit(&self->run);
}

static size_t pack_xz(const uint8_t *data, size_t len, uint8_t *out)
{
	size_t at = 0;

	if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, data, len, out, &at, PACKED_MAX))
		abort();
	return at;
}

static size_t pack_gzip(const uint8_t *data, size_t len, uint8_t *out)
{
	z_stream z = { .next_in = (uint8_t *)data, .avail_in = len, .next_out = out, .avail_out = PACKED_MAX };

	if (deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) || deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out;
}

/* Around what is packed, with the size appended as Linux does. */
static size_t make_bzimage(uint8_t *image, const uint8_t *packed, size_t len, uint32_t unpacked)
{
	struct setup_header *hdr = (void *)(image + 0x1f1);

	memset(image, 0, SETUP_BYTES);
	hdr->setup_sects = 3;
	hdr->boot_flag = 0xaa55;
	hdr->header = 0x53726448;
	hdr->version = 0x020f;
	hdr->payload_length = len + 4;
	memcpy(image + SETUP_BYTES, packed, len);
	memcpy(image + SETUP_BYTES + len, &unpacked, 4);
	return SETUP_BYTES + len + 4;
}

TEST_F(audit, packed_files_are_unpacked)
{
	size_t len, packed_len;
	uint8_t *elf = read_file(TABLES_ELF, &len), *image = malloc(PACKED_MAX + SETUP_BYTES + 4);

	for (int kind = 0; kind < 4; kind++) {
		packed_len = kind & 1 ? pack_xz(elf, len, self->packed) : pack_gzip(elf, len, self->packed);
		if (kind & 2) {
			packed_len = make_bzimage(image, self->packed, packed_len, len);
			write_file(self->path, image, packed_len);
		} else {
			write_file(self->path, self->packed, packed_len);
		}
		ASSERT_EQ(0, run_audit(&self->run, self->path, &pv_guest)) TH_LOG("%d: %s", kind, self->run.err);
		EXPECT_NE(NULL, self->run.image.file.packed);
		EXPECT_EQ(NR_STANDS, self->run.sweep.nr_hits);
		end_audit(&self->run);
	}
	/* Cut anywhere, they are refused in words. */
	for (size_t cut = 1; cut < packed_len; cut += packed_len / 16) {
		write_file(self->path, image, packed_len - cut);
		EXPECT_NE(0, run_audit(&self->run, self->path, &pv_guest));
		EXPECT_NE(0, self->run.err[0]);
	}
	free(elf);
	free(image);
}

TEST_HARNESS_MAIN
