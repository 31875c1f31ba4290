/* SPDX-License-Identifier: GPL-2.0-only */
/* `paravane audit`: what a kernel has left for a port to ring 3. */

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "command.h"
#include "options.h"

const struct option_spec audit_option_specs[] = {
	{ "list", NULL, "list each instruction, after each file's heading", false, NULL },
	{ "json", NULL, "everything as JSON instead", false, NULL },
	{ "only", "patched|feature|init|trap|silent|same", "only those that stand so", false, NULL },
	{ "symbol", "NAME", "only those in this function", false, NULL },
	{ "section", "NAME", "only those in this section", false, NULL },
	{ "feature", "WORD:BIT=0|1",
	  "take this CPU feature bit for set or not (XENPV, 8:16, is set, ALWAYS, 3:21, too)", true, NULL },
	{ "umip", NULL, "CR4.UMIP is set: sgdt, sidt, sldt, str, smsw trap", false, NULL },
	{ "instructions", NULL, "print what is looked for and what it does in ring 3, and no audit", false, NULL },
	{ "help", NULL, "this text", false, NULL },
	{ NULL, NULL, NULL, false, NULL },
};

#define NR_OPTIONS (sizeof(audit_option_specs) / sizeof(audit_option_specs[0]) - 1)

struct request {
	struct audit_filter filter;
	struct audit_assume assume;
	bool list, json, instructions, help;
	bool found; /* what the filter names */
	audit_counts *counts;
	json_t *files;
};

static void help(FILE *out)
{
	const struct option_spec *spec;
	char name[64];

	fputs("usage: paravane audit [OPTION]... FILE...\n\n"
	      "Counts the instructions of x86-64 kernels and modules that a port to ring 3 has to care about, and how "
	      "each stands.\n"
	      "FILE is a vmlinux, a bzImage, or a module (.ko, .ko.xz, .ko.gz).\n\n",
	      out);
	for (spec = audit_option_specs; spec->name; spec++) {
		snprintf(name, sizeof(name), "--%s%s%s", spec->name, spec->arg ? " " : "", spec->arg ? spec->arg : "");
		fprintf(out, strlen(name) > 24 ? "  %s\n%28s%s\n" : "  %-26s%.0s%s\n", name, "", spec->help);
	}
	fputs("\nHow an instruction stands, the first that holds:\n"
	      "  patched  Linux's own tables take it away, or never put it there, in a kernel with XENPV\n"
	      "  feature  the tables put it there or take it away by a CPU feature that the host may show or hide\n"
	      "  init     in init code: runs at boot only\n"
	      "  trap     faults in ring 3\n"
	      "  silent   can complete in ring 3, with another meaning: the dangerous ones\n"
	      "  same     does in ring 3 what it does in ring 0, as long as a control bit is not set against it\n\n"
	      "Exit status: 0 audited, 1 a file could not be audited, 2 usage.\n",
	      out);
}

static int option_feature(const char *text, struct audit_assume *assume)
{
	unsigned int word, bit, value;
	char rest;

	if (sscanf(text, "%2u:%2u=%1u%c", &word, &bit, &value, &rest) != 3 || word > 39 || bit > 31 || value > 1) {
		message("audit: --feature %s: give WORD:BIT=0 or WORD:BIT=1, as in 9:20=0 "
			"(arch/x86/include/asm/cpufeatures.h)",
			text);
		return -EINVAL;
	}
	if (assume->nr == AUDIT_MAX_FEATURES) {
		message("audit: --feature %s: that is one too many, %u are", text, AUDIT_MAX_FEATURES - 2);
		return -EINVAL;
	}
	assume->known[assume->nr].feature = (uint16_t)(word * 32 + bit);
	assume->known[assume->nr++].set = value;
	return 0;
}

static int option_only(const char *text, int *status)
{
	for (*status = 0; *status < AUDIT_NR_STATUSES; ++*status) {
		if (!strcmp(text, audit_status_names[*status]))
			return 0;
	}
	message("audit: --only %s: it is one of patched, feature, init, trap, silent, same", text);
	return -EINVAL;
}

static int take_option(struct request *req, const char *name, const char *value)
{
	if (!strcmp(name, "list"))
		req->list = true;
	else if (!strcmp(name, "json"))
		req->json = true;
	else if (!strcmp(name, "only"))
		return option_only(value, &req->filter.status);
	else if (!strcmp(name, "symbol"))
		req->filter.symbol = value;
	else if (!strcmp(name, "section"))
		req->filter.section = value;
	else if (!strcmp(name, "feature"))
		return option_feature(value, &req->assume);
	else if (!strcmp(name, "umip"))
		req->assume.umip = true;
	else if (!strcmp(name, "instructions"))
		req->instructions = true;
	else
		req->help = true;
	return 0;
}

static int parse(struct request *req, int argc, char **argv)
{
	struct option longs[NR_OPTIONS + 1] = { 0 };
	bool given[NR_OPTIONS] = { 0 };
	int c, index;
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++) {
		longs[i].name = audit_option_specs[i].name;
		longs[i].has_arg = audit_option_specs[i].arg ? required_argument : no_argument;
	}
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, &index)) != -1) {
		if (c) {
			message("audit: %s %s (paravane audit --help lists the options)",
				c == ':' ? "no value for" : "there is no option", argv[optind - 1]);
			return -EINVAL;
		}
		if (given[index] && !audit_option_specs[index].repeats) {
			message("audit: --%s is given twice: give it once", longs[index].name);
			return -EINVAL;
		}
		given[index] = true;
		if (take_option(req, longs[index].name, optarg))
			return -EINVAL;
	}
	if (!req->help && !req->instructions && optind == argc) {
		message("audit: no file: give a vmlinux, a bzImage or modules (paravane audit --help)");
		return -EINVAL;
	}
	return 0;
}

/* Is there what the filter names? A function without any of the instructions is an answer, a mistyped one is not. */
static bool has_named(const struct audit_filter *filter, const struct audit_image *image)
{
	size_t i;

	if (filter->section && !audit_image_section(image, filter->section))
		return false;
	if (!filter->symbol)
		return true;
	for (i = 0; i < image->nr_symbols; i++) {
		if (!strcmp(image->symbol[i].name, filter->symbol))
			return true;
	}
	return false;
}

static int audit_one(struct request *req, const char *path)
{
	struct audit_tables tables;
	struct audit_image image;
	struct audit_sweep sweep;
	char err[1024];
	int ret;

	ret = audit_image_load(path, &image, err, sizeof(err));
	if (ret) {
		message("audit: %s", err);
		return ret;
	}
	ret = audit_tables_load(&image, &req->assume, &tables, err, sizeof(err));
	if (ret) {
		message("audit: %s: %s", path, err);
		goto free_image;
	}
	ret = audit_sweep(&image, &tables, &req->assume, &sweep);
	if (ret) {
		message("audit: %s: %s", path,
			ret == -E2BIG ? "it has more than 500,000 sensitive instructions: that is no kernel"
				      : "not enough memory to audit it");
		goto free_tables;
	}
	req->found |= has_named(&req->filter, &image);
	audit_count(&image, &sweep, &req->filter, req->counts);
	if (req->json) {
		json_array_append_new(req->files, audit_json_file(path, &image, &tables, &sweep, &req->filter));
	} else {
		audit_report_file(path, &image, &tables, &sweep);
		if (req->list)
			audit_report_list(&image, &sweep, &req->filter);
	}
	audit_sweep_free(&sweep);
free_tables:
	audit_tables_free(&tables);
free_image:
	audit_image_free(&image);
	return ret;
}

static int report(struct request *req, unsigned int audited, unsigned int failed)
{
	json_t *all;
	int ret;

	if (!req->json) {
		if (audited)
			audit_report_summary(req->counts);
		return 0;
	}
	all = json_pack("{s:o, s:i, s:o}", "files", req->files, "failed", (int)failed, "summary",
			audit_json_counts(req->counts));
	ret = json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
	return ret;
}

static int run(struct request *req, int argc, char **argv)
{
	unsigned int failed = 0;
	int i;

	req->counts = calloc(audit_nr_kinds, sizeof(*req->counts));
	req->files = json_array();
	if (!req->counts || !req->files) {
		message("audit: not enough memory");
		return EXIT_START;
	}
	for (i = 0; i < argc; i++)
		failed += audit_one(req, argv[i]) != 0;
	if (report(req, (unsigned int)argc - failed, failed) || fflush(stdout) || ferror(stdout)) {
		message("audit: the report could not be written: %s", strerror(errno));
		return EXIT_START;
	}
	if (failed < (unsigned int)argc && !req->found) {
		message("audit: no file has %s%s%s%s: check the name, or leave the option out",
			req->filter.section ? "section " : "", req->filter.section ? req->filter.section : "",
			req->filter.symbol ? (req->filter.section ? " with function " : "function ") : "",
			req->filter.symbol ? req->filter.symbol : "");
		return EXIT_START;
	}
	return failed ? EXIT_START : EXIT_OK;
}

int cmd_audit(int argc, char **argv)
{
	struct request req = {
		.filter.status = -1,
		.assume = { .known = { { AUDIT_FEATURE_XENPV, true }, { AUDIT_FEATURE_ALWAYS, true } }, .nr = 2 },
	};
	int ret;

	if (parse(&req, argc, argv))
		return EXIT_USAGE;
	if (req.help) {
		help(stdout);
		return EXIT_OK;
	}
	if (req.instructions) {
		audit_report_instructions(req.assume.umip);
		return EXIT_OK;
	}
	ret = run(&req, argc - optind, argv + optind);
	free(req.counts);
	return ret;
}
