/*
 * What the daemon's reply, or the want of one, means to a login. Pure: no descriptor, no clock, no
 * log.
 */
#ifndef PAM_MODULE_ANSWER_H
#define PAM_MODULE_ANSWER_H

#include <stdbool.h>

#include "common/client.h"
#include "common/wire.h"

enum verdict {
	VERDICT_HOSTILE,     /* an attack, not an outage: refuse */
	VERDICT_REFUSED,     /* by the daemon */
	VERDICT_UNAVAILABLE, /* no daemon, or one that cannot decide: `unavailable=` decides */
	VERDICT_OUTDATED,    /* to acct: look for a newer token, and ask again */
	VERDICT_UNKNOWN,     /* to close: the daemon has no such session */
	VERDICT_UNTRACKED,   /* go on, there is nothing to do for this service */
	VERDICT_GRANTED,
	VERDICT_CLOSED,
};

struct answer {
	enum verdict verdict;
	bool keep_token;		/* VERDICT_GRANTED */
	uint64_t runtime_max;		/* the same: ns, 0: none */
	enum reason reason;		/* VERDICT_REFUSED and VERDICT_UNAVAILABLE */
	char notice[TEXT_LONG_MAX + 1]; /* VERDICT_GRANTED: lines for the user, or none */
	char text[TEXT_LONG_MAX + 1]; /* one line: for the user where it is REFUSED, else a log's */
};

/* The meaning of `frame` as the reply to a request of type acct, open or close. */
void answer_of_frame(enum wire_type request, const struct wire_frame *frame, struct answer *ret);

/* The meaning of a failed exchange. `detail` (may be empty) is added to the text. */
void answer_of_status(enum client_status status, const char *detail, struct answer *ret);

/* What PAM is told when a login is refused for this reason; never PAM_SUCCESS. */
int answer_pam(enum reason reason);

#endif
