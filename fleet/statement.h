/*
 * What is put into etcd for other hosts to act on, signed. The value is JSON:
 *
 *	{"signed":"<the very text that is signed>","key":"NAME","signature":"<128 hex digits>"}
 *
 * and the text is JSON as well, whose member `at` is the etcd key that it is made for: so an order
 * for one host is none for another, and no order is a lock. Whether it is new is not judged here.
 */
#ifndef FLEET_STATEMENT_H
#define FLEET_STATEMENT_H

#include <jansson.h>
#include <stddef.h>

#include "fleet/secret.h"
#include "fleet/signer.h"

/* Longer values are none of ours. */
#define STATEMENT_MAX 16384

enum statement_verdict {
	STATEMENT_MALFORMED,
	STATEMENT_UNKNOWN_KEY,	 /* fleet.keys has no such name */
	STATEMENT_BAD_SIGNATURE, /* it is not that key's, or was changed */
	STATEMENT_MISPLACED,	 /* it is genuine, and made for another key of etcd */
	STATEMENT_GENUINE,
};

struct statement {
	json_t *text;
	const struct signer *by; /* of the signers that were given */
};

/* The value to put at that key; to be freed. `text` is an object, and gets `at`. NULL: no memory.
 */
char *statement_seal(json_t *text, const char *at, const char *name, const struct secret *secret);

/* MISPLACED and GENUINE fill ret, which is then to be finished. */
enum statement_verdict statement_open(const char *value, size_t len, const char *at,
	const struct signers *signers, struct statement *ret);
void statement_fini(struct statement *statement);

const char *statement_words(enum statement_verdict verdict);

#endif
