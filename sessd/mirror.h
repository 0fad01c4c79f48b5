/*
 * The live mirror: a file to which each line of the ledger is appended after its commit, byte for
 * byte as an export has it, for who ships logs. It is a sink of a feed.
 *
 * Where it goes on, the file says itself, by its last whole line: what a crash has cut off behind
 * that is taken away. Where the file is new or empty, as after a rotation, the files beside it
 * whose names begin with its own say so; where there are none, it begins with the ledger's first
 * event. Nothing is missing in them or there twice, as long as the newest of them that is not empty
 * has not been compressed yet. It is not synced: after a loss of power what is missing is written
 * again.
 */
#ifndef SESSD_MIRROR_H
#define SESSD_MIRROR_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/chain.h"
#include "sessd/feed.h"

struct mirror {
	int fd; /* -1: none */
	char path[FEED_TARGET];
	dev_t dev; /* of the file that is open */
	ino_t ino;
	struct chain head; /* the last line that is in it */
	bool known;	   /* `head` is, so that the file need not be asked */
};

#define MIRROR_INIT      \
	{                \
		.fd = -1 \
	}

/* The mirror as a sink; m must live as long as the feed. */
struct feed_sink mirror_sink(struct mirror *m);

#endif
