/* What a user knows of a ledger from elsewhere, as a command line says it. */
#ifndef SESSCTL_KNOWLEDGE_H
#define SESSCTL_KNOWLEDGE_H

#include "sessctl/command.h"
#include "sessctl/witness.h"

/* The rows of the two options, the first of which may be repeated. */
#define KNOWLEDGE_KEY                                                                   \
	{                                                                               \
		"key", 'k', "KEY", "the first public key of the seal (may be repeated)" \
	}
#define KNOWLEDGE_ANCHOR                                                                 \
	{                                                                                \
		"anchor", 'a', "CHECKPOINT",                                             \
			"one that was kept elsewhere, SEQ:HASH; or fleet, or fleet:HOST" \
	}

/* Tells the witness, for which it may ask the fleet. Another code than EXIT_DONE: it is said what
 * is wrong. */
int knowledge_read(struct context *ctx, const struct command *command, const struct repeats *keys,
	const char *anchor, struct witness *w);

#endif
