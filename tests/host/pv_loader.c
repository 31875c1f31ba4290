// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels for pv mode as the loader takes or refuses them, and the page tables that a guest starts with. The kernel is
 * the tiny guest's, damaged in one place at a time.
 */
#include "kselftest_harness.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <paravane/features.h>

#include "pv_monitor.h"

#define GUEST "out/tests/tiny/pv.elf"
#define MEMORY (64ull << 20)
#define MAX_FILE (1 << 20)
#define MONITOR_GPA (1ull << 39)
#define AREAS 0x10000ull /* offset of the vCPUs' areas */

static char err[512];

FIXTURE(kernel)
{
	uint8_t *file;
	size_t bytes;
	Elf64_Ehdr *eh;
	Elf64_Phdr *ph; /* text, data, edge, note */
	struct pvn_note_pv *note;
	struct gmem gmem;
	struct pv_kernel out;
	char path[32];
};

FIXTURE_SETUP(kernel)
{
	int fd = open(GUEST, O_RDONLY);
	ssize_t n;

	ASSERT_LE(0, fd) TH_LOG("%s is not built", GUEST);
	self->file = malloc(MAX_FILE);
	n = read(fd, self->file, MAX_FILE);
	close(fd);
	ASSERT_LT(0, n);
	self->bytes = (size_t)n;
	self->eh = (void *)self->file;
	self->ph = (void *)(self->file + self->eh->e_phoff);
	ASSERT_EQ(4, self->eh->e_phnum);
	ASSERT_EQ(PT_NOTE, self->ph[3].p_type);
	/* Header of 12 bytes, "Paravane" and its zero padded to 12. */
	self->note = (void *)(self->file + self->ph[3].p_offset + 24);
	ASSERT_EQ(PVN_ABI_VERSION, self->note->version);
	ASSERT_EQ(0, gmem_init(&self->gmem, MEMORY));
	strcpy(self->path, "/tmp/pv-loader.XXXXXX");
	fd = mkstemp(self->path);
	ASSERT_LE(0, fd);
	close(fd);
}

FIXTURE_TEARDOWN(kernel)
{
	gmem_destroy(&self->gmem);
	unlink(self->path);
	free(self->file);
}

static int load_file(struct gmem *gmem, const char *path, struct pv_kernel *out)
{
	struct boot_request request = { .gmem = gmem, .kernel = path, .cmdline = "word" };

	err[0] = 0;
	return loader_load_pv(&request, out, err, sizeof(err));
}

static int load(FIXTURE_DATA(kernel) * self)
{
	int fd = open(self->path, O_WRONLY | O_TRUNC);
	ssize_t n = write(fd, self->file, self->bytes);

	close(fd);
	return n == (ssize_t)self->bytes ? load_file(&self->gmem, self->path, &self->out) : -EIO;
}

/* Refused, with these words and the file's name in the message. */
static bool refused(FIXTURE_DATA(kernel) * self, const char *words)
{
	int ret = load(self);

	if (ret < 0 && strstr(err, words) && strstr(err, self->path))
		return true;
	fprintf(stderr, "# %d: %s\n", ret, err);
	return false;
}

TEST_F(kernel, good)
{
	const uint8_t *page;

	ASSERT_EQ(0, load(self)) TH_LOG("%s", err);
	EXPECT_EQ(self->note->entry, self->out.entry);
	EXPECT_EQ(3, self->out.nr_segments);
	EXPECT_EQ(0x1000000, self->out.segment[0].gpa);
	EXPECT_EQ(0xffffffff81000000, self->out.segment[0].va);
	EXPECT_TRUE(self->out.segment[0].execute);
	EXPECT_FALSE(self->out.segment[0].write);
	EXPECT_TRUE(self->out.segment[1].write);
	EXPECT_FALSE(self->out.segment[1].execute);
	page = gmem_ptr(&self->gmem, GPA(self->note->hypercall_page - 0xffffffff80000000), 4096);
	EXPECT_EQ(0, memcmp(page + 4, "\x0f\x05\xc3\xcc", 4));
	EXPECT_EQ(0xcc, page[4095]);
}

TEST_F(kernel, other_files)
{
	char bytes[4096] = { 0 };
	int fd;

	EXPECT_GT(0, load_file(&self->gmem, "/nonexistent/kernel", &self->out));
	EXPECT_NE(NULL, strstr(err, "--kernel"));
	memcpy(self->file, bytes, 4);
	EXPECT_TRUE(refused(self, "not an ELF kernel"));
	bytes[0x1fe] = 0x55;
	bytes[0x1ff] = (char)0xaa;
	memcpy(bytes + 0x202, "HdrS", 4);
	fd = open(self->path, O_WRONLY | O_TRUNC);
	ASSERT_EQ(sizeof(bytes), write(fd, bytes, sizeof(bytes)));
	close(fd);
	EXPECT_GT(0, load_file(&self->gmem, self->path, &self->out));
	EXPECT_NE(NULL, strstr(err, "bzImage")) TH_LOG("%s", err);
	EXPECT_NE(NULL, strstr(err, "--mode hvm")) TH_LOG("%s", err);
}

TEST_F(kernel, notes)
{
	struct pvn_note_pv good = *self->note;

	self->note->version += 1 << 16;
	EXPECT_TRUE(refused(self, "version"));
	*self->note = good;
	self->note->flags = 1;
	EXPECT_TRUE(refused(self, "malformed"));
	*self->note = good;
	self->note->reserved = 1;
	EXPECT_TRUE(refused(self, "malformed"));
	*self->note = good;
	self->note->entry = self->ph[1].p_vaddr;
	EXPECT_TRUE(refused(self, "the entry"));
	self->note->entry = 0x1000;
	EXPECT_TRUE(refused(self, "the entry"));
	*self->note = good;
	self->note->hypercall_page += 8;
	EXPECT_TRUE(refused(self, "hypercall page"));
	self->note->hypercall_page = self->ph[1].p_vaddr;
	EXPECT_TRUE(refused(self, "hypercall page"));
	self->note->hypercall_page = PVN_PV_HOLE_START;
	EXPECT_TRUE(refused(self, "hypercall page"));
	*self->note = good;
	/* A descriptor of a size that no version has. */
	for (unsigned int i = 0; i < 3; i++) {
		static const uint32_t sizes[] = { 4, 28, 36 };
		Elf64_Nhdr *nh = (void *)(self->file + self->ph[3].p_offset);
		uint64_t filesz = self->ph[3].p_filesz;

		nh->n_descsz = sizes[i];
		self->ph[3].p_filesz = 24 + sizes[i];
		EXPECT_TRUE(refused(self, "malformed"));
		nh->n_descsz = sizeof(*self->note);
		self->ph[3].p_filesz = filesz;
	}
	/* A newer minor only adds. */
	self->note->version++;
	EXPECT_EQ(0, load(self)) TH_LOG("%s", err);
	self->ph[3].p_type = PT_NULL;
	EXPECT_TRUE(refused(self, "no Paravane note"));
	self->ph[3].p_type = PT_NOTE;
	self->ph[3].p_offset = self->bytes - 8;
	EXPECT_TRUE(refused(self, "truncated"));
}

TEST_F(kernel, segments)
{
	static const struct {
		uint64_t va;
		const char *words;
	} bad[] = {
		{ PVN_PV_HOLE_START, "monitor" },
		{ PVN_PV_HOLE_END - 0x1000, "monitor" },
		{ PVN_PV_HOLE_START + 0x1234567000, "monitor" },
		{ PVN_PV_HOLE_START - 0x1000, "no range" },
		{ PVN_PV_DIRECT_MAP, "all RAM" },
		{ PVN_PV_DIRECT_MAP + PVN_PV_DIRECT_MAX - 0x1000, "all RAM" },
		{ 0x800000000000, "no range" },
		{ 0x7ffffffff000, "no range" },
		{ 0xfffffffffffff000, "no range" },
		{ 0xffffffff81003008, "differ within a page" },
	};
	Elf64_Phdr good = self->ph[1];

	for (unsigned int at = 0; at < sizeof(bad) / sizeof(bad[0]); at++) {
		self->ph[1].p_vaddr = bad[at].va;
		EXPECT_TRUE(refused(self, bad[at].words)) TH_LOG("%llx", (unsigned long long)bad[at].va);
	}
	/* Around the hole, from below to above: impossible to name without crossing the gap. */
	self->ph[1] = good;
	self->ph[1].p_vaddr = PVN_PV_HOLE_END;
	EXPECT_EQ(0, load(self)) TH_LOG("%s", err);
	self->ph[1] = good;
	self->ph[1].p_memsz = ~0ull;
	EXPECT_TRUE(refused(self, "no range"));
	self->ph[1].p_memsz = 1ull << 40;
	EXPECT_GT(0, load(self));
	self->ph[1] = good;
	self->ph[1].p_memsz = MEMORY;
	EXPECT_TRUE(refused(self, "--memory"));
	self->ph[1] = good;
	self->ph[1].p_filesz = good.p_memsz + 1;
	EXPECT_TRUE(refused(self, "truncated or malformed"));
	self->ph[1] = good;
	self->ph[1].p_paddr = 0;
	EXPECT_TRUE(refused(self, "wants memory"));
}

TEST_F(kernel, too_little_memory)
{
	struct gmem small;

	ASSERT_EQ(0, gmem_init(&small, 16 << 20));
	gmem_destroy(&self->gmem);
	self->gmem = small;
	EXPECT_TRUE(refused(self, "--memory"));
}

/* A walk by hand, as the CPU would do it: the last entry, and the rights of all levels together. */
static uint64_t walk(const struct pv_tables *t, uint64_t va, uint64_t *rights)
{
	uint64_t table = t->top, entry;

	*rights = PV_PTE_WRITE | PV_PTE_USER;
	for (unsigned int level = 4;; level--) {
		memcpy(&entry, t->host + table + (va >> (12 + 9 * (level - 1)) & 511) * 8, 8);
		if (!(entry & PV_PTE_PRESENT))
			return 0;
		*rights = (*rights & entry & (PV_PTE_WRITE | PV_PTE_USER)) | ((*rights | entry) & PV_PTE_NX);
		if (level == 1 || (level == 2 && entry & PV_PTE_LARGE))
			return entry & PV_PTE_ADDR;
		table = (entry & PV_PTE_ADDR) - t->gpa;
	}
}

/* Every last-level entry there is: frames that level 3 reaches are RAM, and outside of the hole. */
static unsigned int count_leaks(const struct pv_tables *t, uint64_t table, unsigned int level, uint64_t va, bool user,
				unsigned int *leaves)
{
	unsigned int leaks = 0;

	for (uint64_t i = 0; i < 512; i++) {
		uint64_t at = va | i << (12 + 9 * (level - 1)), entry;
		bool reach;

		memcpy(&entry, t->host + table + i * 8, 8);
		if (!(entry & PV_PTE_PRESENT))
			continue;
		reach = user && entry & PV_PTE_USER;
		if (level > 1 && !(level == 2 && entry & PV_PTE_LARGE)) {
			leaks += count_leaks(t, (entry & PV_PTE_ADDR) - t->gpa, level - 1, at, reach, leaves);
			continue;
		}
		if (at >> 47)
			at |= 0xffff000000000000;
		++*leaves;
		leaks += reach && ((entry & PV_PTE_ADDR) >= MEMORY || (at >= PVN_PV_HOLE_START && at < PVN_PV_HOLE_END));
		leaks += !reach && (at < PVN_PV_HOLE_START || at >= PVN_PV_HOLE_END);
	}
	return leaks;
}

TEST_F(kernel, tables)
{
	struct pv_tables t = { .gpa = MONITOR_GPA, .at = 0x48000, .bytes = 4 << 20 };
	const struct pv_layout layout = {
		.text_bytes = 0x4000, .image_bytes = 0x8000, .areas = AREAS, .nr_vcpus = 2, .rest = AREAS + 2 * MONITOR_AREA_BYTES,
	};
	unsigned int leaves = 0;
	uint64_t rights;

	ASSERT_EQ(0, load(self));
	t.host = malloc(t.bytes);
	ASSERT_EQ(0, pv_tables_make(&t, &layout, &self->gmem, &self->out));
	EXPECT_EQ(0, count_leaks(&t, t.top, 4, 0, true, &leaves));
	EXPECT_LT(2 * MEMORY / (2 << 20), leaves);

	EXPECT_EQ(0x1000000, walk(&t, 0xffffffff81000000, &rights));
	EXPECT_EQ(PV_PTE_USER, rights);
	EXPECT_EQ(self->ph[1].p_paddr, walk(&t, self->ph[1].p_vaddr, &rights));
	EXPECT_EQ(PV_PTE_USER | PV_PTE_WRITE | PV_PTE_NX, rights);
	EXPECT_EQ(0x200000, walk(&t, PVN_PV_DIRECT_MAP + 0x200000, &rights));
	EXPECT_EQ(PV_PTE_USER | PV_PTE_WRITE | PV_PTE_NX, rights);
	EXPECT_EQ(0x200000, walk(&t, MONITOR_RAM_VA + 0x200000, &rights));
	EXPECT_EQ(PV_PTE_WRITE | PV_PTE_NX, rights);
	EXPECT_EQ(MONITOR_GPA, walk(&t, MONITOR_VA, &rights));
	EXPECT_EQ(0, rights);
	EXPECT_EQ(MONITOR_GPA + 0x4000, walk(&t, MONITOR_VA + 0x4000, &rights));
	EXPECT_EQ(PV_PTE_WRITE | PV_PTE_NX, rights);
	EXPECT_EQ(0, walk(&t, MONITOR_VA + 0x8000, &rights));
	EXPECT_EQ(MONITOR_APIC_GPA, walk(&t, MONITOR_APIC_VA, &rights));
	EXPECT_EQ(PV_PTE_WRITE | PV_PTE_NX, rights);
	EXPECT_EQ(MONITOR_GPA + layout.rest, walk(&t, MONITOR_VA + layout.rest, &rights));
	EXPECT_EQ(PV_PTE_WRITE | PV_PTE_NX, rights);
	/* Each vCPU's area, but for the page that catches a stack that runs over. */
	for (uint64_t at = AREAS; at < layout.rest; at += 4096) {
		bool guard = at % MONITOR_AREA_BYTES == MONITOR_AREA_GUARD;

		EXPECT_EQ(guard ? 0 : MONITOR_GPA + at, walk(&t, MONITOR_VA + at, &rights)) TH_LOG("%llx", (unsigned long long)at);
	}
	EXPECT_EQ(0, walk(&t, PVN_PV_DIRECT_MAP + MEMORY, &rights));
	EXPECT_EQ(0, walk(&t, 0x1000, &rights));

	/* No guest address is the monitor's: that is all that devices and calls of the VMM's can name. */
	EXPECT_EQ(NULL, gmem_ptr(&self->gmem, GPA(MONITOR_GPA), 1));
	EXPECT_EQ(NULL, gmem_ptr(&self->gmem, GPA(MEMORY), 1));

	/* The same page twice: the rights of both; another frame: refused; no room: said. */
	ASSERT_EQ(0, pv_tables_map(&t, 0xffffffff81000000, 0x1000000, 4096, PV_PTE_USER | PV_PTE_WRITE | PV_PTE_NX));
	walk(&t, 0xffffffff81000000, &rights);
	EXPECT_EQ(PV_PTE_USER | PV_PTE_WRITE, rights);
	EXPECT_EQ(-EEXIST, pv_tables_map(&t, 0xffffffff81000000, 0x1001000, 4096, PV_PTE_USER));
	t.bytes = t.at;
	EXPECT_EQ(-ENOMEM, pv_tables_map(&t, 0x1000, 0x1000, 4096, PV_PTE_USER));
	free(t.host);
}

/* Whatever is damaged: loaded or refused with words, and never a byte out of place (ASan). */
TEST_F(kernel, damaged)
{
	unsigned int seed = 1, refusals = 0;
	uint8_t *good = malloc(self->bytes);

	memcpy(good, self->file, self->bytes);
	for (unsigned int round = 0; round < 5000; round++) {
		unsigned int changes = 1 + rand_r(&seed) % 3;

		while (changes--) {
			size_t at = rand_r(&seed) % 3 ? rand_r(&seed) % 320 : self->ph[3].p_offset + rand_r(&seed) % 56;

			if (at < self->bytes)
				self->file[at] = rand_r(&seed) % 3 ? (uint8_t)rand_r(&seed) : (uint8_t)(self->file[at] ^ 1 << rand_r(&seed) % 8);
		}
		if (load(self)) {
			refusals++;
			ASSERT_LT(10, strlen(err));
		}
		memcpy(self->file, good, self->bytes);
	}
	EXPECT_LT(1000, refusals);
	EXPECT_GT(5000, refusals);
	free(good);
}

TEST_HARNESS_MAIN
