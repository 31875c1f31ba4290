/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of cpu-bench share: a bench, its clock, and how it says what went wrong. */
#ifndef CPU_BENCH_H
#define CPU_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096

/* What one run took. `overhead` is what the same loop takes without the thing that is measured; both in ticks. */
struct sample {
	uint64_t ticks;
	uint64_t overhead;
};

/*
 * prepare() and finish() are not measured, neither by the clock nor by the exits that the host counts from outside:
 * between them and run() the program waits for a word. Each returns 0, or -1 after bench_error().
 */
struct bench {
	const char *name;
	uint64_t ops; /* in one run, unless asked otherwise */
	uint64_t max_ops;
	const char *what;
	int (*prepare)(uint64_t ops);
	int (*run)(uint64_t ops, struct sample *sample);
	int (*finish)(void);
};

extern const struct bench call_benches[], memory_benches[];
extern const size_t nr_call_benches, nr_memory_benches;

/* The program itself: "--exit" makes it end at once, which is what fork-exec starts. */
extern char self_path[];

/* Keeps the words for whoever asked for the bench; adds errno's when it is not 0. Always -1. */
int bench_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *bench_error_text(void);

/* Waits for a child that must end with status 0. */
int bench_reap(int pid, const char *who);

/*
 * The time stamp counter. Under the test host's instruction counting it counts executed instructions of all levels
 * together, and reading it is no exit. The fences keep a real CPU from moving it past what is measured.
 */
static inline uint64_t ticks_now(void)
{
	uint32_t low, high;

	__asm__ __volatile__("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* What two readings in a row are apart. */
uint64_t ticks_of_clock(void);

#endif
