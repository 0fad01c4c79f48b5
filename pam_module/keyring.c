#include <errno.h>
#include <keyutils.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/token_key.h"
#include "pam_module/keyring.h"

/* Children that are looked at. A user's own quota ends at 200 keys, so this bounds what he can make
 * root do, and no more. */
#define CHILDREN_MAX 4096

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
		found = token_key_is(id, by_root);
	}
	free(children);
	if (found)
		*ret = id;
	return found;
}

bool keyring_find(struct token *ret)
{
	key_serial_t id;

	return find_child(true, &id) && token_key_read(id, ret) == 0;
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
	struct key_text key;
	bool own;

	if (key_describe(KEY_SPEC_SESSION_KEYRING, &key) < 0)
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

int keyring_make(const struct token *token, int32_t *ret_key)
{
	key_serial_t id;
	int r;

	/* Not straight into the session keyring: a key of that name which the user has put there
	 * would be updated, and he could read it. Linking displaces his key instead. */
	id = add_key(
		TOKEN_KEY_TYPE, TOKEN_KEY_NAME, token->b, TOKEN_BYTES, KEY_SPEC_THREAD_KEYRING);
	if (id < 0)
		return -errno;
	if (keyctl_setperm(id, TOKEN_KEY_PERM) < 0) {
		r = -errno;
		keyring_drop(id);
		return r;
	}
	*ret_key = id;
	return 0;
}

void keyring_drop(int32_t key)
{
	(void)keyctl_unlink(key, KEY_SPEC_THREAD_KEYRING);
}

int keyring_keep(int32_t key, uid_t uid, gid_t gid)
{
	int r;

	if (!keyring_is_own(uid)) {
		r = keyring_join();
		if (r < 0)
			return r;
		/* where it may not be given away (no CAP_SYS_ADMIN, or the user's quota is full) it
		 * stays root's: the user possesses it all the same */
		(void)keyctl_chown(KEY_SPEC_SESSION_KEYRING, uid, gid);
	}
	return keyring_link(key);
}
