// SPDX-License-Identifier: GPL-2.0-only
/* A machine without KVM to make calls in. */
#include "abi_fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../abi/decode/decode.h"
#include "documented_errors.inc"

#define NR_NUMBERS 0x1000

/* seen[nr]: bit e when the call has answered -e. One mapping for all processes: the harness forks for each test. */
static uint32_t *seen;

__attribute__((constructor)) static void seen_map(void)
{
	void *p = mmap(NULL, NR_NUMBERS * sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	seen = p;
}

static int fake_msi_send(struct machine *m, uint64_t addr, uint32_t data)
{
	struct fake *fake = (struct fake *)m;

	if (fake->nr_msis < FAKE_MAX_MSIS) {
		fake->msi[fake->nr_msis].addr = addr;
		fake->msi[fake->nr_msis].data = data;
	}
	fake->nr_msis++;
	return 0;
}

static void fake_stop(struct machine *m, enum stop_reason reason, const char *text)
{
	struct fake *fake = (struct fake *)m;

	fake->stops++;
	fake->stop_reason = reason;
	snprintf(fake->stop_text, sizeof(fake->stop_text), "%s", text);
}

static uint64_t fake_guest_clock(struct machine *m)
{
	return ((struct fake *)m)->guest_clock_start + loop_now_ns();
}

static const struct machine_ops machine_ops = {
	.msi_send = fake_msi_send,
	.guest_clock = fake_guest_clock,
	.stop = fake_stop,
};

static long fake_console_write(void *opaque, const void *data, size_t len)
{
	struct fake *fake = opaque;

	if (fake->console_limit < 0)
		return fake->console_limit;
	if ((long)len > fake->console_limit)
		len = (size_t)fake->console_limit;
	if (fake->console_out_len + len > sizeof(fake->console_out))
		return -ENOSPC;
	memcpy(fake->console_out + fake->console_out_len, data, len);
	fake->console_out_len += (long)len;
	return (long)len;
}

static long fake_console_read(void *opaque, void *data, size_t len)
{
	struct fake *fake = opaque;
	size_t have = fake->console_in ? strlen(fake->console_in) : 0;

	if (fake->console_in_error)
		return fake->console_in_error;
	if (len > have)
		len = have;
	if (!len)
		return 0;
	memcpy(data, fake->console_in, len);
	fake->console_in += len;
	return (long)len;
}

static void fake_log(void *opaque, const char *text)
{
	struct fake *fake = opaque;

	fake->log_lines++;
	snprintf(fake->log_last, sizeof(fake->log_last), "%s", text);
}

static int fake_mark(void *opaque, unsigned int vcpu, uint32_t id, uint64_t value)
{
	struct fake *fake = opaque;

	if (fake->marks == fake->marks_room)
		return -ENOMEM;
	fake->marks++;
	fake->mark_id = id;
	fake->mark_value = value;
	return 0;
}

static void fake_crash(void *opaque, unsigned int vcpu, const char *text)
{
	((struct fake *)opaque)->crashes++;
}

const struct hypercall_ops fake_ops = {
	.console_write = fake_console_write,
	.console_read = fake_console_read,
	.log = fake_log,
	.mark = fake_mark,
	.crash = fake_crash,
};

static int fake_init_mode(struct fake *fake, const struct hypercall_ops *ops, bool pv_mode)
{
	int err;

	memset(fake, 0, sizeof(*fake));
	fake->m.ops = &machine_ops;
	fake->m.nr_vcpus = FAKE_VCPUS;
	fake->m.pv_mode = pv_mode;
	fake->m.name = "fake";
	fake->console_limit = sizeof(fake->console_out);
	fake->marks_room = 3;
	err = gmem_init(&fake->m.gmem, FAKE_RAM_BYTES);
	if (err) {
		fprintf(stderr, "no guest memory: %s\n", strerror(-err));
		return -1;
	}
	fake->m.loop = loop_create();
	fake->h = fake->m.loop ? hypercalls_create(&fake->m, ops ? ops : &fake_ops, fake) : NULL;
	if (!fake->h) {
		fprintf(stderr, "no loop or no calls\n");
		return -1;
	}
	return 0;
}

int fake_init(struct fake *fake, const struct hypercall_ops *ops)
{
	return fake_init_mode(fake, ops, false);
}

int fake_init_pv(struct fake *fake)
{
	return fake_init_mode(fake, NULL, true);
}

void fake_destroy(struct fake *fake)
{
	hypercalls_destroy(fake->h);
	loop_destroy(fake->m.loop);
	gmem_destroy(&fake->m.gmem);
}

int64_t fake_call6(struct fake *fake, uint64_t nr, const uint64_t args[PVN_HYPERCALL_ARGS])
{
	struct hypercall_frame frame = { .nr = nr, .vcpu = fake->vcpu, .cpl = fake->cpl };
	int64_t result;

	memcpy(frame.args, args, sizeof(frame.args));
	result = hypercall_handle(&fake->m, &frame);
	if (result < -PVN_EMAX) {
		fprintf(stderr, "call 0x%llx answered %lld, which is no error number\n", (unsigned long long)nr,
			(long long)result);
		abort();
	}
	if (result < 0 && nr < NR_NUMBERS)
		__atomic_fetch_or(&seen[nr], 1u << -result, __ATOMIC_RELAXED);
	return result;
}

int64_t fake_accept_all(struct fake *fake)
{
	return fake_call(fake, PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, hypercalls_offered(fake->h, 0));
}

bool fake_error_seen(uint32_t nr, int error)
{
	return nr < NR_NUMBERS && __atomic_load_n(&seen[nr], __ATOMIC_RELAXED) >> error & 1;
}

static const char *check_call(struct fake *fake, const struct pvn_decode_call *call, bool early, bool always)
{
	static char wrong[160];
	bool is_hvm = call->modes & PVN_DECODE_HVM;
	int64_t got, want;

#define WANT(what, value, call_args...) \
	do { \
		want = (value); \
		got = fake_call(fake, call->nr, call_args); \
		if (got != want) { \
			snprintf(wrong, sizeof(wrong), "%s.%s %s: %lld, want %lld", call->family, call->name, what, \
				 (long long)got, (long long)want); \
			return wrong; \
		} \
	} while (0)

	fake->cpl = 3;
	WANT("from level 3", -PVN_EPERM, 0);
	fake->cpl = 1;
	WANT("from level 1", -PVN_EPERM, 0);
	fake->cpl = 0;
	if (!is_hvm) {
		WANT("of pv mode", -PVN_ENOTSUP, 0);
		return NULL;
	}
	hypercalls_reset(fake->h);
	if (!early && !always)
		WANT("before acceptance", -PVN_ESTATE, 0);
	if (!always) {
		if (fake_call(fake, PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, 0))
			return "an empty set of features was refused";
		WANT("without acceptance", -PVN_ENOTSUP, 0);
	}
	if (fake_accept_all(fake))
		return "what is offered was refused";
	for (int i = 0; i < call->nr_args; i++) {
		uint64_t args[PVN_HYPERCALL_ARGS] = { 0 };

		if (call->arg[i].type != PVN_ARG_U32)
			continue;
		for (int bit = 32; bit < 64; bit++) {
			args[i] = 1ull << bit;
			got = fake_call6(fake, call->nr, args);
			if (got != -PVN_EINVAL) {
				snprintf(wrong, sizeof(wrong), "%s.%s with bit %d of %s: %lld", call->family,
					 call->name, bit, call->arg[i].name, (long long)got);
				return wrong;
			}
		}
	}
	return NULL;
#undef WANT
}

const char *fake_check_shared_errors(unsigned int family)
{
	bool early = family == PVN_HC_FAMILY_CONSOLE || family == PVN_HC_FAMILY_DEBUG;
	bool always = family == PVN_HC_FAMILY_CORE;
	const char *wrong = NULL;
	struct fake fake;

	if (fake_init(&fake, NULL))
		return "no fake machine";
	for (size_t i = 0; i < PVN_DECODE_COUNT && !wrong; i++)
		if (PVN_HC_FAMILY(pvn_decode_table[i].nr) == family)
			wrong = check_call(&fake, &pvn_decode_table[i], early, always);
	fake_destroy(&fake);
	return wrong;
}

unsigned int fake_unseen_errors(unsigned int family)
{
	unsigned int unseen = 0, listed = 0;

	for (size_t i = 0; i < sizeof(documented_errors) / sizeof(documented_errors[0]); i++) {
		const struct documented_error *e = &documented_errors[i];
		const struct pvn_decode_call *call = pvn_decode_number(e->nr);

		if (PVN_HC_FAMILY(e->nr) != family)
			continue;
		listed++;
		if (fake_error_seen(e->nr, e->error))
			continue;
		fprintf(stderr, "# %s.%s: no test has seen error %d\n", call->family, call->name, e->error);
		unseen++;
	}
	return listed ? unseen : 1;
}
