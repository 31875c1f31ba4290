/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels differ. What this one has was found by compiling pv-drivers/probes/ (pvn_probe.h),
 * not from its version number: distributions move such changes between versions.
 */
#ifndef PVN_COMPAT_H
#define PVN_COMPAT_H

#include <pvn_probe.h>

/* const where the driver core passes constant objects, nothing where it does not */
#ifdef PVN_HAVE_BUS_MATCH_CONST
#define pvn_match_const const
#else
#define pvn_match_const
#endif

#ifdef PVN_HAVE_BUS_UEVENT_CONST
#define pvn_uevent_const const
#else
#define pvn_uevent_const
#endif

#ifdef PVN_HAVE_BUS_ATTR_CONST
#define pvn_attr_const const
#else
#define pvn_attr_const
#endif

/* what tty_operations.write takes as a length, and what it returns */
#ifdef PVN_HAVE_TTY_WRITE_SIZE
#define pvn_tty_len_t size_t
#define pvn_tty_ret_t ssize_t
#else
#define pvn_tty_len_t int
#define pvn_tty_ret_t int
#endif

#endif /* PVN_COMPAT_H */
