/*
 * The key that holds a session's token: of type "user", named "sessd:token", owned by root. The
 * module makes it, and links it into the session keyring of the login; sessd replaces what is in
 * it. It is named by its serial, which the kernel gives at random and which proves nothing.
 */
#ifndef COMMON_TOKEN_KEY_H
#define COMMON_TOKEN_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/sid.h"

#define TOKEN_KEY_TYPE "user"
#define TOKEN_KEY_NAME "sessd:token"

/* Owner: all; possessor, group, others: nothing. With any right for the possessor it leaks. */
#define TOKEN_KEY_PERM 0x003f0000

/* What the kernel says of a key or keyring, `type;uid;gid;perm;description`, taken apart. */
struct key_text {
	char *text; /* malloc'ed; type and name point into it */
	const char *type;
	const char *name;
	uint32_t uid;
};

/* serial: also one of KEY_SPEC_… 0, and then text is the caller's to free; or -errno. */
int key_describe(int32_t serial, struct key_text *ret);

/* Of that type and name, and made by root's own hand, or by another's. */
bool token_key_is(int32_t serial, bool by_root);

/*
 * What is in it. -ENOKEY: there is no such key (any more), or it is none of root's tokens; -EPERM,
 * -ENOSYS and the like: keys are out of reach here.
 */
int token_key_read(int32_t serial, struct token *ret);
/* Replaces it, at once and whole, for all who have the key. The same errors. */
int token_key_write(int32_t serial, const struct token *token);

#endif
