/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a guest's network card is plugged in. Every backend is one file descriptor that carries whole Ethernet
 * frames: a tap device, or one end of a datagram socket pair whose other end a libslirp thread serves (user), or
 * a socket to another guest. With vnet_header each frame is preceded by 12 bytes, struct virtio_net_hdr_v1 in
 * Linux's words, which carries checksum and segmentation requests.
 *
 * What a front end does with errors of read() and write():
 *   EAGAIN on write   the peer's queue is full: keep the frame, wait for EPOLLOUT. Nothing is lost.
 *   net_backend_lost  (also EPOLLERR, EPOLLHUP, read() of 0 bytes) the wire is cut: take the fd off the loop, show the
 *                     guest that the link is down, drop what it sends, and call net_backend_recover() about once a
 *                     second until it returns 0.
 *   anything else     this one frame was refused (malformed, no memory): drop and count it.
 */
#ifndef VMM_NET_BACKEND_H
#define VMM_NET_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

struct net_backend {
	int fd;		   /* non-blocking; read and write move one frame each */
	bool vnet_header;  /* 12 bytes before each frame */
	bool can_csum;	   /* takes frames with partial checksums */
	bool can_tso;	   /* takes large TCP segments, IPv4 and IPv6 */
	bool link_up;	   /* false: the wire was not there yet when it was opened; recover() */
	bool said_lost;	   /* the backend's own: the message about a cut wire was printed */
	char describe[64]; /* "tap tap0", "user", for messages */
	/* Tell the backend what the guest accepts, tap's TUNSETOFFLOAD. 0 or -errno. */
	int (*set_offload)(struct net_backend *nb, bool csum, bool tso4, bool tso6);
	/* As net_backend_recover(), without the messages. NULL: never comes back. */
	int (*recover)(struct net_backend *nb);
	void (*close)(struct net_backend *nb);
	void *opaque;
};

/*
 * spec: one of
 *   user[,hostfwd=tcp|udp:[ADDR:]PORT:GUESTPORT]…[,restrict=on|off]
 *   tap=NAME
 *   socket=PATH
 * want_vnet_header is a wish: see nb->vnet_header for what came of it. 0, or -errno with a message in err that says
 * what was asked, what is wrong and what to do.
 */
int net_backend_open(struct net_backend *nb, const char *spec, bool want_vnet_header, char *err, unsigned int errlen);
void net_backend_close(struct net_backend *nb);

/* Does this errno (positive) of read() or write() mean that the wire is cut? */
bool net_backend_lost(int err);
/*
 * Try to get a cut wire back. 0: frames flow again; nb->fd is the same number but may be another file, so it must be
 * added to the loop anew. -errno: not yet. Says on stderr, once each, that the link went and that it came back.
 * Called by one thread at a time.
 */
int net_backend_recover(struct net_backend *nb);

#endif
