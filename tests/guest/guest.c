// SPDX-License-Identifier: GPL-2.0-only
/* Guests under test: see guest.h. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY "PVN-AGENT-READY"
#define KERNEL_LINE "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable"

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

const char *guest_path(const char *name)
{
	static char value[4][512];
	static unsigned int turn;
	const char *set = getenv(name);
	char line[1024];
	size_t len = strlen(name);
	FILE *f;

	if (set && *set)
		return set;
	f = fopen("out/paths.mk", "re");
	if (!f)
		return NULL;
	while (fgets(line, sizeof(line), f)) {
		char *equals = strchr(line, '=');

		if (!equals || strncmp(line, name, len) || !strchr(" :=", line[len]))
			continue;
		equals++;
		equals += strspn(equals, " ");
		equals[strcspn(equals, "\n")] = '\0';
		fclose(f);
		turn = (turn + 1) % 4;
		snprintf(value[turn], sizeof(value[turn]), "%s", equals);
		return value[turn];
	}
	fclose(f);
	return NULL;
}

static int fail(struct guest *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(g->why, sizeof(g->why), format, args);
	va_end(args);
	printf("# %s (console: %s, stderr: %s)\n", g->why, g->log_path, g->err_path);
	return -1;
}

int guest_start_raw(struct guest *g, const char *label, const char *const args[])
{
	const char *argv[GUEST_MAX_ARGS + 2] = { "out/bin/paravane" };
	int to[2], from[2], err, i;

	memset(g, 0, sizeof(*g));
	for (i = 0; args[i]; i++) {
		if (i == GUEST_MAX_ARGS)
			return -E2BIG;
		argv[i + 1] = args[i];
	}
	snprintf(g->log_path, sizeof(g->log_path), "out/check/guest-%s.console", label);
	snprintf(g->err_path, sizeof(g->err_path), "out/check/guest-%s.stderr", label);
	g->log = open(g->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	err = open(g->err_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (g->log < 0 || err < 0 || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return -errno;
	g->pid = fork();
	if (g->pid < 0)
		return -errno;
	if (g->pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		dup2(err, 2);
		execv(argv[0], (char *const *)argv);
		dprintf(2, "guest: can't run %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	close(err);
	g->in = to[1];
	g->out = from[0];
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int guest_start(struct guest *g, const char *label, const char *const args[])
{
	const char *all[GUEST_MAX_ARGS + 1] = { "run", "--kernel", guest_path("PVN_KERNEL_IMAGE"), "--initrd",
						"out/guest-initrd", "--append", KERNEL_LINE };
	int used = 7, i;

	if (!all[2])
		return -ENOENT;
	for (i = 0; args && args[i]; i++) {
		if (used == GUEST_MAX_ARGS)
			return -E2BIG;
		all[used++] = args[i];
	}
	return guest_start_raw(g, label, all);
}

/* Reads the console until text is found; moves what came before it to g->output. */
int guest_wait_text(struct guest *g, const char *text, unsigned int seconds)
{
	uint64_t deadline = now_ms() + seconds * 1000ull;

	for (;;) {
		struct pollfd p = { .fd = g->out, .events = POLLIN };
		char *found = memmem(g->pending, g->pending_len, text, strlen(text));
		ssize_t n;

		if (found) {
			size_t before = found - g->pending, from = before + strlen(text), kept = 0;

			for (size_t i = 0; i < before; i++)
				if (g->pending[i] != '\r')
					g->output[kept++] = g->pending[i];
			g->output[kept] = '\0';
			memmove(g->pending, g->pending + from, g->pending_len - from);
			g->pending_len -= from;
			return 0;
		}
		if (now_ms() >= deadline)
			return fail(g, "no '%s' on the console within %u s", text, seconds);
		if (g->pending_len == sizeof(g->pending) - 1) {
			/* Keep the newer half: the text can't be longer than that. */
			g->pending_len /= 2;
			memmove(g->pending, g->pending + g->pending_len, g->pending_len);
		}
		if (poll(&p, 1, 200) <= 0)
			continue;
		n = read(g->out, g->pending + g->pending_len, sizeof(g->pending) - 1 - g->pending_len);
		if (n == 0)
			return fail(g, "the VMM closed its console while '%s' was awaited", text);
		if (n < 0)
			return fail(g, "reading the console: %s", strerror(errno));
		if (write(g->log, g->pending + g->pending_len, n) != n)
			return fail(g, "writing %s: %s", g->log_path, strerror(errno));
		g->pending_len += n;
	}
}

int guest_wait_ready(struct guest *g, unsigned int seconds)
{
	return guest_wait_text(g, READY, seconds) || guest_wait_text(g, "\n", 10) ? -1 : 0;
}

static int send_command(struct guest *g, const char *format, va_list args)
{
	char line[4096];
	int len = snprintf(line, sizeof(line), "RUN %u ", ++g->number);

	len += vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	if (len >= (int)sizeof(line) - 1)
		return fail(g, "the command is longer than %zu bytes", sizeof(line));
	line[len++] = '\n';
	if (write(g->in, line, len) != len)
		return fail(g, "sending a command: %s", strerror(errno));
	return 0;
}

int guest_send(struct guest *g, const char *format, ...)
{
	va_list args;
	int ret;

	va_start(args, format);
	ret = send_command(g, format, args);
	va_end(args);
	return ret;
}

int guest_run(struct guest *g, unsigned int seconds, const char *format, ...)
{
	char mark[64], kept[sizeof(g->output)];
	va_list args;
	int ret, status;

	va_start(args, format);
	ret = send_command(g, format, args);
	va_end(args);
	if (ret)
		return -1;
	snprintf(mark, sizeof(mark), "BEGIN %u", g->number);
	if (guest_wait_text(g, mark, seconds) || guest_wait_text(g, "\n", 10))
		return -1;
	snprintf(mark, sizeof(mark), "END %u ", g->number);
	if (guest_wait_text(g, mark, seconds))
		return -1;
	memcpy(kept, g->output, sizeof(kept));
	if (guest_wait_text(g, "\n", 10))
		return -1;
	status = atoi(g->output);
	memcpy(g->output, kept, sizeof(kept));
	if (status)
		printf("# guest command ended with status %d: %.300s\n", status, g->output);
	return status;
}

int guest_wait_exit(struct guest *g, unsigned int seconds)
{
	uint64_t deadline = now_ms() + seconds * 1000ull;
	char rest[4096];
	int status;

	if (g->pid <= 0)
		return -1;
	while (now_ms() < deadline) {
		struct pollfd p = { .fd = g->out, .events = POLLIN };
		pid_t done;

		if (poll(&p, 1, 20) > 0) {
			ssize_t n = read(g->out, rest, sizeof(rest));

			/* The console's last words still belong to the log; a full pipe would hold the VMM up. */
			if (n > 0 && write(g->log, rest, n) != n)
				return fail(g, "writing %s: %s", g->log_path, strerror(errno));
			if (n > 0)
				continue;
			usleep(20000);
		}
		done = waitpid(g->pid, &status, WNOHANG);
		if (done == g->pid) {
			g->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
	}
	return fail(g, "the VMM still runs after %u s", seconds);
}

int guest_power_off(struct guest *g)
{
	if (guest_send(g, "sync; poweroff -f"))
		return -1;
	return guest_wait_exit(g, 30);
}

void guest_end(struct guest *g)
{
	if (g->pid > 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
		g->pid = 0;
	}
	if (g->in > 0)
		close(g->in);
	if (g->out > 0)
		close(g->out);
	if (g->log > 0)
		close(g->log);
	g->in = g->out = g->log = 0;
}

const char *guest_stderr(struct guest *g)
{
	int fd = open(g->err_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, g->output, sizeof(g->output) - 1);

	g->output[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
	return g->output;
}

int guest_make_image(char *path, size_t len, const char *label, off_t bytes)
{
	char folder[256] = "";
	FILE *f = popen("tests/guest/scratch", "re");
	int fd;

	if (!f || !fgets(folder, sizeof(folder), f)) {
		printf("# tests/guest/scratch names no folder\n");
		folder[0] = '\0';
	}
	if (f)
		pclose(f);
	if (!folder[0])
		return -1;
	folder[strcspn(folder, "\n")] = '\0';
	snprintf(path, len, "%s/%s-%d.img", folder, label, getpid());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, bytes)) {
		printf("# %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

const char *guest_scan_log(struct guest *g, const char *allow)
{
	static const char *const bad[] = { "BUG:",	"Oops",		 "WARNING:",	 "Call Trace", "general protection",
					   "rcu: INFO", "blocked for more", "soft lockup", "hard LOCKUP", "Kernel panic",
					   "Unable to handle", "nobody cared", "UBSAN", "Firmware Bug", "ACPI Error" };
	char *line, *save = NULL, words[512] = "";
	size_t used = 0;

	/* Looked through in the guest: a whole log through an emulated UART is an exit a letter. */
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		used += snprintf(words + used, sizeof(words) - used, " -e '%s'", bad[i]);
	if (guest_run(g, 60, "dmesg > /tmp/dmesg && { grep -F%s /tmp/dmesg; [ $? -lt 2 ]; }", words) != 0)
		return g->why[0] ? g->why : "dmesg failed in the guest";
	for (line = strtok_r(g->output, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (allow && strstr(line, allow))
			continue;
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			if (strstr(line, bad[i])) {
				printf("# guest kernel log: %s\n", line);
				return line;
			}
		}
	}
	return NULL;
}

long long guest_kvm_stat(const struct guest *g, const char *name)
{
	char pattern[128], text[32] = "";
	long long value = -1;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "/sys/kernel/debug/kvm/%d-*/%s", g->pid, name);
	if (glob(pattern, 0, NULL, &found) == 0) {
		int fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
			value = atoll(text);
		if (fd >= 0)
			close(fd);
	}
	globfree(&found);
	return value;
}
