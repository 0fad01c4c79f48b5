/*
 * An epoll set, a heap of deadlines, and one timerfd on CLOCK_BOOTTIME for the earliest of them
 * (the timeout of epoll_wait runs on CLOCK_MONOTONIC, which stands still in suspend).
 *
 * The kernel hands back {slot, generation}; a slot's generation changes each time it is given away,
 * so what was removed in this turn, by whomever, is not called.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/loop.h"

#define LOOP_BATCH 256
/* Timers that are called in one turn, so that descriptors need not wait for thousands of them. */
#define TIMER_BATCH 64

struct slot {
	struct loop_io *io; /* NULL: free */
	uint32_t generation;
	uint32_t next_free; /* index + 1 */
};

struct loop {
	int epoll_fd;
	int timer_fd;
	uint64_t armed; /* what timer_fd stands at; 0: not armed */
	uint64_t now;	/* while timers are called: those up to it are due; else 0 */
	struct heap timers;
	struct slot *slots;
	uint32_t n_slots;
	uint32_t free; /* first free slot: index + 1 */
	bool stop;
};

int loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = UINT64_MAX};

	if (loop == NULL)
		return -ENOMEM;
	loop->timer_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd >= 0)
		loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->timer_fd < 0 ||
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &ev) < 0) {
		int r = -errno;

		loop_free(loop);
		return r;
	}
	*ret = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	heap_fini(&loop->timers);
	free(loop->slots);
	free(loop);
}

static int slots_grow(struct loop *loop)
{
	uint32_t n = loop->n_slots ? 2 * loop->n_slots : 64, i;
	struct slot *slots = reallocarray(loop->slots, n, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (i = loop->n_slots; i < n; i++)
		slots[i] = (struct slot){.next_free = i + 1 < n ? i + 2 : 0};
	loop->free = loop->n_slots + 1;
	loop->slots = slots;
	loop->n_slots = n;
	return 0;
}

static uint64_t slot_key(const struct loop *loop, const struct loop_io *io)
{
	return (uint64_t)loop->slots[io->slot - 1].generation << 32 | io->slot;
}

int loop_io_add(
	struct loop *loop, struct loop_io *io, int fd, uint32_t events, loop_io_fn *fn, void *ctx)
{
	struct epoll_event ev = {.events = events};
	struct slot *slot;
	int r;

	if (loop->free == 0) {
		r = slots_grow(loop);
		if (r < 0)
			return r;
	}
	*io = (struct loop_io){.fd = fd, .fn = fn, .ctx = ctx, .slot = loop->free};
	ev.data.u64 = slot_key(loop, io);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		io->slot = 0;
		return -errno;
	}
	slot = &loop->slots[io->slot - 1];
	loop->free = slot->next_free;
	slot->io = io;
	return 0;
}

int loop_io_change(struct loop *loop, struct loop_io *io, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.u64 = slot_key(loop, io)};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev) < 0 ? -errno : 0;
}

void loop_io_remove(struct loop *loop, struct loop_io *io)
{
	struct slot *slot;

	if (io->slot == 0)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	slot = &loop->slots[io->slot - 1];
	slot->io = NULL;
	slot->generation++;
	slot->next_free = loop->free;
	loop->free = io->slot;
	io->slot = 0;
}

int loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at, loop_fn *fn, void *ctx)
{
	timer->fn = fn;
	timer->ctx = ctx;
	/* a timer's callback that sets one for now or before must not keep this turn going */
	if (loop->now != 0 && at <= loop->now)
		at = loop->now + 1;
	return heap_put(&loop->timers, &timer->node, at);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	heap_remove(&loop->timers, &timer->node);
}

static struct loop_timer *first_timer(const struct loop *loop)
{
	struct heap_node *node = heap_first(&loop->timers);

	return node ? (struct loop_timer *)((char *)node - offsetof(struct loop_timer, node))
		    : NULL;
}

/* Calls the timers that are due, the first so many of them. What a callback sets for now waits for
 * the next turn: see loop_timer_set(). */
static void run_timers(struct loop *loop)
{
	struct loop_timer *timer;
	unsigned n;

	loop->now = clock_boot();
	for (n = 0; n < TIMER_BATCH && !loop->stop; n++) {
		timer = first_timer(loop);
		if (timer == NULL || timer->node.key > loop->now)
			break;
		heap_remove(&loop->timers, &timer->node);
		timer->fn(timer->ctx);
	}
	loop->now = 0;
}

static void arm(struct loop *loop)
{
	struct loop_timer *timer = first_timer(loop);
	uint64_t at = timer ? (timer->node.key ? timer->node.key : 1) : 0;
	struct itimerspec when = {0};

	if (at == loop->armed)
		return;
	when.it_value.tv_sec = (time_t)(at / NS_PER_SEC);
	when.it_value.tv_nsec = (long)(at % NS_PER_SEC);
	/* fails only for a number that is no time, which DURATION_MAX excludes */
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	loop->armed = at;
}

static void run_io(struct loop *loop, const struct epoll_event *ev)
{
	uint32_t slot = (uint32_t)ev->data.u64;
	struct loop_io *io;

	if (ev->data.u64 == UINT64_MAX) {
		loop->armed = 0;
		return;
	}
	io = loop->slots[slot - 1].io;
	if (io != NULL && loop->slots[slot - 1].generation == ev->data.u64 >> 32)
		io->fn(io->ctx, ev->events);
}

int loop_turn(struct loop *loop, int timeout_ms)
{
	struct epoll_event ev[LOOP_BATCH];
	uint64_t ticks;
	int n, i;

	arm(loop);
	n = epoll_wait(loop->epoll_fd, ev, LOOP_BATCH, timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (i = 0; i < n && !loop->stop; i++) {
		if (ev[i].data.u64 == UINT64_MAX && read(loop->timer_fd, &ticks, sizeof(ticks)) < 0)
			continue;
		run_io(loop, &ev[i]);
	}
	if (!loop->stop)
		run_timers(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	while (!loop->stop && r == 0)
		r = loop_turn(loop, -1);
	return r;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}
