// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvn-hypercall: makes hypercalls from a guest's user space, through /dev/paravane_test, and times
 * them. Prints one line of KEY=VALUE words for each thing it did.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pvn_test_ioctl.h>

#define DEVICE "/dev/paravane_test"

static void usage(FILE *to)
{
	fputs("usage: pvn-hypercall info\n"
	      "       pvn-hypercall call NUMBER [ARGUMENT...]     up to 6 arguments\n"
	      "       pvn-hypercall time ROUNDS [BATCH]           null calls; BATCH a multicall\n"
	      "\n"
	      "An argument is a number, or mem+OFFSET for the guest-physical address of that byte of\n"
	      "the program's own memory (zeroed, 16384 bytes); memory that is not zero after the call\n"
	      "is shown. Needs root and the module paravane_test.\n"
	      "Exit status: 0 done (a call's error is a result), 1 the device failed, 2 bad usage.\n",
	      to);
}

static int fail(const char *what)
{
	fprintf(stderr, "pvn-hypercall: %s: %s\n", what, strerror(errno));
	return 1;
}

/* 0, or -1 when it is not a number. */
static int number(const char *text, pvn_u64 *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || end == text || *end ? -1 : 0;
}

static int show_info(int fd)
{
	struct pvn_test_info info;

	if (ioctl(fd, PVN_TEST_INFO, &info))
		return fail("asking the module");
	printf("base=0x%x version=%u.%u mode=%u usable=%u offered=0x%x accepted=0x%x\n",
	       info.cpuid_base, info.version >> 16, info.version & 0xffff, info.mode, info.usable,
	       info.offered[0], info.accepted[0]);
	return 0;
}

static void show_memory(const unsigned char *mem)
{
	size_t at, i;

	for (at = 0; at < PVN_TEST_BYTES; at += 16) {
		for (i = 0; i < 16 && !mem[at + i]; i++)
			;
		if (i == 16)
			continue;
		printf("%04zx", at);
		for (i = 0; i < 16; i++)
			printf(" %02x", mem[at + i]);
		printf("\n");
	}
}

static int argument(const char *text, pvn_u64 phys, pvn_u64 *value)
{
	if (strncmp(text, "mem+", 4))
		return number(text, value);
	if (number(text + 4, value))
		return -1;
	*value += phys;
	return 0;
}

static int make_call(int fd, int argc, char **argv)
{
	struct pvn_test_call call = { 0 };
	struct pvn_test_info info;
	void *mem;
	int i;

	if (ioctl(fd, PVN_TEST_INFO, &info))
		return fail("asking the module");
	mem = mmap(NULL, PVN_TEST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return fail("mapping the module's memory");
	if (argc < 1 || argc > 7 || number(argv[0], &call.nr)) {
		usage(stderr);
		return 2;
	}
	for (i = 1; i < argc; i++) {
		if (argument(argv[i], info.phys, &call.args[i - 1])) {
			fprintf(stderr, "pvn-hypercall: '%s' is neither a number nor mem+OFFSET\n",
				argv[i]);
			return 2;
		}
	}
	if (ioctl(fd, PVN_TEST_CALL, &call))
		return fail("making the call");
	printf("nr=0x%llx result=%lld\n", (unsigned long long)call.nr, (long long)call.result);
	show_memory(mem);
	return 0;
}

static int time_calls(int fd, int argc, char **argv)
{
	struct pvn_test_time time = { 0 };
	pvn_u64 rounds, batch = 0;

	if (argc < 1 || argc > 2 || number(argv[0], &rounds) ||
	    (argc == 2 && number(argv[1], &batch)) || rounds > 1000000 || batch > 256) {
		usage(stderr);
		return 2;
	}
	time.rounds = (pvn_u32)rounds;
	time.batch = (pvn_u32)batch;
	if (ioctl(fd, PVN_TEST_TIME, &time))
		return fail("timing calls");
	if (time.error) {
		fprintf(stderr, "pvn-hypercall: the host answered a null call with %lld\n",
			(long long)time.error);
		return 1;
	}
	printf("rounds=%u batch=%u calls=%llu ns=%llu ns_per_call=%.2f\n", time.rounds, time.batch,
	       (unsigned long long)time.calls, (unsigned long long)time.ns,
	       (double)time.ns / (double)time.calls);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int fd;

	if (!strcmp(verb, "--help") || !strcmp(verb, "-h")) {
		usage(stdout);
		return 0;
	}
	if (strcmp(verb, "info") && strcmp(verb, "call") && strcmp(verb, "time")) {
		usage(stderr);
		return 2;
	}
	fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "pvn-hypercall: %s: %s; it needs root, and: modprobe paravane_test\n",
			DEVICE, strerror(errno));
		return 1;
	}
	if (!strcmp(verb, "info"))
		return show_info(fd);
	if (!strcmp(verb, "call"))
		return make_call(fd, argc - 2, argv + 2);
	return time_calls(fd, argc - 2, argv + 2);
}
