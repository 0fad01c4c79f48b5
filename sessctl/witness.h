/*
 * The seal of a ledger, followed through its lines: whose signature each checkpoint carries, which
 * events have one behind them, and whether the head that somebody kept elsewhere is in it.
 */
#ifndef SESSCTL_WITNESS_H
#define SESSCTL_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chain.h"
#include "common/seal.h"

#define WITNESS_KEYS_MAX    32
#define WITNESS_ANCHORS_MAX 1100

struct witness {
	/* what is known from elsewhere */
	uint8_t keys[WITNESS_KEYS_MAX][SEAL_KEY]; /* with which a seal may begin */
	size_t n_keys; /* 0: whatever the ledger says is taken on trust */
	struct chain
		anchors[WITNESS_ANCHORS_MAX]; /* heads that were kept; the highest is the last */
	size_t n_anchors;
	bool whole; /* it is said to be all that the ledger has: what is missing must be accounted
		       for */
	/* what was found */
	bool has_key;
	uint8_t key[SEAL_KEY];	      /* that must sign the next checkpoint */
	uint8_t first_key[SEAL_KEY];  /* with which the seal begins here */
	uint64_t beginnings;	      /* of a seal: more than one, where a key was lost */
	uint64_t last_beginning;      /* seq */
	uint64_t checkpoints, sealed; /* how many, and the seq of the last one */
	size_t next_anchor;	      /* those before it were met, or passed over ... */
	size_t older_anchors;	      /* ... as they are older than the first line */
	struct chain
		start;	 /* the head in front of the first line: seq 0, or something is missing */
	uint64_t pruned; /* the event that says so: seq; 0: there is none */
	uint64_t pruned_at; /* when it happened: wall, ns */
};

/* Takes `64 hex digits`, or `SEQ:HASH`. False: it is none, or there is no room. */
bool witness_add_key(struct witness *w, const char *hex);
bool witness_add_anchor(struct witness *w, const char *text);

/* The highest anchor that was met: seq 0 is none. After witness_end(). */
struct chain witness_anchored(const struct witness *w);

/* The head in front of the first line. NULL, or what is wrong (a constant). */
const char *witness_begin(struct witness *w, const struct chain *start);

/* Events in front of the first line were removed, and a checkpoint vouches for the one that says
 * so.
 */
bool witness_pruned(const struct witness *w);

/* A line that follows the chain, with the head behind it. NULL, or what is wrong (a constant). */
const char *witness_line(struct witness *w, const char *line, size_t len, const struct chain *head);

/* There is no more, and the head is this. The same. */
const char *witness_end(const struct witness *w, const struct chain *head);

/* Events that nothing vouches for: they may be changed or cut off by whoever has the machine. */
uint64_t witness_tail(const struct witness *w, const struct chain *head);

#endif
