/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading KVM's binary statistics. The layout is in Documentation/virt/kvm/api.rst of the kernel. */

#include "kvm_stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 512
#define MAX_NAME 256

int kvm_stats_each(int fd, void (*fn)(void *opaque, const char *name, uint64_t value), void *opaque)
{
	struct kvm_stats_header head;
	size_t step, bytes;
	unsigned int i;
	char *desc;
	int ret = 0;

	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return -EIO;
	if (head.num_desc > MAX_DESCRIPTORS || !head.name_size || head.name_size > MAX_NAME)
		return -EPROTO;
	step = sizeof(struct kvm_stats_desc) + head.name_size;
	bytes = step * head.num_desc;
	desc = malloc(bytes ? bytes : 1);
	if (!desc)
		return -ENOMEM;
	if (pread(fd, desc, bytes, head.desc_offset) != (ssize_t)bytes) {
		ret = -EIO;
		goto free_desc;
	}
	for (i = 0; i < head.num_desc; i++) {
		const struct kvm_stats_desc *d = (const void *)(desc + i * step);
		uint64_t value;

		if (d->size != 1 || !memchr(d->name, 0, head.name_size))
			continue; /* histograms */
		if (pread(fd, &value, sizeof(value), head.data_offset + d->offset) != (ssize_t)sizeof(value)) {
			ret = -EIO;
			break;
		}
		fn(opaque, d->name, value);
	}
free_desc:
	free(desc);
	return ret;
}

struct wanted {
	const char *name;
	uint64_t value;
};

static void take_wanted(void *opaque, const char *name, uint64_t value)
{
	struct wanted *w = opaque;

	if (!strcmp(name, w->name))
		w->value = value;
}

uint64_t kvm_stats_value(int fd, const char *name)
{
	struct wanted w = { .name = name };

	if (fd >= 0)
		kvm_stats_each(fd, take_wanted, &w);
	return w.value;
}
