// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "net_csum.h"

uint32_t net_csum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t wide = sum;
	uint16_t last;

	/* 32 bits at a time into 64: 2^32 additions before it could overflow. */
	for (; len >= 16; len -= 16, p += 16) {
		uint32_t word[4];

		memcpy(word, p, sizeof(word));
		wide += (uint64_t)word[0] + word[1];
		wide += (uint64_t)word[2] + word[3];
	}
	for (; len >= 2; len -= 2, p += 2) {
		memcpy(&last, p, sizeof(last));
		wide += last;
	}
	if (len) {
		last = 0;
		memcpy(&last, p, 1);
		wide += last;
	}
	wide = (wide & 0xffffffff) + (wide >> 32);
	wide = (wide & 0xffffffff) + (wide >> 32);
	return wide;
}

uint16_t net_csum_finish(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}
