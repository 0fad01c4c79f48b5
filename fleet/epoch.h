/*
 * Is the store the one that it was? One that was restored from a copy, or begun anew, has lost what
 * was written since, and counts its revisions once more from before: another epoch.
 */
#ifndef FLEET_EPOCH_H
#define FLEET_EPOCH_H

#include "fleet/reply.h"

struct epoch {
	unsigned n;		 /* of its kind */
	struct reply_store seen; /* the latest of all answers */
};

/* Any answer, and a line of a stream. */
void epoch_see(struct epoch *e, const json_t *root);

/* Does the answer come from what was known when it was asked for, and has it come as far as that
 * revision? If not, the store may have lost something, or it is one member of it that is behind. */
bool epoch_goes_on(const struct epoch *asked, uint64_t revision, const json_t *root);

/* A list is the word of the whole cluster: where it lacks what was known when it was asked for,
 * another epoch has begun. */
void epoch_judge(struct epoch *e, const struct epoch *asked, const json_t *list);

#endif
