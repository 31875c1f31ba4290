// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transport of hvm mode: one PCI function a device, MSI-X, doorbells at I/O ports.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "internal.h"

struct pci_transport {
	struct pci_dev *pci;
	struct pvn_device *pdev;
	void __iomem *regs;
	u16 doorbell;	/* I/O port of queue 0 */
};

static struct pci_transport *transport_of(struct pvn_device *pdev)
{
	return pdev->transport;
}

static u32 pci_read(struct pvn_device *pdev, u32 reg)
{
	return readl(transport_of(pdev)->regs + reg);
}

static void pci_write(struct pvn_device *pdev, u32 reg, u32 value)
{
	writel(value, transport_of(pdev)->regs + reg);
}

static void pci_doorbell(struct pvn_device *pdev, u32 queue)
{
	outl(queue, transport_of(pdev)->doorbell + PVN_PCI_DOORBELL_STRIDE * queue);
}

static irqreturn_t pci_config_irq(int irq, void *data)
{
	pvn_device_notify(data);
	return IRQ_HANDLED;
}

static int pci_vectors_alloc(struct pvn_device *pdev, unsigned int nr)
{
	struct irq_affinity affinity = { .pre_vectors = PVN_DEVICE_VECTOR_CONFIG + 1 };
	struct pci_dev *pci = transport_of(pdev)->pci;
	int got, err;

	got = pci_alloc_irq_vectors_affinity(pci, 2, nr, PCI_IRQ_MSIX | PCI_IRQ_AFFINITY,
					     &affinity);
	if (got < 0) {
		dev_err(&pdev->dev, "no two MSI-X vectors to be had (%d)\n", got);
		return got;
	}
	err = request_irq(pci_irq_vector(pci, PVN_DEVICE_VECTOR_CONFIG), pci_config_irq, 0,
			  dev_name(&pdev->dev), pdev);
	if (err) {
		pci_free_irq_vectors(pci);
		return err;
	}
	return got;
}

static void pci_vectors_free(struct pvn_device *pdev)
{
	struct pci_dev *pci = transport_of(pdev)->pci;

	free_irq(pci_irq_vector(pci, PVN_DEVICE_VECTOR_CONFIG), pdev);
	pci_free_irq_vectors(pci);
}

static int pci_vector_irq(struct pvn_device *pdev, unsigned int vector)
{
	return pci_irq_vector(transport_of(pdev)->pci, vector);
}

static const struct cpumask *pci_vector_cpus(struct pvn_device *pdev, unsigned int vector)
{
	return pci_irq_get_affinity(transport_of(pdev)->pci, vector);
}

static const struct pvn_transport_ops pci_ops = {
	.name = "pci",
	.read = pci_read,
	.write = pci_write,
	.doorbell = pci_doorbell,
	.vectors_alloc = pci_vectors_alloc,
	.vectors_free = pci_vectors_free,
	.vector_irq = pci_vector_irq,
	.vector_cpus = pci_vector_cpus,
};

static bool pci_bars_usable(struct pci_dev *pci)
{
	return (pci_resource_flags(pci, PVN_PCI_BAR_REGS) & IORESOURCE_MEM) &&
	       pci_resource_len(pci, PVN_PCI_BAR_REGS) >= PVN_PCI_REGS_BYTES &&
	       (pci_resource_flags(pci, PVN_PCI_BAR_DOORBELL) & IORESOURCE_IO) &&
	       pci_resource_len(pci, PVN_PCI_BAR_DOORBELL) >= PVN_PCI_DOORBELL_BYTES;
}

static int pci_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct pci_transport *transport;
	int err;

	transport = devm_kzalloc(&pci->dev, sizeof(*transport), GFP_KERNEL);
	if (!transport)
		return -ENOMEM;
	transport->pci = pci;
	err = pcim_enable_device(pci);
	if (err)
		return err;
	if (!pci_bars_usable(pci)) {
		dev_err(&pci->dev, "register or doorbell BAR missing or too small\n");
		return -ENODEV;
	}
	err = pci_request_regions(pci, "paravane");
	if (err)
		return err;
	transport->regs = pcim_iomap(pci, PVN_PCI_BAR_REGS, 0);
	if (!transport->regs) {
		err = -ENOMEM;
		goto release_regions;
	}
	transport->doorbell = pci_resource_start(pci, PVN_PCI_BAR_DOORBELL);
	pci_set_master(pci);
	transport->pdev = pvn_device_create(&pci->dev, &pci_ops, transport);
	if (IS_ERR(transport->pdev)) {
		err = PTR_ERR(transport->pdev);
		goto clear_master;
	}
	pci_set_drvdata(pci, transport);
	err = pvn_device_add(transport->pdev);
	if (err)
		goto put_device;
	return 0;

put_device:
	put_device(&transport->pdev->dev);
clear_master:
	pci_clear_master(pci);
release_regions:
	pci_release_regions(pci);
	return err;
}

static void pci_remove(struct pci_dev *pci)
{
	struct pci_transport *transport = pci_get_drvdata(pci);

	pvn_device_remove(transport->pdev);
	pci_clear_master(pci);
	pci_release_regions(pci);
}

static const struct pci_device_id pci_ids[] = {
	{ PCI_DEVICE(PVN_PCI_VENDOR, PVN_PCI_DEVICE_BLOCK) },
	{ PCI_DEVICE(PVN_PCI_VENDOR, PVN_PCI_DEVICE_NET) },
	{ PCI_DEVICE(PVN_PCI_VENDOR, PVN_PCI_DEVICE_CONSOLE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, pci_ids);

static struct pci_driver pci_transport_driver = {
	.name = "paravane",
	.id_table = pci_ids,
	.probe = pci_probe,
	.remove = pci_remove,
};

int pvn_pci_init(void)
{
	return pci_register_driver(&pci_transport_driver);
}

void pvn_pci_exit(void)
{
	pci_unregister_driver(&pci_transport_driver);
}
