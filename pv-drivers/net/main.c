// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PV network interface: bringing it up and down, link, interrupts.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "net.h"

#define DRIVER_MAX_BUFFER 32768 /* what a page fragment holds */

static unsigned int queue_depth = 256;
module_param(queue_depth, uint, 0444);
MODULE_PARM_DESC(queue_depth, "entries a queue, 16 to 4096, rounded down to a power of two");

static unsigned int max_pairs = PVN_NET_MAX_PAIRS;
module_param(max_pairs, uint, 0444);
MODULE_PARM_DESC(max_pairs, "at most so many queue pairs an interface (one a vCPU otherwise)");

static int net_poll(struct napi_struct *napi, int budget)
{
	struct pvn_net_pair *pair = container_of(napi, struct pvn_net_pair, napi);
	int done;

	pvn_net_tx_poll(&pair->tx, budget);
	if (!budget)
		return 0;
	done = pvn_net_rx_poll(pair, budget);
	if (done < budget)
		napi_complete_done(napi, done);
	return done;
}

static irqreturn_t net_irq(int irq, void *data)
{
	struct pvn_net_pair *pair = data;

	napi_schedule_irqoff(&pair->napi);
	return IRQ_HANDLED;
}

static void link_update(struct pvn_net *net)
{
	struct pvn_net_config config;
	bool up = true;

	if (pvn_net_can(net, PVN_NET_F_STATUS)) {
		pvn_device_config(net->pdev, &config, sizeof(config));
		up = config.link & PVN_NET_LINK_UP;
	}
	if (up && !pvn_device_dead(net->pdev))
		netif_carrier_on(net->dev);
	else
		netif_carrier_off(net->dev);
}

static void queues_drop_all(struct pvn_net *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		pvn_net_tx_drop_all(&net->pairs[i].tx);
		pvn_net_rx_drop_all(&net->pairs[i].rx);
	}
}

/* Under RTNL. Also brings a device that was given up back into use. */
static int net_start(struct pvn_net *net)
{
	unsigned int i;
	int err;

	for (i = 0; i < net->nr_pairs; i++) {
		pvn_net_tx_start(&net->pairs[i].tx);
		pvn_net_rx_start(&net->pairs[i].rx);
	}
	err = pvn_device_attach(net->pdev, net->features);
	if (err)
		return err;
	net->running = true;
	for (i = 0; i < net->nr_pairs; i++) {
		struct napi_struct *napi = &net->pairs[i].napi;

		/* The first poll posts buffers and arms. */
		napi_enable(napi);
		local_bh_disable();
		napi_schedule(napi);
		local_bh_enable();
	}
	link_update(net);
	return 0;
}

static void net_stop(struct pvn_net *net)
{
	unsigned int i;

	if (!net->running)
		return;
	net->running = false;
	/* NAPI first: it wakes queues. */
	for (i = 0; i < net->nr_pairs; i++)
		napi_disable(&net->pairs[i].napi);
	netif_tx_disable(net->dev);
	for (i = 0; i < net->nr_pairs; i++) {
		cancel_delayed_work_sync(&net->pairs[i].tx.straggler);
		cancel_delayed_work_sync(&net->pairs[i].rx.refill);
	}
	netif_carrier_off(net->dev);
	pvn_device_detach(net->pdev);
	queues_drop_all(net);
}

static int ndo_open(struct net_device *dev)
{
	int err = net_start(netdev_priv(dev));

	if (!err)
		netif_tx_start_all_queues(dev);
	return err;
}

static int ndo_stop(struct net_device *dev)
{
	net_stop(netdev_priv(dev));
	return 0;
}

static void ndo_tx_timeout(struct net_device *dev, unsigned int index)
{
	struct pvn_net *net = netdev_priv(dev);
	struct pvn_net_txq *tx = &net->pairs[index].tx;

	netdev_warn(dev, "queue %u: %u frames unsent for %u s\n", index, tx->in_flight,
		    dev->watchdog_timeo / HZ);
	if (++tx->timeouts >= 6) {
		pvn_device_fail(net->pdev, "queue %u: the host sends nothing", tx->q->index);
		return;
	}
	pvn_queue_kick(tx->q);
	napi_schedule(&net->pairs[index].napi);
}

static void stats_read(const struct pvn_net_stats *stats, u64 *packets, u64 *bytes, u64 *drops)
{
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&stats->syncp);
		*packets = u64_stats_read(&stats->packets);
		*bytes = u64_stats_read(&stats->bytes);
		*drops = u64_stats_read(&stats->drops);
	} while (u64_stats_fetch_retry(&stats->syncp, start));
}

static void ndo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *total)
{
	struct pvn_net *net = netdev_priv(dev);
	u64 packets, bytes, drops;
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		stats_read(&net->pairs[i].tx.stats, &packets, &bytes, &drops);
		total->tx_packets += packets;
		total->tx_bytes += bytes;
		total->tx_dropped += drops;
		stats_read(&net->pairs[i].rx.stats, &packets, &bytes, &drops);
		total->rx_packets += packets;
		total->rx_bytes += bytes;
		total->rx_dropped += drops;
	}
}

static const struct net_device_ops net_ops = {
	.ndo_open = ndo_open,
	.ndo_stop = ndo_stop,
	.ndo_start_xmit = pvn_net_xmit,
	.ndo_tx_timeout = ndo_tx_timeout,
	.ndo_get_stats64 = ndo_get_stats64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static u64 features_choose(u64 offered)
{
	u64 wanted = PVN_NET_F_TX_CSUM | PVN_NET_F_TX_TSO4 | PVN_NET_F_TX_TSO6 | PVN_NET_F_RX_CSUM |
		     PVN_NET_F_RX_TSO4 | PVN_NET_F_RX_TSO6 | PVN_NET_F_MERGE | PVN_NET_F_STATUS;

	/* What one needs of another. */
	if (!(offered & PVN_NET_F_TX_CSUM))
		wanted &= ~(PVN_NET_F_TX_TSO4 | PVN_NET_F_TX_TSO6);
	if (!(offered & PVN_NET_F_MERGE) || !(offered & PVN_NET_F_RX_CSUM))
		wanted &= ~(PVN_NET_F_RX_TSO4 | PVN_NET_F_RX_TSO6);
	return offered & wanted;
}

static void offloads_set(struct pvn_net *net)
{
	struct net_device *dev = net->dev;

	dev->hw_features = NETIF_F_SG;
	if (pvn_net_can(net, PVN_NET_F_TX_CSUM))
		dev->hw_features |= NETIF_F_HW_CSUM;
	if (pvn_net_can(net, PVN_NET_F_TX_TSO4))
		dev->hw_features |= NETIF_F_TSO;
	if (pvn_net_can(net, PVN_NET_F_TX_TSO6))
		dev->hw_features |= NETIF_F_TSO6;
	dev->features = dev->hw_features | NETIF_F_HIGHDMA;
	if (pvn_net_can(net, PVN_NET_F_RX_CSUM))
		dev->features |= NETIF_F_RXCSUM;
	dev->vlan_features = dev->hw_features;
}

/* Address, MTU and the size of receive buffers, from what the host says. */
static int config_apply(struct pvn_net *net)
{
	struct net_device *dev = net->dev;
	struct pvn_net_config config;
	u32 overhead = sizeof(struct pvn_net_rx_header) + ETH_HLEN + VLAN_HLEN;

	pvn_device_config(net->pdev, &config, sizeof(config));
	if (config.mtu < ETH_MIN_MTU) {
		dev_err(&net->pdev->dev, "an MTU of %u bytes is not possible\n", config.mtu);
		return -EPROTO;
	}
	if (is_valid_ether_addr(config.mac)) {
		eth_hw_addr_set(dev, config.mac);
	} else {
		eth_hw_addr_random(dev);
		dev_warn(&net->pdev->dev, "the host's address is not usable; using %pM\n",
			 dev->dev_addr);
	}
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = config.mtu;
	if (pvn_net_can(net, PVN_NET_F_RX_TSO4 | PVN_NET_F_RX_TSO6)) {
		net->buf_bytes = PAGE_SIZE;
	} else if (pvn_net_can(net, PVN_NET_F_MERGE)) {
		net->buf_bytes = PAGE_SIZE / 2;
	} else {
		dev->max_mtu = min_t(u32, config.mtu, DRIVER_MAX_BUFFER - overhead);
		net->buf_bytes = roundup_pow_of_two(max_t(u32, dev->max_mtu + overhead, 2048));
	}
	dev->mtu = min_t(u32, dev->max_mtu, config.mtu);
	return 0;
}

static void pairs_destroy(struct pvn_net *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		struct pvn_net_pair *pair = &net->pairs[i];

		if (pair->irq)
			free_irq(pair->irq, pair);
		if (pair->net)
			netif_napi_del(&pair->napi);
		pvn_net_tx_destroy(&pair->tx);
		pvn_net_rx_destroy(&pair->rx);
	}
	vfree(net->pairs);
	pvn_device_free_queues(net->pdev);
}

static int pair_create(struct pvn_net *net, unsigned int index)
{
	struct pvn_net_pair *pair = &net->pairs[index];
	int err;

	net->pdev->queues[2 * index].vector = 1 + index;
	net->pdev->queues[2 * index + 1].vector = 1 + index;
	pair->net = net;
	netif_napi_add(net->dev, &pair->napi, net_poll);
	err = pvn_net_tx_create(pair, index);
	if (!err)
		err = pvn_net_rx_create(pair, index);
	if (err)
		return err;
	snprintf(pair->name, sizeof(pair->name), "%s-net-q%u", dev_name(&net->pdev->dev), index);
	err = request_irq(pvn_device_irq(net->pdev, 1 + index), net_irq, 0, pair->name, pair);
	if (err)
		return err;
	pair->irq = pvn_device_irq(net->pdev, 1 + index);
	return 0;
}

/* Vectors, queue memory, NAPI contexts and interrupts; detached yet. */
static int pairs_create(struct pvn_net *net)
{
	unsigned int order, i;
	int err;

	order = min_t(u32, ilog2(clamp(queue_depth, 16U, (unsigned int)PVN_NET_MAX_DEPTH)),
		      net->pdev->max_order);
	err = pvn_device_alloc_queues(net->pdev, 2 * net->nr_pairs, order, order);
	if (err)
		return err;
	net->pairs = vzalloc(array_size(net->nr_pairs, sizeof(*net->pairs)));
	if (!net->pairs) {
		pvn_device_free_queues(net->pdev);
		return -ENOMEM;
	}
	for (i = 0; i < net->nr_pairs; i++) {
		err = pair_create(net, i);
		if (err) {
			pairs_destroy(net);
			return err;
		}
	}
	return 0;
}

static int net_probe(struct pvn_device *pdev)
{
	struct net_device *dev;
	struct pvn_net *net;
	unsigned int wanted;
	int err;

	wanted = min3(num_online_cpus(), pdev->max_queues / 2, max(max_pairs, 1U));
	if (!wanted) {
		dev_err(&pdev->dev, "%u queue: sending and receiving need one each\n",
			pdev->max_queues);
		return -EPROTO;
	}
	err = pvn_device_vectors(pdev, wanted);
	if (err < 0)
		return err;
	wanted = min_t(unsigned int, wanted, err);
	dev = alloc_etherdev_mqs(sizeof(*net), wanted, wanted);
	if (!dev)
		return -ENOMEM;
	SET_NETDEV_DEV(dev, &pdev->dev);
	net = netdev_priv(dev);
	net->pdev = pdev;
	net->dev = dev;
	net->nr_pairs = wanted;
	net->features = features_choose(pdev->offered);
	dev->netdev_ops = &net_ops;
	dev->ethtool_ops = &pvn_net_ethtool_ops;
	dev->watchdog_timeo = 5 * HZ;
	offloads_set(net);
	err = config_apply(net);
	if (err)
		goto free_dev;
	err = pairs_create(net);
	if (err)
		goto free_dev;
	pvn_device_set_data(pdev, net);
	netif_carrier_off(dev);
	err = register_netdev(dev);
	if (err)
		goto destroy_pairs;
	netdev_info(dev, "%u queue pairs of %u, features %#llx\n", net->nr_pairs,
		    net->pairs[0].tx.depth, net->features);
	return 0;

destroy_pairs:
	pvn_device_stop(pdev);
	pairs_destroy(net);
free_dev:
	free_netdev(dev);
	return err;
}

static void net_remove(struct pvn_device *pdev)
{
	struct pvn_net *net = pvn_device_data(pdev);

	unregister_netdev(net->dev);
	pvn_device_stop(pdev);
	pairs_destroy(net);
	free_netdev(net->dev);
}

/* No RTNL here: attaching waits for this with RTNL held. */
static void net_dead(struct pvn_device *pdev)
{
	struct pvn_net *net = pvn_device_data(pdev);
	unsigned int i;

	if (!net)
		return;
	netif_carrier_off(net->dev);
	for (i = 0; i < net->nr_pairs; i++)
		pvn_net_tx_drop_all(&net->pairs[i].tx);
}

static void net_config_changed(struct pvn_device *pdev)
{
	struct pvn_net *net = pvn_device_data(pdev);

	if (net)
		link_update(net);
}

static void net_detach_all(struct pvn_net *net)
{
	rtnl_lock();
	netif_device_detach(net->dev);
	if (netif_running(net->dev))
		net_stop(net);
	rtnl_unlock();
}

static int net_suspend(struct pvn_device *pdev)
{
	net_detach_all(pvn_device_data(pdev));
	return 0;
}

static int net_resume(struct pvn_device *pdev)
{
	struct pvn_net *net = pvn_device_data(pdev);
	int err = 0;

	rtnl_lock();
	if (netif_running(net->dev))
		err = net_start(net);
	if (!err)
		netif_device_attach(net->dev);
	rtnl_unlock();
	return err;
}

static void net_shutdown(struct pvn_device *pdev)
{
	net_detach_all(pvn_device_data(pdev));
}

static struct pvn_driver net_driver = {
	.driver.name = "paravane_net",
	.type = PVN_PCI_DEVICE_NET,
	.probe = net_probe,
	.remove = net_remove,
	.dead = net_dead,
	.config_changed = net_config_changed,
	.suspend = net_suspend,
	.resume = net_resume,
	.shutdown = net_shutdown,
};
module_pvn_driver(net_driver);

MODULE_ALIAS("pvn:t00000002");
MODULE_DESCRIPTION("Paravane PV network interface");
MODULE_AUTHOR("The Paravane developers");
MODULE_LICENSE("GPL");
