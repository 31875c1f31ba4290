/* SPDX-License-Identifier: GPL-2.0-only */
/* `paravane run`: from options to a running guest, and to an exit status. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpi.h"
#include "command.h"
#include "hypercall.h"
#include "kvm_probe.h"
#include "loader.h"
#include "pv_monitor.h"
#include "run.h"
#include "vcpu.h"

/* Enough for a path of the usual length and what is said about it. */
#define ERR_BYTES 768

static int check_speed(const struct run_options *opt, char *err, unsigned int errlen)
{
	char why[256];
	uint64_t ns;
	int ret;

	ret = kvm_open(opt->kvm_path, err, errlen);
	if (ret < 0)
		return ret;
	close(ret);
	/* The probe knows the usual device file only. */
	if (opt->slow_kvm || strcmp(opt->kvm_path, "/dev/kvm"))
		return 0;
	ret = kvm_probe_speed(&ns, why, sizeof(why));
	if (ret && ret != -ETIMEDOUT && ret != -EIO) {
		snprintf(err, errlen, "%s", why);
		return ret;
	}
	if (!ret && ns <= KVM_PROBE_USABLE_NS)
		return 0;
	if (ret)
		snprintf(err, errlen, "KVM does not run a guest's kernel here (%s): run in the test host "
			 "(tests/testhost/testhost), or try all the same with --slow-kvm", why);
	else
		snprintf(err, errlen, "KVM is too slow here: 100,000 instructions of a guest's kernel take %llu us, and %llu "
			 "would be the most. This host interprets them. Run in the test host (tests/testhost/testhost), or "
			 "try all the same with --slow-kvm", (unsigned long long)ns / 1000, KVM_PROBE_USABLE_NS / 1000);
	return ret ? ret : -ETIME;
}

static int write_pidfile(const char *path, char *err, unsigned int errlen)
{
	char text[16];
	int fd, len, ret;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	len = snprintf(text, sizeof(text), "%d\n", getpid());
	ret = fd < 0 || write(fd, text, len) != len ? -errno : 0;
	if (ret)
		snprintf(err, errlen, "cannot write the process id to %s: %s: check the path given to --pidfile", path,
			 strerror(-ret));
	if (fd >= 0)
		close(fd);
	return ret;
}

/* A device file or a pipe that was given is not ours to remove. */
static void remove_pidfile(const char *path)
{
	struct stat st;

	if (path && !lstat(path, &st) && S_ISREG(st.st_mode))
		unlink(path);
}

static int load_pv(struct run *run, const struct boot_request *request, struct boot_state *boot, char *err,
		   unsigned int errlen)
{
	struct pv_kernel kernel;
	int ret;

	ret = loader_load_pv(request, &kernel, err, errlen);
	return ret ? ret : pv_monitor_load(&run->vm, &kernel, boot, err, errlen);
}

/* Tables and kernel into guest memory, then vCPUs that start there. */
static int load_guest(struct run *run, char *err, unsigned int errlen)
{
	struct acpi_config acpi = { .nr_vcpus = run->opt.cpus, .ioapic_id = 0 };
	struct boot_request request = {
		.gmem = &run->vm.m.gmem,
		.kernel = run->opt.kernel,
		.initrd = run->opt.initrd,
		.cmdline = run->opt.append,
		.unpack_in_guest = !run->opt.unpack_in_host,
	};
	struct boot_state boot;
	int ret;

	ret = acpi_build(&run->vm.m, &acpi);
	if (ret) {
		snprintf(err, errlen, "cannot make the ACPI tables: %s", strerror(-ret));
		return ret;
	}
	request.rsdp = acpi_rsdp_address().v;
	ret = run->opt.pv ? load_pv(run, &request, &boot, err, errlen) : loader_load(&request, &boot, err, errlen);
	if (ret)
		return ret;
	return vcpu_create_all(&run->vm, &boot, err, errlen);
}

static int exit_status(enum stop_reason reason)
{
	switch (reason) {
	case STOP_POWEROFF:
	case STOP_RESET:
		return 0;
	case STOP_GUEST_CRASH:
		return 3;
	case STOP_GUEST_FAULT:
		return 4;
	case STOP_KILLED:
		return 6;
	default:
		return 5;
	}
}

static void tell_end(const struct run *run, enum stop_reason reason)
{
	static const char *const words[] = {
		[STOP_GUEST_CRASH] = "the guest crashed",
		[STOP_GUEST_FAULT] = "the guest broke the contract",
		[STOP_HOST_ERROR] = "the host failed",
		[STOP_KILLED] = "ended",
	};

	/* A power-off or reset that the guest asked for needs no words. */
	if (reason == STOP_POWEROFF || reason == STOP_RESET)
		return;
	message("%s: %s: %s", run->opt.name, words[reason], run->vm.stop_text);
}

/* Threads run from here on, so whatever fails later must join them. */
static int run_guest(struct run *run, char *err, unsigned int errlen)
{
	int ret;

	run->started_ns = loop_now_ns();
	ret = vcpu_start_all(&run->vm, err, errlen);
	if (!ret)
		loop_run(run->vm.m.loop);
	else
		machine_stop(&run->vm.m, STOP_HOST_ERROR, "%s", err);
	vcpu_join_all(&run->vm);
	return ret;
}

/* Start from the beginning as a new program: nothing of the old guest can be left over. */
static int restart(void)
{
	run_signals_unblock();
	execv("/proc/self/exe", program_argv);
	message("cannot start the guest again: %s", strerror(errno));
	return exit_status(STOP_HOST_ERROR);
}

static int run_machine(struct run *run, enum stop_reason *reason, char *err, unsigned int errlen)
{
	int ret;

	ret = vm_create(&run->vm, &run->opt, err, errlen);
	if (ret)
		return ret;
	ret = run_signals_init(run, err, errlen);
	if (!ret)
		ret = run_devices_create(run, err, errlen);
	if (!ret)
		ret = run_hypercalls_create(run, err, errlen);
	if (!ret)
		ret = load_guest(run, err, errlen);
	if (!ret && run->opt.pidfile)
		ret = write_pidfile(run->opt.pidfile, err, errlen);
	if (!ret)
		ret = run_control_create(run, err, errlen);
	if (!ret)
		ret = run_guest(run, err, errlen);
	*reason = vm_stop_reason(&run->vm);
	if (!ret && run->opt.stats) {
		int stats = run_stats_write(run, run->opt.stats);

		if (stats)
			message("cannot write statistics to %s: %s", run->opt.stats, strerror(-stats));
	}
	run_control_destroy(run);
	/* Devices first: their threads raise events until then. */
	run_devices_destroy(run);
	run_hypercalls_destroy(run);
	if (!ret)
		tell_end(run, *reason);
	run_signals_destroy(run);
	vcpu_destroy_all(&run->vm);
	vm_destroy(&run->vm);
	remove_pidfile(run->opt.pidfile);
	return ret;
}

int cmd_run(int argc, char **argv)
{
	enum stop_reason reason = STOP_NONE;
	char err[ERR_BYTES] = "";
	struct run *run;
	int ret;

	run = calloc(1, sizeof(*run));
	if (!run) {
		message("no memory");
		return EXIT_START;
	}
	run->signal_fd = -1;
	ret = run_options_parse(&run->opt, argc, argv, err, sizeof(err));
	if (ret > 0)
		return EXIT_OK;
	if (ret < 0) {
		message("%s (paravane run --help lists the options)", err);
		return EXIT_USAGE;
	}
	ret = check_speed(&run->opt, err, sizeof(err));
	if (!ret)
		ret = run_machine(run, &reason, err, sizeof(err));
	if (ret) {
		message("%s", err);
		return EXIT_START;
	}
	if (reason == STOP_RESET && run->opt.restart_on_reset)
		return restart();
	return exit_status(reason);
}
