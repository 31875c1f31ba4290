/* SPDX-License-Identifier: GPL-2.0-only */
/* `paravane`: finds the command and runs it. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "options.h"
#include "version.h"

const struct command commands[] = {
	{ "run", cmd_run, "run a guest" },
	{ "doctor", cmd_doctor, "say what this machine can do, and what to do about what it can't" },
	{ "stats", cmd_stats, "show what a guest did: calls, traps, emulated instructions, events, exits" },
	{ "audit", cmd_audit, "list what a kernel has left for a port to ring 3" },
	{ "completion", cmd_completion, "print the completion script for bash" },
	{ NULL, NULL, NULL },
};

static void help(FILE *out)
{
	const struct command *c;

	fputs("usage: paravane COMMAND [OPTION]...\n       paravane COMMAND --help\n\n"
	      "Runs Linux guests on KVM, with paravirtual devices beside emulated ones.\n\ncommands:\n", out);
	for (c = commands; c->name; c++)
		fprintf(out, "  %-12s%s\n", c->name, c->summary);
	fputs("\noptions:\n  --help      this text\n  --version   version of the program and of its guest interface\n", out);
}

static void complete_words(const struct option_spec *specs)
{
	const struct option_spec *spec;

	for (spec = specs; spec->name; spec++)
		printf("%s--%s", spec == specs ? "" : " ", spec->name);
}

/* A case for each option that takes a value: files, one of some words, or nothing that could be known. */
static void complete_values(const struct option_spec *specs)
{
	const struct option_spec *spec;

	for (spec = specs; spec->name; spec++) {
		if (spec->arg && !strncmp(spec->arg, "FILE", 4))
			printf("\t--%s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", spec->name);
		else if (spec->arg && strchr(spec->arg, '|') && islower(*spec->arg) && !strpbrk(spec->arg, "=,["))
			printf("\t--%s) COMPREPLY=($(compgen -W \"$(echo '%s' | tr '|' ' ')\" -- \"$word\")); return ;;\n",
			       spec->name, spec->arg);
		else if (spec->arg)
			printf("\t--%s) return ;;\n", spec->name);
	}
}

/* A command that takes options and files. */
static void complete_with_files(const char *command, const struct option_spec *specs)
{
	printf("_paravane_%s()\n{\n\tcase $before in\n", command);
	complete_values(specs);
	printf("\tesac\n\tcase $word in\n\t-*) COMPREPLY=($(compgen -W \"");
	complete_words(specs);
	printf("\" -- \"$word\")) ;;\n\t*) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n\tesac\n}\n\n");
}

/* Words that complete after each command: the tables are the only place where they are listed. */
int cmd_completion(int argc, char **argv)
{
	const struct command *c;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		puts("usage: paravane completion\n\nPrints the completion script for bash: eval \"$(paravane completion)\"");
		return EXIT_OK;
	}
	if (argc > 1) {
		message("completion takes no arguments");
		return EXIT_USAGE;
	}
	printf("# SPDX-License-Identifier: GPL-2.0-only\n"
	       "# Completion of paravane's commands and options. Made by `paravane completion`.\n\n"
	       "_paravane()\n{\n\tlocal word=$2 before=$3\n\n\tCOMPREPLY=()\n"
	       "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W \"");
	for (c = commands; c->name; c++)
		printf("%s ", c->name);
	printf("--help --version\" -- \"$word\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n"
	       "\trun) _paravane_run ;;\n\tstats) _paravane_stats ;;\n\taudit) _paravane_audit ;;\n"
	       "\tdoctor) COMPREPLY=($(compgen -W \"--kvm --help\" -- \"$word\")) ;;\n\tesac\n}\n\n");
	printf("_paravane_run()\n{\n\tcase $before in\n");
	complete_values(run_option_specs);
	printf("\tesac\n\tCOMPREPLY=($(compgen -W \"");
	complete_words(run_option_specs);
	printf("\" -- \"$word\"))\n}\n\n");
	complete_with_files("stats", stats_option_specs);
	complete_with_files("audit", audit_option_specs);
	puts("complete -o filenames -F _paravane paravane");
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *c;

	program_argv = argv;
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("paravane %s\nguest interface %u.%u\n", PARAVANE_VERSION, PVN_ABI_MAJOR, PVN_ABI_MINOR);
		return EXIT_OK;
	}
	for (c = commands; c->name; c++) {
		if (!strcmp(argv[1], c->name))
			return c->run(argc - 1, argv + 1);
	}
	message("there is no command \"%s\": paravane --help lists them", argv[1]);
	return EXIT_USAGE;
}
