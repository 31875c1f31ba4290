/* SPDX-License-Identifier: GPL-2.0-only */
/* Injected disk errors: reading the option, and choosing the requests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk_fault.h"

static const struct {
	const char *name;
	enum blk_fault_kind kind;
} fault_kinds[] = {
	{ "eio", BLK_FAULT_EIO },
	{ "enospc", BLK_FAULT_ENOSPC },
	{ "short", BLK_FAULT_SHORT },
	{ "eof", BLK_FAULT_EOF },
	{ "lost", BLK_FAULT_LOST },
};

static const struct {
	const char *name;
	int op;
} fault_ops[] = {
	{ "read", BLK_READ },	    { "write", BLK_WRITE }, { "flush", BLK_FLUSH },
	{ "discard", BLK_DISCARD }, { "zeroes", BLK_WRITE_ZEROES }, { "any", -1 },
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static int fault_parse_op(struct blk_fault *fault, const char *value)
{
	unsigned int i;

	for (i = 0; i < NR(fault_ops); i++) {
		if (!strcmp(value, fault_ops[i].name)) {
			fault->op = fault_ops[i].op;
			return 0;
		}
	}
	return -EINVAL;
}

static int fault_parse_number(uint64_t *to, const char *value, uint64_t min)
{
	char *end;

	errno = 0;
	*to = strtoull(value, &end, 10);
	return errno || end == value || *end || value[0] == '-' || *to < min ? -EINVAL : 0;
}

static int fault_parse_word(struct blk_fault *fault, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (!strcmp(word, "op"))
		return fault_parse_op(fault, value);
	if (!strcmp(word, "every"))
		return fault_parse_number(&fault->every, value, 1);
	if (!strcmp(word, "after"))
		return fault_parse_number(&fault->after, value, 0);
	if (!strcmp(word, "count"))
		return fault_parse_number(&fault->count, value, 1);
	if (!strcmp(word, "from"))
		return fault_parse_number(&fault->from, value, 0);
	if (!strcmp(word, "to"))
		return fault_parse_number(&fault->to, value, 1);
	return -EINVAL;
}

int blk_fault_parse(struct blk_fault *fault, const char *spec, char *err, unsigned int errlen)
{
	char copy[128], *save = NULL, *word;
	unsigned int i;
	int rc = -EINVAL;

	memset(fault, 0, sizeof(*fault));
	fault->op = -1;
	fault->every = 1;
	fault->count = UINT64_MAX;
	fault->to = UINT64_MAX;
	if (strlen(spec) >= sizeof(copy))
		goto bad;
	strcpy(copy, spec);
	word = strtok_r(copy, ":", &save);
	for (i = 0; word && i < NR(fault_kinds); i++) {
		if (!strcmp(word, fault_kinds[i].name)) {
			fault->kind = fault_kinds[i].kind;
			rc = 0;
		}
	}
	while (!rc && (word = strtok_r(NULL, ":", &save)))
		rc = fault_parse_word(fault, word);
	if (!rc)
		return 0;
bad:
	fault->kind = BLK_FAULT_NONE;
	snprintf(err, errlen,
		 "--fault disk=%s: not understood; it is KIND[:op=read|write|flush|discard|zeroes|any][:every=N][:after=N][:count=N][:from=BYTES][:to=BYTES] with KIND one of eio, enospc, short, eof, lost",
		 spec);
	return -EINVAL;
}

enum blk_fault_kind blk_fault_next(struct blk_fault *fault, const struct blk_io *io)
{
	uint64_t n;

	if (!fault || (fault->op >= 0 && fault->op != (int)io->op))
		return BLK_FAULT_NONE;
	if (io->op != BLK_FLUSH && (io->offset >= fault->to || io->offset + io->len <= fault->from))
		return BLK_FAULT_NONE;
	n = __atomic_fetch_add(&fault->seen, 1, __ATOMIC_RELAXED);
	if (n < fault->after || (n - fault->after) % fault->every != fault->every - 1)
		return BLK_FAULT_NONE;
	if (__atomic_fetch_add(&fault->injected, 1, __ATOMIC_RELAXED) >= fault->count)
		return BLK_FAULT_NONE;
	return fault->kind;
}
