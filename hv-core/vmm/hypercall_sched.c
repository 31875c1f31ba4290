// SPDX-License-Identifier: GPL-2.0-only
/* Family sched: giving up the processor, stopping the machine. */
#include <sched.h>

#include "hypercall_impl.h"

int64_t hypercall_sched_yield(struct hypercalls *h, const struct hypercall_frame *f)
{
	sched_yield();
	return 0;
}

int64_t hypercall_sched_shutdown(struct hypercalls *h, const struct hypercall_frame *f, uint32_t reason)
{
	static const struct {
		enum stop_reason reason;
		const char *what;
	} stop[] = {
		[PVN_SHUTDOWN_POWEROFF] = { STOP_POWEROFF, "powered the machine off" },
		[PVN_SHUTDOWN_REBOOT] = { STOP_RESET, "reset the machine" },
		[PVN_SHUTDOWN_CRASH] = { STOP_GUEST_CRASH, "reported a crash" },
		[PVN_SHUTDOWN_HALT] = { STOP_POWEROFF, "halted the machine" },
	};

	if (reason >= sizeof(stop) / sizeof(stop[0]))
		return -PVN_EINVAL;
	atomic_store(&h->stopping, true);
	if (stop[reason].reason == STOP_GUEST_CRASH && h->ops->crash)
		h->ops->crash(h->opaque, f->vcpu, "sched.shutdown");
	machine_stop(h->m, stop[reason].reason, "the guest %s by hypercall (vCPU %u)", stop[reason].what, f->vcpu);
	return 0;
}
