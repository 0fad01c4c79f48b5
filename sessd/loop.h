/*
 * The event loop: descriptors, deadlines, and work put off to the end of a turn. One thread; every
 * callback runs to its end. A callback may add and remove sources and timers, its own included:
 * what is removed is not called again, even where it was ready in the same turn.
 */
#ifndef SESSD_LOOP_H
#define SESSD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "sessd/heap.h"

struct loop;

/* `events` are those of epoll(7). */
typedef void loop_io_fn(void *ctx, uint32_t events);
typedef void loop_fn(void *ctx);

/* A descriptor that is watched; embedded in its owner. The loop does not own the descriptor. */
struct loop_io {
	int fd;
	loop_io_fn *fn;
	void *ctx;
	uint32_t slot; /* private: index + 1; 0: not watched */
};

/* A deadline on CLOCK_BOOTTIME; embedded in its owner, all zeros at first. */
struct loop_timer {
	struct heap_node node;
	loop_fn *fn;
	void *ctx;
};

int loop_new(struct loop **ret);
void loop_free(struct loop *loop);

/* Level-triggered. -errno on failure. */
int loop_io_add(
	struct loop *loop, struct loop_io *io, int fd, uint32_t events, loop_io_fn *fn, void *ctx);
int loop_io_change(struct loop *loop, struct loop_io *io, uint32_t events);
/* Does nothing for one that was never added. Call it before the descriptor is closed. */
void loop_io_remove(struct loop *loop, struct loop_io *io);

/* Calls fn once, when clock_boot() has reached `at` (ns). Setting a set timer moves it. One that is
 * set from a timer's callback for a time that is over waits for the next turn. -ENOMEM. */
int loop_timer_set(
	struct loop *loop, struct loop_timer *timer, uint64_t at, loop_fn *fn, void *ctx);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* Runs until loop_stop(), then returns 0; or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* One turn, for tests: waits at most timeout_ms (-1: for ever), calls what is due. */
int loop_turn(struct loop *loop, int timeout_ms);

#endif
