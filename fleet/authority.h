/* By what this host signs, and whose signatures it believes. */
#ifndef FLEET_AUTHORITY_H
#define FLEET_AUTHORITY_H

#include "fleet/secret.h"
#include "fleet/signer.h"

struct authority {
	const char *secret_path, *signers_path; /* the caller's */
	const char *host;
	struct secret secret;
	struct signers signers;
	char name[TEXT_STR_MAX + 1]; /* of the own key in fleet.keys ... */
	unsigned may;		     /* ... and its rights there */
};

/* Reads both files. -errno, and `error` says what is wrong with which, and what helps. */
int authority_load(struct authority *a, const char *secret_path, const char *signers_path,
	const char *host, char error[SIGNER_ERROR]);
/* Reads fleet.keys again; where that fails, the one before holds. */
int authority_reload(struct authority *a, char error[SIGNER_ERROR]);
/* Who ordered it, as it is shown: `root on web1`, or the name of the key alone. What the order says
 * of its author is his host's word, the name of the key is not. */
void authority_by(const char *name, const char *who, char ret[TEXT_STR_MAX + 1]);
void authority_fini(struct authority *a);

#endif
