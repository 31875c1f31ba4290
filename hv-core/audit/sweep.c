/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linear sweep over all code. Linux's text has nearly no data in it (no jump tables, constants are elsewhere), but a
 * sweep that got out of step would not know. So it is held to boundaries that are known from elsewhere: symbols, the
 * unwinder's table (objtool writes an entry every few instructions), and both ends of everything in the patch tables.
 *
 *   - An instruction that runs over a boundary is none: its bytes before the boundary are counted as cut. Should it be
 *     a sensitive one, it is listed all the same, as doubtful.
 *   - After bytes that decode as nothing, all is doubtful until the next boundary, but nothing is left out.
 *   - Data symbols (STT_OBJECT) are skipped. Padding (NOP, INT3) decodes as what it is.
 */

#include "audit.h"

#include <Zydis/Zydis.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Twenty times what a kernel with all its modules has; a file of nothing else is no kernel, and its report no report. */
#define HITS_MAX (512u << 10)
#define FORCED_PREFIX 5

const char *const audit_status_names[AUDIT_NR_STATUSES] = {
	[AUDIT_PATCHED] = "patched",  [AUDIT_FEATURE] = "feature",	[AUDIT_INIT] = "init",
	[AUDIT_STANDS_TRAP] = "trap", [AUDIT_STANDS_SILENT] = "silent", [AUDIT_STANDS_SAME] = "same",
};

struct boundaries {
	uint64_t *at;
	size_t nr;
};

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Does a patch site begin before addr and end after it? There the unwinder's entries are for what replaces it. */
static bool within_site(const struct audit_tables *tables, uint64_t addr)
{
	size_t low = 0, high = tables->nr_alts;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (tables->alt[mid].site < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && addr - tables->alt[low - 1].site < tables->alt[low - 1].site_len;
}

/* .orc_unwind_ip: s32 each, relative to itself. */
static void add_unwind(const struct audit_section *orc, const struct audit_tables *tables, struct boundaries *b)
{
	uint64_t i;

	for (i = 0; i < orc->size / 4; i++) {
		uint64_t addr;
		int32_t relative;

		memcpy(&relative, orc->data + 4 * i, sizeof(relative));
		addr = orc->addr + 4 * i + (uint64_t)(int64_t)relative;
		if (!within_site(tables, addr))
			b->at[b->nr++] = addr;
	}
}

static int collect(const struct audit_image *image, const struct audit_tables *tables, struct boundaries *b)
{
	const struct audit_section *orc = audit_image_section(image, ".orc_unwind_ip");
	size_t i;

	b->at = calloc(1 + image->nr_symbols + (orc ? orc->size / 4 : 0) + 4 * tables->nr_alts + 2 * tables->nr_paras +
			       2 * image->nr_data,
		       sizeof(*b->at));
	if (!b->at)
		return -ENOMEM;
	for (i = 0; i < image->nr_symbols; i++)
		b->at[b->nr++] = image->symbol[i].addr;
	if (orc)
		add_unwind(orc, tables, b);
	for (i = 0; i < tables->nr_alts; i++) {
		const struct audit_alt *alt = &tables->alt[i];

		b->at[b->nr++] = alt->site;
		b->at[b->nr++] = alt->site + alt->site_len;
		b->at[b->nr++] = alt->repl;
		b->at[b->nr++] = alt->repl + alt->repl_len;
	}
	for (i = 0; i < tables->nr_paras; i++) {
		b->at[b->nr++] = tables->para[i].site;
		b->at[b->nr++] = tables->para[i].site + tables->para[i].len;
	}
	for (i = 0; i < image->nr_data; i++) {
		b->at[b->nr++] = image->data[i].start;
		b->at[b->nr++] = image->data[i].end;
	}
	qsort(b->at, b->nr, sizeof(*b->at), by_value);
	return 0;
}

static bool traps_in_ring3(const struct audit_kind *kind, const struct audit_assume *assume)
{
	return kind->ring3 == AUDIT_TRAPS || (assume->umip && (kind->flags & AUDIT_UMIP));
}

static enum audit_status stands(const struct audit_image *image, const struct audit_hit *hit,
				const struct audit_assume *assume)
{
	const struct audit_verdict *v = &hit->verdict;
	const struct audit_section *where = hit->section;

	if (v->fate == AUDIT_REPLACED)
		return AUDIT_PATCHED;
	if (v->fate == AUDIT_CONDITIONAL)
		return AUDIT_FEATURE;
	/* A replacement runs where its site is. */
	if (v->in_replacement)
		where = audit_image_code(image, v->alt->site, 1);
	if (where && where->init)
		return AUDIT_INIT;
	if (traps_in_ring3(hit->kind, assume))
		return AUDIT_STANDS_TRAP;
	return hit->kind->ring3 == AUDIT_SILENT ? AUDIT_STANDS_SILENT : AUDIT_STANDS_SAME;
}

static struct audit_hit *new_hit(struct audit_sweep *sweep)
{
	if (sweep->nr_hits == sweep->room) {
		size_t room = sweep->room ? 2 * sweep->room : 1024;
		struct audit_hit *more = room <= HITS_MAX ? realloc(sweep->hit, room * sizeof(*more)) : NULL;

		if (!more)
			return NULL;
		sweep->hit = more;
		sweep->room = room;
	}
	return &sweep->hit[sweep->nr_hits++];
}

/* UD2 and "xen" or "kvm": a prefix to them for "emulate what follows"; as instructions the letters are nonsense. */
static bool forced_emulation(const uint8_t *p, uint64_t left)
{
	return left >= FORCED_PREFIX &&
	       (!memcmp(p, "\x0f\x0bxen", FORCED_PREFIX) || !memcmp(p, "\x0f\x0bkvm", FORCED_PREFIX));
}

struct walk {
	const struct audit_image *image;
	const struct audit_tables *tables;
	const struct audit_assume *assume;
	const struct boundaries *b;
	struct audit_sweep *sweep;
	ZydisDecoder decoder;
};

static int take(const struct walk *w, const struct audit_section *s, uint64_t pos, unsigned int len,
		const struct audit_kind *kind, bool doubtful)
{
	struct audit_hit *hit = new_hit(w->sweep);

	if (!hit)
		return w->sweep->nr_hits >= HITS_MAX ? -E2BIG : -ENOMEM;
	*hit = (struct audit_hit){
		.addr = s->addr + pos, .section = s, .kind = kind, .len = (uint8_t)len, .doubtful = doubtful
	};
	audit_tables_ask(w->tables, hit->addr, len, &hit->verdict);
	hit->status = stands(w->image, hit, w->assume);
	return 0;
}

/* The end of the data symbol that covers addr, or 0. Overlapping ones come in order of their starts. */
static uint64_t data_end(const struct audit_image *image, uint64_t addr, size_t *next)
{
	uint64_t end = 0;

	while (*next < image->nr_data && image->data[*next].start <= addr) {
		if (image->data[*next].end > addr && image->data[*next].end > end)
			end = image->data[*next].end;
		++*next;
	}
	return end;
}

static int walk_section(const struct walk *w, const struct audit_section *s, size_t *boundary, size_t *data)
{
	struct audit_sweep *sweep = w->sweep;
	ZydisDecodedInstruction in;
	ZydisDecoderContext context;
	bool doubtful = false;
	uint64_t pos = 0;

	while (pos < s->size) {
		const struct audit_kind *kind = NULL;
		uint64_t left = s->size - pos, end = data_end(w->image, s->addr + pos, data);
		unsigned int len;
		bool fits;

		while (*boundary < w->b->nr && w->b->at[*boundary] <= s->addr + pos)
			doubtful &= w->b->at[(*boundary)++] != s->addr + pos;
		if (end) {
			sweep->data += end - (s->addr + pos);
			pos = end - s->addr;
			continue;
		}
		if (forced_emulation(s->data + pos, left)) {
			len = FORCED_PREFIX;
		} else if (ZYAN_SUCCESS(
				   ZydisDecoderDecodeInstruction(&w->decoder, &context, s->data + pos, left, &in))) {
			len = in.length;
			kind = audit_classify(&in);
		} else {
			sweep->undecodable++;
			doubtful = true;
			pos++;
			continue;
		}
		fits = *boundary == w->b->nr || w->b->at[*boundary] - (s->addr + pos) >= len;
		if (kind) {
			int ret = take(w, s, pos, len, kind, doubtful || !fits);

			if (ret)
				return ret;
		}
		if (fits) {
			sweep->instructions++;
			pos += len;
		} else {
			sweep->cut += w->b->at[*boundary] - (s->addr + pos);
			pos = w->b->at[*boundary] - s->addr;
		}
	}
	sweep->bytes += s->size;
	return 0;
}

int audit_sweep(const struct audit_image *image, const struct audit_tables *tables, const struct audit_assume *assume,
		struct audit_sweep *sweep)
{
	struct boundaries b = { 0 };
	struct walk w = { image, tables, assume, &b, sweep, { 0 } };
	size_t boundary = 0, data = 0;
	unsigned int i;
	int ret;

	memset(sweep, 0, sizeof(*sweep));
	ret = collect(image, tables, &b);
	ZydisDecoderInit(&w.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (i = 0; i < image->nr_code && !ret; i++)
		ret = walk_section(&w, image->code[i], &boundary, &data);
	free(b.at);
	if (ret)
		audit_sweep_free(sweep);
	return ret;
}

void audit_sweep_free(struct audit_sweep *sweep)
{
	free(sweep->hit);
	memset(sweep, 0, sizeof(*sweep));
}

void audit_format(const struct audit_hit *hit, char *text, size_t len)
{
	const uint8_t *bytes = hit->section->data + (hit->addr - hit->section->addr);
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	ZydisFormatter formatter;
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_ATT);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, hit->len, &in, operands)) ||
	    !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &in, operands, in.operand_count_visible, text,
							  len, hit->addr, NULL)))
		snprintf(text, len, "%s", hit->kind->name);
}
