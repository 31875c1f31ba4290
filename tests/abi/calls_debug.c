// SPDX-License-Identifier: GPL-2.0-only
/* Family debug: what reaches the log, and what a guest cannot do to it. */
#include "kselftest_harness.h"

#include "abi_fake.h"

#define TEXT 0x10000ull

FIXTURE(debug) {
	struct fake fake;
	char *text;
};

FIXTURE_SETUP(debug)
{
	ASSERT_EQ(0, fake_init(&self->fake, NULL));
	self->text = fake_ptr(&self->fake, TEXT, PVN_DEBUG_TEXT_MAX);
}

FIXTURE_TEARDOWN(debug)
{
	fake_destroy(&self->fake);
}

TEST_F(debug, log)
{
	struct fake *f = &self->fake;
	unsigned int lines;
	int64_t err = 0;

	strcpy(self->text, "hello from the guest\n");
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_LOG, TEXT, 21));
	EXPECT_EQ(1, f->log_lines);
	EXPECT_STREQ("hello from the guest", f->log_last);
	/* No terminal is driven and no line is forged. */
	memcpy(self->text, "a\nb\x1b[2J\\\xff\0c\n\n", 14);
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_LOG, TEXT, 14));
	EXPECT_STREQ("a\\x0ab\\x1b[2J\\\\\\xff\\x00c", f->log_last);
	memset(self->text, 0x80, PVN_DEBUG_TEXT_MAX);
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_LOG, TEXT, PVN_DEBUG_TEXT_MAX));
	EXPECT_EQ(4 * PVN_DEBUG_TEXT_MAX, strlen(f->log_last));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_DEBUG_LOG, TEXT, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_DEBUG_LOG, TEXT, PVN_DEBUG_TEXT_MAX + 1));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_DEBUG_LOG, GMEM_HOLE_START - 4, 8));
	EXPECT_EQ(3, f->log_lines);

	/* A flood is cut off at 64 KiB a second; later the log goes on, and says what was lost. */
	for (int i = 0; i < 1000 && !err; i++)
		err = fake_call(f, PVN_HC_DEBUG_LOG, TEXT, PVN_DEBUG_TEXT_MAX);
	EXPECT_EQ(-PVN_EBUSY, err);
	lines = f->log_lines;
	EXPECT_GT(200, lines);
	for (int i = 0; i < 200 && err; i++) {
		usleep(10000);
		err = fake_call(f, PVN_HC_DEBUG_LOG, TEXT, 1);
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(lines + 2, f->log_lines);
}

TEST_F(debug, crash)
{
	struct fake *f = &self->fake;

	strcpy(self->text, "no init found");
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_DEBUG_CRASH, TEXT, 0));
	EXPECT_EQ(-PVN_ERANGE, fake_call(f, PVN_HC_DEBUG_CRASH, TEXT, PVN_DEBUG_TEXT_MAX + 1));
	EXPECT_EQ(-PVN_EFAULT, fake_call(f, PVN_HC_DEBUG_CRASH, -1ull, 2));
	EXPECT_EQ(0, f->stops);
	f->vcpu = 1;
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_CRASH, TEXT, 13));
	EXPECT_EQ(1, f->stops);
	EXPECT_EQ(1, f->crashes);
	EXPECT_EQ(STOP_GUEST_CRASH, f->stop_reason);
	EXPECT_NE(NULL, strstr(f->stop_text, "no init found"));
	EXPECT_NE(NULL, strstr(f->stop_text, "vCPU 1"));
}

TEST_F(debug, mark)
{
	struct fake *f = &self->fake;

	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_MARK, 7, 0x123456789abcdefull));
	EXPECT_EQ(7, f->mark_id);
	EXPECT_EQ(0x123456789abcdefull, f->mark_value);
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_MARK, 0, 0));
	EXPECT_EQ(0, fake_call(f, PVN_HC_DEBUG_MARK, 0xffffffff, ~0ull));
	EXPECT_EQ(-PVN_ENOMEM, fake_call(f, PVN_HC_DEBUG_MARK, 0, 0));
}

FAMILY_TESTS(PVN_HC_FAMILY_DEBUG)

TEST_HARNESS_MAIN
