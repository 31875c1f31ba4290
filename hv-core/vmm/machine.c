// SPDX-License-Identifier: GPL-2.0-only
/* What every device may ask of the machine, and which needs no KVM. */
#include "machine.h"

#include <stdarg.h>
#include <stdio.h>

void machine_stop(struct machine *m, enum stop_reason reason, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m->ops->stop(m, reason, text);
}
