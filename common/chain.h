/*
 * The hash chain of the ledger. Each line begins
 *
 *	{"seq":N,"prev":"<64 hex digits>",
 *
 * where N counts from 1 without a gap and prev is the BLAKE2b-256 of the line before, without its
 *newline (64 zeros in the first line). Nothing else is needed to verify an exported file.
 */
#ifndef COMMON_CHAIN_H
#define COMMON_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#define CHAIN_HASH 32
#define CHAIN_HEX  64

struct chain {
	uint64_t seq;		  /* of the last line; 0 before the first */
	uint8_t hash[CHAIN_HASH]; /* of the last line */
};

/* `text` of the first event, where no other ledger was there before. */
#define CHAIN_FIRST_START "first start"

/* The head of an empty ledger. */
void chain_init(struct chain *c);

/* What the next line begins with: `{"seq":N,"prev":"…",` and a NUL. Its length. */
#define CHAIN_PREFIX 112
size_t chain_prefix(const struct chain *c, char out[CHAIN_PREFIX]);

/* Moves the head over `line`, whose seq the caller has already made c->seq + 1. */
void chain_append(struct chain *c, const char *line, size_t len);

/* When the event of a line happened, as it says (wall clock, ns); 0: it does not. */
uint64_t chain_time(const char *line, size_t len);

/*
 * Checks that `line` follows the head, and moves over it. Returns NULL, or what is wrong with it (a
 * constant). A chain with seq 0 takes a first line of seq 1; to begin in the middle, set seq and
 * hash.
 */
const char *chain_check(struct chain *c, const char *line, size_t len);

#endif
