// SPDX-License-Identifier: GPL-2.0-only
/* Family core, and what holds for every call: unknown numbers, levels, the hypercall page. */
#include "kselftest_harness.h"

#include "../../abi/decode/decode.h"
#include "abi_fake.h"

#define LIST 0x10000ull
#define INFO 0x20000ull

FIXTURE(core) {
	struct fake fake;
};

FIXTURE_SETUP(core)
{
	ASSERT_EQ(0, fake_init(&self->fake, NULL));
}

FIXTURE_TEARDOWN(core)
{
	fake_destroy(&self->fake);
}

TEST_F(core, null)
{
	EXPECT_EQ(0, fake_call(&self->fake, PVN_HC_CORE_NULL));
	/* Registers beyond a call's arguments are ignored. */
	EXPECT_EQ(0, fake_call(&self->fake, PVN_HC_CORE_NULL, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull));
}

TEST_F(core, version)
{
	EXPECT_EQ(PVN_ABI_VERSION, fake_call(&self->fake, PVN_HC_CORE_VERSION));
}

TEST_F(core, features)
{
	static const struct hypercall_ops nothing;
	struct fake bare;

	EXPECT_EQ(FAKE_ALL_FEATURES, fake_call(&self->fake, PVN_HC_CORE_FEATURES, 0));
	for (int word = 1; word < PVN_FEATURE_WORDS; word++)
		EXPECT_EQ(0, fake_call(&self->fake, PVN_HC_CORE_FEATURES, word));
	EXPECT_EQ(-PVN_ERANGE, fake_call(&self->fake, PVN_HC_CORE_FEATURES, PVN_FEATURE_WORDS));
	EXPECT_EQ(-PVN_ERANGE, fake_call(&self->fake, PVN_HC_CORE_FEATURES, 0xffffffff));

	/* A host without a console or log does not offer them, and then answers PVN_ENOTSUP. */
	ASSERT_EQ(0, fake_init(&bare, &nothing));
	EXPECT_EQ(FAKE_ALL_FEATURES & ~(PVN_F0_CONSOLE | PVN_F0_DEBUG), fake_call(&bare, PVN_HC_CORE_FEATURES, 0));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(&bare, PVN_HC_CONSOLE_WRITE, 0x1000, 1));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(&bare, PVN_HC_DEBUG_MARK, 1, 1));
	EXPECT_EQ(-PVN_EVERSION, fake_call(&bare, PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, PVN_F0_DEBUG));
	fake_destroy(&bare);
}

TEST_F(core, accept_features)
{
	struct fake *f = &self->fake;

	/* Console and debug answer before; the others don't. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_MARK, 1, 1));
	EXPECT_EQ(-PVN_ESTATE, fake_call(f, PVN_HC_TIME_CLOCK));

	/* The major counts both ways, the minor does not. */
	EXPECT_EQ(-PVN_EVERSION, fake_call(f, PVN_HC_CORE_ACCEPT_FEATURES, 0, 0));
	EXPECT_EQ(-PVN_EVERSION, fake_call(f, PVN_HC_CORE_ACCEPT_FEATURES, (PVN_ABI_MAJOR + 1) << 16, 0));
	EXPECT_EQ(-PVN_EVERSION, fake_call(f, PVN_HC_CORE_ACCEPT_FEATURES, (PVN_ABI_MAJOR - 1) << 16, 0));
	EXPECT_EQ(-PVN_ESTATE, fake_call(f, PVN_HC_TIME_CLOCK));
	EXPECT_EQ(0, fake_call(f, PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION + 1, PVN_F0_TIME));
	EXPECT_LE(0, fake_call(f, PVN_HC_TIME_CLOCK));

	/* Each bit that is not offered, in each word, is refused, and changes nothing. */
	for (int word = 0; word < PVN_FEATURE_WORDS; word++) {
		for (int bit = 0; bit < 32; bit++) {
			uint64_t args[PVN_HYPERCALL_ARGS] = { PVN_ABI_VERSION };

			args[1 + word] = 1u << bit;
			if (hypercalls_offered(f->h, word) >> bit & 1)
				continue;
			EXPECT_EQ(-PVN_EVERSION, fake_call6(f, PVN_HC_CORE_ACCEPT_FEATURES, args));
		}
	}
	EXPECT_LE(0, fake_call(f, PVN_HC_TIME_CLOCK));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(f, PVN_HC_DEBUG_MARK, 1, 1));

	/* The last one counts; a reset brings back the start. */
	EXPECT_EQ(0, fake_call(f, PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, PVN_F0_DEBUG));
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_MARK, 1, 1));
	EXPECT_EQ(-PVN_ENOTSUP, fake_call(f, PVN_HC_TIME_CLOCK));
	hypercalls_reset(f->h);
	EXPECT_EQ(-PVN_ESTATE, fake_call(f, PVN_HC_TIME_CLOCK));
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_MARK, 1, 1));
}

static struct pvn_multicall_entry *list_fill(struct fake *f, uint64_t gpa, unsigned int count, uint32_t nr)
{
	struct pvn_multicall_entry *list = fake_ptr(f, gpa, count * sizeof(*list));

	memset(list, 0, count * sizeof(*list));
	for (unsigned int i = 0; i < count; i++) {
		list[i].nr = nr;
		list[i].result = 0x5a5a;
	}
	return list;
}

TEST_F(core, multicall)
{
	struct fake *f = &self->fake;
	struct pvn_multicall_entry *list, before[8];

	/* Each entry gets its own result, and nothing else of it is written. */
	list = list_fill(f, LIST, 8, PVN_HC_CORE_VERSION);
	list[1].nr = 0x0042;
	list[2].reserved = 1;
	list[3].nr = PVN_HC_CORE_MULTICALL;
	list[3].args[0] = LIST;
	list[3].args[1] = 1;
	list[4].nr = PVN_HC_CORE_FEATURES;
	list[4].args[0] = 99;
	list[5].nr = PVN_HC_CORE_FEATURES;
	list[5].args[0] = 1ull << 32;
	list[6].nr = PVN_HC_TIME_CLOCK;
	list[7].nr = 0xffffffff;
	memcpy(before, list, sizeof(before));
	EXPECT_EQ(8, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 8, 0));
	EXPECT_EQ(PVN_ABI_VERSION, list[0].result);
	EXPECT_EQ(-PVN_ENOSYS, list[1].result);
	EXPECT_EQ(-PVN_EINVAL, list[2].result);
	EXPECT_EQ(-PVN_EINVAL, list[3].result);
	EXPECT_EQ(-PVN_ERANGE, list[4].result);
	EXPECT_EQ(-PVN_EINVAL, list[5].result);
	EXPECT_EQ(-PVN_ESTATE, list[6].result);
	EXPECT_EQ(-PVN_ENOSYS, list[7].result);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(0, memcmp(&before[i], &list[i], offsetof(struct pvn_multicall_entry, result)));
}

TEST_F(core, multicall_limits)
{
	struct fake *f = &self->fake;
	struct pvn_multicall_entry *list = list_fill(f, LIST, PVN_MULTICALL_MAX + 1, PVN_HC_CORE_VERSION);

	EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 0, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, PVN_MULTICALL_MAX + 1, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 0xffffffff, 0));
	EXPECT_EQ(0x5a5a, list[0].result);
	EXPECT_EQ(1, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 1, 0));
	EXPECT_EQ(0x5a5a, list[1].result);
	EXPECT_EQ(PVN_MULTICALL_MAX, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, PVN_MULTICALL_MAX, 0));
	EXPECT_EQ(PVN_ABI_VERSION, list[PVN_MULTICALL_MAX - 1].result);
	EXPECT_EQ(0x5a5a, list[PVN_MULTICALL_MAX].result);
	for (int bit = 1; bit < 32; bit++)
		EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 1, 1u << bit));
	for (int offset = 1; offset < 8; offset++)
		EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_CORE_MULTICALL, LIST + offset, 1, 0));
}

TEST_F(core, multicall_wild_lists)
{
	struct fake *f = &self->fake;
	const uint64_t bytes = 4 * PVN_MULTICALL_ENTRY_BYTES;
	static const uint64_t wild[] = {
		GMEM_HOLE_START, GMEM_HOLE_END - 8, FAKE_RAM_END, 1ull << 52, 1ull << 63, -64ull, -256ull, -8ull,
	};

	for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
		EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_CORE_MULTICALL, wild[i], 4, 0));
	/* A list that ends exactly where RAM ends works, one that goes on for eight bytes runs no entry. */
	list_fill(f, GMEM_HOLE_START - bytes, 4, PVN_HC_CORE_NULL);
	EXPECT_EQ(4, fake_call(f, PVN_HC_CORE_MULTICALL, GMEM_HOLE_START - bytes, 4, 0));
	list_fill(f, FAKE_RAM_END - bytes, 4, PVN_HC_DEBUG_MARK);
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_CORE_MULTICALL, FAKE_RAM_END - bytes + 8, 4, 0));
	EXPECT_EQ(0, f->marks);
	list_fill(f, FAKE_RAM_END - bytes, 4, PVN_HC_CORE_NULL);
	EXPECT_EQ(4, fake_call(f, PVN_HC_CORE_MULTICALL, FAKE_RAM_END - bytes, 4, 0));
	/* Address 0 is RAM like any other. */
	list_fill(f, 0, 1, PVN_HC_CORE_NULL);
	EXPECT_EQ(1, fake_call(f, PVN_HC_CORE_MULTICALL, 0, 1, 0));
}

TEST_F(core, multicall_ends_early)
{
	struct fake *f = &self->fake;
	struct pvn_multicall_entry *list = list_fill(f, LIST, 4, PVN_HC_CORE_VERSION);

	list[1].nr = 0x0042;
	EXPECT_EQ(2, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 4, PVN_MULTICALL_STOP_ON_ERROR));
	EXPECT_EQ(-PVN_ENOSYS, list[1].result);
	EXPECT_EQ(0x5a5a, list[2].result);

	ASSERT_EQ(0, fake_accept_all(f));
	list = list_fill(f, LIST, 4, PVN_HC_CORE_VERSION);
	list[2].nr = PVN_HC_SCHED_SHUTDOWN;
	EXPECT_EQ(3, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 4, 0));
	EXPECT_EQ(1, f->stops);
	EXPECT_EQ(0, list[2].result);
	EXPECT_EQ(0x5a5a, list[3].result);
}

TEST_F(core, multicall_entries_that_write_entries)
{
	struct fake *f = &self->fake;
	struct pvn_multicall_entry *list = list_fill(f, LIST, 3, PVN_HC_CORE_VERSION);
	struct pvn_call_info info;

	/* An entry is copied when its turn comes, and its result is written after whatever the call wrote. */
	list[0].nr = PVN_HC_CORE_DESCRIBE;
	list[0].args[0] = PVN_HC_EVENT_SEND;
	list[0].args[1] = LIST;
	EXPECT_EQ(1, fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 1, 0));
	memcpy(&info, &list[0], sizeof(info));
	EXPECT_EQ(PVN_HC_EVENT_SEND, info.nr);
	EXPECT_EQ(PVN_HC_EVENT_SEND, list[0].result);
	EXPECT_EQ(PVN_ABI_VERSION, (list_fill(f, LIST, 3, PVN_HC_CORE_VERSION),
				    fake_call(f, PVN_HC_CORE_MULTICALL, LIST, 3, 0), list[2].result));
}

TEST_F(core, describe)
{
	struct fake *f = &self->fake;
	struct pvn_call_info *info = fake_ptr(f, INFO, sizeof(*info));
	unsigned int found = 0;
	int64_t nr;

	/* The walk of a guest meets exactly the calls of the table. */
	for (nr = 0; (nr = fake_call(f, PVN_HC_CORE_DESCRIBE, nr, INFO)) >= 0; nr++) {
		const struct pvn_decode_call *call = pvn_decode_number(nr);
		char name[PVN_CALL_INFO_NAME];

		ASSERT_NE(NULL, call);
		snprintf(name, sizeof(name), "%s.%s", call->family, call->name);
		EXPECT_STREQ(name, info->name);
		EXPECT_EQ(nr, info->nr);
		EXPECT_EQ(call->nr_args, info->nr_args);
		EXPECT_EQ(!!(call->modes & PVN_DECODE_HVM), info->flags & PVN_CALL_AVAILABLE);
		EXPECT_EQ(nr == PVN_HC_CORE_MULTICALL || nr == PVN_HC_CPU_TRAP_RETURN ||
				  nr == PVN_HC_MMU_ZONE_ADD || nr == PVN_HC_CPU_INTERRUPT_TAKE || nr == PVN_HC_SCHED_BLOCK,
			  !!(info->flags & PVN_CALL_NO_MULTICALL));
		EXPECT_EQ(0, info->reserved);
		EXPECT_EQ(1 << 16, info->since);
		EXPECT_EQ(PVN_HC_FAMILY(nr) ? PVN_HC_FAMILY(nr) - 1 : 0xffff, info->feature_bit);
		for (int i = 0; i < 32; i++)
			EXPECT_EQ(i < call->nr_args && call->arg[i].type != PVN_ARG_U32, info->wide_args >> i & 1);
		found++;
	}
	EXPECT_EQ(-PVN_ERANGE, nr);
	EXPECT_EQ(PVN_DECODE_COUNT, found);
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_CORE_DESCRIBE, 0xffffffff, INFO));
	EXPECT_EQ(-PVN_EINVAL, fake_call(f, PVN_HC_CORE_DESCRIBE, 0, INFO + 4));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_CORE_DESCRIBE, 0, FAKE_RAM_END - 48));
	EXPECT_EQ(0, fake_call(f, PVN_HC_CORE_DESCRIBE, 0, FAKE_RAM_END - sizeof(*info)));
}

TEST_F(core, unknown_numbers)
{
	struct fake *f = &self->fake;

	ASSERT_EQ(0, fake_accept_all(f));
	for (uint64_t nr = 0; nr < 0x20000; nr++) {
		if (!pvn_decode_number(nr))
			EXPECT_EQ(-PVN_ENOSYS, fake_call(f, nr, 1, 2, 3, 4, 5, 6));
	}
	/* The number has 64 bits: none of the upper ones may be dropped on the way. */
	for (int bit = 16; bit < 64; bit++)
		EXPECT_EQ(-PVN_ENOSYS, fake_call(f, 1ull << bit | PVN_HC_CORE_VERSION));
	EXPECT_EQ(-PVN_ENOSYS, fake_call(f, ~0ull));
	/* User mode does not learn which numbers there are. */
	f->cpl = 3;
	EXPECT_EQ(-PVN_EPERM, fake_call(f, 0x42));
}

TEST_F(core, page)
{
	struct fake *f = &self->fake;
	uint8_t *page = fake_ptr(f, 0x30000, PVN_PAGE_BYTES);
	uint32_t end = FAKE_RAM_END >> PVN_PAGE_SHIFT;

	EXPECT_EQ(PVN_PORT_PAGE_NONE, hypercall_page_get(&f->m));
	memset(page, 0, PVN_PAGE_BYTES);
	/* From user mode nothing happens: it would be a write to memory of the caller's choice. */
	hypercall_page_set(&f->m, 0x30, 3);
	EXPECT_EQ(PVN_PORT_PAGE_NONE, hypercall_page_get(&f->m));
	EXPECT_EQ(0, page[0]);
	hypercall_page_set(&f->m, 0x30, 0);
	EXPECT_EQ(0x30, hypercall_page_get(&f->m));
	EXPECT_EQ(0, memcmp(page, "\xf3\x0f\x1e\xfa", 4)); /* endbr64 */
	EXPECT_EQ(0xcc, page[PVN_PAGE_BYTES - 1]);
	EXPECT_EQ(0, page[PVN_PAGE_BYTES]);
	/* The last frame of RAM, and what is none. */
	hypercall_page_set(&f->m, end - 1, 0);
	EXPECT_EQ(end - 1, hypercall_page_get(&f->m));
	hypercall_page_set(&f->m, end, 0);
	EXPECT_EQ(PVN_PORT_PAGE_NONE, hypercall_page_get(&f->m));
	hypercall_page_set(&f->m, GMEM_HOLE_START >> PVN_PAGE_SHIFT, 0);
	EXPECT_EQ(PVN_PORT_PAGE_NONE, hypercall_page_get(&f->m));
	hypercall_page_set(&f->m, 0xfffffffe, 0);
	EXPECT_EQ(PVN_PORT_PAGE_NONE, hypercall_page_get(&f->m));
	hypercall_page_set(&f->m, 0x30, 0);
	hypercall_page_set(&f->m, PVN_PORT_PAGE_NONE, 0);
	EXPECT_EQ(PVN_PORT_PAGE_NONE, hypercall_page_get(&f->m));
}

FAMILY_TESTS(PVN_HC_FAMILY_CORE)

TEST_HARNESS_MAIN
