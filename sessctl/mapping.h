/*
 * A line of the ledger as an object of another schema: members move to the places that a table
 * names, and what has none there is kept under one name at the end, so that nothing is lost.
 */
#ifndef SESSCTL_MAPPING_H
#define SESSCTL_MAPPING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "sessctl/line.h"

/* What becomes of the value on its way. */
enum mapping_as {
	MAPPING_SAME,
	MAPPING_STRING, /* a number, as a string */
	MAPPING_MS,	/* a time, as ms since the epoch */
	MAPPING_NS,	/* seconds, as ns */
};

struct mapping_place {
	const char *member;
	const char *path; /* `user.name`: in an object within the object */
	enum mapping_as as;
	unsigned when; /* bits of the situation: one of them must be there */
};

struct mapping {
	json_t *root;
	json_t *left; /* members that have no place yet */
	bool failed;  /* no memory */
};

void mapping_init(struct mapping *m, const struct line *line);
void mapping_fini(struct mapping *m);

/*
 * Moves what has a place in this situation. Where two members would have the same, the one that
 * stands first in the table gets it.
 */
void mapping_move(
	struct mapping *m, const struct mapping_place *places, size_t n, unsigned situation);

/* Puts a value at a path, and takes it over. */
void mapping_put(struct mapping *m, const char *path, json_t *value);
void mapping_put_string(struct mapping *m, const char *path, const char *s);
void mapping_put_integer(struct mapping *m, const char *path, uint64_t n);
bool mapping_has(const struct mapping *m, const char *path);

/* The member is nowhere but where the caller puts it. */
void mapping_drop(struct mapping *m, const char *member);

/*
 * Prints the object and a newline: ASCII, what is not as \uNNNN, so that no character can move or
 * reorder the text of a terminal. What is left goes to `rest`. False: no memory.
 */
bool mapping_print(struct mapping *m, const char *rest, FILE *out);

/* The same of an object that has nothing to do with a line. False: there is none, or no memory. */
bool mapping_write(const json_t *object, FILE *out);

#endif
