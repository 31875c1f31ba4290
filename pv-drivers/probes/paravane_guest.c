// SPDX-License-Identifier: GPL-2.0-only
/* A kernel that can run in pv mode, and hands its calls and event ports to modules. */
#include <asm/paravane.h>

#ifndef CONFIG_PARAVANE_GUEST
#error "the kernel has the patches, but not the option"
#endif

unsigned int probe(void)
{
	return paravane_pv ? paravane_event_port(paravane_event_create()) :
			     (unsigned int)paravane_hypercall(0, 0, 0, 0, 0, 0, 0);
}
