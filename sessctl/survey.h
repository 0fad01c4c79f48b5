/*
 * A ledger read once from its beginning to its end: verified as `audit verify` does, and what of it
 * falls into a period gathered for evidence. Memory is bounded, whatever the ledger holds. What
 * stands behind the first wrong line is not looked at.
 */
#ifndef SESSCTL_SURVEY_H
#define SESSCTL_SURVEY_H

#include "sessctl/fact.h"
#include "sessctl/tally.h"
#include "sessctl/timeline.h"
#include "sessctl/verify.h"

/* More than any reason's code. */
#define SURVEY_REASONS 32

struct survey {
	/* the caller's; ns since the epoch, `until` is out */
	uint64_t since, until;
	/* what was found */
	struct verify verify;
	uint64_t events;      /* in the period */
	uint64_t damaged;     /* lines of the chain that are no events; their time is not known */
	uint64_t first, last; /* time of the first and last event in the period; 0: none */
	struct fact facts[N_FACTS];
	struct tally users, sources, policies, elevations, actors;
	struct spread ends[SURVEY_REASONS]; /* by sessd: from the order to the last exit */
	uint64_t ended[SURVEY_REASONS], refused[SURVEY_REASONS];
	struct timeline timeline;
	uint64_t most, left; /* logins at a time, and at the end of the period */
	/* private */
	int64_t live;	     /* opened so far, less those that ended */
	int64_t unseen;	     /* that were there when the text began, at the least */
	struct tally locked; /* users; `logins`: which locks of him stand, 0: none */
	int error;
};

/* `since` and `until` are to be set after it. -errno; nothing is to be freed then. */
int survey_init(struct survey *s);
void survey_fini(struct survey *s);

/* After all was fed to s->verify, and verify_end(): puts the tables in order. -ENOMEM: something
 * could not be kept, and nothing here is worth anything. */
int survey_end(struct survey *s);

#endif
