/*
 * What this host remembers of another one's ledger: the heads that it has seen, each `SEQ:HASH`. A
 * file for each host, which outlasts the boot, and which an administrator can read and remove:
 *
 *	SEQ:HASH TIME [broken]
 *
 * a line each, in the order in which they were seen; TIME is this host's clock. `broken`: it was
 * never kept in the store, but that host says itself that its ledger has this one, and lacks the
 * one that is kept. Who has all the others sees a ledger that was rolled back also when it has
 * grown past where it was. At most MEMORY_MAX are kept: the newest, and of the older ones ever
 * fewer, so that the distance between two is at most about a fiftieth of their age.
 */
#ifndef FLEET_MEMORY_H
#define FLEET_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/seal.h"
#include "fleet/draft.h"

#define MEMORY_MAX 1024
/* That many are left when there is no room. */
#define MEMORY_THIN 768

/* Hosts of which something is remembered. */
#define MEMORY_HOSTS_MAX 20000

struct memory_row {
	struct chain head;
	uint64_t seen_at; /* clock_wall() */
	bool broken;
};

struct memory {
	char path[DRAFT_PATH];
	struct memory_row row[MEMORY_MAX];
	size_t n;
	bool torn; /* a line of the file is none: it is written anew with the next one */
};

/* Reads what the folder has of that host; nothing where there is no file. -errno; -EINVAL: there
 * can be no such host. */
int memory_read(struct memory *m, const char *folder, const char *host);
/* Adds what was seen last. -errno: it is not on disk. A loss of power may take the last ones. */
int memory_add(struct memory *m, const struct memory_row *row);
/* The last one that is not broken; NULL: there is none. */
const struct memory_row *memory_newest(const struct memory *m);
/* Is it among those that are not broken? */
bool memory_knows(const struct memory *m, const struct chain *head);
/* Is it among those that were seen broken since the newest one? */
bool memory_knows_broken(const struct memory *m, const struct chain *head);

#endif
