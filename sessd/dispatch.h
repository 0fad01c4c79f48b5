/*
 * From a message to what answers it: a table of {message, handler}. PAM's requests and orders to
 * end sessions become events for core; questions are answered from the session table and the
 * ledger.
 */
#ifndef SESSD_DISPATCH_H
#define SESSD_DISPATCH_H

#include "sessd/core.h"
#include "sessd/peer.h"

struct dispatch;

struct dispatch_parts {
	struct core *core;
	struct ledger *ledger;
	struct metrics *metrics;
	/* Fills in what status says of the daemon itself: program, configuration, kernel. */
	void (*describe)(void *ctx, struct wire_state *ret);
	void *ctx;
};

int dispatch_new(const struct dispatch_parts *parts, struct dispatch **ret);
/* After the peers are gone. Requests under way are forgotten. */
void dispatch_free(struct dispatch *d);

/* For struct peers_options.message; ctx is the dispatch. */
void dispatch_message(void *ctx, struct peer *peer, const struct wire_frame *frame);

#endif
