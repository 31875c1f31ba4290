// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows: driver, link, rings, channels, and counters of each queue.
 */
#include <linux/ethtool.h>

#include "net.h"

static const char * const counter_names[] = { "packets", "bytes", "drops", "doorbells" };

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	struct pvn_net *net = netdev_priv(dev);

	strscpy(info->driver, "paravane_net", sizeof(info->driver));
	snprintf(info->fw_version, sizeof(info->fw_version), "%u.%u", net->pdev->version >> 16,
		 net->pdev->version & 0xffff);
	strscpy(info->bus_info, dev_name(net->pdev->dev.parent), sizeof(info->bus_info));
}

static void get_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
			  struct kernel_ethtool_ringparam *kernel_ring,
			  struct netlink_ext_ack *extack)
{
	struct pvn_net *net = netdev_priv(dev);

	ring->rx_max_pending = net->pairs[0].rx.depth;
	ring->tx_max_pending = net->pairs[0].tx.depth;
	ring->rx_pending = ring->rx_max_pending;
	ring->tx_pending = ring->tx_max_pending;
}

static void get_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	struct pvn_net *net = netdev_priv(dev);

	channels->max_combined = net->nr_pairs;
	channels->combined_count = net->nr_pairs;
}

static int get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *settings)
{
	/* As fast as memory: no number would be true. */
	settings->base.speed = SPEED_UNKNOWN;
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_OTHER;
	return 0;
}

static int get_sset_count(struct net_device *dev, int set)
{
	struct pvn_net *net = netdev_priv(dev);

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return 2 * net->nr_pairs * ARRAY_SIZE(counter_names);
}

static void get_strings(struct net_device *dev, u32 set, u8 *data)
{
	struct pvn_net *net = netdev_priv(dev);
	unsigned int i, j;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < 2 * net->nr_pairs; i++) {
		for (j = 0; j < ARRAY_SIZE(counter_names); j++) {
			snprintf(data, ETH_GSTRING_LEN, "%s%u_%s", i % 2 ? "rx" : "tx", i / 2,
				 counter_names[j]);
			data += ETH_GSTRING_LEN;
		}
	}
}

static u64 *stats_emit(const struct pvn_net_stats *stats, u64 *data)
{
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&stats->syncp);
		data[0] = u64_stats_read(&stats->packets);
		data[1] = u64_stats_read(&stats->bytes);
		data[2] = u64_stats_read(&stats->drops);
		data[3] = u64_stats_read(&stats->doorbells);
	} while (u64_stats_fetch_retry(&stats->syncp, start));
	return data + ARRAY_SIZE(counter_names);
}

static void get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	struct pvn_net *net = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		data = stats_emit(&net->pairs[i].tx.stats, data);
		data = stats_emit(&net->pairs[i].rx.stats, data);
	}
}

const struct ethtool_ops pvn_net_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_ringparam = get_ringparam,
	.get_channels = get_channels,
	.get_link_ksettings = get_link_ksettings,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
	.get_ts_info = ethtool_op_get_ts_info,
};
