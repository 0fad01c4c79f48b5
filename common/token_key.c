#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/token_key.h"

/* A key that is gone for good, in whichever way. */
static int key_error(int error)
{
	return error == EKEYREVOKED || error == EKEYEXPIRED || error == EKEYREJECTED ? -ENOKEY
										     : -error;
}

int key_describe(int32_t serial, struct key_text *ret)
{
	char *text, *rest;
	unsigned uid;
	int i;

	if (keyctl_describe_alloc(serial, &text) < 0)
		return key_error(errno);
	rest = strchr(text, ';');
	if (rest == NULL || sscanf(rest, ";%u;", &uid) != 1) {
		free(text);
		return -EBADMSG;
	}
	*rest = '\0';
	/* gid, permissions and then the name, which may hold any character */
	for (i = 0; i < 3 && rest != NULL; i++)
		rest = strchr(rest + 1, ';');
	*ret = (struct key_text){
		.text = text, .type = text, .name = rest != NULL ? rest + 1 : "", .uid = uid};
	return 0;
}

/* 0, or why not. -ENOKEY: it is another key. */
static int check(int32_t serial, bool by_root)
{
	struct key_text key = {.type = "", .name = ""};
	bool yes;
	int r = key_describe(serial, &key);

	if (r < 0)
		return r;
	yes = strcmp(key.type, TOKEN_KEY_TYPE) == 0 && strcmp(key.name, TOKEN_KEY_NAME) == 0 &&
	      (key.uid == 0) == by_root;
	free(key.text);
	return yes ? 0 : -ENOKEY;
}

bool token_key_is(int32_t serial, bool by_root)
{
	return check(serial, by_root) == 0;
}

int token_key_read(int32_t serial, struct token *ret)
{
	/* one byte more, so that a longer payload is noticed */
	char payload[TOKEN_BYTES + 1];
	int r = check(serial, true);
	long n;

	if (r < 0)
		return r;
	n = keyctl_read(serial, payload, sizeof(payload));
	r = n < 0 ? key_error(errno) : n != TOKEN_BYTES ? -ENOKEY : 0;
	if (r == 0)
		memcpy(ret->b, payload, TOKEN_BYTES);
	explicit_bzero(payload, sizeof(payload));
	return r;
}

int token_key_write(int32_t serial, const struct token *token)
{
	int r = check(serial, true);

	if (r < 0)
		return r;
	return keyctl_update(serial, token->b, TOKEN_BYTES) < 0 ? key_error(errno) : 0;
}
