// SPDX-License-Identifier: GPL-2.0-only
/* PV devices by number. */
#include "pv_registry.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "machine.h"

struct pv_registry {
	struct pv_registry_entry entry[PV_REGISTRY_MAX];
	unsigned int count;
};

int pv_registry_add(struct machine *m, const struct pv_device_ops *ops, void *opaque)
{
	if (!m->pv)
		m->pv = calloc(1, sizeof(*m->pv));
	if (!m->pv)
		return -ENOMEM;
	if (m->pv->count == PV_REGISTRY_MAX)
		return -ENOSPC;
	m->pv->entry[m->pv->count] = (struct pv_registry_entry){ .ops = ops, .opaque = opaque };
	return (int)m->pv->count++;
}

void pv_registry_remove_last(struct machine *m)
{
	m->pv->count--;
}

const struct pv_registry_entry *pv_registry_get(const struct machine *m, uint32_t device)
{
	return m->pv && device < m->pv->count ? &m->pv->entry[device] : NULL;
}

void pv_registry_destroy(struct machine *m)
{
	free(m->pv);
	m->pv = NULL;
}
