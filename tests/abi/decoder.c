// SPDX-License-Identifier: GPL-2.0-only
/* The decoder: number to name and back for every call, and text that fits into any buffer. */
#include "kselftest_harness.h"

#include <paravane/hypercall_nr.h>

#include "../../abi/decode/decode.h"

TEST(round_trip)
{
	unsigned int found = 0;

	for (uint64_t nr = 0; nr < 0x10000; nr++) {
		const struct pvn_decode_call *call = pvn_decode_number(nr);
		char name[64];

		if (!call)
			continue;
		found++;
		EXPECT_EQ(nr, call->nr);
		snprintf(name, sizeof(name), "%s.%s", call->family, call->name);
		EXPECT_EQ(call, pvn_decode_name(name));
	}
	EXPECT_EQ(PVN_DECODE_COUNT, found);
	EXPECT_EQ(NULL, pvn_decode_number(1ull << 32));
	EXPECT_EQ(NULL, pvn_decode_number(~0ull));
}

TEST(names)
{
	EXPECT_EQ(PVN_HC_EVENT_SEND, pvn_decode_name("event.send")->nr);
	EXPECT_EQ(PVN_HC_MMU_UPDATE, pvn_decode_name("mmu.update")->nr);
	EXPECT_EQ(NULL, pvn_decode_name("event.sen"));
	EXPECT_EQ(NULL, pvn_decode_name("event.sendx"));
	EXPECT_EQ(NULL, pvn_decode_name("even.send"));
	EXPECT_EQ(NULL, pvn_decode_name("events.send"));
	EXPECT_EQ(NULL, pvn_decode_name("send"));
	EXPECT_EQ(NULL, pvn_decode_name(""));
	EXPECT_EQ(NULL, pvn_decode_name("."));
}

TEST(text)
{
	const uint64_t args[6] = { 3, 1, 2, 3, 4, 5 };
	const uint64_t release[6] = { 0x400000, 8192 };
	char text[128], small[8];
	int length;

	EXPECT_EQ(26, pvn_decode_format(text, sizeof(text), PVN_HC_EVENT_BIND, args));
	EXPECT_STREQ("event.bind(port=3, vcpu=1)", text);
	pvn_decode_format(text, sizeof(text), PVN_HC_MEMORY_RELEASE, release);
	EXPECT_STREQ("memory.release(start=0x400000, bytes=8192)", text);
	pvn_decode_format(text, sizeof(text), PVN_HC_CORE_NULL, args);
	EXPECT_STREQ("core.null()", text);
	pvn_decode_format(text, sizeof(text), 0x1234, args);
	EXPECT_STREQ("call 0x1234", text);
	/* Every call into every size of buffer: terminated, never beyond its end, the full length answered. */
	for (size_t i = 0; i < PVN_DECODE_COUNT; i++) {
		length = pvn_decode_format(text, sizeof(text), pvn_decode_table[i].nr, args);
		EXPECT_EQ(strlen(text), length);
		for (size_t size = 1; size < sizeof(small); size++) {
			memset(small, 'x', sizeof(small));
			EXPECT_EQ(length, pvn_decode_format(small, size, pvn_decode_table[i].nr, args));
			EXPECT_EQ(size - 1, strnlen(small, size));
			EXPECT_EQ('x', small[size]);
		}
	}
}

TEST_HARNESS_MAIN
