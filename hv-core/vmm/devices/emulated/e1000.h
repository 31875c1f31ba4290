/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 82540EM's inside, shared by its files.
 *
 * Threads: registers are accessed by vCPUs, frames are received on the main loop, and sent by whichever thread holds
 * tx_lock: a vCPU that wrote TDT, or the card's own sender. Lock order: tx_lock, lock, the loop's.
 */
#ifndef VMM_E1000_H
#define VMM_E1000_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/virtio_net.h>

#include "../../pci.h"
#include "e1000_regs.h"
#include "emulated.h"

#define E1000_FRAME_MAX 65792 /* a 64 KiB segment with its headers */
#define E1000_JUMBO_MAX 16288 /* longest frame on the wire, as the manual has it */
#define E1000_HEADER_MAX 256	/* Ethernet, tag, IP and TCP of a segment to be cut */
#define E1000_TX_ROOM 16	/* before a frame to send: for the backend's header and a VLAN tag */
#define E1000_HEADER_BYTES ((unsigned int)sizeof(struct virtio_net_hdr_v1))

/* Interrupt causes, and when they may be shown. Times are ns; 0 is never. */
struct e1000_irq {
	uint32_t icr, ims;
	uint32_t itr; /* least time between two interrupts, in 256 ns */
	bool level;
	uint64_t gate;		  /* no interrupt before */
	uint64_t tx_due, tx_last; /* TXDW will be set; at the latest */
	uint64_t rx_due, rx_last; /* RXT0, the same */
};

/* A context descriptor's contents. */
struct e1000_tx_context {
	uint8_t ip_start, ip_at, tu_start, tu_at;
	uint16_t ip_end, tu_end; /* last byte, 0: the frame's end */
	uint32_t payload;
	uint16_t mss;
	uint8_t header;
	bool tcp, ipv4;
};

/* What was sent since the statistics registers were last brought up to date. */
struct e1000_tx_counts {
	uint64_t frames, bytes, multicast, broadcast, segmented;
	uint64_t size[6];
};

/* The frame that is being collected from descriptors, then sent. Under tx_lock. */
struct e1000_tx {
	struct e1000_tx_context context;
	uint8_t *frame;	  /* E1000_TX_ROOM bytes, then the frame */
	uint8_t *segment; /* the same, for one segment cut in software */
	uint32_t len;	   /* bytes of the frame so far */
	bool started;	   /* options below were taken from the frame's first descriptor */
	bool too_long;	   /* drop it at its end */
	bool tse, insert_ip, insert_tu, vlan;
	uint8_t legacy_at, legacy_start; /* checksum of a legacy descriptor; 0: none */
	uint16_t tag;
	bool pending; /* the backend took not all of it yet */
	bool prepared; /* its checksums were inserted, by an earlier try */
	uint32_t cut;  /* payload bytes of it that went as segments */
	uint16_t segments;
	bool vlan_on; /* CTRL.VME and VET, as of this run */
	uint16_t vlan_type;
	struct e1000_tx_counts counts;
};

/* A frame from the backend, and how much of it has been cut into segments for the guest. Under lock. */
struct e1000_rx {
	uint8_t *buffer; /* the loop thread's alone while len is 0 */
	uint8_t *frame;	 /* in buffer, after the header; tag stripped */
	uint32_t len;	 /* 0: none waits */
	bool stalled;	 /* one waits for descriptors */
	uint8_t status, errors; /* of its descriptors */
	uint16_t tag;
	uint32_t header; /* bytes to repeat before each segment; 0: not to be cut */
	uint32_t ip_at, tcp_at;
	bool ipv6;
	uint32_t mss;
	uint32_t cut;
	uint16_t segments;
};

struct e1000 {
	struct pci_device pci;
	struct machine *m;
	struct net_backend *nb;

	pthread_mutex_t tx_lock;
	struct e1000_tx tx;
	bool tx_kicked;		/* atomic: TDT moved since the last look */
	bool tx_waits;		/* atomic: for EPOLLOUT */
	bool sender_stop;	/* atomic */
	int sender_wake;	/* eventfd */
	pthread_t sender;

	pthread_mutex_t lock; /* of what follows */
	uint32_t reg[E1000_REG_BYTES / 4];
	uint32_t io_addr;
	struct e1000_irq irq;
	uint64_t rx_shown_at, tx_shown_at; /* status byte of the newest descriptor written back; 0: none */
	uint32_t tx_untold;		   /* descriptors written back since a driver was told of any */
	uint64_t timer_at; /* what irq_timer is set to */
	struct loop_timer irq_timer;
	struct e1000_rx rx;

	uint16_t phy[32];
	uint16_t eeprom[EEPROM_WORDS];
	struct {
		bool clock;
		unsigned int nr_in; /* bits of the command so far */
		unsigned int in;
		unsigned int nr_out;
		bool out;
	} microwire;

	bool link_up;  /* atomic */
	bool loopback; /* atomic: the PHY's */
	bool lost; /* the backend's wire was cut */
	bool watching;
	uint32_t watched_events;
	struct loop_fd watch;
	struct loop_fd kick_watch;
	int kick; /* eventfd: look at reception and the wire again, on the loop's thread */
	struct loop_timer recover_timer;
};

static inline uint32_t *e1000_reg(struct e1000 *e, uint32_t offset)
{
	return &e->reg[offset / 4];
}

static inline bool e1000_vlan(struct e1000 *e)
{
	return *e1000_reg(e, R_CTRL) & CTRL_VME;
}

/* e1000_wire.c */
void e1000_signal(int fd);			    /* an eventfd; any lock */
void e1000_set_link(struct e1000 *e, bool up);	    /* lock held */
void e1000_watch(struct e1000 *e);		    /* lock held: listen for what is wanted now */
void e1000_wire_connect(void *opaque);		    /* loop thread, no lock */
void e1000_kicked(void *opaque, uint32_t events);   /* the same */

/* e1000.c. Lock held. */
void e1000_count(struct e1000 *e, uint32_t reg, uint64_t n);
void e1000_count64(struct e1000 *e, uint32_t reg, uint64_t n);
unsigned int e1000_size_class(uint32_t len);

/* e1000_irq.c */
void e1000_irq_cause(struct e1000_irq *q, uint32_t causes);
/* A cause that may wait: `delay` and `limit` are the delay registers, in 1.024 µs. */
void e1000_irq_tx_later(struct e1000_irq *q, uint32_t delay, uint32_t limit, uint64_t now);
void e1000_irq_rx_later(struct e1000_irq *q, uint32_t delay, uint32_t limit, uint64_t now);
uint32_t e1000_irq_read_icr(struct e1000_irq *q);
/* Settle the level for this moment. Returns when to look again, 0: not before something happens. */
uint64_t e1000_irq_step(struct e1000_irq *q, uint64_t now);
/* A driver unmasks: drop causes of what it has taken already. Lock held. */
void e1000_irq_drop_taken(struct e1000 *e);
/* Step, drive the wire, set the timer. Lock held. */
void e1000_irq_update(struct e1000 *e);
void e1000_irq_timer(void *opaque);

/* e1000_phy_eeprom.c. Lock held. */
void e1000_eeprom_init(struct e1000 *e, const uint8_t mac[6]);
void e1000_phy_reset(struct e1000 *e);
void e1000_phy_link(struct e1000 *e);
uint32_t e1000_eecd_read(struct e1000 *e);
void e1000_eecd_write(struct e1000 *e, uint32_t value);
void e1000_eerd_write(struct e1000 *e, uint32_t value);
void e1000_mdic_write(struct e1000 *e, uint32_t value);

/* e1000_tx.c */
void e1000_tx_kick(struct e1000 *e);	  /* no lock held */
void e1000_tx_reset(struct e1000 *e);	  /* both locks held */
void *e1000_tx_sender(void *opaque);

/*
 * e1000_tx_send.c: tx_lock held. 0, -EAGAIN when the backend is full, -EINPROGRESS when it has done enough for one
 * call, or -errno when the wire is cut.
 */
int e1000_tx_send(struct e1000 *e);

/* e1000_rx.c */
void e1000_rx_ready(struct e1000 *e);	/* loop thread, no lock held: read and deliver */
bool e1000_rx_wanted(struct e1000 *e);	/* lock held: are there descriptors? */
void e1000_rx_loop(struct e1000 *e, uint8_t *frame, uint32_t len); /* no lock but tx_lock: frame loops back */
void e1000_rx_reset(struct e1000 *e);	/* lock held */

/* e1000_rx_filter.c. Lock held. */
bool e1000_rx_accept(struct e1000 *e, const uint8_t *frame, uint32_t len, bool *inexact);
/* Parse the frame in e->rx: complete or check its checksums, prepare its cutting. False: drop it. */
void e1000_rx_segment_header(struct e1000 *e, uint8_t *to, uint32_t n);
bool e1000_rx_prepare(struct e1000 *e, const struct virtio_net_hdr_v1 *header);

#endif
