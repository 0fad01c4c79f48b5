/*
 * The names of things in etcd. A part of a name that comes from outside (a user, a host) is escaped
 * as %XX but for letters, digits and `-_.@`, so that no name reaches into another's part.
 *
 *	/sessd/v1/host/HOST               the host's claim of its name; stays
 *	/sessd/v1/alive/HOST              under the host's lease
 *	/sessd/v1/session/USER/HOST/SID   under the host's lease
 *	/sessd/v1/revoke/HOST/ID          an order, until the host has carried it out; under a lease
 *	/sessd/v1/lock/KIND/NAME          what was said of a lock last; may be under a lease
 *	/sessd/v1/head/HOST               the last checkpoint of the host's ledger; stays
 *	/sessd/v1/ask/HOST/ID             a question to the host, under the lease of who asks
 *	/sessd/v1/done/ID/HOST            what became of an order, or the answer to a question;
 *	                                  under the host's lease
 */
#ifndef FLEET_KEY_H
#define FLEET_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

#define KEY_TOP	    "/sessd/v1/"
#define KEY_HOST    KEY_TOP "host/"
#define KEY_ALIVE   KEY_TOP "alive/"
#define KEY_SESSION KEY_TOP "session/"
#define KEY_REVOKE  KEY_TOP "revoke/"
#define KEY_LOCK    KEY_TOP "lock/"
#define KEY_HEAD    KEY_TOP "head/"
#define KEY_ASK	    KEY_TOP "ask/"
#define KEY_DONE    KEY_TOP "done/"

#define KEY_PARTS 3
/* A key: the longest kind, three parts each byte of which may be escaped, and a NUL. */
#define KEY_MAX (32 + KEY_PARTS * (3 * TEXT_STR_MAX + 1))

struct key {
	char s[KEY_MAX];
};

/* `kind` and up to three parts; the first NULL ends them. With `under` it ends in a slash: all that
 * is below. False: a part is empty or longer than TEXT_STR_MAX. */
bool key_make(struct key *ret, const char *kind, const char *const parts[KEY_PARTS], bool under);

/* The first key behind all those that begin with this one (which ends in a slash). */
void key_range_end(const struct key *key, struct key *ret);

/* The parts of a key of that kind, unescaped: exactly n. False: it is none. */
bool key_parse(const char *key, size_t len, const char *kind, size_t n,
	char ret[KEY_PARTS][TEXT_STR_MAX + 1]);

#endif
