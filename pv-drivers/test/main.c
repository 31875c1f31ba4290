// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls for a program: any number, any arguments. It can stop the machine or give its memory
 * away, so root only, and never loaded by itself.
 */
#include <linux/capability.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <paravane/hypercall_nr.h>
#include <pvn_call.h>
#include <pvn_test_ioctl.h>

#define MAX_ROUNDS 1000000
#define SLICE 256 /* rounds between two chances for the scheduler */

struct test_file {
	void *mem;
	struct pvn_multicall_entry *entries;
};

static int test_open(struct inode *inode, struct file *file)
{
	struct test_file *test;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	test = kzalloc(sizeof(*test), GFP_KERNEL);
	if (!test)
		return -ENOMEM;
	test->mem = alloc_pages_exact(PVN_TEST_BYTES, GFP_KERNEL | __GFP_ZERO);
	test->entries = alloc_pages_exact(PVN_MULTICALL_MAX * sizeof(*test->entries),
					  GFP_KERNEL | __GFP_ZERO);
	if (!test->mem || !test->entries)
		goto free_pages;
	file->private_data = test;
	return 0;

free_pages:
	if (test->mem)
		free_pages_exact(test->mem, PVN_TEST_BYTES);
	if (test->entries)
		free_pages_exact(test->entries, PVN_MULTICALL_MAX * sizeof(*test->entries));
	kfree(test);
	return -ENOMEM;
}

static int test_release(struct inode *inode, struct file *file)
{
	struct test_file *test = file->private_data;

	free_pages_exact(test->mem, PVN_TEST_BYTES);
	free_pages_exact(test->entries, PVN_MULTICALL_MAX * sizeof(*test->entries));
	kfree(test);
	return 0;
}

static int test_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct test_file *test = file->private_data;

	return vm_iomap_memory(vma, virt_to_phys(test->mem), PVN_TEST_BYTES);
}

static long test_info(struct test_file *test, void __user *arg)
{
	const struct pvn_host_info *host = pvn_host_info();
	struct pvn_test_info info = {
		.phys = virt_to_phys(test->mem),
		.bytes = PVN_TEST_BYTES,
		.cpuid_base = host->base,
		.version = host->version,
		.mode = host->mode,
		.usable = host->calls_usable,
	};

	BUILD_BUG_ON(sizeof(info.offered) != sizeof(host->offered));
	memcpy(info.offered, host->offered, sizeof(info.offered));
	memcpy(info.accepted, host->accepted, sizeof(info.accepted));
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long test_call(void __user *arg)
{
	struct pvn_test_call call;

	if (copy_from_user(&call, arg, sizeof(call)))
		return -EFAULT;
	call.result = pvn_hypercall(call.nr, call.args[0], call.args[1], call.args[2],
				    call.args[3], call.args[4], call.args[5]);
	return copy_to_user(arg, &call, sizeof(call)) ? -EFAULT : 0;
}

/* How many null calls one round made, or -PVN_E*. */
static s64 time_round(struct test_file *test, u32 batch)
{
	s64 result;

	if (!batch) {
		result = pvn_hypercall(PVN_HC_CORE_NULL, 0, 0, 0, 0, 0, 0);
		return result < 0 ? result : 1;
	}
	return pvn_multicall(test->entries, batch, 0);
}

static void time_rounds(struct test_file *test, struct pvn_test_time *time)
{
	u32 done = 0, n;
	u64 start;
	s64 result;

	while (done < time->rounds && !time->error) {
		n = min_t(u32, SLICE, time->rounds - done);
		done += n;
		preempt_disable();
		start = ktime_get_ns();
		while (n--) {
			result = time_round(test, time->batch);
			if (result < 0) {
				time->error = result;
				break;
			}
			time->calls += result;
		}
		time->ns += ktime_get_ns() - start;
		preempt_enable();
		cond_resched();
	}
}

static long test_time(struct test_file *test, void __user *arg)
{
	struct pvn_test_time time;
	u32 i;

	if (copy_from_user(&time, arg, sizeof(time)))
		return -EFAULT;
	if (!time.rounds || time.rounds > MAX_ROUNDS || time.batch > PVN_MULTICALL_MAX)
		return -EINVAL;
	time.ns = 0;
	time.calls = 0;
	time.error = 0;
	memset(test->entries, 0, PVN_MULTICALL_MAX * sizeof(*test->entries));
	for (i = 0; i < time.batch; i++)
		test->entries[i].nr = PVN_HC_CORE_NULL;
	time_rounds(test, &time);
	/* The host may say that it made them all: their results say whether it did. */
	for (i = 0; i < time.batch && !time.error; i++)
		time.error = test->entries[i].result;
	return copy_to_user(arg, &time, sizeof(time)) ? -EFAULT : 0;
}

static long test_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct test_file *test = file->private_data;

	switch (cmd) {
	case PVN_TEST_INFO:
		return test_info(test, (void __user *)arg);
	case PVN_TEST_CALL:
		return test_call((void __user *)arg);
	case PVN_TEST_TIME:
		return test_time(test, (void __user *)arg);
	}
	return -ENOTTY;
}

static const struct file_operations test_fops = {
	.owner = THIS_MODULE,
	.open = test_open,
	.release = test_release,
	.mmap = test_mmap,
	.unlocked_ioctl = test_ioctl,
};

static struct miscdevice test_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "paravane_test",
	.mode = 0600,
	.fops = &test_fops,
};
module_misc_device(test_device);

MODULE_DESCRIPTION("Paravane hypercalls from a program, for tests");
MODULE_AUTHOR("The Paravane developers");
MODULE_LICENSE("GPL");
