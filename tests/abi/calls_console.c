// SPDX-License-Identifier: GPL-2.0-only
/* Family console. */
#include "kselftest_harness.h"

#include <errno.h>

#include "abi_fake.h"

#define TEXT 0x10000ull

FIXTURE(console) {
	struct fake fake;
	char *text;
};

FIXTURE_SETUP(console)
{
	ASSERT_EQ(0, fake_init(&self->fake, NULL));
	self->text = fake_ptr(&self->fake, TEXT, PVN_CONSOLE_CALL_MAX);
}

FIXTURE_TEARDOWN(console)
{
	fake_destroy(&self->fake);
}

TEST_F(console, write)
{
	struct fake *f = &self->fake;

	strcpy(self->text, "first words\n");
	EXPECT_EQ(12, fake_call(f, PVN_HC_CONSOLE_WRITE, TEXT, 12));
	EXPECT_EQ(0, memcmp(f->console_out, "first words\n", 12));
	EXPECT_EQ(PVN_CONSOLE_CALL_MAX, fake_call(f, PVN_HC_CONSOLE_WRITE, TEXT, PVN_CONSOLE_CALL_MAX));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_CONSOLE_WRITE, TEXT, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_CONSOLE_WRITE, TEXT, PVN_CONSOLE_CALL_MAX + 1));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_CONSOLE_WRITE, GMEM_HOLE_START, 1));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_CONSOLE_WRITE, FAKE_RAM_END - 1, 2));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_CONSOLE_WRITE, ~0ull, 2));
	EXPECT_EQ(1, fake_call(f, PVN_HC_CONSOLE_WRITE, FAKE_RAM_END - 1, 1));
	/* A console that takes part, nothing, or is gone. */
	f->console_limit = 5;
	EXPECT_EQ(5, fake_call(f, PVN_HC_CONSOLE_WRITE, TEXT, 12));
	f->console_limit = 0;
	EXPECT_EQ(0, fake_call(f, PVN_HC_CONSOLE_WRITE, TEXT, 12));
	f->console_limit = -EPIPE;
	EXPECT_EQ(-PVN_EIO, fake_call(f, PVN_HC_CONSOLE_WRITE, TEXT, 12));
}

TEST_F(console, read)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(0, fake_call(f, PVN_HC_CONSOLE_READ, TEXT, 16));
	f->console_in = "typed";
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_CONSOLE_READ, GMEM_HOLE_START - 2, 16));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_CONSOLE_READ, TEXT, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_CONSOLE_READ, TEXT, PVN_CONSOLE_CALL_MAX + 1));
	/* None of these has lost a byte. Only what was typed is written. */
	memset(self->text, '.', 16);
	EXPECT_EQ(2, fake_call(f, PVN_HC_CONSOLE_READ, TEXT, 2));
	EXPECT_EQ(3, fake_call(f, PVN_HC_CONSOLE_READ, TEXT + 2, PVN_CONSOLE_CALL_MAX));
	EXPECT_EQ(0, memcmp(self->text, "typed...", 8));
	f->console_in_error = -EIO;
	EXPECT_EQ(-PVN_EIO, fake_call(f, PVN_HC_CONSOLE_READ, TEXT, 16));
}

FAMILY_TESTS(PVN_HC_FAMILY_CONSOLE)

TEST_HARNESS_MAIN
