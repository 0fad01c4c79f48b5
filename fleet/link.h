/* A connection to sessd's fleet.sock: requests in their order, each answered before the next is
 * sent. It never blocks. */
#ifndef FLEET_LINK_H
#define FLEET_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/wire.h"

/* Requests that wait. */
#define LINK_QUEUE_MAX 8192

/* Each message of the answer; `done` and `error` are the last. NULL: the connection broke, and
 * there is no answer. The frame's blobs are gone when it returns. */
typedef void link_fn(void *ctx, const struct wire_frame *frame);

struct link {
	const char *path;
	int fd; /* -1: not connected */
	bool greeted, asked;
	uint32_t serial;
	STAILQ_HEAD(ask_list, ask) asks;
	unsigned n_asks;
};

void link_init(struct link *link, const char *path);
/* Whatever waits for an answer is forgotten. */
void link_fini(struct link *link);
/* -errno: sessd is not there, is not root's, or too much waits; fn is not called then. fn may be
 * NULL. */
int link_ask(struct link *link, enum wire_type type, const void *msg, link_fn *fn, void *ctx);
/* The descriptor can be read, or is broken. */
void link_ready(struct link *link);
/* Nothing is under way. */
bool link_idle(const struct link *link);

#endif
