/* Which lines of the ledger are wanted. */
#ifndef SESSCTL_FILTER_H
#define SESSCTL_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "sessctl/line.h"

struct filter {
	uint64_t since;	  /* ns since the epoch */
	uint64_t until;	  /* what happened then is out */
	const char *user; /* his sessions, and locks of his; NULL: all */
	bool some_kinds;  /* only those of kind[], which are rows of kinds[] */
	uint64_t kind;	  /* a bit for each */
};

/* One that takes all. */
#define FILTER_ALL ((struct filter){.until = UINT64_MAX})

bool filter_takes_all(const struct filter *f);

/* True: what it takes need not follow one another, so it makes no chain. */
bool filter_breaks_chain(const struct filter *f);

/*
 * Adds kinds to those that are taken: names, separated by commas. Returns NULL, or what is no name
 * of a kind, with its length.
 */
const char *filter_add_kinds(struct filter *f, const char *names, int *ret_len);

bool filter_takes(const struct filter *f, const struct line *line);

#endif
