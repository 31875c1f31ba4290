// SPDX-License-Identifier: GPL-2.0-only
/*
 * Millions of calls with arguments near every edge, from several vCPUs at once, under the sanitizers. No call may
 * answer with anything but a result or an error number, none may hang, and none may touch memory that is not the
 * guest's (its neighbours are guard pages).
 *
 * usage: out/tests/abi/calls_fuzz; FUZZ_SEED and FUZZ_CALLS repeat or lengthen a run.
 */
#include "kselftest_harness.h"

#include <pthread.h>

#include "../../abi/decode/decode.h"
#include "abi_fake.h"
#include "pv_registry.h"

#define THREADS 3

static const uint64_t edges[] = {
	0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 255, 256, 257, 511, 1023, 1024, 1025, 4095, 4096, 4097, 0x10000, 0x10040,
	0x20000, 0x40000, PVN_ABI_VERSION, FAKE_ALL_FEATURES, GMEM_HOLE_START - 4096, GMEM_HOLE_START - 64,
	GMEM_HOLE_START - 1, GMEM_HOLE_START, GMEM_HOLE_END - 1, GMEM_HOLE_END, FAKE_RAM_END - 4096, FAKE_RAM_END - 64,
	FAKE_RAM_END - 8, FAKE_RAM_END - 1, FAKE_RAM_END, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, 1ull << 52,
	INT64_MAX, 1ull << 63, -4096ull, -64ull, -8ull, -1ull,
};

struct fuzzer {
	struct fake *fake;
	unsigned int vcpu;
	uint64_t seed;
	unsigned long calls, answered;
	bool bad;
};

static uint64_t next(uint64_t *state)
{
	/* xorshift */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t any_value(uint64_t *seed)
{
	uint64_t edge = edges[next(seed) % (sizeof(edges) / sizeof(edges[0]))];

	switch (next(seed) % 4) {
	case 0: return edge + next(seed) % 17 - 8;
	case 1: return next(seed) >> next(seed) % 64;
	default: return edge;
	}
}

static uint64_t any_number(uint64_t *seed)
{
	return next(seed) % 16 ? pvn_decode_table[next(seed) % PVN_DECODE_COUNT].nr : any_value(seed);
}

static void *fuzz(void *arg)
{
	struct fuzzer *z = arg;
	uint64_t seed = z->seed;

	for (unsigned long i = 0; i < z->calls; i++) {
		struct hypercall_frame frame = { .nr = any_number(&seed), .vcpu = z->vcpu };
		struct pvn_multicall_entry *list = fake_ptr(z->fake, 0x10000, 4 * sizeof(*list));
		int64_t result;

		for (int a = 0; a < PVN_HYPERCALL_ARGS; a++)
			frame.args[a] = any_value(&seed);
		/* A full gigabyte takes seconds, and nothing is learnt from it. */
		if (frame.nr == PVN_HC_MEMORY_POPULATE && frame.args[1] <= PVN_MEMORY_CALL_MAX)
			frame.args[1] &= 0xffff;
		if (frame.nr == PVN_HC_CORE_MULTICALL) {
			for (int e = 0; e < 4; e++) {
				list[e].nr = (uint32_t)any_number(&seed);
				if (list[e].nr == PVN_HC_MEMORY_POPULATE)
					list[e].nr = PVN_HC_CORE_NULL;
				for (int a = 0; a < PVN_HYPERCALL_ARGS; a++)
					list[e].args[a] = any_value(&seed);
			}
		}
		result = hypercall_handle(&z->fake->m, &frame);
		if (result < -PVN_EMAX) {
			char text[256];

			pvn_decode_format(text, sizeof(text), frame.nr, frame.args);
			fprintf(stderr, "# %s: %lld\n", text, (long long)result);
			z->bad = true;
			return NULL;
		}
		z->answered += result >= 0;
	}
	return NULL;
}

static int device_command(void *opaque, uint32_t command, gpa_t attach)
{
	return -PVN_ESTATE;
}

static int device_notify(void *opaque, uint32_t queue)
{
	return queue < 2 ? 0 : -PVN_ENODEV;
}

static void device_info(void *opaque, struct pvn_ring_device *info)
{
	info->type = PVN_PCI_DEVICE_BLOCK;
}

static uint32_t device_read(void *opaque, uint32_t offset)
{
	return offset;
}

static const struct pv_device_ops device_ops = { device_command, device_notify, device_read, device_info };

static long quiet_write(void *opaque, const void *data, size_t len)
{
	return (long)len;
}

static long quiet_read(void *opaque, void *data, size_t len)
{
	memset(data, '?', len);
	return (long)len;
}

static void quiet_log(void *opaque, const char *text)
{
}

static int quiet_mark(void *opaque, unsigned int vcpu, uint32_t id, uint64_t value)
{
	return 0;
}

static void quiet_stop(struct machine *m, enum stop_reason reason, const char *text)
{
}

static int quiet_msi_send(struct machine *m, uint64_t addr, uint32_t data)
{
	return 0;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

TEST(any_call_with_any_arguments)
{
	static const struct hypercall_ops ops = {
		.console_write = quiet_write, .console_read = quiet_read, .log = quiet_log, .mark = quiet_mark,
	};
	static const struct machine_ops machine_ops = { .msi_send = quiet_msi_send, .stop = quiet_stop };
	uint64_t seed = setting("FUZZ_SEED", 0x9e3779b97f4a7c15ull);
	struct fuzzer z[THREADS];
	pthread_t thread[THREADS];
	unsigned long answered = 0;
	struct fake fake;

	ASSERT_EQ(0, fake_init(&fake, &ops));
	fake.m.ops = &machine_ops;
	pv_registry_add(&fake.m, &device_ops, NULL);
	fake_accept_all(&fake);
	fprintf(stderr, "# FUZZ_SEED=0x%llx\n", (unsigned long long)seed);
	for (unsigned int i = 0; i < THREADS; i++) {
		z[i] = (struct fuzzer){ .fake = &fake, .vcpu = i, .seed = seed + i,
					.calls = setting("FUZZ_CALLS", 300000) };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, fuzz, &z[i]));
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(false, z[i].bad);
		answered += z[i].answered;
	}
	/* Were nearly all refused, the arguments would be too wild to test anything. */
	EXPECT_LT(THREADS * z[0].calls / 50, answered);
	fprintf(stderr, "# %lu of %lu calls did something\n", answered, THREADS * z[0].calls);
	pv_registry_destroy(&fake.m);
	fake_destroy(&fake);
}

TEST_HARNESS_MAIN
