// SPDX-License-Identifier: GPL-2.0-only
/* The leaves by which a guest finds the host, read as a guest reads them. */
#include "kselftest_harness.h"

#include "abi_fake.h"
#include "cpuid_pvn.h"

static const struct kvm_cpuid_entry2 *leaf_find(const struct kvm_cpuid_entry2 *entry, unsigned int count, uint32_t leaf)
{
	for (unsigned int i = 0; i < count; i++)
		if (entry[i].function == leaf)
			return &entry[i];
	return NULL;
}

TEST(leaves)
{
	struct kvm_cpuid_entry2 entry[CPUID_PVN_LEAVES + 1];
	const struct kvm_cpuid_entry2 *e;
	char signature[13] = "";
	struct fake fake;
	uint32_t base;

	ASSERT_EQ(0, fake_init(&fake, NULL));
	memset(entry, 0xff, sizeof(entry));
	EXPECT_EQ(0, cpuid_pvn_leaves(&fake.m, 0, entry, CPUID_PVN_LEAVES - 1));
	EXPECT_EQ(0xffffffff, entry[0].function);
	EXPECT_EQ(CPUID_PVN_LEAVES, cpuid_pvn_leaves(&fake.m, 2, entry, CPUID_PVN_LEAVES + 1));
	EXPECT_EQ(0xffffffff, entry[CPUID_PVN_LEAVES].function);

	/* The scan of cpuid.h comes to the base, and to it only. */
	for (base = PVN_CPUID_FIRST; base <= PVN_CPUID_LAST; base += PVN_CPUID_STEP) {
		e = leaf_find(entry, CPUID_PVN_LEAVES, base);
		if (e && e->ebx == PVN_CPUID_SIGNATURE_EBX)
			break;
	}
	ASSERT_EQ(PVN_CPUID_HOST_BASE, base);
	memcpy(signature, &e->ebx, 4);
	memcpy(signature + 4, &e->ecx, 4);
	memcpy(signature + 8, &e->edx, 4);
	EXPECT_STREQ("ParavaneHost", signature);
	EXPECT_EQ(base + PVN_CPUID_MAX_LEAF, e->eax);
	/* Clear of what KVM itself looks for and answers. */
	EXPECT_LE(0x40000200, base);

	e = leaf_find(entry, CPUID_PVN_LEAVES, base + PVN_CPUID_LEAF_VERSION);
	EXPECT_EQ(PVN_ABI_VERSION, e->eax);
	EXPECT_EQ(PVN_CPUID_MODE_HVM, e->ebx);
	EXPECT_EQ(FAKE_VCPUS, e->ecx);
	EXPECT_EQ(0, e->edx);
	e = leaf_find(entry, CPUID_PVN_LEAVES, base + PVN_CPUID_LEAF_FEATURES);
	EXPECT_EQ(fake_call(&fake, PVN_HC_CORE_FEATURES, 0), e->eax);
	EXPECT_EQ(0, e->ebx | e->ecx | e->edx);
	e = leaf_find(entry, CPUID_PVN_LEAVES, base + PVN_CPUID_LEAF_TRANSPORT);
	EXPECT_EQ(PVN_PORT_PAGE, e->eax);
	EXPECT_EQ(PVN_PORT_CALL, e->ebx);
	EXPECT_EQ(0, e->ecx | e->edx);
	e = leaf_find(entry, CPUID_PVN_LEAVES, base + PVN_CPUID_LEAF_VCPU);
	EXPECT_EQ(2, e->eax);
	EXPECT_EQ(0, e->ebx | e->ecx | e->edx);
	fake_destroy(&fake);
}

TEST(pv_mode)
{
	struct kvm_cpuid_entry2 entry[CPUID_PVN_LEAVES];
	struct fake fake;

	ASSERT_EQ(0, fake_init_pv(&fake));
	ASSERT_EQ(CPUID_PVN_LEAVES, cpuid_pvn_leaves(&fake.m, 0, entry, CPUID_PVN_LEAVES));
	EXPECT_EQ(PVN_CPUID_MODE_PV, entry[PVN_CPUID_LEAF_VERSION].ebx);
	EXPECT_EQ(0, entry[PVN_CPUID_LEAF_TRANSPORT].eax);
	EXPECT_EQ(0, entry[PVN_CPUID_LEAF_TRANSPORT].ebx);
	EXPECT_TRUE(entry[PVN_CPUID_LEAF_FEATURES].eax & PVN_F0_CPU);
	fake_destroy(&fake);
}

TEST_HARNESS_MAIN
