/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * PV console: queue 0 carries output (guest to host), queue 1 input. Output completes when the host has taken the
 * bytes; an input buffer completes with the number of bytes put into it, as soon as there is one.
 */
#ifndef PARAVANE_CONSOLE_H
#define PARAVANE_CONSOLE_H

#include <paravane/ring.h>
#include <paravane/types.h>

#define PVN_CONSOLE_F_SIZE PVN_U64(0x1) /* pvn_console_config.rows and .cols are valid */

#define PVN_CONSOLE_WRITE 0 /* op, queue 0 */
#define PVN_CONSOLE_READ 1  /* op, queue 1 */
#define PVN_CONSOLE_MAX_BYTES 65536

#ifndef __ASSEMBLER__

struct pvn_console_request {
	pvn_u32 id;
	pvn_u8 op;
	pvn_u8 flags;		/* zero */
	pvn_u16 reserved0;	/* zero */
	pvn_u64 addr;		/* guest-physical */
	pvn_u32 len;		/* bytes, 1 … PVN_CONSOLE_MAX_BYTES */
	pvn_u32 reserved1;	/* zero */
	pvn_u64 reserved2[5];	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_console_request, PVN_RING_SQE_BYTES);

/* At PVN_REG_CONFIG. writer: host. */
struct pvn_console_config {
	pvn_u16 rows;		/* characters; zero when unknown */
	pvn_u16 cols;
	pvn_u32 reserved;	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_console_config, 8);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_CONSOLE_H */
