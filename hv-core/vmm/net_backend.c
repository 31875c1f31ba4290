// SPDX-License-Identifier: GPL-2.0-only
/* Network backends: which kind a specification asks for, and what all kinds share. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net_kinds.h"

#define NET_MAX_OPTIONS 32

int net_refuse(const struct net_request *rq, int err, const char *fmt, ...)
{
	int n = snprintf(rq->err, rq->errlen, "--net %s: ", rq->spec);
	va_list ap;

	if (n >= 0 && (unsigned int)n < rq->errlen) {
		va_start(ap, fmt);
		vsnprintf(rq->err + n, rq->errlen - n, fmt, ap);
		va_end(ap);
	}
	return -err;
}

static int net_open_kind(struct net_backend *nb, struct net_request *rq, char *kind)
{
	char *arg = strchr(kind, '=');

	if (arg)
		*arg++ = '\0';
	rq->arg = arg;
	if (!strcmp(kind, "user")) {
		if (arg)
			return net_refuse(rq, EINVAL, "'user' takes no value; its options follow a comma");
		return net_slirp_open(nb, rq);
	}
	if (!strcmp(kind, "tap")) {
		if (!arg || !*arg)
			return net_refuse(rq, EINVAL, "which tap device? Write tap=NAME, for example tap=tap0");
		return net_tap_open(nb, rq);
	}
	if (!strcmp(kind, "socket")) {
		if (!arg || !*arg)
			return net_refuse(rq, EINVAL, "which socket? Write socket=PATH; the two guests name the same path");
		return net_socket_open(nb, rq);
	}
	return net_refuse(rq, EINVAL, "no such kind of network; there are user, tap=NAME and socket=PATH");
}

int net_backend_open(struct net_backend *nb, const char *spec, bool want_vnet_header, char *err, unsigned int errlen)
{
	char *options[NET_MAX_OPTIONS];
	struct net_request rq = {
		.spec = spec,
		.options = options,
		.want_vnet_header = want_vnet_header,
		.err = err,
		.errlen = errlen,
	};
	char *copy, *kind, *rest;
	int ret;

	memset(nb, 0, sizeof(*nb));
	nb->fd = -1;
	if (errlen)
		err[0] = '\0';
	copy = strdup(spec);
	if (!copy)
		return net_refuse(&rq, ENOMEM, "out of memory");
	rest = copy;
	kind = strsep(&rest, ",");
	while (rest) {
		if (rq.nr_options == NET_MAX_OPTIONS) {
			ret = net_refuse(&rq, E2BIG, "more than %d options", NET_MAX_OPTIONS);
			goto free_copy;
		}
		options[rq.nr_options++] = strsep(&rest, ",");
	}
	ret = net_open_kind(nb, &rq, kind);
free_copy:
	free(copy);
	return ret;
}

void net_backend_close(struct net_backend *nb)
{
	if (nb->close)
		nb->close(nb);
	else if (nb->fd >= 0)
		close(nb->fd);
	nb->close = NULL;
	nb->recover = NULL;
	nb->fd = -1;
}

bool net_backend_lost(int err)
{
	switch (err) {
	case EIO:     /* tap: interface is down */
	case EBADFD:  /* tap: interface was deleted */
	case ENODEV:
	case ENXIO:
	case ENETDOWN:
	case EPIPE: /* sockets: the other end is gone or not there yet */
	case ECONNRESET:
	case ECONNREFUSED:
	case ENOTCONN:
	case ENOENT:
		return true;
	default:
		return false;
	}
}

int net_backend_recover(struct net_backend *nb)
{
	int ret = nb->recover ? nb->recover(nb) : -ENETDOWN;

	if (ret) {
		if (nb->link_up || !nb->said_lost)
			fprintf(stderr, "paravane: network %s: %s; the guest sees its cable unplugged until it is back\n",
				nb->describe, strerror(-ret));
		nb->said_lost = true;
		nb->link_up = false;
		return ret;
	}
	if (nb->said_lost)
		fprintf(stderr, "paravane: network %s: back\n", nb->describe);
	nb->said_lost = false;
	nb->link_up = true;
	return 0;
}
