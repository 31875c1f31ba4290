// SPDX-License-Identifier: GPL-2.0-only
/* The model of the mmu family. It shares no code with the monitor but the names of bits. */
#include "space.h"

#include <stdlib.h>
#include <string.h>

struct space space;

static uint64_t own_gpa(unsigned int page)
{
	return SPACE_MONITOR + page * PAGE_BYTES;
}

/* Pages of the monitor's memory: 0 to 5 are the start's tables, 6 and 7 stand for its own upper tables. */
static void make_start(void)
{
	const uint64_t upper = PTE_PRESENT | PTE_WRITE | PTE_USER;

	for (unsigned int i = 0; i < 6; i++)
		space.start[i] = (uint64_t *)(space.own + i * PAGE_BYTES);
	space.start[0][256] = own_gpa(6) | PTE_PRESENT | PTE_WRITE;
	space.start[0][257] = own_gpa(7) | PTE_PRESENT | PTE_WRITE;
	space.start[0][273] = own_gpa(1) | upper;
	space.start[1][0] = own_gpa(2) | upper;
	for (unsigned int i = 0; i < SPACE_CHUNKS; i++)
		space.start[2][i] = i * CHUNK_BYTES | upper | PTE_LARGE | PTE_NX;
	space.start[0][511] = own_gpa(3) | upper;
	space.start[3][510] = own_gpa(4) | upper;
	space.start[4][8] = own_gpa(5) | upper;
	space.start[5][0] = SPACE_KERNEL | PTE_PRESENT | PTE_USER;
	space.start[5][1] = (SPACE_KERNEL + PAGE_BYTES) | upper | PTE_NX;
	/* Only read: its chunk can become a part of the zone. */
	space.start[5][2] = (5 * CHUNK_BYTES) | PTE_PRESENT | PTE_USER | PTE_NX;
}

void space_init(void)
{
	struct mmu *mmu = &fake.vm.mmu;

	memset(&space, 0, sizeof(space));
	free(fake.ram);
	fake.ram = calloc(1, SPACE_RAM);
	fake.v.ram = fake.ram;
	fake.v.shared.boot.ram[0].bytes = SPACE_RAM;
	space.own = calloc(1, SPACE_MONITOR_BYTES);
	space.directory = calloc(SPACE_CHUNKS, sizeof(*space.directory));
	space.slot = calloc(SPACE_SLOTS, sizeof(*space.slot));
	make_start();
	space.kernel = SPACE_MONITOR;
	fake.v.mmu.kernel = SPACE_MONITOR;
	mmu->own = space.own;
	mmu->own_gpa = mmu->start_top = SPACE_MONITOR;
	mmu->chunks = SPACE_CHUNKS;
	mmu->nr_slots = SPACE_SLOTS;
	mmu->directory = space.directory;
	mmu->slot = space.slot;
	fake_call(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, fake.v.shared.boot.offered[0], 0, 0, 0);
}

void space_destroy(void)
{
	free(space.own);
	free(space.directory);
	free(space.slot);
}

uint64_t *space_table(uint64_t gpa)
{
	return (uint64_t *)(fake.ram + gpa);
}

int64_t space_zone_add(uint64_t start, uint64_t bytes)
{
	int64_t ret = fake_call(PVN_HC_MMU_ZONE_ADD, start, bytes, 0, 0, 0);

	for (uint64_t at = start; !ret && at < start + bytes; at += CHUNK_BYTES)
		space.zone[at / CHUNK_BYTES] = true;
	return ret;
}

int64_t space_zone_remove(uint64_t start, uint64_t bytes)
{
	int64_t ret = fake_call(PVN_HC_MMU_ZONE_REMOVE, start, bytes, 0, 0, 0);

	for (uint64_t at = start; !ret && at < start + bytes; at += CHUNK_BYTES)
		space.zone[at / CHUNK_BYTES] = false;
	return ret;
}

int64_t space_alloc(uint64_t frame, uint64_t level, uint64_t flags)
{
	int64_t ret = fake_call(PVN_HC_MMU_TABLE_ALLOC, frame, level, flags, 0, 0);

	if (!ret)
		space.kind[frame / PAGE_BYTES] = (uint8_t)(level | (flags ? 8 : 0));
	return ret;
}

int64_t space_free(uint64_t frame)
{
	int64_t ret = fake_call(PVN_HC_MMU_TABLE_FREE, frame, 0, 0, 0, 0);

	if (!ret)
		space.kind[frame / PAGE_BYTES] = 0;
	return ret;
}

int64_t space_switch(uint64_t kernel, uint64_t user)
{
	int64_t ret = fake_call(PVN_HC_MMU_SPACE_SWITCH, kernel, user, 0, 0, 0);

	if (!ret) {
		space.kernel = kernel;
		space.user = user;
	}
	return ret;
}

int64_t space_set(uint64_t table, unsigned int index, uint64_t value)
{
	return fake_call(PVN_HC_MMU_ENTRY_SET, table + 8 * index, value, 0, 0, 0);
}

static uint64_t uses[SPACE_FRAMES];

static const char *check_leaf(uint64_t value, uint64_t bytes, unsigned int kind)
{
	uint64_t addr = value & 0x000ffffffffff000ull & ~(bytes - 1);

	if (bytes > 0x1000 && value & 0x1fe000)
		return "a large leaf is not aligned";
	if (addr >= SPACE_RAM || addr + bytes > SPACE_RAM)
		return "a leaf leads out of RAM";
	for (uint64_t at = addr; at < addr + bytes; at += PAGE_BYTES)
		if (value & PTE_WRITE && space.zone[at >> 21])
			return "a leaf maps the zone writable";
	if (kind & 8 && value & PTE_WRITE && !(value >> 63))
		return "a leaf of the upper half is writable and executable";
	return value & PTE_GLOBAL ? "a leaf is global" : NULL;
}

/* One entry as hardware reads it at this level. */
static const char *check_entry(unsigned int kind, unsigned int index, uint64_t value)
{
	unsigned int level = kind & 7, child;
	uint64_t addr = value & 0x000ffffffffff000ull;

	if (level == 4 && index >= 256 && index < 272)
		return value == space.start[0][index] ? NULL : "an entry of the monitor's has changed";
	if (!(value & 1))
		return NULL;
	if (level == 4 && index >= 272 && kind == 4)
		return "a table for user mode has something in the upper half";
	if (level == 1)
		return check_leaf(value, 0x1000, kind);
	if (level == 2 && value & 0x80)
		return check_leaf(value, 0x200000, kind);
	if (value & 0x98)
		return "a large page above level 2, or a table that is not cached";
	if (addr >= SPACE_RAM || !space.zone[addr >> 21])
		return "an entry names a table outside the zone";
	if (level == 4)
		child = index < 256 ? 3 : 3 | 8;
	else
		child = (level - 1) | (kind & 8);
	if (space.kind[addr / 4096] != child)
		return "an entry names a frame of another kind";
	if (kind == (4 | 8) && index < 256 && !(value >> 63))
		return "kernel mode may execute the lower half";
	uses[addr / 4096]++;
	return NULL;
}

static const char *check_frame(uint64_t frame)
{
	static const uint64_t zero[512];
	const uint64_t *entry = space_table(frame * 4096);
	unsigned int kind = space.kind[frame];

	if (!kind)
		return memcmp(entry, zero, sizeof(zero)) ? "a free frame is not zero" : NULL;
	for (unsigned int i = 0; i < 512; i++) {
		const char *wrong = check_entry(kind, i, entry[i]);

		if (wrong)
			return wrong;
	}
	return NULL;
}

static const char *compare(uint64_t frame)
{
	const struct mmu_frame *known = mmu_frame(&fake.vm.mmu, frame * 4096);

	if (!space.zone[frame * 4096 >> 21])
		return known ? "a frame is in the zone that should not be" : NULL;
	if (!known || known->kind != space.kind[frame])
		return "the monitor has another kind for a frame";
	return known->uses == uses[frame] ? NULL : "the monitor's count of uses is wrong";
}

static const char *check_start(void)
{
	for (unsigned int i = 0; i < SPACE_CHUNKS; i++)
		if (!(space.start[2][i] & PTE_WRITE) != space.zone[i])
			return "the start's direct map does not follow the zone";
	return NULL;
}

const char *space_check(void)
{
	const char *wrong = check_start();

	memset(uses, 0, sizeof(uses));
	for (uint64_t f = 0; f < SPACE_FRAMES && !wrong; f++)
		if (space.zone[f * 4096 >> 21])
			wrong = check_frame(f);
	if (space.kernel < SPACE_RAM)
		uses[space.kernel / 4096]++;
	if (space.user)
		uses[space.user / 4096]++;
	/* What others run on, the tests look at by themselves. */
	for (unsigned int i = 1; i < fake.vm.nr_vcpus; i++) {
		uses[fake.vm.vcpu[i]->mmu.kernel / 4096] += fake.vm.vcpu[i]->mmu.kernel != 0;
		uses[fake.vm.vcpu[i]->mmu.user / 4096] += fake.vm.vcpu[i]->mmu.user != 0;
	}
	for (uint64_t f = 0; f < SPACE_FRAMES && !wrong; f++)
		wrong = compare(f);
	if (!wrong && (fake.v.mmu.kernel != space.kernel || fake.v.mmu.user != space.user))
		wrong = "the vCPU runs on other tables";
	return wrong ? wrong : fake.vm.mmu.lock ? "the lock is still held" : NULL;
}
