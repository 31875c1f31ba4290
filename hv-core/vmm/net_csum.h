/* SPDX-License-Identifier: GPL-2.0-only */
/* The Internet checksum, for back ends and front ends that must complete one in software. */
#ifndef VMM_NET_CSUM_H
#define VMM_NET_CSUM_H

#include <stddef.h>
#include <stdint.h>

/* Add len bytes to a running sum. The bytes must begin at an even offset of what is summed. */
uint32_t net_csum_add(uint32_t sum, const void *data, size_t len);
/* The 16 bits to store, in the frame's byte order. */
uint16_t net_csum_finish(uint32_t sum);

#endif
