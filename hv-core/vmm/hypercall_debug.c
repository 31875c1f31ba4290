// SPDX-License-Identifier: GPL-2.0-only
/* Family debug: the guest's words in the host's log, and marks in its statistics. */
#include <stdio.h>
#include <string.h>

#include "hypercall_impl.h"

#define LOG_BYTES_A_SECOND 65536
#define NS_PER_SECOND 1000000000ull

/* Room for each byte as \xNN, and a terminator. */
#define SHOWN_MAX (4 * PVN_DEBUG_TEXT_MAX + 1)

/* A guest's bytes on a terminal or in a log: nothing but printable ASCII, so that it can neither forge nor drive. */
static void text_show(const char *text, uint32_t bytes, char *shown)
{
	static const char digits[] = "0123456789abcdef";

	while (bytes && (text[bytes - 1] == '\n' || !text[bytes - 1]))
		bytes--;
	for (uint32_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '\\') {
			*shown++ = (char)c;
			continue;
		}
		*shown++ = '\\';
		if (c == '\\') {
			*shown++ = '\\';
			continue;
		}
		*shown++ = 'x';
		*shown++ = digits[c >> 4];
		*shown++ = digits[c & 15];
	}
	*shown = 0;
}

static int64_t text_get(struct hypercalls *h, gpa_t text, uint32_t bytes, char *shown)
{
	char copy[PVN_DEBUG_TEXT_MAX];

	if (!bytes || bytes > sizeof(copy))
		return -PVN_ERANGE;
	if (gmem_read(&h->m->gmem, text, copy, bytes))
		return -PVN_EFAULT;
	text_show(copy, bytes, shown);
	return 0;
}

/* May the guest log so many bytes now? *dropped: messages lost since the last one that went through. */
static bool log_allow(struct hypercalls *h, uint32_t bytes, uint32_t *dropped)
{
	uint64_t second = loop_now_ns() / NS_PER_SECOND;
	bool allow;

	pthread_mutex_lock(&h->lock);
	if (second != h->log_second) {
		h->log_second = second;
		h->log_bytes = 0;
	}
	allow = h->log_bytes + bytes <= LOG_BYTES_A_SECOND;
	if (allow) {
		h->log_bytes += bytes;
		*dropped = h->log_dropped;
		h->log_dropped = 0;
	} else {
		h->log_dropped++;
	}
	pthread_mutex_unlock(&h->lock);
	return allow;
}

int64_t hypercall_debug_log(struct hypercalls *h, const struct hypercall_frame *f, gpa_t text, uint32_t bytes)
{
	char shown[SHOWN_MAX], note[64];
	uint32_t dropped = 0;
	int64_t err = text_get(h, text, bytes, shown);

	if (err)
		return err;
	if (!log_allow(h, bytes, &dropped))
		return -PVN_EBUSY;
	if (dropped) {
		snprintf(note, sizeof(note), "(%u messages dropped: more than %u bytes a second)", dropped,
			 LOG_BYTES_A_SECOND);
		h->ops->log(h->opaque, note);
	}
	h->ops->log(h->opaque, shown);
	return 0;
}

int64_t hypercall_debug_crash(struct hypercalls *h, const struct hypercall_frame *f, gpa_t text, uint32_t bytes)
{
	char shown[SHOWN_MAX];
	int64_t err = text_get(h, text, bytes, shown);

	if (err)
		return err;
	atomic_store(&h->stopping, true);
	if (h->ops->crash)
		h->ops->crash(h->opaque, f->vcpu, shown);
	machine_stop(h->m, STOP_GUEST_CRASH, "the guest reported a crash by hypercall (vCPU %u): %.200s", f->vcpu,
		     shown);
	return 0;
}

int64_t hypercall_debug_mark(struct hypercalls *h, const struct hypercall_frame *f, uint32_t id, uint64_t value)
{
	return h->ops->mark(h->opaque, f->vcpu, id, value) ? -PVN_ENOMEM : 0;
}
