/*
 * What this host remembers of the fleet's locks: which edition of each it has seen last. A
 * statement about a lock counts only if it is newer, so that none can be put back. It is in a file
 * that outlasts the boot.
 */
#ifndef FLEET_EDITION_H
#define FLEET_EDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

/* With more than that the oldest is forgotten. */
#define EDITIONS_MAX 16384

/* So far ahead a clock may be: ns. */
#define EDITION_AHEAD (UINT64_C(10) * 365 * 24 * 3600 * 1000000000)

struct edition {
	char kind[16];
	char name[TEXT_STR_MAX + 1];
	uint64_t version;
	bool lifted;
	uint64_t expires; /* clock_wall() of this host; 0: it does not run out */
	bool warned;	  /* that the store lacks it; not in the file */
};

struct editions {
	char path[4096];
	struct edition *list;
	size_t n;
	bool dirty; /* the file does not have all of it */
};

/* Reads what the folder has. -errno: it cannot be read, or there is no memory. */
int editions_init(struct editions *e, const char *folder);
void editions_fini(struct editions *e);
/* NULL: nothing is known of that lock. Until the next editions_take(). */
struct edition *editions_find(const struct editions *e, const char *kind, const char *name);
/*
 * May a version be one? Versions are the wall clocks of who wrote them, and one that is years ahead
 * of this host's counts for nothing, here or in the file: else the highest number there is could
 * be followed by none. So whoever had a key for a while can say no last word.
 */
bool edition_plausible(uint64_t version, uint64_t wall);
/* The one that a statement must not be older than. NULL: there is none. Until the next
 * editions_take(). */
const struct edition *editions_newest(
	const struct editions *e, const char *kind, const char *name, uint64_t wall);
/* Takes it for what was seen last. -ENOMEM */
int editions_take(struct editions *e, const struct edition *what);
/* What was taken is on disk then: many are written at once. -errno: it is not. */
int editions_keep(struct editions *e);
/* By what is known here: it stands, and has not run out. */
bool edition_stands(const struct edition *edition, uint64_t wall);
/* The version of a statement that is to replace all that are known, and that one of the store. */
uint64_t editions_next(const struct editions *e, const char *kind, const char *name,
	uint64_t stored, uint64_t wall);

#endif
