/*
 * A session's token is replaced after each re-authentication and each elevation, so that one which
 * leaked is soon worth nothing. It is replaced in the key that the login's processes possess, which
 * is root's: so nobody has to be told, and nobody can miss it.
 *
 * The key itself is what says which token is in force. The kernel replaces what is in it at once
 * and whole, and keeps it as long as the sessions themselves live; so a daemon that dies at
 * whatever point finds exactly one token there, and nothing need be written to a disk first. The
 * row of the session may be behind: rotation_settle() then takes what it says for the token before.
 *
 * The one before is remembered, so that who shows it is refused and not taken for one without any.
 */
#include <errno.h>
#include <string.h>

#include "common/token_key.h"
#include "sessd/core_state.h"
#include "sessd/fault.h"
#include "sessd/log.h"

/* -ENOKEY: it went with the session keyring, which its user may throw away. */
static void key_failed(struct core *core, const struct session *s, int r)
{
	if (r == -ENOKEY || core->keys_failed)
		return;
	core->keys_failed = true;
	log_warning("the token of a session of %s (uid %u) stays as it is, and so may others: its "
		    "key cannot be used: %s",
		text_or_empty(s->user), (unsigned)s->uid, strerror(-r));
}

/* The hash of what is in the session's key. */
static int hash_in_key(const struct core *core, const struct session *s, struct token *ret)
{
	struct token token;
	int r = token_key_read(s->token_key, &token);

	if (r == 0)
		admission_hash_token(core, &token, ret);
	explicit_bzero(&token, sizeof(token));
	return r;
}

static bool has_key(const struct session *s)
{
	return s->token_key != 0 && !token_is_zero(&s->token_hash);
}

void rotation_settle(struct core *core, struct session *s)
{
	struct token hash;
	int r;

	if (!has_key(s))
		return;
	r = hash_in_key(core, s, &hash);
	if (r == 0 && memcmp(hash.b, s->token_hash.b, TOKEN_BYTES) != 0)
		r = session_set_token(&core->table, s, &hash);
	if (r < 0)
		key_failed(core, s, r);
}

static int replace(struct core *core, struct session *s)
{
	struct token token, hash;
	int r;

	r = token_random(&token);
	if (r < 0)
		return r;
	admission_hash_token(core, &token, &hash);
	r = session_set_token(&core->table, s, &hash);
	if (r == 0) {
		fault_point(FAULT_rotate_begun);
		r = token_key_write(s->token_key, &token);
		fault_point(FAULT_rotate_written);
		if (r < 0)
			rotation_settle(core, s);
	}
	explicit_bzero(&token, sizeof(token));
	return r;
}

void rotation_rotate(struct core *core, struct session *s)
{
	struct token hash;
	int r;

	if (!has_key(s))
		return;
	r = hash_in_key(core, s, &hash);
	/* one that somebody else made by now, or wrote into, is not ours to write */
	if (r == 0 && memcmp(hash.b, s->token_hash.b, TOKEN_BYTES) != 0)
		r = -ENOKEY;
	if (r == 0)
		r = replace(core, s);
	if (r < 0)
		key_failed(core, s, r);
}
