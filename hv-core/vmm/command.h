/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of `paravane`: one table, from which help and completion come. */
#ifndef VMM_COMMAND_H
#define VMM_COMMAND_H

/* Exit statuses of every command; those of a finished guest are in enum stop_reason. */
#define EXIT_OK 0
#define EXIT_START 1 /* could not do it: the message says why */
#define EXIT_USAGE 2

struct command {
	const char *name;
	/* argv[0] is the command's name. Returns the process's exit status. */
	int (*run)(int argc, char **argv);
	const char *summary;
};

extern const struct command commands[];

int cmd_run(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_completion(int argc, char **argv);

/* One line on stderr, with the program's name before it. */
void message(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The arguments of the process, for a guest that starts again. */
extern char **program_argv;

#endif
