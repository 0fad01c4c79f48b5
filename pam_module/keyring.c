#include <errno.h>
#include <keyutils.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pam_module/keyring.h"

#define TOKEN_TYPE "user"
#define TOKEN_NAME "sessd:token"

/* Children that are looked at. A user's own quota ends at 200 keys, so this bounds what he can make
 * root do, and no more. */
#define CHILDREN_MAX 4096

/* What KEYCTL_DESCRIBE says, `type;uid;gid;perm;description`, taken apart. */
struct key {
	char *text; /* malloc'ed; type and name point into it */
	const char *type;
	const char *name;
	uint32_t uid;
};

static bool key_describe(key_serial_t id, struct key *ret)
{
	char *text, *rest;
	unsigned uid;
	int i;

	if (keyctl_describe_alloc(id, &text) < 0)
		return false;
	rest = strchr(text, ';');
	if (rest == NULL || sscanf(rest, ";%u;", &uid) != 1) {
		free(text);
		return false;
	}
	*rest = '\0';
	/* gid, permissions and then the name, which may hold any character */
	for (i = 0; i < 3 && rest != NULL; i++)
		rest = strchr(rest + 1, ';');
	*ret = (struct key){
		.text = text, .type = text, .name = rest != NULL ? rest + 1 : "", .uid = uid};
	return true;
}

/* Of that type and name, and made by root's own hand, or by another's. */
static bool key_is_named(key_serial_t id, bool by_root)
{
	struct key key;
	bool yes;

	if (!key_describe(id, &key))
		return false;
	yes = strcmp(key.type, TOKEN_TYPE) == 0 && strcmp(key.name, TOKEN_NAME) == 0 &&
	      (key.uid == 0) == by_root;
	free(key.text);
	return yes;
}

static bool read_token(key_serial_t id, struct token *ret)
{
	/* one byte more, so that a longer payload is noticed */
	char payload[TOKEN_BYTES + 1];
	bool whole = keyctl_read(id, payload, sizeof(payload)) == TOKEN_BYTES;

	if (whole)
		memcpy(ret->b, payload, TOKEN_BYTES);
	explicit_bzero(payload, sizeof(payload));
	return whole;
}

/* The direct child of the session keyring that is named so; a keyring has one at the most. */
static bool find_child(bool by_root, key_serial_t *ret)
{
	key_serial_t id;
	void *children;
	bool found = false;
	size_t i, n;
	int len;

	len = keyctl_read_alloc(KEY_SPEC_SESSION_KEYRING, &children);
	if (len < 0)
		return false;
	n = (size_t)len / sizeof(id);
	for (i = 0; i < n && i < CHILDREN_MAX && !found; i++) {
		memcpy(&id, (char *)children + i * sizeof(id), sizeof(id));
		found = key_is_named(id, by_root);
	}
	free(children);
	if (found)
		*ret = id;
	return found;
}

bool keyring_find(struct token *ret)
{
	key_serial_t id;

	return find_child(true, &id) && read_token(id, ret);
}

bool keyring_is_forged(void)
{
	key_serial_t id;

	return find_child(false, &id);
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * Is the session keyring the login's own? pam_keyinit makes it as the target user, so one of
 * another owner is the parent's. The default keyrings are shared by everything that has no other.
 * For root the owner says nothing, but a token in it is some other login's.
 */
static bool keyring_is_own(uid_t uid)
{
	struct token token;
	struct key key;
	bool own;

	if (!key_describe(KEY_SPEC_SESSION_KEYRING, &key))
		return false;
	own = key.uid == uid && !starts_with(key.name, "_uid_ses.") &&
	      !starts_with(key.name, "_uid.");
	free(key.text);
	if (own && uid == 0 && keyring_find(&token)) {
		explicit_bzero(&token, sizeof(token));
		own = false;
	}
	return own;
}

/* A new anonymous session keyring. */
static int keyring_join(void)
{
	return keyctl_join_session_keyring(NULL) < 0 ? -errno : 0;
}

/* Links the key into the session keyring. Where the user has filled his quota there is no room in
 * a keyring of his: then he gets one that root pays for. */
static int keyring_link(key_serial_t id)
{
	int r;

	if (keyctl_link(id, KEY_SPEC_SESSION_KEYRING) == 0)
		return 0;
	if (errno != EDQUOT)
		return -errno;
	r = keyring_join();
	if (r < 0)
		return r;
	return keyctl_link(id, KEY_SPEC_SESSION_KEYRING) < 0 ? -errno : 0;
}

int keyring_keep(const struct token *token, uid_t uid, gid_t gid)
{
	key_serial_t id;
	int r;

	if (!keyring_is_own(uid)) {
		r = keyring_join();
		if (r < 0)
			return r;
		/* where it may not be given away (no CAP_SYS_ADMIN, or the user's quota is full) it
		 * stays root's: the user possesses it all the same */
		(void)keyctl_chown(KEY_SPEC_SESSION_KEYRING, uid, gid);
	}
	/* Not straight into the session keyring: a key of that name which the user has put there
	 * would be updated, and he could read it. Linking displaces his key instead. */
	id = add_key(TOKEN_TYPE, TOKEN_NAME, token->b, TOKEN_BYTES, KEY_SPEC_THREAD_KEYRING);
	if (id < 0)
		return -errno;
	r = keyctl_setperm(id, KEYRING_TOKEN_PERM) < 0 ? -errno : keyring_link(id);
	if (keyctl_unlink(id, KEY_SPEC_THREAD_KEYRING) < 0 && r == 0)
		r = -errno;
	return r;
}
