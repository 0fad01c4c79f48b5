/*
 * The members of a line of the ledger, as entry.c and chain.c have written it. It is no parser of
 * JSON: strings and numbers, no spaces, nothing within each other; a line that is anything else
 * comes to its end early.
 */
#ifndef SESSD_MEMBERS_H
#define SESSD_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value of a STR, and its NUL: with each byte as \u00NN. */
#define MEMBERS_TEXT (6 * 1023 + 1)

struct member {
	const char *name, *value; /* of a string, what is between its quotes; in the line */
	size_t name_len, value_len;
	bool string;
};

/* The next one; *at is the line at first (behind its `{`), and moves on. False: there are no more.
 */
bool members_next(const char **at, const char *end, struct member *ret);

/* The member of that name. */
bool members_find(const char *line, size_t len, const char *name, struct member *ret);

/*
 * A value as text, of at most size - 1 bytes: `\"` and `\\` without their backslash, other escapes
 * as they are, so that it has no control characters. Its length.
 */
size_t members_text(const struct member *m, char *out, size_t size);

/* The seq of a line; 0: it has none. */
uint64_t members_seq(const char *line, size_t len);

#endif
