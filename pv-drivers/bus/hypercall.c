// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host, found by CPUID, and calls to it through the hypercall page.
 */
#include <asm/cpufeature.h>
#include <asm/io.h>
#include <asm/processor.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/syscore_ops.h>
#include <paravane/hypercall_nr.h>
#include <pvn_compat.h>

#include "internal.h"

/* The families whose calls this kernel makes, or lets a test make. */
#define PVN_FEATURES_WANTED (PVN_F0_SCHED | PVN_F0_TIME | PVN_F0_EVENT | PVN_F0_RING | \
			     PVN_F0_CONSOLE | PVN_F0_MEMORY | PVN_F0_DEBUG)

static struct pvn_host_info host;

const struct pvn_host_info *pvn_host_info(void)
{
	return &host;
}
EXPORT_SYMBOL_GPL(pvn_host_info);

static s64 hypercall_enter(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	register u64 r10 asm("r10") = a3;
	register u64 r8 asm("r8") = a4;
	register u64 r9 asm("r9") = a5;
	s64 result;

	if (pvn_kernel_calls())
		return pvn_kernel_call(nr, a0, a1, a2, a3, a4, a5);
	/* A direct call: nothing for the CPU to predict, so no retpoline is lost. */
	asm volatile("call pvn_hypercall_page"
		     : "=a" (result), ASM_CALL_CONSTRAINT
		     : "0" (nr), "D" (a0), "S" (a1), "d" (a2), "r" (r10), "r" (r8), "r" (r9)
		     : "rcx", "r11", "cc", "memory");
	return result;
}

s64 pvn_hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	if (!READ_ONCE(host.calls_usable))
		return -PVN_ENOSYS;
	return hypercall_enter(nr, a0, a1, a2, a3, a4, a5);
}
EXPORT_SYMBOL_GPL(pvn_hypercall);

s64 pvn_multicall(struct pvn_multicall_entry *entries, u32 nr_entries, u32 flags)
{
	return pvn_hypercall(PVN_HC_CORE_MULTICALL, virt_to_phys(entries), nr_entries, flags,
			     0, 0, 0);
}
EXPORT_SYMBOL_GPL(pvn_multicall);

static const struct {
	int errno;
	const char *name;
} errors[] = {
	[PVN_OK] = { 0, "PVN_OK" },
	[PVN_ENOSYS] = { -ENOSYS, "PVN_ENOSYS" },
	[PVN_EINVAL] = { -EINVAL, "PVN_EINVAL" },
	[PVN_EFAULT] = { -EFAULT, "PVN_EFAULT" },
	[PVN_EPERM] = { -EPERM, "PVN_EPERM" },
	[PVN_EBUSY] = { -EBUSY, "PVN_EBUSY" },
	[PVN_ENOMEM] = { -ENOMEM, "PVN_ENOMEM" },
	[PVN_ERANGE] = { -ERANGE, "PVN_ERANGE" },
	[PVN_ENODEV] = { -ENODEV, "PVN_ENODEV" },
	[PVN_ESTATE] = { -EBADFD, "PVN_ESTATE" },
	[PVN_ENOTSUP] = { -EOPNOTSUPP, "PVN_ENOTSUP" },
	[PVN_EVERSION] = { -EPROTO, "PVN_EVERSION" },
	[PVN_EIO] = { -EIO, "PVN_EIO" },
	[PVN_ENOSPC] = { -ENOSPC, "PVN_ENOSPC" },
	[PVN_EROFS] = { -EROFS, "PVN_EROFS" },
	[PVN_ECANCELED] = { -ECANCELED, "PVN_ECANCELED" },
	[PVN_EOVERFLOW] = { -EOVERFLOW, "PVN_EOVERFLOW" },
};

int pvn_errno(s64 error)
{
	if (error >= 0)
		return 0;
	return error < -PVN_EMAX ? -EIO : errors[-error].errno;
}
EXPORT_SYMBOL_GPL(pvn_errno);

const char *pvn_error_name(s64 error)
{
	if (error > 0 || error < -PVN_EMAX)
		return "an unknown error";
	return errors[-error].name;
}
EXPORT_SYMBOL_GPL(pvn_error_name);

static u32 cpuid_find_base(void)
{
	u32 base, eax, ebx, ecx, edx;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return 0;
	for (base = PVN_CPUID_FIRST; base <= PVN_CPUID_LAST; base += PVN_CPUID_STEP) {
		cpuid(base, &eax, &ebx, &ecx, &edx);
		if (ebx != PVN_CPUID_SIGNATURE_EBX || ecx != PVN_CPUID_SIGNATURE_ECX ||
		    edx != PVN_CPUID_SIGNATURE_EDX)
			continue;
		if (eax >= base + PVN_CPUID_MAX_LEAF && eax < base + PVN_CPUID_STEP)
			return base;
		pr_warn("paravane: host at CPUID %#x says that its last leaf is %#x: ignored\n",
			base, eax);
	}
	return 0;
}

/* Both at the start and after a restore: the host may be another one then. */
static int hypercall_page_register(void)
{
	unsigned long pfn = vmalloc_to_pfn(pvn_hypercall_page);

	if (pfn > U32_MAX - 1) {
		pr_err("paravane: the hypercall page lies beyond what the host can name\n");
		return -ERANGE;
	}
	outl(pfn, host.page_port);
	if (inl(host.page_port) != pfn) {
		pr_err("paravane: the host refused the hypercall page (frame %#lx)\n", pfn);
		return -ENXIO;
	}
	return 0;
}

static void features_accept(void)
{
	s64 result;

	result = hypercall_enter(PVN_HC_CORE_ACCEPT_FEATURES, PVN_ABI_VERSION, host.accepted[0],
				 host.accepted[1], host.accepted[2], host.accepted[3], 0);
	if (result >= 0)
		return;
	pr_warn("paravane: the host refused feature word %#x (%s): core calls only\n",
		host.accepted[0], pvn_error_name(result));
	memset(host.accepted, 0, sizeof(host.accepted));
}

static void hypercall_restore(void)
{
	if (!host.calls_usable || pvn_kernel_calls())
		return;
	if (hypercall_page_register())
		WRITE_ONCE(host.calls_usable, false);
	else
		features_accept();
}

#ifdef PVN_HAVE_SYSCORE_STRUCT
static void hypercall_resume(void *data)
{
	hypercall_restore();
}

static const struct syscore_ops hypercall_syscore_ops = {
	.resume = hypercall_resume,
};

static struct syscore hypercall_syscore = {
	.ops = &hypercall_syscore_ops,
};
#else
#define register_syscore register_syscore_ops
#define unregister_syscore unregister_syscore_ops
static struct syscore_ops hypercall_syscore = {
	.resume = hypercall_restore,
};
#endif

/* 0 also without a host, or with one that offers no calls: the devices work without them. */
int pvn_hypercall_init(void)
{
	u32 unused, port;
	int err;

	host.base = cpuid_find_base();
	if (!host.base) {
		pr_info("paravane: no Paravane host found by CPUID; hypercalls are not available\n");
		return 0;
	}
	cpuid(host.base + PVN_CPUID_LEAF_VERSION, &host.version, &host.mode, &host.nr_vcpus,
	      &unused);
	if (host.version >> 16 != PVN_ABI_MAJOR) {
		pr_err("paravane: the host speaks ABI %u.%u and this driver %u.%u; load the driver that came with the host\n",
		       host.version >> 16, host.version & 0xffff, PVN_ABI_MAJOR, PVN_ABI_MINOR);
		return -EPROTO;
	}
	cpuid(host.base + PVN_CPUID_LEAF_FEATURES, &host.offered[0], &host.offered[1],
	      &host.offered[2], &host.offered[3]);
	host.accepted[0] = host.offered[0] & PVN_FEATURES_WANTED;
	if (pvn_kernel_calls()) {
		WRITE_ONCE(host.calls_usable, true);
		return 0;
	}
	cpuid(host.base + PVN_CPUID_LEAF_TRANSPORT, &host.page_port, &port, &unused, &unused);
	if (host.mode != PVN_CPUID_MODE_HVM || !host.page_port || host.page_port > 0xfffc) {
		pr_info("paravane: the host offers no hypercall page to modules\n");
		return 0;
	}
	err = hypercall_page_register();
	if (err)
		return 0;
	WRITE_ONCE(host.calls_usable, true);
	features_accept();
	register_syscore(&hypercall_syscore);
	pr_info("paravane: host ABI %u.%u, CPUID base %#x, features %#x of %#x\n",
		host.version >> 16, host.version & 0xffff, host.base, host.accepted[0],
		host.offered[0]);
	return 0;
}

void pvn_hypercall_exit(void)
{
	if (!host.calls_usable || pvn_kernel_calls())
		return;
	unregister_syscore(&hypercall_syscore);
	WRITE_ONCE(host.calls_usable, false);
	/* The page goes back to the kernel: the host must not write to it again. */
	outl(PVN_PORT_PAGE_NONE, host.page_port);
}
