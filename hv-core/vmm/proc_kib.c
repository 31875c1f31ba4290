// SPDX-License-Identifier: GPL-2.0-only
#include "proc_kib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned long long proc_kib(const char *path, const char *name)
{
	FILE *f = fopen(path, "re");
	unsigned long long kib = 0;
	size_t len = strlen(name);
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, len) && line[len] == ':') {
			kib = strtoull(line + len + 1, NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return kib;
}
