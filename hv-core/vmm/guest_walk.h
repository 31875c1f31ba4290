/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading guest memory by virtual address, for reports on a guest that has stopped. */
#ifndef VMM_GUEST_WALK_H
#define VMM_GUEST_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"

struct kvm_sregs;

/* Translate; false when nothing is mapped there. *page_bits: 12, 21 or 30, of the page found. */
bool guest_translate(const struct gmem *gm, const struct kvm_sregs *s, uint64_t virt, gpa_t *phys,
		     unsigned int *page_bits);
/* 0, or -EFAULT with nothing read. */
int guest_read_virtual(const struct gmem *gm, const struct kvm_sregs *s, uint64_t virt, void *buf, size_t len);

#endif
