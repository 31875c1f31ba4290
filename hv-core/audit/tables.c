/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables by which Linux patches itself at boot (arch/x86/kernel/alternative.c), and what they say of an
 * instruction:
 *
 *   .parainstructions   struct paravirt_patch_site { u8 *instr; u8 type, len; }, 16 bytes with padding: the bytes of
 *                       the site are written anew, from pv_ops, whatever they were
 *   .altinstructions    struct alt_instr { s32 instr_offset, repl_offset; FEATURE; u8 instrlen, replacementlen; }: when
 *                       the feature bit is set (or, inverted, not set), the whole site is written over with the
 *                       replacement and NOPs. Later records of one site are written over earlier ones.
 *
 * FEATURE is u16 with bit 15 for "inverted" up to Linux 6.2 (records of 12 bytes), and u16 with u16 flags, of which
 * bit 0 is "inverted", from 6.3 on (14 bytes). Nothing in the file says which; only one of them makes sense of a table.
 */

#include "audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARA_RECORD 16
#define ALT_RECORD_OLD 12
#define ALT_RECORD_NEW 14
#define ALT_INVERTED_OLD 0x8000
#define ALT_INVERTED_NEW 1
/* Words of feature bits: 20 to 24 in the kernels there are, with those of CPU bugs. Far more: not a record. */
#define FEATURE_WORDS_MAX 40
/* The longest site or replacement: its length is a byte. */
#define PATCH_MAX 255

static uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load_relative(const uint8_t *p, uint64_t addr)
{
	int32_t offset;

	memcpy(&offset, p, sizeof(offset));
	return addr + (uint64_t)(int64_t)offset;
}

static void read_alt(const uint8_t *p, uint64_t addr, unsigned int record, struct audit_alt *alt)
{
	uint16_t feature = load16(p + 8);

	alt->site = load_relative(p, addr);
	alt->repl = load_relative(p + 4, addr + 4);
	if (record == ALT_RECORD_OLD) {
		alt->inverted = feature & ALT_INVERTED_OLD;
		alt->feature = feature & ~ALT_INVERTED_OLD;
	} else {
		alt->inverted = load16(p + 10) & ALT_INVERTED_NEW;
		alt->feature = feature;
	}
	alt->site_len = p[record - 2];
	alt->repl_len = p[record - 1];
}

static bool sensible(const struct audit_image *image, const struct audit_alt *alt)
{
	/* Linux refuses a replacement that is longer than its site. */
	return alt->feature < FEATURE_WORDS_MAX * 32 && alt->repl_len <= alt->site_len &&
	       audit_image_code(image, alt->site, alt->site_len) &&
	       (!alt->repl_len || audit_image_code(image, alt->repl, alt->repl_len));
}

/* The record size with which each record makes sense; 0: none. */
static unsigned int record_size(const struct audit_image *image, const struct audit_section *s)
{
	static const unsigned int sizes[] = { ALT_RECORD_OLD, ALT_RECORD_NEW };
	struct audit_alt alt;
	unsigned int i;
	uint64_t at;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (at = 0; s->size - at >= sizes[i]; at += sizes[i]) {
			read_alt(s->data + at, s->addr + at, sizes[i], &alt);
			if (!sensible(image, &alt))
				break;
		}
		/* The section may end with alignment. */
		if (s->size - at < 8 && s->size - at < sizes[i])
			return sizes[i];
	}
	return 0;
}

static enum audit_applies applies(const struct audit_assume *assume, const struct audit_alt *alt)
{
	unsigned int i;

	for (i = assume->nr; i-- > 0;) {
		if (assume->known[i].feature == alt->feature)
			return assume->known[i].set != alt->inverted ? AUDIT_ALWAYS : AUDIT_NEVER;
	}
	return AUDIT_MAYBE;
}

static int by_site(const void *a, const void *b)
{
	const struct audit_alt *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int by_repl(const void *a, const void *b, void *opaque)
{
	const struct audit_alt *alt = opaque, *x = &alt[*(const uint32_t *)a], *y = &alt[*(const uint32_t *)b];

	return x->repl < y->repl ? -1 : x->repl > y->repl;
}

static int by_para_site(const void *a, const void *b)
{
	const struct audit_para *x = a, *y = b;

	return x->site < y->site ? -1 : x->site > y->site;
}

/* A record whose site a later one writes over, whole, in any case. */
static void mark_overwritten(struct audit_tables *t)
{
	uint8_t longest = 0;
	size_t i;

	for (i = t->nr_alts; i-- > 0;) {
		if (i + 1 == t->nr_alts || t->alt[i + 1].site != t->alt[i].site)
			longest = 0;
		t->alt[i].overwritten = longest && longest >= t->alt[i].site_len;
		if (t->alt[i].applies == AUDIT_ALWAYS && t->alt[i].site_len > longest)
			longest = t->alt[i].site_len;
	}
}

static int load_alts(const struct audit_image *image, const struct audit_assume *assume, struct audit_tables *t,
		     char *err, unsigned int errlen)
{
	const struct audit_section *s = audit_image_section(image, ".altinstructions");
	uint64_t at;
	size_t i;

	if (!s || !s->size)
		return 0;
	t->alt_record_size = record_size(image, s);
	if (!t->alt_record_size) {
		snprintf(err, errlen,
			 "its .altinstructions make no sense, neither as records of 12 bytes (Linux up to 6.2) nor of "
			 "14: the file is damaged, or of a kernel that this version doesn't know");
		return -ENOEXEC;
	}
	t->alt = calloc(s->size / t->alt_record_size + 1, sizeof(*t->alt));
	t->by_repl = calloc(s->size / t->alt_record_size + 1, sizeof(*t->by_repl));
	if (!t->alt || !t->by_repl)
		return -ENOMEM;
	for (at = 0; s->size - at >= t->alt_record_size; at += t->alt_record_size) {
		struct audit_alt *alt = &t->alt[t->nr_alts];

		read_alt(s->data + at, s->addr + at, t->alt_record_size, alt);
		alt->order = (uint32_t)t->nr_alts++;
		alt->applies = applies(assume, alt);
	}
	qsort(t->alt, t->nr_alts, sizeof(*t->alt), by_site);
	mark_overwritten(t);
	for (i = 0; i < t->nr_alts; i++)
		t->by_repl[i] = (uint32_t)i;
	qsort_r(t->by_repl, t->nr_alts, sizeof(*t->by_repl), by_repl, t->alt);
	return 0;
}

static int load_paras(const struct audit_image *image, struct audit_tables *t, char *err, unsigned int errlen)
{
	const struct audit_section *s = audit_image_section(image, ".parainstructions");
	uint64_t at;

	if (!s || !s->size)
		return 0;
	t->para = calloc(s->size / PARA_RECORD + 1, sizeof(*t->para));
	if (!t->para)
		return -ENOMEM;
	/* The last record may lack its padding. */
	for (at = 0; s->size - at >= 10; at += PARA_RECORD) {
		struct audit_para *para = &t->para[t->nr_paras++];

		memcpy(&para->site, s->data + at, sizeof(para->site));
		para->type = s->data[at + 8];
		para->len = s->data[at + 9];
		if (!audit_image_code(image, para->site, para->len)) {
			snprintf(err, errlen,
				 "its .parainstructions make no sense: record %zu names no code: the file is damaged, "
				 "or of "
				 "a kernel that this version doesn't know",
				 t->nr_paras - 1);
			return -ENOEXEC;
		}
		if (s->size - at < PARA_RECORD)
			break;
	}
	qsort(t->para, t->nr_paras, sizeof(*t->para), by_para_site);
	return 0;
}

int audit_tables_load(const struct audit_image *image, const struct audit_assume *assume, struct audit_tables *tables,
		      char *err, unsigned int errlen)
{
	int ret;

	memset(tables, 0, sizeof(*tables));
	ret = load_alts(image, assume, tables, err, errlen);
	if (!ret)
		ret = load_paras(image, tables, err, errlen);
	if (ret == -ENOMEM)
		snprintf(err, errlen, "not enough memory for its patch tables");
	if (ret)
		audit_tables_free(tables);
	return ret;
}

void audit_tables_free(struct audit_tables *tables)
{
	free(tables->alt);
	free(tables->by_repl);
	free(tables->para);
	memset(tables, 0, sizeof(*tables));
}

/* The worse of what was known and what one more record says. */
static void judge(struct audit_verdict *v, int fate, const struct audit_alt *alt)
{
	if (v->alt && fate >= (int)v->fate)
		return;
	v->fate = fate;
	v->alt = alt;
}

static bool covers(uint64_t start, unsigned int size, uint64_t addr, unsigned int len)
{
	return addr >= start && addr - start <= size && len <= size - (addr - start);
}

/* In replacements: of several records that share one, the one that leaves most of it counts. */
static void ask_replacements(const struct audit_tables *t, uint64_t addr, unsigned int len, struct audit_verdict *v)
{
	size_t low = 0, high = t->nr_alts;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->alt[t->by_repl[mid]].repl <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low > 0; low--) {
		const struct audit_alt *alt = &t->alt[t->by_repl[low - 1]];

		if (addr - alt->repl > PATCH_MAX)
			break;
		if (!covers(alt->repl, alt->repl_len, addr, len))
			continue;
		v->in_replacement = true;
		if (alt->applies == AUDIT_NEVER || alt->overwritten)
			judge(v, AUDIT_REPLACED, alt);
		else
			judge(v, alt->applies == AUDIT_ALWAYS ? AUDIT_LIVE : AUDIT_CONDITIONAL, alt);
	}
}

/* In sites: one record that applies always suffices. */
static void ask_sites(const struct audit_tables *t, uint64_t addr, unsigned int len, struct audit_verdict *v)
{
	size_t low = 0, high = t->nr_alts;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->alt[mid].site <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low > 0 && addr - t->alt[low - 1].site <= PATCH_MAX; low--) {
		const struct audit_alt *alt = &t->alt[low - 1];

		if (!covers(alt->site, alt->site_len, addr, len) || alt->applies == AUDIT_NEVER)
			continue;
		v->alt = alt;
		v->fate = alt->applies == AUDIT_ALWAYS ? AUDIT_REPLACED : AUDIT_CONDITIONAL;
		if (v->fate == AUDIT_REPLACED)
			return;
	}
}

static void ask_paras(const struct audit_tables *t, uint64_t addr, unsigned int len, struct audit_verdict *v)
{
	size_t low = 0, high = t->nr_paras;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->para[mid].site <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low > 0 && addr - t->para[low - 1].site <= PATCH_MAX; low--) {
		if (covers(t->para[low - 1].site, t->para[low - 1].len, addr, len)) {
			v->para = &t->para[low - 1];
			v->fate = AUDIT_REPLACED;
			return;
		}
	}
}

void audit_tables_ask(const struct audit_tables *tables, uint64_t addr, unsigned int len, struct audit_verdict *v)
{
	memset(v, 0, sizeof(*v));
	ask_replacements(tables, addr, len, v);
	if (v->in_replacement)
		return;
	ask_paras(tables, addr, len, v);
	if (!v->para)
		ask_sites(tables, addr, len, v);
}

const char *audit_feature_name(uint16_t feature)
{
	/*
	 * Those that decide about sensitive instructions in 6.1. Bits that a CPU defines have one number for ever; of
	 * those that Linux makes up, only the ones that have not moved for years are named.
	 */
	static const struct {
		uint16_t feature;
		const char *name;
	} names[] = {
		{ 1 * 32 + 27, "RDTSCP" },	{ 3 * 32 + 18, "LFENCE_RDTSC" },  { AUDIT_FEATURE_ALWAYS, "ALWAYS" },
		{ 8 * 32 + 15, "VMMCALL" },	{ AUDIT_FEATURE_XENPV, "XENPV" }, { 8 * 32 + 18, "VMCALL" },
		{ 8 * 32 + 19, "VMW_VMMCALL" }, { 9 * 32 + 20, "SMAP" },	  { 10 * 32 + 3, "XSAVES" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].feature == feature)
			return names[i].name;
	}
	return NULL;
}
