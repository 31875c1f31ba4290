// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel 82540EM: PCI function, registers, link. Written from Intel's "PCI/PCI-X Family of Gigabit Ethernet
 * Controllers Software Developer's Manual" for the drivers of unmodified guests.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "e1000.h"

/* Registers */

/* Both locks held. */
static void e1000_reset(struct e1000 *e)
{
	const uint16_t *mac = e->eeprom;

	memset(e->reg, 0, sizeof(e->reg));
	*e1000_reg(e, R_CTRL) = CTRL_FD | CTRL_SLU | CTRL_SPD_1000;
	*e1000_reg(e, R_PBA) = 0x00100030;
	*e1000_reg(e, R_LEDCTL) = 0x07068302;
	*e1000_reg(e, R_RAL) = mac[0] | (uint32_t)mac[1] << 16;
	*e1000_reg(e, R_RAL + 4) = mac[2] | RAH_AV;
	e->io_addr = 0;
	memset(&e->microwire, 0, sizeof(e->microwire));
	e1000_rx_reset(e);
	e1000_tx_reset(e);
	if (e->irq.level)
		pci_intx(&e->pci, 0);
	memset(&e->irq, 0, sizeof(e->irq));
	e->rx_shown_at = 0;
	e->tx_shown_at = 0;
	e->tx_untold = 0;
	e1000_watch(e);
}

static uint32_t e1000_status(struct e1000 *e)
{
	return STATUS_FD | STATUS_SPEED_1000 | STATUS_ASDV_1000 | STATUS_MTXCKOK | (e->link_up ? STATUS_LU : 0);
}

/* Statistics stick at their greatest value. */
void e1000_count(struct e1000 *e, uint32_t reg, uint64_t n)
{
	uint64_t sum = *e1000_reg(e, reg) + n;

	*e1000_reg(e, reg) = sum > UINT32_MAX ? UINT32_MAX : sum;
}

void e1000_count64(struct e1000 *e, uint32_t reg, uint64_t n)
{
	uint64_t old = *e1000_reg(e, reg) | (uint64_t)*e1000_reg(e, reg + 4) << 32;
	uint64_t sum = old + n < old ? UINT64_MAX : old + n;

	*e1000_reg(e, reg) = sum;
	*e1000_reg(e, reg + 4) = sum >> 32;
}

/* The class of a frame's length, check sequence included, among six counters from first_reg on. */
unsigned int e1000_size_class(uint32_t len)
{
	static const uint32_t top[] = { 64, 127, 255, 511, 1023 };
	unsigned int i = 0;

	while (i < 5 && len > top[i])
		i++;
	return i;
}

static uint32_t e1000_stat_read(struct e1000 *e, uint32_t at)
{
	uint32_t value = *e1000_reg(e, at);

	switch (at) {
	case R_GORCL:
	case R_GOTCL:
	case R_TORL:
	case R_TOTL:
		return value; /* cleared with its upper half */
	case R_GORCL + 4:
	case R_GOTCL + 4:
	case R_TORL + 4:
	case R_TOTL + 4:
		*e1000_reg(e, at - 4) = 0;
		break;
	}
	*e1000_reg(e, at) = 0;
	return value;
}

static uint32_t e1000_reg_read(struct e1000 *e, uint32_t at)
{
	uint32_t value;

	if (at >= E1000_REG_BYTES)
		return 0;
	pthread_mutex_lock(&e->lock);
	switch (at) {
	case R_STATUS:
		value = e1000_status(e);
		break;
	case R_EECD:
		value = e1000_eecd_read(e);
		break;
	case R_ICR:
		value = e1000_irq_read_icr(&e->irq);
		e->tx_untold = 0;
		e1000_irq_update(e);
		break;
	case R_ICS:
		value = e->irq.icr;
		break;
	case R_IMS:
	case R_IMC:
		value = e->irq.ims;
		break;
	case R_STATS ... R_STATS_END - 4:
		value = e1000_stat_read(e, at);
		break;
	default:
		value = *e1000_reg(e, at);
		break;
	}
	pthread_mutex_unlock(&e->lock);
	return value;
}

/* Lock held. */
static void e1000_interrupt_write(struct e1000 *e, uint32_t at, uint32_t value)
{
	switch (at) {
	case R_ICR:
		e->irq.icr &= ~value;
		break;
	case R_ICS:
		e1000_irq_cause(&e->irq, value);
		break;
	case R_IMS:
		e1000_irq_drop_taken(e);
		e->irq.ims |= value & INT_ALL;
		break;
	case R_IMC:
		e->irq.ims &= ~value;
		break;
	case R_ITR:
		*e1000_reg(e, at) = value & 0xffff;
		e->irq.itr = value & 0xffff;
		break;
	}
	e1000_irq_update(e);
}

/* Lock held. What a write to this register keeps; 0: nothing, it is read-only or there is none. */
static uint32_t e1000_write_mask(uint32_t at)
{
	if (at >= R_RAL && at < R_RAL + 0x80)
		return at & 4 ? 0x8003ffff : 0xffffffff;
	switch (at) {
	case R_CTRL:
		return ~(uint32_t)(CTRL_RST | CTRL_PHY_RST);
	case R_RDBAL:
	case R_TDBAL:
		return 0xfffffff0;
	case R_RDLEN:
	case R_TDLEN:
		return 0x000fff80;
	case R_RDH:
	case R_RDT:
	case R_TDH:
	case R_TDT:
	case R_RDTR:
	case R_RADV:
	case R_TIDV:
	case R_TADV:
	case R_VET:
	case R_FCAH:
	case R_FCT:
	case R_FCTTV:
		return 0xffff;
	case R_RSRPD:
		return 0xfff;
	case R_CTRL_EXT:
	case R_FCAL:
	case R_TXCW:
	case R_LEDCTL:
	case R_PBA:
	case R_RCTL:
	case R_FCRTL:
	case R_FCRTH:
	case R_RDBAH:
	case R_RXDCTL:
	case R_RXCSUM:
	case R_TCTL:
	case R_TIPG:
	case R_AIT:
	case R_TDBAH:
	case R_TXDCTL:
	case R_TSPMT:
	case R_WUC:
	case R_WUFC:
	case R_WUS:
	case R_MANC:
	case R_IPAV:
	case R_MTA ... R_MTA + 0x1fc:
	case R_VFTA ... R_VFTA + 0x1fc:
	case R_IP4AT ... R_IP4AT + 0x1c:
	case R_FFLT ... R_FFLT_END - 4:
		return 0xffffffff;
	default:
		return 0;
	}
}

static void e1000_reset_from_guest(struct e1000 *e)
{
	pthread_mutex_lock(&e->tx_lock);
	pthread_mutex_lock(&e->lock);
	e1000_reset(e);
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_unlock(&e->tx_lock);
}

static void e1000_reg_write(struct e1000 *e, uint32_t at, uint32_t value)
{
	bool send = at == R_TDT || (at == R_TCTL && value & TCTL_EN);
	uint32_t mask;

	if (at >= E1000_REG_BYTES)
		return;
	if (at == R_CTRL && value & CTRL_RST) {
		e1000_reset_from_guest(e);
		return;
	}
	pthread_mutex_lock(&e->lock);
	switch (at) {
	case R_ICR:
	case R_ICS:
	case R_IMS:
	case R_IMC:
	case R_ITR:
		e1000_interrupt_write(e, at, value);
		goto unlock;
	case R_EECD:
		e1000_eecd_write(e, value);
		goto unlock;
	case R_EERD:
		e1000_eerd_write(e, value);
		goto unlock;
	case R_MDIC:
		e1000_mdic_write(e, value);
		e1000_irq_update(e);
		goto unlock;
	}
	mask = e1000_write_mask(at);
	if (!mask)
		goto unlock;
	*e1000_reg(e, at) = value & mask;
	switch (at) {
	case R_CTRL:
		if (value & CTRL_PHY_RST)
			e1000_phy_reset(e);
		break;
	case R_RDTR:
		/* Its top bit shows at once what waits for the delay. */
		if (value & 0x80000000 && e->irq.rx_due) {
			e->irq.rx_due = 1;
			e1000_irq_update(e);
		}
		break;
	case R_RDT:
	case R_RCTL:
		/* Only a receiver that stopped for want of buffers needs to be told that there are some. */
		if (e->rx.stalled || !(e->watched_events & EPOLLIN))
			e1000_signal(e->kick);
		break;
	}
unlock:
	pthread_mutex_unlock(&e->lock);
	if (send)
		e1000_tx_kick(e);
}

static uint64_t e1000_mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	uint64_t value = e1000_reg_read(opaque, offset & ~3u) >> 8 * (offset & 3);

	if (size == 8 && !(offset & 7))
		value |= (uint64_t)e1000_reg_read(opaque, offset + 4) << 32;
	return value;
}

/* The card takes whole registers; what a narrower write does is left open by the manual: here nothing. */
static void e1000_mmio_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	if (size < 4 || offset & 3)
		return;
	e1000_reg_write(opaque, offset, value);
	if (size == 8 && !(offset & 7))
		e1000_reg_write(opaque, offset + 4, value >> 32);
}

/* I/O ports: an address register and a data register, another way to the same registers. */
static uint64_t e1000_io_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct e1000 *e = opaque;
	uint32_t addr = __atomic_load_n(&e->io_addr, __ATOMIC_RELAXED);

	if (size != 4)
		return 0;
	if (offset == 0)
		return addr;
	return offset == 4 ? e1000_reg_read(e, addr & ~3u) : 0;
}

static void e1000_io_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct e1000 *e = opaque;

	if (size != 4)
		return;
	if (offset == 0)
		__atomic_store_n(&e->io_addr, value & (E1000_MMIO_BYTES - 1), __ATOMIC_RELAXED);
	else if (offset == 4)
		e1000_reg_write(e, __atomic_load_n(&e->io_addr, __ATOMIC_RELAXED) & ~3u, value);
}

static const struct bus_ops e1000_mmio_ops = { .read = e1000_mmio_read, .write = e1000_mmio_write };
static const struct bus_ops e1000_io_ops = { .read = e1000_io_read, .write = e1000_io_write };

/* PCI */

static void e1000_config_written(struct pci_device *pci, unsigned int offset, unsigned int len)
{
	struct e1000 *e = pci->opaque;

	/* Bus mastering may just have been switched on. */
	if (offset <= 4 && offset + len > 4) {
		e1000_signal(e->kick);
		e1000_signal(e->sender_wake);
	}
}

static void e1000_pci_reset(struct pci_device *pci)
{
	struct e1000 *e = pci->opaque;

	pthread_mutex_lock(&e->tx_lock);
	pthread_mutex_lock(&e->lock);
	e1000_reset(e);
	e1000_phy_reset(e);
	pthread_mutex_unlock(&e->lock);
	pthread_mutex_unlock(&e->tx_lock);
}

static int e1000_start_sender(struct e1000 *e)
{
	sigset_t all, before;
	int ret;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&e->sender, NULL, e1000_tx_sender, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!ret)
		pthread_setname_np(e->sender, "e1000-send");
	return -ret;
}

static void e1000_stop_sender(struct e1000 *e)
{
	__atomic_store_n(&e->sender_stop, true, __ATOMIC_SEQ_CST);
	e1000_signal(e->sender_wake);
	pthread_join(e->sender, NULL);
}

int e1000_create(struct machine *m, struct net_backend *nb, const uint8_t mac[6], struct e1000 **out)
{
	struct e1000 *e = calloc(1, sizeof(*e));
	pthread_mutexattr_t spin;
	int ret = -ENOMEM;

	if (!e)
		return -ENOMEM;
	e->m = m;
	e->nb = nb;
	/* Held for about a frame's copy: spinning a little is cheaper than sleeping. */
	pthread_mutexattr_init(&spin);
	pthread_mutexattr_settype(&spin, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&e->lock, &spin);
	pthread_mutexattr_destroy(&spin);
	pthread_mutex_init(&e->tx_lock, NULL);
	e->tx.frame = malloc(E1000_TX_ROOM + E1000_FRAME_MAX);
	e->tx.segment = malloc(E1000_TX_ROOM + E1000_FRAME_MAX);
	e->rx.buffer = malloc(E1000_HEADER_BYTES + E1000_FRAME_MAX);
	if (!e->tx.frame || !e->tx.segment || !e->rx.buffer)
		goto free_buffers;
	e->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->sender_wake = eventfd(0, EFD_CLOEXEC);
	if (e->kick < 0 || e->sender_wake < 0) {
		ret = -errno;
		goto close_eventfds;
	}
	ret = loop_timer_init(m->loop, &e->irq_timer, e1000_irq_timer, e);
	if (ret)
		goto close_eventfds;
	ret = loop_timer_init(m->loop, &e->recover_timer, e1000_wire_connect, e);
	if (ret)
		goto destroy_irq_timer;
	ret = loop_add_fd(m->loop, &e->kick_watch, e->kick, EPOLLIN, e1000_kicked, e);
	if (ret)
		goto destroy_recover_timer;

	e->pci = (struct pci_device){
		.name = "e1000",
		.vendor = 0x8086,
		.device = 0x100e,
		.subsys_vendor = 0x8086,
		.subsys_device = 0x001e,
		.class_code = 0x020000,
		.revision = 2,
		.int_pin = 1,
		.slot = -1,
		.m = m,
		.config_written = e1000_config_written,
		.reset = e1000_pci_reset,
		.opaque = e,
	};
	e1000_eeprom_init(e, mac);
	e1000_phy_reset(e);
	e1000_reset(e);
	pci_set_bar(&e->pci, 0, PCI_BAR_MMIO32, E1000_MMIO_BYTES, "e1000", &e1000_mmio_ops, e);
	pci_set_bar(&e->pci, 1, PCI_BAR_IO, E1000_IO_BYTES, "e1000-io", &e1000_io_ops, e);
	ret = e1000_start_sender(e);
	if (ret)
		goto remove_kick;
	ret = pci_add(m, &e->pci);
	if (ret)
		goto stop_sender;
	/* Checksums may be left to the card, and segments larger than the wire's are cut here. */
	if (nb->vnet_header && nb->set_offload && nb->set_offload(nb, true, true, true))
		nb->set_offload(nb, false, false, false);
	e1000_wire_connect(e);
	*out = e;
	return 0;

stop_sender:
	e1000_stop_sender(e);
remove_kick:
	loop_remove_fd(m->loop, &e->kick_watch);
destroy_recover_timer:
	loop_timer_destroy(m->loop, &e->recover_timer);
destroy_irq_timer:
	loop_timer_destroy(m->loop, &e->irq_timer);
close_eventfds:
	if (e->kick >= 0)
		close(e->kick);
	if (e->sender_wake >= 0)
		close(e->sender_wake);
free_buffers:
	free(e->tx.frame);
	free(e->tx.segment);
	free(e->rx.buffer);
	free(e);
	return ret;
}

void e1000_destroy(struct e1000 *e)
{
	if (!e)
		return;
	pci_remove(&e->pci);
	e1000_stop_sender(e);
	loop_timer_destroy(e->m->loop, &e->recover_timer);
	loop_remove_fd(e->m->loop, &e->kick_watch);
	loop_remove_fd(e->m->loop, &e->watch);
	loop_timer_destroy(e->m->loop, &e->irq_timer);
	close(e->kick);
	close(e->sender_wake);
	free(e->tx.frame);
	free(e->tx.segment);
	free(e->rx.buffer);
	pthread_mutex_destroy(&e->tx_lock);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
