/*
 * The one writer of the session table. A PAM request, a spooled login, an administrator, a
 *deadline, the death of a leader and the report of the reaper all come in here as an event; core
 *asks policy, changes the session, hands the ledger its entry, starts the effects, and answers who
 *asked.
 *
 *	open_session -> frame -> dispatch -> core -> policy -> session (opening) -> ledger -> active
 *-> answer
 */
#ifndef SESSD_CORE_H
#define SESSD_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire.h"
#include "sessd/cgroup.h"
#include "sessd/config.h"
#include "sessd/ledger.h"
#include "sessd/loop.h"
#include "sessd/metrics.h"
#include "sessd/reaper.h"
#include "sessd/session.h"
#include "sessd/sweep.h"

/* Who asks, by the kernel's word. */
struct caller {
	pid_t pid;
	uint64_t start; /* clock ticks since boot */
	uid_t uid;
	uint32_t audit_session;	     /* PROC_NO_AUDIT: none */
	int pidfd;		     /* the asker's to close; core takes a dup of it */
	bool admin;		     /* root or a member of the administrators' group */
	char name[TEXT_STR_MAX + 1]; /* who asks on another host, by the agent's word; or "" */
};

/*
 * Where an answer goes: called with each message, `last` with the final one, after which core
 * forgets it. Never called from within the call that handed it in, except for what is decided at
 * once; the callee must take both. Who may wait for ever can set `gone`: it is called when nobody
 * waits any more, and the answer is gone with it.
 */
struct answer {
	void (*fn)(struct answer *answer, enum wire_type type, const void *msg, bool last);
	void (*gone)(struct answer *answer, void *ctx);
	void *gone_ctx;
};

/* Does nothing where a is NULL. */
static inline void answer_send(struct answer *a, enum wire_type type, const void *msg, bool last)
{
	if (a != NULL)
		a->fn(a, type, msg, last);
}

/* An error as the last message; text NULL: the words of the code. */
void answer_error(struct answer *a, enum wire_errno code, const char *text);

/* Everything that core works with. The pointers are lent for its life. */
struct core_parts {
	struct loop *loop;
	struct cgroups *cgroups;
	struct ledger *ledger;
	struct reaper *reaper;
	struct sweep *sweep;
	struct metrics *metrics;
	const struct config *config;
	const uint8_t *token_key; /* 32 bytes */
	const char *boot_id;
	const char *runtime_dir; /* for the files of locks; NULL: they have none */
	struct fdstore *fdstore; /* NULL: nobody keeps descriptors */
};

struct core;

int core_new(const struct core_parts *parts, struct core **ret);
/* Forgets the sessions without touching them; answers that are due are dropped. */
void core_free(struct core *core);

/*
 * After a start: core_load() reads the live rows from the ledger. Then the caller feeds in what was
 * spooled of sessions that were closed; then core_recover() judges every session (another boot, a
 * dead leader, an end that was under way); then the caller feeds in the rest of the spool.
 */
int core_load(struct core *core);
int core_recover(struct core *core);

enum event_type {
	EVENT_ACCT,
	EVENT_OPEN,
	EVENT_SPOOLED,
	EVENT_CLOSE,
	EVENT_REVOKE,
	EVENT_EXTEND,
	EVENT_LOCK,
	EVENT_UNLOCK,
	EVENT_REAUTH,
	EVENT_REAUTH_TRIED,
	EVENT_PASSWORD_CHANGED,
	EVENT_LEADER_GONE,
	EVENT_DUE,
	EVENT_REAPED,
	EVENT_ATTEND,
	EVENT_STANDING,
	EVENT_PLACED,
	EVENT_RELAY,
	EVENT_ERRAND,
	EVENT_OVERSHOOT,
};

struct event {
	enum event_type type;
	/* ACCT, OPEN, CLOSE, REVOKE, EXTEND, LOCK, UNLOCK, ERRAND: who speaks. Of
	 * REAUTH and REAUTH_TRIED the process that sessd-reauth asked for; in the latter NULL where
	 * it is gone. PASSWORD_CHANGED: NULL means that it was spooled. */
	const struct caller *caller;
	struct answer *answer; /* the same, and what the agent asks */
	union {
		const struct wire_acct *acct;
		const struct wire_open *open;
		const struct wire_spooled *spooled;
		const struct wire_close *close;
		const struct wire_revoke *revoke;
		const struct wire_extend *extend;
		const struct wire_lock *lock;
		const struct wire_unlock *unlock;
		const struct wire_reauthenticated *reauth_tried;
		const struct wire_password *password;
		const struct wire_attend *attend;
		const struct wire_standing *standing;
		const struct wire_placed *placed;
		const struct wire_relay *relay;
		const struct wire_overshoot *overshoot;
		struct {
			enum wire_type type;
			const void *msg;
		} errand;		 /* a request of sessctl's for the fleet */
		struct session *session; /* LEADER_GONE, DUE */
		struct {
			struct session *session;
			const struct reap_result *result;
		} reaped;
	} u;
};

void core_handle(struct core *core, const struct event *event);

/* A new configuration; sessions keep the lifetime that they were given, and are idle or warned by
 * the new one. */
void core_set_config(struct core *core, const struct config *config);

/* Queues an entry that concerns no session. */
void core_note(struct core *core, enum entry_kind kind, const char *text);

/* The same of somebody who read `count` events of the ledger, from `first` to `last`; last 0: he is
 * given all from `first` on, as they come. */
struct core_read {
	uint64_t first, last, count;
};
void core_note_read(struct core *core, const struct caller *caller, const struct core_read *what);

/* The same of an order that came over the fleet, signed by `by`, and is not carried out. */
void core_note_refusal(struct core *core, const char *by, const char *text);

/* For readers. */
const struct session_table *core_sessions(const struct core *core);
/* The first lock behind *cursor, which is moved to it; begin with 0. NULL at the end. */
const struct wire_locked *core_lock_next(const struct core *core, uint64_t *cursor);
/* May the caller see and end the session? */
bool core_permits(const struct caller *caller, const struct session *s);
/* Is the session that the caller speaks from live? `session`, or NO_SESSION. */
void core_check(const struct core *core, const struct caller *caller, struct answer *answer);
/* Which limits such a login would be under now: a `limit` for each, then `done`. */
void core_explain(const struct core *core, const struct wire_explain *ask, struct answer *answer);
/* How long the logins of that uid have been idle: an `idleness` for each, later, then `done`. */
void idleness_tell(struct core *core, uid_t uid, struct answer *answer);
/* Does the ledger have that event, `SEQ:HASH`? `probed`, later, then `done`. */
void head_probe(struct core *core, const char *checkpoint, struct answer *answer);
/* Records that a host's ledger lacks one, then `done`. */
void head_broken(struct core *core, const struct wire_head_broken *msg, struct answer *answer);
/* The one session with that prefix among those that the caller may see, or NULL and why not. */
struct session *core_find(const struct core *core, const struct caller *caller, const char *prefix,
	enum wire_errno *ret_why);

#endif
