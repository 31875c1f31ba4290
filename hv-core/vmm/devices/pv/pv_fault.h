/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host that lies on the ring, behind `--fault pv-block=…`, `pv-net=…` and `pv-console=…`: what guest drivers must
 * survive. Nothing here runs without the option.
 *
 * SPEC: KIND[:after=N][:every=N][:count=N]
 *	wild-index	the completion index jumps far ahead
 *	back-index	the completion index goes back
 *	wild-head	the submission head jumps ahead of what was submitted
 *	replay-id	the completion comes twice
 *	bad-id		the completion names an id that no table has
 *	bad-status	the status is no number of the interface
 *	bad-flags	flags that mean nothing
 *	drop		the completion never comes
 *	spurious	interrupts without completions
 * after: spare the first N completions (0); every: each Nth one (1); count: stop after N (no limit).
 */
#ifndef VMM_PV_FAULT_H
#define VMM_PV_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct pvn_ring_host;
struct pvn_cqe;

enum pv_fault_kind {
	PV_FAULT_NONE,
	PV_FAULT_WILD_INDEX,
	PV_FAULT_BACK_INDEX,
	PV_FAULT_WILD_HEAD,
	PV_FAULT_REPLAY_ID,
	PV_FAULT_BAD_ID,
	PV_FAULT_BAD_STATUS,
	PV_FAULT_BAD_FLAGS,
	PV_FAULT_DROP,
	PV_FAULT_SPURIOUS,
};

struct pv_fault {
	enum pv_fault_kind kind;
	uint64_t after, every, count;
	uint64_t seen, injected;
	bool due; /* for publish: the index is to be spoilt */
};

/* device: "pv-block", …, for the message. 0, or -EINVAL with a message in err. */
int pv_fault_parse(struct pv_fault *fault, const char *device, const char *spec, char *err, unsigned int errlen);

/* In place of pvn_ring_host_push(), and before pvn_ring_host_show(). */
void pv_fault_complete(struct pv_fault *fault, struct pvn_ring_host *ring, const struct pvn_cqe *cqe);
void pv_fault_publish(struct pv_fault *fault, struct pvn_ring_host *ring);

#endif
