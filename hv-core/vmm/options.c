/* SPDX-License-Identifier: GPL-2.0-only */
/* The option table of `paravane run`, and its parser. */

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define DEFAULT_MEMORY (512ull << 20)
#define DEFAULT_ESCAPE 0x1d /* Ctrl-] */

enum run_option {
	OPT_KERNEL, OPT_INITRD, OPT_APPEND, OPT_UNPACK, OPT_MODE, OPT_PV_TABLES, OPT_MEMORY, OPT_CPUS, OPT_NO_PIT, OPT_KVM_FEATURES, OPT_NO_KVMCLOCK,
	OPT_CPUID_MASK, OPT_DISK, OPT_NET, OPT_CONSOLE, OPT_ESCAPE, OPT_NAME, OPT_PIDFILE, OPT_ON_RESET, OPT_STATS, OPT_CONTROL,
	OPT_VMLINUX, OPT_LOG_UNCLAIMED, OPT_FAULT, OPT_KVM, OPT_SLOW_KVM, OPT_HELP, NR_RUN_OPTIONS,
};

const struct option_spec run_option_specs[] = {
	[OPT_KERNEL] = { "kernel", "FILE", "bzImage (vmlinuz), or ELF vmlinux with a PVH entry or pv note; needed", false, "Boot" },
	[OPT_INITRD] = { "initrd", "FILE", "initial RAM disk", false, NULL },
	[OPT_APPEND] = { "append", "TEXT", "kernel command line; console=ttyS0 shows it here", false, NULL },
	[OPT_UNPACK] = { "unpack", "guest|host", "who unpacks a bzImage: guest has KASLR, host is faster (guest)", false, NULL },
	[OPT_MODE] = { "mode", "hvm|pv", "how the CPU is virtualized; pv is for kernels made for it (hvm)", false, NULL },
	[OPT_PV_TABLES] = { "pv-tables", "validated|trusted", "who answers for page tables in pv mode (validated)", false, NULL },
	[OPT_MEMORY] = { "memory", "SIZE", "guest memory: MiB, or with K, M, G (512M)", false, "CPU and memory" },
	[OPT_CPUS] = { "cpus", "N", "vCPUs, 1 to 8 (1)", false, NULL },
	[OPT_NO_PIT] = { "no-pit", NULL, "no 8254 timer", false, NULL },
	[OPT_KVM_FEATURES] = { "kvm-features", "LIST", "KVM's own PV features: all, none, names, -names (all)", false, NULL },
	[OPT_NO_KVMCLOCK] = { "no-kvmclock", NULL, "the same as --kvm-features -kvmclock", false, NULL },
	[OPT_CPUID_MASK] = { "cpuid-mask", "LEAF[.SUB]:REG:BITS", "hide CPUID bits", true, NULL },
	[OPT_DISK] = { "disk", "file=PATH[,if=pv|ide][,ro][,share][,cache=none|writeback|unsafe]",
		       "a disk (file=null: moves no data; cache=unsafe: flushes are ignored)", true, "Devices" },
	[OPT_NET] = { "net", "user|tap=NAME|socket=PATH[,if=pv|e1000][,mac=ADDR]", "a network card", true, NULL },
	[OPT_CONSOLE] = { "console", "uart|pv", "what the terminal is connected to (uart)", false, NULL },
	[OPT_ESCAPE] = { "escape", "KEY|none", "key that talks to paravane, on a terminal (^])", false, NULL },
	[OPT_NAME] = { "name", "NAME", "name in messages (guest)", false, "Running" },
	[OPT_PIDFILE] = { "pidfile", "FILE", "write the process id there", false, NULL },
	[OPT_ON_RESET] = { "on-reset", "exit|restart", "what a guest's reset does (exit)", false, NULL },
	[OPT_STATS] = { "stats", "FILE", "write exits, run time and memory there at the end (JSON)", false, NULL },
	[OPT_CONTROL] = { "control", "FILE", "a socket there, for paravane stats while the guest runs", false, NULL },
	[OPT_VMLINUX] = { "vmlinux", "FILE", "symbols for crash reports", false, NULL },
	[OPT_LOG_UNCLAIMED] = { "log-unclaimed", NULL, "tell of accesses that no device has", false, NULL },
	[OPT_FAULT] = { "fault", "SPEC", "inject errors, for tests (see the man page)", true, NULL },
	[OPT_KVM] = { "kvm", "FILE", "KVM's device file (/dev/kvm)", false, NULL },
	[OPT_SLOW_KVM] = { "slow-kvm", NULL, "run even where KVM interprets the guest's kernel", false, NULL },
	[OPT_HELP] = { "help", NULL, "this text", false, NULL },
	[NR_RUN_OPTIONS] = { NULL, NULL, NULL, false, NULL },
};

void run_options_help(FILE *out)
{
	const struct option_spec *spec;

	fputs("usage: paravane run --kernel FILE [OPTION]...\n\nRuns a guest until it powers off.\n", out);
	for (spec = run_option_specs; spec->name; spec++) {
		int column;

		if (spec->group)
			fprintf(out, "\n%s:\n", spec->group);
		column = fprintf(out, "  --%s%s%s", spec->name, spec->arg ? " " : "", spec->arg ? spec->arg : "");
		if (column > 30)
			column = fprintf(out, "\n  ") - 1;
		fprintf(out, "%*s%s%s\n", 32 - column, "", spec->help, spec->repeats ? "; repeatable" : "");
	}
	fputs("\nOn a terminal, Ctrl-] then q kills the guest, p presses its power button, ? helps.\n"
	      "SIGTERM and SIGINT press the power button; a second one kills.\n"
	      "Exit status: 0 power-off or reset, 1 the guest could not start, 2 usage, 3 guest crashed, 4 guest broke the\n"
	      "contract, 5 host error, 6 killed. paravane-run(1) has more.\n", out);
}

static int choice(const char *option, const char *value, const char *first, const char *second, bool *is_second, char *err,
		  unsigned int errlen)
{
	*is_second = !strcmp(value, second);
	if (!*is_second && strcmp(value, first)) {
		snprintf(err, errlen, "%s %s is not known: give %s or %s", option, value, first, second);
		return -EINVAL;
	}
	return 0;
}

static int too_many(const char *option, unsigned int max, char *err, unsigned int errlen)
{
	snprintf(err, errlen, "%s is given more than %u times, which is the most a guest can have", option, max);
	return -EINVAL;
}

static int parse_device(struct run_options *opt, enum run_option id, const char *value, char *err, unsigned int errlen)
{
	switch (id) {
	case OPT_DISK:
		if (opt->nr_disks == RUN_MAX_DISKS)
			return too_many("--disk", RUN_MAX_DISKS, err, errlen);
		return option_disk(value, &opt->disk[opt->nr_disks++], err, errlen);
	case OPT_NET:
		if (opt->nr_nets == RUN_MAX_NETS)
			return too_many("--net", RUN_MAX_NETS, err, errlen);
		opt->nr_nets++;
		return option_net(value, opt->nr_nets, &opt->net[opt->nr_nets - 1], err, errlen);
	case OPT_CPUID_MASK:
		if (opt->nr_cpuid_masks == RUN_MAX_CPUID_MASKS)
			return too_many("--cpuid-mask", RUN_MAX_CPUID_MASKS, err, errlen);
		return option_cpuid_mask(value, &opt->cpuid_mask[opt->nr_cpuid_masks++], err, errlen);
	case OPT_FAULT:
		if (opt->nr_faults == RUN_MAX_FAULTS)
			return too_many("--fault", RUN_MAX_FAULTS, err, errlen);
		opt->fault[opt->nr_faults++] = value;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_one(struct run_options *opt, enum run_option id, const char *value, char *err, unsigned int errlen)
{
	unsigned long number;
	bool second;
	int ret = 0;

	switch (id) {
	case OPT_KERNEL:
		opt->kernel = value;
		break;
	case OPT_INITRD:
		opt->initrd = value;
		break;
	case OPT_APPEND:
		opt->append = value;
		break;
	case OPT_UNPACK:
		return choice("--unpack", value, "guest", "host", &opt->unpack_in_host, err, errlen);
	case OPT_MODE:
		return choice("--mode", value, "hvm", "pv", &opt->pv, err, errlen);
	case OPT_PV_TABLES:
		return choice("--pv-tables", value, "validated", "trusted", &opt->pv_trusted, err, errlen);
	case OPT_MEMORY:
		return option_memory("--memory", value, &opt->memory, err, errlen);
	case OPT_CPUS:
		ret = option_number("--cpus", value, 1, RUN_MAX_CPUS, &number, err, errlen);
		opt->cpus = (unsigned int)number;
		break;
	case OPT_NO_PIT:
		opt->no_pit = true;
		break;
	case OPT_KVM_FEATURES:
		return option_kvm_features(value, &opt->kvm_features, err, errlen);
	case OPT_NO_KVMCLOCK:
		break; /* takes effect after the list, in whichever order the two come */
	case OPT_CONSOLE:
		ret = choice("--console", value, "uart", "pv", &second, err, errlen);
		opt->console = second ? DEVICE_PV : DEVICE_EMULATED;
		break;
	case OPT_ESCAPE:
		return option_escape_key(value, &opt->escape_key, err, errlen);
	case OPT_NAME:
		opt->name = value;
		break;
	case OPT_PIDFILE:
		opt->pidfile = value;
		break;
	case OPT_ON_RESET:
		return choice("--on-reset", value, "exit", "restart", &opt->restart_on_reset, err, errlen);
	case OPT_CONTROL:
		opt->control = value;
		break;
	case OPT_STATS:
		opt->stats = value;
		break;
	case OPT_VMLINUX:
		opt->vmlinux = value;
		break;
	case OPT_LOG_UNCLAIMED:
		opt->log_unclaimed = true;
		break;
	case OPT_KVM:
		opt->kvm_path = value;
		break;
	case OPT_SLOW_KVM:
		opt->slow_kvm = true;
		break;
	default:
		return parse_device(opt, id, value, err, errlen);
	}
	return ret;
}

/* What pv mode has not got yet is refused, not ignored. */
static int check_pv(const struct run_options *opt, char *err, unsigned int errlen)
{
	const char *what = NULL;
	unsigned int i;

	for (i = 0; i < opt->nr_disks; i++)
		if (opt->disk[i].kind == DEVICE_EMULATED)
			what = "if=ide: pv mode has no PCI bus for emulated devices (if=pv works)";
	for (i = 0; i < opt->nr_nets; i++)
		if (opt->net[i].kind == DEVICE_EMULATED)
			what = "if=e1000: pv mode has no PCI bus for emulated devices (if=pv works)";
	if (!what)
		return 0;
	snprintf(err, errlen, "--mode pv with %s: leave it out, or use --mode hvm", what);
	return -EINVAL;
}

static void make_long_options(struct option *longs)
{
	unsigned int i;

	for (i = 0; i < NR_RUN_OPTIONS; i++)
		longs[i] = (struct option){ run_option_specs[i].name,
					    run_option_specs[i].arg ? required_argument : no_argument, NULL, (int)i + 256 };
	longs[NR_RUN_OPTIONS] = (struct option){ NULL, 0, NULL, 0 };
}

int run_options_parse(struct run_options *opt, int argc, char **argv, char *err, unsigned int errlen)
{
	struct option longs[NR_RUN_OPTIONS + 1];
	bool seen[NR_RUN_OPTIONS] = { false };
	int c, ret, id;

	*opt = (struct run_options){
		.append = "", .memory = DEFAULT_MEMORY, .cpus = 1, .console = DEVICE_EMULATED, .name = "guest",
		.kvm_path = "/dev/kvm", .kvm_features = ~0u, .escape_key = DEFAULT_ESCAPE,
	};
	make_long_options(longs);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:h", longs, NULL)) != -1) {
		id = c == 'h' ? OPT_HELP : c - 256;
		if (c == ':' || c == '?') {
			snprintf(err, errlen, c == ':' ? "%s wants a value" : "there is no option %s",
				 argv[optind - 1]);
			return -EINVAL;
		}
		if (id == OPT_HELP) {
			run_options_help(stdout);
			return 1;
		}
		if (seen[id] && !run_option_specs[id].repeats) {
			snprintf(err, errlen, "--%s is given twice: give it once", run_option_specs[id].name);
			return -EINVAL;
		}
		seen[id] = true;
		ret = parse_one(opt, id, optarg, err, errlen);
		if (ret)
			return ret;
	}
	if (optind < argc) {
		snprintf(err, errlen, "\"%s\" is not an option: every value follows its --option", argv[optind]);
		return -EINVAL;
	}
	if (seen[OPT_PV_TABLES] && !opt->pv) {
		snprintf(err, errlen, "--pv-tables is for --mode pv: leave it out");
		return -EINVAL;
	}
	if (seen[OPT_NO_KVMCLOCK])
		opt->kvm_features &= ~KVM_FEATURES_CLOCK;
	if (!opt->kernel) {
		snprintf(err, errlen, "no kernel: give --kernel FILE");
		return -EINVAL;
	}
	return opt->pv ? check_pv(opt, err, errlen) : 0;
}
