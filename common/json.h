/*
 * Writes one line of JSON into a buffer: UTF-8, no spaces, members in the order in which they are
 * put. Write-only, on purpose: the daemon parses no JSON, and its own lines must come out byte for
 * byte the same each time, because they are hashed.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/field.h"

struct json {
	char *buf;
	size_t size;
	size_t len;
	bool first; /* no comma before the next member */
	bool full;  /* something did not fit: the line is worthless */
};

void json_begin(struct json *j, char *buf, size_t size);
/* Ends the object with `}` and a NUL, not a newline. -EMSGSIZE: it did not fit. */
int json_end(struct json *j, size_t *ret_len);

/* Members of the object. Bytes of a string that are not valid text come out as \u00NN. */
void json_str(struct json *j, const char *name, const char *s);
void json_u64(struct json *j, const char *name, uint64_t v);
void json_bool(struct json *j, const char *name, bool v);
void json_time(struct json *j, const char *name, uint64_t wall_ns); /* RFC 3339 */
void json_dur(struct json *j, const char *name, uint64_t ns);	    /* seconds, six decimals */

/* The rows of a record, by their kinds; what is empty and optional, secret or a blob is left out.
 */
void json_fields(struct json *j, const struct field *fields, size_t n, const void *record);

#endif
