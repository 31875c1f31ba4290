// SPDX-License-Identifier: GPL-2.0-only
/* A host that lies on the ring. */
#include "pv_fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pvn_ring.h"

static const struct {
	const char *name;
	enum pv_fault_kind kind;
} kinds[] = {
	{ "wild-index", PV_FAULT_WILD_INDEX }, { "back-index", PV_FAULT_BACK_INDEX },
	{ "wild-head", PV_FAULT_WILD_HEAD },   { "replay-id", PV_FAULT_REPLAY_ID },
	{ "bad-id", PV_FAULT_BAD_ID },	       { "bad-status", PV_FAULT_BAD_STATUS },
	{ "bad-flags", PV_FAULT_BAD_FLAGS },   { "drop", PV_FAULT_DROP },
	{ "spurious", PV_FAULT_SPURIOUS },
};

static int parse_word(struct pv_fault *fault, char *word)
{
	char *value = strchr(word, '='), *end;
	uint64_t number;

	if (!value || value[1] < '0' || value[1] > '9')
		return -EINVAL;
	*value++ = '\0';
	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno || *end)
		return -EINVAL;
	if (!strcmp(word, "after"))
		fault->after = number;
	else if (!strcmp(word, "every") && number)
		fault->every = number;
	else if (!strcmp(word, "count") && number)
		fault->count = number;
	else
		return -EINVAL;
	return 0;
}

int pv_fault_parse(struct pv_fault *fault, const char *device, const char *spec, char *err, unsigned int errlen)
{
	char copy[96], *save = NULL, *word;
	unsigned int i;
	int rc = -EINVAL;

	memset(fault, 0, sizeof(*fault));
	fault->every = 1;
	fault->count = UINT64_MAX;
	if (strlen(spec) < sizeof(copy)) {
		strcpy(copy, spec);
		word = strtok_r(copy, ":", &save);
		for (i = 0; word && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (!strcmp(word, kinds[i].name)) {
				fault->kind = kinds[i].kind;
				rc = 0;
			}
		}
		while (!rc && (word = strtok_r(NULL, ":", &save)))
			rc = parse_word(fault, word);
	}
	if (rc)
		snprintf(err, errlen,
			 "--fault %s=%s: not understood; it is KIND[:after=N][:every=N][:count=N] with KIND one of wild-index, back-index, wild-head, replay-id, bad-id, bad-status, bad-flags, drop, spurious",
			 device, spec);
	return rc;
}

static bool fault_due(struct pv_fault *fault)
{
	uint64_t n;

	if (fault->kind == PV_FAULT_NONE)
		return false;
	n = fault->seen++;
	if (n < fault->after || (n - fault->after) % fault->every != fault->every - 1 ||
	    fault->injected >= fault->count)
		return false;
	fault->injected++;
	return true;
}

/* Past the library's own guard: a completion for which nothing was accepted. */
static void push_unaccepted(struct pvn_ring_host *ring, const struct pvn_cqe *cqe)
{
	ring->in_flight++;
	pvn_ring_host_push(ring, cqe);
}

void pv_fault_complete(struct pv_fault *fault, struct pvn_ring_host *ring, const struct pvn_cqe *honest)
{
	struct pvn_cqe cqe = *honest;

	if (fault_due(fault)) {
		switch (fault->kind) {
		case PV_FAULT_BAD_ID:
			cqe.id = 0xdeadbeef;
			break;
		case PV_FAULT_BAD_STATUS:
			cqe.status = -99999;
			break;
		case PV_FAULT_BAD_FLAGS:
			cqe.flags = 0xffff0000;
			break;
		case PV_FAULT_REPLAY_ID:
			push_unaccepted(ring, &cqe);
			break;
		case PV_FAULT_DROP:
			return; /* its slot stays reserved, as a lost request's would */
		default:
			fault->due = true;
		}
	}
	pvn_ring_host_push(ring, &cqe);
}

void pv_fault_publish(struct pv_fault *fault, struct pvn_ring_host *ring)
{
	if (!fault->due)
		return;
	fault->due = false;
	switch (fault->kind) {
	case PV_FAULT_WILD_INDEX:
		/* Moving on from there, so that publish stores it, and the interrupt follows. */
		ring->pushed += 100000;
		break;
	case PV_FAULT_BACK_INDEX:
		ring->pushed -= 2;
		break;
	case PV_FAULT_WILD_HEAD:
		/* By hand: our own cursors must go on working. It stands until the next submission is taken. */
		pvn_ring_store_release(&ring->hdr->sq_head, ring->popped + 100000);
		ring->sq_head = ring->popped;
		break;
	case PV_FAULT_SPURIOUS:
		/* The index is right, and passes the event once more. */
		ring->notified = ring->pushed - ring->cq_size;
		break;
	default:
		break;
	}
}
