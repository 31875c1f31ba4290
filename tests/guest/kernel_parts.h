/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the patched kernel has of a real guest's, as commands of its shell: in hvm mode first, and what pv mode has to
 * get right, too.
 */
#ifndef TESTS_GUEST_KERNEL_PARTS_H
#define TESTS_GUEST_KERNEL_PARTS_H

/* Text that is patched while it runs, memory that is split and merged, and what user space expects. */
static const struct {
	const char *what, *command;
} kernel_parts[] = {
	{ "function tracer", "mount -t debugfs debugfs /sys/kernel/debug; cd /sys/kernel/debug/tracing && "
			     "echo do_sys_openat2 > set_ftrace_filter && echo function > current_tracer && cat /proc/uptime && "
			     "grep -q do_sys_openat2 trace && echo nop > current_tracer" },
	{ "kprobe", "cd /sys/kernel/debug/tracing && echo 'p:pvn do_sys_openat2' > kprobe_events && "
		    "echo 1 > events/kprobes/pvn/enable && cat /proc/uptime && grep -q pvn: trace && "
		    "echo 0 > events/kprobes/pvn/enable && echo > kprobe_events" },
	{ "huge pages on request", "grep -F '[madvise]' /sys/kernel/mm/transparent_hugepage/enabled" },
	{ "same-page merging", "echo 1 > /sys/kernel/mm/ksm/run && echo 2 > /sys/kernel/mm/ksm/run" },
	{ "BPF's compiler", "[ $(cat /proc/sys/net/core/bpf_jit_enable) = 1 ]" },
	{ "control groups", "mkdir -p /tmp/cg && mount -t cgroup2 none /tmp/cg && cat /tmp/cg/cgroup.controllers && "
			    "for c in cpuset cpu io memory hugetlb pids; do grep -qw $c /tmp/cg/cgroup.controllers || exit 1; done" },
	{ "file systems of systemd", "for f in cgroup2 devtmpfs tmpfs autofs configfs bpf mqueue; do grep -qw $f /proc/filesystems || "
				     "{ echo no $f; exit 1; }; done" },
	{ "swap on zram", "modprobe zram && echo 16M > /sys/block/zram0/disksize && mkswap /dev/zram0 && swapon /dev/zram0 && "
			  "swapoff /dev/zram0 && echo 1 > /sys/block/zram0/reset && rmmod zram" },
	{ "nothing that the monitor refuses", "zcat /proc/config.gz > /tmp/config; ! grep -x -e CONFIG_IA32_EMULATION=y "
					      "-e CONFIG_MODIFY_LDT_SYSCALL=y -e CONFIG_X86_16BIT=y -e CONFIG_X86_IOPL_IOPERM=y "
					      "-e CONFIG_X86_5LEVEL=y /tmp/config && grep -c =y /tmp/config" },
};

#endif
