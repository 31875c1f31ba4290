// SPDX-License-Identifier: GPL-2.0-only
/* The families of pv mode, asked for in hvm mode. */
#include "kselftest_harness.h"

#include "../../abi/decode/decode.h"
#include "abi_fake.h"

TEST(not_in_hvm)
{
	struct fake fake;
	unsigned int tried = 0;

	ASSERT_EQ(0, fake_init(&fake, NULL));
	for (int accepted = 0; accepted < 2; accepted++) {
		for (size_t i = 0; i < PVN_DECODE_COUNT; i++) {
			if (pvn_decode_table[i].modes & PVN_DECODE_HVM)
				continue;
			EXPECT_EQ(-PVN_ENOTSUP, fake_call(&fake, pvn_decode_table[i].nr, 1, 2, 3, 4, 5, 6));
			tried++;
		}
		ASSERT_EQ(0, fake_accept_all(&fake));
	}
	EXPECT_LT(70, tried);
	EXPECT_EQ(0, hypercalls_offered(fake.h, 0) & (PVN_F0_CPU | PVN_F0_MMU | PVN_F0_VCPU));
	fake_destroy(&fake);
}

TEST(shared_errors)
{
	const unsigned int family[] = { PVN_HC_FAMILY_CPU, PVN_HC_FAMILY_MMU, PVN_HC_FAMILY_VCPU };

	for (int i = 0; i < 3; i++) {
		const char *wrong = fake_check_shared_errors(family[i]);

		EXPECT_EQ(NULL, wrong) TH_LOG("%s", wrong);
	}
}

TEST(every_documented_error_seen)
{
	EXPECT_EQ(0, fake_unseen_errors(PVN_HC_FAMILY_CPU));
	EXPECT_EQ(0, fake_unseen_errors(PVN_HC_FAMILY_MMU));
	EXPECT_EQ(0, fake_unseen_errors(PVN_HC_FAMILY_VCPU));
}

TEST_HARNESS_MAIN
