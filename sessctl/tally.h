/*
 * Counts by name. The first TALLY_MAX names have rows of their own; what comes later is counted
 * together, so that nobody can fill the memory with names. Names hash under a key of this process.
 */
#ifndef SESSCTL_TALLY_H
#define SESSCTL_TALLY_H

#include <stddef.h>
#include <stdint.h>

#define TALLY_MAX   10000
#define TALLY_SLOTS 32768 /* a power of two, well above TALLY_MAX */

/* What is counted of a name; which of these have a meaning is the caller's. */
struct tally_row {
	char *name; /* NULL: of the others */
	uint64_t logins, refused, elevations, ended;
	uint64_t longest; /* ns, of a session */
	uint64_t least;	  /* ns; 0: none */
	uint64_t last;	  /* ns since the epoch, when it was seen last */
};

struct tally {
	struct tally_row *rows; /* in the order in which they came, until tally_sort() */
	size_t n, size;
	struct tally_row others;
	uint32_t *slots; /* place in rows, and one more; 0: free */
	uint8_t key[16];
};

/* -ENOMEM. tally_fini() also takes one of zeros. */
int tally_init(struct tally *t);
void tally_fini(struct tally *t);

/* The row of that name, which it is given where it has none, or that of the others. Never NULL. It
 * stays where it is until the next call. */
struct tally_row *tally_row(struct tally *t, const char *name);

/* The row of that name, or NULL. */
struct tally_row *tally_find(const struct tally *t, const char *name);

/* The greatest first, by logins and then refusals. No names may be added or found after it. */
void tally_sort(struct tally *t);

#endif
