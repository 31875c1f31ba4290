/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How a guest kernel in pv mode is found, loaded and entered: its ELF note, the address space and the registers that
 * it starts with. docs/pv-mode.md has the whole picture.
 */
#ifndef PARAVANE_PV_BOOT_H
#define PARAVANE_PV_BOOT_H

#include <paravane/types.h>

/* The note: owner name PVN_NOTE_OWNER (its terminator counted), contents struct pvn_note_pv. */
#define PVN_NOTE_OWNER "Paravane"
#define PVN_NOTE_PV 1

/* What kernel-mode frames show, and what trap_return takes for kernel mode: words, no selectors in use. */
#define PVN_PV_KERNEL_CS 0x10
#define PVN_PV_KERNEL_SS 0x18
/* What the guest kernel really runs with, at level 3. */
#define PVN_PV_REAL_CS 0x33
#define PVN_PV_REAL_SS 0x2b

/* The host's part of the address space: nothing of the guest's may lie there. */
#define PVN_PV_HOLE_START PVN_U64(0xffff800000000000)
#define PVN_PV_HOLE_END PVN_U64(0xffff880000000000)
/* All RAM, at its guest-physical address plus this: writable, not executable. At most PVN_PV_DIRECT_MAX of it. */
#define PVN_PV_DIRECT_MAP PVN_U64(0xffff888000000000)
#define PVN_PV_DIRECT_MAX PVN_U64(0x0000008000000000)

#ifndef __ASSEMBLER__

/* writer: guest, in its file. */
struct pvn_note_pv {
	pvn_u32 version;	/* of the interface that the kernel was built for: major << 16 | minor */
	pvn_u32 flags;		/* zero */
	pvn_u64 entry;		/* guest-virtual: where the first vCPU starts */
	pvn_u64 hypercall_page;	/* guest-virtual, 4096-byte aligned, executable: the host fills it before the start */
	pvn_u64 reserved;	/* zero */
};
PVN_ASSERT_SIZE(struct pvn_note_pv, 32);
PVN_ASSERT_OFFSET(struct pvn_note_pv, version, 0);
PVN_ASSERT_OFFSET(struct pvn_note_pv, flags, 4);
PVN_ASSERT_OFFSET(struct pvn_note_pv, entry, 8);
PVN_ASSERT_OFFSET(struct pvn_note_pv, hypercall_page, 16);
PVN_ASSERT_OFFSET(struct pvn_note_pv, reserved, 24);

#endif /* __ASSEMBLER__ */
#endif /* PARAVANE_PV_BOOT_H */
