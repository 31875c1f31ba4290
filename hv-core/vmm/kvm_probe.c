// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KVM speed probe. That /dev/kvm opens says little: some machines have one that
 * interprets guest ring 0 hundreds of times too slowly to boot anything. So a small
 * guest is run and timed.
 *
 * It runs in a child process: KVM_RUN may not return in any useful time, and only a
 * signal ends it; a child can be killed without touching the caller's signals.
 */
#include "kvm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROBE_LIMIT_MS		2000
#define PROBE_ROUNDS		3
#define PROBE_INSTRUCTIONS	100000

/* Guest memory, all of it: three levels of tables, then the code. */
#define GUEST_PML4		0x0000
#define GUEST_PDPT		0x1000
#define GUEST_PD		0x2000
#define GUEST_CODE		0x3000
#define GUEST_SIZE		0x4000

#define PTE_PRESENT_WRITE	0x3ull
#define PTE_LARGE		0x80ull

/* mov $n, %ecx; 1: dec %ecx; jnz 1b; hlt */
static const uint8_t guest_code[] = {
	0xb9, 0, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc, 0xf4,
};

/* What the child tells the parent. */
struct probe_result {
	int error;
	uint64_t ns;
	char why[160];
};

static int probe_fail(struct probe_result *result, int error, const char *what)
{
	result->error = -error;
	snprintf(result->why, sizeof(result->why), "%s: %s", what, strerror(error));
	return -1;
}

static uint64_t probe_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int probe_set_long_mode(int vcpu, struct probe_result *result)
{
	struct kvm_segment code = {
		.base = 0, .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .dpl = 0,
		.s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.base = 0, .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .dpl = 0,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return probe_fail(result, errno, "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = 0x80000001;		/* PG, PE */
	sregs.cr3 = GUEST_PML4;
	sregs.cr4 = 0x20;		/* PAE */
	sregs.efer = 0x500;		/* LME, LMA */
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0)
		return probe_fail(result, errno, "KVM_SET_SREGS");
	return 0;
}

static int probe_run(int vcpu, struct kvm_run *run, struct probe_result *result)
{
	struct kvm_regs regs = { .rip = GUEST_CODE, .rflags = 2 };
	uint64_t start;

	if (ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		return probe_fail(result, errno, "KVM_SET_REGS");
	start = probe_now();
	do {
		if (ioctl(vcpu, KVM_RUN, 0) < 0 && errno != EINTR)
			return probe_fail(result, errno, "KVM_RUN");
	} while (run->exit_reason == KVM_EXIT_INTR);
	result->ns = probe_now() - start;
	if (run->exit_reason != KVM_EXIT_HLT) {
		result->error = -EIO;
		snprintf(result->why, sizeof(result->why),
			 "the guest stopped with KVM exit reason %u instead of its HLT", run->exit_reason);
		return -1;
	}
	return 0;
}

static void probe_guest(struct probe_result *result)
{
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_SIZE };
	uint32_t count = PROBE_INSTRUCTIONS / 2;
	uint64_t best = UINT64_MAX;
	uint64_t entry;
	struct kvm_run *run;
	uint8_t *memory;
	int kvm, vm, vcpu, size, i;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		probe_fail(result, errno, "/dev/kvm");
		return;
	}
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		result->error = -EIO;
		snprintf(result->why, sizeof(result->why), "/dev/kvm does not speak KVM's API version %d",
			 KVM_API_VERSION);
		return;
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0) {
		probe_fail(result, errno, "KVM_CREATE_VM");
		return;
	}
	memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		probe_fail(result, errno, "memory for the guest");
		return;
	}
	entry = GUEST_PDPT | PTE_PRESENT_WRITE;
	memcpy(memory + GUEST_PML4, &entry, sizeof(entry));
	entry = GUEST_PD | PTE_PRESENT_WRITE;
	memcpy(memory + GUEST_PDPT, &entry, sizeof(entry));
	entry = PTE_LARGE | PTE_PRESENT_WRITE;
	memcpy(memory + GUEST_PD, &entry, sizeof(entry));
	memcpy(memory + GUEST_CODE, guest_code, sizeof(guest_code));
	memcpy(memory + GUEST_CODE + 1, &count, sizeof(count));

	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
		probe_fail(result, errno, "KVM_SET_USER_MEMORY_REGION");
		return;
	}
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0) {
		probe_fail(result, errno, "KVM_CREATE_VCPU");
		return;
	}
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(*run)) {
		probe_fail(result, EIO, "KVM_GET_VCPU_MMAP_SIZE");
		return;
	}
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED) {
		probe_fail(result, errno, "mapping the vCPU");
		return;
	}
	if (probe_set_long_mode(vcpu, result))
		return;
	/* The first round also pays for the page faults: the fastest counts. */
	for (i = 0; i < PROBE_ROUNDS; i++) {
		if (probe_run(vcpu, run, result))
			return;
		if (result->ns < best)
			best = result->ns;
	}
	result->ns = best;
	/* All descriptors and mappings end with the child. */
}

int kvm_probe_speed(uint64_t *ns_per_100k, char *why, size_t len)
{
	struct probe_result result = { 0 };
	struct pollfd from_child;
	ssize_t got = 0;
	pid_t child;
	int pipes[2];
	int ready;

	*ns_per_100k = 0;
	if (len)
		why[0] = '\0';
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		ready = errno;
		snprintf(why, len, "pipe for the probe: %s", strerror(ready));
		return -ready;
	}
	child = fork();
	if (child < 0) {
		ready = errno;
		snprintf(why, len, "process for the probe: %s", strerror(ready));
		close(pipes[0]);
		close(pipes[1]);
		return -ready;
	}
	if (!child) {
		probe_guest(&result);
		/* Shorter than PIPE_BUF: written at once or not at all. */
		got = write(pipes[1], &result, sizeof(result));
		_exit(got != sizeof(result));
	}
	close(pipes[1]);
	from_child = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	do {
		ready = poll(&from_child, 1, PROBE_LIMIT_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready > 0)
		got = read(pipes[0], &result, sizeof(result));
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	close(pipes[0]);

	if (ready == 0) {
		snprintf(why, len, "%d instructions in a guest did not finish in %d ms", PROBE_INSTRUCTIONS,
			 PROBE_LIMIT_MS);
		return -ETIMEDOUT;
	}
	if (got != sizeof(result)) {
		snprintf(why, len, "the probe's process died");
		return -EIO;
	}
	if (result.error) {
		snprintf(why, len, "%s", result.why);
		return result.error;
	}
	*ns_per_100k = result.ns;
	return 0;
}
