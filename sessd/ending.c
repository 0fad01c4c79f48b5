/*
 * How a session ends. Either it closes by itself (a logout: one entry, and out of the table), or
 * sessd ends it: the order goes to the ledger and to the reaper at once, the session stays in the
 * table as `ending` until its last process is gone, and who asked is answered when that is so and
 * on disk. Only an end that nobody is in a hurry with waits for anything before the kill: for the
 * last line on the terminals, and for the processes that are given a grace.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/fault.h"
#include "sessd/log.h"

/* Where memory or descriptors are out. */
#define AGAIN NS_PER_SEC

/* The end of one session. It outlives the session until its last entry is on disk. */
struct ending {
	struct core *core;
	struct session *session; /* NULL: gone, and the ending is in core's list `recorded` */
	LIST_ENTRY(ending) link;
	struct sid by_sid; /* the session from which it was ordered; zero: none */
	struct wire_outcome outcome;
	struct waiter *waiters;

	uint64_t began; /* clock_boot() of the order */
	uint64_t grace;
	char message[TEXT_STR_MAX + 1];
	bool at_once;		   /* it never had a grace, nor a last line */
	struct farewell *farewell; /* NULL: there is none, or it was said */
	struct reap *reap;	   /* NULL: not ordered yet */
};

void ending_tell(struct session *s, struct answer *answer)
{
	struct revocation *r = revocation_new(answer);

	if (r == NULL) {
		answer_error(answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	if (s->ending != NULL && waiters_add(&s->ending->waiters, r) < 0)
		log_error("out of memory: nobody hears of the end of a session");
	revocation_release(r);
}

static struct ending *ending_new(struct core *core, struct session *s)
{
	struct ending *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->core = core;
	e->session = s;
	e->outcome.sid = s->sid;
	e->outcome.reason = s->reason;
	snprintf(e->outcome.user, sizeof(e->outcome.user), "%s", text_or_empty(s->user));
	snprintf(e->outcome.service, sizeof(e->outcome.service), "%s", text_or_empty(s->service));
	return e;
}

/* With those who wait, who hear nothing any more. */
static void ending_free(struct ending *e)
{
	farewell_free(e->farewell);
	waiters_forget(&e->waiters);
	free(e);
}

void ending_void(struct core *core, struct session *s)
{
	struct ending *e = s->ending;

	if (e == NULL)
		return;
	s->ending = NULL;
	if (!core->closing)
		waiters_tell(&e->waiters, &e->outcome);
	ending_free(e);
}

void ending_forget(struct core *core)
{
	struct ending *e;

	while ((e = LIST_FIRST(&core->recorded)) != NULL) {
		LIST_REMOVE(e, link);
		ending_free(e);
	}
}

bool ending_is_scheduled(enum reason reason)
{
	return reason == REASON_LIFETIME || reason == REASON_IDLE;
}

static void reaped(void *ctx, const struct reap_result *result)
{
	struct ending *e = ctx;
	struct event event = {
		.type = EVENT_REAPED, .u.reaped = {.session = e->session, .result = result}};

	core_handle(e->core, &event);
}

/* Its elevations are in its cgroup or its audit session, so they die with it; each says why in its
 * own record. */
static void end_children(struct core *core, const struct session *parent, enum reason reason,
	const struct remark *remark)
{
	struct session *s = NULL;

	while ((s = session_child(&core->table, &parent->sid, s)) != NULL)
		ending_begin(core, s, reason, remark);
}

/*
 * May logind have made a scope for it alone? It is looked for only when the session ends, because
 * pam_systemd moves the leader after the session was opened. Not where the session shares its audit
 * session, nor where the kernel has none and the process that started the leader is in the same
 * scope: a login from within another session stays in that one's.
 */
static bool may_have_scope(const struct session *s)
{
	char own[PROC_CGROUP], above[PROC_CGROUP];
	struct proc_stat st;

	if (s->class == CLASS_ELEVATION)
		return false;
	if (s->audit_session != 0)
		return s->sweep;
	return proc_stat(s->leader, &st) == 0 && st.start == s->leader_start &&
	       proc_cgroup(s->leader, own, sizeof(own)) == 0 &&
	       proc_cgroup(st.ppid, above, sizeof(above)) == 0 && strcmp(own, above) != 0;
}

/* Its processes are the parent's as well: a second SIGTERM may mean `at once` to them. */
static bool is_told_with_parent(const struct core *core, const struct session *s)
{
	const struct session *parent = NULL;

	if (s->class == CLASS_ELEVATION)
		parent = session_by_sid(&core->table, &s->parent);
	return parent != NULL && parent->ending != NULL && parent->ending->reap != NULL;
}

static void order_reaper(struct core *core, struct session *s)
{
	char cgroup[PROC_CGROUP] = "";
	struct reap_order order = {
		.cgroup = text_or_empty(s->cgroup),
		.audit_session = s->sweep ? s->audit_session : PROC_NO_AUDIT,
		.leader_pidfd = s->watch != NULL && !s->watch->gone ? s->watch->pidfd : -1,
		.leader = s->leader,
		.since = s->ending->began,
		.grace = s->ending->grace,
		.tell = is_told_with_parent(core, s) ? REAP_TELL_NOBODY : REAP_TELL_ALL,
	};
	int r;

	if (s->cgroup == NULL && may_have_scope(s) &&
		cgroup_find(core->parts.cgroups, order.leader_pidfd >= 0 ? s->leader : 0, s->uid,
			s->audit_session != 0 ? s->audit_session : PROC_NO_AUDIT, cgroup) == 0)
		order.cgroup = cgroup;
	r = reaper_end(core->parts.reaper, &order, reaped, s->ending, &s->ending->reap);
	if (r == 0)
		return;
	log_error("session of %s cannot be ended now: %s", text_or_empty(s->user), strerror(-r));
	if (session_set_deadline(&core->table, s, clock_boot() + AGAIN) < 0)
		log_error("out of memory: that is tried again at the next start only");
	core_arm(core);
}

static void carry_out(struct core *core, struct session *s)
{
	struct remark remark = {.policy = s->policy, .text = s->text, .grace = s->ending->grace};

	order_reaper(core, s);
	fault_point(FAULT_ending_killed);
	end_children(core, s, s->reason, &remark);
}

void ending_said(struct core *core, struct session *s)
{
	s->ending->farewell = NULL;
	session_clear_deadline(&core->table, s);
	carry_out(core, s);
}

void ending_start(struct core *core, struct session *s)
{
	struct ending *e = s->ending;
	struct remark remark = {.by_sid = &e->by_sid, .grace = e->grace, .message = e->message};
	char sid[SID_HEX + 1];

	session_set_phase(&core->table, s, PHASE_ENDING);
	session_clear_deadline(&core->table, s);
	core_arm(core);
	s->ended_at = clock_wall();
	core->parts.metrics->kills++;
	log_info("ending session %.8s of %s (uid %u): %s", sid_hex(&s->sid, sid),
		text_or_empty(s->user), (unsigned)s->uid, reason_name(s->reason));
	core_append(core, s, ENTRY_SESSION_ENDING, &remark, true, NULL, NULL);
	fault_point(FAULT_ending_queued);
	e->began = clock_boot();
	if (s->class == CLASS_LOGIN && !e->at_once)
		e->farewell = farewell_begin(core, s, e->grace, e->message);
	if (e->farewell == NULL)
		carry_out(core, s);
}

/* Notes on the session why it ends, and by whom. Lost words are no reason to let it live. */
static void note_end(struct core *core, struct session *s, enum reason reason,
	const struct remark *remark, struct sid *ret_by_sid)
{
	char by[TEXT_STR_MAX + 1] = "";

	s->reason = reason;
	if (remark->by != NULL)
		caller_name(core, remark->by, by, sizeof(by), ret_by_sid);
	if (session_set_text(&s->ended_by, by) < 0 ||
		session_set_text(&s->text, text_or_empty(remark->text)) < 0)
		log_error("out of memory: the record of a session's end is short");
	if (remark->policy != NULL && session_set_text(&s->policy, remark->policy) < 0)
		log_error("out of memory: the record of a session's end is short");
}

/* Nobody of it was killed yet. */
static bool waits(const struct ending *e)
{
	return e->reap == NULL || reaper_waits(e->reap);
}

bool ending_has_grace(const struct session *s)
{
	return s->ending != NULL && s->ending->grace > 0 && waits(s->ending);
}

/* A second order, which can only bring the end nearer. It has an entry of its own: the session's
 * record keeps the first one's reason. */
static void hasten(
	struct core *core, struct session *s, enum reason reason, const struct remark *remark)
{
	struct ending *e = s->ending;
	struct remark order = *remark;

	if (remark->grace > 0 && remark->grace >= e->grace)
		return;
	if (s->phase == PHASE_OPENING) {
		e->grace = remark->grace;
		e->at_once = remark->grace == 0;
		return;
	}
	if (!waits(e))
		return;
	e->grace = remark->grace;
	order.reason = reason;
	order.message = NULL; /* it is not said any more */
	core_append(core, s, ENTRY_SESSION_ENDING, &order, false, NULL, NULL);
	if (e->reap != NULL) {
		reaper_hurry(e->reap, e->grace);
		end_children(core, s, reason, remark);
	} else if (e->grace == 0) {
		farewell_free(e->farewell);
		ending_said(core, s);
	}
}

/*
 * Who ends his own session can give it no grace beyond its lifetime, and with that the policies'
 * own.
 */
static uint64_t grace_of(
	const struct core *core, const struct session *s, enum reason reason, uint64_t wanted)
{
	uint64_t now = clock_boot(), most;
	struct subject subject;
	struct limits limits;

	if (s->class != CLASS_LOGIN || (wanted == 0 && !ending_is_scheduled(reason)))
		return wanted;
	session_subject(s, &subject);
	policy_resolve(&core->parts.config->policies, &subject, &limits);
	if (ending_is_scheduled(reason))
		return limits.grace;
	if (s->deadline_at == 0)
		return wanted;
	most = limits.grace + (s->deadline_at > now ? s->deadline_at - now : 0);
	return wanted < most ? wanted : most;
}

void ending_begin(
	struct core *core, struct session *s, enum reason reason, const struct remark *remark)
{
	struct remark order = *remark;
	struct sid by_sid = {0};

	order.grace = grace_of(core, s, reason, remark->grace);
	if (s->ending != NULL) {
		hasten(core, s, reason, &order);
		return;
	}
	if (s->phase == PHASE_ENDING)
		return;
	note_end(core, s, reason, remark, &by_sid);
	s->ending = ending_new(core, s);
	if (s->ending == NULL) {
		log_error("session of %s cannot be ended: out of memory", text_or_empty(s->user));
		return;
	}
	s->ending->by_sid = by_sid;
	s->ending->grace = order.grace;
	snprintf(s->ending->message, sizeof(s->ending->message), "%s",
		text_or_empty(remark->message));
	s->ending->at_once =
		!ending_is_scheduled(reason) && remark->grace == 0 && remark->message == NULL;
	if (s->phase == PHASE_ACTIVE)
		ending_start(core, s);
}

void ending_repeat(struct core *core, struct session *s)
{
	s->ending = ending_new(core, s);
	if (s->ending == NULL)
		return;
	s->ending->at_once = true;
	carry_out(core, s);
}

void ending_finish(struct core *core, struct session *s, enum reason reason,
	const struct remark *remark, ledger_done_fn *done, void *ctx)
{
	session_set_phase(&core->table, s, PHASE_ENDED);
	s->reason = reason;
	if (s->ended_at == 0)
		s->ended_at = clock_wall();
	core->parts.metrics->ended[reason]++;
	if (reason == REASON_LOGOUT)
		logout_note(core, s);
	core_append(core, s, ENTRY_SESSION_ENDED, remark, true, done, ctx);
	core_drop(core, s);
}

static void end_committed(void *ctx, int result)
{
	struct ending *e = ctx;

	/* not on disk yet: it is gone all the same, and the ledger's own alarm says the rest */
	(void)result;
	LIST_REMOVE(e, link);
	waiters_tell(&e->waiters, &e->outcome);
	fault_point(FAULT_revoke_answered);
	free(e);
}

void ending_reaped(struct core *core, const struct event *event)
{
	const struct reap_result *result = event->u.reaped.result;
	struct session *s = event->u.reaped.session;
	struct ending *e = s->ending;
	struct remark remark = {.reaped = result, .by_sid = &e->by_sid};

	e->outcome.signalled = result->signalled;
	e->outcome.elapsed = result->elapsed;
	e->outcome.survivors = result->survivors;
	memcpy(e->outcome.survivor_list, result->survivor_list, sizeof(e->outcome.survivor_list));
	if (!result->gone) {
		core->parts.metrics->survivors += result->survivors;
		log_warning("session of %s: %u processes survive: %s", text_or_empty(s->user),
			result->survivors, result->survivor_list);
		core_append(core, s, ENTRY_SESSION_SURVIVED, &remark, false, NULL, NULL);
		waiters_tell(&e->waiters, &e->outcome);
		return;
	}
	fault_point(FAULT_ending_gone);
	core->parts.metrics->signalled += result->signalled;
	if (e->at_once)
		histogram_add(&core->parts.metrics->revoke, result->elapsed);
	e->session = NULL;
	s->ending = NULL;
	LIST_INSERT_HEAD(&core->recorded, e, link);
	ending_finish(core, s, s->reason, &remark, end_committed, e);
	fault_point(FAULT_ended_queued);
}

static void close_committed(void *ctx, int result)
{
	static const struct wire_done done;

	(void)result;
	answer_send(ctx, WIRE_done, &done, true);
	fault_point(FAULT_close_answered);
}

/* May this process say that the session is over? Its leader may, and who is in the session. */
static bool may_close(const struct caller *caller, const struct session *s)
{
	if (caller->pid == s->leader && caller->start == s->leader_start)
		return true;
	return s->audit_session != 0 && caller->audit_session == s->audit_session;
}

void ending_close(struct core *core, const struct event *event)
{
	static const struct wire_done done;
	static const struct remark none;
	struct session *s = session_by_sid(&core->table, &event->u.close->sid);

	fault_point(FAULT_close_received);
	/* over already; or in the spool still, as the module then finds out */
	if (s == NULL) {
		answer_error(event->answer, WIRE_E_NO_SESSION, NULL);
		return;
	}
	/* one that is being ended goes its way */
	if (s->phase == PHASE_ENDING) {
		answer_send(event->answer, WIRE_done, &done, true);
		return;
	}
	if (!may_close(event->caller, s)) {
		log_warning("process %d (uid %u) asked to close a session that is not its own",
			(int)event->caller->pid, (unsigned)event->caller->uid);
		answer_error(event->answer, WIRE_E_NOT_PERMITTED, NULL);
		return;
	}
	if (s->phase == PHASE_OPENING) {
		answer_error(event->answer, WIRE_E_INVALID, "the session is not open yet");
		return;
	}
	ending_finish(core, s, REASON_LOGOUT, &none, close_committed, event->answer);
	fault_point(FAULT_close_queued);
}

void revocation_add(struct core *core, struct session *s, enum reason reason,
	const struct remark *remark, struct revocation *r)
{
	ending_begin(core, s, reason, remark);
	if (s->ending == NULL || waiters_add(&s->ending->waiters, r) < 0)
		revocation_fail(r, "out of memory: a session may go on, or its end is not told");
	else if (s->ending->outcome.survivors > 0)
		/* patience ran out before: nobody knows when they will go */
		waiters_tell(&s->ending->waiters, &s->ending->outcome);
}
