// SPDX-License-Identifier: GPL-2.0-only
/* The tap backend: frames go to and come from an interface of the host, with offloads in a header before each. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "net_kinds.h"

#define TAP_CLONE "/dev/net/tun"

struct tap {
	char name[IFNAMSIZ];
	int query; /* a socket, to ask for the interface's flags */
	bool vnet_header;
	unsigned int offload; /* as last set, for re-attaching */
};

/* The interface's flags, or -errno. */
static int tap_flags(int query, const char *name)
{
	struct ifreq ifr = { 0 };

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(query, SIOCGIFFLAGS, &ifr))
		return -errno;
	return (unsigned short)ifr.ifr_flags;
}

static int tap_bring_up(int query, const char *name)
{
	int flags = tap_flags(query, name);
	struct ifreq ifr = { 0 };

	if (flags < 0)
		return flags;
	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	ifr.ifr_flags = flags | IFF_UP;
	return ioctl(query, SIOCSIFFLAGS, &ifr) ? -errno : 0;
}

/* A file attached to interface `name`, which the kernel makes when there is none. fd or -errno. */
static int tap_attach(const char *name, bool vnet_header)
{
	int header_bytes = sizeof(struct virtio_net_hdr_v1);
	struct ifreq ifr = { 0 };
	int fd, ret;

	fd = open(TAP_CLONE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | (vnet_header ? IFF_VNET_HDR : 0);
	if (ioctl(fd, TUNSETIFF, &ifr)) {
		ret = -errno;
		/* A persistent tap made for several queues takes only files that ask for one of them. */
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
		if (ret != -EINVAL || ioctl(fd, TUNSETIFF, &ifr))
			goto close_fd;
	}
	if (vnet_header && ioctl(fd, TUNSETVNETHDRSZ, &header_bytes)) {
		ret = -errno;
		goto close_fd;
	}
	return fd;

close_fd:
	close(fd);
	return ret;
}

static int tap_set_offload(struct net_backend *nb, bool csum, bool tso4, bool tso6)
{
	struct tap *t = nb->opaque;
	unsigned int flags = 0;

	if (!t->vnet_header)
		return csum || tso4 || tso6 ? -EOPNOTSUPP : 0;
	if (csum)
		flags = TUN_F_CSUM | (tso4 ? TUN_F_TSO4 : 0) | (tso6 ? TUN_F_TSO6 : 0) |
			(tso4 || tso6 ? TUN_F_TSO_ECN : 0);
	if (ioctl(nb->fd, TUNSETOFFLOAD, (unsigned long)flags))
		return -errno;
	t->offload = flags;
	return 0;
}

static int tap_recover(struct net_backend *nb)
{
	struct tap *t = nb->opaque;
	struct ifreq ifr = { 0 };
	int flags, fd;

	flags = tap_flags(t->query, t->name);
	if (flags < 0)
		return flags;
	if (ioctl(nb->fd, TUNGETIFF, &ifr)) {
		/*
		 * The interface that this file was attached to is gone, and somebody made one of the same name. Only
		 * then attach again: making it ourselves would undo what the administrator did on purpose.
		 */
		fd = tap_attach(t->name, t->vnet_header);
		if (fd < 0)
			return fd;
		if (t->vnet_header && ioctl(fd, TUNSETOFFLOAD, (unsigned long)t->offload)) {
			close(fd);
			return -EIO;
		}
		/* Same number, so that a thread which is writing to it right now never sees it closed. */
		if (dup3(fd, nb->fd, O_CLOEXEC) < 0) {
			close(fd);
			return -EIO;
		}
		close(fd);
	}
	return flags & IFF_UP ? 0 : -ENETDOWN;
}

static void tap_close(struct net_backend *nb)
{
	struct tap *t = nb->opaque;

	close(nb->fd);
	close(t->query);
	free(t);
	nb->opaque = NULL;
}

static int tap_refuse(const struct net_request *rq, int err, const char *name, bool existed)
{
	if (access(TAP_CLONE, F_OK))
		return net_refuse(rq, err, TAP_CLONE " does not exist; load the module (modprobe tun) or use --net user");
	switch (err) {
	case EACCES:
		return net_refuse(rq, err,
				  "no permission to open " TAP_CLONE "; run as root, have its mode changed, or use --net user");
	case EPERM:
		if (existed)
			return net_refuse(rq, err,
					  "tap '%s' belongs to somebody else; as root: ip tuntap del %s mode tap && ip tuntap add %s mode tap user %u",
					  name, name, name, (unsigned int)getuid());
		return net_refuse(rq, err,
				  "there is no tap '%s' and only root may make one; as root: ip tuntap add %s mode tap user %u, or use --net user",
				  name, name, (unsigned int)getuid());
	case EBUSY:
		return net_refuse(rq, err, "tap '%s' is in use by another program (another guest?); each guest needs its own",
				  name);
	case EINVAL:
		if (existed)
			return net_refuse(rq, err, "'%s' is a network interface but not a tap; name another, or one that does not exist yet",
					  name);
		return net_refuse(rq, err, "'%s' is not a name for a network interface", name);
	case ENODEV:
	case ENXIO:
		return net_refuse(rq, err, "the kernel has no tap driver behind " TAP_CLONE "; load it (modprobe tun) or use --net user");
	default:
		return net_refuse(rq, err, "cannot attach to tap '%s': %s", name, strerror(err));
	}
}

int net_tap_open(struct net_backend *nb, const struct net_request *rq)
{
	const char *name = rq->arg;
	struct tap *t;
	bool existed;
	int fd, flags, ret;

	if (rq->nr_options)
		return net_refuse(rq, EINVAL, "tap has no option '%s'", rq->options[0]);
	/* The kernel would take '%d' for "choose a number". */
	if (strlen(name) >= IFNAMSIZ || strpbrk(name, "%/ "))
		return net_refuse(rq, EINVAL, "'%s' is not a name for a network interface (at most %d characters, no '%%', '/' or space)",
				  name, IFNAMSIZ - 1);
	t = calloc(1, sizeof(*t));
	if (!t)
		return net_refuse(rq, ENOMEM, "out of memory");
	memcpy(t->name, name, strlen(name));
	t->vnet_header = rq->want_vnet_header;
	t->query = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (t->query < 0) {
		ret = net_refuse(rq, errno, "cannot make a socket: %s", strerror(errno));
		goto free_tap;
	}
	existed = tap_flags(t->query, name) >= 0;
	fd = tap_attach(name, t->vnet_header);
	if (fd < 0) {
		ret = tap_refuse(rq, -fd, name, existed);
		goto close_query;
	}
	if (!existed) {
		/* Ours, and gone when we are: so nobody else can bring it up beforehand. */
		ret = tap_bring_up(t->query, name);
		if (ret) {
			ret = net_refuse(rq, -ret, "made tap '%s' but cannot bring it up: %s", name, strerror(-ret));
			goto close_tap;
		}
	}

	nb->fd = fd;
	nb->vnet_header = t->vnet_header;
	nb->can_csum = t->vnet_header;
	nb->can_tso = t->vnet_header;
	nb->set_offload = tap_set_offload;
	nb->recover = tap_recover;
	nb->close = tap_close;
	nb->opaque = t;
	snprintf(nb->describe, sizeof(nb->describe), "tap %s", name);
	flags = tap_flags(t->query, name);
	nb->link_up = flags >= 0 && (flags & IFF_UP);
	if (!nb->link_up) {
		fprintf(stderr, "paravane: network tap %s is down: the guest sees its cable unplugged until you run: ip link set %s up\n",
			name, name);
		nb->said_lost = true;
	}
	return 0;

close_tap:
	close(fd);
close_query:
	close(t->query);
free_tap:
	free(t);
	return ret;
}
