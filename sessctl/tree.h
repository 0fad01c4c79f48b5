/*
 * A line of the ledger as an object of another schema: members move to the places that a table
 * names, and what has none there is kept under one name at the end, so that nothing is lost.
 */
#ifndef SESSCTL_TREE_H
#define SESSCTL_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "sessctl/line.h"

/* What becomes of the value on its way. */
enum tree_as {
	TREE_SAME,
	TREE_STRING, /* a number, as a string */
	TREE_MS,     /* a time, as ms since the epoch */
	TREE_NS,     /* seconds, as ns */
};

struct tree_place {
	const char *member;
	const char *path; /* `user.name`: in an object within the object */
	enum tree_as as;
	unsigned when; /* bits of the situation: one of them must be there */
};

struct tree {
	json_t *root;
	json_t *left; /* members that have no place yet */
	bool failed;  /* no memory */
};

void tree_init(struct tree *t, const struct line *line);
void tree_fini(struct tree *t);

/*
 * Moves what has a place in this situation. Where two members would have the same, the one that
 * stands first in the table gets it.
 */
void tree_move(struct tree *t, const struct tree_place *places, size_t n, unsigned situation);

/* Puts a value at a path, and takes it over. */
void tree_put(struct tree *t, const char *path, json_t *value);
void tree_put_string(struct tree *t, const char *path, const char *s);
void tree_put_integer(struct tree *t, const char *path, uint64_t n);
bool tree_has(const struct tree *t, const char *path);

/* The member is nowhere but where the caller puts it. */
void tree_drop(struct tree *t, const char *member);

/*
 * Prints the object and a newline: ASCII, what is not as \uNNNN, so that no character can move or
 * reorder the text of a terminal. What is left goes to `rest`. False: no memory.
 */
bool tree_print(struct tree *t, const char *rest, FILE *out);

#endif
