// SPDX-License-Identifier: GPL-2.0-only
/* A kernel that can run in pv mode, and hands its calls and event ports to modules. */
#include <asm/paravane.h>

#ifndef CONFIG_PARAVANE_GUEST
#error "the kernel has the patches, but not the option"
#endif

int probe(u32 *port)
{
	return paravane_guest() ? paravane_port_open(0, port) : (int)paravane_call(0, 0, 0, 0, 0, 0, 0);
}
