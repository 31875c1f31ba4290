// SPDX-License-Identifier: GPL-2.0-only
/* Opening disks that are not: each refusal names the disk and what to do. Then the queue alone, without a device. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/blk_queue.h"

FIXTURE(disk) {
	char dir[64], path[96], err[512];
	struct blk_disk disk;
};

FIXTURE_SETUP(disk)
{
	strcpy(self->dir, "/tmp/blk-disk-test-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->path, sizeof(self->path), "%s/disk", self->dir);
}

FIXTURE_TEARDOWN(disk)
{
	unlink(self->path);
	rmdir(self->dir);
}

static int make_file(const char *path, off_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || ftruncate(fd, bytes))
		return -1;
	return close(fd);
}

#define REFUSED(error, word)                                                                            \
	do {                                                                                            \
		EXPECT_EQ(error, blk_disk_open(&self->disk, self->path, false, BLK_CACHE_NONE,          \
					       self->err, sizeof(self->err)));                          \
		EXPECT_NE(NULL, strstr(self->err, word)) TH_LOG("%s", self->err);                       \
		EXPECT_NE(NULL, strstr(self->err, self->path)) TH_LOG("%s", self->err);                 \
	} while (0)

TEST_F(disk, what_is_no_disk_is_refused)
{
	REFUSED(-ENOENT, "truncate");
	ASSERT_EQ(0, make_file(self->path, 0));
	REFUSED(-EINVAL, "empty");
	ASSERT_EQ(0, make_file(self->path, 1000));
	REFUSED(-EINVAL, "multiple of 512");
	unlink(self->path);
	ASSERT_EQ(0, mkdir(self->path, 0700));
	REFUSED(-EISDIR, "directory");
	rmdir(self->path);
	/* A pipe must not be waited for. */
	ASSERT_EQ(0, mkfifo(self->path, 0600));
	REFUSED(-EINVAL, "neither a file nor a block device");
}

TEST_F(disk, used_twice_is_refused)
{
	struct blk_disk second;

	ASSERT_EQ(0, make_file(self->path, 1 << 20));
	ASSERT_EQ(0, blk_disk_open(&self->disk, self->path, false, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	EXPECT_EQ(-EBUSY, blk_disk_open(&second, self->path, false, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	EXPECT_NE(NULL, strstr(self->err, "in use"));
	EXPECT_EQ(-EBUSY, blk_disk_open(&second, self->path, true, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	blk_disk_close(&self->disk);
	/* Readers may share. */
	ASSERT_EQ(0, blk_disk_open(&self->disk, self->path, true, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	ASSERT_EQ(0, blk_disk_open(&second, self->path, true, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	blk_disk_close(&second);
	blk_disk_close(&self->disk);
}

TEST_F(disk, without_direct_io_there_is_a_note)
{
	strcpy(self->path, "/dev/shm/blk-disk-test");
	ASSERT_EQ(0, make_file(self->path, 1 << 20));
	ASSERT_EQ(0, blk_disk_open(&self->disk, self->path, false, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	/* Newer kernels take O_DIRECT on tmpfs. */
	EXPECT_EQ(self->disk.direct, !strstr(self->err, "no direct I/O"));
	EXPECT_EQ(self->disk.direct, !self->err[0]);
	blk_disk_close(&self->disk);
	ASSERT_EQ(0, blk_disk_open(&self->disk, self->path, false, BLK_CACHE_WRITEBACK, self->err, sizeof(self->err)));
	EXPECT_STREQ("", self->err);
	EXPECT_FALSE(self->disk.direct);
	blk_disk_close(&self->disk);
}

static int last_result;
static unsigned int nr_done;

static void done(struct blk_io *io, int result)
{
	last_result = result;
	nr_done++;
}

TEST_F(disk, queue_checks_and_completes)
{
	static char buf[8192] __attribute__((aligned(4096)));
	struct iovec iov = { buf, sizeof(buf) };
	struct blk_io io = { .op = BLK_WRITE, .len = sizeof(buf), .iov = &iov, .nr_iov = 1, .done = done };
	struct blk_queue *q;

	ASSERT_EQ(0, make_file(self->path, 1 << 20));
	ASSERT_EQ(0, blk_disk_open(&self->disk, self->path, false, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	ASSERT_EQ(0, blk_queue_create(&self->disk, 4, &q));
#define RUN(want)                                                                                       \
	do {                                                                                            \
		iov = (struct iovec){ buf, sizeof(buf) };                                               \
		io.iov = &iov;                                                                          \
		io.nr_iov = 1;                                                                          \
		nr_done = 0;                                                                            \
		blk_queue_push(q, &io);                                                                 \
		EXPECT_EQ(0, nr_done);                                                                  \
		blk_queue_drain(q);                                                                     \
		EXPECT_EQ(1, nr_done);                                                                  \
		EXPECT_EQ(want, last_result);                                                           \
	} while (0)
	RUN(0);
	io.offset = (1 << 20) - 8192;
	RUN(0);
	io.offset += 512;
	RUN(-ERANGE);
	io.offset = UINT64_MAX - 511;
	RUN(-ERANGE);
	io.offset = 1;
	RUN(-EINVAL);
	io.offset = 0;
	io.len = 0;
	RUN(-EINVAL);
	/* Segments shorter than len: an error, not a loop. */
	io.len = 16384;
	RUN(-EINVAL);
	io.len = 8192;
	io.op = BLK_FLUSH;
	RUN(0);
	io.op = BLK_WRITE;
	self->disk.read_only = true;
	RUN(-EROFS);
	io.op = BLK_DISCARD;
	RUN(-EROFS);
	EXPECT_EQ(0, blk_queue_in_flight(q));
	blk_queue_destroy(q);
	blk_disk_close(&self->disk);
}

/* More pushed than the queue is deep. */
TEST_F(disk, queue_takes_more_than_its_depth)
{
	static char buf[64][512] __attribute__((aligned(4096)));
	struct iovec iov[64];
	struct blk_io io[64];
	struct blk_queue *q;
	unsigned int i;

	ASSERT_EQ(0, make_file(self->path, 1 << 20));
	ASSERT_EQ(0, blk_disk_open(&self->disk, self->path, false, BLK_CACHE_NONE, self->err, sizeof(self->err)));
	ASSERT_EQ(0, blk_queue_create(&self->disk, 4, &q));
	nr_done = 0;
	for (i = 0; i < 64; i++) {
		memset(buf[i], (int)i, 512);
		iov[i] = (struct iovec){ buf[i], 512 };
		io[i] = (struct blk_io){ .op = BLK_WRITE, .offset = 512 * i, .len = 512, .iov = &iov[i],
					 .nr_iov = 1, .done = done };
		blk_queue_push(q, &io[i]);
	}
	EXPECT_EQ(64, blk_queue_in_flight(q));
	blk_queue_drain(q);
	EXPECT_EQ(64, nr_done);
	for (i = 0; i < 64; i++) {
		iov[i] = (struct iovec){ buf[0], 512 };
		io[i].op = BLK_READ;
		io[i].iov = &iov[i];
		io[i].nr_iov = 1;
		memset(buf[0], 0xff, 512);
		blk_queue_push(q, &io[i]);
		blk_queue_drain(q);
		ASSERT_EQ((char)i, buf[0][511]);
	}
	blk_queue_destroy(q);
	blk_disk_close(&self->disk);
}

TEST_HARNESS_MAIN
