#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/session.h"

/* The strings, and the rows of the record that they are. */
/* clang-format off */
#define SESSION_STRINGS(S) \
	S(user) S(service) S(tty) S(rhost) S(ruser) S(auth) S(policy) S(ended_by) S(text) S(cgroup)
/* clang-format on */

int session_set_text(char **text, const char *value)
{
	char *copy = NULL;

	if (*value != '\0') {
		copy = strdup(value);
		if (copy == NULL)
			return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

static int copy_strings(struct session *s, const struct wire_stored *record)
{
#define COPY(name)                                        \
	if (session_set_text(&s->name, record->name) < 0) \
		return -ENOMEM;
	SESSION_STRINGS(COPY)
#undef COPY
	if (record->gids.n == 0)
		return 0;
	s->gids = reallocarray(NULL, record->gids.n, sizeof(*s->gids));
	if (s->gids == NULL)
		return -ENOMEM;
	memcpy(s->gids, record->gids.gid, record->gids.n * sizeof(*s->gids));
	s->n_gids = record->gids.n;
	return 0;
}

struct session *session_new(const struct wire_stored *record)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->sid = record->sid;
	s->parent = record->parent;
	s->class = record->class;
	s->phase = record->phase;
	s->uid = (uid_t)record->uid;
	s->leader = (pid_t)record->leader_pid;
	s->leader_start = record->leader_start;
	s->audit_session = (uint32_t)record->audit_session;
	s->sweep = record->sweep;
	s->adopted = record->adopted;
	s->reason = record->reason;
	s->opened_at = record->opened_at;
	s->expires_at = record->expires_at;
	s->ended_at = record->ended_at;
	s->token_hash = record->token_hash;
	s->token_key = record->token_key <= INT32_MAX ? (int32_t)record->token_key : 0;
	s->authenticated = record->authenticated;
	s->deadline_at = record->deadline;
	s->runtime_max = record->runtime_max;
	s->holds = true;
	if (copy_strings(s, record) < 0 || session_renewal_load(s, record) < 0) {
		session_free(s);
		return NULL;
	}
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	assert(s->slot == 0);
#define FREE(name) free(s->name);
	SESSION_STRINGS(FREE)
#undef FREE
	free(s->gids);
	session_renewal_free(s);
	free(s);
}

void session_stored(const struct session *s, const char *boot_id, struct wire_stored *ret)
{
	*ret = (struct wire_stored){
		.sid = s->sid,
		.parent = s->parent,
		.class = s->class,
		.phase = s->phase,
		.uid = s->uid,
		.leader_pid = (uint64_t)s->leader,
		.audit_session = s->audit_session,
		.opened_at = s->opened_at,
		.expires_at = s->expires_at,
		.adopted = s->adopted,
		.ended_at = s->ended_at,
		.reason = s->reason,
		.token_hash = s->token_hash,
		.token_key = (uint64_t)s->token_key,
		.authenticated = s->authenticated,
		.leader_start = s->leader_start,
		.deadline = s->deadline_at,
		.runtime_max = s->runtime_max,
		.sweep = s->sweep,
	};
#define FILL(name) snprintf(ret->name, sizeof(ret->name), "%s", text_or_empty(s->name));
	SESSION_STRINGS(FILL)
#undef FILL
	session_renewal_store(s, ret);
	snprintf(ret->boot_id, sizeof(ret->boot_id), "%s", boot_id);
	ret->gids.n = s->n_gids;
	if (s->n_gids > 0)
		memcpy(ret->gids.gid, s->gids, s->n_gids * sizeof(*s->gids));
}

void session_public(const struct wire_stored *stored, struct wire_session *ret)
{
#define COPY(record, kind, name, tag, presence) \
	memcpy(&ret->name, &stored->name, sizeof(ret->name));
	WIRE_FIELDS_session(COPY, )
#undef COPY
}

void session_record(const struct session *s, struct wire_session *ret)
{
	struct wire_stored stored;

	session_stored(s, "", &stored);
	session_public(&stored, ret);
}

void session_subject(const struct session *s, struct subject *ret)
{
	*ret = (struct subject){
		.user = text_or_empty(s->user),
		.service = text_or_empty(s->service),
		.rhost = text_or_empty(s->rhost),
		.gids = s->gids,
		.n_gids = s->n_gids,
	};
}

void session_set_phase(struct session_table *t, struct session *s, enum phase phase)
{
	static const bool allowed[PHASE_ENDED + 1][PHASE_ENDED + 1] = {
		[PHASE_OPENING] =
			{[PHASE_ACTIVE] = true, [PHASE_ENDING] = true, [PHASE_ENDED] = true},
		[PHASE_ACTIVE] = {[PHASE_ENDING] = true, [PHASE_ENDED] = true},
		[PHASE_ENDING] = {[PHASE_ENDED] = true},
	};

	assert(allowed[s->phase][phase]);
	if (s->slot != 0) {
		t->count[s->class][s->phase]--;
		t->count[s->class][phase]++;
	}
	s->phase = phase;
}

struct session *session_by_sid(const struct session_table *t, const struct sid *sid)
{
	struct hash_link *l = hash_first(&t->by_sid, hash_bytes(sid->b));

	for (; l != NULL; l = hash_next(l))
		if (sid_equal(&container_of(l, struct session, by_sid)->sid, sid))
			return container_of(l, struct session, by_sid);
	return NULL;
}

struct session *session_by_audit(const struct session_table *t, uint32_t audit_session)
{
	struct hash_link *l = hash_first(&t->by_audit, hash_mix(audit_session));
	struct session *s;

	for (; l != NULL; l = hash_next(l)) {
		s = container_of(l, struct session, by_audit);
		if (s->audit_session == audit_session && s->class != CLASS_ELEVATION &&
			s->phase == PHASE_ACTIVE)
			return s;
	}
	return NULL;
}

bool session_owns_audit(const struct session_table *t, uint32_t audit_session)
{
	struct hash_link *l = hash_first(&t->by_audit, hash_mix(audit_session));
	const struct session *s;

	for (; l != NULL; l = hash_next(l)) {
		s = container_of(l, struct session, by_audit);
		if (s->audit_session == audit_session && s->class != CLASS_ELEVATION)
			return true;
	}
	return false;
}

struct session *session_child(
	const struct session_table *t, const struct sid *parent, const struct session *after)
{
	struct hash_link *l = after != NULL ? hash_next(&after->by_parent)
					    : hash_first(&t->by_parent, hash_bytes(parent->b));

	for (; l != NULL; l = hash_next(l))
		if (sid_equal(&container_of(l, struct session, by_parent)->parent, parent))
			return container_of(l, struct session, by_parent);
	return NULL;
}

struct session *session_elevation(
	const struct session_table *t, uint32_t audit_session, const struct session *after)
{
	struct hash_link *l = after != NULL ? hash_next(&after->by_audit)
					    : hash_first(&t->by_audit, hash_mix(audit_session));
	struct session *s;

	for (; l != NULL; l = hash_next(l)) {
		s = container_of(l, struct session, by_audit);
		if (s->audit_session == audit_session && s->class == CLASS_ELEVATION)
			return s;
	}
	return NULL;
}

struct account *session_account(const struct session_table *t, uid_t uid)
{
	struct hash_link *l = hash_first(&t->accounts, hash_mix(uid));

	return l ? container_of(l, struct account, by_uid) : NULL;
}

static struct account *account_get(struct session_table *t, uid_t uid)
{
	struct account *a = session_account(t, uid);

	if (a != NULL)
		return a;
	a = calloc(1, sizeof(*a));
	if (a == NULL || hash_reserve(&t->accounts) < 0) {
		free(a);
		return NULL;
	}
	a->uid = uid;
	hash_put(&t->accounts, &a->by_uid, hash_mix(uid));
	return a;
}

static void account_drop_empty(struct session_table *t, struct account *a)
{
	if (a->n > 0)
		return;
	hash_remove(&t->accounts, &a->by_uid);
	free(a);
}

static int slots_grow(struct session_table *t)
{
	uint32_t n = t->n_slots ? 2 * t->n_slots : 64;
	struct session **slots = reallocarray(t->slots, n, sizeof(struct session *));

	if (slots == NULL)
		return -ENOMEM;
	memset(slots + t->n_slots, 0, (size_t)(n - t->n_slots) * sizeof(struct session *));
	t->free_hint = t->n_slots;
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

/* A free slot; there is one, because there are more slots than sessions. */
static uint32_t slot_take(struct session_table *t, struct session *s)
{
	uint32_t i = t->free_hint;

	while (t->slots[i] != NULL)
		i = (i + 1) % t->n_slots;
	t->slots[i] = s;
	t->free_hint = (i + 1) % t->n_slots;
	return i + 1;
}

static int reserve(struct session_table *t, const struct session *s)
{
	int r = 0;

	/* a quarter stays free, so that slot_take() is quick */
	if (t->by_sid.n + 1 > t->n_slots / 4 * 3)
		r = slots_grow(t);
	if (r == 0)
		r = hash_reserve(&t->by_sid);
	if (r == 0)
		r = hash_reserve(&t->by_token);
	if (r == 0 && s->renewal != NULL)
		r = hash_reserve(&t->by_old_token);
	if (r == 0)
		r = hash_reserve(&t->by_audit);
	if (r == 0)
		r = hash_reserve(&t->by_parent);
	return r;
}

int session_table_add(struct session_table *t, struct session *s)
{
	struct account *a;
	int r;

	if (session_by_sid(t, &s->sid) != NULL)
		return -EEXIST;
	r = reserve(t, s);
	if (r < 0)
		return r;
	a = account_get(t, s->uid);
	if (a == NULL)
		return -ENOMEM;
	s->slot = slot_take(t, s);
	hash_put(&t->by_sid, &s->by_sid, hash_bytes(s->sid.b));
	if (!token_is_zero(&s->token_hash))
		session_tokens_put(t, s);
	else if (!sid_is_zero(&s->parent))
		hash_put(&t->by_parent, &s->by_parent, hash_bytes(s->parent.b));
	if (s->audit_session != 0)
		hash_put(&t->by_audit, &s->by_audit, hash_mix(s->audit_session));
	s->account = a;
	s->account_prev = a->last;
	s->account_next = NULL;
	*(a->last ? &a->last->account_next : &a->first) = s;
	a->last = s;
	a->n++;
	t->count[s->class][s->phase]++;
	return 0;
}

void session_table_remove(struct session_table *t, struct session *s)
{
	struct account *a = s->account;

	session_clear_deadline(t, s);
	hash_remove(&t->by_sid, &s->by_sid);
	if (!token_is_zero(&s->token_hash))
		session_tokens_remove(t, s);
	else if (!sid_is_zero(&s->parent))
		hash_remove(&t->by_parent, &s->by_parent);
	if (s->audit_session != 0)
		hash_remove(&t->by_audit, &s->by_audit);
	*(s->account_prev ? &s->account_prev->account_next : &a->first) = s->account_next;
	*(s->account_next ? &s->account_next->account_prev : &a->last) = s->account_prev;
	a->n--;
	account_drop_empty(t, a);
	t->slots[s->slot - 1] = NULL;
	t->count[s->class][s->phase]--;
	s->slot = 0;
	s->account = NULL;
}

void session_table_fini(struct session_table *t)
{
	hash_fini(&t->by_sid);
	hash_fini(&t->by_token);
	hash_fini(&t->by_old_token);
	hash_fini(&t->by_audit);
	hash_fini(&t->by_parent);
	hash_fini(&t->accounts);
	heap_fini(&t->deadlines);
	free(t->slots);
	*t = (struct session_table){0};
}

struct session *session_next(const struct session_table *t, uint32_t *slot)
{
	struct session *s;

	while (*slot < t->n_slots) {
		s = t->slots[(*slot)++];
		if (s != NULL)
			return s;
	}
	return NULL;
}

int session_set_deadline(struct session_table *t, struct session *s, uint64_t boot_ns)
{
	return heap_put(&t->deadlines, &s->deadline, boot_ns);
}

void session_clear_deadline(struct session_table *t, struct session *s)
{
	heap_remove(&t->deadlines, &s->deadline);
}

struct session *session_first_due(const struct session_table *t)
{
	struct heap_node *node = heap_first(&t->deadlines);

	return node ? container_of(node, struct session, deadline) : NULL;
}
