// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PV disk: what it is, where it comes from and where it goes. /dev/pvda, pvdb, ...
 */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <pvn_compat.h>

#include "block.h"

/* Segment tables are allocated with the requests: 16 bytes for each of these in every one. */
#define DRIVER_MAX_SEGS 128
#define DRIVER_MAX_DEPTH 128

static unsigned int queue_depth = DRIVER_MAX_DEPTH;
module_param(queue_depth, uint, 0444);
MODULE_PARM_DESC(queue_depth, "requests in flight a queue, 2 to 4096, rounded down to a power of two");

static unsigned int max_queues = PVN_DEVICE_MAX_QUEUES;
module_param(max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues, "at most so many queues a disk (one a vCPU otherwise)");

static DEFINE_IDA(disk_ids);

/* pvda … pvdz, pvdaa, pvdab … */
static void disk_name(char *name, size_t bytes, unsigned int index)
{
	char letters[8];
	unsigned int at = sizeof(letters) - 1;

	letters[at] = '\0';
	for (index++; index; index /= 26) {
		index--;
		letters[--at] = 'a' + index % 26;
	}
	snprintf(name, bytes, "pvd%s", &letters[at]);
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pvn_block *block = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%.*s\n", (int)sizeof(block->config.serial), block->config.serial);
}
static DEVICE_ATTR_RO(serial);

static struct attribute *disk_attrs[] = {
	&dev_attr_serial.attr,
	NULL,
};

static const struct attribute_group disk_group = {
	.attrs = disk_attrs,
};

static const struct attribute_group *disk_groups[] = {
	&disk_group,
	NULL,
};

static const struct block_device_operations disk_ops = {
	.owner = THIS_MODULE,
};

/* Rounded down to whole blocks, and in bytes no more than 31 bits hold. */
static u32 whole_blocks(const struct pvn_block_config *config, u32 sectors)
{
	return round_down(min_t(u32, sectors, S32_MAX >> SECTOR_SHIFT),
			  config->logical_block >> SECTOR_SHIFT);
}

/* What the host says of the disk, made safe to use: it may say anything. */
static int config_read(struct pvn_block *block)
{
	struct pvn_block_config *config = &block->config;
	struct device *dev = &block->pdev->dev;
	unsigned int i;

	pvn_device_config(block->pdev, config, sizeof(*config));
	if (config->logical_block != 512 && config->logical_block != 4096) {
		dev_err(dev, "the host says that a block has %u bytes; 512 and 4096 are possible\n",
			config->logical_block);
		return -EPROTO;
	}
	if (config->nr_sectors > (u64)LLONG_MAX >> SECTOR_SHIFT ||
	    config->nr_sectors % (config->logical_block >> SECTOR_SHIFT)) {
		dev_err(dev, "a capacity of %llu sectors is not possible\n", config->nr_sectors);
		return -EPROTO;
	}
	if (!config->max_segs || config->max_sectors < PAGE_SIZE >> SECTOR_SHIFT) {
		dev_err(dev, "%u segments and %u sectors a request are too few\n",
			config->max_segs, config->max_sectors);
		return -EPROTO;
	}
	if (!is_power_of_2(config->physical_block) ||
	    config->physical_block < config->logical_block || config->physical_block > SZ_1M)
		config->physical_block = config->logical_block;
	if (!is_power_of_2(config->discard_granularity) ||
	    config->discard_granularity < config->logical_block)
		config->discard_granularity = config->logical_block;
	config->max_sectors = whole_blocks(config, config->max_sectors);
	config->max_discard = whole_blocks(config, config->max_discard);
	for (i = 0; i < sizeof(config->serial) && config->serial[i]; i++)
		if (config->serial[i] < 0x20 || config->serial[i] > 0x7e)
			config->serial[i] = '?';
	block->max_segs = min3(config->max_segs, (u32)DRIVER_MAX_SEGS, (u32)PVN_BLOCK_MAX_SEGS);
	return 0;
}

static bool can(const struct pvn_block *block, u64 feature)
{
	return block->pdev->accepted & feature;
}

#ifdef PVN_HAVE_DISK_LIMITS_ARG
static struct gendisk *disk_alloc(struct pvn_block *block)
{
	const struct pvn_block_config *config = &block->config;
	struct queue_limits lim = {
		.logical_block_size = config->logical_block,
		.physical_block_size = config->physical_block,
		.io_min = config->physical_block,
		.max_segments = block->max_segs,
		.max_segment_size = U32_MAX,
		.seg_boundary_mask = ULONG_MAX,
		.max_hw_sectors = config->max_sectors,
	};

	if (can(block, PVN_BLOCK_F_DISCARD)) {
		lim.max_hw_discard_sectors = config->max_discard;
		lim.discard_granularity = config->discard_granularity;
	}
	if (can(block, PVN_BLOCK_F_WRITE_ZEROES))
		lim.max_write_zeroes_sectors = config->max_discard;
#ifdef PVN_HAVE_LIMITS_FEATURES
	if (can(block, PVN_BLOCK_F_FLUSH))
		lim.features |= BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA;
#endif
	return blk_mq_alloc_disk(&block->tags, &lim, block);
}
#else
static struct gendisk *disk_alloc(struct pvn_block *block)
{
	const struct pvn_block_config *config = &block->config;
	struct gendisk *disk = blk_mq_alloc_disk(&block->tags, block);
	struct request_queue *q;

	if (IS_ERR(disk))
		return disk;
	q = disk->queue;
	blk_queue_logical_block_size(q, config->logical_block);
	blk_queue_physical_block_size(q, config->physical_block);
	blk_queue_io_min(q, config->physical_block);
	blk_queue_max_segments(q, block->max_segs);
	blk_queue_max_segment_size(q, U32_MAX);
	blk_queue_segment_boundary(q, ULONG_MAX);
	blk_queue_max_hw_sectors(q, config->max_sectors);
	if (can(block, PVN_BLOCK_F_DISCARD)) {
		q->limits.discard_granularity = config->discard_granularity;
		blk_queue_max_discard_sectors(q, config->max_discard);
	}
	if (can(block, PVN_BLOCK_F_WRITE_ZEROES))
		blk_queue_max_write_zeroes_sectors(q, config->max_discard);
	return disk;
}
#endif

static void disk_set_cache(struct pvn_block *block)
{
#ifndef PVN_HAVE_LIMITS_FEATURES
	bool flush = can(block, PVN_BLOCK_F_FLUSH);

	blk_queue_write_cache(block->disk->queue, flush, flush);
#endif
}

static int tags_create(struct pvn_block *block)
{
	struct blk_mq_tag_set *set = &block->tags;

	set->ops = &pvn_block_mq_ops;
	set->nr_hw_queues = block->nr_queues;
	set->queue_depth = block->depth;
	set->numa_node = NUMA_NO_NODE;
	set->cmd_size = pvn_block_cmd_bytes(block->max_segs);
	set->driver_data = block;
#ifdef PVN_HAVE_SHOULD_MERGE_FLAG
	set->flags = BLK_MQ_F_SHOULD_MERGE;
#endif
	return blk_mq_alloc_tag_set(set);
}

static int disk_create(struct pvn_block *block)
{
	struct gendisk *disk;
	int err;

	disk = disk_alloc(block);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	block->disk = disk;
	disk_set_cache(block);
	disk->fops = &disk_ops;
	disk->private_data = block;
	disk_name(disk->disk_name, sizeof(disk->disk_name), block->index);
	set_capacity(disk, block->config.nr_sectors);
	if (block->pdev->offered & PVN_BLOCK_F_READ_ONLY)
		set_disk_ro(disk, true);
	err = device_add_disk(&block->pdev->dev, disk, disk_groups);
	if (err) {
		pvn_device_stop(block->pdev);
		put_disk(disk);
	}
	return err;
}

/* Queue memory, vectors and interrupts; detached yet. */
static int queues_setup(struct pvn_block *block)
{
	struct pvn_device *pdev = block->pdev;
	unsigned int wanted, order;
	int err;

	wanted = min3(num_online_cpus(), pdev->max_queues, max(max_queues, 1U));
	err = pvn_device_vectors(pdev, wanted);
	if (err < 0)
		return err;
	block->nr_queues = min_t(unsigned int, wanted, err);
	order = min_t(u32, ilog2(clamp(queue_depth, 2U, 1U << PVN_RING_ORDER_MAX)),
		      pdev->max_order);
	block->depth = 1U << order;
	err = pvn_device_alloc_queues(pdev, block->nr_queues, order, order);
	if (err)
		return err;
	err = pvn_block_queues_create(block);
	if (err)
		pvn_device_free_queues(pdev);
	return err;
}

/* Arms each queue's interrupt. */
static void queues_start(struct pvn_block *block)
{
	unsigned int i;

	for (i = 0; i < block->nr_queues; i++)
		pvn_block_queue_poll(&block->queues[i]);
}

static int block_attach(struct pvn_block *block)
{
	const u64 known = PVN_BLOCK_F_FLUSH | PVN_BLOCK_F_READ_ONLY | PVN_BLOCK_F_DISCARD |
			  PVN_BLOCK_F_WRITE_ZEROES;
	int err = pvn_device_attach(block->pdev, block->pdev->offered & known);

	if (!err)
		queues_start(block);
	return err;
}

static int block_probe(struct pvn_device *pdev)
{
	struct pvn_block *block;
	int err;

	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	block->pdev = pdev;
	pvn_device_set_data(pdev, block);
	err = config_read(block);
	if (err)
		goto free_block;
	err = ida_alloc(&disk_ids, GFP_KERNEL);
	if (err < 0)
		goto free_block;
	block->index = err;
	err = queues_setup(block);
	if (err)
		goto free_id;
	err = tags_create(block);
	if (err)
		goto destroy_queues;
	err = block_attach(block);
	if (err)
		goto stop_device;
	err = disk_create(block);
	if (err)
		goto stop_device;
	dev_info(&pdev->dev, "%s: %llu sectors, %u queues of %u\n", block->disk->disk_name,
		 block->config.nr_sectors, block->nr_queues, block->depth);
	return 0;

stop_device:
	pvn_device_stop(pdev);
	blk_mq_free_tag_set(&block->tags);
destroy_queues:
	pvn_block_queues_destroy(block);
	pvn_device_free_queues(pdev);
free_id:
	/* With the vectors came changes of configuration. */
	pvn_device_stop(pdev);
	ida_free(&disk_ids, block->index);
free_block:
	kfree(block);
	return err;
}

static void block_end_all(struct pvn_block *block)
{
	unsigned int i;

	for (i = 0; i < block->nr_queues; i++)
		pvn_block_queue_end(&block->queues[i]);
}

static void block_remove(struct pvn_device *pdev)
{
	struct pvn_block *block = pvn_device_data(pdev);

	/* Writes back, refuses what comes later, and waits for what is in flight. A host that does
	 * not answer is given up by the timeout, which ends the waiting.
	 */
	del_gendisk(block->disk);
	pvn_device_stop(pdev);
	put_disk(block->disk);
	blk_mq_free_tag_set(&block->tags);
	pvn_block_queues_destroy(block);
	pvn_device_free_queues(pdev);
	ida_free(&disk_ids, block->index);
	kfree(block);
}

static void block_dead(struct pvn_device *pdev)
{
	struct pvn_block *block = pvn_device_data(pdev);

	block_end_all(block);
	/* What waits in blk-mq's own lists now fails in queue_rq. */
	if (block->disk)
		blk_mq_run_hw_queues(block->disk->queue, true);
}

static void block_config_changed(struct pvn_device *pdev)
{
	struct pvn_block *block = pvn_device_data(pdev);
	struct pvn_block_config config;

	pvn_device_config(pdev, &config, sizeof(config));
	if (config.nr_sectors == block->config.nr_sectors || !block->disk)
		return;
	if (config.nr_sectors > (u64)LLONG_MAX >> SECTOR_SHIFT ||
	    config.nr_sectors % (block->config.logical_block >> SECTOR_SHIFT)) {
		dev_warn(&pdev->dev, "a new capacity of %llu sectors is not possible: ignored\n",
			 config.nr_sectors);
		return;
	}
	block->config.nr_sectors = config.nr_sectors;
	set_capacity_and_notify(block->disk, config.nr_sectors);
}

/* Nothing is submitted any more, what was is finished, and the host has let go. */
static void block_quiesce(struct pvn_block *block)
{
	struct pvn_device *pdev = block->pdev;

	blk_mq_quiesce_queue(block->disk->queue);
	if (!pvn_device_dead(pdev) && !pvn_device_quiesce(pdev))
		queues_start(block);
	pvn_device_detach(pdev);
}

static int block_suspend(struct pvn_device *pdev)
{
	struct pvn_block *block = pvn_device_data(pdev);
	unsigned int i;

	block_quiesce(block);
	for (i = 0; i < block->nr_queues && !pvn_device_dead(pdev); i++)
		pvn_block_queue_requeue(&block->queues[i]);
	return 0;
}

static int block_resume(struct pvn_device *pdev)
{
	struct pvn_block *block = pvn_device_data(pdev);
	int err = 0;

	if (!pvn_device_dead(pdev)) {
		err = block_attach(block);
		if (err)
			pvn_device_fail(pdev, "it could not be attached again (%d)", err);
	}
	blk_mq_unquiesce_queue(block->disk->queue);
	return err;
}

static void block_shutdown(struct pvn_device *pdev)
{
	block_quiesce(pvn_device_data(pdev));
}

static struct pvn_driver block_driver = {
	.driver.name = "paravane_block",
	.type = PVN_PCI_DEVICE_BLOCK,
	.probe = block_probe,
	.remove = block_remove,
	.dead = block_dead,
	.config_changed = block_config_changed,
	.suspend = block_suspend,
	.resume = block_resume,
	.shutdown = block_shutdown,
};
module_pvn_driver(block_driver);

MODULE_ALIAS("pvn:t00000001");
MODULE_DESCRIPTION("Paravane PV disk");
MODULE_AUTHOR("The Paravane developers");
MODULE_LICENSE("GPL");
