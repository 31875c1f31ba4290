// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user backend: libslirp, a TCP/IP stack in this process that speaks for the guest with ordinary sockets, so
 * that no privileges are needed. It runs on a thread of its own at the other end of a socket pair that keeps frames
 * whole.
 *
 * Queues. The socket pair is the only queue towards libslirp: when it is full the front end waits. Towards the guest,
 * frames that the pair does not take wait in a list here, and while there are any the host's sockets are not read:
 * then the senders' TCP windows close, and nothing is lost. What libslirp says without being asked by a host socket
 * (acknowledgements, retransmissions) is dropped beyond a bound, as a switch would.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <slirp/libslirp.h>
#include <linux/virtio_net.h>

#include "net_csum.h"
#include "net_kinds.h"

#define PAIR_BUFFER (1 << 20) /* bytes; the kernel may allow less: then the bound is net.core.wmem_max */
#define FRAME_BYTES 65600     /* the largest segment that a guest may hand over, and its header */
#define HEADER_BYTES ((unsigned int)sizeof(struct virtio_net_hdr_v1))
#define WAITING_MAX 512
#define BATCH 64 /* frames from the guest between two looks at the host's sockets */
#define SOCKETS_MAX 4096
#define MESSAGES_MAX 8

struct user_timer {
	SlirpTimerCb fn;
	void *opaque;
	int64_t expires_ms; /* 0: not armed */
	struct user_timer *next;
};

struct user_frame {
	struct user_frame *next;
	unsigned int len;
	uint8_t data[];
};

struct user_net {
	int fd; /* our end of the pair */
	bool vnet_header;
	Slirp *slirp;
	pthread_t thread;
	struct user_timer *timers;
	struct user_frame *waiting, **waiting_tail;
	unsigned int nr_waiting;
	unsigned int messages;
	struct pollfd poll[SOCKETS_MAX];
	unsigned int nr_poll;
	bool ended;   /* atomic: the thread gave up */
	bool blocked; /* frames wait: host sockets were not polled */
	uint8_t buffer[FRAME_BYTES];
};

static int64_t user_now_ns(void *opaque)
{
	struct timespec ts;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* Towards the guest */

static void user_keep(struct user_net *u, const struct iovec *iov)
{
	struct user_frame *f;

	if (u->nr_waiting == WAITING_MAX)
		return;
	f = malloc(sizeof(*f) + iov[0].iov_len + iov[1].iov_len);
	if (!f)
		return;
	f->next = NULL;
	f->len = iov[0].iov_len + iov[1].iov_len;
	memcpy(f->data, iov[0].iov_base, iov[0].iov_len);
	memcpy(f->data + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	*u->waiting_tail = f;
	u->waiting_tail = &f->next;
	u->nr_waiting++;
}

static ssize_t user_send_packet(const void *frame, size_t len, void *opaque)
{
	/* libslirp has just computed the checksums of what it sends. */
	struct virtio_net_hdr_v1 header = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	struct user_net *u = opaque;
	struct iovec iov[2] = {
		{ .iov_base = &header, .iov_len = u->vnet_header ? HEADER_BYTES : 0 },
		{ .iov_base = (void *)frame, .iov_len = len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (u->waiting)
		user_keep(u, iov);
	else if (sendmsg(u->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && (errno == EAGAIN || errno == ENOBUFS))
		user_keep(u, iov);
	return len;
}

static void user_send_waiting(struct user_net *u)
{
	struct user_frame *f;

	while ((f = u->waiting)) {
		if (send(u->fd, f->data, f->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    (errno == EAGAIN || errno == ENOBUFS))
			return;
		u->waiting = f->next;
		if (!u->waiting)
			u->waiting_tail = &u->waiting;
		u->nr_waiting--;
		free(f);
	}
}

/* From the guest */

/* Complete what the header asks for; a segment larger than the wire's needs no cutting, libslirp ends TCP itself. */
static bool user_complete_csum(uint8_t *frame, unsigned int len, const struct virtio_net_hdr_v1 *h)
{
	unsigned int start = h->csum_start, at = start + h->csum_offset;
	uint16_t sum;

	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (start > len || at + 2 > len)
		return false;
	sum = net_csum_finish(net_csum_add(0, frame + start, len - start));
	memcpy(frame + at, &sum, sizeof(sum));
	return true;
}

static void user_receive(struct user_net *u)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		struct virtio_net_hdr_v1 header;
		uint8_t *frame = u->buffer;
		ssize_t len = recv(u->fd, u->buffer, sizeof(u->buffer), MSG_DONTWAIT);

		if (len < 0)
			return;
		if (u->vnet_header) {
			if (len < (ssize_t)HEADER_BYTES)
				continue;
			memcpy(&header, frame, sizeof(header));
			frame += HEADER_BYTES;
			len -= HEADER_BYTES;
			if (!user_complete_csum(frame, len, &header))
				continue;
		}
		if (len >= 14)
			slirp_input(u->slirp, frame, len);
	}
}

/* Callbacks of libslirp */

static void user_guest_error(const char *msg, void *opaque)
{
	struct user_net *u = opaque;

	/* The guest can provoke these at will. */
	if (u->messages == MESSAGES_MAX)
		return;
	u->messages++;
	fprintf(stderr, "paravane: network user: the guest sent what libslirp refuses: %s%s\n", msg,
		u->messages == MESSAGES_MAX ? " (no more of these will be shown)" : "");
}

static void *user_timer_new(SlirpTimerCb fn, void *cb_opaque, void *opaque)
{
	struct user_net *u = opaque;
	struct user_timer *t = calloc(1, sizeof(*t));

	if (!t) {
		fprintf(stderr, "paravane: network user: out of memory for a timer\n");
		abort();
	}
	t->fn = fn;
	t->opaque = cb_opaque;
	t->next = u->timers;
	u->timers = t;
	return t;
}

static void user_timer_free(void *timer, void *opaque)
{
	struct user_net *u = opaque;
	struct user_timer **at = &u->timers;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
	free(timer);
}

static void user_timer_mod(void *timer, int64_t expires_ms, void *opaque)
{
	struct user_timer *t = timer;

	(void)opaque;
	t->expires_ms = expires_ms ? expires_ms : 1;
}

static void user_timers_run(struct user_net *u)
{
	int64_t now_ms = user_now_ns(NULL) / 1000000;
	struct user_timer *t = u->timers;

	while (t) {
		if (!t->expires_ms || t->expires_ms > now_ms) {
			t = t->next;
			continue;
		}
		t->expires_ms = 0;
		t->fn(t->opaque);
		t = u->timers; /* the callback may have freed any of them */
	}
}

static uint32_t user_timers_sooner(struct user_net *u, uint32_t timeout_ms)
{
	int64_t now_ms = user_now_ns(NULL) / 1000000;

	for (struct user_timer *t = u->timers; t; t = t->next) {
		int64_t left = t->expires_ms - now_ms;

		if (t->expires_ms && left < timeout_ms)
			timeout_ms = left < 0 ? 0 : left;
	}
	return timeout_ms;
}

static void user_no_poll_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

/* Everything runs on the one thread, which looks at all sockets after each call into libslirp anyway. */
static void user_notify(void *opaque)
{
	(void)opaque;
}

static void user_init_completed(Slirp *slirp, void *opaque)
{
	(void)slirp;
	(void)opaque;
}

static const SlirpCb user_callbacks = {
	.send_packet = user_send_packet,
	.guest_error = user_guest_error,
	.clock_get_ns = user_now_ns,
	.timer_new = user_timer_new,
	.timer_free = user_timer_free,
	.timer_mod = user_timer_mod,
	.register_poll_fd = user_no_poll_fd,
	.unregister_poll_fd = user_no_poll_fd,
	.notify = user_notify,
	.init_completed = user_init_completed,
};

/* The thread */

static int user_add_poll(int fd, int events, void *opaque)
{
	struct user_net *u = opaque;
	struct pollfd *p;

	if (u->nr_poll == SOCKETS_MAX)
		return -1;
	p = &u->poll[u->nr_poll];
	p->fd = u->blocked ? -1 : fd;
	p->revents = 0;
	p->events = (events & SLIRP_POLL_IN ? POLLIN : 0) | (events & SLIRP_POLL_OUT ? POLLOUT : 0) |
		    (events & SLIRP_POLL_PRI ? POLLPRI : 0);
	return u->nr_poll++;
}

static int user_get_revents(int index, void *opaque)
{
	struct user_net *u = opaque;
	int revents;

	if (index < 0)
		return 0;
	revents = u->poll[index].revents;
	return (revents & POLLIN ? SLIRP_POLL_IN : 0) | (revents & POLLOUT ? SLIRP_POLL_OUT : 0) |
	       (revents & POLLPRI ? SLIRP_POLL_PRI : 0) | (revents & POLLERR ? SLIRP_POLL_ERR : 0) |
	       (revents & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static void *user_run(void *opaque)
{
	struct user_net *u = opaque;
	uint32_t timeout;
	int n;

	for (;;) {
		u->blocked = u->waiting != NULL;
		u->poll[0] = (struct pollfd){ .fd = u->fd, .events = POLLIN | (u->blocked ? POLLOUT : 0) };
		u->nr_poll = 1;
		timeout = INT_MAX;
		slirp_pollfds_fill(u->slirp, &timeout, user_add_poll, u);
		timeout = user_timers_sooner(u, timeout);
		n = poll(u->poll, u->nr_poll, timeout >= INT_MAX ? -1 : (int)timeout);
		if (n < 0 && errno != EINTR && errno != EAGAIN && errno != ENOMEM)
			break;
		user_timers_run(u);
		if (n > 0 && u->poll[0].revents & POLLOUT)
			user_send_waiting(u);
		/* Not from a read of 0 bytes: frames may be empty. */
		if (n > 0 && u->poll[0].revents & (POLLHUP | POLLERR))
			break;
		/* Before frames from the guest: this sets the clock by which what they begin expires. */
		slirp_pollfds_poll(u->slirp, n < 0, user_get_revents, u);
		if (n > 0 && u->poll[0].revents & POLLIN)
			user_receive(u);
	}
	__atomic_store_n(&u->ended, true, __ATOMIC_RELEASE);
	shutdown(u->fd, SHUT_RDWR); /* whoever holds the other end shall not wait for us */
	return NULL;
}

/* Set-up */

/* tcp|udp:[ADDR:]PORT:GUESTPORT */
static int user_hostfwd(struct user_net *u, const struct net_request *rq, const char *value, struct in_addr guest)
{
	struct in_addr host = { .s_addr = htonl(INADDR_LOOPBACK) };
	unsigned long port[2];
	char copy[128], *at, *end, *last;
	bool udp = !strncmp(value, "udp:", 4);

	if ((!udp && strncmp(value, "tcp:", 4)) || strlen(value) >= sizeof(copy))
		goto malformed;
	strcpy(copy, value + 4);
	at = copy;
	last = strrchr(at, ':');
	if (!last)
		goto malformed;
	*last++ = '\0';
	end = strrchr(at, ':');
	if (end) {
		*end++ = '\0';
		if (*at && inet_pton(AF_INET, at, &host) != 1)
			return net_refuse(rq, EINVAL, "hostfwd=%s: '%s' is not an IPv4 address", value, at);
		at = end;
	}
	for (int i = 0; i < 2; i++) {
		const char *text = i ? last : at;

		if (*text < '0' || *text > '9')
			goto malformed;
		errno = 0;
		port[i] = strtoul(text, &end, 10);
		if (errno || *end || port[i] < 1 || port[i] > 65535)
			return net_refuse(rq, EINVAL, "hostfwd=%s: '%s' is not a port (1 to 65535)", value, text);
	}
	if (slirp_add_hostfwd(u->slirp, udp, host, port[0], guest, port[1]))
		return net_refuse(rq, errno ? errno : EADDRINUSE, "hostfwd=%s: cannot listen on the host's port %lu: %s", value,
				  port[0], strerror(errno ? errno : EADDRINUSE));
	return 0;

malformed:
	return net_refuse(rq, EINVAL, "hostfwd=%s: write hostfwd=tcp:PORT:GUESTPORT (or udp:…, or tcp:ADDRESS:PORT:GUESTPORT)",
			  value);
}

static int user_options(struct user_net *u, const struct net_request *rq, SlirpConfig *cfg, bool forwards)
{
	bool restricted = false;

	for (unsigned int i = 0; i < rq->nr_options; i++) {
		const char *o = rq->options[i];
		int ret;

		if (!strcmp(o, "restrict=on") || !strcmp(o, "restrict=off")) {
			if (restricted)
				return net_refuse(rq, EINVAL, "restrict is given twice; which one?");
			restricted = true;
			cfg->restricted = o[10] == 'n';
		} else if (!strncmp(o, "hostfwd=", 8)) {
			ret = forwards ? user_hostfwd(u, rq, o + 8, cfg->vdhcp_start) : 0;
			if (ret)
				return ret;
		} else {
			return net_refuse(rq, EINVAL, "user has no option '%s'; there are hostfwd=tcp:PORT:GUESTPORT and restrict=on|off",
					  o);
		}
	}
	return 0;
}

static int user_no_offload_needed(struct net_backend *nb, bool csum, bool tso4, bool tso6)
{
	/* Frames to the guest are complete and small whatever the guest could take. */
	(void)nb;
	(void)csum;
	(void)tso4;
	(void)tso6;
	return 0;
}

static int user_recover(struct net_backend *nb)
{
	struct user_net *u = nb->opaque;

	return __atomic_load_n(&u->ended, __ATOMIC_ACQUIRE) ? -EPIPE : 0;
}

static void user_free(struct user_net *u)
{
	struct user_frame *f;

	if (u->slirp)
		slirp_cleanup(u->slirp);
	while ((f = u->waiting)) {
		u->waiting = f->next;
		free(f);
	}
	while (u->timers)
		user_timer_free(u->timers, u);
	close(u->fd);
	free(u);
}

static void user_close(struct net_backend *nb)
{
	struct user_net *u = nb->opaque;

	/* The thread sees a hang-up and returns. */
	shutdown(nb->fd, SHUT_RDWR);
	pthread_join(u->thread, NULL);
	user_free(u);
	close(nb->fd);
	nb->opaque = NULL;
}

static int user_thread_start(struct user_net *u)
{
	sigset_t all, before;
	int ret;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&u->thread, NULL, user_run, u);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!ret)
		pthread_setname_np(u->thread, "slirp");
	return -ret;
}

int net_slirp_open(struct net_backend *nb, const struct net_request *rq)
{
	SlirpConfig cfg = { .version = 4, .in_enabled = true, .in6_enabled = true, .vprefix_len = 64 };
	int fds[2], bytes = PAIR_BUFFER, ret;
	struct user_net *u;

	inet_pton(AF_INET, "10.0.2.0", &cfg.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &cfg.vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &cfg.vhost);
	inet_pton(AF_INET, "10.0.2.3", &cfg.vnameserver);
	inet_pton(AF_INET, "10.0.2.15", &cfg.vdhcp_start);
	inet_pton(AF_INET6, "fec0::", &cfg.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &cfg.vhost6);
	inet_pton(AF_INET6, "fec0::3", &cfg.vnameserver6);

	u = calloc(1, sizeof(*u));
	if (!u)
		return net_refuse(rq, ENOMEM, "out of memory");
	u->waiting_tail = &u->waiting;
	u->vnet_header = rq->want_vnet_header;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds)) {
		ret = net_refuse(rq, errno, "cannot make a socket pair: %s", strerror(errno));
		free(u);
		return ret;
	}
	u->fd = fds[1];
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));

	ret = user_options(u, rq, &cfg, false);
	if (ret)
		goto free_user;
	u->slirp = slirp_new(&cfg, &user_callbacks, u);
	if (!u->slirp) {
		ret = net_refuse(rq, EIO, "libslirp %s refused its configuration", slirp_version_string());
		goto free_user;
	}
	ret = user_options(u, rq, &cfg, true);
	if (ret)
		goto free_user;
	ret = user_thread_start(u);
	if (ret) {
		net_refuse(rq, -ret, "cannot start a thread: %s", strerror(-ret));
		goto free_user;
	}

	nb->fd = fds[0];
	nb->vnet_header = u->vnet_header;
	nb->can_csum = u->vnet_header;
	nb->can_tso = u->vnet_header;
	nb->link_up = true;
	nb->set_offload = user_no_offload_needed;
	nb->recover = user_recover;
	nb->close = user_close;
	nb->opaque = u;
	snprintf(nb->describe, sizeof(nb->describe), "user");
	return 0;

free_user:
	user_free(u);
	close(fds[0]);
	return ret;
}
