// SPDX-License-Identifier: GPL-2.0-only
/* The event loop: calls back, and never calls back what was removed. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "../../hv-core/vmm/loop.h"

struct target {
	struct loop *loop;
	struct loop_fd watch;
	struct loop_fd *victim; /* removed by the callback */
	int calls;
	int inside;
	unsigned int sleep_us;
	bool keep; /* don't drain the eventfd */
};

static void called(void *opaque, uint32_t events)
{
	struct target *t = opaque;
	uint64_t n;

	__atomic_store_n(&t->inside, 1, __ATOMIC_SEQ_CST);
	if (!t->keep && read(t->watch.fd, &n, sizeof(n)) < 0)
		abort();
	__atomic_add_fetch(&t->calls, 1, __ATOMIC_SEQ_CST);
	if (t->sleep_us)
		usleep(t->sleep_us);
	if (t->victim)
		loop_remove_fd(t->loop, t->victim);
	__atomic_store_n(&t->inside, 0, __ATOMIC_SEQ_CST);
}

static void kick(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

FIXTURE(loop)
{
	struct loop *loop;
	struct target t[2];
	int fd[2];
	pthread_t thread;
};

FIXTURE_SETUP(loop)
{
	memset(self, 0, sizeof(*self));
	self->loop = loop_create();
	ASSERT_NE(NULL, self->loop);
	for (int i = 0; i < 2; i++) {
		self->fd[i] = eventfd(0, EFD_NONBLOCK);
		self->t[i].loop = self->loop;
		ASSERT_EQ(0, loop_add_fd(self->loop, &self->t[i].watch, self->fd[i], EPOLLIN, called, &self->t[i]));
	}
}

FIXTURE_TEARDOWN(loop)
{
	for (int i = 0; i < 2; i++) {
		loop_remove_fd(self->loop, &self->t[i].watch);
		close(self->fd[i]);
	}
	loop_destroy(self->loop);
}

static void *run(void *loop)
{
	loop_run(loop);
	return NULL;
}

TEST_F(loop, calls_what_is_ready)
{
	kick(self->fd[1]);
	loop_run_once(self->loop, 1000);
	EXPECT_EQ(0, self->t[0].calls);
	EXPECT_EQ(1, self->t[1].calls);
	loop_run_once(self->loop, 0);
	EXPECT_EQ(1, self->t[1].calls);
}

TEST_F(loop, events_can_be_changed)
{
	ASSERT_EQ(0, loop_modify_fd(self->loop, &self->t[0].watch, 0));
	kick(self->fd[0]);
	loop_run_once(self->loop, 0);
	EXPECT_EQ(0, self->t[0].calls);
	ASSERT_EQ(0, loop_modify_fd(self->loop, &self->t[0].watch, EPOLLIN));
	loop_run_once(self->loop, 1000);
	EXPECT_EQ(1, self->t[0].calls);
	loop_remove_fd(self->loop, &self->t[0].watch);
	EXPECT_EQ(-ENOENT, loop_modify_fd(self->loop, &self->t[0].watch, EPOLLIN));
}

TEST_F(loop, bad_descriptors_are_refused)
{
	struct loop_fd w = { 0 };

	EXPECT_EQ(-EBADF, loop_add_fd(self->loop, &w, -1, EPOLLIN, called, NULL));
	EXPECT_FALSE(w.added);
	EXPECT_EQ(-EEXIST, loop_add_fd(self->loop, &w, self->fd[0], EPOLLIN, called, NULL));
	/* Removing what was never added does nothing. */
	loop_remove_fd(self->loop, &w);
}

/* Both are ready in one round, and whichever comes first removes the other: one call in all. */
TEST_F(loop, removed_in_the_same_round_is_not_called)
{
	self->t[0].victim = &self->t[1].watch;
	self->t[1].victim = &self->t[0].watch;
	kick(self->fd[0]);
	kick(self->fd[1]);
	for (int i = 0; i < 3; i++)
		loop_run_once(self->loop, 0);
	EXPECT_EQ(1, self->t[0].calls + self->t[1].calls);
}

/* Its slot is used again before the stale event is looked at: the newcomer must not get it. */
TEST_F(loop, reused_slot_gets_no_stale_event)
{
	struct target newcomer = { .loop = self->loop };
	int fd = eventfd(0, EFD_NONBLOCK);

	for (int i = 0; i < 100; i++) {
		loop_remove_fd(self->loop, &self->t[0].watch);
		ASSERT_EQ(0, loop_add_fd(self->loop, &newcomer.watch, fd, EPOLLIN, called, &newcomer));
		loop_run_once(self->loop, 0);
		loop_remove_fd(self->loop, &newcomer.watch);
		ASSERT_EQ(0, loop_add_fd(self->loop, &self->t[0].watch, self->fd[0], EPOLLIN, called, &self->t[0]));
	}
	EXPECT_EQ(0, newcomer.calls);
	close(fd);
}

TEST_F(loop, removal_waits_for_the_callback)
{
	self->t[0].sleep_us = 50000;
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, run, self->loop));
	kick(self->fd[0]);
	while (!__atomic_load_n(&self->t[0].inside, __ATOMIC_SEQ_CST))
		usleep(100);
	loop_remove_fd(self->loop, &self->t[0].watch);
	EXPECT_EQ(0, __atomic_load_n(&self->t[0].inside, __ATOMIC_SEQ_CST));
	kick(self->fd[0]);
	usleep(20000);
	EXPECT_EQ(1, __atomic_load_n(&self->t[0].calls, __ATOMIC_SEQ_CST));
	loop_stop(self->loop);
	pthread_join(self->thread, NULL);
}

/* Devices change a watch while they hold a lock that their callbacks take as well. */
struct locked {
	pthread_mutex_t lock;
	struct loop_fd watch;
	int calls;
};

static void locked_called(void *opaque, uint32_t events)
{
	struct locked *l = opaque;
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	if (read(l->watch.fd, &n, sizeof(n)) == sizeof(n))
		l->calls++;
	pthread_mutex_unlock(&l->lock);
}

TEST_F(loop, modify_under_the_callbacks_lock)
{
	struct locked l = { .lock = PTHREAD_MUTEX_INITIALIZER };
	int fd = eventfd(0, EFD_NONBLOCK), calls = 0;

	ASSERT_EQ(0, loop_add_fd(self->loop, &l.watch, fd, EPOLLIN, locked_called, &l));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, run, self->loop));
	/* With a lock held during callbacks, this comes to a halt. */
	while (calls < 200) {
		pthread_mutex_lock(&l.lock);
		calls = l.calls;
		kick(fd);
		ASSERT_EQ(0, loop_modify_fd(self->loop, &l.watch, EPOLLIN));
		pthread_mutex_unlock(&l.lock);
	}
	loop_stop(self->loop);
	pthread_join(self->thread, NULL);
	loop_remove_fd(self->loop, &l.watch);
	close(fd);
}

TEST_F(loop, stop_is_not_lost_and_the_loop_runs_again)
{
	/* Before it runs, too. */
	loop_stop(self->loop);
	loop_run(self->loop);
	kick(self->fd[0]);
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, run, self->loop));
	while (!__atomic_load_n(&self->t[0].calls, __ATOMIC_SEQ_CST))
		usleep(100);
	loop_stop(self->loop);
	pthread_join(self->thread, NULL);
}

TEST_F(loop, many_watches)
{
	struct target many[100];
	int fd[100];

	memset(many, 0, sizeof(many));
	for (int i = 0; i < 100; i++) {
		fd[i] = eventfd(0, EFD_NONBLOCK);
		ASSERT_EQ(0, loop_add_fd(self->loop, &many[i].watch, fd[i], EPOLLIN, called, &many[i]));
		kick(fd[i]);
	}
	for (int i = 0; i < 20; i++)
		loop_run_once(self->loop, 0);
	for (int i = 0; i < 100; i++) {
		EXPECT_EQ(1, many[i].calls);
		loop_remove_fd(self->loop, &many[i].watch);
		close(fd[i]);
	}
}

static void expired(void *opaque)
{
	++*(int *)opaque;
}

TEST_F(loop, timers)
{
	struct loop_timer timer;
	uint64_t start = loop_now_ns();
	int calls = 0;

	ASSERT_EQ(0, loop_timer_init(self->loop, &timer, expired, &calls));
	loop_run_once(self->loop, 0);
	EXPECT_EQ(0, calls);

	loop_timer_set(&timer, start + 20000000);
	while (!calls)
		loop_run_once(self->loop, 1000);
	EXPECT_GE(loop_now_ns(), start + 20000000);
	/* One shot. */
	loop_run_once(self->loop, 40);
	EXPECT_EQ(1, calls);

	/* In the past: at once. */
	loop_timer_set(&timer, 1);
	loop_run_once(self->loop, 1000);
	EXPECT_EQ(2, calls);

	/* Disarmed. */
	loop_timer_set(&timer, loop_now_ns() + 10000000);
	loop_timer_set(&timer, 0);
	loop_run_once(self->loop, 30);
	EXPECT_EQ(2, calls);

	/* Moved out. */
	loop_timer_set(&timer, loop_now_ns() + 5000000);
	loop_timer_set(&timer, loop_now_ns() + 60000000000);
	loop_run_once(self->loop, 30);
	EXPECT_EQ(2, calls);
	loop_timer_destroy(self->loop, &timer);
}

TEST_HARNESS_MAIN
