/* The private key by which this host signs what it orders; it never leaves the host. */
#ifndef FLEET_SECRET_H
#define FLEET_SECRET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fleet/signer.h"

#define SECRET_SIGNATURE 64

struct secret {
	uint8_t key[64];
	uint8_t public[SIGNER_KEY];
};

/* Writes a new one into a file that is not there yet (mode 0600, of that owner; (uid_t)-1: of who
 * runs this). -errno, and `error` says why. */
int secret_make(
	const char *path, uid_t uid, gid_t gid, struct secret *ret, char error[SIGNER_ERROR]);
/* The same for reading; a file that others may read is refused. */
int secret_load(const char *path, struct secret *ret, char error[SIGNER_ERROR]);
void secret_fini(struct secret *secret);
void secret_sign(
	const struct secret *secret, const void *text, size_t len, uint8_t ret[SECRET_SIGNATURE]);

#endif
