/*
 * Who may order what in the fleet, from the file fleet.keys: a name, what it may, and the public
 * key (Ed25519, RFC 8032) by which it is known. The same file is on all hosts, and comes there by
 * another way than etcd.
 */
#ifndef FLEET_SIGNER_H
#define FLEET_SIGNER_H

#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

#define SIGNER_KEY   32
#define SIGNER_NAME  128 /* bytes of a name: it is shown as `root on NAME` */
#define SIGNER_ERROR 1024
/* The name, its rights and the key in base64, as a line of fleet.keys, with a NUL. */
#define SIGNER_LINE 512

enum right {
	RIGHT_EVICT = 1,  /* end one session, for a cap's sake */
	RIGHT_REVOKE = 2, /* end any */
	RIGHT_LOCK = 4,	  /* lock and unlock */
};

struct signer {
	char name[TEXT_STR_MAX + 1];
	unsigned may; /* of enum right */
	uint8_t key[SIGNER_KEY];
};

struct signers {
	struct signer *list; /* by name */
	size_t n;
};

/* -errno, and `error` says what is wrong with the file, where, and what helps. */
int signers_load(const char *path, struct signers *ret, char error[SIGNER_ERROR]);
void signers_fini(struct signers *signers);
/* NULL: nobody is called that. */
const struct signer *signers_find(const struct signers *signers, const char *name);
/* Whose key it is: rather that of this name than another's. NULL: nobody's. */
const struct signer *signers_of_key(
	const struct signers *signers, const uint8_t key[SIGNER_KEY], const char *name);

/* `evict`, `revoke` or `lock`. */
const char *right_name(enum right right);
/* The line of fleet.keys, without a newline. */
void signer_line(const struct signer *signer, char out[SIGNER_LINE]);

#endif
