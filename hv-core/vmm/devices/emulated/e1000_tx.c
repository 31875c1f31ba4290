// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending: descriptors are read, their bytes collected into frames, and descriptors written back.
 *
 * A vCPU that writes TDT sends at once, on its own thread, as long as that is little: a hand-over to another thread
 * would cost more than a frame does, and a round trip's latency. What is left after a burst is the sender thread's, so
 * that no vCPU is kept here by another that goes on filling the ring.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "e1000.h"

#define TX_BURST 64	 /* descriptors on a vCPU's thread */
#define SENDER_BURST 256 /* descriptors for one hold of tx_lock, which a reset waits for */

static void tx_context(struct e1000_tx *t, const struct e1000_tx_desc *d)
{
	t->context = (struct e1000_tx_context){
		.ip_start = d->addr,
		.ip_at = d->addr >> 8,
		.ip_end = d->addr >> 16,
		.tu_start = d->addr >> 32,
		.tu_at = d->addr >> 40,
		.tu_end = d->addr >> 48,
		.payload = d->lower & 0xfffff,
		.header = d->upper >> 8,
		.mss = d->upper >> 16,
		.tcp = d->lower & TXC_CMD_TCP,
		.ipv4 = d->lower & TXC_CMD_IP,
	};
}

/* What holds for the whole frame stands in its first descriptor. */
static void tx_begin(struct e1000 *e, const struct e1000_tx_desc *d, bool data)
{
	struct e1000_tx *t = &e->tx;

	t->started = true;
	t->too_long = false;
	t->len = 0;
	t->tse = data && d->lower & TXD_CMD_TSE;
	t->insert_ip = data && d->upper & TXD_POPTS_IXSM;
	t->insert_tu = data && d->upper & TXD_POPTS_TXSM;
	t->legacy_at = 0;
	t->vlan = false;
}

/* ...and what a legacy frame's last descriptor adds. */
static void tx_last_options(struct e1000 *e, const struct e1000_tx_desc *d, bool data)
{
	struct e1000_tx *t = &e->tx;

	if (!data && d->lower & TXD_CMD_IC) {
		t->legacy_at = d->lower >> 16;
		t->legacy_start = d->upper >> 8;
	}
	/* Tagging is switched by the register, which tx_run() looked at. */
	if (d->lower & TXD_CMD_VLE && t->vlan_on) {
		t->vlan = true;
		t->tag = d->upper >> 16;
	}
}

static void tx_collect(struct e1000 *e, uint64_t addr, uint32_t len)
{
	struct e1000_tx *t = &e->tx;
	uint32_t max = t->tse ? E1000_FRAME_MAX : E1000_JUMBO_MAX;

	if (len > max - t->len || t->too_long) {
		t->too_long = true;
		return;
	}
	/* A wild address: what a bus error gives. The frame's checksums tell, as on hardware. */
	if (len && gmem_read(&e->m->gmem, GPA(addr), t->frame + E1000_TX_ROOM + t->len, len))
		memset(t->frame + E1000_TX_ROOM + t->len, 0xff, len);
	t->len += len;
}

/* One descriptor. Returns whether it wants to be written back with an interrupt now (1) or later (2). */
static int tx_descriptor(struct e1000 *e, const struct e1000_tx_desc *d)
{
	struct e1000_tx *t = &e->tx;
	bool data = false;

	if (d->lower & TXD_CMD_DEXT) {
		if ((d->lower & TXD_DTYP_MASK) == TXD_DTYP_CONTEXT) {
			tx_context(t, d);
			goto report;
		}
		data = true;
	}
	if (!t->started)
		tx_begin(e, d, data);
	tx_collect(e, d->addr, d->lower & (data ? 0xfffff : 0xffff));
	if (d->lower & TXD_CMD_EOP) {
		tx_last_options(e, d, data);
		t->started = false;
		if (!t->too_long) {
			t->pending = true;
			t->cut = 0;
			t->segments = 0;
			t->prepared = false;
		}
	}
report:
	if (!(d->lower & (TXD_CMD_RS | TXD_CMD_RPS)))
		return 0;
	return d->lower & TXD_CMD_IDE ? 2 : 1;
}

/* Lock held: bring what was sent into the statistics. */
static void tx_account(struct e1000 *e)
{
	struct e1000_tx_counts *c = &e->tx.counts;

	if (!c->frames)
		return;
	e1000_count(e, R_GPTC, c->frames);
	e1000_count(e, R_TPT, c->frames);
	e1000_count64(e, R_GOTCL, c->bytes);
	e1000_count64(e, R_TOTL, c->bytes);
	e1000_count(e, R_MPTC, c->multicast);
	e1000_count(e, R_BPTC, c->broadcast);
	e1000_count(e, R_TSCTC, c->segmented);
	for (unsigned int i = 0; i < 6; i++)
		e1000_count(e, R_PTC64 + 4 * i, c->size[i]);
	memset(c, 0, sizeof(*c));
}

enum tx_state { TX_SENT, TX_WAITS, TX_GOES_ON };

/* Send what is pending. */
static enum tx_state tx_finish(struct e1000 *e)
{
	int ret;

	if (!e->tx.pending)
		return TX_SENT;
	ret = e1000_tx_send(e);
	if (ret == -EINPROGRESS)
		return TX_GOES_ON;
	if (ret == -EAGAIN) {
		pthread_mutex_lock(&e->lock);
		if (e->watching) {
			__atomic_store_n(&e->tx_waits, true, __ATOMIC_SEQ_CST);
			e1000_watch(e);
			pthread_mutex_unlock(&e->lock);
			return TX_WAITS;
		}
		pthread_mutex_unlock(&e->lock);
	}
	e->tx.pending = false;
	if (ret && net_backend_lost(-ret)) {
		__atomic_store_n(&e->lost, true, __ATOMIC_RELAXED);
		e1000_signal(e->kick);
	}
	return TX_SENT;
}

/* tx_lock held. Returns true when there is more to do at once. */
static bool tx_run(struct e1000 *e, unsigned int budget)
{
	uint32_t n, head, tail;
	uint64_t base, shown_at = 0;
	uint32_t first;
	bool enabled, now = false, later = false, more = false;
	enum tx_state state;

	if (__atomic_load_n(&e->tx_waits, __ATOMIC_SEQ_CST))
		return false;
	state = tx_finish(e);
	if (state != TX_SENT)
		return state == TX_GOES_ON;

	pthread_mutex_lock(&e->lock);
	base = *e1000_reg(e, R_TDBAL) | (uint64_t)*e1000_reg(e, R_TDBAH) << 32;
	n = *e1000_reg(e, R_TDLEN) / sizeof(struct e1000_tx_desc);
	head = *e1000_reg(e, R_TDH);
	tail = *e1000_reg(e, R_TDT);
	enabled = *e1000_reg(e, R_TCTL) & TCTL_EN;
	e->tx.vlan_on = e1000_vlan(e);
	e->tx.vlan_type = *e1000_reg(e, R_VET);
	pthread_mutex_unlock(&e->lock);

	/* Head and tail that are not in the ring never meet: such a ring stands still. */
	if (!enabled || head >= n || tail >= n || head == tail ||
	    !__atomic_load_n(&e->pci.bus_master, __ATOMIC_ACQUIRE))
		return false;

	first = head;
	while (head != tail) {
		gpa_t at = GPA(base + head * sizeof(struct e1000_tx_desc));
		struct e1000_tx_desc d;
		int report;

		if (!budget--) {
			more = true;
			break;
		}
		if (gmem_read(&e->m->gmem, at, &d, sizeof(d)))
			break;
		report = tx_descriptor(e, &d);
		if (report) {
			d.upper |= TXD_STAT_DD;
			/* After the frame's bytes were copied, else the driver frees them too early: x86 keeps the order. */
			gmem_write(&e->m->gmem, GPA(at.v + 12), &d.upper, sizeof(d.upper));
			shown_at = at.v + 12;
			now |= report == 1;
			later |= report == 2;
		}
		head = head + 1 == n ? 0 : head + 1;
		state = tx_finish(e);
		if (state != TX_SENT) {
			more = state == TX_GOES_ON;
			break;
		}
	}

	pthread_mutex_lock(&e->lock);
	*e1000_reg(e, R_TDH) = head;
	tx_account(e);
	e->tx_untold += (head + n - first) % n;
	if (shown_at)
		e->tx_shown_at = shown_at;
	if (now || (later && e->tx_untold > n / 4))
		e1000_irq_cause(&e->irq, INT_TXDW);
	else if (later)
		e1000_irq_tx_later(&e->irq, *e1000_reg(e, R_TIDV), *e1000_reg(e, R_TADV), loop_now_ns());
	if (head == tail)
		e1000_irq_cause(&e->irq, INT_TXQE);
	e1000_irq_update(e);
	pthread_mutex_unlock(&e->lock);
	return more;
}

void e1000_tx_kick(struct e1000 *e)
{
	__atomic_store_n(&e->tx_kicked, true, __ATOMIC_SEQ_CST);
	/* Who finds the lock taken leaves: its holder looks at tx_kicked after letting go. */
	while (__atomic_load_n(&e->tx_kicked, __ATOMIC_SEQ_CST) && !pthread_mutex_trylock(&e->tx_lock)) {
		bool more = __atomic_exchange_n(&e->tx_kicked, false, __ATOMIC_SEQ_CST) && tx_run(e, TX_BURST);

		pthread_mutex_unlock(&e->tx_lock);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (more) {
			e1000_signal(e->sender_wake);
			return;
		}
	}
}

void *e1000_tx_sender(void *opaque)
{
	struct e1000 *e = opaque;
	uint64_t n;
	bool more;

	for (;;) {
		if (read(e->sender_wake, &n, sizeof(n)) != sizeof(n) && errno != EINTR)
			return NULL;
		do {
			if (__atomic_load_n(&e->sender_stop, __ATOMIC_SEQ_CST))
				return NULL;
			pthread_mutex_lock(&e->tx_lock);
			__atomic_store_n(&e->tx_kicked, false, __ATOMIC_SEQ_CST);
			more = tx_run(e, SENDER_BURST);
			pthread_mutex_unlock(&e->tx_lock);
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
		} while (more || __atomic_load_n(&e->tx_kicked, __ATOMIC_SEQ_CST));
	}
}

void e1000_tx_reset(struct e1000 *e)
{
	e->tx.started = false;
	e->tx.pending = false;
	memset(&e->tx.context, 0, sizeof(e->tx.context));
	memset(&e->tx.counts, 0, sizeof(e->tx.counts));
	__atomic_store_n(&e->tx_waits, false, __ATOMIC_SEQ_CST);
}
