/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for a vmlinux without symbol table, as one unpacked from a bzImage is: a kernel with CONFIG_KALLSYMS carries
 * its own, packed, in its read-only data. Nothing points to them from outside, so they are found by their shape
 * (scripts/kallsyms.c of the kernel writes them, in 6.1 in this order, each aligned to 8 bytes):
 *
 *   offsets          s32 a symbol
 *   relative base    u64
 *   number           u32
 *   names            a symbol: length (one byte, or two from 128 on), then indices of tokens; its first letter is the
 *                    symbol's type
 *   markers          u32 for each 256 symbols: where in the names they begin
 *   sequence         three bytes a symbol; not in the first releases of 6.1
 *   token table      256 strings
 *   token index      256 u16: where in the table each begins
 *
 * Found from the end: 256 rising numbers that fit 256 strings are nothing else. Later kernels have the offsets
 * behind the token index: their symbols are not found.
 */

#include "audit.h"

#include <stdlib.h>
#include <string.h>

#define TOKENS 256
#define TOKEN_TABLE_MAX 8192
#define NAME_MAX_BYTES 512 /* KSYM_NAME_LEN in 6.1, with the type letter less than that */
#define MARKER_STEP 256
#define SYMBOLS_MAX (4u << 20)
#define NAMES_MAX (256ull << 20)
/* A file made to look like kallsyms everywhere costs no more than this many looks. */
#define TRIES_MAX 64

struct tables {
	const uint8_t *base; /* of all offsets here */
	size_t size;
	size_t token_table, token_index, markers, names, offsets;
	uint32_t nr_markers, nr;
	unsigned int tries;
	uint64_t relative_base;
};

static uint16_t get16(const struct tables *t, size_t at)
{
	uint16_t v;

	memcpy(&v, t->base + at, sizeof(v));
	return v;
}

static uint32_t get32(const struct tables *t, size_t at)
{
	uint32_t v;

	memcpy(&v, t->base + at, sizeof(v));
	return v;
}

/* Is there a token index at `at`, with its table before it? */
static bool find_tokens(struct tables *t, size_t at)
{
	unsigned int i, len, last;

	if (get16(t, at) || !get16(t, at + 2))
		return false;
	for (i = 1; i < TOKENS; i++) {
		if (get16(t, at + 2 * i) <= get16(t, at + 2 * (i - 1)))
			return false;
	}
	last = get16(t, at + 2 * (TOKENS - 1));
	/* How long the last string is isn't written anywhere: the table's start is where all others fit. */
	for (len = 8; last + len <= TOKEN_TABLE_MAX && len < 128; len += 8) {
		size_t start = at - ((last + len) & ~7u);

		if (((last + len) & ~7u) > at || t->base[at - 1])
			return false;
		for (i = 1; i < TOKENS && !t->base[start + get16(t, at + 2 * i) - 1]; i++)
			;
		if (i == TOKENS) {
			t->token_index = at;
			t->token_table = start;
			return true;
		}
	}
	return false;
}

static size_t aligned(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

/* Do `nr` markers, with what aligns them, end at `end`? They rise from 0. */
static bool markers_fit(const struct tables *t, size_t end, uint32_t nr)
{
	size_t at = end - aligned(4 * (size_t)nr);
	uint32_t i;

	if (aligned(4 * (size_t)nr) > end || get32(t, at))
		return false;
	for (i = 1; i < nr; i++) {
		if (get32(t, at + 4 * i) <= get32(t, at + 4 * (i - 1)))
			return false;
	}
	return true;
}

/* Without the sequence, the markers end where the token table begins, and the first of them is the first 0 before. */
static bool find_markers(struct tables *t)
{
	size_t at = t->token_table;

	if (at >= 8 && !get32(t, at - 4) && get32(t, at - 8))
		at -= 4;
	while (at >= 4 && get32(t, at - 4))
		at -= 4;
	if (at < 4)
		return false;
	t->markers = at - 4;
	t->nr_markers = (uint32_t)((t->token_table - t->markers + 3) / 4);
	if (!get32(t, t->token_table - 4) && t->nr_markers > 1)
		t->nr_markers--;
	return t->nr_markers <= SYMBOLS_MAX / MARKER_STEP && markers_fit(t, t->token_table, t->nr_markers);
}

/* Length of the packed name at `at`, whose bytes begin at *from; 0: none that ends before `end`. */
static unsigned int name_length(const struct tables *t, size_t at, size_t end, size_t *from)
{
	unsigned int len;

	if (at + 2 > end)
		return 0;
	len = t->base[at++];
	if (len & 0x80)
		len = (len & 0x7f) | (unsigned int)t->base[at++] << 7;
	*from = at;
	return len && len <= end - at ? len : 0;
}

/* Do `nr` names begin at `at`, with each marker where it belongs, and end where the markers begin? */
static bool names_fit(const struct tables *t, size_t at, uint32_t nr)
{
	size_t pos = at, from;
	uint32_t i;

	for (i = 0; i < nr; i++) {
		unsigned int len;

		if (i % MARKER_STEP == 0 && get32(t, t->markers + 4 * (i / MARKER_STEP)) != pos - at)
			return false;
		len = name_length(t, pos, t->markers, &from);
		if (!len)
			return false;
		pos = from + len;
	}
	return t->markers - pos < 8;
}

/*
 * The number stands right before the names, and says how many markers there are. The last marker says where the last
 * of them begin, so there is not much room in which to look.
 */
static bool find_names(struct tables *t)
{
	uint32_t last = get32(t, t->markers + 4 * (t->nr_markers - 1));
	size_t high, low, at;

	if (last > NAMES_MAX || last > t->markers || t->markers - last < 24)
		return false;
	high = (t->markers - last) & ~(size_t)7;
	low = high > MARKER_STEP * NAME_MAX_BYTES + 24 ? high - MARKER_STEP * NAME_MAX_BYTES : 24;
	for (at = high; at >= low; at -= 8) {
		uint32_t nr = get32(t, at - 8);

		if (!nr || nr > SYMBOLS_MAX || (nr + MARKER_STEP - 1) / MARKER_STEP != t->nr_markers ||
		    get32(t, at - 4))
			continue;
		if (t->tries++ >= TRIES_MAX)
			return false;
		if (names_fit(t, at, nr)) {
			t->names = at;
			t->nr = nr;
			return true;
		}
	}
	return false;
}

static bool find_offsets(struct tables *t)
{
	size_t base = t->names - 16, len = aligned((size_t)t->nr * 4);

	if (base < len)
		return false;
	memcpy(&t->relative_base, t->base + base, sizeof(t->relative_base));
	t->offsets = base - len;
	return t->relative_base >> 47 == 0x1ffff;
}

/* A name's letters, at most `room` - 1 of them and a 0. How many. */
static size_t expand(const struct tables *t, size_t from, unsigned int len, char *to, size_t room)
{
	size_t n = 0;

	for (; len; len--, from++) {
		size_t c = t->token_table + get16(t, t->token_index + 2 * t->base[from]);

		for (; c < t->token_index && t->base[c] && n + 1 < room; c++)
			to[n++] = t->base[c] > 0x20 && t->base[c] < 0x7f ? (char)t->base[c] : '?';
	}
	to[n] = 0;
	return n;
}

/* With CONFIG_KALLSYMS_ABSOLUTE_PERCPU, offsets below 0 count from the base, and others are values themselves. */
static uint64_t address(const struct tables *t, uint32_t i)
{
	int32_t offset = (int32_t)get32(t, t->offsets + 4 * (size_t)i);

	return offset >= 0 ? (uint64_t)offset : t->relative_base - 1 - (int64_t)offset;
}

static size_t take(struct audit_image *image, const struct tables *t)
{
	size_t at = t->names, used = 0, room = (size_t)t->nr * 64, from;
	uint32_t i;

	image->symbol = calloc(t->nr, sizeof(*image->symbol));
	image->names = malloc(room);
	if (!image->symbol || !image->names)
		return 0;
	for (i = 0; i < t->nr && room - used > NAME_MAX_BYTES; i++) {
		unsigned int len = name_length(t, at, t->markers, &from);
		char *name = image->names + used;
		size_t n = expand(t, from, len, name, NAME_MAX_BYTES);
		uint64_t addr = address(t, i);

		at = from + len;
		if (n < 2 || !strchr("tTwW", name[0]) || !audit_image_code(image, addr, 1))
			continue;
		image->symbol[image->nr_symbols++] = (struct audit_symbol){ addr, 0, name + 1, true };
		used += n + 1;
	}
	return image->nr_symbols;
}

/* With the sequence: it tells how many symbols there are, and so how many markers end where it begins. */
static bool find_before_sequence(struct tables *t)
{
	size_t len, max = t->token_table < 3 * (size_t)SYMBOLS_MAX ? t->token_table : 3 * (size_t)SYMBOLS_MAX;

	for (len = 8; len <= max && t->tries < TRIES_MAX; len += 8) {
		uint32_t most = (uint32_t)(len / 3), least = most > 2 ? most - 2 : 1, nr;

		for (nr = (least + MARKER_STEP - 1) / MARKER_STEP; nr <= (most + MARKER_STEP - 1) / MARKER_STEP; nr++) {
			if (!markers_fit(t, t->token_table - len, nr))
				continue;
			t->nr_markers = nr;
			t->markers = t->token_table - len - aligned(4 * (size_t)nr);
			if (find_names(t) && find_offsets(t))
				return true;
		}
	}
	return false;
}

size_t audit_kallsyms(struct audit_image *image)
{
	struct tables t = { .base = image->file.data, .size = image->file.size };
	size_t at;

	for (at = 8; t.size >= 2 * TOKENS && at <= t.size - 2 * TOKENS; at += 8) {
		if (!find_tokens(&t, at))
			continue;
		if (t.tries++ >= TRIES_MAX)
			break;
		if ((find_markers(&t) && find_names(&t) && find_offsets(&t)) || find_before_sequence(&t))
			return take(image, &t);
	}
	return 0;
}
