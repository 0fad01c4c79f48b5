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

#include "common/sid.h"
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

/* What a value says of itself, whoever wrote it: to be answered, and for nothing else. What it does
 * not say, or not in a name's form, is empty. */
struct statement_claim {
	char key[SIGNER_NAME + 1]; /* by whose key it is signed */
	char order[SID_HEX + 1];   /* whose results are waited for, if it was made for that place */
};

void statement_claims(const char *value, size_t len, const char *at, struct statement_claim *ret);

/* Why it is refused. */
void statement_say(enum statement_verdict verdict, const struct statement_claim *claim,
	char ret[TEXT_STR_MAX + 1]);

#endif
