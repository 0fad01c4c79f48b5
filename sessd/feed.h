/*
 * Hands the lines of the ledger, in their order and after their commit, to somebody who may take
 * his time: a file, a socket. He is called in a thread of his own, one page at a time, and the next
 * page is read from the ledger when he has taken this one. So a commit never waits for him, nothing
 * is kept in memory for one who is behind, and one who failed goes on where he stood.
 *
 * All functions but the sink's are the loop thread's.
 */
#ifndef SESSD_FEED_H
#define SESSD_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sessd/ledger.h"
#include "sessd/loop.h"

/* Bytes of a target, its NUL included. */
#define FEED_TARGET 256

/*
 * Who takes the lines. His functions run in the thread of the feed, never two at a time. A failure,
 * -errno, closes him; he is opened again after a second, and then at most each second. It is logged
 * once, and once that it is over.
 */
struct feed_sink {
	const char *name; /* `mirror`: for the log */

	/* *after: the seq of the event behind which he wants to go on; at first the one behind
	 * which the feed would. head: of the newest event that is known to be in the ledger. */
	int (*open)(void *ctx, const char *target, uint64_t head, uint64_t *after);
	/* Whole lines with their newlines. *after moves over what he has taken, also where he
	 * fails. */
	int (*write)(void *ctx, const char *lines, size_t len, uint64_t *after);
	void (*close)(void *ctx);
	/* Better words than strerror()'s for a failure of his; NULL: none. */
	const char *(*explain)(int error);
	void *ctx;
};

struct feed;

/* A feed that is off. The sink is copied, what its ctx points to is the caller's. -errno. */
int feed_new(
	struct loop *loop, struct ledger *ledger, const struct feed_sink *sink, struct feed **ret);

/* Where he writes from now on; "": nowhere. From off to on, he is offered what comes from now on.
 */
void feed_direct(struct feed *feed, const char *target);

/* Opens him anew, as after a rotation of logs. */
void feed_reopen(struct feed *feed);

struct feed_stats {
	uint64_t seq; /* of the last event that he took, or need not take */
	bool on;
	char error[256]; /* ""; or why he cannot take any now */
};

void feed_stats(struct feed *feed, struct feed_stats *ret);

/* Waits for the page that he has, but not for long. Once the loop has stopped. NULL is nothing.
 * False: he hangs, and what his ctx points to must stay. */
bool feed_free(struct feed *feed);

#endif
