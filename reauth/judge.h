/* What sessd says, on its pam.sock, of a process that wants its user to prove himself again. */
#ifndef REAUTH_JUDGE_H
#define REAUTH_JUDGE_H

#include "common/client.h"

/* About 90 KiB. */
struct judge {
	const char *path; /* of the socket; lent */
	struct client client;
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame; /* the last answer */
};

/*
 * Asks on a connection of its own; the answer is in j->frame: of the type `expected`, or `refused`
 * or `error`. Where nobody answers it is an `error` that says so.
 */
void judge_ask(struct judge *j, enum wire_type type, const void *msg, enum wire_type expected);

#endif
