/* SPDX-License-Identifier: GPL-2.0-only */
/* `paravane doctor`: what this machine can do for guests, and what to do about what it can't. */

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "doctor.h"

static const char *const verdict_words[] = {
	[DOCTOR_GOOD] = "ok",
	[DOCTOR_LESS] = "less",
	[DOCTOR_BAD] = "BAD",
	[DOCTOR_INFO] = "info",
};

void doctor_say(struct doctor *d, enum doctor_verdict verdict, const char *what, const char *fmt, ...)
{
	va_list args;

	d->count[verdict]++;
	printf("%-5s %-16s ", verdict_words[verdict], what);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void doctor_advise(const char *fmt, ...)
{
	va_list args;

	printf("%-22s -> ", "");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void help(FILE *out)
{
	fputs("usage: paravane doctor [--kvm FILE]\n\n"
	      "Says what this machine can do for guests, one line a matter, and what to do about what it can't:\n"
	      "  ok    as it should be\n  less  guests run, but slower or without a feature\n  BAD   guests don't run\n"
	      "  info  worth knowing\n\n"
	      "options:\n  --kvm FILE  KVM's device file (/dev/kvm)\n  --help      this text\n\n"
	      "Exit status: 0 guests run here, 1 they don't, 2 usage.\n", out);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "kvm", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct doctor d = { .kvm_path = "/dev/kvm", .kvm_fd = -1 };
	bool given = false;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:h", longs, NULL)) != -1) {
		if (c == 'h') {
			help(stdout);
			return EXIT_OK;
		}
		if (c != 'k' || given) {
			if (c == 'k')
				message("doctor: --kvm is given twice: give it once");
			else
				message("doctor: %s %s (paravane doctor --help lists the options)",
					c == ':' ? "no value for" : "there is no option", argv[optind - 1]);
			return EXIT_USAGE;
		}
		given = true;
		d.kvm_path = optarg;
	}
	if (optind < argc) {
		message("doctor: \"%s\" is not an option (paravane doctor --help lists them)", argv[optind]);
		return EXIT_USAGE;
	}
	doctor_kvm(&d);
	doctor_host(&d);
	if (d.kvm_fd >= 0)
		close(d.kvm_fd);
	if (d.count[DOCTOR_BAD])
		printf("\nGuests don't run here natively. `make demo` and `make check` use the test host instead.\n");
	else
		printf("\nGuests run here%s.\n", d.count[DOCTOR_LESS] ? ", with what is said above" : "");
	return d.count[DOCTOR_BAD] ? EXIT_START : EXIT_OK;
}
