/*
 * All that is below a key that ends in a slash, or the one key, kept up to date: first listed, in
 * pages of one revision, then watched from behind that revision. Where the stream breaks it goes on
 * from where it was; where the server has forgotten that (a compaction), it is listed again, and
 * begin() says so. So it is where the store is not the one that it was: revisions of a store that
 * was restored or begun anew begin before those that were seen, and mean something else.
 */
#ifndef FLEET_WATCH_H
#define FLEET_WATCH_H

#include "fleet/etcd.h"
#include "fleet/key.h"
#include "fleet/reply.h"

struct watch_options {
	struct key under;
	void (*begin)(void *ctx); /* what was told before may be out of date */
	void (*put)(void *ctx, const struct reply_kv *kv);
	void (*gone)(void *ctx, const struct reply_kv *kv); /* it has a key and no value */
	void (*listed)(void *ctx); /* what was not put since begin() is not there */
	/* What was ever written may not be there: it is another store. May be NULL. */
	void (*anew)(void *ctx);
	void *ctx;
};

struct watch {
	struct watch_options o;
	struct etcd *etcd;
	struct timers *timers;
	struct etcd_call *call;
	struct timer timer;
	uint64_t revision;  /* up to which all is known; 0: nothing is */
	unsigned epoch;	    /* of the store that was listed */
	struct epoch asked; /* as it was when the list or the stream was asked for */
	struct key last;    /* listing: the last key of the page before */
	size_t last_len;
	int limit;		/* keys of a page */
	uint64_t page_revision; /* of the first page, for those behind it */
	bool created;		/* the server has answered the stream */
	unsigned failures;	/* in a row */
};

void watch_start(struct watch *w, struct etcd *etcd, struct timers *timers,
	const struct watch_options *options);
void watch_stop(struct watch *w);

#endif
