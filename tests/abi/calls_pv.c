// SPDX-License-Identifier: GPL-2.0-only
/* The families of pv mode: refused in hvm mode, and described by the VMM in pv mode, where the monitor serves them. */
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

/* The VMM's side of pv mode. What the monitor serves never comes here; were it to, it would be refused. */
TEST(described_in_pv_mode)
{
	struct pvn_call_info *info;
	unsigned int available = 0;
	struct fake fake;
	int64_t nr;

	ASSERT_EQ(0, fake_init_pv(&fake));
	EXPECT_EQ(PVN_F0_CPU | PVN_F0_MMU | PVN_F0_VCPU | PVN_F0_SCHED | PVN_F0_TIME | PVN_F0_EVENT | PVN_F0_RING |
			  PVN_F0_CONSOLE | PVN_F0_MEMORY | PVN_F0_DEBUG,
		  hypercalls_offered(fake.h, 0));
	EXPECT_EQ(0, fake_call(&fake, PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, hypercalls_offered(fake.h, 0), 0, 0, 0, 0));
	info = gmem_ptr(&fake.m.gmem, GPA(0x1000), sizeof(*info));
	for (nr = 0; (nr = fake_call(&fake, PVN_HC_CORE_DESCRIBE, nr, 0x1000, 0, 0, 0, 0)) >= 0; nr++) {
		if (!(info->flags & PVN_CALL_AVAILABLE))
			continue;
		available++;
		EXPECT_NE(PVN_HC_MMU_POKE_SPACE, nr);
		EXPECT_NE(PVN_HC_CPU_IO_PRIVILEGE, nr);
	}
	EXPECT_LT(18, available);
	EXPECT_EQ(PVN_HC_CPU_TRAP_TABLE, fake_call(&fake, PVN_HC_CORE_DESCRIBE, PVN_HC_CPU_TRAP_TABLE, 0x1000, 0, 0, 0, 0));
	EXPECT_EQ(PVN_CALL_AVAILABLE, info->flags);
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(&fake, PVN_HC_CPU_TRAP_TABLE, 0x1000, 1, 0, 0, 0, 0));
	EXPECT_EQ(-PVN_ESTATE, fake_call(&fake, PVN_HC_EVENT_ALLOC, 0, 0, 0, 0, 0, 0));
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
