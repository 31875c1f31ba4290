// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile accesses to a whole machine at once: every device that exists, its registers, its configuration space, its
 * BARs moved meanwhile, and the memory that it reads descriptors from. Two threads play vCPUs. Built with sanitizers
 * this finds out-of-bounds accesses, overflows and use of what was freed; a hang is found by the time limit; and
 * afterwards, reset, the devices must still work.
 *
 *	PVN_FUZZ_SEED	repeats a run (each prints its own)
 *	PVN_FUZZ_ROUNDS	accesses a thread, 150,000 if not given
 */
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <paravane/device.h>
#include <paravane/ring.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/acpi.h"
#include "../../hv-core/vmm/devices/emulated/emulated.h"
#include "../../hv-core/vmm/devices/pv/pv.h"
#include "fake_machine.h"

#define RAM (8ull << 20)
#define NR_THREADS 2
#define DISK_BYTES (1ull << 30)

struct fuzz {
	struct fake_machine *f;
	struct uart *uart;
	struct rtc *rtc;
	struct acpi_pm *pm;
	struct ide *ide;
	struct e1000 *e1000;
	struct pv_block *block;
	struct pv_net *net;
	struct pv_console *console;
	struct blk_disk disk[2];
	struct net_backend nb[2];
	int peer[2];
	unsigned int sent, frames;
	unsigned long rounds;
};

struct fuzzer {
	struct fuzz *z;
	uint64_t state;
	pthread_t thread;
	int running; /* atomic */
};

static uint64_t rnd(struct fuzzer *r)
{
	/* splitmix64: any seed will do, zero too */
	uint64_t v = r->state += 0x9e3779b97f4a7c15;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

/* Numbers that are likely to be somebody's edge. */
static uint64_t value(struct fuzzer *r)
{
	switch (rnd(r) % 8) {
	case 0:
		return 0;
	case 1:
		return ~0ull;
	case 2:
		return 1ull << rnd(r) % 64;
	case 3:
		return (1ull << rnd(r) % 64) - 1;
	case 4:
		return rnd(r) % RAM & ~15ull;
	case 5:
		return RAM - rnd(r) % 4096;
	case 6:
		return rnd(r) % 256;
	default:
		return rnd(r);
	}
}

static unsigned int width(struct fuzzer *r, unsigned int most)
{
	unsigned int w = 1u << rnd(r) % 4;

	return w > most ? most : w;
}

static void fuzz_port(struct fuzzer *r, uint64_t base, uint64_t len)
{
	struct fake_machine *f = r->z->f;
	uint64_t port = base + rnd(r) % (len + 2);
	unsigned int w = width(r, 4);
	uint8_t buf[512];

	switch (rnd(r) % 8) {
	case 0:
		for (unsigned int i = 0; i < sizeof(buf); i++)
			buf[i] = rnd(r);
		fake_pio_string(f, port, w, 1 + rnd(r) % (sizeof(buf) / w), buf, rnd(r) & 1);
		break;
	case 1:
	case 2:
	case 3:
		fake_pio_read(f, port, w);
		break;
	default:
		fake_pio_write(f, port, w, value(r));
		break;
	}
}

static void fuzz_memory(struct fuzzer *r, uint64_t base, uint64_t len)
{
	/* Mostly the start of a BAR, where registers are; sometimes its last bytes and beyond. */
	uint64_t span = rnd(r) % 4 && len > 0x1000 ? 0x1000 : len;
	uint64_t addr = base + (rnd(r) % 16 ? rnd(r) % span & ~3ull : len - 8 + rnd(r) % 12);
	unsigned int w = rnd(r) % 4 ? 4 : width(r, 8);

	if (rnd(r) % 3)
		fake_mmio_write(r->z->f, addr, w, value(r));
	else
		fake_mmio_read(r->z->f, addr, w);
}

static void fuzz_config(struct fuzzer *r, unsigned int fn)
{
	uint64_t at = PCI_ECAM_BASE + fn * PCI_CONFIG_SIZE + rnd(r) % (rnd(r) % 8 ? 0x80 : 0x1000);
	uint64_t v = value(r);

	/* Mostly left switched on and where it is, else there would be nobody to talk to. */
	if (at % PCI_CONFIG_SIZE < 0x28 && rnd(r) % 16) {
		fake_mmio_write(r->z->f, PCI_ECAM_BASE + fn * PCI_CONFIG_SIZE + PCI_COMMAND, 2, 7);
		return;
	}
	fake_mmio_write(r->z->f, at, width(r, 8), v);
}

static void fuzz_bar(struct fuzzer *r, const struct pci_device *dev)
{
	unsigned int i = rnd(r) % PCI_NR_BARS;
	uint64_t base;

	if (dev->bar[i].kind == PCI_BAR_NONE)
		return;
	base = fake_bar(dev, i);
	if (dev->bar[i].kind == PCI_BAR_IO)
		fuzz_port(r, base, dev->bar[i].size);
	else
		fuzz_memory(r, base, dev->bar[i].size);
}

/* Descriptors and rings change under the devices' hands. */
static void scribble(struct fuzzer *r)
{
	uint64_t at = rnd(r) % (RAM - 64) & ~7ull;

	for (unsigned int i = 0; i < 8; i++) {
		uint64_t *p = gmem_ptr(&r->z->f->m.gmem, GPA(at + 8 * i), 8);

		__atomic_store_n(p, value(r), __ATOMIC_RELAXED);
	}
}

static void input(struct fuzzer *r)
{
	uint8_t frame[2048];
	unsigned int len = 1 + rnd(r) % (sizeof(frame) - 1);

	for (unsigned int i = 0; i < len; i++)
		frame[i] = i < 64 ? rnd(r) : i;
	/* A full socket drops it, as a wire does. */
	if (write(r->z->peer[rnd(r) & 1], frame, len) < 0)
		return;
}

/* A driver's first steps, well-formed but for what the other thread scribbles over them: deeper than chance gets. */
static void attach(struct fuzzer *r, const struct pci_device *dev)
{
	uint64_t table = RAM / 2 + (rnd(r) % 64) * 4096, ring = table + 2048;
	uint64_t regs = fake_bar(dev, PVN_PCI_BAR_REGS);
	unsigned int order = 1 + rnd(r) % 4;
	struct pvn_attach a = { .version = PVN_DEVICE_VERSION, .nr_queues = 1 };
	struct pvn_ring_header header = { .sq_tail = rnd(r) % 4, .cq_event = rnd(r) };
	uint8_t sqe[PVN_RING_SQE_BYTES];

	a.queue[0] = (struct pvn_queue_desc){
		.ring_addr = ring, .sq_order = order, .cq_order = order + rnd(r) % 2, .vector = rnd(r) % 3
	};
	gmem_write(&r->z->f->m.gmem, GPA(table), &a, sizeof(a));
	gmem_write(&r->z->f->m.gmem, GPA(ring), &header, sizeof(header));
	for (unsigned int i = 0; i < 1u << order; i++) {
		for (unsigned int b = 0; b < sizeof(sqe); b++)
			sqe[b] = rnd(r) % 4 ? 0 : rnd(r) % (b < 8 ? 8 : 256);
		gmem_write(&r->z->f->m.gmem, GPA(ring + PVN_RING_HEADER_BYTES + i * sizeof(sqe)), sqe, sizeof(sqe));
	}
	if (rnd(r) % 4 == 0)
		fake_mmio_write(r->z->f, regs + PVN_REG_COMMAND, 4, PVN_CMD_DETACH);
	fake_mmio_write(r->z->f, regs + PVN_REG_ATTACH_ADDR, 8, table);
	fake_mmio_write(r->z->f, regs + PVN_REG_COMMAND, 4, PVN_CMD_ATTACH);
	fake_pio_write(r->z->f, fake_bar(dev, PVN_PCI_BAR_DOORBELL), 4, 1);
}

static void program_vectors(struct fuzzer *r, const struct pci_device *dev)
{
	fake_msix_enable(r->z->f, dev, rnd(r) % 8);
	fake_msix_program(r->z->f, dev, rnd(r) % 3, value(r), value(r));
	fake_msix_mask(r->z->f, dev, rnd(r) % 3, rnd(r) % 4 == 0);
}

/* Rings that lie in memory, receiver and transmitter on, and something to send. */
static void start_e1000(struct fuzzer *r, const struct pci_device *dev)
{
	static const uint16_t ring[2] = { 0x2800, 0x3800 };
	struct fake_machine *f = r->z->f;
	uint64_t bar = fake_bar(dev, 0);

	for (int i = 0; i < 2; i++) {
		uint64_t base = RAM / 4 + rnd(r) % 64 * 4096;
		uint64_t desc[2] = { RAM / 8 + rnd(r) % 65536, 0x0b000000 | rnd(r) % 2048 };

		for (int d = 0; d < 8; d++)
			gmem_write(&f->m.gmem, GPA(base + 16 * d), desc, sizeof(desc));
		fake_mmio_write(f, bar + ring[i], 4, base);
		fake_mmio_write(f, bar + ring[i] + 4, 4, 0);
		fake_mmio_write(f, bar + ring[i] + 8, 4, 128);
		fake_mmio_write(f, bar + ring[i] + 0x10, 4, 0);
	}
	fake_mmio_write(f, bar + 0x100, 4, 0x8002 | 0x18);
	fake_mmio_write(f, bar + 0x400, 4, 0xa);
	fake_mmio_write(f, bar + 0xd0, 4, ~0u);
	fake_mmio_write(f, bar + ring[0] + 0x18, 4, 7);
	fake_mmio_write(f, bar + ring[1] + 0x18, 4, 1 + rnd(r) % 7);
}

/* A command with a plausible address, by PIO or by bus master with a table in memory. */
static void start_ide(struct fuzzer *r, const struct pci_device *dev)
{
	static const uint8_t command[] = { 0x20, 0x24, 0x30, 0x34, 0xc4, 0xc5, 0xc8, 0xca, 0x25, 0x35, 0xe7, 0xec, 0x06 };
	struct fake_machine *f = r->z->f;
	uint64_t bm = fake_bar(dev, 4), prd = RAM / 4 + rnd(r) % 4096 * 8;
	uint32_t entry[4] = { RAM / 2 + rnd(r) % 65536 * 2, rnd(r) % 65536, rnd(r) % RAM, rnd(r) };

	gmem_write(&f->m.gmem, GPA(prd), entry, sizeof(entry));
	fake_pio_write(f, bm + 4, 4, prd);
	fake_pio_write(f, 0x1f6, 1, 0xe0 | rnd(r) % 32);
	for (unsigned int reg = 2; reg < 6; reg++)
		fake_pio_write(f, 0x1f0 + reg, 1, rnd(r) % 4 ? rnd(r) % 8 : rnd(r));
	fake_pio_write(f, 0x1f7, 1, command[rnd(r) % sizeof(command)]);
	fake_pio_write(f, bm, 1, 1 | (rnd(r) & 8));
}

static void start_something(struct fuzzer *r, const struct pci_device *dev)
{
	if (dev->msix) {
		program_vectors(r, dev);
		attach(r, dev);
	} else if (dev->vendor == 0x8086 && dev->class_code >> 16 == 2) {
		start_e1000(r, dev);
	} else if (dev->vendor == 0x8086) {
		start_ide(r, dev);
	}
}

static void one_access(struct fuzzer *r)
{
	static const struct {
		uint16_t port, len;
	} ports[] = {
		{ 0x3f8, 8 }, { 0x70, 2 }, { ACPI_PM_BASE, 12 }, { ACPI_RESET_PORT, 1 },
		{ 0x1f0, 8 }, { 0x3f6, 2 }, { 0x170, 8 }, { 0x376, 2 }, { 0xcf8, 8 },
	};
	unsigned int p = rnd(r) % (sizeof(ports) / sizeof(ports[0]));
	struct pci_device *dev;

	switch (rnd(r) % 64) {
	case 0:
		acpi_pm_press_power_button(r->z->pm);
		break;
	case 1:
		uart_input(r->z->uart, (const uint8_t *)"typed by the user", 17, NULL, NULL);
		break;
	case 2:
		input(r);
		break;
	case 3 ... 6:
		scribble(r);
		break;
	case 7:
		fake_mmio_write(r->z->f, value(r), width(r, 8), value(r));
		break;
	case 8:
		fuzz_config(r, rnd(r) % 256);
		break;
	case 9 ... 14:
		fuzz_config(r, rnd(r) % 8 * 8);
		break;
	case 15:
		dev = pci_bus_slot(r->z->f->pci, rnd(r) % 8);
		if (dev)
			start_something(r, dev);
		break;
	case 16 ... 35:
		fuzz_port(r, ports[p].port, ports[p].len);
		break;
	default:
		dev = pci_bus_slot(r->z->f->pci, rnd(r) % 8);
		if (dev)
			fuzz_bar(r, dev);
		break;
	}
}

static void *fuzz_thread(void *opaque)
{
	struct fuzzer *r = opaque;

	for (unsigned long i = 0; i < r->z->rounds; i++)
		one_access(r);
	__atomic_store_n(&r->running, 0, __ATOMIC_RELEASE);
	return NULL;
}

static void sink(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct fuzz *z = opaque;

	__atomic_add_fetch(&z->sent, len, __ATOMIC_RELAXED);
}

static int recover(struct net_backend *nb)
{
	return 0;
}

static int offload(struct net_backend *nb, bool csum, bool tso4, bool tso6)
{
	return 0;
}

FIXTURE(machine)
{
	struct fuzz z;
};

FIXTURE_SETUP(machine)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
	struct fuzz *z = &self->z;
	struct blk_disk *disks[4] = { &z->disk[0] };
	char err[256];

	memset(z, 0, sizeof(*z));
	z->f = fake_machine_create(RAM);
	ASSERT_NE(NULL, z->f);
	for (int i = 0; i < 2; i++) {
		int fds[2];

		ASSERT_EQ(0, blk_disk_open(&z->disk[i], "null", false, BLK_CACHE_NONE, err, sizeof(err)));
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
		z->peer[i] = fds[1];
		z->nb[i] = (struct net_backend){
			.fd = fds[0], .link_up = true, .vnet_header = i, .can_csum = i, .can_tso = i,
			.describe = "test cable", .set_offload = offload, .recover = recover,
		};
	}
	ASSERT_EQ(0, uart_create(&z->f->m, sink, z, &z->uart));
	ASSERT_EQ(0, rtc_create(&z->f->m, &z->rtc));
	ASSERT_EQ(0, acpi_pm_create(&z->f->m, &z->pm));
	ASSERT_EQ(0, ide_create(&z->f->m, disks, &z->ide));
	ASSERT_EQ(0, e1000_create(&z->f->m, &z->nb[0], mac, &z->e1000));
	ASSERT_EQ(0, pv_block_create(&z->f->m, &z->disk[1], NULL, &z->block));
	ASSERT_EQ(0, pv_net_create(&z->f->m, &z->nb[1], mac, NULL, &z->net));
	ASSERT_EQ(0, pv_console_create(&z->f->m, sink, z, NULL, &z->console));
	for (unsigned int s = 0; s < 32; s++)
		if (pci_bus_slot(z->f->pci, s))
			fake_device_enable(z->f, pci_bus_slot(z->f->pci, s));
}

FIXTURE_TEARDOWN(machine)
{
	struct fuzz *z = &self->z;

	pv_console_destroy(z->console);
	pv_net_destroy(z->net);
	pv_block_destroy(z->block);
	e1000_destroy(z->e1000);
	ide_destroy(z->ide);
	acpi_pm_destroy(z->pm);
	rtc_destroy(z->rtc);
	uart_destroy(z->uart);
	/* Every device has taken its registers, wires and messages along. */
	EXPECT_EQ(NULL, z->f->m.pio.ranges);
	for (unsigned int i = 0; i < FAKE_MAX_ROUTES; i++)
		EXPECT_FALSE(z->f->route[i].used);
	EXPECT_EQ(0u, z->f->nr_doorbells);
	fake_machine_destroy(z->f);
	for (int i = 0; i < 2; i++) {
		close(z->peer[i]);
		close(z->nb[i].fd);
		blk_disk_close(&z->disk[i]);
	}
}

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

/* The guest's reset; then what each device must still be able to do. */
static void works_again(struct __test_metadata *_metadata, struct fuzz *z)
{
	struct fake_machine *f = z->f;
	unsigned int before;

	pci_bus_reset(f->pci);
	fake_pio_write(f, 0x3fb, 1, 0x03);
	fake_pio_write(f, 0x3fc, 1, 0);
	before = z->sent;
	fake_pio_write(f, 0x3f8, 1, '!');
	EXPECT_EQ(before + 1, z->sent);
	fake_pio_write(f, 0x70, 1, 13);
	EXPECT_EQ(0x80u, fake_pio_read(f, 0x71, 1));
	EXPECT_EQ(1u, fake_pio_read(f, ACPI_PM1_CNT, 2) & 1);
	EXPECT_NE(fake_pio_read(f, ACPI_PM_TMR, 4), (usleep(1000), fake_pio_read(f, ACPI_PM_TMR, 4)));
	for (unsigned int s = 0; s < 32; s++) {
		struct pci_device *dev = pci_bus_slot(f->pci, s);

		if (!dev)
			continue;
		/* Identity can't be written, and after a reset the BARs are back where they were. */
		EXPECT_EQ(dev->vendor | (uint32_t)dev->device << 16, fake_config_read(f, dev, PCI_VENDOR_ID, 4));
		fake_device_enable(f, dev);
		for (unsigned int b = 0; b < PCI_NR_BARS; b++)
			EXPECT_EQ(dev->bar[b].kind != PCI_BAR_NONE, dev->bar[b].mapped);
		if (dev->vendor == PVN_PCI_VENDOR && dev->bar[0].kind == PCI_BAR_MMIO32)
			EXPECT_EQ((uint32_t)PVN_DEVICE_MAGIC, fake_mmio_read(f, fake_bar(dev, 0), 4));
	}
}

/* Interrupts that went out, one way or the other. */
static unsigned int messages_of(struct fake_machine *f)
{
	unsigned int n = f->nr_msi;
	uint64_t count;

	for (unsigned int i = 0; i < FAKE_MAX_ROUTES; i++)
		if (f->route[i].used && read(f->route[i].eventfd, &count, sizeof(count)) == sizeof(count))
			n += count;
	return n;
}

TEST_F_TIMEOUT(machine, survives_random_accesses, 300)
{
	struct fuzz *z = &self->z;
	struct fuzzer r[NR_THREADS];
	uint64_t seed = number_from("PVN_FUZZ_SEED", loop_now_ns());
	bool running = true;

	z->rounds = number_from("PVN_FUZZ_ROUNDS", 150000);
	printf("# PVN_FUZZ_SEED=%llu PVN_FUZZ_ROUNDS=%lu\n", (unsigned long long)seed, z->rounds);
	fflush(stdout);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		r[i] = (struct fuzzer){ .z = z, .state = seed + i, .running = 1 };
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, fuzz_thread, &r[i]));
	}
	while (running) {
		char frame[65536];

		loop_run_once(z->f->m.loop, 1);
		/* The other end of each cable. */
		for (int i = 0; i < 2; i++)
			while (read(z->peer[i], frame, sizeof(frame)) > 0)
				z->frames++;
		running = false;
		for (unsigned int i = 0; i < NR_THREADS; i++)
			running |= __atomic_load_n(&r[i].running, __ATOMIC_ACQUIRE);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(r[i].thread, NULL);
	printf("# %llu accesses to nobody, %u bytes sent, %u frames, %u messages, %u stops\n",
	       (unsigned long long)(z->f->m.pio.unclaimed + z->f->m.mmio.unclaimed), z->sent,
	       z->frames, messages_of(z->f), z->f->nr_stops);
	fflush(stdout);
	works_again(_metadata, z);
}

TEST_HARNESS_MAIN
