// SPDX-License-Identifier: GPL-2.0-only
/* PV block on the fake machine: commands, every check of an entry, data on a real file, faults below and above. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/blk_fault.h"
#include "../../hv-core/vmm/devices/pv/pv_block.h"
#include "../../hv-core/vmm/pv_registry.h"
#include "pv_driver.h"

#define DISK_BYTES (4u << 20)
#define ORDER 5

FIXTURE(block) {
	struct fake_machine *f;
	struct blk_disk disk;
	struct pv_block *b;
	struct pv_driver d;
	struct pv_fault fault;
	struct blk_fault disk_fault;
	char path[64];
};

static int make_disk(char path[64])
{
	int fd;

	strcpy(path, "/tmp/pv-block-test-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, DISK_BYTES))
		return -1;
	return close(fd);
}

FIXTURE_SETUP(block)
{
	char err[256];

	self->f = fake_machine_create(PVD_RAM);
	ASSERT_NE(NULL, self->f);
	self->f->m.nr_vcpus = 2;
	ASSERT_EQ(0, make_disk(self->path));
	ASSERT_EQ(0, blk_disk_open(&self->disk, self->path, false, BLK_CACHE_NONE, err, sizeof(err)))
		TH_LOG("%s", err);
	ASSERT_EQ(0, pv_block_create(&self->f->m, &self->disk, &self->fault, &self->b));
	pvd_init(&self->d, self->f, &self->b->dev.pci);
}

FIXTURE_TEARDOWN(block)
{
	pv_block_destroy(self->b);
	pv_registry_destroy(&self->f->m);
	fake_machine_destroy(self->f);
	blk_disk_close(&self->disk);
	unlink(self->path);
}

static struct pvn_block_request request(uint32_t id, uint8_t op, uint64_t sector, uint32_t nr_sectors)
{
	struct pvn_block_request req = { .id = id, .op = op, .sector = sector, .nr_sectors = nr_sectors };

	if (op == PVN_BLOCK_READ || op == PVN_BLOCK_WRITE) {
		req.nr_segs = 1;
		req.seg[0].addr = PVD_DATA;
		req.seg[0].len = nr_sectors * 512;
	}
	return req;
}

/* Submit on queue 0 and wait: the completion's status, or INT32_MIN when none came. */
static int32_t run_request(struct pv_driver *d, const struct pvn_block_request *req)
{
	struct pvn_cqe cqe;

	if (!pvd_submit(d, 0, req) || !pvd_wait(d, 0, &cqe, 5000) || cqe.id != req->id)
		return INT32_MIN;
	return cqe.status;
}

static void fill_pattern(char *p, uint32_t bytes, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < bytes; i++)
		p[i] = (char)(seed * 31 + i * 7 + (i >> 9));
}

TEST_F(block, registers_and_identity)
{
	struct pvn_block_config config;
	unsigned int i;

	EXPECT_EQ(PVN_DEVICE_MAGIC, pvd_read(&self->d, PVN_REG_MAGIC));
	EXPECT_EQ(PVN_DEVICE_VERSION, pvd_read(&self->d, PVN_REG_VERSION));
	EXPECT_EQ(PVN_PCI_DEVICE_BLOCK, pvd_read(&self->d, PVN_REG_TYPE));
	EXPECT_EQ(2, pvd_read(&self->d, PVN_REG_MAX_QUEUES));
	EXPECT_EQ(PVN_PCI_VENDOR, fake_config_read(self->f, self->d.pci, 0, 2));
	EXPECT_EQ(PVN_PCI_DEVICE_BLOCK, fake_config_read(self->f, self->d.pci, 2, 2));
	for (i = 0; i < sizeof(config); i += 4)
		((uint32_t *)&config)[i / 4] = pvd_read(&self->d, PVN_REG_CONFIG + i);
	EXPECT_EQ(DISK_BYTES / 512, config.nr_sectors);
	EXPECT_EQ(0, pvd_read(&self->d, PVN_REG_CONFIG + sizeof(config)));
	EXPECT_EQ(0, pvd_read(&self->d, 0x40));
	/* Narrow and wide reads see the same bytes. */
	EXPECT_EQ(0x50, fake_mmio_read(self->f, self->d.regs, 1));
	EXPECT_EQ(PVN_DEVICE_MAGIC | (uint64_t)PVN_DEVICE_VERSION << 32, fake_mmio_read(self->f, self->d.regs, 8));
	EXPECT_LE(0, fake_doorbell_fd(self->f, BUS_PIO, self->d.doorbells + 4));
	EXPECT_EQ(-1, fake_doorbell_fd(self->f, BUS_PIO, self->d.doorbells + 8));
}

/* One field wrong at a time. */
TEST_F(block, attach_checks_every_field)
{
	struct pv_driver *d = &self->d;
	struct pvn_attach *a;

#define WRONG(error, change)                                                                            \
	do {                                                                                            \
		a = pvd_prepare(d, 2, ORDER, 0);                                                        \
		change;                                                                                 \
		EXPECT_EQ(error, pvd_command(d, PVN_CMD_ATTACH)) TH_LOG("%s", #change);                 \
		EXPECT_EQ(0, pvd_read(d, PVN_REG_STATUS));                                              \
	} while (0)
	WRONG(PVN_EVERSION, a->version += 1 << 16);
	WRONG(PVN_EVERSION, a->version = 0);
	WRONG(PVN_EINVAL, a->nr_queues = 0);
	WRONG(PVN_ERANGE, a->nr_queues = 3);
	WRONG(PVN_ERANGE, a->nr_queues = 0xffffffff);
	WRONG(PVN_EVERSION, a->features = 1ull << 63);
	WRONG(PVN_EINVAL, a->reserved[4] = 1);
	WRONG(PVN_EINVAL, a->reserved0 = 1);
	WRONG(PVN_EINVAL, a->config_port = 1);
	WRONG(PVN_EINVAL, a->queue[1].ring_addr += 32);
	WRONG(PVN_EFAULT, a->queue[1].ring_addr = PVD_RAM);
	WRONG(PVN_EFAULT, a->queue[1].ring_addr = PVD_RAM - 64);
	WRONG(PVN_EFAULT, a->queue[0].ring_addr = ~0ull & ~63ull);
	WRONG(PVN_EINVAL, a->queue[0].sq_order = 0);
	WRONG(PVN_EINVAL, a->queue[0].sq_order = ORDER + 1);
	WRONG(PVN_ERANGE, a->queue[0].cq_order = 13);
	WRONG(PVN_ERANGE, a->queue[0].cq_order = 0xffff);
	WRONG(PVN_ERANGE, a->queue[0].vector = 3);
	WRONG(PVN_EINVAL, a->queue[0].flags = 1);
	WRONG(PVN_EINVAL, a->queue[0].reserved[1] = 1);
	WRONG(PVN_EINVAL, ((struct pvn_ring_header *)pvd_ptr(d, PVD_RING(0)))->sq_tail += 1000);
	WRONG(PVN_EINVAL, fake_mmio_write(self->f, d->regs + PVN_REG_ATTACH_ADDR, 4, PVD_ATTACH + 8));
	WRONG(PVN_EFAULT, fake_mmio_write(self->f, d->regs + PVN_REG_ATTACH_ADDR + 4, 4, 0x8000));
	WRONG(PVN_EFAULT, fake_mmio_write(self->f, d->regs + PVN_REG_ATTACH_ADDR, 8, ~0ull & ~63ull));
	/* Fields of queues that are not attached are not read. */
	a = pvd_prepare(d, 1, ORDER, 0);
	a->queue[1].flags = 0xffff;
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_ATTACH));
	EXPECT_EQ(PVN_STATUS_ATTACHED, pvd_read(d, PVN_REG_STATUS));
}

TEST_F(block, commands_and_states)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req = request(1, PVN_BLOCK_READ, 0, 8);
	struct pvn_cqe cqe;

	EXPECT_EQ(PVN_ENOSYS, pvd_command(d, 0));
	EXPECT_EQ(PVN_ENOSYS, pvd_command(d, 99));
	EXPECT_EQ(PVN_ESTATE, pvd_command(d, PVN_CMD_QUIESCE));
	EXPECT_EQ(PVN_ESTATE, pvd_command(d, PVN_CMD_RESUME));
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_DETACH));
	EXPECT_EQ(0, pvd_attach(d, 2, ORDER, 0));
	EXPECT_EQ(PVN_ESTATE, pvd_command(d, PVN_CMD_ATTACH));
	EXPECT_EQ(PVN_ESTATE, pvd_command(d, PVN_CMD_RESUME));
	EXPECT_EQ(4096, run_request(d, &req));
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_QUIESCE));
	EXPECT_EQ(PVN_STATUS_ATTACHED | PVN_STATUS_QUIESCED, pvd_read(d, PVN_REG_STATUS));
	EXPECT_EQ(PVN_ESTATE, pvd_command(d, PVN_CMD_QUIESCE));
	/* Submitted while quiesced: waits for the resume, and is found by it without a doorbell. */
	EXPECT_TRUE(pvd_submit(d, 0, &req));
	EXPECT_FALSE(pvd_wait(d, 0, &cqe, 100));
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_RESUME));
	EXPECT_TRUE(pvd_wait(d, 0, &cqe, 5000));
	EXPECT_EQ(4096, cqe.status);
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_DETACH));
	EXPECT_EQ(0, pvd_read(d, PVN_REG_STATUS));
	EXPECT_EQ(0, pvd_attach(d, 1, 1, 0));
	EXPECT_EQ(4096, run_request(d, &req));
}

TEST_F(block, no_dma_without_bus_mastering)
{
	struct pv_driver *d = &self->d;

	fake_config_write(self->f, d->pci, 4, 2, 3);
	EXPECT_EQ(PVN_ESTATE, pvd_attach(d, 1, ORDER, 0));
	fake_config_write(self->f, d->pci, 4, 2, 7);
	EXPECT_EQ(0, pvd_attach(d, 1, ORDER, 0));
	/* Turned off under a driver, as at kexec: the device lets go of its memory. */
	fake_config_write(self->f, d->pci, 4, 2, 3);
	EXPECT_EQ(0, pvd_read(d, PVN_REG_STATUS));
}

TEST_F(block, data_goes_to_the_file_and_back)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req;
	struct pvn_segment *table = pvd_ptr(d, PVD_TABLE);
	static char want[65536], have[65536];
	unsigned int i;
	int fd;

	ASSERT_EQ(0, pvd_attach(d, 1, ORDER, PVN_BLOCK_F_FLUSH));
	fill_pattern(want, sizeof(want), 5);
	memcpy(pvd_ptr(d, PVD_DATA), want, sizeof(want));
	/* 16 segments from a table, last page first, so that order shows; FUA. */
	req = request(7, PVN_BLOCK_WRITE, 100, 128);
	req.flags = PVN_BLOCK_FUA;
	req.nr_segs = 16;
	req.table = PVD_TABLE;
	for (i = 0; i < 16; i++)
		table[i] = (struct pvn_segment){ .addr = PVD_DATA + 4096 * (15 - i), .len = 4096 };
	EXPECT_EQ(65536, run_request(d, &req));
	fd = open(self->path, O_RDONLY);
	ASSERT_EQ(65536, pread(fd, have, sizeof(have), 100 * 512));
	close(fd);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(0, memcmp(have + 4096 * i, want + 4096 * (15 - i), 4096));
	/* Back by two inline segments of different length, not page-aligned. */
	memset(pvd_ptr(d, PVD_DATA), 0, 65536);
	req = request(8, PVN_BLOCK_READ, 100, 128);
	req.nr_segs = 2;
	req.seg[0] = (struct pvn_segment){ .addr = PVD_DATA + 0x200, .len = 512 * 3 };
	req.seg[1] = (struct pvn_segment){ .addr = PVD_DATA + 0x20000, .len = 65536 - 512 * 3 };
	EXPECT_EQ(65536, run_request(d, &req));
	EXPECT_EQ(0, memcmp(pvd_ptr(d, PVD_DATA + 0x200), have, 512 * 3));
	EXPECT_EQ(0, memcmp(pvd_ptr(d, PVD_DATA + 0x20000), have + 512 * 3, 65536 - 512 * 3));
	/* Unaligned memory, which direct I/O does not take. */
	req = request(9, PVN_BLOCK_READ, 100, 8);
	req.seg[0].addr = PVD_DATA + 3;
	EXPECT_EQ(4096, run_request(d, &req));
	EXPECT_EQ(0, memcmp(pvd_ptr(d, PVD_DATA + 3), have, 4096));
	/* The last sector of the disk, and of memory. */
	req = request(10, PVN_BLOCK_WRITE, DISK_BYTES / 512 - 1, 1);
	req.seg[0].addr = PVD_RAM - 512;
	EXPECT_EQ(512, run_request(d, &req));
	req = request(11, PVN_BLOCK_FLUSH, 0, 0);
	EXPECT_EQ(0, run_request(d, &req));
}

TEST_F(block, zeroes_and_discard)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req;
	char *data = pvd_ptr(d, PVD_DATA);
	unsigned int i, pass;

	ASSERT_EQ(0, pvd_attach(d, 1, ORDER, pvd_features(d)));
	for (pass = 0; pass < 3; pass++) {
		fill_pattern(data, 65536, pass);
		req = request(1, PVN_BLOCK_WRITE, 0, 128);
		ASSERT_EQ(65536, run_request(d, &req));
		req = request(2, pass < 2 ? PVN_BLOCK_WRITE_ZEROES : PVN_BLOCK_DISCARD, 3, 50);
		req.flags = pass == 0 ? PVN_BLOCK_FUA : pass == 1 ? PVN_BLOCK_NOUNMAP : 0;
		if (pass == 2 && !(pvd_features(d) & PVN_BLOCK_F_DISCARD))
			break;
		EXPECT_EQ(0, run_request(d, &req));
		memset(data, 0xaa, 65536);
		req = request(3, PVN_BLOCK_READ, 0, 128);
		ASSERT_EQ(65536, run_request(d, &req));
		for (i = 3 * 512; i < 53 * 512; i++)
			ASSERT_EQ(0, data[i]) TH_LOG("pass %u, byte %u", pass, i);
		EXPECT_EQ((char)(pass * 31 + (3 * 512 - 1) * 7 + 2), data[3 * 512 - 1]);
		EXPECT_EQ((char)(pass * 31 + 53 * 512 * 7 + 53), data[53 * 512]);
	}
}

/* Each malformed entry completes, once, with its error, and the device goes on. */
TEST_F(block, malformed_entries_complete_with_an_error)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req, good = request(77, PVN_BLOCK_READ, 0, 8);
	struct pvn_segment *table = pvd_ptr(d, PVD_TABLE);
	struct pvn_cqe cqe;
	unsigned int i;

	ASSERT_EQ(0, pvd_attach(d, 1, ORDER, PVN_BLOCK_F_WRITE_ZEROES));
#define BAD(error, kind, change)                                                                        \
	do {                                                                                            \
		req = request(5, kind, 8, 8);                                                           \
		for (i = 0; i < 3; i++)                                                                 \
			table[i] = (struct pvn_segment){ .addr = PVD_DATA, .len = 4096 };                \
		change;                                                                                 \
		EXPECT_EQ(-error, run_request(d, &req)) TH_LOG("%s", #change);                          \
		EXPECT_EQ(4096, run_request(d, &good));                                                 \
	} while (0)
	BAD(PVN_ENOSYS, PVN_BLOCK_READ, req.op = 5);
	BAD(PVN_ENOSYS, PVN_BLOCK_READ, req.op = 255);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.flags = PVN_BLOCK_FUA);
	BAD(PVN_EINVAL, PVN_BLOCK_WRITE, req.flags = 0x80);
	BAD(PVN_ENOTSUP, PVN_BLOCK_WRITE, req.flags = PVN_BLOCK_FUA);
	BAD(PVN_ENOTSUP, PVN_BLOCK_FLUSH, req.nr_sectors = 0);
	BAD(PVN_ENOTSUP, PVN_BLOCK_DISCARD, req.flags = 0);
	BAD(PVN_EINVAL, PVN_BLOCK_WRITE_ZEROES, req.nr_segs = 1);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.reserved = 1);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.nr_segs = 0);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.nr_segs = 0xffff);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.nr_sectors = 0);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.nr_sectors = 9);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.seg[0].len = 4095);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.seg[0].len = 0);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.seg[0].reserved = 1);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, req.table = PVD_TABLE);
	BAD(PVN_ERANGE, PVN_BLOCK_READ, req.sector = DISK_BYTES / 512 - 7);
	BAD(PVN_ERANGE, PVN_BLOCK_READ, req.sector = ~0ull);
	BAD(PVN_ERANGE, PVN_BLOCK_READ, req.sector = ~0ull - 7);
	BAD(PVN_EFAULT, PVN_BLOCK_READ, req.seg[0].addr = PVD_RAM - 2048);
	BAD(PVN_EFAULT, PVN_BLOCK_READ, req.seg[0].addr = ~0ull - 100);
	BAD(PVN_EFAULT, PVN_BLOCK_READ, req.seg[0].addr = 0xe0000000);
	BAD(PVN_EINVAL, PVN_BLOCK_READ, { req.nr_segs = 3; req.table = PVD_TABLE + 8; });
	BAD(PVN_EFAULT, PVN_BLOCK_READ, { req.nr_segs = 3; req.table = PVD_RAM - 16; });
	BAD(PVN_EINVAL, PVN_BLOCK_READ, { req.nr_segs = 3; req.table = PVD_TABLE; });
	BAD(PVN_EFAULT, PVN_BLOCK_READ, { req.nr_segs = 3; req.nr_sectors = 24; req.table = PVD_TABLE;
					  table[2].addr = ~0ull; });
	EXPECT_FALSE(pvd_wait(d, 0, &cqe, 50));
	EXPECT_EQ(PVN_STATUS_ATTACHED, pvd_read(d, PVN_REG_STATUS));
}

TEST_F(block, wild_index_fails_the_device)
{
	struct pv_driver *d = &self->d;
	struct pvn_ring_header *hdr;
	struct pvn_block_request req = request(1, PVN_BLOCK_READ, 0, 8);

	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, 0));
	EXPECT_EQ(4096, run_request(d, &req));
	fake_msix_take(self->f, d->pci, 0);
	hdr = pvd_ptr(d, PVD_RING(1));
	hdr->sq_tail += 10000;
	fake_pio_write(self->f, d->doorbells + 4, 4, 1);
	ASSERT_TRUE(pvd_wait_status(d, PVN_STATUS_FAILED, PVN_STATUS_FAILED, 5000));
	EXPECT_EQ(PVN_ERANGE, pvd_read(d, PVN_REG_ERROR));
	EXPECT_EQ(1, fake_msix_take(self->f, d->pci, 0));
	/* Nothing moves, on the sound queue either, and no command but DETACH helps. */
	EXPECT_EQ(INT32_MIN, run_request(d, &req));
	EXPECT_EQ(PVN_ERANGE, pvd_command(d, PVN_CMD_QUIESCE));
	EXPECT_EQ(PVN_ERANGE, pvd_command(d, PVN_CMD_ATTACH));
	EXPECT_EQ(0, pvd_command(d, PVN_CMD_DETACH));
	EXPECT_EQ(0, pvd_attach(d, 2, ORDER, 0));
	EXPECT_EQ(4096, run_request(d, &req));
}

/* More submissions than the completion ring can answer. */
TEST_F(block, overcommitted_ring_fails_the_device)
{
	struct pv_driver *d = &self->d;
	struct pvn_ring_header *hdr = pvd_ptr(d, PVD_RING(0));
	unsigned int i;

	ASSERT_EQ(0, pvd_attach(d, 1, 1, 0));
	for (i = 0; i < 10 && !(pvd_read(d, PVN_REG_STATUS) & PVN_STATUS_FAILED); i++) {
		__atomic_fetch_add(&hdr->sq_tail, 1, __ATOMIC_RELEASE);
		fake_pio_write(self->f, d->doorbells, 4, 1);
		usleep(20000);
	}
	EXPECT_TRUE(pvd_wait_status(d, PVN_STATUS_FAILED, PVN_STATUS_FAILED, 1000));
	EXPECT_EQ(PVN_EOVERFLOW, pvd_read(d, PVN_REG_ERROR));
}

TEST_F(block, detach_with_requests_in_flight)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req;
	unsigned int round, i;
	char *ring;

	for (round = 0; round < 50; round++) {
		ASSERT_EQ(0, pvd_attach(d, 2, ORDER, PVN_BLOCK_F_FLUSH));
		for (i = 0; i < 30; i++) {
			req = request(i, i % 10 == 9 ? PVN_BLOCK_FLUSH : PVN_BLOCK_WRITE, i * 8, i % 10 == 9 ? 0 : 8);
			ASSERT_TRUE(pvd_submit(d, i % 2, &req));
		}
		ASSERT_EQ(0, pvd_command(d, PVN_CMD_DETACH));
		/* Not a byte of a ring changes from here on. */
		ring = pvd_ptr(d, PVD_RING(0));
		memset(ring, 0x5a, 0x20000);
		for (i = 0; i < 3; i++)
			usleep(300);
		for (i = 0; i < 0x20000; i++)
			ASSERT_EQ(0x5a, ring[i]);
	}
}

/* Many in flight on both queues: each completes once, with its own data. */
TEST_F_TIMEOUT(block, load_on_two_queues, 60)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req;
	struct pvn_cqe cqe;
	uint32_t next = 0, done = 0, doorbells = 0, i;
	unsigned int seen[64] = { 0 };
	char *data = pvd_ptr(d, PVD_DATA);

	ASSERT_EQ(0, pvd_attach(d, 2, ORDER, 0));
	for (i = 0; i < 512; i++)
		memset(data + i * 4096, (int)i, 4096);
	for (i = 0; i < 512; i++) {
		req = request(i, PVN_BLOCK_WRITE, i * 8, 8);
		req.seg[0].addr = PVD_DATA + i * 4096;
		ASSERT_EQ(4096, run_request(d, &req));
	}
	memset(data, 0xff, 512 * 4096);
	while (done < 8192) {
		for (i = 0; i < 2; i++) {
			while (next < 8192 && next - done < 64) {
				uint32_t block = next * 37 % 512;

				/* The id carries the place; 64 places for the data. */
				req = request(next % 64 | block << 8, PVN_BLOCK_READ, block * 8, 8);
				if (seen[next % 64])
					break;
				req.seg[0].addr = PVD_DATA + next % 64 * 4096;
				{
					void *slot = pvn_ring_guest_next(&d->ring[i]);

					if (!slot)
						break;
					memcpy(slot, &req, sizeof(req));
				}
				seen[next % 64] = 1;
				next++;
			}
			doorbells += pvd_publish(d, i);
			while (pvn_ring_guest_pop(&d->ring[i], &cqe) == 1) {
				uint32_t place = cqe.id & 63, block = cqe.id >> 8;

				ASSERT_EQ(4096, cqe.status);
				ASSERT_EQ(1, seen[place]);
				ASSERT_EQ((char)block, data[place * 4096]);
				ASSERT_EQ((char)block, data[place * 4096 + 4095]);
				seen[place] = 0;
				done++;
			}
			pvn_ring_guest_release(&d->ring[i]);
		}
	}
	TH_LOG("8192 requests, %u doorbells, %llu system calls", doorbells,
	       (unsigned long long)blk_queue_syscalls(self->b->bq));
}

/* Asleep and woken by the doorbell alone, thousands of times: a lost wake-up would be a timeout. */
TEST_F_TIMEOUT(block, one_at_a_time_with_interrupts, 60)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req;
	struct pvn_cqe cqe;
	unsigned int i, interrupts = 0;

	ASSERT_EQ(0, pvd_attach(d, 1, ORDER, 0));
	for (i = 0; i < 300; i++) {
		uint64_t end = loop_now_ns() + 5000000000ull;

		req = request(i, PVN_BLOCK_READ, i % 1000, 1);
		if (i % 3 == 0)
			usleep(300); /* let it fall asleep */
		EXPECT_FALSE(pvn_ring_guest_arm(&d->ring[0]));
		ASSERT_TRUE(pvd_submit(d, 0, &req));
		while (!fake_msix_take(self->f, d->pci, 1))
			ASSERT_LT(loop_now_ns(), end);
		interrupts++;
		ASSERT_EQ(1, pvn_ring_guest_pop(&d->ring[0], &cqe));
		EXPECT_EQ(i, cqe.id);
	}
	EXPECT_EQ(300, interrupts);
}

TEST_F(block, errors_of_the_backend_reach_the_guest)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request read = request(1, PVN_BLOCK_READ, 0, 64), write = request(2, PVN_BLOCK_WRITE, 0, 64);
	char err[256], *data = pvd_ptr(d, PVD_DATA);
	static char want[64 * 512];

	ASSERT_EQ(0, pvd_attach(d, 1, ORDER, 0));
	fill_pattern(want, sizeof(want), 9);
	memcpy(data, want, sizeof(want));
	ASSERT_EQ(32768, run_request(d, &write));
	self->disk.fault = &self->disk_fault;
	ASSERT_EQ(0, blk_fault_parse(&self->disk_fault, "eio:op=read:every=2", err, sizeof(err)));
	EXPECT_EQ(32768, run_request(d, &read));
	EXPECT_EQ(-PVN_EIO, run_request(d, &read));
	EXPECT_EQ(32768, run_request(d, &write));
	ASSERT_EQ(0, blk_fault_parse(&self->disk_fault, "enospc:op=write", err, sizeof(err)));
	EXPECT_EQ(-PVN_ENOSPC, run_request(d, &write));
	/* Short transfers are continued, unseen. */
	ASSERT_EQ(0, blk_fault_parse(&self->disk_fault, "short", err, sizeof(err)));
	memset(data, 0, sizeof(want));
	EXPECT_EQ(32768, run_request(d, &read));
	EXPECT_EQ(0, memcmp(data, want, sizeof(want)));
	fill_pattern(data, sizeof(want), 10);
	EXPECT_EQ(32768, run_request(d, &write));
	fill_pattern(want, sizeof(want), 10);
	memset(data, 0, sizeof(want));
	EXPECT_EQ(32768, run_request(d, &read));
	EXPECT_EQ(0, memcmp(data, want, sizeof(want)));
	EXPECT_LT(2, self->disk_fault.injected);
	ASSERT_EQ(0, blk_fault_parse(&self->disk_fault, "eof:op=read", err, sizeof(err)));
	EXPECT_EQ(-PVN_EIO, run_request(d, &read));
	self->disk.fault = NULL;
	EXPECT_EQ(32768, run_request(d, &read));
	EXPECT_NE(0, blk_fault_parse(&self->disk_fault, "eio:often", err, sizeof(err)));
}

TEST_F(block, file_cut_short_under_the_guest)
{
	struct pv_driver *d = &self->d;
	struct pvn_block_request req = request(1, PVN_BLOCK_READ, 4096, 8);

	ASSERT_EQ(0, pvd_attach(d, 1, ORDER, 0));
	EXPECT_EQ(4096, run_request(d, &req));
	ASSERT_EQ(0, truncate(self->path, 1 << 20));
	EXPECT_EQ(-PVN_EIO, run_request(d, &req));
	/* Half there, half not. */
	req.sector = (1 << 20) / 512 - 4;
	EXPECT_EQ(-PVN_EIO, run_request(d, &req));
	req.sector = 0;
	EXPECT_EQ(4096, run_request(d, &req));
}

/* The host that lies, as the guest would see it. */
TEST_F(block, lies_on_the_ring_are_told_when_asked_for)
{
	static const char *const specs[] = { "wild-index", "back-index", "replay-id", "bad-id", "bad-status",
					     "bad-flags", "drop", "wild-head", "spurious" };
	struct pv_driver *d = &self->d;
	struct pvn_block_request req = request(1, PVN_BLOCK_READ, 0, 8);
	struct pvn_cqe cqe;
	char err[256];
	unsigned int i;

	for (i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		bool came;

		ASSERT_EQ(0, pv_fault_parse(&self->fault, "pv-block", specs[i], err, sizeof(err)));
		ASSERT_EQ(0, pvd_attach(d, 1, ORDER, 0));
		ASSERT_TRUE(pvd_submit(d, 0, &req));
		came = pvd_wait(d, 0, &cqe, i == 6 ? 200 : 5000);
		switch (i) {
		case 0:
		case 1:
		case 2: /* two completions of one request: more than are in flight */
			EXPECT_FALSE(came);
			EXPECT_TRUE(pvn_ring_guest_dead(&d->ring[0])) TH_LOG("%s", specs[i]);
			break;
		case 3:
			EXPECT_TRUE(came && cqe.id == 0xdeadbeef);
			break;
		case 4:
			EXPECT_TRUE(came && cqe.status < -PVN_EMAX);
			break;
		case 5:
			EXPECT_TRUE(came && cqe.flags);
			break;
		case 6:
			EXPECT_FALSE(came);
			EXPECT_FALSE(pvn_ring_guest_dead(&d->ring[0]));
			break;
		default:
			EXPECT_TRUE(came);
		}
		EXPECT_EQ(0, pvd_command(d, PVN_CMD_DETACH)) TH_LOG("%s", specs[i]);
	}
	EXPECT_NE(0, pv_fault_parse(&self->fault, "pv-block", "sometimes", err, sizeof(err)));
	EXPECT_NE(0, pv_fault_parse(&self->fault, "pv-block", "drop:after=x", err, sizeof(err)));
}

TEST(null_backend_and_read_only)
{
	struct fake_machine *f = fake_machine_create(PVD_RAM);
	struct pvn_block_request req = request(1, PVN_BLOCK_WRITE, 1000, 8);
	struct blk_disk disk;
	struct pv_block *b;
	struct pv_driver d;
	char err[256], path[64];

	ASSERT_EQ(0, blk_disk_open(&disk, "null", false, BLK_CACHE_NONE, err, sizeof(err)));
	ASSERT_EQ(0, pv_block_create(&f->m, &disk, NULL, &b));
	pvd_init(&d, f, &b->dev.pci);
	ASSERT_EQ(0, pvd_attach(&d, 1, ORDER, PVN_BLOCK_F_FLUSH));
	EXPECT_EQ(4096, run_request(&d, &req));
	pv_block_destroy(b);
	blk_disk_close(&disk);

	ASSERT_EQ(0, make_disk(path));
	ASSERT_EQ(0, blk_disk_open(&disk, path, true, BLK_CACHE_WRITEBACK, err, sizeof(err))) TH_LOG("%s", err);
	ASSERT_EQ(0, pv_block_create(&f->m, &disk, NULL, &b));
	pvd_init(&d, f, &b->dev.pci);
	EXPECT_EQ(PVN_BLOCK_F_READ_ONLY, pvd_features(&d));
	ASSERT_EQ(0, pvd_attach(&d, 1, ORDER, 0));
	EXPECT_EQ(-PVN_EROFS, run_request(&d, &req));
	req.op = PVN_BLOCK_READ;
	EXPECT_EQ(4096, run_request(&d, &req));
	pv_block_destroy(b);
	blk_disk_close(&disk);
	unlink(path);
	pv_registry_destroy(&f->m);
	fake_machine_destroy(f);
}

/* A file system that is full, for real. */
TEST(host_disk_full)
{
	struct fake_machine *f = fake_machine_create(PVD_RAM);
	struct pvn_block_request req = request(1, PVN_BLOCK_WRITE, 0, 256);
	char err[256], dir[] = "/tmp/pv-block-full-XXXXXX", path[64];
	struct blk_disk disk;
	struct pv_block *b;
	struct pv_driver d;
	int32_t status = 0;
	uint64_t sector;
	int fd;

	ASSERT_NE(NULL, mkdtemp(dir));
	if (mount("none", dir, "tmpfs", 0, "size=1m")) {
		rmdir(dir);
		SKIP(return, "a small tmpfs cannot be mounted: needs root");
	}
	snprintf(path, sizeof(path), "%s/disk", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ASSERT_EQ(0, ftruncate(fd, 8 << 20));
	close(fd);
	ASSERT_EQ(0, blk_disk_open(&disk, path, false, BLK_CACHE_NONE, err, sizeof(err)));
	ASSERT_EQ(0, pv_block_create(&f->m, &disk, NULL, &b));
	pvd_init(&d, f, &b->dev.pci);
	ASSERT_EQ(0, pvd_attach(&d, 1, ORDER, 0));
	for (sector = 0; sector < (8 << 20) / 512 && status >= 0; sector += 256) {
		req.sector = sector;
		status = run_request(&d, &req);
	}
	EXPECT_EQ(-PVN_ENOSPC, status);
	/* And what is there can still be read. */
	req = request(2, PVN_BLOCK_READ, 0, 256);
	EXPECT_EQ(131072, run_request(&d, &req));
	pv_block_destroy(b);
	blk_disk_close(&disk);
	pv_registry_destroy(&f->m);
	fake_machine_destroy(f);
	umount(dir);
	rmdir(dir);
}

TEST_HARNESS_MAIN
