// SPDX-License-Identifier: GPL-2.0-only
/* Family console: a few bytes at a time, before there are devices. */
#include <string.h>

#include "hypercall_impl.h"

int64_t hypercall_console_write(struct hypercalls *h, const struct hypercall_frame *f, gpa_t text, uint32_t bytes)
{
	char copy[PVN_CONSOLE_CALL_MAX];
	long taken;

	if (!bytes || bytes > sizeof(copy))
		return -PVN_ERANGE;
	if (gmem_read(&h->m->gmem, text, copy, bytes))
		return -PVN_EFAULT;
	taken = h->ops->console_write(h->opaque, copy, bytes);
	return taken < 0 ? -PVN_EIO : taken;
}

int64_t hypercall_console_read(struct hypercalls *h, const struct hypercall_frame *f, gpa_t buffer, uint32_t bytes)
{
	char copy[PVN_CONSOLE_CALL_MAX];
	void *out;
	long got;

	if (!bytes || bytes > sizeof(copy))
		return -PVN_ERANGE;
	/* Before anything is taken from the console: a bad address must not lose what was typed. */
	out = gmem_ptr_held(&h->m->gmem, buffer, bytes);
	if (!out)
		return -PVN_EFAULT;
	got = h->ops->console_read(h->opaque, copy, bytes);
	if (got > 0)
		memcpy(out, copy, (size_t)got);
	gmem_release(&h->m->gmem, out, bytes);
	return got < 0 ? -PVN_EIO : got;
}
