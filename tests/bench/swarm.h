/*
 * Clients of sessd that all ask at the same time: one thread, an epoll set, and connections of
 * which each has one request under way, as redis-benchmark does it. Whatever goes wrong ends the
 * program.
 */
#ifndef BENCH_SWARM_H
#define BENCH_SWARM_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"
#include "tests/bench/samples.h"

struct swarm;

struct swarm_work {
	enum wire_type type; /* of the requests */
	enum wire_type last; /* of the message that completes the answer */
	const void *(*request)(void *ctx, size_t i);
	void *ctx;
	size_t count;
	struct samples *samples; /* of each, from the request to the end of its answer; or NULL */
};

struct swarm *swarm_new(const char *path, size_t clients);
void swarm_free(struct swarm *s);

/* Returns when `count` requests are answered: how long that took, ns. */
uint64_t swarm_run(struct swarm *s, const struct swarm_work *work);

#endif
