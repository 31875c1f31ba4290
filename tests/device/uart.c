// SPDX-License-Identifier: GPL-2.0-only
/* 16550A: what a driver probes, sends and receives. */
#include <linux/serial_reg.h>
#include <string.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/devices/emulated/emulated.h"
#include "fake_machine.h"

#define PORT 0x3f8
#define GSI 4

FIXTURE(serial)
{
	struct fake_machine *f;
	struct uart *u;
	char sent[4096];
	unsigned int nr_sent, nr_calls, nr_ready;
};

static void sink(void *opaque, const uint8_t *buf, unsigned int len)
{
	FIXTURE_DATA(serial) *t = opaque;

	t->nr_calls++;
	memcpy(t->sent + t->nr_sent, buf, len);
	t->nr_sent += len;
}

FIXTURE_SETUP(serial)
{
	memset(self, 0, sizeof(*self));
	self->f = fake_machine_create(1 << 20);
	ASSERT_NE(NULL, self->f);
	ASSERT_EQ(0, uart_create(&self->f->m, sink, self, &self->u));
}

FIXTURE_TEARDOWN(serial)
{
	uart_destroy(self->u);
	fake_machine_destroy(self->f);
}

static void ready(void *opaque)
{
	FIXTURE_DATA(serial) *t = opaque;

	t->nr_ready++;
}

static uint8_t in(FIXTURE_DATA(serial) *t, unsigned int reg)
{
	return fake_pio_read(t->f, PORT + reg, 1);
}

static void out(FIXTURE_DATA(serial) *t, unsigned int reg, uint8_t v)
{
	fake_pio_write(t->f, PORT + reg, 1, v);
}

static unsigned int input(FIXTURE_DATA(serial) *t, const char *s)
{
	return uart_input(t->u, (const uint8_t *)s, strlen(s), ready, t);
}

TEST_F(serial, transmits_and_is_always_empty)
{
	EXPECT_EQ(UART_LSR_THRE | UART_LSR_TEMT, in(self, UART_LSR));
	out(self, UART_TX, 'o');
	out(self, UART_TX, 'k');
	EXPECT_EQ(UART_LSR_THRE | UART_LSR_TEMT, in(self, UART_LSR));
	EXPECT_STREQ("ok", self->sent);
}

TEST_F(serial, string_goes_out_at_once)
{
	char text[] = "a whole line\n";

	fake_pio_string(self->f, PORT, 1, strlen(text), text, true);
	EXPECT_STREQ(text, self->sent);
	EXPECT_EQ(1u, self->nr_calls);
}

TEST_F(serial, divisor_is_not_sent)
{
	char text[] = "xy";

	out(self, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	out(self, UART_DLL, 0x34);
	out(self, UART_DLM, 0x12);
	EXPECT_EQ(0x34, in(self, UART_DLL));
	EXPECT_EQ(0x12, in(self, UART_DLM));
	fake_pio_string(self->f, PORT, 1, 2, text, true);
	EXPECT_EQ('y', in(self, UART_DLL));
	out(self, UART_LCR, UART_LCR_WLEN8);
	EXPECT_EQ(0, in(self, UART_IER));
	EXPECT_EQ(0u, self->nr_sent);
}

/* What Linux and others look at to tell an 8250 from a 16550A from later chips. */
TEST_F(serial, probed_as_16550a)
{
	out(self, UART_SCR, 0x5a);
	EXPECT_EQ(0x5a, in(self, UART_SCR));
	out(self, UART_IER, 0xff);
	EXPECT_EQ(0x0f, in(self, UART_IER));
	out(self, UART_IER, 0);
	out(self, UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(0xc0, in(self, UART_IIR) & 0xf0);
	out(self, UART_FCR, 0);
	EXPECT_EQ(0, in(self, UART_IIR) & 0xf0);
	/* Loopback: RTS and OUT2 come back as CTS and DCD. */
	out(self, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT2);
	EXPECT_EQ(UART_MSR_CTS | UART_MSR_DCD, in(self, UART_MSR) & 0xf0);
	out(self, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_OUT1);
	EXPECT_EQ(UART_MSR_DSR | UART_MSR_RI, in(self, UART_MSR) & 0xf0);
	out(self, UART_MCR, 0xff);
	EXPECT_EQ(0x1f, in(self, UART_MCR));
}

TEST_F(serial, loopback)
{
	out(self, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(self, UART_MCR, UART_MCR_LOOP);
	out(self, UART_TX, 0xae);
	EXPECT_TRUE(in(self, UART_LSR) & UART_LSR_DR);
	EXPECT_EQ(0xae, in(self, UART_RX));
	EXPECT_FALSE(in(self, UART_LSR) & UART_LSR_DR);
	EXPECT_EQ(0u, self->nr_sent);
	/* Seventeen bytes into sixteen: overrun, told once, the first ones kept. */
	for (int i = 0; i < 17; i++)
		out(self, UART_TX, i);
	EXPECT_TRUE(in(self, UART_LSR) & UART_LSR_OE);
	EXPECT_FALSE(in(self, UART_LSR) & UART_LSR_OE);
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(i, in(self, UART_RX));
	EXPECT_FALSE(in(self, UART_LSR) & UART_LSR_DR);
	/* The cable is cut meanwhile: typed input waits. */
	EXPECT_EQ(0u, input(self, "x"));
	EXPECT_EQ(0u, self->nr_ready);
	out(self, UART_MCR, 0);
	EXPECT_EQ(1u, self->nr_ready);
}

TEST_F(serial, input_waits_for_room)
{
	/* Without FIFO one byte at a time. */
	EXPECT_EQ(1u, input(self, "ab"));
	EXPECT_EQ('a', in(self, UART_RX));
	EXPECT_EQ(1u, self->nr_ready);
	out(self, UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(16u, input(self, "0123456789abcdefghij"));
	EXPECT_EQ(0u, input(self, "ghij"));
	for (int i = 0; i < 16; i++) {
		EXPECT_EQ(1u, self->nr_ready);
		EXPECT_EQ("0123456789abcdef"[i], in(self, UART_RX));
	}
	EXPECT_EQ(2u, self->nr_ready);
	/* Once for each refusal. */
	in(self, UART_RX);
	EXPECT_EQ(2u, self->nr_ready);
	/* Emptied by command counts too. */
	EXPECT_EQ(16u, input(self, "0123456789abcdefghij"));
	out(self, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	EXPECT_EQ(3u, self->nr_ready);
	EXPECT_FALSE(in(self, UART_LSR) & UART_LSR_DR);
}

TEST_F(serial, receive_interrupt)
{
	out(self, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_10);
	out(self, UART_MCR, UART_MCR_OUT2);
	input(self, "a");
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	out(self, UART_IER, UART_IER_RDI);
	EXPECT_EQ(1, self->f->irq_level[GSI]);
	/* Below the trigger level it is a time-out, at eight it is data. */
	EXPECT_EQ(UART_IIR_RX_TIMEOUT, in(self, UART_IIR) & 0x0f);
	input(self, "bcdefgh");
	EXPECT_EQ(UART_IIR_RDI, in(self, UART_IIR) & 0x0f);
	for (int i = 0; i < 8; i++)
		in(self, UART_RX);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	EXPECT_EQ(UART_IIR_NO_INT, in(self, UART_IIR) & 0x0f);
}

TEST_F(serial, transmit_interrupt)
{
	out(self, UART_MCR, UART_MCR_OUT2);
	/* Enabled with an empty transmitter: at once. */
	out(self, UART_IER, UART_IER_THRI);
	EXPECT_EQ(1, self->f->irq_level[GSI]);
	EXPECT_EQ(UART_IIR_THRI, in(self, UART_IIR) & 0x0f);
	/* Reading the cause was the acknowledgment. */
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	EXPECT_EQ(UART_IIR_NO_INT, in(self, UART_IIR) & 0x0f);
	out(self, UART_TX, 'x');
	EXPECT_EQ(1, self->f->irq_level[GSI]);
	/* Two bytes without reading the cause: one edge. */
	out(self, UART_TX, 'y');
	EXPECT_EQ(2u, self->f->irq_rises[GSI]);
	/* Switched off, and on again: the transmitter is still empty. */
	out(self, UART_IER, 0);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	out(self, UART_IER, UART_IER_THRI);
	EXPECT_EQ(1, self->f->irq_level[GSI]);
}

TEST_F(serial, interrupt_priorities)
{
	out(self, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(self, UART_IER, 0x0f);
	/* Modem status: loopback changes the lines; overrun: seventeen bytes. */
	out(self, UART_MCR, UART_MCR_LOOP);
	for (int i = 0; i < 17; i++)
		out(self, UART_TX, i);
	EXPECT_EQ(UART_IIR_RLSI, in(self, UART_IIR) & 0x0f);
	in(self, UART_LSR);
	EXPECT_EQ(UART_IIR_RDI, in(self, UART_IIR) & 0x0f);
	out(self, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	EXPECT_EQ(UART_IIR_THRI, in(self, UART_IIR) & 0x0f);
	EXPECT_EQ(UART_IIR_MSI, in(self, UART_IIR) & 0x0f);
	EXPECT_EQ(UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD, in(self, UART_MSR) & 0x0f);
	EXPECT_EQ(UART_IIR_NO_INT, in(self, UART_IIR) & 0x0f);
}

TEST_F(serial, out2_connects_the_wire)
{
	out(self, UART_IER, UART_IER_THRI);
	EXPECT_EQ(0, self->f->irq_level[GSI]);
	EXPECT_EQ(UART_IIR_THRI, in(self, UART_IIR) & 0x0f);
	out(self, UART_TX, 'x');
	out(self, UART_MCR, UART_MCR_OUT2);
	EXPECT_EQ(1, self->f->irq_level[GSI]);
}

TEST_F(serial, ring_indicator_has_one_edge)
{
	out(self, UART_MCR, UART_MCR_LOOP);
	in(self, UART_MSR);
	out(self, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	EXPECT_EQ(0, in(self, UART_MSR) & 0x0f);
	out(self, UART_MCR, UART_MCR_LOOP);
	EXPECT_EQ(UART_MSR_TERI, in(self, UART_MSR) & 0x0f);
}

TEST_HARNESS_MAIN
