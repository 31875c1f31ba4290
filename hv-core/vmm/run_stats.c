/* SPDX-License-Identifier: GPL-2.0-only */
/* --stats: what a run cost, as JSON. docs/man/paravane-run.1 describes the fields. */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hypercall.h"
#include "kvm_stats.h"
#include "proc_kib.h"
#include "pv_monitor.h"
#include "run.h"
#include "vcpu.h"

static const char *const reason_names[] = {
	[STOP_NONE] = "running",
	[STOP_POWEROFF] = "poweroff",
	[STOP_RESET] = "reset",
	[STOP_GUEST_CRASH] = "guest-crash",
	[STOP_GUEST_FAULT] = "guest-fault",
	[STOP_HOST_ERROR] = "host-error",
	[STOP_KILLED] = "killed",
};

/* Counters of all vCPUs are summed by name. */
static void sum_counter(void *opaque, const char *name, uint64_t value)
{
	json_t *sums = opaque, *old = json_object_get(sums, name);
	json_int_t before = old ? json_integer_value(old) : 0;

	json_object_set_new(sums, name, json_integer(before + (json_int_t)value));
}

uint64_t run_stats_exits(const struct run *run)
{
	uint64_t exits = 0;
	unsigned int i;

	for (i = 0; i < run->vm.m.nr_vcpus; i++) {
		if (run->vm.vcpu[i])
			exits += kvm_stats_value(run->vm.vcpu[i]->stats_fd, "exits");
	}
	return exits;
}

static json_t *exits_to_vmm(const struct vm *vm)
{
	json_t *object = json_object();
	unsigned int i, reason;

	for (i = 0; i < vm->m.nr_vcpus; i++) {
		for (reason = 0; reason < VCPU_NR_EXIT_REASONS; reason++) {
			uint64_t n = __atomic_load_n(&vm->vcpu[i]->exits[reason], __ATOMIC_RELAXED);

			if (n)
				sum_counter(object, vcpu_exit_name(reason), n);
		}
	}
	return object;
}

static bool in_guest_memory(const struct gmem *gm, unsigned long long start, unsigned long long end)
{
	unsigned int i;

	for (i = 0; i < gm->nr_regions; i++) {
		unsigned long long from = (uintptr_t)gm->region[i].host, to = from + gm->region[i].size;

		if (start < to && from < end)
			return true;
	}
	return false;
}

/* The share of host memory that is the VMM's own, and that which is the guest's, in KiB. */
static int memory_use(const struct gmem *gm, unsigned long long *vmm, unsigned long long *guest)
{
	unsigned long long start, end, kib;
	FILE *f = fopen("/proc/self/smaps", "re");
	bool is_guest = false;
	char line[512];

	*vmm = *guest = 0;
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			is_guest = in_guest_memory(gm, start, end);
		else if (sscanf(line, "Pss: %llu kB", &kib) == 1)
			*(is_guest ? guest : vmm) += kib;
	}
	fclose(f);
	return 0;
}

static json_t *memory_object(const struct gmem *gm)
{
	unsigned long long vmm, guest;
	json_t *object = json_object();

	json_object_set_new(object, "guest_bytes", json_integer((json_int_t)gm->bytes));
	if (!memory_use(gm, &vmm, &guest)) {
		json_object_set_new(object, "vmm_pss_kib", json_integer((json_int_t)vmm));
		json_object_set_new(object, "guest_pss_kib", json_integer((json_int_t)guest));
	}
	json_object_set_new(object, "page_tables_kib",
			    json_integer((json_int_t)proc_kib("/proc/self/status", "VmPTE")));
	return object;
}

static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static json_t *marks_array(struct run *run)
{
	json_t *array = json_array();
	unsigned int i;

	pthread_mutex_lock(&run->mark_lock);
	for (i = 0; i < run->nr_marks; i++) {
		const struct run_mark *mark = &run->mark[i];

		json_array_append_new(array, json_pack("{s:I, s:I, s:I, s:f, s:I}", "id", (json_int_t)mark->id, "value",
						       (json_int_t)mark->value, "vcpu", (json_int_t)mark->vcpu, "seconds",
						       (double)(mark->ns - run->started_ns) / 1e9, "exits",
						       (json_int_t)mark->exits));
	}
	pthread_mutex_unlock(&run->mark_lock);
	return array;
}

static void add_count(json_t *object, const char *name, uint64_t count)
{
	json_object_set_new(object, name, json_integer((json_int_t)count));
}

/* pv: NULL in hvm mode. In pv mode the monitor has seen all of them, those that came here included. */
static json_t *calls_object(const struct vm *vm, const struct monitor_counters *pv, uint64_t *sum)
{
	json_t *object = json_object();
	const char *name;
	uint64_t count;

	*sum = 0;
	for (uint32_t nr = 0; hypercalls_count(vm->m.hypercall, &nr, &name, &count); nr++) {
		if (pv)
			count = pv->calls[MONITOR_CALL(nr) % MONITOR_CALLS];
		*sum += count;
		if (count)
			add_count(object, name, count);
	}
	return object;
}

static json_t *events_object(const struct hypercalls *h)
{
	struct hypercall_events events = hypercalls_events(h);

	return json_pack("{s:I, s:I}", "raised", (json_int_t)events.raised, "upcalls", (json_int_t)events.upcalls);
}

static json_t *pv_object(const struct vm *vm, const struct monitor_counters *c, uint64_t calls)
{
	static const char *const names[MONITOR_EMULATED_KINDS] = {
		[MONITOR_EMULATED_HLT] = "hlt",	    [MONITOR_EMULATED_CLI] = "cli",	[MONITOR_EMULATED_STI] = "sti",
		[MONITOR_EMULATED_RDMSR] = "rdmsr", [MONITOR_EMULATED_WRMSR] = "wrmsr", [MONITOR_EMULATED_IN] = "in",
		[MONITOR_EMULATED_OUT] = "out",	    [MONITOR_EMULATED_FROM_CR] = "mov from cr",
		[MONITOR_EMULATED_TO_CR] = "mov to cr", [MONITOR_EMULATED_XSETBV] = "xsetbv", [MONITOR_EMULATED_CLTS] = "clts",
		[MONITOR_EMULATED_WBINVD] = "wbinvd",
	};
	json_t *object = json_object(), *traps = json_object(), *emulated = json_array();
	struct pv_zone_use zone = pv_monitor_zone_use(vm);
	char text[24];
	unsigned int i;

	add_count(object, "calls", calls);
	add_count(object, "forwarded", c->forwarded);
	add_count(object, "syscalls", c->syscalls);
	add_count(object, "interrupts", c->interrupts);
	add_count(object, "interrupts_dropped", c->interrupts_dropped);
	add_count(object, "pokes", c->pokes);
	for (i = 0; i < MONITOR_EXCEPTIONS; i++) {
		snprintf(text, sizeof(text), "%u", i);
		if (c->delivered[i])
			add_count(traps, text, c->delivered[i]);
	}
	json_object_set_new(object, "traps", traps);
	for (i = 0; i < MONITOR_EMULATED_MAX; i++) {
		const struct monitor_emulated *e = &c->emulated[i];

		if (!e->count)
			continue;
		snprintf(text, sizeof(text), "%#llx", (unsigned long long)e->rip);
		json_array_append_new(emulated, json_pack("{s:s, s:s, s:I}", "address", text, "instruction",
							  e->what < MONITOR_EMULATED_KINDS ? names[e->what] : "other",
							  "count", (json_int_t)e->count));
	}
	json_object_set_new(object, "emulated", emulated);
	json_object_set_new(object, "zone", json_pack("{s:I, s:I, s:I}", "chunks", (json_int_t)zone.chunks, "chunks_max",
						      (json_int_t)zone.chunks_max, "tables", (json_int_t)zone.tables));
	add_count(object, "emulated_elsewhere", c->emulated_elsewhere);
	return object;
}

json_t *run_stats_report(struct run *run)
{
	struct vm *vm = &run->vm;
	json_t *top = json_object(), *counters = json_object(), *unclaimed;
	struct monitor_counters pv;
	struct rusage usage;
	uint64_t hypercalls = 0, calls;
	unsigned int i;

	if (vm->monitor)
		pv_monitor_counters(vm, &pv);
	for (i = 0; i < vm->m.nr_vcpus; i++) {
		hypercalls += __atomic_load_n(&vm->vcpu[i]->hypercalls, __ATOMIC_RELAXED);
		if (vm->vcpu[i]->stats_fd >= 0)
			kvm_stats_each(vm->vcpu[i]->stats_fd, sum_counter, counters);
	}
	getrusage(RUSAGE_SELF, &usage);
	json_object_set_new(top, "schema", json_integer(1));
	json_object_set_new(top, "name", json_string(vm->m.name));
	json_object_set_new(top, "reason", json_string(reason_names[vm_stop_reason(vm)]));
	json_object_set_new(top, "text", json_string(vm->stop_text));
	json_object_set_new(top, "run_seconds", json_real((double)(loop_now_ns() - run->started_ns) / 1e9));
	json_object_set_new(top, "user_seconds", json_real(seconds(usage.ru_utime)));
	json_object_set_new(top, "system_seconds", json_real(seconds(usage.ru_stime)));
	json_object_set_new(top, "vcpus", json_integer(vm->m.nr_vcpus));
	/* Absent, not zero, where the host's KVM doesn't count. */
	if (json_object_get(counters, "exits"))
		json_object_set(top, "exits", json_object_get(counters, "exits"));
	json_object_set_new(top, "exits_to_vmm", exits_to_vmm(vm));
	json_object_set_new(top, "kvm", counters);
	json_object_set_new(top, "hypercalls", json_integer((json_int_t)hypercalls));
	json_object_set_new(top, "calls", calls_object(vm, vm->monitor ? &pv : NULL, &calls));
	json_object_set_new(top, "events", events_object(vm->m.hypercall));
	unclaimed = json_pack("{s:I, s:I}", "pio", (json_int_t)vm->m.pio.unclaimed, "mmio", (json_int_t)vm->m.mmio.unclaimed);
	json_object_set_new(top, "unclaimed", unclaimed);
	json_object_set_new(top, "memory", memory_object(&vm->m.gmem));
	json_object_set_new(top, "marks", marks_array(run));
	if (vm->monitor)
		json_object_set_new(top, "pv", pv_object(vm, &pv, calls));
	return top;
}

int run_stats_write(struct run *run, const char *path)
{
	json_t *report = run_stats_report(run);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		ret = -errno;
	else if (json_dumpfd(report, fd, JSON_INDENT(2)) < 0 || write(fd, "\n", 1) != 1)
		ret = errno ? -errno : -EIO;
	if (fd >= 0)
		close(fd);
	json_decref(report);
	return ret;
}
