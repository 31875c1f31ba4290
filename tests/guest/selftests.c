// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own selftests for x86 and mm on the patched kernel, against what selftests.table has of them: any other
 * result is a failure, and so is a bad line in the kernel log. A guest that ends in one is followed by another.
 *
 * usage: selftests hvm|validated|trusted
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debian_guest.h"
#include "kselftest_harness.h"

#define TABLE "tests/guest/selftests.table"
/* Lines of their several formats that tell of a check. */
#define GOOD "-e '^ *\\[OK\\]' -e '^ok ' -e PASSED"
#define BAD "-e '^ *\\[FAIL\\]' -e '^not ok'"
#define REASONS "docs/pv-linux.md"

struct row {
	char folder[16], command[128], listed[2][32];
	unsigned int seconds;
};

static const char *mode;

static void __attribute__((constructor)) take_arguments(int argc, char **argv)
{
	mode = argc > 1 ? argv[1] : "";
	if (strcmp(mode, "hvm") && strcmp(mode, "validated") && strcmp(mode, "trusted")) {
		fprintf(stderr, "usage: selftests hvm|validated|trusted\n");
		exit(2);
	}
}

static void field(char **line, char *to, size_t len)
{
	char *from = strsep(line, "|"), *end;

	from = from ? from + strspn(from, " ") : "";
	snprintf(to, len, "%s", from);
	for (end = to + strlen(to); end > to && strchr(" \n", end[-1]); end--)
		end[-1] = '\0';
}

/* The next row: 1, or 0 at the end. */
static int next_row(FILE *f, struct row *row)
{
	char text[512], seconds[16];

	while (fgets(text, sizeof(text), f)) {
		char *line = text;

		if (text[0] == '#' || text[0] == '\n')
			continue;
		field(&line, row->folder, sizeof(row->folder));
		field(&line, row->command, sizeof(row->command));
		field(&line, seconds, sizeof(seconds));
		field(&line, row->listed[0], sizeof(row->listed[0]));
		field(&line, row->listed[1], sizeof(row->listed[1]));
		row->seconds = atoi(seconds);
		return 1;
	}
	return 0;
}

FIXTURE(selftests)
{
	struct debian d;
	FILE *table;
};

FIXTURE_SETUP(selftests)
{
	memset(self, 0, sizeof(*self));
	self->table = fopen(TABLE, "re");
	ASSERT_NE(NULL, self->table);
}

FIXTURE_TEARDOWN(selftests)
{
	debian_end(&self->d);
	fclose(self->table);
}

static int start(struct debian *d)
{
	struct debian_kind kind = { .mode = mode, .disk = "pv", .root = "/dev/pvda", .cpus = "1", .net = "user,if=pv" };
	char label[32];

	debian_end(d);
	snprintf(label, sizeof(label), "selftests-%s", mode);
	kind.label = label;
	if (debian_start(d, &kind, "pvn.agent") || guest_wait_ready(&d->g, 600))
		return -1;
	/* What run_vmtests.sh prepares; and the kernel's words stay out of the console's. */
	return guest_run(&d->g, 60, "systemctl is-system-running --wait; echo 160 > /proc/sys/vm/nr_hugepages; cd /opt/selftests/vm && "
			 "mkdir huge && mount -t hugetlbfs none huge && echo 268435456 > /proc/sys/kernel/shmmax && "
			 "echo 4194304 > /proc/sys/kernel/shmall && dmesg -C && dmesg -n 1");
}

/*
 * What a program's status and words come to. The counts say how far it came, too: what it finds that the processor or the
 * kernel does not have, it leaves out.
 */
static void judge(int status, const char *words, char *result, size_t len)
{
	const char *counts = strstr(words, "counts ");
	int good = -1, bad = -1;

	if (counts)
		sscanf(counts, "counts %d %d", &good, &bad);
	if (status == 4)
		snprintf(result, len, "skip");
	else if (status == 124)
		snprintf(result, len, "limit");
	else if (status || bad)
		snprintf(result, len, "fail %d of %d", bad, good + bad);
	else
		snprintf(result, len, "pass %d", good);
}

/* The program's words go to a file, for whoever has to explain a result. */
static int run(struct debian *d, const struct row *row, FILE *words, char *result, size_t len)
{
	struct guest *g = &d->g;
	const char *bad;
	int status = guest_run(g, row->seconds + 60, "cd /opt/selftests/%s && { timeout -k 5 %u %s >/tmp/words 2>&1; s=$?; "
			       "echo counts $(grep -c " GOOD " /tmp/words) $(grep -c " BAD " /tmp/words); "
			       "tail -c 8000 /tmp/words; (exit $s); }", row->folder, row->seconds, row->command);

	if (status < 0) {
		snprintf(result, len, "crash");
		fprintf(words, "%s | %s | crash\n", row->folder, row->command);
		return start(d);
	}
	judge(status, g->output, result, len);
	fprintf(words, "%s | %s | %s, status %d\n%s\n", row->folder, row->command, result, status, g->output);
	fflush(words);
	/* A program that is killed is no fault of the kernel's. */
	bad = guest_scan_log(g, " ip:");
	if (bad) {
		printf("# %s: %s\n", row->command, bad);
		snprintf(result + strlen(result), len - strlen(result), ", log");
		guest_run(g, 60, "dmesg -C");
	}
	return 0;
}

TEST_F_TIMEOUT(selftests, results_are_those_listed, 5000)
{
	char result[64], path[128];
	struct row row;
	FILE *words;

	if (!debian_image())
		SKIP(return, DEBIAN_NO_IMAGE);
	snprintf(path, sizeof(path), "out/check/selftests-%s.txt", mode);
	words = fopen(path, "we");
	ASSERT_NE(NULL, words);
	ASSERT_EQ(0, start(&self->d));
	while (next_row(self->table, &row)) {
		ASSERT_EQ(0, run(&self->d, &row, words, result, sizeof(result)));
		EXPECT_STREQ(row.listed[!!strcmp(mode, "hvm")], result)
			TH_LOG("%s/%s", row.folder, row.command);
	}
	fclose(words);
	EXPECT_EQ(0, guest_power_off(&self->d.g));
}

/* A difference between the modes has its program's name in the document that explains it. */
TEST_F_TIMEOUT(selftests, differences_are_explained, 30)
{
	static char text[65536];
	int fd = open(REASONS, O_RDONLY | O_CLOEXEC);
	struct row row;
	ssize_t n;

	ASSERT_LE(0, fd);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ASSERT_LT(0, n);
	while (next_row(self->table, &row)) {
		char name[64] = "`";

		if (!strcmp(row.listed[0], row.listed[1]))
			continue;
		snprintf(name + 1, sizeof(name) - 2, "%s", row.command + strspn(row.command, "./"));
		name[strcspn(name, " ")] = '\0';
		EXPECT_NE(NULL, strstr(text, name))
			TH_LOG("%s says nothing of %s", REASONS, name + 1);
	}
}

TEST_HARNESS_MAIN
