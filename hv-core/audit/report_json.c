/* SPDX-License-Identifier: GPL-2.0-only */
/* The same as JSON. docs/man/paravane-audit.1 describes the fields. */

#include "audit.h"

#include <jansson.h>
#include <string.h>

#define NAME_MAX_BYTES 512

static json_t *hex(uint64_t value)
{
	char text[32];

	/* As text: JSON's numbers are doubles to most readers, which kernel addresses don't fit. */
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return json_string(text);
}

static json_t *name_json(const char *name)
{
	return json_stringn(name, strnlen(name, NAME_MAX_BYTES));
}

static void set_symbol(json_t *o, const struct audit_image *image, uint64_t addr)
{
	const struct audit_symbol *sym = audit_image_symbol(image, addr);

	if (!sym)
		return;
	json_object_set_new(o, "symbol", name_json(sym->name));
	json_object_set_new(o, "symbol_offset", json_integer((json_int_t)(addr - sym->addr)));
}

static void set_record(json_t *o, const struct audit_image *image, const struct audit_verdict *v)
{
	json_t *record;

	if (v->para) {
		record = json_pack("{s:s, s:i}", "table", "parainstructions", "type", v->para->type);
	} else if (v->alt) {
		const char *name = audit_feature_name(v->alt->feature);

		record = json_pack("{s:s, s:i, s:b, s:b}", "table", "altinstructions", "feature", v->alt->feature,
				   "inverted", v->alt->inverted, "in_replacement", v->in_replacement);
		if (name)
			json_object_set_new(record, "feature_name", json_string(name));
		if (!image->relocatable)
			json_object_set_new(record, "site", hex(v->alt->site));
	} else {
		return;
	}
	json_object_set_new(o, "record", record);
}

static json_t *hit_json(const struct audit_image *image, const struct audit_hit *hit)
{
	const struct audit_section *s = hit->section;
	uint64_t in_section = hit->addr - s->addr;
	char text[128], bytes[32];
	json_t *o = json_object();
	unsigned int i;

	for (i = 0; i < hit->len; i++)
		snprintf(bytes + 2 * i, sizeof(bytes) - 2 * i, "%02x", s->data[in_section + i]);
	audit_format(hit, text, sizeof(text));
	if (!image->relocatable)
		json_object_set_new(o, "address", hex(hit->addr));
	json_object_set_new(o, "section", name_json(s->name));
	json_object_set_new(o, "section_offset", json_integer((json_int_t)in_section));
	json_object_set_new(o, "file_offset", json_integer((json_int_t)(s->offset + in_section)));
	set_symbol(o, image, audit_hit_place(hit));
	json_object_set_new(o, "bytes", json_string(bytes));
	json_object_set_new(o, "text", json_string(text));
	json_object_set_new(o, "instruction", json_string(hit->kind->name));
	json_object_set_new(o, "class", json_string(audit_class_name(hit->kind->class)));
	json_object_set_new(o, "status", json_string(audit_status_names[hit->status]));
	if (hit->doubtful)
		json_object_set_new(o, "doubtful", json_true());
	set_record(o, image, &hit->verdict);
	return o;
}

struct json_t *audit_json_file(const char *path, const struct audit_image *image, const struct audit_tables *tables,
			       const struct audit_sweep *sweep, const struct audit_filter *filter)
{
	json_t *o = json_object(), *hits = json_array(), *name = json_string(path);
	size_t i;

	/* A path may be any bytes, JSON's text may not. */
	json_object_set_new(o, "file", name ? name : json_string("?"));
	json_object_set_new(o, "packed", image->file.packed ? json_string(image->file.packed) : json_null());
	json_object_set_new(o, "relocatable", json_boolean(image->relocatable));
	json_object_set_new(o, "code_bytes", json_integer((json_int_t)sweep->bytes));
	json_object_set_new(o, "decoded", json_integer((json_int_t)sweep->instructions));
	json_object_set_new(o, "undecodable_bytes", json_integer((json_int_t)sweep->undecodable));
	json_object_set_new(o, "cut_bytes", json_integer((json_int_t)sweep->cut));
	json_object_set_new(o, "data_bytes", json_integer((json_int_t)sweep->data));
	json_object_set_new(o, "symbols", json_integer((json_int_t)image->nr_symbols));
	json_object_set_new(o, "symbols_from", image->symbols_from ? json_string(image->symbols_from) : json_null());
	json_object_set_new(o, "alternatives", json_integer((json_int_t)tables->nr_alts));
	json_object_set_new(o, "paravirt_sites", json_integer((json_int_t)tables->nr_paras));
	for (i = 0; i < sweep->nr_hits; i++) {
		if (audit_filter_takes(filter, image, &sweep->hit[i]))
			json_array_append_new(hits, hit_json(image, &sweep->hit[i]));
	}
	json_object_set_new(o, "instructions", hits);
	return o;
}

struct json_t *audit_json_counts(const audit_counts *counts)
{
	json_t *rows = json_array();
	unsigned int i, j;

	for (i = 0; i < audit_nr_kinds; i++) {
		json_t *row = json_pack("{s:s, s:s}", "instruction", audit_kinds[i].name, "class",
					audit_class_name(audit_kinds[i].class));
		uint64_t total = 0;

		for (j = 0; j < AUDIT_NR_STATUSES; j++) {
			json_object_set_new(row, audit_status_names[j], json_integer((json_int_t)counts[i][j]));
			total += counts[i][j];
		}
		json_object_set_new(row, "total", json_integer((json_int_t)total));
		json_array_append_new(rows, row);
	}
	return rows;
}
