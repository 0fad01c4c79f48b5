/*
 * The tokens of a session, and when its user last authenticated. At a login both follow from it:
 * the token is the first, and the authentication is the login. What is different later is kept
 * apart, because the size of a session counts.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/session.h"

/* As it is without a renewal. */
static uint64_t login_at(const struct session *s)
{
	return s->authenticated != 0 ? s->opened_at : 0;
}

static const char *login_by(const struct session *s)
{
	if (s->authenticated == 0)
		return "";
	return s->auth != NULL ? s->auth : text_or_empty(s->service);
}

static struct renewal *renewal_new(struct session *s, uint64_t at, const char *by)
{
	struct renewal *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	*r = (struct renewal){.session = s, .authenticated_at = at};
	if (session_set_text(&r->authenticated_by, by) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

int session_renewal_load(struct session *s, const struct wire_stored *record)
{
	if (token_is_zero(&record->old_token_hash) && record->authenticated_at == login_at(s) &&
		strcmp(record->authenticated_by, login_by(s)) == 0)
		return 0;
	s->renewal = renewal_new(s, record->authenticated_at, record->authenticated_by);
	if (s->renewal == NULL)
		return -ENOMEM;
	s->renewal->old_token_hash = record->old_token_hash;
	return 0;
}

void session_renewal_store(const struct session *s, struct wire_stored *ret)
{
	const struct renewal *r = s->renewal;

	ret->authenticated_at = r != NULL ? r->authenticated_at : login_at(s);
	snprintf(ret->authenticated_by, sizeof(ret->authenticated_by), "%s",
		r != NULL ? text_or_empty(r->authenticated_by) : login_by(s));
	if (r != NULL)
		ret->old_token_hash = r->old_token_hash;
}

void session_renewal_free(struct session *s)
{
	if (s->renewal != NULL)
		free(s->renewal->authenticated_by);
	free(s->renewal);
	s->renewal = NULL;
}

/* -ENOMEM. */
static int renewal_need(struct session *s)
{
	if (s->renewal == NULL)
		s->renewal = renewal_new(s, login_at(s), login_by(s));
	return s->renewal != NULL ? 0 : -ENOMEM;
}

int session_authenticate(struct session *s, uint64_t boot_ns, uint64_t wall_ns, const char *how)
{
	int r = renewal_need(s);

	if (r == 0)
		r = session_set_text(&s->renewal->authenticated_by, how);
	if (r < 0)
		return r;
	s->authenticated = boot_ns;
	s->renewal->authenticated_at = wall_ns;
	return 0;
}

struct session *session_by_token_hash(const struct session_table *t, const struct token *hash)
{
	struct hash_link *l = hash_first(&t->by_token, hash_bytes(hash->b));
	struct session *s;

	for (; l != NULL; l = hash_next(l)) {
		s = container_of(l, struct session, by_token);
		if (memcmp(s->token_hash.b, hash->b, TOKEN_BYTES) == 0)
			return s;
	}
	return NULL;
}

struct session *session_by_old_token_hash(const struct session_table *t, const struct token *hash)
{
	struct hash_link *l = hash_first(&t->by_old_token, hash_bytes(hash->b));
	struct renewal *r;

	for (; l != NULL; l = hash_next(l)) {
		r = container_of(l, struct renewal, by_old_token);
		if (memcmp(r->old_token_hash.b, hash->b, TOKEN_BYTES) == 0)
			return r->session;
	}
	return NULL;
}

static bool has_old_token(const struct session *s)
{
	return s->renewal != NULL && !token_is_zero(&s->renewal->old_token_hash);
}

void session_tokens_put(struct session_table *t, struct session *s)
{
	hash_put(&t->by_token, &s->by_token, hash_bytes(s->token_hash.b));
	if (has_old_token(s))
		hash_put(&t->by_old_token, &s->renewal->by_old_token,
			hash_bytes(s->renewal->old_token_hash.b));
}

void session_tokens_remove(struct session_table *t, struct session *s)
{
	hash_remove(&t->by_token, &s->by_token);
	if (has_old_token(s))
		hash_remove(&t->by_old_token, &s->renewal->by_old_token);
}

int session_set_token(struct session_table *t, struct session *s, const struct token *hash)
{
	int r = renewal_need(s);

	assert(s->slot != 0 && !token_is_zero(&s->token_hash));
	if (r == 0)
		r = hash_reserve(&t->by_old_token);
	if (r < 0)
		return r;
	session_tokens_remove(t, s);
	s->renewal->old_token_hash = s->token_hash;
	s->token_hash = *hash;
	session_tokens_put(t, s);
	return 0;
}
