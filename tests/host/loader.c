// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels and initrds: what is placed where, and what is refused. The files are made here, so that each field can be
 * wrong on its own.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "kselftest_harness.h"

#include "loader.h"

#define MIB (1ull << 20)
#define SETUP_SECTORS 3
#define SETUP_BYTES ((SETUP_SECTORS + 1) * 512)
#define KERNEL_BYTES 8192
#define PREFERRED (16 * MIB)
#define FUZZ_ROUNDS 8000

static char err[1024];

FIXTURE(loader)
{
	struct gmem gm;
	struct boot_state boot;
	char kernel[64], initrd[64];
	struct boot_request req;
	uint8_t image[64 * 1024];
	size_t len;
};

static void make_bzimage(struct _test_data_loader *self)
{
	struct setup_header *hdr = (void *)(self->image + 0x1f1);

	memset(self->image, 0, sizeof(self->image));
	hdr->setup_sects = SETUP_SECTORS;
	hdr->boot_flag = 0xaa55;
	hdr->header = 0x53726448;
	hdr->version = 0x020f;
	hdr->xloadflags = XLF_KERNEL_64;
	hdr->syssize = KERNEL_BYTES / 16;
	hdr->pref_address = PREFERRED;
	hdr->init_size = 4 * MIB;
	hdr->initrd_addr_max = 0x7fffffff;
	hdr->cmdline_size = 255;
	memset(self->image + SETUP_BYTES, 0x90, KERNEL_BYTES);
	self->len = SETUP_BYTES + KERNEL_BYTES;
}

#define ELF_PH 64
#define ELF_NOTE 512
#define ELF_DATA 4096

static void make_elf(struct _test_data_loader *self)
{
	static const uint32_t note[] = { 4, 4, 18, 0x6e6558 /* "Xen" */, PREFERRED };
	Elf64_Ehdr *eh = (void *)self->image;
	Elf64_Phdr *ph = (void *)(self->image + ELF_PH);

	memset(self->image, 0, sizeof(self->image));
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_X86_64;
	eh->e_phoff = ELF_PH;
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 2;
	ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = ELF_DATA, .p_paddr = PREFERRED, .p_filesz = KERNEL_BYTES,
			      .p_memsz = 2 * KERNEL_BYTES };
	ph[1] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = ELF_NOTE, .p_filesz = sizeof(note) };
	memcpy(self->image + ELF_NOTE, note, sizeof(note));
	memset(self->image + ELF_DATA, 0x90, KERNEL_BYTES);
	self->len = ELF_DATA + KERNEL_BYTES;
}

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
}

static int load(struct _test_data_loader *self)
{
	err[0] = 0;
	write_file(self->kernel, self->image, self->len);
	return loader_load(&self->req, &self->boot, err, sizeof(err));
}

FIXTURE_SETUP(loader)
{
	snprintf(self->kernel, sizeof(self->kernel), "/tmp/pvn-loader-%d.kernel", getpid());
	snprintf(self->initrd, sizeof(self->initrd), "/tmp/pvn-loader-%d.initrd", getpid());
	ASSERT_EQ(0, gmem_init(&self->gm, 64 * MIB));
	self->req = (struct boot_request){ .gmem = &self->gm, .kernel = self->kernel, .cmdline = "quiet", .rsdp = 0xe0000 };
}

FIXTURE_TEARDOWN(loader)
{
	unlink(self->kernel);
	unlink(self->initrd);
	gmem_destroy(&self->gm);
}

TEST_F(loader, bzimage_is_placed_and_described)
{
	static const char initrd[] = "initrd contents";
	struct boot_params *bp;

	make_bzimage(self);
	write_file(self->initrd, initrd, sizeof(initrd));
	self->req.initrd = self->initrd;
	ASSERT_EQ(0, load(self)) TH_LOG("%s", err);
	EXPECT_EQ(PREFERRED + 0x200, self->boot.rip);
	EXPECT_EQ(0, memcmp(gmem_ptr(&self->gm, GPA(PREFERRED), KERNEL_BYTES), self->image + SETUP_BYTES, KERNEL_BYTES));
	bp = gmem_ptr(&self->gm, GPA(self->boot.rsi), sizeof(*bp));
	ASSERT_NE(NULL, bp);
	EXPECT_EQ(0xe0000, bp->acpi_rsdp_addr);
	EXPECT_EQ(0, bp->sentinel);
	EXPECT_STREQ("quiet", gmem_ptr(&self->gm, GPA(bp->hdr.cmd_line_ptr), 6));
	EXPECT_EQ(sizeof(initrd), bp->hdr.ramdisk_size);
	EXPECT_EQ(0, bp->hdr.ramdisk_image & 4095);
	EXPECT_LE(PREFERRED + 4 * MIB, bp->hdr.ramdisk_image);
	EXPECT_STREQ(initrd, gmem_ptr(&self->gm, GPA(bp->hdr.ramdisk_image), sizeof(initrd)));
	EXPECT_EQ(BOOT_PAGE_TABLES_ADDR, self->boot.cr3);
}

/* A bzImage whose payload is the ELF kernel of make_elf(), packed. The entry point is the ELF file's. */
static void make_packed(struct _test_data_loader *self, bool xz)
{
	struct setup_header *hdr = (void *)(self->image + 0x1f1);
	static uint8_t elf[64 * 1024], packed[64 * 1024];
	uint32_t elf_len, size;
	size_t packed_len = 0;

	make_elf(self);
	((Elf64_Ehdr *)self->image)->e_entry = PREFERRED + 64;
	elf_len = self->len;
	memcpy(elf, self->image, elf_len);
	if (xz) {
		if (lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, elf, elf_len, packed, &packed_len, sizeof(packed)))
			abort();
		memcpy(packed + packed_len, &elf_len, 4);
		packed_len += 4;
	} else {
		z_stream z = { .next_in = elf, .avail_in = elf_len, .next_out = packed, .avail_out = sizeof(packed) };

		if (deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) || deflate(&z, Z_FINISH) != Z_STREAM_END)
			abort();
		packed_len = z.total_out;
		deflateEnd(&z);
	}
	make_bzimage(self);
	size = (uint32_t)((packed_len + 15) & ~15ull);
	hdr->syssize = size / 16;
	hdr->payload_offset = 0;
	hdr->payload_length = packed_len;
	memset(self->image + SETUP_BYTES, 0, size);
	memcpy(self->image + SETUP_BYTES, packed, packed_len);
	self->len = SETUP_BYTES + size;
}

TEST_F(loader, packed_kernel_is_unpacked_here_or_left_to_the_guest)
{
	static uint8_t code[KERNEL_BYTES];

	memset(code, 0x90, sizeof(code));
	for (int xz = 0; xz < 2; xz++) {
		make_packed(self, xz);
		self->req.unpack_in_guest = false;
		ASSERT_EQ(0, load(self)) TH_LOG("%s", err);
		EXPECT_EQ(PREFERRED + 64, self->boot.rip);
		EXPECT_EQ(0, memcmp(gmem_ptr(&self->gm, GPA(PREFERRED), KERNEL_BYTES), code, KERNEL_BYTES));
		self->req.unpack_in_guest = true;
		ASSERT_EQ(0, load(self)) TH_LOG("%s", err);
		EXPECT_EQ(PREFERRED + 0x200, self->boot.rip);
		EXPECT_EQ(0, memcmp(gmem_ptr(&self->gm, GPA(PREFERRED), 64), self->image + SETUP_BYTES, 64));
	}
}

TEST_F(loader, packed_kernel_that_is_damaged)
{
	struct setup_header *hdr = (void *)(self->image + 0x1f1);

	make_packed(self, true);
	self->image[SETUP_BYTES + hdr->payload_length / 2] ^= 0x55;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "damaged")) TH_LOG("%s", err);

	/* Longer than the file: not for us to judge, the guest's unpacker gets it. */
	make_packed(self, true);
	hdr->payload_length = 0x7fffffff;
	EXPECT_EQ(0, load(self));
	EXPECT_EQ(PREFERRED + 0x200, self->boot.rip);

	/* Kernels beyond the room that the header asks for. */
	make_packed(self, true);
	hdr->init_size = 4096;
	EXPECT_EQ(-ENOEXEC, load(self));
}

/* Whatever bytes are in the payload: an error or a kernel, and nothing out of bounds. */
TEST_F_TIMEOUT(loader, random_payloads, 100)
{
	unsigned int seed = 2;

	for (int round = 0; round < FUZZ_ROUNDS / 8; round++) {
		struct setup_header *hdr = (void *)(self->image + 0x1f1);

		make_packed(self, round & 1);
		for (int i = rand_r(&seed) % 4; i >= 0; i--)
			self->image[SETUP_BYTES + rand_r(&seed) % hdr->payload_length] = rand_r(&seed);
		if (load(self))
			ASSERT_NE(0, err[0]);
	}
}

TEST_F(loader, memory_map_has_no_overlap_and_ends_where_memory_does)
{
	struct boot_map_entry map[BOOT_MAP_MAX];
	unsigned int nr = loader_memory_map(&self->gm, map);
	uint64_t ram_end = 0;

	for (unsigned int i = 0; i < nr; i++) {
		for (unsigned int j = 0; j < i; j++)
			EXPECT_TRUE(map[i].addr >= map[j].addr + map[j].size || map[j].addr >= map[i].addr + map[i].size);
		if (map[i].type == BOOT_MAP_RAM)
			ram_end = map[i].addr + map[i].size;
	}
	EXPECT_EQ(64 * MIB, ram_end);
}

TEST_F(loader, bzimage_refused)
{
	struct setup_header *hdr = (void *)(self->image + 0x1f1);

	make_bzimage(self);
	hdr->version = 0x0209;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "not for x86-64")) TH_LOG("%s", err);

	make_bzimage(self);
	hdr->xloadflags = 0;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "not for x86-64"));

	make_bzimage(self);
	self->len -= 1;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "truncated"));

	make_bzimage(self);
	self->len = SETUP_BYTES - 1;
	EXPECT_EQ(-ENOEXEC, load(self));

	make_bzimage(self);
	hdr->init_size = 1024 * MIB;
	EXPECT_EQ(-ENOMEM, load(self));
	EXPECT_NE(NULL, strstr(err, "--memory"));

	make_bzimage(self);
	hdr->pref_address = ~0ull - 100;
	EXPECT_EQ(-ENOMEM, load(self));
	hdr->pref_address = 0;
	EXPECT_EQ(-ENOMEM, load(self));
}

TEST_F(loader, command_line_as_long_as_the_kernel_takes)
{
	char line[300];

	make_bzimage(self);
	memset(line, 'x', sizeof(line));
	line[255] = 0;
	self->req.cmdline = line;
	EXPECT_EQ(0, load(self)) TH_LOG("%s", err);
	line[255] = 'x';
	line[256] = 0;
	EXPECT_EQ(-E2BIG, load(self));
	EXPECT_NE(NULL, strstr(err, "--append"));
}

TEST_F(loader, initrd_that_just_fits_and_one_byte_more)
{
	uint64_t room = 64 * MIB - PREFERRED - 4 * MIB;
	int fd;

	make_bzimage(self);
	self->req.initrd = self->initrd;
	fd = open(self->initrd, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ftruncate(fd, room));
	EXPECT_EQ(0, load(self)) TH_LOG("%s", err);
	ASSERT_EQ(0, ftruncate(fd, room + 1));
	EXPECT_EQ(-ENOMEM, load(self));
	EXPECT_NE(NULL, strstr(err, "--memory")) TH_LOG("%s", err);
	ASSERT_EQ(0, ftruncate(fd, 1ull << 40));
	EXPECT_EQ(-ENOMEM, load(self));
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(-EINVAL, load(self));
	EXPECT_NE(NULL, strstr(err, "empty"));
	close(fd);
	unlink(self->initrd);
	EXPECT_EQ(-ENOENT, load(self));
	EXPECT_NE(NULL, strstr(err, "--initrd"));
	self->req.initrd = "/tmp";
	EXPECT_EQ(-EINVAL, load(self));
}

TEST_F(loader, elf_is_placed_and_described)
{
	const uint32_t *info;

	make_elf(self);
	ASSERT_EQ(0, load(self)) TH_LOG("%s", err);
	EXPECT_EQ(PREFERRED, self->boot.rip);
	EXPECT_EQ(0, self->boot.cr0 >> 31);
	EXPECT_EQ(0, memcmp(gmem_ptr(&self->gm, GPA(PREFERRED), KERNEL_BYTES), self->image + ELF_DATA, KERNEL_BYTES));
	info = gmem_ptr(&self->gm, GPA(self->boot.rbx), 56);
	ASSERT_NE(NULL, info);
	EXPECT_EQ(0x336ec578, info[0]);
	EXPECT_EQ(0, info[3]); /* no modules */
}

TEST_F(loader, elf_refused)
{
	Elf64_Ehdr *eh = (void *)self->image;
	Elf64_Phdr *ph = (void *)(self->image + ELF_PH);

	make_elf(self);
	eh->e_machine = EM_AARCH64;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "AArch64"));

	make_elf(self);
	eh->e_ident[EI_CLASS] = ELFCLASS32;
	eh->e_machine = EM_386;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "32-bit x86"));

	make_elf(self);
	eh->e_ident[EI_DATA] = ELFDATA2MSB;
	eh->e_machine = __builtin_bswap16(EM_S390);
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "S/390"));

	make_elf(self);
	eh->e_type = ET_REL;
	EXPECT_EQ(-ENOEXEC, load(self));

	make_elf(self);
	eh->e_phoff = ~0ull - 8;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "truncated"));

	make_elf(self);
	ph[1].p_type = PT_NULL;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "CONFIG_PVH"));

	make_elf(self);
	self->len -= 1;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "truncated"));

	make_elf(self);
	ph[0].p_filesz = ph[0].p_memsz + 1;
	EXPECT_EQ(-ENOEXEC, load(self));

	make_elf(self);
	ph[0].p_paddr = 64 * MIB - KERNEL_BYTES;
	EXPECT_EQ(-ENOMEM, load(self));
	ph[0].p_paddr = 0x1000;
	EXPECT_EQ(-ENOMEM, load(self));
	ph[0].p_paddr = ~0ull - 100;
	EXPECT_EQ(-ENOMEM, load(self));

	make_elf(self);
	*(uint32_t *)(self->image + ELF_NOTE + 16) = 0x1000;
	EXPECT_EQ(-ENOEXEC, load(self));
	EXPECT_NE(NULL, strstr(err, "entry point"));
}

TEST_F(loader, files_that_are_no_kernels)
{
	static const struct {
		const char *bytes, *word;
	} bad[] = {
		{ "", "empty" }, { "x", "something else" }, { "\x1f\x8b\x08xxxx", "gzip" }, { "070701xxxxxxx", "cpio" },
		{ "MZ\x90xxxxxxx", "EFI" }, { "QFI\xfbxxxx", "qcow2" }, { "\x7f" "ELF", "ELF" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(self->image, 0, sizeof(self->image));
		self->len = strlen(bad[i].bytes);
		memcpy(self->image, bad[i].bytes, self->len);
		EXPECT_EQ(-ENOEXEC, load(self));
		EXPECT_NE(NULL, strstr(err, bad[i].word)) TH_LOG("%s", err);
	}
	self->req.kernel = "/tmp";
	EXPECT_EQ(-EINVAL, loader_load(&self->req, &self->boot, err, sizeof(err)));
	self->req.kernel = "/dev/null";
	EXPECT_EQ(-EINVAL, loader_load(&self->req, &self->boot, err, sizeof(err)));
	self->req.kernel = "/nonexistent/vmlinuz";
	EXPECT_EQ(-ENOENT, loader_load(&self->req, &self->boot, err, sizeof(err)));
	EXPECT_NE(NULL, strstr(err, "--kernel"));
}

/* Whatever is in the headers: an answer, no access out of bounds (the sanitizers look), and a message with an error. */
TEST_F_TIMEOUT(loader, random_headers, 100)
{
	unsigned int seed = 1, accepted = 0;

	for (int round = 0; round < FUZZ_ROUNDS; round++) {
		int ret;

		if (round & 1)
			make_elf(self);
		else
			make_bzimage(self);
		for (int i = rand_r(&seed) % 6; i >= 0; i--) {
			size_t at = round & 1 ? rand_r(&seed) % 700 : 0x1f1 + rand_r(&seed) % 120;

			self->image[at] = rand_r(&seed) & 3 ? rand_r(&seed) : rand_r(&seed) & 1 ? 0xff : 0x80;
		}
		if (!(rand_r(&seed) & 7))
			self->len = rand_r(&seed) % self->len;
		ret = load(self);
		accepted += !ret;
		if (ret)
			ASSERT_NE(0, err[0]);
	}
	/* Some changes do no harm; were there none, the rounds would all have ended at the first check. */
	EXPECT_LT(100u, accepted);
}

TEST_HARNESS_MAIN
