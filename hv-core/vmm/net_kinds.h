/* SPDX-License-Identifier: GPL-2.0-only */
/* The kinds of network backends, as net_backend.c sees them: each opens one, and says in err why not. */
#ifndef VMM_NET_KINDS_H
#define VMM_NET_KINDS_H

#include "net_backend.h"

struct net_request {
	const char *spec; /* all of it, for messages */
	const char *arg;  /* what follows "tap=" or "socket=" */
	char **options;	  /* "name=value" */
	unsigned int nr_options;
	bool want_vnet_header;
	char *err;
	unsigned int errlen;
};

/* Writes the message and returns -errno. */
int net_refuse(const struct net_request *rq, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

int net_tap_open(struct net_backend *nb, const struct net_request *rq);
int net_slirp_open(struct net_backend *nb, const struct net_request *rq);
int net_socket_open(struct net_backend *nb, const struct net_request *rq);

#endif
