/*
 * The secret that signs the ledger's next checkpoint: in locked memory, and in STATE/seal.key (mode
 * 0600). Each secret yields the next one by a keyed hash that cannot be turned round; when it has
 * signed, it is replaced by its successor in memory and on disk. So who takes the present one
 * cannot sign what came before it.
 *
 * The ledger says which key signs next, so that is what decides. The order is: commit the
 * checkpoint; write the successor beside the old secret; overwrite that; rename. At each point at
 * which this may be cut off, one of the two files has the secret that the ledger names or the one
 * that yields it, and nothing signs again before the old one is gone.
 *
 * Used by one thread at a time. It knows no log and no database.
 */
#ifndef SESSD_SEAL_H
#define SESSD_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chain.h"
#include "common/seal.h"

#define SEAL_FILE     "seal.key"
#define SEAL_FILE_NEW "seal.key.new"

struct seal_secret;

struct seal {
	int folder;		    /* -1: none */
	struct seal_secret *secret; /* NULL: none */
	uint8_t key[SEAL_KEY];	    /* the public one of it */
	bool stale;		    /* the file does not have it yet */
};

/* Opens the folder, and makes room for the secret. After a failure, seal_fini(). -errno. */
int seal_init(struct seal *s, const char *dir);
void seal_fini(struct seal *s);

/* Is there the file of a secret, whichever? */
bool seal_exists(const struct seal *s);

/* Finds the secret of that public key. -ENOENT: there is no file; -EKEYREJECTED: what is in it is
 * another one. Where the file must change, seal_keep() does that. */
int seal_load(struct seal *s, const uint8_t key[SEAL_KEY]);

/* The public key of the secret that is there. -errno: there is none. */
int seal_peek(struct seal *s, uint8_t ret_key[SEAL_KEY]);

/* Another one, at random; then seal_keep(). */
void seal_make(struct seal *s);

/* Brings the file up to date. -errno: the old secret may still be there; call it again. */
int seal_keep(struct seal *s);

/* The body of a checkpoint that follows `head` (see store_event()). The secret stays as it is. */
int seal_sign(const struct seal *s, const struct chain *head, uint64_t wall_ns, char *body,
	size_t size, size_t *ret_len);

/* The checkpoint is on disk: the secret is replaced, in memory. */
void seal_evolve(struct seal *s);

#endif
