// SPDX-License-Identifier: GPL-2.0-only
/* PV block: one request, checked and translated into host memory. */
#include "pv_block.h"

static int check_range(const struct pv_block *b, const struct pvn_block_request *req, uint32_t max)
{
	const struct pvn_block_config *config = &b->config;
	uint32_t align = config->logical_block / PVN_BLOCK_SECTOR - 1;

	if (!req->nr_sectors || req->nr_sectors > max || (req->nr_sectors | req->sector) & align)
		return -PVN_EINVAL;
	/* Without a sum that might wrap. */
	if (req->nr_sectors > config->nr_sectors || req->sector > config->nr_sectors - req->nr_sectors)
		return -PVN_ERANGE;
	return 0;
}

/* Append one segment, or lengthen the last one when it goes on where that ends: fewer for the kernel to pin. */
static int add_segment(struct pv_block *b, struct pv_block_slot *slot, const struct pvn_segment *seg)
{
	struct iovec *last = slot->io.nr_iov ? &slot->iov[slot->io.nr_iov - 1] : NULL;
	char *host;

	if (!seg->len || seg->len % PVN_BLOCK_SECTOR || seg->reserved)
		return -PVN_EINVAL;
	host = gmem_ptr(&b->dev.m->gmem, GPA(seg->addr), seg->len);
	if (!host)
		return -PVN_EFAULT;
	if (last && (char *)last->iov_base + last->iov_len == host) {
		last->iov_len += seg->len;
		return 0;
	}
	slot->iov[slot->io.nr_iov++] = (struct iovec){ .iov_base = host, .iov_len = seg->len };
	return 0;
}

static int translate_data(struct pv_block *b, const struct pvn_block_request *req, struct pv_block_slot *slot)
{
	struct pvn_segment table[PV_BLOCK_MAX_SEGS];
	const struct pvn_segment *segs = req->seg;
	uint64_t bytes = 0;
	unsigned int i;
	int rc;

	if (!req->nr_segs || req->nr_segs > b->config.max_segs)
		return -PVN_EINVAL;
	if (req->nr_segs > PVN_BLOCK_INLINE_SEGS) {
		if (req->table % sizeof(table[0]))
			return -PVN_EINVAL;
		if (gmem_read(&b->dev.m->gmem, GPA(req->table), table, req->nr_segs * sizeof(table[0])))
			return -PVN_EFAULT;
		segs = table;
	} else if (req->table) {
		return -PVN_EINVAL;
	}
	for (i = 0; i < req->nr_segs; i++) {
		rc = add_segment(b, slot, &segs[i]);
		if (rc)
			return rc;
		bytes += segs[i].len;
	}
	if (bytes != (uint64_t)req->nr_sectors * PVN_BLOCK_SECTOR)
		return -PVN_EINVAL;
	if (gmem_hold_iov(&b->dev.m->gmem, slot->iov, slot->io.nr_iov))
		return -PVN_EFAULT;
	slot->nr_held = slot->io.nr_iov;
	return 0;
}

int pv_block_translate(struct pv_block *b, const struct pvn_block_request *req, struct pv_block_slot *slot)
{
	uint64_t features = b->dev.accepted;
	struct blk_io *io = &slot->io;
	uint8_t flags = 0;
	uint32_t max = b->config.max_sectors;
	uint64_t needs = 0;
	bool data = false;
	int rc;

	io->nr_iov = 0;
	io->iov = slot->iov;
	slot->nr_held = 0;
	switch (req->op) {
	case PVN_BLOCK_READ:
		io->op = BLK_READ;
		data = true;
		break;
	case PVN_BLOCK_WRITE:
		io->op = BLK_WRITE;
		flags = PVN_BLOCK_FUA;
		data = true;
		break;
	case PVN_BLOCK_FLUSH:
		io->op = BLK_FLUSH;
		needs = PVN_BLOCK_F_FLUSH;
		break;
	case PVN_BLOCK_DISCARD:
		io->op = BLK_DISCARD;
		needs = PVN_BLOCK_F_DISCARD;
		max = b->config.max_discard;
		break;
	case PVN_BLOCK_WRITE_ZEROES:
		io->op = BLK_WRITE_ZEROES;
		needs = PVN_BLOCK_F_WRITE_ZEROES;
		flags = PVN_BLOCK_FUA | PVN_BLOCK_NOUNMAP;
		max = b->config.max_discard;
		break;
	default:
		return -PVN_ENOSYS;
	}
	if (req->reserved || req->flags & ~flags)
		return -PVN_EINVAL;
	if (req->flags & PVN_BLOCK_FUA)
		needs |= PVN_BLOCK_F_FLUSH;
	if (needs & ~features)
		return -PVN_ENOTSUP;
	io->fua = req->flags & PVN_BLOCK_FUA;
	io->keep_allocated = req->flags & PVN_BLOCK_NOUNMAP;
	io->offset = req->sector * PVN_BLOCK_SECTOR;
	io->len = (uint64_t)req->nr_sectors * PVN_BLOCK_SECTOR;
	if (!data && (req->nr_segs || req->table))
		return -PVN_EINVAL;
	if (io->op == BLK_FLUSH)
		return req->nr_sectors ? -PVN_EINVAL : 0;
	rc = check_range(b, req, max);
	if (rc)
		return rc;
	if (io->op != BLK_READ && b->disk->read_only)
		return -PVN_EROFS;
	return data ? translate_data(b, req, slot) : 0;
}
