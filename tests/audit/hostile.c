// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that lie: an answer or an error in words, within bounds (the sanitizers look) and within time. First each lie
 * on its own, then thousands of random ones on objects made here, on a real module, and on a real kernel's kallsyms.
 */
#include <elf.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "kselftest_harness.h"

#include "audit_test.h"

#define ROUNDS 2000
#define KALLSYMS_ROUNDS 100

FIXTURE(hostile)
{
	struct audit_run run;
	char path[64];
	uint8_t *elf;
	size_t len;
	Elf64_Ehdr *eh;
	Elf64_Shdr *sh;
};

static void take(struct _test_data_hostile *self, const char *path)
{
	free(self->elf);
	self->elf = read_file(path, &self->len);
	self->eh = (void *)self->elf;
	self->sh = (void *)(self->elf + self->eh->e_shoff);
}

FIXTURE_SETUP(hostile)
{
	self->elf = NULL;
	take(self, TABLES_O);
	snprintf(self->path, sizeof(self->path), "/tmp/pvn-audit-%d", getpid());
}

FIXTURE_TEARDOWN(hostile)
{
	unlink(self->path);
	free(self->elf);
}

static Elf64_Shdr *section(struct _test_data_hostile *self, const char *name)
{
	const char *names = (char *)self->elf + self->sh[self->eh->e_shstrndx].sh_offset;

	for (unsigned int i = 0; i < self->eh->e_shnum; i++) {
		if (!strcmp(names + self->sh[i].sh_name, name))
			return &self->sh[i];
	}
	abort();
}

/* Is the file refused, with this word in the message? The file is as before afterwards. */
static bool refused(struct _test_data_hostile *self, const char *word)
{
	int ret;

	write_file(self->path, self->elf, self->len);
	ret = run_audit(&self->run, self->path, &pv_guest);
	if (!ret)
		end_audit(&self->run);
	else if (!strstr(self->run.err, word))
		fprintf(stderr, "# said: %s\n", self->run.err);
	take(self, TABLES_O);
	return ret && strstr(self->run.err, word);
}

TEST_F(hostile, headers)
{
	self->len = 63;
	EXPECT_TRUE(refused(self, "cut off"));
	self->elf[0] = 'e';
	EXPECT_TRUE(refused(self, "not an ELF file"));
	self->eh->e_ident[EI_CLASS] = ELFCLASS32;
	EXPECT_TRUE(refused(self, "32-bit"));
	self->eh->e_ident[EI_DATA] = ELFDATA2MSB;
	EXPECT_TRUE(refused(self, "another machine"));
	self->eh->e_machine = EM_AARCH64;
	EXPECT_TRUE(refused(self, "another machine"));
	self->eh->e_type = ET_CORE;
	EXPECT_TRUE(refused(self, "neither an executable"));
	self->eh->e_shoff = ~0ull;
	EXPECT_TRUE(refused(self, "section headers"));
	self->eh->e_shoff = self->len - 8;
	EXPECT_TRUE(refused(self, "section headers"));
	self->eh->e_shnum = 0xfeff;
	EXPECT_TRUE(refused(self, "section headers"));
	self->eh->e_shnum = 0;
	self->sh[0].sh_size = ~0ull / 64;
	EXPECT_TRUE(refused(self, "section headers"));
	self->eh->e_shstrndx = 0xfffe;
	EXPECT_TRUE(refused(self, "no names"));
	self->len -= 65;
	EXPECT_TRUE(refused(self, "truncated"));
	/* No sections, and no segments either. */
	self->eh->e_shoff = 0;
	EXPECT_TRUE(refused(self, "neither section nor program headers"));
}

TEST_F(hostile, sections)
{
	Elf64_Shdr *sh = section(self, ".text");

	sh->sh_offset = ~0ull - 4;
	EXPECT_TRUE(refused(self, "truncated or malformed"));
	section(self, ".text")->sh_size = 1ull << 40;
	EXPECT_TRUE(refused(self, "truncated or malformed"));
	self->elf[section(self, ".strtab")->sh_offset + section(self, ".strtab")->sh_size - 1] = 'x';
	EXPECT_TRUE(refused(self, "symbol table"));
	section(self, ".symtab")->sh_link = 0xffffff;
	EXPECT_TRUE(refused(self, "symbol table"));
	section(self, ".rela.altinstructions")->sh_size = self->len - section(self, ".rela.altinstructions")->sh_offset;
	section(self, ".rela.altinstructions")->sh_link = 1;
	EXPECT_TRUE(refused(self, "relocations"));
	section(self, ".text")->sh_type = section(self, ".init.text")->sh_type = SHT_NOBITS;
	section(self, ".altinstr_replacement")->sh_type = SHT_NOBITS;
	EXPECT_TRUE(refused(self, "without any code"));
	/* All of the file is code, three times. */
	for (unsigned int i = 1; i < self->eh->e_shnum; i++) {
		if (self->sh[i].sh_flags & SHF_EXECINSTR) {
			self->sh[i].sh_offset = 0;
			self->sh[i].sh_size = self->len;
		}
	}
	EXPECT_TRUE(refused(self, "overlap"));
}

TEST_F(hostile, patch_tables)
{
	Elf64_Shdr *alt = section(self, ".altinstructions");

	/* A feature that no kernel has, and a replacement longer than its site. */
	self->elf[alt->sh_offset + 9] = 0x7f;
	EXPECT_TRUE(refused(self, "altinstructions"));
	alt = section(self, ".altinstructions");
	self->elf[alt->sh_offset + 11] = 200;
	EXPECT_TRUE(refused(self, "altinstructions"));
	/* Its relocations gone, it names no code. */
	section(self, ".rela.altinstructions")->sh_type = SHT_PROGBITS;
	EXPECT_TRUE(refused(self, "altinstructions"));
	section(self, ".rela.parainstructions")->sh_type = SHT_PROGBITS;
	EXPECT_TRUE(refused(self, "parainstructions"));
	/* Half a record at the end. */
	section(self, ".altinstructions")->sh_size += 9;
	EXPECT_TRUE(refused(self, "altinstructions"));
}

TEST_F(hostile, files_that_are_none)
{
	EXPECT_EQ(-ENOENT, run_audit(&self->run, "/nonexistent/vmlinux", &pv_guest));
	EXPECT_NE(NULL, strstr(self->run.err, "check the path"));
	EXPECT_EQ(-EINVAL, run_audit(&self->run, "/tmp", &pv_guest));
	EXPECT_NE(NULL, strstr(self->run.err, "not a regular file"));
	EXPECT_EQ(-EINVAL, run_audit(&self->run, "/dev/null", &pv_guest));
	self->len = 0;
	EXPECT_TRUE(refused(self, "empty"));
	memcpy(self->elf, "\x28\xb5\x2f\xfd", 4);
	EXPECT_TRUE(refused(self, "zstd"));
	memcpy(self->elf,
	       "\xfd"
	       "7zXZ\0",
	       6);
	EXPECT_TRUE(refused(self, "damaged"));
}

/* Code that is nothing but CLI: an end, and no report of gigabytes. */
TEST_F(hostile, too_much_of_it)
{
	const size_t more = 1 << 20;
	Elf64_Phdr *ph;

	take(self, TABLES_ELF);
	self->elf = realloc(self->elf, self->len + more);
	memset(self->elf + self->len, 0xfa, more);
	self->eh = (void *)self->elf;
	self->eh->e_shoff = 0;
	self->eh->e_phnum = 1;
	ph = (void *)(self->elf + self->eh->e_phoff);
	*ph = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_X, .p_offset = self->len, .p_filesz = more };
	write_file(self->path, self->elf, self->len + more);
	EXPECT_EQ(-E2BIG, run_audit(&self->run, self->path, &pv_guest));
	ph->p_filesz = more / 4;
	write_file(self->path, self->elf, self->len + more);
	ASSERT_EQ(0, run_audit(&self->run, self->path, &pv_guest)) TH_LOG("%s", self->run.err);
	EXPECT_EQ(more / 4, self->run.sweep.nr_hits);
	end_audit(&self->run);
}

static void look_at_all(struct _test_data_hostile *self)
{
	static const struct audit_filter everything = { .status = -1 };
	audit_counts counts[128] = { 0 };

	audit_count(&self->run.image, &self->run.sweep, &everything, counts);
	json_decref(audit_json_file("fuzz", &self->run.image, &self->run.tables, &self->run.sweep, &everything));
}

/* Each section laid over each other one, and over the section headers: what was checked must not change afterwards. */
TEST_F(hostile, sections_over_each_other)
{
	unsigned int nr = self->eh->e_shnum, audited = 0;

	for (unsigned int i = 1; i < nr; i++) {
		for (unsigned int j = 0; j < nr; j++) {
			uint64_t headers = self->eh->e_shoff;

			self->sh[i].sh_offset = j ? self->sh[j].sh_offset : headers;
			self->sh[i].sh_size = j ? self->sh[j].sh_size : self->len - headers;
			write_file(self->path, self->elf, self->len);
			if (!run_audit(&self->run, self->path, &pv_guest)) {
				look_at_all(self);
				end_audit(&self->run);
				audited++;
			}
			take(self, TABLES_O);
		}
	}
	EXPECT_LT(20, audited);
}

static uint64_t edge(unsigned int *seed, size_t len)
{
	const uint64_t edges[] = { 0,	      1,	  7,   0x7fffffff, 0x80000000, ~0ull,
				   ~0ull - 7, 1ull << 63, len, len - 8,	   len + 1,    rand_r(seed) % len };

	return edges[rand_r(seed) % (sizeof(edges) / sizeof(edges[0]))];
}

/* A few fields of the headers, a few bytes anywhere, now and then an end too early. */
static void damage(struct _test_data_hostile *self, unsigned int *seed)
{
	for (int i = rand_r(seed) % 4; i >= 0; i--) {
		size_t at = self->eh->e_shoff + rand_r(seed) % (self->eh->e_shnum * sizeof(Elf64_Shdr)) / 8 * 8;
		uint64_t value = edge(seed, self->len);

		if (rand_r(seed) % 4 == 0)
			at = 16 + rand_r(seed) % 48 / 8 * 8;
		memcpy(self->elf + at, &value, rand_r(seed) & 1 ? 8 : 4);
		if (rand_r(seed) & 1)
			break;
		self->elf[rand_r(seed) % self->len] = rand_r(seed);
		/* What was just written may be where the headers are said to be. */
		if (self->eh->e_shoff > self->len || !self->eh->e_shnum ||
		    self->len - self->eh->e_shoff < self->eh->e_shnum * sizeof(Elf64_Shdr))
			break;
	}
	if (rand_r(seed) % 8 == 0)
		self->len = rand_r(seed) % self->len + 1;
}

static unsigned int fuzz(struct _test_data_hostile *self, const char *path, unsigned int *seed)
{
	unsigned int audited = 0;
	size_t len;
	uint8_t *good = read_file(path, &len);

	take(self, path);
	for (int round = 0; round < ROUNDS; round++) {
		self->len = len;
		memcpy(self->elf, good, len);
		damage(self, seed);
		write_file(self->path, self->elf, self->len);
		if (!run_audit(&self->run, self->path, &pv_guest)) {
			look_at_all(self);
			end_audit(&self->run);
			audited++;
		} else if (!self->run.err[0] && access(self->path, R_OK)) {
			abort();
		}
	}
	free(good);
	return audited;
}

TEST_F_TIMEOUT(hostile, random_objects, 100)
{
	static const char *const files[] = { TABLES_O, TABLES_NEW_O, TABLES_ELF, INSTRUCTIONS_O };
	unsigned int seed = 1;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		unsigned int audited = fuzz(self, files[i], &seed);

		/* Some damage does no harm; were there none, all rounds would have ended at the first check. */
		EXPECT_LT(20u, audited) TH_LOG("%s: %u", files[i], audited);
		EXPECT_GT(ROUNDS, audited);
	}
}

TEST_F_TIMEOUT(hostile, a_real_module, 100)
{
	unsigned int seed = 2, audited = fuzz(self, MODULE, &seed);

	EXPECT_LT(20u, audited) TH_LOG("%u", audited);
}

static size_t find_digits(const uint8_t *data, size_t len)
{
	static const char digits[] = "0\0"
				     "1\0"
				     "2\0"
				     "3\0"
				     "4\0"
				     "5\0"
				     "6\0"
				     "7\0"
				     "8\0"
				     "9";
	const uint8_t *at = memmem(data, len, digits, sizeof(digits));

	return at ? at - data : 0;
}

/* The tables of a real kernel, changed where they are thickest; in memory of just their size. */
TEST_F_TIMEOUT(hostile, kallsyms, 150)
{
	struct audit_image real, image;
	const struct audit_section *s;
	unsigned int seed = 3, found = 0;
	size_t tokens;
	uint8_t *data;

	ASSERT_EQ(0, audit_image_load(VMLINUX, &real, self->run.err, sizeof(self->run.err)))
	TH_LOG("%s", self->run.err);
	EXPECT_STREQ("kallsyms", real.symbols_from);
	EXPECT_LT(40000, real.nr_symbols);
	s = audit_image_section(&real, ".rodata");
	ASSERT_NE(NULL, s);
	data = malloc(s->size);
	tokens = find_digits(s->data, s->size);
	for (int round = 0; round < KALLSYMS_ROUNDS; round++) {
		memcpy(data, s->data, s->size);
		for (int i = rand_r(&seed) % 3; i >= 0 && round; i--) {
			size_t at = rand_r(&seed) & 1 ? tokens - 1024 + rand_r(&seed) % 3072
						      : rand_r(&seed) % (s->size - 4);

			data[at] = rand_r(&seed) & 1 ? rand_r(&seed) : 0xff;
		}
		image = real;
		image.file =
			(struct audit_file){ .data = data, .size = round % 8 == 7 ? rand_r(&seed) % s->size : s->size };
		image.symbol = NULL;
		image.nr_symbols = 0;
		image.names = NULL;
		found += audit_kallsyms(&image) > 0;
		if (!round)
			EXPECT_EQ(real.nr_symbols, image.nr_symbols);
		free(image.symbol);
		free(image.names);
	}
	EXPECT_LT(5u, found);
	EXPECT_GT(KALLSYMS_ROUNDS, found);
	free(data);
	audit_image_free(&real);
}

TEST_HARNESS_MAIN
