/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user is told. */

#include <stdarg.h>
#include <stdio.h>

#include "command.h"

char **program_argv;

void message(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	/* One write, so that lines of several processes don't mix. */
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "paravane: %s\n", text);
}
