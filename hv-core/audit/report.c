/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user sees: the summary, the list, the table of instructions. */

#include "audit.h"

#include <inttypes.h>
#include <string.h>

#define NAME_SHOWN 120

bool audit_filter_takes(const struct audit_filter *filter, const struct audit_image *image, const struct audit_hit *hit)
{
	const struct audit_symbol *sym;

	if (filter->status >= 0 && (int)hit->status != filter->status)
		return false;
	if (filter->section && strcmp(filter->section, hit->section->name))
		return false;
	if (!filter->symbol)
		return true;
	sym = audit_image_symbol(image, audit_hit_place(hit));
	return sym && !strcmp(sym->name, filter->symbol);
}

void audit_count(const struct audit_image *image, const struct audit_sweep *sweep, const struct audit_filter *filter,
		 audit_counts *counts)
{
	size_t i;

	for (i = 0; i < sweep->nr_hits; i++) {
		if (audit_filter_takes(filter, image, &sweep->hit[i]))
			counts[sweep->hit[i].kind - audit_kinds][sweep->hit[i].status]++;
	}
}

uint64_t audit_hit_place(const struct audit_hit *hit)
{
	return hit->verdict.in_replacement ? hit->verdict.alt->site : hit->addr;
}

void audit_symbol_text(const struct audit_image *image, uint64_t addr, char *text, size_t len)
{
	const struct audit_symbol *sym = audit_image_symbol(image, addr);

	text[0] = 0;
	if (sym)
		snprintf(text, len, "%.*s+%#" PRIx64, NAME_SHOWN, sym->name, addr - sym->addr);
}

static void feature_text(uint16_t feature, char *text, size_t len)
{
	const char *name = audit_feature_name(feature);

	if (name)
		snprintf(text, len, "%s", name);
	else
		snprintf(text, len, "feature %u:%u", feature / 32, feature % 32);
}

void audit_reason_text(const struct audit_hit *hit, char *text, size_t len)
{
	const struct audit_verdict *v = &hit->verdict;
	const char *what;
	char feature[32];

	text[0] = 0;
	if (v->para)
		snprintf(text, len, "paravirt site, type %u", v->para->type);
	if (!v->alt)
		return;
	feature_text(v->alt->feature, feature, sizeof(feature));
	if (!v->in_replacement)
		what = "replaced with";
	else if (v->alt->applies == AUDIT_NEVER || !v->alt->overwritten)
		what = "a replacement for";
	else
		what = "written over; a replacement for";
	snprintf(text, len, "%s %s%s", what, v->alt->inverted ? "not " : "", feature);
}

void audit_report_file(const char *path, const struct audit_image *image, const struct audit_tables *tables,
		       const struct audit_sweep *sweep)
{
	printf("%s%s%s%s\n", path, image->file.packed ? " (" : "", image->file.packed ? image->file.packed : "",
	       image->file.packed ? ")" : "");
	printf("  code: %" PRIu64 " bytes, %" PRIu64 " instructions; %" PRIu64 " bytes undecodable, %" PRIu64
	       " cut at known boundaries, %" PRIu64 " of data symbols\n",
	       sweep->bytes, sweep->instructions, sweep->undecodable, sweep->cut, sweep->data);
	printf("  symbols: %zu (%s); alternatives: %zu; paravirt sites: %zu\n", image->nr_symbols,
	       image->symbols_from ? image->symbols_from : "none", tables->nr_alts, tables->nr_paras);
}

void audit_report_list(const struct audit_image *image, const struct audit_sweep *sweep,
		       const struct audit_filter *filter)
{
	char where[2 * NAME_SHOWN], symbol[2 * NAME_SHOWN], text[128], reason[128], bytes[32];
	unsigned int j;
	size_t i;

	for (i = 0; i < sweep->nr_hits; i++) {
		const struct audit_hit *hit = &sweep->hit[i];
		const struct audit_section *s = hit->section;
		uint64_t in_section = hit->addr - s->addr;

		if (!audit_filter_takes(filter, image, hit))
			continue;
		if (image->relocatable)
			snprintf(where, sizeof(where), "%.*s+%#" PRIx64, NAME_SHOWN, s->name, in_section);
		else
			snprintf(where, sizeof(where), "%016" PRIx64 " @%#" PRIx64, hit->addr, s->offset + in_section);
		for (j = 0; j < hit->len; j++)
			snprintf(bytes + 2 * j, sizeof(bytes) - 2 * j, "%02x", s->data[in_section + j]);
		audit_symbol_text(image, audit_hit_place(hit), symbol, sizeof(symbol));
		audit_format(hit, text, sizeof(text));
		audit_reason_text(hit, reason, sizeof(reason));
		printf("%-7s %-14s %-26s %-36s %-14s %s%s%s%s%s\n", audit_status_names[hit->status],
		       audit_class_name(hit->kind->class), where, *symbol ? symbol : "-", bytes, text,
		       *reason ? "  # " : "", reason, hit->doubtful ? (*reason ? ", " : "  # ") : "",
		       hit->doubtful ? "doubtful" : "");
	}
}

static void print_row(const char *first, const char *second, const uint64_t *counts)
{
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < AUDIT_NR_STATUSES; i++)
		total += counts[i];
	printf("%-15s %-25s %8" PRIu64, first, second, total);
	for (i = 0; i < AUDIT_NR_STATUSES; i++) {
		if (counts[i])
			printf(" %8" PRIu64, counts[i]);
		else
			printf(" %8s", "-");
	}
	putchar('\n');
}

static bool counted(const uint64_t *counts)
{
	unsigned int i;

	for (i = 0; i < AUDIT_NR_STATUSES; i++) {
		if (counts[i])
			return true;
	}
	return false;
}

void audit_report_summary(const audit_counts *counts)
{
	audit_counts all = { 0 };
	unsigned int class, i, j;

	printf("\n%-15s %-25s %8s", "class", "instruction", "total");
	for (i = 0; i < AUDIT_NR_STATUSES; i++)
		printf(" %8s", audit_status_names[i]);
	putchar('\n');
	for (class = 0; class < AUDIT_NR_CLASSES; class ++) {
		audit_counts sum = { 0 };

		for (i = 0; i < audit_nr_kinds; i++) {
			if (audit_kinds[i].class != class || !counted(counts[i]))
				continue;
			print_row(audit_class_name(class), audit_kinds[i].name, counts[i]);
			for (j = 0; j < AUDIT_NR_STATUSES; j++)
				sum[j] += counts[i][j];
		}
		if (counted(sum))
			print_row(audit_class_name(class), "(all)", sum);
		for (j = 0; j < AUDIT_NR_STATUSES; j++)
			all[j] += sum[j];
	}
	print_row("(all)", "", all);
}

void audit_report_instructions(bool umip)
{
	static const char *const words[] = {
		[AUDIT_TRAPS] = "trap",
		[AUDIT_SILENT] = "silent",
		[AUDIT_SAME] = "same",
		[AUDIT_ABSENT] = "absent",
	};
	unsigned int i;

	printf("%-15s %-25s %-7s %-4s %-4s %s\n", "class", "instruction", "ring 3", "R&I", "UMIP",
	       "what it does there");
	for (i = 0; i < audit_nr_kinds; i++) {
		const struct audit_kind *kind = &audit_kinds[i];
		bool faults = umip && (kind->flags & AUDIT_UMIP);

		printf("%-15s %-25s %-7s %-4s %-4s %s\n", audit_class_name(kind->class), kind->name,
		       words[faults ? AUDIT_TRAPS : kind->ring3], kind->flags & AUDIT_CLASSIC ? "yes" : "-",
		       kind->flags & AUDIT_UMIP ? "#GP" : "-", kind->ring3_text);
	}
}
