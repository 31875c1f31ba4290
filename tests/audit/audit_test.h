/* SPDX-License-Identifier: GPL-2.0-only */
/* What both test programs of `paravane audit` do: a whole audit of one file, and files made of bytes. */
#ifndef AUDIT_TEST_H
#define AUDIT_TEST_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"

#define INSTRUCTIONS_O "out/tests/audit/instructions.o"
#define TABLES_O "out/tests/audit/tables.o"
#define TABLES_NEW_O "out/tests/audit/tables-new.o"
#define TABLES_ELF "out/tests/audit/tables.elf"

static const struct audit_assume pv_guest = {
	.known = { { AUDIT_FEATURE_XENPV, true }, { AUDIT_FEATURE_ALWAYS, true } },
	.nr = 2,
};

struct audit_run {
	struct audit_image image;
	struct audit_tables tables;
	struct audit_sweep sweep;
	char err[1024];
};

static inline int run_audit(struct audit_run *run, const char *path, const struct audit_assume *assume)
{
	int ret;

	run->err[0] = 0;
	ret = audit_image_load(path, &run->image, run->err, sizeof(run->err));
	if (ret)
		return ret;
	ret = audit_tables_load(&run->image, assume, &run->tables, run->err, sizeof(run->err));
	if (ret)
		goto free_image;
	ret = audit_sweep(&run->image, &run->tables, assume, &run->sweep);
	if (!ret)
		return 0;
	audit_tables_free(&run->tables);
free_image:
	audit_image_free(&run->image);
	return ret;
}

static inline void end_audit(struct audit_run *run)
{
	audit_sweep_free(&run->sweep);
	audit_tables_free(&run->tables);
	audit_image_free(&run->image);
}

static inline uint8_t *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;

	if (fd < 0 || fstat(fd, &st) || !(data = malloc(st.st_size + 1)) || read(fd, data, st.st_size) != st.st_size) {
		perror(path);
		abort();
	}
	close(fd);
	*len = st.st_size;
	return data;
}

static inline void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
}

#endif
