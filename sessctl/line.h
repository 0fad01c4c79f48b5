/*
 * A line of the ledger, parsed. Its members have the names and the order that PROTOCOL.md gives;
 * one that this program has never heard of is kept as well.
 */
#ifndef SESSCTL_LINE_H
#define SESSCTL_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sessctl/kind.h"

struct line {
	const char *text; /* as it was read, without its newline; the caller's */
	size_t len;
	json_t *members;
	uint64_t seq;
	uint64_t time; /* ns since the epoch */
	const char *event;
	const struct kind *kind; /* never NULL */
};

/*
 * Reads a line; `text` must live as long as ret. -EBADMSG: it is no JSON object, or lacks one of
 * seq, time and event. On failure there is nothing to free.
 */
int line_parse(const char *text, size_t len, struct line *ret);
void line_fini(struct line *line);

/* The member of that name if it is a string, else NULL. */
const char *line_str(const struct line *line, const char *name);

/* Whom a lock is of, which says it as `user alice`; NULL: it is no lock of a user. */
const char *line_locked_user(const struct line *line);

/*
 * A value as plain text: a string as it is, a number with up to six decimals, anything else as
 * JSON. Escaped as text_escape() does, so that it is one line without control characters. NULL: no
 * memory. The caller frees it.
 */
char *line_text(const json_t *value);

#endif
