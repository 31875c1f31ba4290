/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Direct paging: the hardware walks the guest's own tables, which lie in the table zone and which only the monitor
 * writes. docs/pv-mode.md has the rules.
 *
 * What is known of zone memory is kept by chunks of 2 MiB: a directory by guest-physical address says which slot keeps
 * a chunk's frames, so that "is this in the zone" is one load. Both lie in memory that the VMM sized and zeroed.
 */
#ifndef MONITOR_MMU_H
#define MONITOR_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <paravane/error.h>

#include "interface.h"

struct monitor_vcpu;
struct monitor_vm;

#define PAGE_BYTES 4096ull
#define CHUNK_SHIFT MONITOR_CHUNK_SHIFT
#define CHUNK_BYTES (1ull << CHUNK_SHIFT)
#define TABLE_ENTRIES 512

#define PTE_PRESENT 0x1ull
#define PTE_WRITE 0x2ull
#define PTE_USER 0x4ull
#define PTE_CACHE 0x18ull /* PWT, PCD */
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY 0x40ull
#define PTE_LARGE 0x80ull
#define PTE_GLOBAL 0x100ull
#define PTE_NX (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

/* What a frame is: 0, or its level with TABLE_KERNEL. The two sorts of a level never stand in for each other. */
#define TABLE_KERNEL 0x8
#define TABLE_LEVEL(kind) ((kind) & 0x7)

/* Slots of a top-level table. */
#define SLOT_HOLE 256
#define SLOT_KERNEL 272
#define HOLE_SLOTS (SLOT_KERNEL - SLOT_HOLE)

struct mmu_frame {
	uint64_t stamp; /* the clock when it lost a use */
	uint64_t kind : 8;
	uint64_t uses : 56; /* entries that name it, and vCPUs that run on it; too wide to overflow */
};

/* The frames of a chunk. */
struct mmu_slot {
	uint64_t chunk;	 /* guest-physical address >> CHUNK_SHIFT */
	uint32_t in_use; /* the slot */
	uint32_t tables; /* frames that are one */
	struct mmu_frame frame[TABLE_ENTRIES];
};
_Static_assert(sizeof(struct mmu_slot) == MONITOR_SLOT_BYTES, "the VMM makes room for as many");
_Static_assert(offsetof(struct mmu_slot, frame) == sizeof(struct monitor_slot) &&
		       offsetof(struct mmu_slot, tables) == offsetof(struct monitor_slot, tables),
	       "the VMM looks at its beginning");

/* One a guest. Everything here and all tables are changed with `lock` held. */
struct mmu {
	uint32_t lock;
	uint32_t nr_slots;
	uint64_t chunks;
	uint16_t *directory; /* by chunk: its slot + 1; 0: not in the zone. The VMM reads it */
	struct mmu_slot *slot;
	uint64_t clock; /* counts flushes */
	bool trusted;	/* the guest writes its tables itself: there is no zone, and nothing is checked */
	/* The tables of the start, in the monitor's memory. */
	uint8_t *own;
	uint64_t own_gpa, start_top;
};

/* One a vCPU. */
struct mmu_vcpu {
	uint64_t kernel, user; /* top-level tables; user: 0 for none. At the start `kernel` is no zone frame */
	uint64_t flushed;      /* the clock of its last whole flush that is over; all ones: it rests, on no guest's table */
	uint64_t promised;     /* the same of a flush that comes before it uses another translation of the guest's */
};

/* mmu_zone.c */
void mmu_start(struct monitor_vcpu *v);
/* The monitor's own entries are the same in every address space. */
void mmu_put_own_entries(const struct monitor_vcpu *v, uint64_t top);

/* Who waits answers others meanwhile: nobody may hold a checked pointer to guest memory over this. */
void mmu_lock_wait(struct mmu *mmu);

static inline void mmu_lock(struct mmu *mmu)
{
	if (__atomic_exchange_n(&mmu->lock, 1, __ATOMIC_ACQUIRE))
		mmu_lock_wait(mmu);
}

static inline void mmu_unlock(struct mmu *mmu)
{
	__atomic_store_n(&mmu->lock, 0, __ATOMIC_RELEASE);
}

static inline bool mmu_in_zone(const struct mmu *mmu, uint64_t gpa)
{
	uint64_t chunk = gpa >> CHUNK_SHIFT;

	/* Also without the lock, where a look is enough. */
	return chunk < mmu->chunks && __atomic_load_n(&mmu->directory[chunk], __ATOMIC_RELAXED);
}

/* What to say of a frame that is not in the zone. */
static inline int mmu_not_in_zone(const struct mmu *mmu)
{
	return mmu->trusted ? -PVN_ESTATE : -PVN_ERANGE;
}

/* NULL: not in the zone. */
static inline struct mmu_frame *mmu_frame(const struct mmu *mmu, uint64_t gpa)
{
	if (!mmu_in_zone(mmu, gpa))
		return NULL;
	return &mmu->slot[mmu->directory[gpa >> CHUNK_SHIFT] - 1].frame[gpa >> 12 & (TABLE_ENTRIES - 1)];
}

/* mmu_entry.c: the entries of a table. The frame loses what its entries name, and is zero afterwards. */
void mmu_table_clear(struct monitor_vcpu *v, uint64_t gpa, struct mmu_frame *frame);

/* mmu_space.c: flushes and what they prove. */
void mmu_unuse(struct mmu *mmu, struct mmu_frame *frame);
/* Every vCPU has flushed since the frame lost its last use. */
bool mmu_quiet(const struct monitor_vm *vm, const struct mmu_frame *frame);
/*
 * No vCPU keeps a translation that is older than this call, and none stands where it holds a pointer to guest memory
 * that was checked before it.
 */
void mmu_flush_everyone(struct monitor_vcpu *v);
/* This vCPU. */
void mmu_flush_self(struct monitor_vcpu *v);
/* The tables that a vCPU runs on, or will: the caller's, or one's that rests. 0 or an error. */
int mmu_space_set(struct monitor_vcpu *v, uint64_t kernel, uint64_t user);
/* To the start's address space, for a vCPU that rests, and from there to its own. */
void mmu_space_leave(struct monitor_vcpu *v);
void mmu_space_enter(struct monitor_vcpu *v);

#endif
