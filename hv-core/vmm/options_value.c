/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of options: sizes, numbers, disks, network cards, feature lists. Each error says what would be right. */

#include <asm/kvm_para.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "options.h"

#define MIB (1ull << 20)

int option_number(const char *option, const char *text, unsigned long min, unsigned long max, unsigned long *value,
		  char *err, unsigned int errlen)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || *value < min || *value > max) {
		snprintf(err, errlen, "%s %s: give a number from %lu to %lu", option, text, min, max);
		return -EINVAL;
	}
	return 0;
}

int option_memory(const char *option, const char *text, uint64_t *bytes, char *err, unsigned int errlen)
{
	unsigned long long value, unit = MIB;
	struct sysinfo info;
	uint64_t host;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-' || *text == '+')
		goto malformed;
	if (!strcmp(end, "K") || !strcmp(end, "k"))
		unit = 1024;
	else if (!strcmp(end, "G") || !strcmp(end, "g"))
		unit = 1024 * MIB;
	else if (*end && strcmp(end, "M") && strcmp(end, "m"))
		goto malformed;
	if (value > UINT64_MAX / unit)
		goto malformed;
	*bytes = value * unit;
	if (*bytes < RUN_MIN_MEMORY_MIB * MIB) {
		snprintf(err, errlen, "%s %s is too little for a kernel: give %u MiB or more", option, text,
			 RUN_MIN_MEMORY_MIB);
		return -EINVAL;
	}
	if (*bytes % (2 * MIB)) {
		snprintf(err, errlen, "%s %s is odd: give a multiple of 2 MiB, the size of a large page", option, text);
		return -EINVAL;
	}
	sysinfo(&info);
	host = (uint64_t)info.totalram * info.mem_unit;
	if (*bytes > host) {
		snprintf(err, errlen, "%s %s is too much: this host has %llu MiB", option, text,
			 (unsigned long long)(host / MIB));
		return -EINVAL;
	}
	return 0;
malformed:
	snprintf(err, errlen, "%s %s is not a size: give MiB as a number, or a number with K, M or G, such as 512M or 2G",
		 option, text);
	return -EINVAL;
}

/* Cut the next item off a comma-separated list; a doubled comma stands for one in the item. NULL at the end. */
static char *next_item(char **rest)
{
	char *item = *rest, *from = *rest, *to = *rest;

	if (!from)
		return NULL;
	for (; *from; from++) {
		if (*from == ',') {
			if (from[1] != ',')
				break;
			from++;
		}
		*to++ = *from;
	}
	*rest = *from ? from + 1 : NULL;
	*to = 0;
	return item;
}

/* The value of "key=value" when item has that key. */
static const char *item_value(const char *item, const char *key)
{
	size_t len = strlen(key);

	return !strncmp(item, key, len) && item[len] == '=' ? item + len + 1 : NULL;
}

static int repeated(const char *option, const char *key, char *err, unsigned int errlen)
{
	snprintf(err, errlen, "%s has %s twice: give it once", option, key);
	return -EINVAL;
}

static int disk_cache(const char *value, enum blk_cache *cache)
{
	if (!strcmp(value, "none"))
		*cache = BLK_CACHE_NONE;
	else if (!strcmp(value, "writeback"))
		*cache = BLK_CACHE_WRITEBACK;
	else if (!strcmp(value, "unsafe"))
		*cache = BLK_CACHE_UNSAFE;
	else
		return -EINVAL;
	return 0;
}

int option_disk(const char *text, struct disk_option *disk, char *err, unsigned int errlen)
{
	bool has_if = false, has_cache = false;
	char *list = strdup(text), *rest = list, *item;
	const char *value;

	if (!list)
		return -ENOMEM;
	*disk = (struct disk_option){ .kind = DEVICE_PV, .cache = BLK_CACHE_NONE };
	while ((item = next_item(&rest))) {
		if ((value = item_value(item, "file"))) {
			if (disk->file)
				return repeated("--disk", "file", err, errlen);
			disk->file = strdup(value);
		} else if ((value = item_value(item, "if"))) {
			if (has_if)
				return repeated("--disk", "if", err, errlen);
			has_if = true;
			if (!strcmp(value, "ide"))
				disk->kind = DEVICE_EMULATED;
			else if (strcmp(value, "pv"))
				goto unknown;
		} else if ((value = item_value(item, "cache"))) {
			if (has_cache)
				return repeated("--disk", "cache", err, errlen);
			has_cache = true;
			if (disk_cache(value, &disk->cache))
				goto unknown;
		} else if (!strcmp(item, "ro")) {
			disk->read_only = true;
		} else if (!strcmp(item, "share")) {
			disk->share = true;
		} else {
			goto unknown;
		}
	}
	free(list);
	if (!disk->file || !*disk->file) {
		snprintf(err, errlen, "--disk %s names no file: give file=PATH (or file=null)", text);
		return -EINVAL;
	}
	return 0;
unknown:
	snprintf(err, errlen, "--disk %s: \"%s\" is not known: give file=PATH[,if=pv|ide][,ro][,share]"
		 "[,cache=none|writeback|unsafe]; a comma in a path is doubled", text, item);
	free(list);
	return -EINVAL;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int b[6], i;
	char after;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &after) != 6)
		return -EINVAL;
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return mac[0] & 1 ? -EINVAL : 0;
}

int option_net(const char *text, unsigned int index, struct net_option *net, char *err, unsigned int errlen)
{
	bool has_if = false, has_mac = false;
	char *list = strdup(text), *rest = list, *item;
	size_t room = strlen(text) + 1;
	const char *value;

	*net = (struct net_option){ .kind = DEVICE_PV };
	net->backend = calloc(1, room);
	if (!list || !net->backend)
		return -ENOMEM;
	/* Locally administered, and different for each card of a guest and for the guests that run on one host. */
	net->mac[0] = 0x52;
	net->mac[1] = 0x50;
	net->mac[2] = 0x56;
	net->mac[3] = (uint8_t)(getpid() >> 8);
	net->mac[4] = (uint8_t)getpid();
	net->mac[5] = (uint8_t)index;
	while ((item = next_item(&rest))) {
		if ((value = item_value(item, "if"))) {
			if (has_if)
				return repeated("--net", "if", err, errlen);
			has_if = true;
			if (!strcmp(value, "e1000")) {
				net->kind = DEVICE_EMULATED;
			} else if (strcmp(value, "pv")) {
				snprintf(err, errlen, "--net %s: if=%s is not known: give if=pv or if=e1000", text, value);
				goto invalid;
			}
		} else if ((value = item_value(item, "mac"))) {
			if (has_mac)
				return repeated("--net", "mac", err, errlen);
			has_mac = true;
			if (parse_mac(value, net->mac)) {
				snprintf(err, errlen, "--net %s: mac=%s is not a card's address: give six bytes, such as "
					 "52:50:56:00:00:01, whose first one is even", text, value);
				goto invalid;
			}
		} else {
			/* The backend's own words. */
			if (*net->backend)
				strcat(net->backend, ",");
			strcat(net->backend, item);
		}
	}
	free(list);
	if (!*net->backend) {
		snprintf(err, errlen, "--net %s names no backend: give user, tap=NAME or socket=PATH first", text);
		return -EINVAL;
	}
	return 0;
invalid:
	free(list);
	return -EINVAL;
}

static const struct {
	const char *name;
	uint32_t bits;
} kvm_feature_names[] = {
	{ "kvmclock", KVM_FEATURES_CLOCK },
	{ "nop-io-delay", 1u << KVM_FEATURE_NOP_IO_DELAY },
	{ "async-pf", 1u << KVM_FEATURE_ASYNC_PF | 1u << KVM_FEATURE_ASYNC_PF_VMEXIT | 1u << KVM_FEATURE_ASYNC_PF_INT },
	{ "steal-time", 1u << KVM_FEATURE_STEAL_TIME },
	{ "pv-eoi", 1u << KVM_FEATURE_PV_EOI },
	{ "pv-unhalt", 1u << KVM_FEATURE_PV_UNHALT },
	{ "pv-tlb-flush", 1u << KVM_FEATURE_PV_TLB_FLUSH },
	{ "pv-send-ipi", 1u << KVM_FEATURE_PV_SEND_IPI },
	{ "poll-control", 1u << KVM_FEATURE_POLL_CONTROL },
	{ "pv-sched-yield", 1u << KVM_FEATURE_PV_SCHED_YIELD },
};

#define NR_KVM_FEATURES (sizeof(kvm_feature_names) / sizeof(kvm_feature_names[0]))

int option_kvm_features(const char *text, uint32_t *mask, char *err, unsigned int errlen)
{
	char *list = strdup(text), *rest = list, *item;
	unsigned int i, used = 0;
	bool first = true;

	if (!list)
		return -ENOMEM;
	/* A list that starts with "-name" takes away from all of them; one that starts with a name builds up. */
	*mask = *text == '-' ? ~0u : 0;
	while ((item = next_item(&rest))) {
		bool remove = *item == '-';
		const char *name = item + remove;

		if (first && !strcmp(item, "all")) {
			*mask = ~0u;
		} else if (first && !strcmp(item, "none")) {
			*mask = 0;
		} else {
			for (i = 0; i < NR_KVM_FEATURES && strcmp(name, kvm_feature_names[i].name); i++)
				;
			if (i == NR_KVM_FEATURES)
				goto unknown;
			if (remove)
				*mask &= ~kvm_feature_names[i].bits;
			else
				*mask |= kvm_feature_names[i].bits;
		}
		first = false;
	}
	free(list);
	return 0;
unknown:
	used = snprintf(err, errlen, "--kvm-features %s: \"%s\" is not known: give all, none, or names out of", text, item);
	for (i = 0; i < NR_KVM_FEATURES && used < errlen; i++)
		used += snprintf(err + used, errlen - used, " %s", kvm_feature_names[i].name);
	if (used < errlen)
		snprintf(err + used, errlen - used, ", with - before a name to switch it off");
	free(list);
	return -EINVAL;
}

/* LEAF[.SUBLEAF]:REGISTER:BITS, numbers as C writes them. */
int option_cpuid_mask(const char *text, struct cpuid_mask *mask, char *err, unsigned int errlen)
{
	static const char *const registers[4] = { "eax", "ebx", "ecx", "edx" };
	char *end, name[4] = "";
	unsigned long bits;
	unsigned int i;

	memset(mask, 0, sizeof(*mask));
	errno = 0;
	mask->leaf = (uint32_t)strtoul(text, &end, 0);
	if (end == text)
		goto malformed;
	if (*end == '.')
		mask->subleaf = (uint32_t)strtoul(end + 1, &end, 0);
	if (*end != ':' || strlen(end) < 6 || end[4] != ':')
		goto malformed;
	memcpy(name, end + 1, 3);
	for (i = 0; i < 4 && strcmp(name, registers[i]); i++)
		;
	text = end + 5;
	bits = strtoul(text, &end, 0);
	if (i == 4 || end == text || *end || errno || bits > UINT32_MAX)
		goto malformed;
	mask->clear[i] = (uint32_t)bits;
	return 0;
malformed:
	snprintf(err, errlen, "--cpuid-mask takes LEAF[.SUBLEAF]:REGISTER:BITS, such as 1:ecx:0x200000 to hide x2apic");
	return -EINVAL;
}

int option_escape_key(const char *text, int *key, char *err, unsigned int errlen)
{
	if (!strcmp(text, "none")) {
		*key = -1;
	} else if (text[0] == '^' && text[1] >= '@' && text[1] <= '_' && !text[2]) {
		*key = text[1] & 0x1f;
	} else if (text[0] == '^' && text[1] >= 'a' && text[1] <= 'z' && !text[2]) {
		*key = text[1] & 0x1f;
	} else {
		snprintf(err, errlen, "--escape %s: give a control key, such as ^] or ^a, or none", text);
		return -EINVAL;
	}
	return 0;
}
