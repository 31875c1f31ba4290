/* SPDX-License-Identifier: GPL-2.0-only */
/* What KVM can do here. */

#include <errno.h>
#include <linux/kvm.h>
#include <asm/kvm_para.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"
#include "kvm_probe.h"
#include "vm.h"

#define CPUID_MAX_ENTRIES 256

static const struct {
	int cap;
	const char *name;
	const char *loss; /* NULL: no guest runs without it */
} capabilities[] = {
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY", NULL },
	{ KVM_CAP_IRQCHIP, "IRQCHIP", NULL },
	{ KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING", NULL },
	{ KVM_CAP_IRQFD, "IRQFD", NULL },
	{ KVM_CAP_IOEVENTFD, "IOEVENTFD", NULL },
	{ KVM_CAP_SIGNAL_MSI, "SIGNAL_MSI", NULL },
	{ KVM_CAP_READONLY_MEM, "READONLY_MEM", NULL },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", NULL },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID", NULL },
	{ KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR", NULL },
	{ KVM_CAP_PIT2, "PIT2", "give --no-pit" },
	{ KVM_CAP_SYNC_REGS, "SYNC_REGS", "calls of the guest cost two system calls more" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "TSC_DEADLINE_TIMER", "the guest's timer costs more exits" },
	{ KVM_CAP_BINARY_STATS_FD, "BINARY_STATS_FD", "--stats has no exit counts: run Linux 5.14 or later" },
};

static bool check_device(struct doctor *d)
{
	char err[512];

	d->kvm_fd = kvm_open(d->kvm_path, err, sizeof(err));
	if (d->kvm_fd < 0) {
		doctor_say(d, DOCTOR_BAD, "kvm", "%s", err);
		return false;
	}
	doctor_say(d, DOCTOR_GOOD, "kvm", "%s opens, interface version %d", d->kvm_path, KVM_API_VERSION);
	return true;
}

static void check_capabilities(struct doctor *d)
{
	unsigned int i, nr = sizeof(capabilities) / sizeof(capabilities[0]), have = 0;

	for (i = 0; i < nr; i++) {
		if (ioctl(d->kvm_fd, KVM_CHECK_EXTENSION, capabilities[i].cap) > 0) {
			have++;
		} else if (capabilities[i].loss) {
			doctor_say(d, DOCTOR_LESS, "kvm capability", "no KVM_CAP_%s", capabilities[i].name);
			doctor_advise("%s", capabilities[i].loss);
		} else {
			doctor_say(d, DOCTOR_BAD, "kvm capability", "no KVM_CAP_%s, which every guest needs",
				   capabilities[i].name);
			doctor_advise("run a full KVM, Linux 5.10 or later");
		}
	}
	if (have == nr)
		doctor_say(d, DOCTOR_GOOD, "kvm capabilities", "all %u that are used", nr);
	doctor_say(d, DOCTOR_INFO, "vCPUs", "%d recommended and %d at most by KVM; paravane takes %d",
		   ioctl(d->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS),
		   ioctl(d->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS), VM_MAX_CPUS);
}

static void check_speed(struct doctor *d)
{
	char why[256];
	uint64_t ns;
	int ret;

	/* The probe opens the usual device file. */
	if (strcmp(d->kvm_path, "/dev/kvm"))
		return;
	ret = kvm_probe_speed(&ns, why, sizeof(why));
	if (ret) {
		doctor_say(d, DOCTOR_BAD, "kvm speed", "a guest's kernel does not run: %s", why);
		doctor_advise("run in the test host: tests/testhost/testhost");
	} else if (ns > KVM_PROBE_USABLE_NS) {
		doctor_say(d, DOCTOR_BAD, "kvm speed", "100,000 instructions of a guest's kernel take %llu us: this KVM "
			   "interprets them", (unsigned long long)ns / 1000);
		doctor_advise("run in the test host, tests/testhost/testhost; or all the same, with run --slow-kvm");
	} else {
		doctor_say(d, DOCTOR_GOOD, "kvm speed", "100,000 instructions of a guest's kernel take %llu us",
			   (unsigned long long)ns / 1000);
	}
}

static const char *module_parameter(const char *path, char *text, size_t len)
{
	FILE *f = fopen(path, "re");

	if (!f)
		return NULL;
	if (!fgets(text, (int)len, f))
		text[0] = 0;
	fclose(f);
	text[strcspn(text, "\n")] = 0;
	return text;
}

static void check_paging(struct doctor *d)
{
	char text[16];
	const char *npt = module_parameter("/sys/module/kvm_amd/parameters/npt", text, sizeof(text));
	const char *vendor = "kvm_amd", *parameter = "npt";

	if (!npt) {
		npt = module_parameter("/sys/module/kvm_intel/parameters/ept", text, sizeof(text));
		vendor = "kvm_intel";
		parameter = "ept";
	}
	if (!npt)
		doctor_say(d, DOCTOR_INFO, "nested paging", "can't be told: KVM's module has no parameters here");
	else if (*npt == 'Y' || *npt == '1')
		doctor_say(d, DOCTOR_GOOD, "nested paging", "on (%s)", vendor);
	else {
		doctor_say(d, DOCTOR_LESS, "nested paging", "off: page table changes of a guest cost exits");
		doctor_advise("load %s with %s=1, if the CPU has it", vendor, parameter);
	}
}

static void check_pv_features(struct doctor *d)
{
	struct kvm_cpuid2 *list;
	uint32_t features = 0;
	unsigned int i;

	list = calloc(1, sizeof(*list) + CPUID_MAX_ENTRIES * sizeof(list->entries[0]));
	if (!list)
		return;
	list->nent = CPUID_MAX_ENTRIES;
	if (!ioctl(d->kvm_fd, KVM_GET_SUPPORTED_CPUID, list)) {
		for (i = 0; i < list->nent; i++) {
			if (list->entries[i].function == KVM_CPUID_FEATURES)
				features = list->entries[i].eax;
		}
	}
	free(list);
	if (features & (1u << KVM_FEATURE_CLOCKSOURCE2))
		doctor_say(d, DOCTOR_GOOD, "kvm pv features", "kvmclock%s%s%s%s%s",
			   features & (1u << KVM_FEATURE_STEAL_TIME) ? ", steal time" : "",
			   features & (1u << KVM_FEATURE_PV_EOI) ? ", EOI" : "",
			   features & (1u << KVM_FEATURE_PV_SEND_IPI) ? ", IPI" : "",
			   features & (1u << KVM_FEATURE_PV_TLB_FLUSH) ? ", TLB flush" : "",
			   features & (1u << KVM_FEATURE_ASYNC_PF_INT) ? ", async page faults" : "");
	else {
		doctor_say(d, DOCTOR_LESS, "kvm pv features", "no kvmclock: the guest measures the TSC against the PIT");
		doctor_advise("a guest that is started without --no-pit works");
	}
}

static void check_counters(struct doctor *d)
{
	struct stat st;

	if (!stat("/sys/kernel/debug/kvm", &st))
		doctor_say(d, DOCTOR_GOOD, "exit counters", "/sys/kernel/debug/kvm is there");
	else if (errno == EACCES)
		doctor_say(d, DOCTOR_INFO, "exit counters", "/sys/kernel/debug needs root; --stats works without it");
	else {
		doctor_say(d, DOCTOR_INFO, "exit counters", "debugfs is not mounted; --stats works without it");
		doctor_advise("mount -t debugfs debugfs /sys/kernel/debug");
	}
}

void doctor_kvm(struct doctor *d)
{
	if (!check_device(d))
		return;
	check_capabilities(d);
	check_speed(d);
	check_paging(d);
	check_pv_features(d);
	check_counters(d);
}
