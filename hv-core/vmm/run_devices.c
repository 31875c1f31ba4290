/* SPDX-License-Identifier: GPL-2.0-only */
/* The devices of a run, made from the options. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run.h"

static void uart_sink(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct run *run = opaque;

	/*
	 * With the PV console the emulated port has the early messages, up to the moment when the driver takes over:
	 * a guest that dies before that is not mute.
	 */
	if (run->pv_console && pv_console_attached(run->pv_console))
		return;
	console_tty_output(run->tty, buf, len);
}

static void pv_console_sink(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct run *run = opaque;

	console_tty_output(run->tty, buf, len);
}

static unsigned int console_input(void *opaque, const uint8_t *buf, unsigned int len)
{
	struct run *run = opaque;
	unsigned int taken;

	/* A device that was asked for, and that a driver has, comes before the calls: those are for a guest without one. */
	if (run->pv_console && pv_console_attached(run->pv_console))
		return pv_console_input(run->pv_console, buf, len, console_tty_ready, run->tty);
	if (run_hypercalls_type(run, buf, len, &taken))
		return taken;
	return uart_input(run->uart, buf, len, console_tty_ready, run->tty);
}

static void console_command(void *opaque, enum console_command command)
{
	struct run *run = opaque;

	if (command == CONSOLE_QUIT)
		machine_stop(&run->vm.m, STOP_KILLED, "killed from the console");
	else
		acpi_pm_press_power_button(run->pm);
}

static int create_platform(struct run *run, char *err, unsigned int errlen)
{
	struct machine *m = &run->vm.m;
	int ret;

	ret = console_tty_create(m->loop, run->opt.escape_key, &run->tty);
	if (!ret)
		ret = uart_create(m, uart_sink, run, &run->uart);
	if (!ret)
		ret = rtc_create(m, &run->rtc);
	if (!ret)
		ret = acpi_pm_create(m, &run->pm);
	if (!ret && run->opt.console == DEVICE_PV)
		ret = pv_console_create(m, pv_console_sink, run, run_fault_pv(run, "pv-console"), &run->pv_console);
	if (ret)
		snprintf(err, errlen, "cannot make the platform's devices: %s", strerror(-ret));
	return ret;
}

/* The open disk that an earlier option with the same file has, when both say that they share it. */
static struct blk_disk *shared_disk(struct run *run, unsigned int index)
{
	const struct disk_option *opt = run->opt.disk;
	unsigned int i;

	for (i = 0; i < index; i++) {
		if (opt[i].share && opt[index].share && !strcmp(opt[i].file, opt[index].file))
			return run->disk[i];
	}
	return NULL;
}

static int open_disk(struct run *run, unsigned int index, char *err, unsigned int errlen)
{
	const struct disk_option *opt = &run->opt.disk[index];
	struct blk_disk *disk = shared_disk(run, index);
	int ret;

	if (disk) {
		if (disk->read_only != opt->read_only || disk->cache != opt->cache) {
			snprintf(err, errlen, "--disk file=%s is shared, but ro and cache differ: give the same to both",
				 opt->file);
			return -EINVAL;
		}
		run->disk[index] = disk;
		return 0;
	}
	disk = calloc(1, sizeof(*disk));
	if (!disk)
		return -ENOMEM;
	ret = blk_disk_open(disk, opt->file, opt->read_only, opt->cache, err, errlen);
	if (ret) {
		free(disk);
		return ret;
	}
	disk->fault = run_fault_disk(run, index);
	run->disk[index] = disk;
	run->disk_owned[index] = true;
	return 0;
}

static int create_disks(struct run *run, char *err, unsigned int errlen)
{
	struct blk_disk *ide[RUN_IDE_DISKS] = { NULL };
	unsigned int i, nr_ide = 0;
	int ret;

	for (i = 0; i < run->opt.nr_disks; i++) {
		const struct disk_option *opt = &run->opt.disk[i];

		ret = open_disk(run, i, err, errlen);
		if (ret)
			return ret;
		if (opt->kind == DEVICE_EMULATED && nr_ide == RUN_IDE_DISKS) {
			snprintf(err, errlen, "more than %u disks with if=ide, which is all that IDE has: use if=pv for the rest",
				 RUN_IDE_DISKS);
			return -EINVAL;
		}
		if (opt->kind == DEVICE_EMULATED) {
			ide[nr_ide++] = run->disk[i];
			continue;
		}
		ret = pv_block_create(&run->vm.m, run->disk[i], run_fault_pv(run, "pv-block"), &run->pv_block[i]);
		if (ret) {
			snprintf(err, errlen, "cannot make PV disk %s: %s", opt->file, strerror(-ret));
			return ret;
		}
	}
	ret = nr_ide ? ide_create(&run->vm.m, ide, &run->ide) : 0;
	if (ret)
		snprintf(err, errlen, "cannot make the IDE controller: %s", strerror(-ret));
	return ret;
}

static int create_nets(struct run *run, char *err, unsigned int errlen)
{
	struct machine *m = &run->vm.m;
	unsigned int i;
	int ret;

	for (i = 0; i < run->opt.nr_nets; i++) {
		const struct net_option *opt = &run->opt.net[i];

		ret = net_backend_open(&run->net[i], opt->backend, opt->kind == DEVICE_PV, err, errlen);
		if (ret)
			return ret;
		run->nr_nets++;
		if (opt->kind == DEVICE_EMULATED)
			ret = e1000_create(m, &run->net[i], opt->mac, &run->e1000[i]);
		else
			ret = pv_net_create(m, &run->net[i], opt->mac, run_fault_pv(run, "pv-net"), &run->pv_net[i]);
		if (ret) {
			snprintf(err, errlen, "cannot make network card %u: %s", i, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

int run_devices_create(struct run *run, char *err, unsigned int errlen)
{
	const struct console_ops ops = { .input = console_input, .command = console_command, .opaque = run };
	int ret;

	ret = run_faults_parse(run, err, errlen);
	if (!ret)
		ret = create_platform(run, err, errlen);
	if (!ret)
		ret = create_disks(run, err, errlen);
	if (!ret)
		ret = create_nets(run, err, errlen);
	if (ret)
		return ret;
	ret = console_tty_start(run->tty, &ops);
	if (ret)
		snprintf(err, errlen, "cannot read standard input: %s", strerror(-ret));
	return ret;
}

void run_devices_destroy(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_nets; i++) {
		if (run->e1000[i])
			e1000_destroy(run->e1000[i]);
		if (run->pv_net[i])
			pv_net_destroy(run->pv_net[i]);
		net_backend_close(&run->net[i]);
	}
	if (run->ide)
		ide_destroy(run->ide);
	for (i = 0; i < RUN_MAX_DISKS; i++) {
		if (run->pv_block[i])
			pv_block_destroy(run->pv_block[i]);
	}
	for (i = 0; i < RUN_MAX_DISKS; i++) {
		if (!run->disk_owned[i])
			continue;
		blk_disk_close(run->disk[i]);
		free(run->disk[i]);
	}
	if (run->pv_console)
		pv_console_destroy(run->pv_console);
	if (run->pm)
		acpi_pm_destroy(run->pm);
	if (run->rtc)
		rtc_destroy(run->rtc);
	if (run->uart)
		uart_destroy(run->uart);
	if (run->tty)
		console_tty_destroy(run->tty);
}
