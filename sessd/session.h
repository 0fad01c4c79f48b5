/*
 * A session, and the table of those that live. Pure: no descriptor, no clock, no log; time is a
 * parameter. core is the one writer.
 *
 * The table finds a session by its sid, by the hash of its token and of the token before that, by
 * its user and by its audit session; keeps the deadlines in a heap; and gives each a slot that
 * stays the same for its life, so that a reader can page through the table while it changes and
 * meets every session that stayed.
 */
#ifndef SESSD_SESSION_H
#define SESSD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire.h"
#include "sessd/hash.h"
#include "sessd/heap.h"
#include "sessd/policy.h"

struct watch;  /* core's own: the descriptor of the leader */
struct ending; /* core's own: who waits for the end */
struct input;  /* core's own: its terminals are being looked for */
struct answer;

/* One for each login: its size counts. */
struct session {
	struct sid sid;
	struct sid parent; /* zero: none */
	uint64_t row_id;   /* of its row in the ledger */
	enum session_class class;
	enum phase phase;
	uid_t uid;
	pid_t leader;
	uint64_t leader_start;	/* clock ticks since boot */
	uint32_t audit_session; /* 0: none */
	uint32_t waits;		/* opening: sessions that must be gone first */
	uint32_t input_span;	/* input.c: of the access time that input_at was derived from */
	enum reason reason : 8;
	bool sweep : 1; /* the audit session is this session's alone */
	bool adopted : 1;
	bool holds : 1;	 /* it holds a place under the caps; one that was evicted gave it away */
	bool notice : 1; /* opening: its user can be told something */
	bool warned_lifetime : 1, warned_idle : 1; /* its user has been told of that end */
	uint64_t opened_at;			   /* wall, ns */
	uint64_t expires_at;			   /* wall, ns; 0: never */
	uint64_t ended_at;
	struct token token_hash;   /* zero: it has no token */
	struct renewal *renewal;   /* NULL: it is as it was at the login */
	uint64_t authenticated;	   /* clock_boot() when its user last did; 0: not known */
	struct heap_node deadline; /* clock_boot() */
	uint64_t deadline_at;	   /* of its lifetime; 0: none */
	uint64_t runtime_max; /* ns from its beginning: systemd was told to end it then; 0: it was
				 not */
	uint64_t input_at;    /* clock_boot() of the last input that is known; 0: nothing is yet */
	/* strings: NULL where empty */
	char *user, *service, *tty, *rhost, *ruser, *auth, *policy, *ended_by, *text, *cgroup;
	uint32_t *gids;
	uint32_t n_gids;
	uint32_t slot;	   /* index + 1; 0: not in the table */
	pid_t rotated_for; /* the process for whose authentication its token was replaced last */
	int32_t token_key; /* serial of the key that its token is in; 0: not known */

	struct session *heir; /* the one that waits for its place */
	struct watch *watch;
	struct ending *ending;
	struct input *input;   /* NULL: no look is under way */
	struct answer *answer; /* opening: whom to tell */

	struct hash_link by_sid, by_audit;
	union { /* what was made in another session has no token of its own */
		struct hash_link by_token, by_parent;
	};
	struct account *account;
	struct session *account_prev, *account_next;
};

/* Of a session whose token was replaced, or whose user has authenticated since the login. Most have
 * none. */
struct renewal {
	struct session *session;
	struct token old_token_hash; /* of the token before, which is worth nothing; zero: none */
	uint64_t authenticated_at;   /* wall, ns; 0: not known */
	char *authenticated_by;	     /* NULL: not known */
	struct hash_link by_old_token;
};

/* All live sessions of one uid, oldest first. */
struct account {
	uid_t uid;
	uint32_t n;
	struct session *first, *last;
	struct hash_link by_uid;
};

struct session_table {
	struct session **slots;
	uint32_t n_slots, free_hint;
	struct hash by_sid, by_token, by_old_token, by_audit, by_parent, accounts;
	struct heap deadlines;
	uint32_t count[CLASS_LOGIN + 1][PHASE_ENDED + 1];
};

static inline const char *text_or_empty(const char *s)
{
	return s ? s : "";
}

/* A new session from its record; phase and all else as the record says. NULL: no memory. */
struct session *session_new(const struct wire_stored *record);
void session_free(struct session *s);

/* The record, complete (for the ledger) or as others may see it. */
void session_stored(const struct session *s, const char *boot_id, struct wire_stored *ret);
void session_record(const struct session *s, struct wire_session *ret);
/* What others may see of a row of the ledger. */
void session_public(const struct wire_stored *stored, struct wire_session *ret);

/* The only way to change a phase; asserts that the step is one of the constant table. */
void session_set_phase(struct session_table *t, struct session *s, enum phase phase);

/* Replaces a string of the session (&s->ended_by and the like) by a copy. -ENOMEM: it is unchanged.
 */
int session_set_text(char **text, const char *value);

void session_subject(const struct session *s, struct subject *ret);

/* -ENOMEM; -EEXIST: there is one of that sid. The table does not own its sessions. */
int session_table_add(struct session_table *t, struct session *s);
void session_table_remove(struct session_table *t, struct session *s);
/* The table must be empty. */
void session_table_fini(struct session_table *t);

struct session *session_by_sid(const struct session_table *t, const struct sid *sid);
struct session *session_by_token_hash(const struct session_table *t, const struct token *hash);
/* The one whose token was that, before it got another one. */
struct session *session_by_old_token_hash(const struct session_table *t, const struct token *hash);
/* Gives a session of the table, which has one, another token. -ENOMEM: nothing is changed. */
int session_set_token(struct session_table *t, struct session *s, const struct token *hash);
/* Its user has proved who he is. -ENOMEM: nothing is changed. */
int session_authenticate(struct session *s, uint64_t boot_ns, uint64_t wall_ns, const char *how);

/* session_renewal.c's part of what session.c does. Of the record: what is not as at the login. */
int session_renewal_load(struct session *s, const struct wire_stored *record);
void session_renewal_store(const struct session *s, struct wire_stored *ret);
void session_renewal_free(struct session *s);
void session_tokens_put(struct session_table *t, struct session *s);
void session_tokens_remove(struct session_table *t, struct session *s);

/* The login of that audit session that is active, or NULL. */
struct session *session_by_audit(const struct session_table *t, uint32_t audit_session);
/* Does a session in the table, whatever its phase, have it for more than a su or sudo in it? */
bool session_owns_audit(const struct session_table *t, uint32_t audit_session);
/* Those that were made in that session, or the elevations of that audit session: the one after
 * `after`, which must be in the table (NULL: the first); NULL at the end. */
struct session *session_child(
	const struct session_table *t, const struct sid *parent, const struct session *after);
struct session *session_elevation(
	const struct session_table *t, uint32_t audit_session, const struct session *after);
/* NULL where the uid has none. */
struct account *session_account(const struct session_table *t, uid_t uid);

/* The session in the first used slot from *slot on; *slot is moved behind it. NULL at the end.
 * Begin with 0. */
struct session *session_next(const struct session_table *t, uint32_t *slot);

/* Sets or moves what is due next for it: the earliest of what expiry.c knows, or while it opens the
 * end of its wait. -ENOMEM. */
int session_set_deadline(struct session_table *t, struct session *s, uint64_t boot_ns);
void session_clear_deadline(struct session_table *t, struct session *s);
/* The session that is due first, or NULL. */
struct session *session_first_due(const struct session_table *t);

#endif
