/* A line of the ledger as evidence looks at it: the members that count, decoded once. */
#ifndef SESSCTL_SIGHTING_H
#define SESSCTL_SIGHTING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/reason.h"
#include "common/terms.h"
#include "sessctl/line.h"

/* Strings are NULL and numbers 0 where the line has no such member. */
struct sighting {
	const struct line *line; /* to which the strings belong */
	const char *event;
	enum session_class class;
	enum reason reason;
	const char *user, *service, *rhost, *ruser, *auth, *policy, *by, *lock;
	uint64_t limit, count, survivors, audit_session;
	bool timed;	    /* it has `elapsed` */
	uint64_t elapsed;   /* ns, from the order to the last exit */
	uint64_t opened_at; /* ns since the epoch */
	uint64_t expires_at;
	bool user_locked; /* the caller's: a lock of the user stands */
};

void sighting_of(const struct line *line, struct sighting *ret);

/* A session is there from now on that was not before. */
bool sighting_is_arrival(const struct sighting *s);

/* sessd itself ended the session, and waited for the last of its processes. */
bool sighting_is_end_by_sessd(const struct sighting *s);

#endif
