// SPDX-License-Identifier: GPL-2.0-only
/*
 * --control: a Unix socket by which `paravane stats` asks a running guest. A client sends one line and gets one JSON
 * object back; then the connection is closed. Only the user who runs the guest may connect. Everything is done by the
 * main loop and nothing waits: a client that does not read loses its answer, and one that has asked nothing gives way
 * when there are too many.
 */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "run.h"

#define MAX_CLIENTS 4
#define BACKLOG 64 /* beyond it connect() waits, or fails in a client that does not */
#define REQUEST_BYTES 64
#define DRAIN_MAX 64

struct client {
	struct run_control *control;
	struct loop_fd watch;
	int fd; /* -1: free */
};

struct run_control {
	struct run *run;
	struct loop_fd watch;
	int fd;
	bool bound;
	struct client client[MAX_CLIENTS];
	unsigned int next; /* of client[]: the place that was taken longest ago */
};

static void client_close(struct client *c)
{
	loop_remove_fd(c->control->run->vm.m.loop, &c->watch);
	close(c->fd);
	c->fd = -1;
}

static void answer(int fd, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
	size_t len = text ? strlen(text) : 0, done = 0;

	while (done < len) {
		ssize_t n = send(fd, text + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	free(text);
	json_decref(object);
}

static void client_readable(void *opaque, uint32_t events)
{
	struct client *c = opaque;
	char line[REQUEST_BYTES + 1];
	ssize_t n = recv(c->fd, line, REQUEST_BYTES, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		line[n] = 0;
		if (!strcmp(line, "stats\n"))
			answer(c->fd, run_stats_report(c->control->run));
		else
			answer(c->fd, json_pack("{s:s}", "error", "not a request that this version knows: \"stats\" is"));
	}
	/* Closing with something unread would take the answer back. */
	for (unsigned int i = 0; n > 0 && i < DRAIN_MAX; i++)
		n = recv(c->fd, line, REQUEST_BYTES, MSG_DONTWAIT);
	client_close(c);
}

static void control_readable(void *opaque, uint32_t events)
{
	struct run_control *control = opaque;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = &control->client[control->next];

	if (fd < 0)
		return;
	if (c->fd >= 0) {
		answer(c->fd, json_pack("{s:s}", "error", "nothing was asked, and others came: try again"));
		client_close(c);
	}
	if (loop_add_fd(control->run->vm.m.loop, &c->watch, fd, EPOLLIN, client_readable, c)) {
		close(fd);
		return;
	}
	c->fd = fd;
	control->next = (control->next + 1) % MAX_CLIENTS;
}

/* A socket that a guest left behind when it was killed may be replaced, one that somebody listens on not. */
static void remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd;

	if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) && errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(fd);
}

static int control_open(struct run_control *control, const struct sockaddr_un *address)
{
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0)
		return -errno;
	remove_stale(address);
	/* The inode that bind() makes gets these rights. */
	if (fchmod(control->fd, 0600) || bind(control->fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	control->bound = true;
	if (listen(control->fd, BACKLOG))
		return -errno;
	return loop_add_fd(control->run->vm.m.loop, &control->watch, control->fd, EPOLLIN, control_readable, control);
}

int run_control_create(struct run *run, char *err, unsigned int errlen)
{
	const char *path = run->opt.control;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct run_control *control;
	unsigned int i;
	int ret;

	if (!path)
		return 0;
	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(err, errlen, "--control %s: a socket's path has at most %zu characters: give a shorter one", path,
			 sizeof(address.sun_path) - 1);
		return -EINVAL;
	}
	strcpy(address.sun_path, path);
	control = calloc(1, sizeof(*control));
	if (!control) {
		snprintf(err, errlen, "no memory for --control");
		return -ENOMEM;
	}
	control->run = run;
	for (i = 0; i < MAX_CLIENTS; i++)
		control->client[i] = (struct client){ .control = control, .fd = -1 };
	run->control = control;
	ret = control_open(control, &address);
	if (ret)
		snprintf(err, errlen, "--control %s: cannot make a socket there: %s: give a path that is free", path,
			 strerror(-ret));
	return ret;
}

void run_control_destroy(struct run *run)
{
	struct run_control *control = run->control;
	unsigned int i;

	if (!control)
		return;
	for (i = 0; i < MAX_CLIENTS; i++)
		if (control->client[i].fd >= 0)
			client_close(&control->client[i]);
	loop_remove_fd(run->vm.m.loop, &control->watch);
	if (control->fd >= 0)
		close(control->fd);
	if (control->bound)
		unlink(run->opt.control);
	free(control);
	run->control = NULL;
}
