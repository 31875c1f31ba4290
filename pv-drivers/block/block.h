/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the block driver: the disk (main.c) and its queues (queue.c).
 */
#ifndef PVN_BLOCK_DRIVER_H
#define PVN_BLOCK_DRIVER_H

#include <linux/blk-mq.h>
#include <linux/spinlock.h>
#include <paravane/block.h>
#include <pvn_bus.h>
#include <pvn_ids.h>

struct pvn_block;

/* One hardware queue of blk-mq and its ring. */
struct pvn_block_queue {
	struct pvn_queue *q;
	struct pvn_block *block;
	int irq;
	char name[24];
	struct pvn_ids ids;	/* tags in flight */
	struct request **rqs;	/* by tag */
	unsigned long *id_words;
	spinlock_t sq_lock ____cacheline_aligned_in_smp; /* the ring's submitting half */
	spinlock_t cq_lock ____cacheline_aligned_in_smp; /* the ring's completing half */
};

struct pvn_block {
	struct pvn_device *pdev;
	struct gendisk *disk;
	struct blk_mq_tag_set tags;
	struct pvn_block_config config;
	int index;
	unsigned int max_segs;
	unsigned int depth;	/* requests in flight in a queue */
	unsigned int nr_queues;
	struct pvn_block_queue *queues;
};

/* Behind each request of blk-mq. */
struct pvn_block_cmd {
	blk_status_t status;
	unsigned int expiries;	/* how often its timer ran out */
	/* Segments that do not fit into the entry; 16 bytes more, to align them. */
	char table[];
};

#define PVN_BLOCK_TABLE_ALIGN 16

static inline unsigned int pvn_block_cmd_bytes(unsigned int segs)
{
	return sizeof(struct pvn_block_cmd) + PVN_BLOCK_TABLE_ALIGN +
	       segs * sizeof(struct pvn_segment);
}

extern const struct blk_mq_ops pvn_block_mq_ops;

int pvn_block_queues_create(struct pvn_block *block);
void pvn_block_queues_destroy(struct pvn_block *block);

/* Takes up completions that are there. Any context. */
void pvn_block_queue_poll(struct pvn_block_queue *bq);
/* After a detach. end: what is left fails; requeue: it is submitted again. */
void pvn_block_queue_end(struct pvn_block_queue *bq);
void pvn_block_queue_requeue(struct pvn_block_queue *bq);

#endif /* PVN_BLOCK_DRIVER_H */
