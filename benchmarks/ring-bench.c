// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an entry costs on the shared ring: nanoseconds and instructions, one at a time and batched.
 *
 * "one thread" plays both ends on one CPU: the code's own cost, every line of memory in its cache. "two threads"
 * has an end on each of two CPUs, both polling: what moving the lines between caches adds. An entry is one submission and its
 * completion, through both ends. Instructions are counted by the CPU where perf_event_open(2) has the counter, else
 * by callgrind, which runs this program again; they are instructions, not time.
 */
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "pvn_ring.h"

#define ORDER 8
#define RUNS 15
#define ENTRIES 400000u

static struct pvn_ring_guest guest;
static struct pvn_ring_host host;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void fill(struct pvn_ring_guest *g, unsigned int n)
{
	while (n--) {
		uint64_t *slot = pvn_ring_guest_next(g);

		if (!slot)
			return;
		memset(slot, 0, PVN_RING_SQE_BYTES);
		slot[0] = n;
	}
}

/* Not inlined: callgrind counts while this function runs. */
__attribute__((noinline)) static void one_thread(uint32_t entries, unsigned int batch)
{
	uint64_t entry[PVN_RING_SQE_BYTES / 8];
	struct pvn_cqe cqe;
	uint32_t done = 0;

	while (done < entries) {
		fill(&guest, batch);
		pvn_ring_guest_publish(&guest);
		while (pvn_ring_host_pop(&host, entry) == 1) {
			cqe = (struct pvn_cqe){ .id = (pvn_u32)entry[0] };
			pvn_ring_host_push(&host, &cqe);
		}
		pvn_ring_host_publish(&host);
		while (pvn_ring_guest_pop(&guest, &cqe) == 1)
			done++;
		pvn_ring_guest_release(&guest);
	}
}

static void *host_thread(void *opaque)
{
	uint64_t entry[PVN_RING_SQE_BYTES / 8];
	uint32_t left = *(uint32_t *)opaque;
	struct pvn_cqe cqe;

	while (left) {
		while (pvn_ring_host_pop(&host, entry) == 1) {
			cqe = (struct pvn_cqe){ .id = (pvn_u32)entry[0] };
			pvn_ring_host_push(&host, &cqe);
			left--;
		}
		pvn_ring_host_publish(&host);
	}
	return NULL;
}

static void two_threads(uint32_t entries, unsigned int batch)
{
	uint32_t submitted = 0, done = 0;
	struct pvn_cqe cqe;
	pthread_t thread;

	if (pthread_create(&thread, NULL, host_thread, &entries))
		exit(1);
	while (done < entries) {
		if (submitted < entries && pvn_ring_guest_space(&guest) >= batch &&
		    (batch > 1 || submitted == done)) {
			unsigned int n = entries - submitted < batch ? entries - submitted : batch;

			fill(&guest, n);
			submitted += n;
			pvn_ring_guest_publish(&guest);
		}
		while (pvn_ring_guest_pop(&guest, &cqe) == 1)
			done++;
		pvn_ring_guest_release(&guest);
	}
	pthread_join(thread, NULL);
}

static void reset_ring(void *mem)
{
	pvn_ring_guest_init(&guest, mem, ORDER, ORDER);
	if (pvn_ring_host_init(&host, mem, ORDER, ORDER))
		exit(1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* User-space instructions of one_thread(), or -1 without the counter. */
static double count_by_cpu(unsigned int batch)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	uint64_t before, after;
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) || read(fd, &before, sizeof(before)) != sizeof(before)) {
		close(fd);
		return -1;
	}
	one_thread(ENTRIES, batch);
	if (read(fd, &after, sizeof(after)) != sizeof(after))
		after = before;
	close(fd);
	return after == before ? -1 : (double)(after - before) / ENTRIES;
}

static double count_by_callgrind(const char *self, unsigned int batch)
{
	char command[512], line[256];
	unsigned long long count = 0;
	uint32_t entries = 20000;
	FILE *f;

	snprintf(command, sizeof(command),
		 "valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect=one_thread '%s' --count %u %u 2>&1",
		 self, entries, batch);
	f = popen(command, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, "Collected :");

		if (at)
			count = strtoull(at + strlen("Collected :"), NULL, 10);
	}
	return pclose(f) || !count ? -1 : (double)count / entries;
}

static void report(const char *name, void *mem, unsigned int batch, void (*round)(uint32_t, unsigned int),
		   const char *self)
{
	double ns[RUNS], instructions = -1;
	const char *by = "cpu";
	unsigned int i;

	reset_ring(mem);
	round(ENTRIES / 4, batch); /* warm-up */
	for (i = 0; i < RUNS; i++) {
		uint64_t start = now_ns();

		round(ENTRIES, batch);
		ns[i] = (double)(now_ns() - start) / ENTRIES;
	}
	qsort(ns, RUNS, sizeof(ns[0]), compare);
	printf("%-12s batch %3u  %8.1f ns (%.1f-%.1f)", name, batch, ns[RUNS / 2], ns[0], ns[RUNS - 1]);
	if (self) {
		instructions = count_by_cpu(batch);
		if (instructions < 0) {
			by = "callgrind";
			instructions = count_by_callgrind(self, batch);
		}
		if (instructions < 0)
			printf("  instructions: no counter here, and no valgrind");
		else
			printf("  %6.1f instructions (%s)", instructions, by);
	}
	putchar('\n');
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const unsigned int batches[] = { 1, 8, 32, 128 };
	unsigned int i;
	void *mem;

	mem = aligned_alloc(4096, (pvn_ring_bytes(ORDER, ORDER) + 4095) & ~4095u);
	if (!mem)
		return 1;
	reset_ring(mem);
	if (argc == 4 && !strcmp(argv[1], "--count")) {
		one_thread((uint32_t)strtoul(argv[2], NULL, 10), (unsigned int)strtoul(argv[3], NULL, 10));
		return 0;
	}
	if (argc != 1) {
		fprintf(stderr, "usage: ring-bench\nPrints what an entry costs on the shared ring.\n");
		return strcmp(argv[1], "--help") ? 2 : 0;
	}
	printf("shared ring: one entry is a submission and its completion, both ends; median (min-max) of %d runs of %u\n",
	       RUNS, ENTRIES);
	for (i = 0; i < 4; i++)
		report("one thread", mem, batches[i], one_thread, argv[0]);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("two threads  skipped: one CPU\n");
		return 0;
	}
	for (i = 0; i < 4; i++)
		report("two threads", mem, batches[i], two_threads, NULL);
	return 0;
}
