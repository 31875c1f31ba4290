/* SPDX-License-Identifier: GPL-2.0-only */
/* --fault: WHERE=SPEC, where WHERE is disk (all of them), disk0 to disk7, or a kind of PV device. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

static const char *const pv_names[RUN_NR_PV_FAULTS] = { "pv-block", "pv-net", "pv-console" };

static int parse_pv(struct run *run, unsigned int kind, const char *spec, char *err, unsigned int errlen)
{
	if (run->fault_pv[kind].kind != PV_FAULT_NONE) {
		snprintf(err, errlen, "--fault %s is given twice: give it once", pv_names[kind]);
		return -EINVAL;
	}
	return pv_fault_parse(&run->fault_pv[kind], pv_names[kind], spec, err, errlen);
}

static int parse_disk(struct run *run, const char *text, const char *spec, char *err, unsigned int errlen)
{
	unsigned int first = 0, last = RUN_MAX_DISKS - 1, i;
	int ret;

	/* "disk=" or "disk" and one digit. */
	if (text[4] != '=') {
		first = last = (unsigned int)(text[4] - '0');
		if (first >= run->opt.nr_disks) {
			snprintf(err, errlen, "--fault %s: there is no disk %u, the first is disk0", text, first);
			return -EINVAL;
		}
	}
	for (i = first; i <= last; i++) {
		if (run->fault_disk[i].kind != BLK_FAULT_NONE) {
			snprintf(err, errlen, "--fault %s: disk %u has a fault already: give one for each disk", text, i);
			return -EINVAL;
		}
		ret = blk_fault_parse(&run->fault_disk[i], spec, err, errlen);
		if (ret)
			return ret;
	}
	return 0;
}

static int parse_one(struct run *run, const char *text, char *err, unsigned int errlen)
{
	const char *spec = strchr(text, '=');
	unsigned int i;

	if (spec && !strncmp(text, "disk", 4) && (spec == text + 4 || (spec == text + 5 && text[4] >= '0' && text[4] <= '9')))
		return parse_disk(run, text, spec + 1, err, errlen);
	for (i = 0; spec && i < RUN_NR_PV_FAULTS; i++) {
		if (strlen(pv_names[i]) == (size_t)(spec - text) && !strncmp(text, pv_names[i], spec - text))
			return parse_pv(run, i, spec + 1, err, errlen);
	}
	snprintf(err, errlen, "--fault %s: give WHERE=SPEC, where WHERE is disk, disk0 to disk%u, pv-block, pv-net or pv-console; "
		 "paravane-run(1) has the specs", text, RUN_MAX_DISKS - 1);
	return -EINVAL;
}

int run_faults_parse(struct run *run, char *err, unsigned int errlen)
{
	unsigned int i;
	int ret;

	for (i = 0; i < run->opt.nr_faults; i++) {
		ret = parse_one(run, run->opt.fault[i], err, errlen);
		if (ret)
			return ret;
	}
	return 0;
}

struct blk_fault *run_fault_disk(struct run *run, unsigned int index)
{
	return run->fault_disk[index].kind == BLK_FAULT_NONE ? NULL : &run->fault_disk[index];
}

struct pv_fault *run_fault_pv(struct run *run, const char *device)
{
	unsigned int i;

	for (i = 0; i < RUN_NR_PV_FAULTS; i++) {
		if (!strcmp(device, pv_names[i]))
			return run->fault_pv[i].kind == PV_FAULT_NONE ? NULL : &run->fault_pv[i];
	}
	return NULL;
}
