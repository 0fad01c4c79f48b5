/*
 * What core.c, admission.c, ending.c and the smaller files beside them share: they are one module,
 * the writer of the session table: the events, how a session begins, and how it ends. Nobody else
 * includes this.
 */
#ifndef SESSD_CORE_STATE_H
#define SESSD_CORE_STATE_H

#include <sys/queue.h>

#include "common/duration.h"
#include "common/lock.h"
#include "sessd/core.h"
#include "sessd/terminal.h"
#include "sessd/tries.h"
#include "sessd/wallclock.h"

/* systemd ends a session so much later than sessd does, so that sessd is the one who does it, and
 * with words. */
#define RUNTIME_SLACK (60 * NS_PER_SEC)

struct revocation;
struct waiter;
struct hunt;

/* The leader of a session, watched until it dies. */
struct watch {
	struct core *core;
	struct session *session;
	struct loop_io io;
	int pidfd;
	bool gone;
};

/* A lock that stands. */
struct lock {
	TAILQ_ENTRY(lock) link;
	struct hash_link by_id;
	uint64_t id; /* of its row; rising in the list */
	struct wire_locked what;
};

struct locks {
	TAILQ_HEAD(lock_list, lock) list;
	struct hash by_id;
	LIST_HEAD(lock_orders, lock_order) orders; /* that the ledger does not have yet */
	unsigned n;
	uint64_t last_id;
	int folder, inotify; /* -1: none */
	struct loop_io io;
	struct loop_timer due; /* the first one runs out */
};

/* What the readings of /proc for terminals, and of their access times, need. */
struct input_state {
	struct wallclock clock;
	int clock_fd; /* tells when somebody sets the wall clock */
	struct loop_io io;
	uint64_t rest_until; /* clock_boot(): no look begins before that */
	bool blind;	     /* it was logged that a look failed */
};

struct core {
	struct core_parts parts;
	struct session_table table;
	struct locks locks;
	struct input_state input;
	struct loop_timer due; /* the table's first deadline */
	uint64_t last_row;
	struct garbage *garbage; /* garbage.c */
	struct loop_timer garbage_timer;
	uint64_t garbage_wait;				 /* ns */
	LIST_HEAD(condemned_list, condemned) condemned;	 /* refused leaders that are to be ended */
	LIST_HEAD(ending_list, ending) recorded;	 /* ends that wait for the ledger alone */
	LIST_HEAD(extension_list, extension) extensions; /* that are not on disk yet */
	LIST_HEAD(password_list, password) passwords;	 /* the same: that were changed */
	LIST_HEAD(remnant_list, remnant)
	leftovers;			     /* that are being ended, or are not on disk yet */
	LIST_HEAD(round_list, round) rounds; /* orders that are being carried out */
	LIST_HEAD(inquiry_list, inquiry) inquiries; /* after idle times */
	struct tries tries;			    /* of re-authentication */
	struct hunts *hunts;			    /* hunt.c; NULL: there was none yet */
	struct logouts *logouts;		    /* logout.c; the same */
	bool keys_failed;    /* it was logged that tokens cannot be replaced */
	struct fleet *fleet; /* fleet.c */
	bool closing;	     /* core_free(): nothing is answered or begun any more */
	uint8_t record[WIRE_MAX];
};

/* What an entry says beyond the session that it is about. All may be left out. */
struct remark {
	const struct caller *by;
	const struct sid *by_sid; /* the session that he spoke from, where he himself is gone */
	const char *policy;
	const char *text;
	const char *lock;	 /* `user bob` */
	const char *auth;	 /* reauthenticated: how */
	const struct sid *other; /* the session whose token was shown */
	/* How a session ends: what is added to the last line on its terminals, and how long its
	 * processes may take to end by themselves (ns; 0: they are killed at once). */
	const char *message;
	uint64_t grace;
	enum reason reason; /* of this entry; none: the one that is recorded on the session */
	uint64_t limit, count;
	uint64_t old_expires_at; /* extended: the end before */
	const struct reap_result *reaped;
};

/* Who that is, in words for the ledger: the user of the session that he speaks from, or his uid. */
void caller_name(const struct core *core, const struct caller *caller, char *out, size_t size,
	struct sid *ret_sid);

/* Queues an entry that is no session's. What cannot be queued is logged. */
void core_record(struct core *core, const struct entry *e);
/*
 * Queues an entry about the session, and with `row` its row as it is now. done may be NULL. What
 * cannot even be queued is logged, and done is called with the error at once.
 */
void core_append(struct core *core, const struct session *s, enum entry_kind kind,
	const struct remark *remark, bool row, ledger_done_fn *done, void *ctx);

/* The same for a login that its user is told something at: see ledger_append_login(). */
void core_append_login(
	struct core *core, const struct session *s, uint64_t live, ledger_past_fn *done, void *ctx);

/* Makes the loop wake up for the first deadline of the table. */
void core_arm(struct core *core);

/* Takes the session out of the table and frees it with all that hangs from it. */
void core_drop(struct core *core, struct session *s);

/* Watches the leader; pidfd is taken over. -errno, and the pidfd is closed. */
int core_watch(struct core *core, struct session *s, int pidfd);

/* garbage.c */

/* Removes a cgroup that sessd made as soon as nobody is in it. */
void garbage_collect(struct core *core, const char *cgroup);
void garbage_forget(struct core *core);

/* What the policies, and the locks, say of one more login. */
struct verdict {
	bool admitted;		     /* false: refuse */
	const char *lock;	     /* the one that refuses it, or NULL */
	const struct policy *policy; /* the cap that is reached, or NULL */
	uint32_t count;
	const struct sid *other; /* whose token was shown, or NULL */
};

/* cap.c */

/* The strictest of the caps that one more login would exceed; `settled`: not counting those whose
 * place is free in a moment. */
struct verdict cap_judge(
	const struct core *core, const struct subject *subject, uid_t uid, bool settled);
bool cap_exempts(const struct core *core, const struct subject *subject);
/* `you already have 2 of 2 sessions (policy "contractors"): sshd from web1 since 09:12` */
void cap_words(const struct core *core, uid_t uid, const struct verdict *v, char *out, size_t size);
/* How many sessions of the user hold a place under the policy now; those that are being ended do
 * until they are gone. */
uint32_t cap_count(const struct core *core, uid_t uid, const struct policy *policy);
/*
 * Finds a place for `s`, which is in the table but holds none yet: a free one, or the place of
 * those that it then waits for (s->waits). False: refused, and v says by which cap.
 */
bool cap_find_place(struct core *core, struct session *s, struct verdict *v);
/* `s` neither holds a place nor waits for one any more: those whose place it was promised give it
 * to nobody. */
void cap_give_up(struct session *s);

/* fleet.c */
int fleet_init(struct core *core);
void fleet_fini(struct core *core);
/* Can the fleet be asked? */
bool fleet_joined(const struct core *core);
/* Is it refused as soon as it seeks a place, because the fleet cannot be asked? */
bool fleet_refuses(const struct core *core, const struct session *s);
/* A login that has its place on this host is to be committed. True: not yet, it waits for a place
 * in the fleet, or has been refused and is gone. */
bool fleet_seek(struct core *core, struct session *s);
/* Its wait is over. True: it was one for the fleet, and it has been decided about. */
bool fleet_gave_up(struct core *core, struct session *s);
void fleet_opened(struct core *core, const struct session *s);
void fleet_left(struct core *core, const struct session *s);
/* Who counts under which cap may have changed. */
void fleet_policies(struct core *core);
void fleet_attend(struct core *core, const struct event *event);
void fleet_standing(struct core *core, const struct event *event);
void fleet_placed(struct core *core, const struct event *event);
void fleet_relay(struct core *core, const struct event *event);
void fleet_ask(struct core *core, const struct event *event);
void fleet_overshoot(struct core *core, const struct event *event);

/* condemned.c */

/* Ends, in a moment, a leader whose session was refused. audit_session: its own one, or
 * PROC_NO_AUDIT. pidfd is lent. */
void condemn(struct core *core, int pidfd, pid_t leader, uint32_t audit_session);
void condemned_forget(struct core *core);

/* refusal.c */
void refusal_answer(struct answer *a, enum reason reason, const char *text);
/* Of one that never comes into the table, or is about to leave it. v may be NULL. */
void refusal_record(struct core *core, const struct session *s, enum reason reason,
	const struct verdict *v, const char *text);

/* preview.c */
void preview_acct(struct core *core, const struct event *event);

/* admission.c */
void admission_open(struct core *core, const struct event *event);
void admission_gave_place(struct core *core, struct session *heir);
void admission_waited_too_long(struct core *core, struct session *s);
void admission_leader_gone(struct core *core, struct session *s);
/* Turns away one that is in the table and opening. v may be NULL. */
void admission_refuse(struct core *core, struct session *s, enum reason reason,
	const struct verdict *v, const char *text);
/* Takes over a new session: into the table, under the caps, to the ledger. pidfd is lent. */
void admission_begin(struct core *core, struct session *s, int pidfd, struct answer *answer);
/* Completes the record with what the kernel, the policies and the clock say. */
void admission_complete(
	const struct core *core, const struct caller *caller, struct wire_stored *rec);
void admission_hash_token(const struct core *core, const struct token *token, struct token *ret);
/* The session that a su or sudo was started in: by the kernel's word, or where it has none by the
 * token. */
const struct session *admission_parent(
	const struct core *core, const struct caller *caller, const struct token *token);

/* What acct, open and spooled say of the login, as a record. A macro, because the three messages
 * are three structs. */
#define RECORD_OF_LOGIN(login, ret)                                               \
	do {                                                                      \
		(ret)->uid = (login)->uid;                                        \
		(ret)->gids = (login)->gids;                                      \
		memcpy((ret)->user, (login)->user, sizeof((ret)->user));          \
		memcpy((ret)->service, (login)->service, sizeof((ret)->service)); \
		memcpy((ret)->tty, (login)->tty, sizeof((ret)->tty));             \
		memcpy((ret)->rhost, (login)->rhost, sizeof((ret)->rhost));       \
		memcpy((ret)->ruser, (login)->ruser, sizeof((ret)->ruser));       \
		memcpy((ret)->auth, (login)->auth, sizeof((ret)->auth));          \
	} while (0)

/* notice.c */

/* The row of the newest login of the user's other ones that live; 0: there is none. */
uint64_t notice_last_live(const struct session *s);
/* What the user is told at his login, recorded as told. past: as in ledger_past_fn. */
void notice_give(struct core *core, const struct session *s, const struct ledger_past *past,
	char ret_lines[TEXT_LONG_MAX + 1]);

/* expiry.c */

/* An active session has the deadlines that follow from the policies as they are now. Cheap where
 * nothing changed. */
void expiry_arm(struct core *core, struct session *s);
/* The same for all. */
void expiry_arm_all(struct core *core);
/* The deadline of an active session has passed. */
void expiry_due(struct core *core, struct session *s);
/* Its terminals have been looked at, and s->input_at is what is known now. */
void expiry_looked(struct core *core, struct session *s, const struct terminal_look *look);

/* input.c */

int input_init(struct core *core);
void input_fini(struct core *core);
/* Which terminals the session has: all of the question but done(). What it points to is the
 * session's. */
struct terminal_look input_question(const struct core *core, const struct session *s);
/* Looks for the terminals of the session, unless that is under way; at once, or not before
 * core->input.rest_until. */
void input_look(struct core *core, struct session *s);
void input_forget(struct session *s);
/* How long ago its user last did something, ns: typed, or where it has no terminal, logged in.
 * last_input: the youngest access time of its terminals, wall; 0: it has none. */
uint64_t input_idle(const struct core *core, const struct session *s, uint64_t last_input);
/* How long ago he logged in. */
uint64_t input_age(const struct core *core, const struct session *s);

/* idleness.c */

/* Those that have not been told yet. */
void idleness_forget(struct core *core);

/* warning.c */

/* Tells whoever sits at these terminals that the session ends `left` ns from now, and the ledger
 * that he was told. */
void warning_lifetime(
	struct core *core, struct session *s, const struct terminal_look *look, uint64_t left);
void warning_idle(struct core *core, struct session *s, const struct terminal_look *look,
	const struct limits *limits, uint64_t left);

/* proof.c */

/* What the caller of a su or sudo has to show for his session. */
struct proof {
	bool refused;
	bool ask_again; /* the token may have been replaced just now: nothing is said before that */
	const char *text;	      /* what is wrong, or what it lacks; NULL: nothing */
	const struct session *parent; /* by the kernel's word, or NULL */
	const struct session *other;  /* whose token he shows instead, or NULL */
};

struct proof proof_judge(
	const struct core *core, const struct caller *caller, const struct wire_acct *acct);

/*
 * Whom no want of proof may keep out: who is exempt or breaks glass, be it the one who logged in or
 * the one whom PAM asks about; and who is root already. parent may be NULL.
 */
bool proof_spares(const struct core *core, const struct caller *caller,
	const struct wire_acct *acct, const struct session *parent);

/* rotation.c */

/*
 * A new token for the session, in the key that its user's processes have: at once, and the one
 * before is worth nothing from then on. Does nothing where there is no such key (any more).
 */
void rotation_rotate(struct core *core, struct session *s);
/* After a restart: the token that is in the key is the one in force. */
void rotation_settle(struct core *core, struct session *s);

/* reauth.c: how long ago the user of a session proved who he is */

/* A session begins with its login: now, or (an adopted one) `began` ago; 0: that is not known. */
void reauth_begin(struct wire_stored *rec, uint64_t began);
/* He has done it now: recorded, and the token rotates. done may be NULL. */
void reauth_note(struct core *core, struct session *s, const struct caller *by, const char *how,
	ledger_done_fn *done, void *ctx);
/* The same of somebody who proved it to another one than a PAM stack of ours. Answered with `done`
 * when it is on disk; with `error` NO_SESSION where the session is not active. */
void reauth_renew(struct core *core, struct session *s, const struct caller *by, const char *how,
	struct answer *answer);

/* A su or sudo, or whatever else asks in a session, has seen its user authenticate: that counts
 * for the session where he is the session's own user. */
void reauth_proved(struct core *core, const struct caller *caller, const struct wire_acct *acct,
	enum session_class class);
/* A session is active: an elevation rotates the token of the one that it was made in. */
void reauth_elevated(struct core *core, const struct session *s);
/* Is it recent enough for a su or sudo that was called in `parent` (NULL: in none)? False: `words`
 * says why not, and what to do. */
bool reauth_suffices(const struct core *core, const struct caller *caller,
	const struct wire_acct *acct, const struct session *parent, char words[TEXT_LONG_MAX + 1]);

/* claim.c */
void claim_begin(struct core *core, const struct event *event);
void claim_settle(struct core *core, const struct event *event);

/* adoption.c */
void adoption_spooled(struct core *core, const struct event *event);

/* extension.c */
void extension_extend(struct core *core, const struct event *event);
void extension_forget(struct core *core);

/* ending.c */

/*
 * Ends the session: at once where it is active, as soon as it is where it is opening. One that is
 * being ended already, and is within its grace, has no more of it left than this order gives. An
 * end by lifetime or idle time has the grace of the policies.
 */
void ending_begin(
	struct core *core, struct session *s, enum reason reason, const struct remark *remark);
/* The part of it that an opening session waited for. */
void ending_start(struct core *core, struct session *s);
/* By the clock, as the policies say. */
bool ending_is_scheduled(enum reason reason);
/* It is being ended, and may take its time: its place is not free in a moment. */
bool ending_has_grace(const struct session *s);
/* The last line was said, or there was nobody to read it; or what follows could not be done before:
 * the end goes on. */
void ending_said(struct core *core, struct session *s);
void ending_reaped(struct core *core, const struct event *event);
/* Answers, as to a revocation, when the session that is being ended is gone. */
void ending_tell(struct session *s, struct answer *answer);
/* After a restart: once more, without a new entry. */
void ending_repeat(struct core *core, struct session *s);
void ending_close(struct core *core, const struct event *event);
/* The session is over without a kill: its entry, its row, and out of the table. */
void ending_finish(struct core *core, struct session *s, enum reason reason,
	const struct remark *remark, ledger_done_fn *done, void *ctx);
/* Ends it as ending_begin() does, and r hears of its end. */
void revocation_add(struct core *core, struct session *s, enum reason reason,
	const struct remark *remark, struct revocation *r);
/* Answers and frees what hangs from a session that is dropped before it was active. */
void ending_void(struct core *core, struct session *s);
/* Those of which the ledger has not told yet that they are on disk: nobody waits for that any more.
 */
void ending_forget(struct core *core);

/* revocation.c */

/*
 * A request to end sessions: answered with an outcome for each, then with `done`, when all that
 * hold it have released it. revocation_new() gives it held once; NULL: no memory.
 */
struct revocation *revocation_new(struct answer *answer);
void revocation_hold(struct revocation *r);
void revocation_release(struct revocation *r);
/* The last answer will be this error; the words are a constant. */
void revocation_fail(struct revocation *r, const char *error);
/* When all have released it, the hunt begins, and holds it. Takes the hunt over; NULL: there was no
 * memory for it, which the answer says. */
void revocation_then(struct revocation *r, struct hunt *hunt);
/* Released without an answer. */
void revocation_forget(struct revocation *r);
/* It is answered when the sessions are gone, without what outlived theirs, and with `done` alone.
 */
void revocation_be_brief(struct revocation *r);
/* A message of the answer, before the last. */
void revocation_tell(struct revocation *r, enum wire_type type, const void *msg);
void revocation_revoke(struct core *core, const struct event *event);

/* origin.c */

/* The sessions that somebody speaks from: by his audit session, or by those who started him. */
struct origin {
	uint32_t audit_session;
	unsigned n;
	struct {
		pid_t pid;
		uint64_t start; /* clock ticks since boot */
	} forebear[64];
};

void origin_of(const struct caller *caller, struct origin *ret);
bool origin_is(const struct origin *o, const struct session *s);

/* password.c */
void password_changed(struct core *core, const struct event *event);
/* Those that are not on disk yet. */
void password_forget(struct core *core);

/* round.c */
struct round_order {
	enum reason reason;
	const struct remark *remark; /* its by, text, message and grace */
	/* Is that one of the sessions that are meant? whom: what the order gave, or a copy of it.
	 */
	bool (*means)(
		struct core *core, const void *whom, const struct session *s, struct revocation *r);
	const void *whom;
	size_t size;	   /* of whom, bytes */
	bool hunts;	   /* what outlived the sessions is ended after them ... */
	struct hunt *hunt; /* ... by this; taken over. NULL: there was no memory for it */
};
/*
 * Ends all the sessions that are meant, of those that there are now; the revocation is held until
 * the last of them has been told, and each holds it until it is gone. All is copied. r may be NULL:
 * then nobody waits, and nothing is hunted.
 */
void round_begin(struct core *core, const struct round_order *order, struct revocation *r);
void rounds_forget(struct core *core);

/* Those who wait for one end: each holds its revocation until it is told. -ENOMEM. */
int waiters_add(struct waiter **list, struct revocation *r);
void waiters_tell(struct waiter **list, const struct wire_outcome *outcome);
void waiters_forget(struct waiter **list);

/* leftovers.c: their ends */

/* What is left of a login that is over; the strings are copied. */
struct leftover {
	uint32_t audit_session;	  /* or PROC_NO_AUDIT */
	const char *cgroup;	  /* its own, or "" */
	const struct entry *what; /* what is recorded: whose, of which service, why, by whom */
	uint64_t grace;
};

/* Ends it, and r (which may be NULL) hears of that. Joins an end that is under way. */
void leftovers_end(struct core *core, const struct leftover *leftover, struct revocation *r);
/* Was it told of that audit session that processes survive its end? */
bool leftovers_survive(const struct core *core, uint32_t audit_session);
void leftovers_forget(struct core *core);

/* hunt.c: finding them */

struct hunt_order {
	enum reason reason;
	const struct remark *remark; /* by, text, grace */
	bool cron;		     /* cron jobs, too */
	uint32_t spare_audit;	     /* not that one; or PROC_NO_AUDIT */
	uint64_t lock;		     /* of those whom this lock hits; 0: of those who are added */
};

/* NULL: no memory. */
struct hunt *hunt_new(struct core *core, const struct hunt_order *order);
/* The logins of that user are meant; or, with a lock, it is said who he is. */
void hunt_add(struct hunt *hunt, uid_t uid, const char *user);
/* Takes over what the revocation is held with. */
void hunt_begin(struct hunt *hunt, struct revocation *r);
/* One that has not begun; NULL is none. */
void hunt_free(struct hunt *hunt);
void hunts_forget(struct core *core);

/* manager.c */

/* Has systemd stop the user's service manager, whose processes the caller ends. Does nothing
 * without systemd, and for root. */
void manager_stop(const struct core *core, uid_t uid);

/* logout.c */

/* It has closed: is something left of it when its leader is gone? */
void logout_note(struct core *core, const struct session *s);
void logouts_forget(struct core *core);

/* farewell.c */

/*
 * Says on the session's terminals that it ends now, and why; then calls ending_said(), never from
 * within. NULL: nobody can be told, and it is not called. message may be empty, grace 0.
 */
struct farewell *farewell_begin(
	struct core *core, struct session *s, uint64_t grace, const char *message);
/* Whatever was not said is not said any more. */
void farewell_free(struct farewell *f);

/* locks.c */
void locks_init(struct core *core);
int locks_load(struct core *core);
/* After the load: reads the folder, writes what stands there. */
int locks_start(struct core *core);
void locks_fini(struct core *core);
void locks_set(struct core *core, const struct event *event);
void locks_lift(struct core *core, const struct event *event);
/* Each session and process is compared with it while an order goes on: so it is quick. */
const struct lock *locks_by_id(const struct core *core, uint64_t id);
/* Of the fleet, or of this host alone: both may stand. */
struct lock *locks_by_name(
	const struct core *core, const char *kind, const char *name, bool fleet);
/* Takes it into the list, in place of the same one of the name. id 0: a new one. NULL: there is no
 * room. */
struct lock *locks_put(struct core *core, const struct wire_locked *what, uint64_t id);
/* A deadline counts in the boot that it was set in; in a later one the wall clock says when. */
void locks_set_deadline(const struct core *core, struct wire_locked *what);
/* Queues the entry with the lock's row. done may be NULL. */
void locks_record(struct core *core, const struct lock *lock, enum entry_kind kind,
	const struct caller *by, ledger_done_fn *done, void *ctx);

/* lockdir.c: the folder of the locks' files; all of it does nothing where there is none. */
int lockdir_open(struct core *core);
void lockdir_close(struct core *core);
void lockdir_read(struct core *core);
int lockdir_write(const struct core *core, const struct wire_locked *what);
void lockdir_remove(const struct core *core, const struct wire_locked *what);

/* denial.c */

/* The lock that hits such a login, or the session; or NULL. */
const struct wire_locked *denial_of_login(const struct core *core,
	const struct lock_subject *subject, const char *service, enum session_class class);
const struct wire_locked *denial_of_session(const struct core *core, const struct session *s);
/* Is it still there, and does it hit what is left of such a login? */
bool denial_hits_leftover(const struct core *core, uint64_t id, const struct lock_subject *subject);
/* May it hit any of that user's, as far as his uid says? */
bool denial_may_hit(const struct core *core, uint64_t id, uid_t uid);
/* Ends the sessions that it hits, then what is left over from logins of those whom it hits. r: who
 * waits for that; NULL: no memory, so that nothing can be done when the sessions are gone. */
void denial_enforce(
	struct core *core, const struct lock *lock, const struct caller *by, struct revocation *r);
/* The same where nobody waits for it. */
void denial_enforce_alone(struct core *core, const struct lock *lock);
/* The same for all locks. */
void denial_enforce_all(struct core *core);

#endif
