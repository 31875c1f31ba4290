/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts and doorbells through KVM: wires of the in-kernel controllers, messages, irqfd and ioeventfd.
 *
 * KVM has one routing table a machine, replaced as a whole. GSIs 0 to 23 are wires, those above are messages; a
 * message's GSI is what a device knows as its route.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vm.h"

#define NR_ENTRIES_MAX (16 + VM_NR_WIRES + VM_MAX_ROUTES)

struct route_table {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry entry[NR_ENTRIES_MAX];
};

static struct kvm_irq_routing_entry *route_next(struct route_table *t, unsigned int gsi, unsigned int type)
{
	struct kvm_irq_routing_entry *e = &t->entry[t->head.nr++];

	memset(e, 0, sizeof(*e));
	e->gsi = gsi;
	e->type = type;
	return e;
}

static void route_add_pin(struct route_table *t, unsigned int gsi, unsigned int chip, unsigned int pin)
{
	struct kvm_irq_routing_entry *e = route_next(t, gsi, KVM_IRQ_ROUTING_IRQCHIP);

	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

/* Hand the whole table to KVM. Route lock held, or nobody else there yet. */
static int routes_commit(struct vm *vm)
{
	struct route_table t = { .head = { .nr = 0 } };
	unsigned int gsi;

	for (gsi = 0; gsi < 16; gsi++) {
		if (gsi == 2)
			continue; /* the cascade of the 8259s */
		route_add_pin(&t, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
	}
	for (gsi = 0; gsi < VM_NR_WIRES; gsi++) {
		/* The timer's wire goes to pin 2 of the I/O APIC, as on every PC; the MADT says the same. */
		if (gsi != 2)
			route_add_pin(&t, gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
	}
	for (gsi = VM_NR_WIRES; gsi < VM_MAX_ROUTES; gsi++) {
		const struct vm_message *msg = &vm->message[gsi];
		struct kvm_irq_routing_entry *e;

		if (!msg->used)
			continue;
		e = route_next(&t, gsi, KVM_IRQ_ROUTING_MSI);
		e->u.msi.address_lo = (uint32_t)msg->addr;
		e->u.msi.address_hi = (uint32_t)(msg->addr >> 32);
		e->u.msi.data = msg->data;
	}
	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, &t) < 0 ? -errno : 0;
}

int vm_irq_init(struct vm *vm, char *err, unsigned int errlen)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int ret;

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0) {
		ret = -errno;
		snprintf(err, errlen, "KVM cannot make interrupt controllers: %s", strerror(-ret));
		return ret;
	}
	if (!vm->opt->no_pit && ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0) {
		ret = -errno;
		snprintf(err, errlen, "KVM cannot make a PIT (timer): %s: --no-pit runs without it", strerror(-ret));
		return ret;
	}
	ret = routes_commit(vm);
	if (ret)
		snprintf(err, errlen, "KVM refused the interrupt routes: %s", strerror(-ret));
	return ret;
}

void vm_irq_set(struct machine *m, unsigned int gsi, int level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level ? 1 : 0 };
	struct vm *vm = vm_of_machine(m);

	/* Fails only for a wire that isn't there, which is a mistake of ours. */
	if (ioctl(vm->fd, KVM_IRQ_LINE, &irq) < 0)
		machine_stop(m, STOP_HOST_ERROR, "KVM_IRQ_LINE of GSI %u failed: %s", gsi, strerror(errno));
}

int vm_msi_send(struct machine *m, uint64_t addr, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};

	/* 0: the guest has masked the vector's target; that is the guest's affair. */
	return ioctl(vm_of_machine(m)->fd, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}

static int irqfd_set(struct vm *vm, int eventfd, unsigned int gsi, bool assign)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

static int message_alloc(struct vm *vm)
{
	int gsi;

	for (gsi = VM_NR_WIRES; gsi < VM_MAX_ROUTES; gsi++) {
		if (!vm->message[gsi].used)
			return gsi;
	}
	return -ENOSPC;
}

int vm_msi_bind(struct machine *m, int *route, int eventfd, uint64_t addr, uint32_t data, bool enable)
{
	struct vm *vm = vm_of_machine(m);
	struct vm_message *msg;
	bool is_new, changed;
	int gsi, ret = 0;

	pthread_mutex_lock(&vm->route_lock);
	is_new = *route < 0;
	gsi = is_new ? message_alloc(vm) : *route;
	if (gsi < VM_NR_WIRES || gsi >= VM_MAX_ROUTES) {
		ret = is_new ? -ENOSPC : -EINVAL;
		goto unlock;
	}
	msg = &vm->message[gsi];
	changed = is_new || msg->addr != addr || msg->data != data;
	*msg = (struct vm_message){ .used = true, .addr = addr, .data = data };
	if (changed)
		ret = routes_commit(vm);
	if (!ret) {
		/* Both ways tolerate being asked twice: EBUSY means bound already, an unknown one unbinds to nothing. */
		ret = irqfd_set(vm, eventfd, gsi, enable);
		if (enable && ret == -EBUSY)
			ret = 0;
		if (!enable)
			ret = 0;
	}
	if (ret && is_new)
		msg->used = false;
	else
		*route = gsi;
unlock:
	pthread_mutex_unlock(&vm->route_lock);
	return ret;
}

void vm_msi_unbind(struct machine *m, int route, int eventfd)
{
	struct vm *vm = vm_of_machine(m);

	if (route < VM_NR_WIRES || route >= VM_MAX_ROUTES)
		return;
	pthread_mutex_lock(&vm->route_lock);
	irqfd_set(vm, eventfd, route, false);
	vm->message[route].used = false;
	routes_commit(vm);
	pthread_mutex_unlock(&vm->route_lock);
}

int vm_doorbell(struct machine *m, enum bus_kind kind, uint64_t addr, unsigned int len, int eventfd, bool add)
{
	struct kvm_ioeventfd io = {
		.addr = addr,
		.len = len,
		.fd = eventfd,
		.flags = (kind == BUS_PIO ? KVM_IOEVENTFD_FLAG_PIO : 0) | (add ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return ioctl(vm_of_machine(m)->fd, KVM_IOEVENTFD, &io) < 0 ? -errno : 0;
}
