/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest under test: out/bin/paravane started with arguments of the test's, spoken to through the agent on its
 * serial console (tests/images/README.md has the protocol).
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GUEST_MAX_ARGS 64
#define GUEST_OUTPUT 65536

struct guest {
	pid_t pid;
	int in, out;		    /* the VMM's stdin and stdout */
	char log_path[256];	    /* all that the console printed */
	char err_path[256];	    /* the VMM's stderr */
	int log;
	unsigned int number;	    /* of the last command */
	char output[GUEST_OUTPUT]; /* of the last command, zero-terminated, carriage returns taken out */
	char pending[GUEST_OUTPUT];
	size_t pending_len;
	char why[512];		    /* after a failure: what, in words */
};

/* Where the build and the cache have what guests are made of: from the environment, else out/paths.mk. */
const char *guest_path(const char *name);

/*
 * Start the VMM with the stock kernel, the test initrd and `args` (NULL-terminated) after them. label names the
 * log files in out/check/. 0, or -errno. The agent is not awaited.
 */
int guest_start(struct guest *g, const char *label, const char *const args[]);
/* Start out/bin/paravane with exactly these arguments. */
int guest_start_raw(struct guest *g, const char *label, const char *const args[]);
/* Wait until the agent is there: 0, or -1 with g->why set (limit passed, VMM ended). */
int guest_wait_ready(struct guest *g, unsigned int seconds);
/* Wait for a text on the console: 0, or -1. What came before it is in g->output. */
int guest_wait_text(struct guest *g, const char *text, unsigned int seconds);
/* Run a shell command in the guest: its exit status, or -1 with g->why set. Its output is in g->output. */
int guest_run(struct guest *g, unsigned int seconds, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Send without waiting for an answer. */
int guest_send(struct guest *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Wait for the VMM's end: its exit status (128 + n for signal n), or -1 when it still runs after the limit. */
int guest_wait_exit(struct guest *g, unsigned int seconds);
/* Power off from inside and wait: the VMM's exit status, or -1. Kills what does not end. */
int guest_power_off(struct guest *g);
/* Kill the VMM with SIGKILL if it runs, close everything. Safe on a zeroed struct. */
void guest_end(struct guest *g);
/* The VMM's standard error, in g->output. */
const char *guest_stderr(struct guest *g);
/*
 * A file of zeros for a disk, where tests/guest/scratch says that direct I/O works; path: where its path goes. 0, or -1
 * with a word on stdout. The caller unlinks it.
 */
int guest_make_image(char *path, size_t len, const char *label, off_t bytes);
/*
 * First line of the guest's kernel log that tells of a crash, a warning, a stall or a hung task; NULL when there is
 * none. The guest must run. allow: a text that such a line may hold without counting, or NULL.
 */
const char *guest_scan_log(struct guest *g, const char *allow);
/* Counters of the VMM's VM in KVM's debugfs, e.g. "exits"; -1 where they can't be read. */
long long guest_kvm_stat(const struct guest *g, const char *name);

#endif
