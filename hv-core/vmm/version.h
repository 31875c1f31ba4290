/* SPDX-License-Identifier: GPL-2.0-only */
/* The program's version, and that of the interface that it offers to guests. */
#ifndef VMM_VERSION_H
#define VMM_VERSION_H

#include <paravane/features.h>

#define PARAVANE_VERSION "0.1"

#endif
