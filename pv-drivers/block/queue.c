// SPDX-License-Identifier: GPL-2.0-only
/*
 * From blk-mq's requests to ring entries, and from completions back.
 *
 * Every request that was started ends exactly once: by the completion that claims its tag, or,
 * after the device was detached, by whoever sweeps up the tags that are still marked.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <pvn_call.h>

#include "block.h"

#define POLL_BATCH 16

static unsigned int give_up_after = 120;
module_param(give_up_after, uint, 0644);
MODULE_PARM_DESC(give_up_after,
		 "seconds without an answer to a request until the device is given up; 0: never");

static struct pvn_segment *cmd_table(struct pvn_block_cmd *cmd)
{
	return (struct pvn_segment *)PTR_ALIGN(&cmd->table[0], PVN_BLOCK_TABLE_ALIGN);
}

/*
 * The request's memory as segments, where neighbours in guest-physical memory become one. How
 * many, or a negative errno.
 */
static int segments_fill(struct pvn_block *block, struct request *rq, struct pvn_segment *seg)
{
	struct req_iterator iter;
	struct bio_vec bv;
	unsigned int n = 0;
	u64 end = 0;

	rq_for_each_bvec(bv, rq, iter) {
		u64 addr = page_to_phys(bv.bv_page) + bv.bv_offset;

		if (n && addr == end && seg[n - 1].len <= U32_MAX - bv.bv_len) {
			seg[n - 1].len += bv.bv_len;
		} else {
			if (n == block->max_segs)
				return -E2BIG;
			seg[n].addr = addr;
			seg[n].len = bv.bv_len;
			seg[n].reserved = 0;
			n++;
		}
		end = addr + bv.bv_len;
	}
	return n;
}

/* READ and WRITE: where the data is. */
static blk_status_t request_add_data(struct pvn_block *block, struct request *rq,
				     struct pvn_block_request *req)
{
	struct pvn_segment *table = cmd_table(blk_mq_rq_to_pdu(rq));
	int segs = segments_fill(block, rq, table);

	if (segs <= 0) {
		dev_err_ratelimited(&block->pdev->dev, "request of more than %u segments\n",
				    block->max_segs);
		return BLK_STS_IOERR;
	}
	req->nr_segs = segs;
	if (segs > PVN_BLOCK_INLINE_SEGS)
		req->table = virt_to_phys(table);
	else
		memcpy(req->seg, table, segs * sizeof(*table));
	return BLK_STS_OK;
}

static blk_status_t request_fill(struct pvn_block *block, struct request *rq,
				 struct pvn_block_request *req)
{
	memset(req, 0, sizeof(*req));
	req->id = rq->tag;
	switch (req_op(rq)) {
	case REQ_OP_READ:
		req->op = PVN_BLOCK_READ;
		break;
	case REQ_OP_WRITE:
		req->op = PVN_BLOCK_WRITE;
		if (rq->cmd_flags & REQ_FUA)
			req->flags = PVN_BLOCK_FUA;
		break;
	case REQ_OP_FLUSH:
		req->op = PVN_BLOCK_FLUSH;
		return BLK_STS_OK;
	case REQ_OP_DISCARD:
		req->op = PVN_BLOCK_DISCARD;
		break;
	case REQ_OP_WRITE_ZEROES:
		req->op = PVN_BLOCK_WRITE_ZEROES;
		if (rq->cmd_flags & REQ_FUA)
			req->flags |= PVN_BLOCK_FUA;
		if (rq->cmd_flags & REQ_NOUNMAP)
			req->flags |= PVN_BLOCK_NOUNMAP;
		break;
	default:
		return BLK_STS_NOTSUPP;
	}
	req->sector = blk_rq_pos(rq);
	req->nr_sectors = blk_rq_sectors(rq);
	if (req->op == PVN_BLOCK_READ || req->op == PVN_BLOCK_WRITE)
		return request_add_data(block, rq, req);
	return BLK_STS_OK;
}

/* sq_lock held. */
static blk_status_t entry_submit(struct pvn_block_queue *bq, struct request *rq,
				 const struct pvn_block_request *req)
{
	struct pvn_ring_guest *ring = &bq->q->ring;
	struct pvn_block_cmd *cmd = blk_mq_rq_to_pdu(rq);
	void *slot;

	/* Whoever gives the device up takes sq_lock once before it sweeps. */
	if (pvn_device_dead(bq->q->pdev))
		return BLK_STS_IOERR;
	slot = pvn_ring_guest_next(ring);
	if (!slot) {
		/* As many slots as tags: only a host that lies about its index gets here. */
		pvn_device_fail(bq->q->pdev, "queue %u: the host does not take what was submitted",
				bq->q->index);
		return BLK_STS_IOERR;
	}
	cmd->expiries = 0;
	blk_mq_start_request(rq);
	bq->rqs[rq->tag] = rq;
	/* Marked before it is published, so that its completion finds it marked. */
	WARN_ON_ONCE(!pvn_ids_mark(&bq->ids, rq->tag));
	memcpy(slot, req, sizeof(*req));
	return BLK_STS_OK;
}

/* Whoever submits takes up what has completed: the host holds the interrupt for a while, and then
 * needs none. Softirqs off, so that blk-mq's runs here and not in a thread.
 */
static void take_on_the_way(struct pvn_block_queue *bq)
{
	if (!pvn_ring_guest_ready(&bq->q->ring))
		return;
	local_bh_disable();
	pvn_block_queue_poll(bq);
	local_bh_enable();
}

static blk_status_t mq_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct pvn_block_queue *bq = hctx->driver_data;
	struct pvn_block_request req;
	blk_status_t status;
	bool kick = false;

	status = request_fill(bq->block, bd->rq, &req);
	if (status)
		return status;
	spin_lock(&bq->sq_lock);
	status = entry_submit(bq, bd->rq, &req);
	if (status == BLK_STS_OK && bd->last)
		kick = pvn_ring_guest_publish(&bq->q->ring);
	spin_unlock(&bq->sq_lock);
	if (kick)
		pvn_queue_kick(bq->q);
	if (bd->last)
		take_on_the_way(bq);
	return status;
}

static void mq_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct pvn_block_queue *bq = hctx->driver_data;
	bool kick;

	spin_lock(&bq->sq_lock);
	kick = pvn_ring_guest_publish(&bq->q->ring);
	spin_unlock(&bq->sq_lock);
	if (kick)
		pvn_queue_kick(bq->q);
	take_on_the_way(bq);
}

/* The request that a completion answers, or NULL when the host lies and the device was given up. */
static struct request *completion_claim(struct pvn_block_queue *bq, const struct pvn_cqe *cqe)
{
	struct pvn_device *pdev = bq->q->pdev;
	struct pvn_block_cmd *cmd;
	struct request *rq;

	/* Looked at before it is claimed: one that cannot be is left to the sweep. */
	if (cqe->status < -PVN_EMAX || cqe->flags) {
		pvn_device_fail(pdev, "queue %u: completion of id %u with status %d, flags %#x",
				bq->q->index, cqe->id, cqe->status, cqe->flags);
		return NULL;
	}
	if (!pvn_ids_claim(&bq->ids, cqe->id)) {
		pvn_device_fail(pdev, "queue %u: completion of id %u, which is not in flight",
				bq->q->index, cqe->id);
		return NULL;
	}
	rq = bq->rqs[cqe->id];
	cmd = blk_mq_rq_to_pdu(rq);
	if (cqe->status < 0)
		cmd->status = errno_to_blk_status(pvn_errno(cqe->status));
	else if (cqe->status == 0 || cqe->status == blk_rq_bytes(rq))
		cmd->status = BLK_STS_OK;
	else
		/* Fewer or more bytes than asked for is not in the contract. The data is not to be
		 * trusted, but the host may still be writing: the sweep ends it.
		 */
		goto impossible;
	return rq;

impossible:
	pvn_ids_mark(&bq->ids, cqe->id);
	pvn_device_fail(pdev, "queue %u: completion of id %u moved %d of %u bytes", bq->q->index,
			cqe->id, cqe->status, blk_rq_bytes(rq));
	return NULL;
}

/* Pops up to POLL_BATCH; cq_lock held. Sets *again when more may follow. */
static unsigned int completions_pop(struct pvn_block_queue *bq, struct request **done,
				    bool *again)
{
	struct pvn_ring_guest *ring = &bq->q->ring;
	struct pvn_cqe cqe;
	unsigned int n = 0;
	int got = 0;

	*again = false;
	while (n < POLL_BATCH) {
		got = pvn_ring_guest_pop(ring, &cqe);
		if (got <= 0)
			break;
		done[n] = completion_claim(bq, &cqe);
		if (!done[n])
			return n;
		n++;
	}
	if (got < 0)
		pvn_device_fail(bq->q->pdev, "queue %u: the host's index is wild", bq->q->index);
	else if (n == POLL_BATCH)
		*again = true;
	else
		*again = pvn_ring_guest_arm(ring);
	/* Nothing to disarm before that: an event index works once. */
	pvn_ring_guest_release(ring);
	return n;
}

void pvn_block_queue_poll(struct pvn_block_queue *bq)
{
	struct request *done[POLL_BATCH];
	unsigned long flags;
	unsigned int n, i;
	bool again;

	do {
		spin_lock_irqsave(&bq->cq_lock, flags);
		n = completions_pop(bq, done, &again);
		spin_unlock_irqrestore(&bq->cq_lock, flags);
		for (i = 0; i < n; i++)
			blk_mq_complete_request(done[i]);
	} while (again);
}

static irqreturn_t queue_irq(int irq, void *data)
{
	pvn_block_queue_poll(data);
	return IRQ_HANDLED;
}

static void mq_complete(struct request *rq)
{
	struct pvn_block_cmd *cmd = blk_mq_rq_to_pdu(rq);

	blk_mq_end_request(rq, cmd->status);
}

static enum blk_eh_timer_return mq_timeout(struct request *rq)
{
	struct pvn_block_queue *bq = rq->mq_hctx->driver_data;
	struct pvn_block_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct pvn_device *pdev = bq->q->pdev;
	unsigned int waited;

	if (pvn_device_dead(pdev))
		return BLK_EH_RESET_TIMER;
	/* An interrupt or a doorbell that got lost would be somebody's bug, but not lost data. */
	pvn_block_queue_poll(bq);
	if (blk_mq_request_completed(rq))
		return BLK_EH_DONE;
	pvn_queue_kick(bq->q);
	cmd->expiries++;
	waited = cmd->expiries * (rq->q->rq_timeout / HZ);
	if (give_up_after && waited >= give_up_after)
		pvn_device_fail(pdev, "queue %u: no answer to a request for %u s", bq->q->index,
				waited);
	else if (cmd->expiries == 1)
		dev_warn_ratelimited(&pdev->dev, "queue %u: no answer to a request for %u s; waiting\n",
				     bq->q->index, waited);
	return BLK_EH_RESET_TIMER;
}

void pvn_block_queue_end(struct pvn_block_queue *bq)
{
	struct pvn_block_cmd *cmd;
	unsigned int tag;

	/* A submission that did not see that the device is dead is over after this. */
	spin_lock(&bq->sq_lock);
	spin_unlock(&bq->sq_lock);
	for (tag = 0; tag < bq->block->depth; tag++) {
		if (!pvn_ids_claim(&bq->ids, tag))
			continue;
		cmd = blk_mq_rq_to_pdu(bq->rqs[tag]);
		cmd->status = BLK_STS_IOERR;
		blk_mq_complete_request(bq->rqs[tag]);
	}
}

void pvn_block_queue_requeue(struct pvn_block_queue *bq)
{
	unsigned int tag;

	for (tag = 0; tag < bq->block->depth; tag++)
		if (pvn_ids_claim(&bq->ids, tag))
			blk_mq_requeue_request(bq->rqs[tag], true);
}

static int mq_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct pvn_block *block = data;

	hctx->driver_data = &block->queues[index];
	return 0;
}

static void mq_map_queues(struct blk_mq_tag_set *set)
{
	struct blk_mq_queue_map *map = &set->map[HCTX_TYPE_DEFAULT];
	struct pvn_block *block = set->driver_data;
	unsigned int i, cpu;

	blk_mq_map_queues(map);
	for (i = 0; i < block->nr_queues; i++)
		for_each_cpu(cpu, pvn_device_cpus(block->pdev, block->queues[i].q->vector))
			map->mq_map[cpu] = i;
}

const struct blk_mq_ops pvn_block_mq_ops = {
	.queue_rq = mq_queue_rq,
	.commit_rqs = mq_commit_rqs,
	.complete = mq_complete,
	.timeout = mq_timeout,
	.init_hctx = mq_init_hctx,
	.map_queues = mq_map_queues,
};

static int queue_create(struct pvn_block *block, unsigned int index)
{
	struct pvn_block_queue *bq = &block->queues[index];
	int err;

	bq->block = block;
	bq->q = &block->pdev->queues[index];
	bq->q->vector = 1 + index;
	spin_lock_init(&bq->sq_lock);
	spin_lock_init(&bq->cq_lock);
	bq->rqs = kcalloc(block->depth, sizeof(*bq->rqs), GFP_KERNEL);
	bq->id_words = kcalloc(PVN_IDS_WORDS(block->depth), sizeof(long), GFP_KERNEL);
	if (!bq->rqs || !bq->id_words)
		return -ENOMEM;
	pvn_ids_init(&bq->ids, bq->id_words, block->depth);
	snprintf(bq->name, sizeof(bq->name), "%s-block-q%u", dev_name(&block->pdev->dev), index);
	err = request_irq(pvn_device_irq(block->pdev, bq->q->vector), queue_irq, 0, bq->name, bq);
	if (err)
		return err;
	bq->irq = pvn_device_irq(block->pdev, bq->q->vector);
	return 0;
}

int pvn_block_queues_create(struct pvn_block *block)
{
	unsigned int i;
	int err;

	block->queues = kcalloc(block->nr_queues, sizeof(*block->queues), GFP_KERNEL);
	if (!block->queues)
		return -ENOMEM;
	for (i = 0; i < block->nr_queues; i++) {
		err = queue_create(block, i);
		if (err) {
			pvn_block_queues_destroy(block);
			return err;
		}
	}
	return 0;
}

void pvn_block_queues_destroy(struct pvn_block *block)
{
	unsigned int i;

	for (i = 0; i < block->nr_queues; i++) {
		struct pvn_block_queue *bq = &block->queues[i];

		if (bq->irq)
			free_irq(bq->irq, bq);
		kfree(bq->rqs);
		kfree(bq->id_words);
	}
	kfree(block->queues);
	block->queues = NULL;
}
