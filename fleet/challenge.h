/*
 * Which orders are fresh, without a clock of another host. This host publishes a random challenge,
 * and another one from time to time; an order signs the one that it read. It counts while this host
 * remembers that it issued the challenge no longer than a lifetime ago, and once: the ids of the
 * orders that were carried out are kept as long as their challenge is.
 *
 * All that is in a file that lasts until the next boot. A host that has booted remembers nothing,
 * and older orders meant sessions that are gone.
 */
#ifndef FLEET_CHALLENGE_H
#define FLEET_CHALLENGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/sid.h"

/* A new one after this part of a lifetime. */
#define CHALLENGE_TURNS 8
/* Ids that are kept; with more than that, the orders of the oldest challenge are over. */
#define CHALLENGE_SPENT_MAX 8192

struct challenge {
	struct sid value;
	uint64_t issued; /* clock_boot() */
};

struct spent {
	struct sid challenge, id;
};

struct challenges {
	char path[4096];
	uint64_t lifetime;
	struct challenge ring[CHALLENGE_TURNS + 2]; /* the oldest first */
	size_t n;
	struct spent *spent;
	size_t n_spent;
};

enum freshness { CHALLENGE_OVER, CHALLENGE_SPENT, CHALLENGE_FRESH };

/* Reads what the folder has of them. -errno: it cannot be read, or there is no memory. */
int challenges_init(struct challenges *c, const char *folder, uint64_t lifetime, uint64_t now);
void challenges_fini(struct challenges *c);
/* The one to be published now, and until when. -errno: a new one cannot be remembered. */
int challenges_current(struct challenges *c, uint64_t now, struct sid *ret, uint64_t *ret_until);
enum freshness challenges_judge(const struct challenges *c, const struct sid *challenge,
	const struct sid *id, uint64_t now);
/* An order of that challenge has been carried out. -errno: that cannot be remembered. */
int challenges_spend(struct challenges *c, const struct sid *challenge, const struct sid *id);

#endif
