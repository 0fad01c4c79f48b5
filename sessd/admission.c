/*
 * How a session begins. A login that policy caps is counted here, in the one thread that owns the
 * table, so the count and the admission are one step: from the moment that a session is `opening`
 * it holds its place, and only then the ledger is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/fault.h"
#include "sessd/log.h"

/* The module waits 1 s unless told otherwise; an answer must reach it before. */
#define WAIT_FOR_PLACE (700 * NS_PER_MS)

/* Nobody waits for an answer about a spooled login: it has the time that the reaper may need. */
#define WAIT_ADOPTED (5 * NS_PER_SEC)

/* past: as in ledger_past_fn, where the user is told something. */
static void answer_granted(
	struct core *core, struct session *s, struct answer *a, const struct ledger_past *past)
{
	struct wire_granted msg = {
		.tracked = true,
		.keep_token = s->class == CLASS_LOGIN,
		.expires_at = s->expires_at,
		.runtime_max = s->runtime_max,
	};

	if (s->notice)
		notice_give(core, s, past, msg.notice);
	s->notice = false;
	answer_send(a, WIRE_granted, &msg, true);
}

void admission_hash_token(const struct core *core, const struct token *token, struct token *ret)
{
	crypto_generichash(
		ret->b, sizeof(ret->b), token->b, sizeof(token->b), core->parts.token_key, 32);
}

/* The session that a su or sudo was started in: by the kernel's word, or where it has none by the
 * token. */
const struct session *admission_parent(
	const struct core *core, const struct caller *caller, const struct token *token)
{
	const struct session *s;
	struct token hash;

	if (caller->audit_session != PROC_NO_AUDIT)
		return session_by_audit(&core->table, caller->audit_session);
	if (token_is_zero(token))
		return NULL;
	admission_hash_token(core, token, &hash);
	s = session_by_token_hash(&core->table, &hash);
	/* it may have been replaced while the request was under way */
	return s != NULL ? s : session_by_old_token_hash(&core->table, &hash);
}

/*
 * Is the audit session the leader's alone, so that a sweep harms no stranger? Not where the process
 * that started the leader has the same one (pam_loginuid is missing from the stack, say), nor where
 * another session has it.
 */
static bool audit_session_is_own(const struct core *core, const struct caller *caller)
{
	struct proc_stat st;
	uint32_t parent;

	if (caller->audit_session == PROC_NO_AUDIT ||
		session_by_audit(&core->table, caller->audit_session))
		return false;
	if (proc_stat(caller->pid, &st) < 0 || proc_audit_session(st.ppid, &parent) < 0)
		return false;
	return parent != caller->audit_session;
}

/* Completes the record with what the kernel, the policies and the clock say. */
void admission_complete(
	const struct core *core, const struct caller *caller, struct wire_stored *rec)
{
	const struct subject subject = {.user = rec->user,
		.service = rec->service,
		.rhost = rec->rhost,
		.gids = rec->gids.gid,
		.n_gids = rec->gids.n};
	struct limits limits;

	policy_resolve(&core->parts.config->policies, &subject, &limits);
	rec->phase = PHASE_OPENING;
	rec->leader_pid = (uint64_t)caller->pid;
	rec->leader_start = caller->start;
	if (caller->audit_session != PROC_NO_AUDIT)
		rec->audit_session = caller->audit_session;
	rec->sweep = rec->class != CLASS_ELEVATION && audit_session_is_own(core, caller);
	if (limits.exempt) {
		snprintf(rec->policy, sizeof(rec->policy), "%s", limits.exempt_policy);
	} else if (rec->class == CLASS_LOGIN && limits.lifetime > 0) {
		snprintf(rec->policy, sizeof(rec->policy), "%s", limits.lifetime_policy);
		rec->expires_at = rec->opened_at + limits.lifetime;
		rec->deadline = clock_boot() + limits.lifetime;
		/* the module of an adopted one was told nothing */
		if (!rec->adopted)
			rec->runtime_max =
				(limits.max_lifetime > limits.lifetime ? limits.max_lifetime
								       : limits.lifetime) +
				limits.grace + RUNTIME_SLACK;
	}
}

static void commit_opening(struct core *core, struct session *s);

/*
 * For one that the module let in while the daemon was away there is no turning away: it is taken in
 * and ended. So the ledger has it when its file is removed from the spool, and a restart ends it
 * once more.
 */
static void take_in_and_end(struct core *core, struct session *s, enum reason reason,
	const struct verdict *v, const char *text)
{
	struct remark remark = {.text = text};

	if (v != NULL && v->policy != NULL)
		remark.policy = v->policy->name;
	cap_give_up(s);
	session_clear_deadline(&core->table, s);
	core_arm(core);
	ending_begin(core, s, reason, &remark);
	commit_opening(core, s);
}

/* Turns away one that is in the table and opening. */
void admission_refuse(struct core *core, struct session *s, enum reason reason,
	const struct verdict *v, const char *text)
{
	uint32_t audit_session = s->sweep ? s->audit_session : PROC_NO_AUDIT;

	if (s->adopted) {
		take_in_and_end(core, s, reason, v, text);
		return;
	}
	fault_point(FAULT_refuse_received);
	refusal_record(core, s, reason, v, text);
	refusal_answer(s->answer, reason, text);
	s->answer = NULL;
	fault_point(FAULT_refuse_answered);
	if (s->class == CLASS_LOGIN && s->watch != NULL && !s->watch->gone)
		condemn(core, s->watch->pidfd, s->leader, audit_session);
	core_drop(core, s);
}

static void opened_after(void *ctx, int result, const struct ledger_past *past)
{
	struct session *s = ctx;
	struct core *core = s->watch->core;
	struct remark unavailable = {.text = "the ledger cannot be written"};
	struct remark none = {0};

	fault_point(FAULT_open_active);
	if (result < 0 && core->parts.config->ledger_required) {
		/* what waits in the ledger's queue says that it was let in; so it needs its end as
		 * well */
		core->parts.metrics->refused[REASON_UNAVAILABLE]++;
		refusal_answer(s->answer, REASON_UNAVAILABLE, reason_words(REASON_UNAVAILABLE));
		s->answer = NULL;
		if (s->class == CLASS_LOGIN && !s->watch->gone)
			condemn(core, s->watch->pidfd, s->leader,
				s->sweep ? s->audit_session : PROC_NO_AUDIT);
		ending_finish(core, s, REASON_UNAVAILABLE, &unavailable, NULL, NULL);
		return;
	}
	session_set_phase(&core->table, s, PHASE_ACTIVE);
	core->parts.metrics->opened[s->class]++;
	fleet_opened(core, s);
	core->parts.metrics->adopted += s->adopted;
	reauth_elevated(core, s);
	/* of one that was let in while nobody looked, the terminals tell */
	s->input_at = s->adopted ? 0 : clock_boot();
	expiry_arm(core, s);
	answer_granted(core, s, s->answer, past);
	s->answer = NULL;
	fault_point(FAULT_open_answered);
	if (s->ending != NULL)
		ending_start(core, s);
	else if (s->watch->gone)
		ending_begin(core, s, REASON_LEADER_GONE, &none);
}

static void opened(void *ctx, int result)
{
	opened_after(ctx, result, NULL);
}

/* The place is there: write it down. */
static void commit_opening(struct core *core, struct session *s)
{
	static const struct remark none;

	if (fleet_seek(core, s))
		return;
	fault_point(FAULT_open_held);
	if (s->notice)
		core_append_login(core, s, notice_last_live(s), opened_after, s);
	else
		core_append(core, s, s->adopted ? ENTRY_SESSION_ADOPTED : ENTRY_SESSION_OPENED,
			&none, true, opened, s);
	fault_point(FAULT_open_queued);
}

void admission_gave_place(struct core *core, struct session *heir)
{
	if (--heir->waits > 0 || core->closing)
		return;
	session_clear_deadline(&core->table, heir);
	core_arm(core);
	commit_opening(core, heir);
}

void admission_waited_too_long(struct core *core, struct session *s)
{
	if (fleet_gave_up(core, s))
		return;
	admission_refuse(core, s, REASON_CAP, NULL,
		"another session of yours must end first, and has not in time");
}

void admission_leader_gone(struct core *core, struct session *s)
{
	/* one that is being committed is ended when it is active: see opened() */
	if (s->waits == 0)
		return;
	if (s->adopted) {
		take_in_and_end(core, s, REASON_LEADER_GONE, NULL, NULL);
		return;
	}
	refusal_answer(s->answer, REASON_LEADER_GONE, reason_words(REASON_LEADER_GONE));
	s->answer = NULL;
	core_drop(core, s);
}

/*
 * A cgroup of its own, where nobody else (logind) makes one: for logins, and for an elevation
 * inside its parent's. Not for background services, whose leader may be a daemon that serves others
 * too.
 */
static void make_cgroup(struct core *core, struct session *s)
{
	const struct session *parent = session_by_sid(&core->table, &s->parent);
	const char *above = parent ? parent->cgroup : NULL;
	char path[PROC_CGROUP];
	int r;

	if (!core->parts.cgroups->make || s->adopted)
		return;
	if (s->class != CLASS_LOGIN && (s->class != CLASS_ELEVATION || above == NULL))
		return;
	r = cgroup_make(core->parts.cgroups, &s->sid, s->class == CLASS_ELEVATION ? above : NULL,
		s->leader, path);
	/* moved by its number: one that has died meanwhile may have been a stranger */
	if (r == 0 && pidfd_is_dead(s->watch->pidfd)) {
		garbage_collect(core, path);
		return;
	}
	if (r == 0)
		r = session_set_text(&s->cgroup, path);
	if (r < 0 && r != -EOPNOTSUPP)
		log_warning("session of %s: no cgroup of its own (%s); it can be ended by its "
			    "audit session only",
			text_or_empty(s->user), strerror(-r));
}

/* Takes over a new session: into the table, under the caps, to the ledger. pidfd is lent. */
void admission_begin(struct core *core, struct session *s, int pidfd, struct answer *answer)
{
	char words[TEXT_LONG_MAX + 1], title[LOCK_TITLE];
	const struct wire_locked *lock;
	struct verdict v = {.admitted = false};
	int fd, r;

	s->row_id = ++core->last_row;
	s->holds = false;
	r = session_table_add(&core->table, s);
	if (r < 0) {
		session_free(s);
		answer_error(answer, WIRE_E_UNAVAILABLE, strerror(-r));
		return;
	}
	fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	r = fd < 0 ? -errno : core_watch(core, s, fd);
	if (r < 0) {
		core_drop(core, s);
		answer_error(answer, WIRE_E_UNAVAILABLE, strerror(-r));
		return;
	}
	s->answer = answer;
	lock = denial_of_session(core, s);
	if (lock != NULL) {
		v.lock = lock_title(lock->kind, lock->name, title);
		admission_refuse(core, s, REASON_LOCKED, &v, lock_words(lock));
		return;
	}
	if (!cap_find_place(core, s, &v)) {
		cap_words(core, s->uid, &v, words, sizeof(words));
		admission_refuse(core, s, REASON_CAP, &v, words);
		return;
	}
	s->holds = true;
	make_cgroup(core, s);
	if (s->waits == 0) {
		commit_opening(core, s);
		return;
	}
	if (session_set_deadline(&core->table, s,
		    clock_boot() + (s->adopted ? WAIT_ADOPTED : WAIT_FOR_PLACE)) < 0)
		admission_refuse(core, s, REASON_CAP, NULL, "out of memory");
	core_arm(core);
}

/* The same request once more: the module lost its connection and asks again, under the same sid. */
static void open_again(struct core *core, struct session *s, struct answer *answer)
{
	if (s->phase == PHASE_OPENING) {
		answer_error(s->answer, WIRE_E_UNAVAILABLE, "the same request came again");
		s->answer = answer;
	} else if (s->phase == PHASE_ACTIVE) {
		answer_granted(core, s, answer, NULL);
	} else {
		refusal_answer(answer, s->reason, reason_words(s->reason));
	}
}

static bool ledger_refuses(const struct core *core)
{
	struct ledger_stats stats;

	if (!core->parts.config->ledger_required)
		return false;
	ledger_stats(core->parts.ledger, &stats);
	return stats.failing;
}

void admission_open(struct core *core, const struct event *event)
{
	static const struct wire_granted untracked;
	const struct wire_open *open = event->u.open;
	struct wire_stored rec = {.sid = open->sid, .opened_at = clock_wall()};
	struct session *s = session_by_sid(&core->table, &open->sid);
	const struct session *parent;

	fault_point(FAULT_open_received);
	if (s != NULL) {
		open_again(core, s, event->answer);
		return;
	}
	rec.class = policy_class(&core->parts.config->policies, open->service);
	if (rec.class == CLASS_IGNORED) {
		answer_send(event->answer, WIRE_granted, &untracked, true);
		return;
	}
	RECORD_OF_LOGIN(open, &rec);
	admission_complete(core, event->caller, &rec);
	reauth_begin(&rec, clock_boot());
	if (rec.class == CLASS_LOGIN) {
		admission_hash_token(core, &open->new_token, &rec.token_hash);
		rec.token_key = open->token_key;
	}
	parent = rec.class == CLASS_ELEVATION ? admission_parent(core, event->caller, &open->token)
					      : NULL;
	if (parent != NULL)
		rec.parent = parent->sid;
	s = session_new(&rec);
	if (s == NULL) {
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	s->notice = open->notice && s->class == CLASS_LOGIN;
	if (ledger_refuses(core)) {
		refusal_record(core, s, REASON_UNAVAILABLE, NULL, "the ledger cannot be written");
		if (s->class == CLASS_LOGIN)
			condemn(core, event->caller->pidfd, s->leader,
				s->sweep ? s->audit_session : PROC_NO_AUDIT);
		session_free(s);
		refusal_answer(event->answer, REASON_UNAVAILABLE, reason_words(REASON_UNAVAILABLE));
		return;
	}
	admission_begin(core, s, event->caller->pidfd, event->answer);
}
