// SPDX-License-Identifier: GPL-2.0-only
/* `paravane stats`: what a guest did, from its --control socket while it runs or from its --stats file afterwards. */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "options.h"
#include "symbols.h"

#define REPORT_BYTES_MAX (4u << 20)
#define ANSWER_SECONDS 10

const struct option_spec stats_option_specs[] = {
	{ "json", NULL, "the report as it is, instead of tables", false, NULL },
	{ "vmlinux", "FILE", "the guest's kernel, for the names of addresses", false, NULL },
	{ "help", NULL, "this text", false, NULL },
	{ NULL, NULL, NULL, false, NULL },
};

struct line {
	const char *name;
	json_int_t count;
};

static void help(FILE *out)
{
	const struct option_spec *spec;
	char name[64];

	fputs("usage: paravane stats [OPTION]... FILE\n\n"
	      "Shows what a guest did: hypercalls by name, events, exits by reason; in pv mode traps, emulated instructions\n"
	      "by address, and the table zone.\n"
	      "FILE is the socket of `paravane run --control` while the guest runs, or what `--stats` wrote at its end.\n\n",
	      out);
	for (spec = stats_option_specs; spec->name; spec++) {
		snprintf(name, sizeof(name), "--%s%s%s", spec->name, spec->arg ? " " : "", spec->arg ? spec->arg : "");
		fprintf(out, "  %-18s%s\n", name, spec->help);
	}
	fputs("\nExit status: 0 shown, 1 it could not be had or read, 2 usage.\n", out);
}

/* Text of the report's goes to a terminal. */
static void print_text(const char *text, int width)
{
	for (; *text; text++, width--)
		putchar(isprint((unsigned char)*text) ? *text : '?');
	while (width-- > 0)
		putchar(' ');
}

static int compare(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->name, y->name);
}

/* An object of counts, the largest first. */
static void print_counts(const char *title, const json_t *object)
{
	size_t n = json_object_size(object), i = 0;
	struct line *line = n ? calloc(n, sizeof(*line)) : NULL;
	const char *name;
	json_t *value;

	if (!line)
		return;
	json_object_foreach((json_t *)object, name, value) {
		if (json_is_integer(value))
			line[i++] = (struct line){ name, json_integer_value(value) };
	}
	qsort(line, i, sizeof(*line), compare);
	printf("%s\n", title);
	for (n = 0; n < i; n++) {
		fputs("  ", stdout);
		print_text(line[n].name, 30);
		printf(" %15lld\n", (long long)line[n].count);
	}
	free(line);
}

static const char *exception_name(const char *vector)
{
	static const char *const names[] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "", "#TS",
		"#NP", "#SS", "#GP", "#PF", "",	   "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	};
	unsigned long n = strtoul(vector, NULL, 10);

	return n < sizeof(names) / sizeof(names[0]) ? names[n] : "";
}

static void print_traps(const json_t *traps)
{
	const char *vector;
	json_t *count;

	if (!json_object_size(traps))
		return;
	puts("traps delivered, by vector");
	json_object_foreach((json_t *)traps, vector, count) {
		fputs("  ", stdout);
		print_text(vector, 4);
		printf(" %-25s %15lld\n", exception_name(vector), (long long)json_integer_value(count));
	}
}

static json_int_t count_of(const json_t *entry)
{
	return json_integer_value(json_object_get(entry, "count"));
}

static int compare_emulated(const void *a, const void *b)
{
	json_int_t x = count_of(*(json_t *const *)a), y = count_of(*(json_t *const *)b);

	return x < y ? 1 : x > y ? -1 : 0;
}

static void print_emulated(const json_t *array, const struct symbols *syms)
{
	size_t n = json_array_size(array), i;
	json_t **entry = n ? calloc(n, sizeof(*entry)) : NULL;

	if (!entry)
		return;
	for (i = 0; i < n; i++)
		entry[i] = json_array_get(array, i);
	qsort(entry, n, sizeof(*entry), compare_emulated);
	puts("instructions emulated, by address");
	for (i = 0; i < n; i++) {
		const char *address = json_string_value(json_object_get(entry[i], "address"));
		const char *what = json_string_value(json_object_get(entry[i], "instruction"));
		char name[128] = "";

		if (!address || !what)
			continue;
		if (syms)
			symbols_format(syms, strtoull(address, NULL, 16), name, sizeof(name));
		fputs("  ", stdout);
		print_text(what, 6);
		putchar(' ');
		print_text(address, 18);
		printf(" %20lld  %s\n", (long long)count_of(entry[i]), name);
	}
	free(entry);
}

static void print_zone(const json_t *zone)
{
	if (!zone)
		return;
	printf("table zone: %lld of %lld chunks of 2 MiB in use, %lld tables in them\n",
	       (long long)json_integer_value(json_object_get(zone, "chunks")),
	       (long long)json_integer_value(json_object_get(zone, "chunks_max")),
	       (long long)json_integer_value(json_object_get(zone, "tables")));
}

static void print_report(const json_t *report, const struct symbols *syms)
{
	const char *name = json_string_value(json_object_get(report, "name"));
	const char *reason = json_string_value(json_object_get(report, "reason"));
	double seconds = json_number_value(json_object_get(report, "run_seconds"));
	const json_t *exits = json_object_get(report, "exits"), *events = json_object_get(report, "events");
	const json_t *pv = json_object_get(report, "pv");

	print_text(name ? name : "guest", 0);
	fputs(": ", stdout);
	print_text(reason ? reason : "unknown", 0);
	printf(", %.1f s, %lld vCPUs", seconds, (long long)json_integer_value(json_object_get(report, "vcpus")));
	if (exits)
		printf(", %lld exits", (long long)json_integer_value(exits));
	printf(", host CPU %.1f s\n", json_number_value(json_object_get(report, "user_seconds")) +
					      json_number_value(json_object_get(report, "system_seconds")));
	print_counts("hypercalls", json_object_get(report, "calls"));
	if (events)
		printf("events: %lld raised, %lld upcalls for them\n",
		       (long long)json_integer_value(json_object_get(events, "raised")),
		       (long long)json_integer_value(json_object_get(events, "upcalls")));
	print_counts("exits to paravane, by reason", json_object_get(report, "exits_to_vmm"));
	if (!pv)
		return;
	print_traps(json_object_get(pv, "traps"));
	print_emulated(json_object_get(pv, "emulated"), syms);
	print_zone(json_object_get(pv, "zone"));
}

/* The whole of it, up to REPORT_BYTES_MAX. NULL with a message. */
static char *read_all(int fd, const char *path)
{
	size_t len = 0;
	char *text = malloc(REPORT_BYTES_MAX + 1);

	while (text) {
		ssize_t n = read(fd, text + len, REPORT_BYTES_MAX - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			message("stats: cannot read %s: %s", path,
				errno == EAGAIN ? "the guest's paravane does not answer" : strerror(errno));
			break;
		}
		len += (size_t)n;
		if (!n) {
			text[len] = 0;
			return text;
		}
		if (len == REPORT_BYTES_MAX) {
			message("stats: %s is larger than any report", path);
			break;
		}
	}
	free(text);
	return NULL;
}

static int ask_guest(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) || send(fd, "stats\n", 6, MSG_NOSIGNAL) != 6) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

static json_t *get_report(const char *path)
{
	json_error_t error;
	json_t *report = NULL;
	struct stat st;
	char *text;
	int fd;

	fd = stat(path, &st) ? -errno : S_ISSOCK(st.st_mode) ? ask_guest(path) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fd = -errno;
	if (fd < 0) {
		message("stats: cannot open %s: %s: give the file of --stats, or the socket of --control while the guest runs",
			path, strerror(-fd));
		return NULL;
	}
	text = read_all(fd, path);
	close(fd);
	if (!text)
		return NULL;
	report = json_loads(text, 0, &error);
	free(text);
	if (!report || !json_is_integer(json_object_get(report, "schema"))) {
		const char *why = json_string_value(json_object_get(report, "error"));

		message("stats: %s is no report of a guest: %s", path,
			why ? why : report ? "it has no schema number" : error.text);
		json_decref(report);
		return NULL;
	}
	if (json_integer_value(json_object_get(report, "schema")) == 1)
		return report;
	message("stats: %s has schema %lld, and this version knows 1", path,
		(long long)json_integer_value(json_object_get(report, "schema")));
	json_decref(report);
	return NULL;
}

static int show(const char *path, const char *vmlinux, bool json)
{
	struct symbols *syms = NULL;
	json_t *report;
	char err[256];

	if (vmlinux && symbols_load(vmlinux, &syms, err, sizeof(err))) {
		message("stats: %s", err);
		return EXIT_START;
	}
	report = get_report(path);
	if (report && json) {
		json_dumpf(report, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (report) {
		print_report(report, syms);
	}
	if (syms)
		symbols_free(syms);
	json_decref(report);
	if (!report)
		return EXIT_START;
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_OK;
	message("stats: cannot write: %s", strerror(errno));
	return EXIT_START;
}

int cmd_stats(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "vmlinux", required_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *vmlinux = NULL;
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'v':
			vmlinux = optarg;
			break;
		case 'h':
			help(stdout);
			return EXIT_OK;
		default:
			message(c == ':' ? "stats: %s wants a value" : "stats: there is no option %s (paravane stats --help)",
				argv[optind - 1]);
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		message("stats: give one file or socket (paravane stats --help)");
		return EXIT_USAGE;
	}
	return show(argv[optind], vmlinux, json);
}
