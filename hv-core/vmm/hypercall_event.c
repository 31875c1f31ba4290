// SPDX-License-Identifier: GPL-2.0-only
/*
 * Family event: ports, and the upcall vector by which a vCPU hears of them. docs/abi/events.md has the protocol in
 * two columns; the step numbers below are its.
 *
 * Which port is open and who hears of it is kept here, under the lock; the page that the guest shares holds only bits
 * that it could not use against anybody but itself. The page's words are accessed by sequentially consistent atomics:
 * "set pending, then look at mask" here and "clear mask, then look at pending" in the guest are Dekker's pattern, in
 * which nothing weaker will do.
 */
#include "hypercall_impl.h"

/* Where a message-signalled interrupt for a local APIC goes: physical destination, fixed, edge. */
#define MSI_ADDRESS(apic_id) (0xfee00000ull | (uint64_t)(apic_id) << 12)

static uint64_t port_bit(uint32_t port)
{
	return 1ull << port % 64;
}

static uint64_t word_or(uint64_t *word, uint64_t bits)
{
	return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
}

static uint64_t word_clear(uint64_t *word, uint64_t bits)
{
	return __atomic_fetch_and(word, ~bits, __ATOMIC_SEQ_CST);
}

static uint64_t word_read(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* Steps 4 and 5: one upcall for all that became pending since the guest last began to look. */
static void upcall_raise(struct hypercalls *h, unsigned int vcpu)
{
	struct pvn_event_vcpu *line = &h->event_page->vcpu[vcpu];

	if (!h->vector[vcpu])
		return;
	if (__atomic_exchange_n(&line->upcall_pending, 1, __ATOMIC_SEQ_CST))
		return;
	atomic_fetch_add_explicit(&h->upcalls, 1, memory_order_relaxed);
	h->m->ops->msi_send(h->m, MSI_ADDRESS(vcpu), h->vector[vcpu]);
}

/* Steps 3 to 5. */
static void port_upcall(struct hypercalls *h, uint32_t port)
{
	unsigned int vcpu = h->port[port].vcpu;

	word_or(&h->event_page->vcpu[vcpu].selector, 1ull << port / 64);
	upcall_raise(h, vcpu);
}

struct hypercall_port *hypercall_port_get(struct hypercalls *h, uint32_t port)
{
	return port < PVN_EVENT_PORTS && h->port[port].open ? &h->port[port] : NULL;
}

void hypercall_port_raise(struct hypercalls *h, uint32_t port)
{
	/* Step 1. A bit that was set already has had its upcall, or waits for the guest to unmask. */
	if (word_or(&h->event_page->pending[port / 64], port_bit(port)) & port_bit(port))
		return;
	atomic_fetch_add_explicit(&h->events, 1, memory_order_relaxed);
	/* Step 2. */
	if (word_read(&h->event_page->mask[port / 64]) & port_bit(port))
		return;
	port_upcall(h, port);
}

void hypercall_event_raise(struct machine *m, uint32_t port)
{
	struct hypercalls *h = m->hypercall;

	pthread_mutex_lock(&h->lock);
	if (hypercall_port_get(h, port))
		hypercall_port_raise(h, port);
	pthread_mutex_unlock(&h->lock);
}

void hypercall_events_reset(struct hypercalls *h)
{
	for (unsigned int i = 0; i < PVN_EVENT_PORTS; i++)
		h->port[i].open = false;
	for (unsigned int i = 0; i < PVN_EVENT_VCPUS; i++)
		h->vector[i] = 0;
	if (h->event_page)
		gmem_release(&h->m->gmem, h->event_page, sizeof(*h->event_page));
	h->event_page = NULL;
}

int64_t hypercall_event_page_register(struct hypercalls *h, const struct hypercall_frame *f, gpa_t page)
{
	struct pvn_event_page *shared;
	int64_t result = 0;

	if (page.v % PVN_PAGE_BYTES)
		return -PVN_EINVAL;
	shared = gmem_ptr_held(&h->m->gmem, page, sizeof(*shared));
	if (!shared)
		return -PVN_EFAULT;
	pthread_mutex_lock(&h->lock);
	if (h->event_page)
		result = -PVN_EBUSY;
	else
		h->event_page = shared;
	pthread_mutex_unlock(&h->lock);
	if (result)
		gmem_release(&h->m->gmem, shared, sizeof(*shared));
	return result;
}

int64_t hypercall_event_page_unregister(struct hypercalls *h, const struct hypercall_frame *f)
{
	int64_t result = 0;

	pthread_mutex_lock(&h->lock);
	if (h->event_page) {
		hypercall_timers_reset(h);
		hypercall_events_reset(h);
	} else {
		result = -PVN_ESTATE;
	}
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_event_upcall_set(struct hypercalls *h, const struct hypercall_frame *f, uint32_t vcpu,
				   uint32_t vector)
{
	if (vcpu >= h->m->nr_vcpus)
		return -PVN_ENODEV;
	if (vector && (vector < PVN_EVENT_VECTOR_MIN || vector > PVN_EVENT_VECTOR_MAX))
		return -PVN_ERANGE;
	pthread_mutex_lock(&h->lock);
	h->vector[vcpu] = (uint8_t)vector;
	if (h->event_page && word_read(&h->event_page->vcpu[vcpu].selector)) {
		/* An upcall by the old vector may never have been seen: don't let it hold this one back. */
		__atomic_store_n(&h->event_page->vcpu[vcpu].upcall_pending, 0, __ATOMIC_SEQ_CST);
		upcall_raise(h, vcpu);
	}
	pthread_mutex_unlock(&h->lock);
	return 0;
}

int64_t hypercall_event_alloc(struct hypercalls *h, const struct hypercall_frame *f, uint32_t vcpu)
{
	int64_t result = -PVN_ENOMEM;

	if (vcpu >= h->m->nr_vcpus)
		return -PVN_ENODEV;
	pthread_mutex_lock(&h->lock);
	if (!h->event_page) {
		result = -PVN_ESTATE;
		goto unlock;
	}
	for (uint32_t port = 1; port < PVN_EVENT_PORTS; port++) {
		if (h->port[port].open)
			continue;
		word_clear(&h->event_page->pending[port / 64], port_bit(port));
		word_clear(&h->event_page->mask[port / 64], port_bit(port));
		h->port[port].open = true;
		h->port[port].vcpu = (uint16_t)vcpu;
		result = port;
		break;
	}
unlock:
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_event_bind(struct hypercalls *h, const struct hypercall_frame *f, uint32_t port, uint32_t vcpu)
{
	struct hypercall_port *p;
	int64_t result = -PVN_ENODEV;

	if (vcpu >= h->m->nr_vcpus)
		return -PVN_ENODEV;
	pthread_mutex_lock(&h->lock);
	p = hypercall_port_get(h, port);
	if (p) {
		p->vcpu = (uint16_t)vcpu;
		if (word_read(&h->event_page->pending[port / 64]) & port_bit(port) &&
		    !(word_read(&h->event_page->mask[port / 64]) & port_bit(port)))
			port_upcall(h, port);
		result = 0;
	}
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_event_send(struct hypercalls *h, const struct hypercall_frame *f, uint32_t port)
{
	int64_t result = -PVN_ENODEV;

	pthread_mutex_lock(&h->lock);
	if (hypercall_port_get(h, port)) {
		hypercall_port_raise(h, port);
		result = 0;
	}
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_event_close(struct hypercalls *h, const struct hypercall_frame *f, uint32_t port)
{
	struct hypercall_port *p;
	int64_t result = -PVN_ENODEV;

	pthread_mutex_lock(&h->lock);
	p = hypercall_port_get(h, port);
	if (p) {
		p->open = false;
		hypercall_timers_forget(h, port);
		word_clear(&h->event_page->pending[port / 64], port_bit(port));
		result = 0;
	}
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_event_mask(struct hypercalls *h, const struct hypercall_frame *f, uint32_t port)
{
	int64_t result = -PVN_ENODEV;

	pthread_mutex_lock(&h->lock);
	if (hypercall_port_get(h, port)) {
		word_or(&h->event_page->mask[port / 64], port_bit(port));
		result = 0;
	}
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_event_unmask(struct hypercalls *h, const struct hypercall_frame *f, uint32_t port)
{
	int64_t result = -PVN_ENODEV;

	pthread_mutex_lock(&h->lock);
	if (hypercall_port_get(h, port)) {
		word_clear(&h->event_page->mask[port / 64], port_bit(port));
		result = (word_read(&h->event_page->pending[port / 64]) & port_bit(port)) != 0;
		if (result)
			port_upcall(h, port);
	}
	pthread_mutex_unlock(&h->lock);
	return result;
}

int64_t hypercall_event_status(struct hypercalls *h, const struct hypercall_frame *f, uint32_t port)
{
	struct hypercall_port *p;
	int64_t result = 0;

	if (port >= PVN_EVENT_PORTS)
		return -PVN_ERANGE;
	pthread_mutex_lock(&h->lock);
	p = hypercall_port_get(h, port);
	if (p) {
		result = PVN_EVENT_OPEN | p->vcpu;
		if (word_read(&h->event_page->pending[port / 64]) & port_bit(port))
			result |= PVN_EVENT_PENDING;
		if (word_read(&h->event_page->mask[port / 64]) & port_bit(port))
			result |= PVN_EVENT_MASKED;
	}
	pthread_mutex_unlock(&h->lock);
	return result;
}
