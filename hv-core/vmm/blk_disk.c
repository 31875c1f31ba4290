/* SPDX-License-Identifier: GPL-2.0-only */
/* Opening a disk image: what it is, whether it can be used, and how it is best accessed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk_queue.h"

/* The null backend's capacity: large enough that no test runs out of sectors. */
#define BLK_NULL_BYTES (64ull << 30)

/* A second for the lock of a run that has just ended. */
#define LOCK_TRIES 50
#define LOCK_WAIT_US 20000

static void disk_close_fds(struct blk_disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->fd_buffered >= 0 && disk->fd_buffered != disk->fd)
		close(disk->fd_buffered);
	disk->fd = -1;
	disk->fd_buffered = -1;
}

/* An open file description of ours holds the lock, so a second --disk of the same file is refused as well. */
static int disk_lock(struct blk_disk *disk, char *err, unsigned int errlen)
{
	struct flock lock = {
		.l_type = disk->read_only ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	/*
	 * The kernel takes an io_uring apart after its process has ended, and the lock lives until then: a guest that
	 * is started again at once, or restarts itself, would find its own disk in use.
	 */
	for (int tries = 0; fcntl(disk->fd_buffered, F_OFD_SETLK, &lock); tries++) {
		if ((errno != EAGAIN && errno != EACCES) || tries == LOCK_TRIES)
			goto refused;
		usleep(LOCK_WAIT_US);
	}
	return 0;
refused:
	if (errno == EAGAIN || errno == EACCES) {
		snprintf(err, errlen,
			 "disk %s: in use by another run, or given twice; end that run, or open it readonly in both",
			 disk->path);
		return -EBUSY;
	}
	/* Some network file systems have no locks: that is no reason not to run. */
	snprintf(err, errlen, "disk %s: cannot be locked (%s); make sure that nothing else writes to it",
		 disk->path, strerror(errno));
	return 0;
}

/* The alignment that O_DIRECT needs on this file, found by trying: 512, 4096, or 0 when it cannot be had. */
static uint32_t disk_probe_direct(int fd)
{
	static const uint32_t sizes[] = { 512, 4096 };
	uint32_t found = 0;
	unsigned int i;
	void *buf;

	if (posix_memalign(&buf, 4096, 4096))
		return 0;
	for (i = 0; i < 2 && !found; i++) {
		/* At the size's own offset, so that alignment of the offset is tried too. */
		if (pread(fd, buf, sizes[i], sizes[i]) >= 0)
			found = sizes[i];
	}
	free(buf);
	return found;
}

static int disk_size(struct blk_disk *disk, char *err, unsigned int errlen)
{
	struct stat st;
	uint64_t bytes;

	if (fstat(disk->fd_buffered, &st)) {
		snprintf(err, errlen, "disk %s: %s", disk->path, strerror(errno));
		return -errno;
	}
	if (S_ISBLK(st.st_mode)) {
		disk->is_block_device = true;
		if (ioctl(disk->fd_buffered, BLKGETSIZE64, &bytes)) {
			snprintf(err, errlen, "disk %s: no size: %s", disk->path, strerror(errno));
			return -EINVAL;
		}
	} else if (S_ISREG(st.st_mode)) {
		bytes = (uint64_t)st.st_size;
	} else {
		snprintf(err, errlen,
			 "disk %s: is %s; a disk is a raw image file or a block device", disk->path,
			 S_ISDIR(st.st_mode) ? "a directory" : "neither a file nor a block device");
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	if (!bytes) {
		snprintf(err, errlen, "disk %s: is empty; make it with `truncate -s SIZE FILE`", disk->path);
		return -EINVAL;
	}
	if (bytes % 512) {
		snprintf(err, errlen,
			 "disk %s: its size of %llu bytes is not a multiple of 512; is it a raw image? `truncate -s %%512 FILE` rounds it up",
			 disk->path, (unsigned long long)bytes);
		return -EINVAL;
	}
	disk->bytes = bytes;
	return 0;
}

/* Can ranges be given back? Asked of the file system with a length of no bytes' effect: beyond the end. */
static bool disk_probe_discard(const struct blk_disk *disk)
{
	if (disk->read_only)
		return false;
	if (disk->is_block_device) {
		struct stat st;
		char path[96], text[32] = "";
		ssize_t n;
		int fd;

		if (fstat(disk->fd_buffered, &st))
			return false;
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/discard_max_bytes",
			 (unsigned int)(st.st_rdev >> 8 & 0xfff), (unsigned int)(st.st_rdev & 0xff));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return false;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		return n > 0 && strtoull(text, NULL, 10) > 0;
	}
	return fallocate(disk->fd_buffered, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)disk->bytes, 4096) == 0;
}

static void disk_open_direct(struct blk_disk *disk, char *err, unsigned int errlen)
{
	int flags = (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_DIRECT;
	uint32_t align = 0;
	int sector, fd;

	fd = open(disk->path, flags);
	if (fd >= 0)
		align = disk_probe_direct(fd);
	if (disk->is_block_device && !ioctl(disk->fd_buffered, BLKSSZGET, &sector) && sector > 512)
		align = align ? (uint32_t)sector : 0;
	/* A last sector that O_DIRECT could never write would be a trap for the guest. */
	if (align && disk->bytes % align == 0 && align <= 4096) {
		disk->fd = fd;
		disk->direct = true;
		disk->logical_block = align;
		return;
	}
	if (fd >= 0)
		close(fd);
	if (!err[0])
		snprintf(err, errlen,
			 "disk %s: its file system has no direct I/O, so the host's page cache is used; cache=writeback says the same without this note",
			 disk->path);
}

int blk_disk_open(struct blk_disk *disk, const char *path, bool read_only, enum blk_cache cache, char *err,
		  unsigned int errlen)
{
	int rc, fd;

	memset(disk, 0, sizeof(*disk));
	disk->path = path;
	disk->fd = -1;
	disk->fd_buffered = -1;
	disk->read_only = read_only;
	disk->cache = cache;
	disk->logical_block = 512;
	if (errlen)
		err[0] = '\0';
	if (!strcmp(path, "null")) {
		disk->is_null = true;
		disk->bytes = BLK_NULL_BYTES;
		disk->can_discard = true;
		return 0;
	}
	/* O_NONBLOCK: a named pipe must be refused, not waited for. */
	fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		rc = -errno;
		if (rc == -ENOENT)
			snprintf(err, errlen, "disk %s: no such file; make one with `truncate -s SIZE %s`",
				 path, path);
		else if (rc == -EISDIR)
			snprintf(err, errlen,
				 "disk %s: is a directory; a disk is a raw image file or a block device",
				 path);
		else if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
			snprintf(err, errlen, "disk %s: may not be %s (%s); %s", path,
				 read_only ? "read" : "written", strerror(-rc),
				 read_only ? "check its permissions" :
					     "check its permissions, or add `readonly`");
		else
			snprintf(err, errlen, "disk %s: cannot be opened: %s", path, strerror(-rc));
		return rc;
	}
	fcntl(fd, F_SETFL, 0);
	disk->fd_buffered = fd;
	rc = disk_size(disk, err, errlen);
	if (!rc)
		rc = disk_lock(disk, err, errlen);
	if (rc) {
		disk_close_fds(disk);
		return rc;
	}
	if (cache == BLK_CACHE_NONE)
		disk_open_direct(disk, err, errlen);
	if (!disk->direct)
		disk->fd = disk->fd_buffered;
	disk->can_discard = disk_probe_discard(disk);
	return 0;
}

void blk_disk_close(struct blk_disk *disk)
{
	disk_close_fds(disk);
}
