// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt moderation of the 82540EM.
 *
 * A cause is set at once or after a delay (TIDV/TADV for sending, RDTR/RADV for receiving), and the wire rises no
 * sooner than ITR allows after it last rose. What an interrupt costs a guest is five exits, many times what it costs on
 * hardware; so beyond what the registers ask for,
 * - a delayed cause rides along with any interrupt that is shown before its time, and with a read of ICR, since the
 *   driver looks at both rings then anyway;
 * - interrupts are ITR_FLOOR apart at least, the manual's "maximum observable interrupt rate" of 7,813 a second;
 * - that frames were sent is told TX_FLOOR later, unless much of the ring has been used up: nobody waits for it;
 * - when a driver unmasks, causes are dropped whose descriptors it has taken meanwhile (e1000_irq_drop_taken()).
 *
 * e1000_irq_step() knows nothing of clocks and wires, so that its timing is tested with invented times.
 */
#include "e1000.h"

#define DELAY_NS(reg) ((uint64_t)((reg)&0xffff) * 1024)
#define ITR_NS(reg) ((uint64_t)((reg)&0xffff) * 256)
#define ITR_FLOOR 500	   /* in 256 ns, as ITR */
#define TX_FLOOR_NS 250000 /* of TIDV and TADV */

void e1000_irq_cause(struct e1000_irq *q, uint32_t causes)
{
	q->icr |= causes & INT_ALL;
}

static void irq_later(uint64_t *due, uint64_t *last, uint64_t delay, uint64_t limit, uint64_t now)
{
	/* The delay begins anew with each event; the limit counts from the first. A limit of 0 is none. */
	if (!*due)
		*last = limit ? now + limit : UINT64_MAX;
	*due = now + delay;
	if (*due > *last)
		*due = *last;
}

void e1000_irq_tx_later(struct e1000_irq *q, uint32_t delay, uint32_t limit, uint64_t now)
{
	uint64_t delay_ns = DELAY_NS(delay), limit_ns = DELAY_NS(limit);

	if (delay_ns < TX_FLOOR_NS)
		delay_ns = TX_FLOOR_NS;
	if (limit_ns && limit_ns < TX_FLOOR_NS)
		limit_ns = TX_FLOOR_NS;
	irq_later(&q->tx_due, &q->tx_last, delay_ns, limit_ns, now);
}

void e1000_irq_rx_later(struct e1000_irq *q, uint32_t delay, uint32_t limit, uint64_t now)
{
	irq_later(&q->rx_due, &q->rx_last, DELAY_NS(delay), DELAY_NS(limit), now);
}

static void irq_flush_delayed(struct e1000_irq *q)
{
	if (q->tx_due)
		q->icr |= INT_TXDW;
	if (q->rx_due)
		q->icr |= INT_RXT0;
	q->tx_due = 0;
	q->rx_due = 0;
}

uint32_t e1000_irq_read_icr(struct e1000_irq *q)
{
	uint32_t icr;

	irq_flush_delayed(q);
	icr = q->icr;
	q->icr = 0;
	return icr;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a | b;
	return a < b ? a : b;
}

uint64_t e1000_irq_step(struct e1000_irq *q, uint64_t now)
{
	uint64_t gate = 0;

	if (q->tx_due && now >= q->tx_due) {
		q->icr |= INT_TXDW;
		q->tx_due = 0;
	}
	if (q->rx_due && now >= q->rx_due) {
		q->icr |= INT_RXT0;
		q->rx_due = 0;
	}
	if (!(q->icr & q->ims)) {
		q->level = false;
	} else if (!q->level) {
		if (now >= q->gate) {
			q->level = true;
			q->gate = now + ITR_NS(q->itr > ITR_FLOOR ? q->itr : ITR_FLOOR);
			irq_flush_delayed(q);
		} else {
			gate = q->gate;
		}
	}
	return sooner(gate, sooner(q->tx_due, q->rx_due));
}

/* Has the driver cleared the status byte of the newest descriptor that was shown to it? */
static bool irq_taken(struct e1000 *e, uint64_t status_at)
{
	uint8_t status;

	return status_at && !gmem_read(&e->m->gmem, GPA(status_at), &status, 1) && !(status & RXD_DD);
}

/*
 * Drivers mask, poll the rings, and unmask. What came in while they polled has set its cause again, and would interrupt
 * a guest that has seen it all. Linux clears the status of each descriptor it takes; for a driver that does not, the
 * cause stays.
 */
void e1000_irq_drop_taken(struct e1000 *e)
{
	if (e->irq.icr & INT_RXT0 && irq_taken(e, e->rx_shown_at))
		e->irq.icr &= ~INT_RXT0;
	if ((e->irq.icr & INT_TXDW || e->irq.tx_due) && irq_taken(e, e->tx_shown_at)) {
		e->irq.icr &= ~INT_TXDW;
		e->irq.tx_due = 0;
	}
}

void e1000_irq_update(struct e1000 *e)
{
	bool before = e->irq.level;
	uint64_t next;

	/* Nothing shown, nothing to show: spare the clock. */
	if (!before && !(e->irq.icr & e->irq.ims) && !e->irq.tx_due && !e->irq.rx_due)
		return;
	next = e1000_irq_step(&e->irq, loop_now_ns());
	if (e->irq.level != before)
		pci_intx(&e->pci, e->irq.level);
	/* A timer that fires too early does no harm: leave it unless it would be late. */
	if (next && (!e->timer_at || next < e->timer_at)) {
		e->timer_at = next;
		loop_timer_set(&e->irq_timer, next);
	}
}

void e1000_irq_timer(void *opaque)
{
	struct e1000 *e = opaque;

	pthread_mutex_lock(&e->lock);
	e->timer_at = 0;
	e1000_irq_update(e);
	pthread_mutex_unlock(&e->lock);
}
