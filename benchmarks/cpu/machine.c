// SPDX-License-Identifier: GPL-2.0-only
#include "machine.h"

#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"
#define LOOP_ROUNDS 10000
#define LOOP_INSTRUCTIONS 2 /* dec, jnz */

static void note(const char *what)
{
	printf("NOTE %s: %s\n", what, strerror(errno));
}

static void mount_at(const char *type, const char *path)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, NULL) && errno != EBUSY)
		note(path);
}

static int shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_module(const char *folder, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		note(path);
	if (fd >= 0)
		close(fd);
}

void machine_set_up(void)
{
	struct dirent **entries;
	struct utsname names;
	char folder[128];
	int n;

	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("devtmpfs", "/dev");
	uname(&names);
	snprintf(folder, sizeof(folder), "/modules/%s", names.release);
	n = scandir(folder, &entries, shown, alphasort);
	for (int i = 0; i < n; i++) {
		load_module(folder, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* The first line of a file, or a word that it isn't there. */
static void print_file(const char *key, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024];

	if (!f || !fgets(line, sizeof(line), f))
		strcpy(line, "?");
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	printf("MACHINE %s=%s\n", key, line);
}

static void print_vulnerabilities(void)
{
	struct dirent **entries;
	char key[300], path[400];
	int n = scandir(VULNERABILITIES, &entries, shown, alphasort);

	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "vulnerability.%s", entries[i]->d_name);
		snprintf(path, sizeof(path), VULNERABILITIES "/%s", entries[i]->d_name);
		print_file(key, path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* The leaves that carry features, as they are shown to this program. */
static void print_cpuid(void)
{
	static const unsigned int leaves[] = { 1, 7, 0x80000001, 0x80000007, 0x80000008 };
	unsigned int a, b, c, d;

	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		a = b = c = d = 0;
		__get_cpuid_count(leaves[i], 0, &a, &b, &c, &d);
		/* The CPU's own number is in ebx of leaf 1; OSXSAVE in ecx, and leaf 7's OSPKE, are the kernel's. */
		if (leaves[i] == 1) {
			b = 0;
			c &= ~(1u << 27);
		} else if (leaves[i] == 7) {
			c &= ~(1u << 4);
		}
		printf("MACHINE cpuid.%x=%08x %08x %08x %08x\n", leaves[i], a, b, c, d);
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

/*
 * Two calibrations. A loop whose instructions are known: where ticks count instructions, the shortest of many, which no
 * interrupt hit, has a tick for each. And ticks against the kernel's clock over a tenth of a second, for times.
 */
static void print_clock(void)
{
	uint64_t least = UINT64_MAX, ns, ticks;

	for (int i = 0; i < 50; i++) {
		uint64_t rounds = LOOP_ROUNDS, start = ticks_now();

		__asm__ __volatile__("1: dec %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
		ticks = ticks_now() - start;
		if (ticks < least)
			least = ticks;
	}
	printf("MACHINE ticks_per_instruction=%.4f\n",
	       (double)(least - ticks_of_clock()) / (LOOP_ROUNDS * LOOP_INSTRUCTIONS));
	ns = now_ns();
	ticks = ticks_now();
	while (now_ns() - ns < 100000000)
		;
	ticks = ticks_now() - ticks;
	ns = now_ns() - ns;
	printf("MACHINE ticks_per_us=%.4f\n", (double)ticks * 1000 / (double)ns);
}

/* What clearing and copying a page by one string instruction counts: kernels do so in page faults. */
static void print_strings(void)
{
	static unsigned char from[PAGE_BYTES], to[PAGE_BYTES];
	uint64_t stos = UINT64_MAX, movs = UINT64_MAX, start, ticks;

	for (int i = 0; i < 20; i++) {
		unsigned char *di = to, *si = from;
		uint64_t count = PAGE_BYTES;

		start = ticks_now();
		__asm__ __volatile__("rep stosb" : "+D"(di), "+c"(count) : "a"(1) : "memory");
		ticks = ticks_now() - start;
		stos = ticks < stos ? ticks : stos;
		di = to;
		count = PAGE_BYTES;
		start = ticks_now();
		__asm__ __volatile__("rep movsb" : "+D"(di), "+S"(si), "+c"(count) : : "memory");
		ticks = ticks_now() - start;
		movs = ticks < movs ? ticks : movs;
	}
	printf("MACHINE ticks_of_stosb_page=%llu\nMACHINE ticks_of_movsb_page=%llu\n", (unsigned long long)stos,
	       (unsigned long long)movs);
}

void machine_print(void)
{
	struct utsname names;

	uname(&names);
	printf("MACHINE release=%s\nMACHINE version=%s\n", names.release, names.version);
	printf("MACHINE cpus=%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	print_file("command_line", "/proc/cmdline");
	print_file("thp", "/sys/kernel/mm/transparent_hugepage/enabled");
	print_file("clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	print_vulnerabilities();
	print_cpuid();
	print_clock();
	print_strings();
	printf("MACHINE end=\n");
}

uint64_t machine_touch_memory(void)
{
	struct sysinfo info;
	uint64_t bytes;
	unsigned char *memory;

	if (sysinfo(&info))
		return 0;
	bytes = (uint64_t)info.freeram * info.mem_unit / 4 * 3 & ~(uint64_t)(PAGE_BYTES - 1);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 0;
	for (uint64_t at = 0; at < bytes; at += PAGE_BYTES)
		memory[at] = 1;
	munmap(memory, bytes);
	return bytes / PAGE_BYTES;
}
