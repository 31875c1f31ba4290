// SPDX-License-Identifier: GPL-2.0-only
/* The slice of pv mode from inside. Without a word on its command line it runs every test that a guest survives. */
#include "pv.h"

#include <paravane/hypercall_proto.h>
#include <paravane/pv_boot.h>

void pv_test(const char *line)
{
	uint64_t cs;

	(void)line;
	__asm__("mov %%cs, %0" : "=r"(cs));
	pv_equal(3, cs & 3, "level 3");
	pv_equal(0, pvn_core_null(), "core.null");
	pv_equal(PVN_ABI_VERSION, pvn_core_version(), "core.version");
}
