/* SPDX-License-Identifier: GPL-2.0-only */
/* Does KVM on this machine run a guest's ring 0 at speed? */
#ifndef KVM_PROBE_H
#define KVM_PROBE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A guest at most this slow, in nanoseconds for 100,000 instructions, is worth booting.
 * Hardware needs some 50,000, KVM under software emulation 400,000 and more; a KVM
 * that interprets ring 0 needs 36,000,000.
 */
#define KVM_PROBE_USABLE_NS 8000000ull

/*
 * Runs a loop of 100,000 instructions in a long-mode ring-0 guest, within two seconds
 * whatever KVM does. Returns 0 and the time of the fastest of three runs, or -errno and
 * in @why one line that says what failed:
 * -ENOENT no /dev/kvm, -EACCES no permission, -ETIMEDOUT too slow to finish,
 * -EIO KVM could not run the guest, else what the failing call said.
 */
int kvm_probe_speed(uint64_t *ns_per_100k, char *why, size_t len);

#endif
