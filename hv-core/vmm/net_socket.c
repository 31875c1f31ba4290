// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket backend: a cable between two guests. Both name the same path; the first to come binds PATH, the second
 * PATH.peer, and each connects its datagram socket to the other's name. Datagrams rather than a connection, because
 * then neither end has to be there first, and one that comes back takes up its old place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net_kinds.h"

#define SOCKET_BUFFER (1 << 20) /* bytes in flight each way; the kernel may allow less */
#define PEER_SUFFIX ".peer"

struct wire {
	struct sockaddr_un own, other;
};

/* Take the name, if nobody lives there. 0 or -errno; -EADDRINUSE when somebody does. */
static int wire_bind(int fd, int probe, const struct sockaddr_un *name)
{
	struct stat st;

	if (!bind(fd, (const struct sockaddr *)name, sizeof(*name)))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	/* A socket's file outlives an owner that was killed: see whether anybody answers. Never remove another file. */
	if (stat(name->sun_path, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	/* EPERM: its owner is there, connected to somebody else. */
	if (!connect(probe, (const struct sockaddr *)name, sizeof(*name)) || errno == EPERM)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	if (unlink(name->sun_path) && errno != ENOENT)
		return -errno;
	return bind(fd, (const struct sockaddr *)name, sizeof(*name)) ? -errno : 0;
}

static int wire_recover(struct net_backend *nb)
{
	struct wire *w = nb->opaque;

	return connect(nb->fd, (const struct sockaddr *)&w->other, sizeof(w->other)) ? -errno : 0;
}

static void wire_close(struct net_backend *nb)
{
	struct wire *w = nb->opaque;

	unlink(w->own.sun_path);
	close(nb->fd);
	free(w);
	nb->opaque = NULL;
}

static int wire_no_offload(struct net_backend *nb, bool csum, bool tso4, bool tso6)
{
	(void)nb;
	return csum || tso4 || tso6 ? -EOPNOTSUPP : 0;
}

int net_socket_open(struct net_backend *nb, const struct net_request *rq)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX }, peer = { .sun_family = AF_UNIX };
	int bytes = SOCKET_BUFFER;
	struct wire *w;
	int fd, probe, ret;

	if (rq->nr_options)
		return net_refuse(rq, EINVAL, "socket has no option '%s'", rq->options[0]);
	if (strlen(rq->arg) + sizeof(PEER_SUFFIX) > sizeof(path.sun_path))
		return net_refuse(rq, ENAMETOOLONG, "the path is longer than %zu characters; choose a shorter one",
				  sizeof(path.sun_path) - sizeof(PEER_SUFFIX));
	strcpy(path.sun_path, rq->arg);
	strcpy(stpcpy(peer.sun_path, rq->arg), PEER_SUFFIX);

	w = calloc(1, sizeof(*w));
	if (!w)
		return net_refuse(rq, ENOMEM, "out of memory");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || probe < 0) {
		ret = net_refuse(rq, errno, "cannot make a socket: %s", strerror(errno));
		goto close_fds;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));

	w->own = path;
	w->other = peer;
	ret = wire_bind(fd, probe, &w->own);
	if (ret == -EADDRINUSE) {
		w->own = peer;
		w->other = path;
		ret = wire_bind(fd, probe, &w->own);
	}
	if (ret) {
		if (ret == -EADDRINUSE)
			net_refuse(rq, -ret, "two guests are plugged in already; a cable has two ends");
		else
			net_refuse(rq, -ret, "cannot use '%s' as a socket: %s", w->own.sun_path, strerror(-ret));
		goto close_fds;
	}
	close(probe);

	nb->fd = fd;
	nb->set_offload = wire_no_offload;
	nb->recover = wire_recover;
	nb->close = wire_close;
	nb->opaque = w;
	snprintf(nb->describe, sizeof(nb->describe), "socket %.50s", rq->arg);
	nb->link_up = wire_recover(nb) == 0;
	nb->said_lost = !nb->link_up; /* waiting for the other guest is not worth a message, its coming is */
	return 0;

close_fds:
	if (probe >= 0)
		close(probe);
	if (fd >= 0)
		close(fd);
	free(w);
	return ret;
}
