// SPDX-License-Identifier: GPL-2.0-only
/*
 * 16550A serial port.
 *
 * Transmission takes no time: what the guest writes goes to the sink before its OUT is done, so the transmitter is
 * always empty and a guest that polls never waits. A whole OUTS goes to the sink at once.
 *
 * Locks: `tx_lock` orders output and is held while the sink runs, which may be slow; `lock` is that of the registers
 * and is never held during a call of sink or ready.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "emulated.h"

#define UART_PORT 0x3f8
#define UART_GSI 4
#define FIFO_BYTES 16
/* Modem lines of a cable that is plugged in. */
#define MSR_LINES (UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)
#define MSR_DELTAS 0x0f
#define LSR_ERRORS (UART_LSR_OE | UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)

struct uart {
	struct machine *m;
	struct bus_range range;
	void (*sink)(void *opaque, const uint8_t *buf, unsigned int len);
	void *sink_opaque;
	pthread_mutex_t tx_lock;

	pthread_mutex_t lock;
	int level; /* of the interrupt wire */
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t lsr_errors;
	uint8_t msr_lines, msr_deltas;
	bool thre_pending; /* the transmitter became empty, and the guest hasn't been told */
	uint8_t rx[FIFO_BYTES];
	unsigned int rx_head, rx_count;
	/* Whoever has more input than the FIFO took. */
	void (*ready)(void *opaque);
	void *ready_opaque;
};

static unsigned int rx_capacity(const struct uart *u)
{
	return u->fcr & UART_FCR_ENABLE_FIFO ? FIFO_BYTES : 1;
}

static unsigned int rx_trigger(const struct uart *u)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return u->fcr & UART_FCR_ENABLE_FIFO ? level[u->fcr >> 6] : 1;
}

static void rx_push(struct uart *u, uint8_t byte)
{
	if (u->rx_count == rx_capacity(u)) {
		/* Only in loopback: input from outside waits for room. */
		u->lsr_errors |= UART_LSR_OE;
		return;
	}
	u->rx[(u->rx_head + u->rx_count++) % FIFO_BYTES] = byte;
}

/* The interrupt of highest priority, as IIR's low bits have it. */
static uint8_t interrupt_id(const struct uart *u)
{
	if (u->ier & UART_IER_RLSI && u->lsr_errors)
		return UART_IIR_RLSI;
	/* Below the trigger level the hardware waits four characters' time for more; here nothing more is under way. */
	if (u->ier & UART_IER_RDI && u->rx_count)
		return u->rx_count >= rx_trigger(u) ? UART_IIR_RDI : UART_IIR_RX_TIMEOUT;
	if (u->ier & UART_IER_THRI && u->thre_pending)
		return UART_IIR_THRI;
	if (u->ier & UART_IER_MSI && u->msr_deltas)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void irq_update(struct uart *u)
{
	/* OUT2 is what connects the chip's interrupt pin to the wire on a PC. */
	int level = interrupt_id(u) != UART_IIR_NO_INT && u->mcr & UART_MCR_OUT2;

	if (level == u->level)
		return;
	u->level = level;
	irq_set(u->m, UART_GSI, level);
}

static void modem_update(struct uart *u)
{
	uint8_t old = u->msr_lines, now = MSR_LINES;

	if (u->mcr & UART_MCR_LOOP) {
		now = 0;
		now |= u->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0;
		now |= u->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0;
		now |= u->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0;
		now |= u->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0;
	}
	u->msr_lines = now;
	u->msr_deltas |= ((old ^ now) & (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)) >> 4;
	/* Of the ring indicator only the trailing edge counts. */
	if (old & ~now & UART_MSR_RI)
		u->msr_deltas |= UART_MSR_TERI;
}

/* Take the callback when there is room again; the caller calls it without the lock. */
static void (*ready_take(struct uart *u, void **opaque))(void *)
{
	void (*ready)(void *) = u->ready;

	if (!ready || u->rx_count || u->mcr & UART_MCR_LOOP)
		return NULL;
	u->ready = NULL;
	*opaque = u->ready_opaque;
	return ready;
}

static uint8_t register_read(struct uart *u, unsigned int reg)
{
	uint8_t value;

	switch (reg) {
	case UART_RX:
		if (u->lcr & UART_LCR_DLAB)
			return u->dll;
		if (!u->rx_count)
			return 0;
		value = u->rx[u->rx_head];
		u->rx_head = (u->rx_head + 1) % FIFO_BYTES;
		u->rx_count--;
		return value;
	case UART_IER:
		return u->lcr & UART_LCR_DLAB ? u->dlm : u->ier;
	case UART_IIR:
		value = interrupt_id(u);
		/* Reading it is the acknowledgment of an empty transmitter, if that is what it says. */
		if (value == UART_IIR_THRI)
			u->thre_pending = false;
		return value | (u->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		value = u->lsr_errors | UART_LSR_THRE | UART_LSR_TEMT | (u->rx_count ? UART_LSR_DR : 0);
		u->lsr_errors = 0;
		return value;
	case UART_MSR:
		value = u->msr_lines | u->msr_deltas;
		u->msr_deltas = 0;
		return value;
	default:
		return u->scr;
	}
}

static void register_write(struct uart *u, unsigned int reg, uint8_t value)
{
	switch (reg) {
	case UART_TX:
		if (u->lcr & UART_LCR_DLAB) {
			u->dll = value;
			break;
		}
		if (u->mcr & UART_MCR_LOOP)
			rx_push(u, value);
		u->thre_pending = true;
		break;
	case UART_IER:
		if (u->lcr & UART_LCR_DLAB) {
			u->dlm = value;
			break;
		}
		/* Turned on with the transmitter empty, it asks for an interrupt at once. */
		if (value & ~u->ier & UART_IER_THRI)
			u->thre_pending = true;
		u->ier = value & 0x0f;
		break;
	case UART_FCR:
		/* Switching between modes empties the FIFO. */
		if ((value ^ u->fcr) & UART_FCR_ENABLE_FIFO || value & UART_FCR_CLEAR_RCVR)
			u->rx_count = 0;
		u->fcr = value & UART_FCR_ENABLE_FIFO ? value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK) : 0;
		break;
	case UART_LCR:
		u->lcr = value;
		break;
	case UART_MCR:
		u->mcr = value & 0x1f;
		modem_update(u);
		break;
	case UART_SCR:
		u->scr = value;
		break;
	}
}

/* Bytes written to the transmitter register: true when they go out, and not into the divisor or back in. */
static bool transmits(struct uart *u)
{
	bool out;

	pthread_mutex_lock(&u->lock);
	out = !(u->lcr & UART_LCR_DLAB) && !(u->mcr & UART_MCR_LOOP);
	pthread_mutex_unlock(&u->lock);
	return out;
}

static void transmit(struct uart *u, const uint8_t *buf, unsigned int len)
{
	pthread_mutex_lock(&u->tx_lock);
	u->sink(u->sink_opaque, buf, len);
	pthread_mutex_unlock(&u->tx_lock);
}

static uint64_t uart_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct uart *u = opaque;
	void (*ready)(void *);
	void *ready_opaque;
	uint64_t value = 0;

	pthread_mutex_lock(&u->lock);
	/* An 8-bit device on a bus that splits wider accesses. */
	for (unsigned int b = 0; b < size; b++)
		value |= (uint64_t)register_read(u, offset + b) << (8 * b);
	ready = ready_take(u, &ready_opaque);
	irq_update(u);
	pthread_mutex_unlock(&u->lock);
	if (ready)
		ready(ready_opaque);
	return value;
}

static void uart_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct uart *u = opaque;
	void (*ready)(void *);
	void *ready_opaque;

	for (unsigned int b = 0; b < size; b++, value >>= 8) {
		uint8_t byte = value;

		/* Out first: the interrupt that says "sent" comes after. */
		if (offset + b == UART_TX && transmits(u))
			transmit(u, &byte, 1);
		pthread_mutex_lock(&u->lock);
		register_write(u, offset + b, byte);
		ready = ready_take(u, &ready_opaque);
		irq_update(u);
		pthread_mutex_unlock(&u->lock);
		if (ready)
			ready(ready_opaque);
	}
}

static void uart_string(void *opaque, uint64_t offset, unsigned int size, unsigned int count, void *buf, bool is_write)
{
	struct uart *u = opaque;
	uint8_t *item = buf;

	if (is_write && offset == UART_TX && size == 1 && transmits(u)) {
		transmit(u, buf, count);
		pthread_mutex_lock(&u->lock);
		u->thre_pending = true;
		irq_update(u);
		pthread_mutex_unlock(&u->lock);
		return;
	}
	for (; count; count--, item += size) {
		uint64_t value = 0;

		if (is_write) {
			memcpy(&value, item, size);
			uart_write(u, offset, size, value);
		} else {
			value = uart_read(u, offset, size);
			memcpy(item, &value, size);
		}
	}
}

static const struct bus_ops uart_ops = { .read = uart_read, .write = uart_write, .string = uart_string };

unsigned int uart_input(struct uart *u, const uint8_t *buf, unsigned int len, void (*ready)(void *opaque),
			void *opaque)
{
	unsigned int taken = 0;

	pthread_mutex_lock(&u->lock);
	if (!(u->mcr & UART_MCR_LOOP))
		while (taken < len && u->rx_count < rx_capacity(u))
			rx_push(u, buf[taken++]);
	u->ready = taken < len ? ready : NULL;
	u->ready_opaque = opaque;
	irq_update(u);
	pthread_mutex_unlock(&u->lock);
	return taken;
}

int uart_create(struct machine *m, void (*sink)(void *opaque, const uint8_t *buf, unsigned int len), void *opaque,
		struct uart **out)
{
	struct uart *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	u->m = m;
	u->sink = sink;
	u->sink_opaque = opaque;
	u->msr_lines = MSR_LINES;
	u->dll = 1; /* 115200 */
	u->lcr = UART_LCR_WLEN8;
	pthread_mutex_init(&u->tx_lock, NULL);
	pthread_mutex_init(&u->lock, NULL);
	u->range = (struct bus_range){
		.name = "uart", .base = UART_PORT, .len = 8, .ops = &uart_ops, .opaque = u
	};
	err = bus_add(&m->pio, &u->range);
	if (err)
		goto free_uart;
	*out = u;
	return 0;

free_uart:
	pthread_mutex_destroy(&u->lock);
	pthread_mutex_destroy(&u->tx_lock);
	free(u);
	return err;
}

void uart_destroy(struct uart *u)
{
	if (!u)
		return;
	bus_remove(&u->m->pio, &u->range);
	pthread_mutex_destroy(&u->lock);
	pthread_mutex_destroy(&u->tx_lock);
	free(u);
}
