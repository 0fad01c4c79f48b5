/* The last so many lines of a kind, as they stand in the ledger, and how many there were. */
#ifndef SESSCTL_LISTING_H
#define SESSCTL_LISTING_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a line that is kept; sessd's own are shorter (STORE_LINE_MAX). A longer one counts. */
#define LISTING_LINE 32768
#define LISTING_MAX  100

struct listing {
	size_t room; /* the caller's: lines that are kept, LISTING_MAX at the most */
	uint64_t n;  /* lines that there were */
	size_t kept;
	size_t next; /* where the next one goes */
	char *line[LISTING_MAX];
};

void listing_fini(struct listing *l);

/* Copies a line. -ENOMEM. */
int listing_add(struct listing *l, const char *line, size_t len);

/* The line that is i-th of those kept, the oldest first. */
const char *listing_line(const struct listing *l, size_t i);

#endif
