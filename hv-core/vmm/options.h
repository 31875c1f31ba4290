/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of `paravane run`, parsed and checked as far as that goes without touching the machine. */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "blk_queue.h"

#define RUN_MAX_DISKS 8
#define RUN_MAX_NETS 4
#define RUN_MAX_CPUID_MASKS 16
#define RUN_MAX_FAULTS 8
#define RUN_MIN_MEMORY_MIB 64
#define RUN_MAX_CPUS 8

enum device_kind { DEVICE_PV, DEVICE_EMULATED };

struct disk_option {
	char *file;
	enum device_kind kind; /* if=pv, if=ide */
	bool read_only;
	bool share; /* the same file may be given twice, if both say so */
	enum blk_cache cache;
};

struct net_option {
	char *backend; /* what net_backend_open() takes */
	enum device_kind kind; /* if=pv, if=e1000 */
	uint8_t mac[6];
};

/* Bits of one CPUID leaf that the guest doesn't see. */
struct cpuid_mask {
	uint32_t leaf, subleaf;
	uint32_t clear[4]; /* eax, ebx, ecx, edx */
};

struct run_options {
	const char *kernel;
	const char *initrd;
	const char *append; /* never NULL after parsing */
	uint64_t memory; /* bytes */
	unsigned int cpus;
	struct disk_option disk[RUN_MAX_DISKS];
	unsigned int nr_disks;
	struct net_option net[RUN_MAX_NETS];
	unsigned int nr_nets;
	enum device_kind console;
	const char *name;
	const char *pidfile;
	const char *stats;
	const char *control;
	const char *vmlinux;
	const char *kvm_path;
	const char *fault[RUN_MAX_FAULTS];
	unsigned int nr_faults;
	uint32_t kvm_features; /* mask of KVM_CPUID_FEATURES' eax */
	struct cpuid_mask cpuid_mask[RUN_MAX_CPUID_MASKS];
	unsigned int nr_cpuid_masks;
	int escape_key; /* character, or -1 */
	bool pv; /* --mode pv */
	bool pv_trusted; /* --pv-tables trusted */
	bool restart_on_reset;
	bool unpack_in_host;
	bool no_pit;
	bool slow_kvm;
	bool log_unclaimed;
};

/* 0; 1 when help was printed; -EINVAL with a message in err. Strings point into argv or are allocated for good. */
int run_options_parse(struct run_options *opt, int argc, char **argv, char *err, unsigned int errlen);
void run_options_help(FILE *out);

/* One option of a command: the table makes getopt_long's, the help text and the completion. */
struct option_spec {
	const char *name;
	const char *arg; /* what its value is, or NULL for a flag */
	const char *help;
	bool repeats;
	const char *group; /* heading printed before it */
};

extern const struct option_spec run_option_specs[];
extern const struct option_spec stats_option_specs[]; /* cmd_stats.c */
extern const struct option_spec audit_option_specs[]; /* hv-core/audit */

/* options_value.c: values. 0, or -EINVAL with a message that names `option`. */
int option_memory(const char *option, const char *text, uint64_t *bytes, char *err, unsigned int errlen);
int option_number(const char *option, const char *text, unsigned long min, unsigned long max, unsigned long *value,
		  char *err, unsigned int errlen);
int option_disk(const char *text, struct disk_option *disk, char *err, unsigned int errlen);
int option_net(const char *text, unsigned int index, struct net_option *net, char *err, unsigned int errlen);
int option_kvm_features(const char *text, uint32_t *mask, char *err, unsigned int errlen);
int option_cpuid_mask(const char *text, struct cpuid_mask *mask, char *err, unsigned int errlen);
int option_escape_key(const char *text, int *key, char *err, unsigned int errlen);

#define KVM_FEATURES_CLOCK 0x01000009u /* old and new clock, and its stable bit */

#endif
