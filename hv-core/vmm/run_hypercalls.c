/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest's calls need of a run: the console, the log, marks, and a report when the guest says that it crashed. */

#include <errno.h>
#include <string.h>

#include "command.h"
#include "crash.h"
#include "hypercall.h"
#include "kvm_stats.h"
#include "run.h"
#include "vcpu.h"

static long call_console_write(void *opaque, const void *data, size_t len)
{
	struct run *run = opaque;

	return console_tty_try_output(run->tty, data, (unsigned int)len);
}

static long call_console_read(void *opaque, void *data, size_t len)
{
	struct run *run = opaque;
	bool was_full;
	unsigned int n;

	pthread_mutex_lock(&run->typed_lock);
	run->typed_by_call = true;
	was_full = run->nr_typed == RUN_TYPED_BYTES;
	n = run->nr_typed < len ? run->nr_typed : (unsigned int)len;
	memcpy(data, run->typed, n);
	run->nr_typed -= n;
	memmove(run->typed, run->typed + n, run->nr_typed);
	pthread_mutex_unlock(&run->typed_lock);
	if (was_full && n)
		console_tty_ready(run->tty);
	return n;
}

bool run_hypercalls_type(struct run *run, const uint8_t *buf, unsigned int len, unsigned int *taken)
{
	bool by_call;

	pthread_mutex_lock(&run->typed_lock);
	by_call = run->typed_by_call;
	if (by_call) {
		*taken = RUN_TYPED_BYTES - run->nr_typed;
		if (*taken > len)
			*taken = len;
		memcpy(run->typed + run->nr_typed, buf, *taken);
		run->nr_typed += *taken;
	}
	pthread_mutex_unlock(&run->typed_lock);
	return by_call;
}

static void call_log(void *opaque, const char *text)
{
	struct run *run = opaque;

	message("%s says: %s", run->opt.name, text);
}

static int call_mark(void *opaque, unsigned int vcpu, uint32_t id, uint64_t value)
{
	struct run *run = opaque;
	int ret = -ENOMEM;

	pthread_mutex_lock(&run->mark_lock);
	if (run->nr_marks < RUN_MAX_MARKS) {
		run->mark[run->nr_marks++] = (struct run_mark){
			.id = id, .vcpu = vcpu, .value = value, .ns = loop_now_ns(), .exits = run_stats_exits(run),
		};
		ret = 0;
	}
	pthread_mutex_unlock(&run->mark_lock);
	return ret;
}

static void call_crash(void *opaque, unsigned int vcpu, const char *text)
{
	struct run *run = opaque;

	message("%s reports a crash: %s", run->opt.name, text);
	if (vcpu < run->vm.m.nr_vcpus)
		crash_dump_vcpu(run->vm.vcpu[vcpu]);
}

int run_hypercalls_create(struct run *run, char *err, unsigned int errlen)
{
	static const struct hypercall_ops ops = {
		.console_write = call_console_write,
		.console_read = call_console_read,
		.log = call_log,
		.mark = call_mark,
		.crash = call_crash,
	};

	pthread_mutex_init(&run->mark_lock, NULL);
	pthread_mutex_init(&run->typed_lock, NULL);
	if (!hypercalls_create(&run->vm.m, &ops, run)) {
		snprintf(err, errlen, "no memory for the guest's calls");
		return -ENOMEM;
	}
	return 0;
}

void run_hypercalls_destroy(struct run *run)
{
	if (run->vm.m.hypercall)
		hypercalls_destroy(run->vm.m.hypercall);
	run->vm.m.hypercall = NULL;
}
