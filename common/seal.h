/*
 * The seal of the ledger, as its lines say it. `seal_started` names the public key with which the
 * first checkpoint will be signed:
 *
 *	{"seq":N,"prev":"…","time":"…","event":"seal_started",…,"next_key":"K0"}
 *
 * and each `checkpoint` the key that signs it and the key that will sign the next one:
 *
 *	{"seq":N,"prev":"…","time":"…","event":"checkpoint",…,"key":"K0","next_key":"K1","signature":"S"}
 *
 * S is the Ed25519 signature (RFC 8032) of the bytes of the line in front of `,"signature":`. They
 * hold `prev`, so they vouch for all lines before. Keys and signatures are in lower-case hex.
 */
#ifndef COMMON_SEAL_H
#define COMMON_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chain.h"

#define SEAL_KEY	   32
#define SEAL_KEY_HEX	   64
#define SEAL_SIGNATURE	   64
#define SEAL_SIGNATURE_HEX 128

enum seal_kind {
	SEAL_NONE, /* the line has nothing to do with the seal */
	SEAL_STARTED,
	SEAL_CHECKPOINT,
	SEAL_PRUNED,	/* ledger_pruned: the seal must vouch for where the ledger begins */
	SEAL_MALFORMED, /* it says that it is one of them, and is not */
};

struct seal_line {
	enum seal_kind kind;
	uint8_t key[SEAL_KEY]; /* checkpoint */
	uint8_t next_key[SEAL_KEY];
	uint8_t signature[SEAL_SIGNATURE]; /* checkpoint */
	size_t signed_len;		   /* the same: bytes of the line that it covers */
	struct chain pruned;		   /* pruned: the head behind the last event that is gone */
};

/* `ledger_pruned` says with what the ledger began to miss its oldest events:
 *
 *	{"seq":N,"prev":"…","time":"…","event":"ledger_pruned",…,"last":L,"hash":"H"}
 *
 * where H is the hash of the line L, which was removed, and thus `prev` of the first line that is
 * left, a checkpoint. */

/* What a line, without its newline, says of the seal. */
void seal_read(const char *line, size_t len, struct seal_line *ret);

/* Is the signature of a checkpoint its key's? */
bool seal_holds(const struct seal_line *seal, const char *line);

/* Exactly 2n lower-case hex digits; false, and ret is undefined. */
bool seal_hex(const char *hex, size_t len, uint8_t *ret, size_t n);

/* A statement of the ledger's head, `SEQ:HASH`, to be kept elsewhere: of an anchor. */
#define SEAL_HEAD_TEXT (20 + 1 + CHAIN_HEX + 1)
void seal_head_text(const struct chain *head, char out[SEAL_HEAD_TEXT]);
bool seal_head_parse(const char *text, struct chain *ret);

#endif
