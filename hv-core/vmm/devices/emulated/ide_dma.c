// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus master: a table of physical regions (PRDs) says where the data of a DMA command go.
 *
 * Each entry is read once, when the engine comes to it, so changing the table in flight does what it does on hardware.
 * What the driver finds in the status register afterwards:
 *
 *	active 0, interrupt 1	the regions were exactly as long as the transfer
 *	active 1, interrupt 1	the regions were longer
 *	active 0, interrupt 0	they were shorter: the drive still waits, and a new start with a new table goes on
 *	error			a table or region outside of memory; here the drive then aborts its command, so that no
 *				driver waits for ever
 */
#include "ide.h"

#include <string.h>

#define PRD_LAST 0x8000

enum gathered { GATHERED, GATHERED_SHORT, GATHERED_BAD };

/* The engine's counters have 16 bits: neither a region nor the table passes a 64 KiB boundary, they wrap at it. */
static uint32_t wrap_add(uint32_t addr, uint32_t n)
{
	return (addr & 0xffff0000) | ((addr + n) & 0xffff);
}

static bool prd_fetch(struct ide_channel *ch)
{
	struct ide_prd *prd = &ch->dma.prd;
	uint8_t e[8];
	uint32_t count;

	if (gmem_read(&ch->ide->m->gmem, GPA(prd->next), e, sizeof(e)))
		return false;
	prd->next = wrap_add(prd->next, sizeof(e));
	prd->addr = (e[0] & ~1u) | e[1] << 8 | e[2] << 16 | (uint32_t)e[3] << 24;
	count = (e[4] & ~1u) | e[5] << 8;
	prd->left = count ? count : 0x10000;
	prd->last = (e[6] | e[7] << 8) & PRD_LAST;
	return true;
}

/*
 * Regions for the next `want` bytes into io.iov. Fewer when iov is full, and then whole sectors; what was taken too
 * much of goes back to the engine.
 */
static enum gathered prd_gather(struct ide_channel *ch, uint32_t want, uint32_t *bytes)
{
	struct ide_prd *prd = &ch->dma.prd;
	struct ide_prd whole_prd = *prd;
	struct ide_io *io = &ch->io;
	unsigned int whole_nr = 0;
	uint32_t whole = 0, whole_len = 0, total = 0;
	enum gathered result = GATHERED;

	io->nr_iov = 0;
	while (total < want && io->nr_iov < IDE_MAX_IOV) {
		uint32_t len, over;
		void *p;

		if (!prd->left && prd->last) {
			result = GATHERED_SHORT;
			break;
		}
		if (!prd->left && !prd_fetch(ch)) {
			result = GATHERED_BAD;
			break;
		}
		len = 0x10000 - (prd->addr & 0xffff);
		if (len > prd->left)
			len = prd->left;
		if (len > want - total)
			len = want - total;
		p = gmem_ptr(&ch->ide->m->gmem, GPA(prd->addr), len);
		if (!p) {
			result = GATHERED_BAD;
			break;
		}
		io->iov[io->nr_iov++] = (struct iovec){ p, len };
		total += len;
		over = total % IDE_SECTOR;
		if (over < len) {
			/* A sector ends in this region: the place to return to. */
			whole = total - over;
			whole_nr = io->nr_iov;
			whole_len = len - over;
			whole_prd = *prd;
			whole_prd.addr = wrap_add(prd->addr, len - over);
			whole_prd.left -= len - over;
		}
		prd->addr = wrap_add(prd->addr, len);
		prd->left -= len;
	}
	if (result != GATHERED_SHORT && total > whole) {
		*prd = whole_prd;
		io->nr_iov = whole_nr;
		if (whole_nr)
			io->iov[whole_nr - 1].iov_len = whole_len;
		total = whole;
	}
	*bytes = total;
	return result;
}

static void dma_stop(struct ide_channel *ch)
{
	ch->dma.status &= ~IDE_BM_ACTIVE;
}

static void dma_fault(struct ide_channel *ch)
{
	ch->dma.status |= IDE_BM_ERROR;
	dma_stop(ch);
	ide_cmd_abort(ch, IDE_ERR_ABRT);
}

static void dma_complete(struct ide_channel *ch)
{
	if (!ch->dma.prd.left && ch->dma.prd.last)
		dma_stop(ch);
}

static void dma_moved(struct ide_channel *ch, int error, uint32_t good)
{
	struct ide_cmd *cmd = &ch->cmd;

	/* The part of a sector that fitted into a short table does not count. */
	if (ch->dma.partial && !error)
		good--;
	cmd->done += good;
	if (error) {
		ide_rw_fail(ch, cmd->lba + cmd->done, error);
		return;
	}
	if (cmd->done == cmd->nr) {
		dma_complete(ch);
		ide_cmd_done(ch);
		return;
	}
	cmd->drive->status = IDE_ST_READY | IDE_ST_DRQ;
	ide_dma_run(ch);
}

/* Into the buffer, for a command that wants the data itself. True when all is there. */
static bool dma_receive(struct ide_channel *ch, uint32_t bytes)
{
	uint8_t *to = ch->pio.buf + (size_t)ch->cmd.done * IDE_SECTOR;

	for (unsigned int i = 0; i < ch->io.nr_iov; i++) {
		const struct iovec *v = &ch->io.iov[i];
		size_t n = v->iov_len < bytes ? v->iov_len : bytes;

		memcpy(to, v->iov_base, n);
		to += n;
		bytes -= n;
	}
	ch->cmd.done = (to - ch->pio.buf) / IDE_SECTOR;
	return ch->cmd.done == ch->cmd.nr;
}

/* A table that ends within a sector: the rest of what is read goes nowhere, of what is written it is missing. */
static uint32_t round_partial(struct ide_channel *ch, uint32_t bytes)
{
	struct ide_io *io = &ch->io;
	uint32_t over = bytes % IDE_SECTOR;

	if (!over)
		return bytes;
	if (ch->cmd.write || io->nr_iov == IDE_MAX_IOV) {
		bytes -= over;
		while (over && over >= io->iov[io->nr_iov - 1].iov_len)
			over -= io->iov[--io->nr_iov].iov_len;
		if (over)
			io->iov[io->nr_iov - 1].iov_len -= over;
		return bytes;
	}
	io->iov[io->nr_iov++] = (struct iovec){ ch->pio.buf, IDE_SECTOR - over };
	ch->dma.partial = true;
	return bytes + IDE_SECTOR - over;
}

void ide_dma_run(struct ide_channel *ch)
{
	struct ide_cmd *cmd = &ch->cmd;

	while (ch->phase == IDE_DMA && !ch->io.in_flight && !ch->io.answered) {
		uint32_t want = cmd->nr - cmd->done, bytes;
		enum gathered result;

		if (!(ch->dma.status & IDE_BM_ACTIVE) || !__atomic_load_n(&ch->ide->pci.bus_master, __ATOMIC_ACQUIRE))
			return;
		if (want > IDE_MAX_IO_SECTORS)
			want = IDE_MAX_IO_SECTORS;
		result = prd_gather(ch, want * IDE_SECTOR, &bytes);
		ch->dma.partial = false;
		if (result == GATHERED_SHORT && bytes % IDE_SECTOR)
			bytes = round_partial(ch, bytes);
		if (result == GATHERED_BAD && !bytes) {
			dma_fault(ch);
			return;
		}
		if (!bytes) {
			/* The table is at its end. The drive waits for another. */
			dma_stop(ch);
			return;
		}
		if (!cmd->received) {
			cmd->drive->status = IDE_ST_BSY;
			ide_io_transfer(ch, cmd->write ? BLK_WRITE : BLK_READ, cmd->lba + cmd->done,
					bytes / IDE_SECTOR, dma_moved);
			return;
		}
		if (dma_receive(ch, bytes)) {
			dma_complete(ch);
			ch->phase = IDE_BUSY;
			cmd->drive->status = IDE_ST_BSY;
			cmd->received(ch);
			return;
		}
	}
}

/* What is under way ends first: after a stop the guest's memory is the guest's. */
static void dma_halt(struct ide_channel *ch)
{
	dma_stop(ch);
	if (ch->phase == IDE_DMA)
		ide_io_settle(ch);
}

void ide_dma_forbid(struct ide_channel *ch)
{
	uint8_t active = ch->dma.status & IDE_BM_ACTIVE;

	dma_halt(ch);
	/* The engine itself is still started, and goes on when it may. */
	ch->dma.status |= active;
}

static void command_write(struct ide_channel *ch, uint8_t value)
{
	uint8_t changed = ch->dma.command ^ value;

	ch->dma.command = value & (IDE_BM_START | IDE_BM_TO_MEMORY);
	if (!(changed & IDE_BM_START))
		return;
	if (!(value & IDE_BM_START)) {
		dma_halt(ch);
		return;
	}
	ch->dma.prd = (struct ide_prd){ .next = ch->dma.table & ~3u };
	ch->dma.status |= IDE_BM_ACTIVE;
	ide_dma_run(ch);
}

static void byte_write(struct ide_channel *ch, unsigned int reg, uint8_t value)
{
	struct ide_dma *dma = &ch->dma;

	switch (reg) {
	case 0:
		command_write(ch, value);
		break;
	case 2:
		dma->status &= ~(value & (IDE_BM_ERROR | IDE_BM_INTR)) & ~IDE_BM_CAPABLE;
		dma->status |= value & IDE_BM_CAPABLE;
		break;
	case 4 ... 7:
		dma->table &= ~(0xffu << 8 * (reg - 4));
		dma->table |= (uint32_t)value << 8 * (reg - 4);
		break;
	}
}

static uint8_t byte_read(const struct ide_channel *ch, unsigned int reg)
{
	switch (reg) {
	case 0:
		return ch->dma.command;
	case 2:
		return ch->dma.status;
	case 4 ... 7:
		return ch->dma.table >> 8 * (reg - 4);
	default:
		return 0;
	}
}

static uint64_t dma_port_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ide *ide = opaque;
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++) {
		struct ide_channel *ch = &ide->channel[(offset + i) / 8];

		pthread_mutex_lock(&ch->lock);
		/* The driver may poll for the end. */
		ide_io_pump(ch);
		value |= (uint64_t)byte_read(ch, (offset + i) % 8) << 8 * i;
		pthread_mutex_unlock(&ch->lock);
	}
	return value;
}

static void dma_port_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct ide *ide = opaque;

	for (unsigned int i = 0; i < size; i++) {
		struct ide_channel *ch = &ide->channel[(offset + i) / 8];

		pthread_mutex_lock(&ch->lock);
		byte_write(ch, (offset + i) % 8, value >> 8 * i);
		ide_io_pump(ch);
		pthread_mutex_unlock(&ch->lock);
	}
}

const struct bus_ops ide_dma_ops = { .read = dma_port_read, .write = dma_port_write };
