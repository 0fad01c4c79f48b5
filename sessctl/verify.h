/*
 * Follows the hash chain of a ledger through text that comes in pieces, in bounded memory. A text
 * that begins later than the ledger does is followed from there, with the `prev` of its first line
 * taken on trust.
 */
#ifndef SESSCTL_VERIFY_H
#define SESSCTL_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chain.h"
#include "sessctl/reading.h"
#include "sessctl/witness.h"

/* Bytes of a line, newline included. */
#define VERIFY_LINE_MAX READING_LINE_MAX

/* Bytes of the words with which a ledger begins. */
#define VERIFY_ORIGIN 2048

struct verify {
	struct chain chain;	/* the head: of the last good line */
	struct chain before;	/* of the line before that */
	struct witness witness; /* of the seal; what is known from elsewhere goes in first */
	uint64_t first;		/* seq of the first line */
	uint64_t events;	/* good lines */
	const char *wrong;	/* what is wrong with the line after them; NULL: nothing yet */
	char *part;		/* a line that is not all there yet: VERIFY_LINE_MAX bytes */
	size_t part_len;
	char origin[VERIFY_ORIGIN]; /* why the ledger begins, escaped, where it replaces another one
				     */
	char *last;		    /* the last good line: VERIFY_LINE_MAX bytes */
	size_t last_len;
	/* the caller's, to be set after verify_init(): is given each good line, without its newline
	 */
	void (*good)(void *arg, const char *line, size_t len);
	void *arg;
};

/* -ENOMEM, or -ENOSYS where the hash cannot be computed here. */
int verify_init(struct verify *v);
void verify_fini(struct verify *v);

/* False: something is wrong, and there is no use in going on. */
bool verify_feed(struct verify *v, const char *data, size_t len);

/* There is no more. False: something is wrong. */
bool verify_end(struct verify *v);

#endif
