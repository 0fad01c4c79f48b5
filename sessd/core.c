/*
 * The events, and what all of them need: the entry for the ledger, the watch on a leader, the first
 * deadline. How a session begins is in admission.c, how it ends in ending.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/fdstore.h"
#include "sessd/log.h"

/* Deadlines that are handled in one turn of the loop. */
#define DUE_BATCH 32

int core_new(const struct core_parts *parts, struct core **ret)
{
	struct core *core = calloc(1, sizeof(*core));
	int r;

	if (core == NULL)
		return -ENOMEM;
	core->parts = *parts;
	core->last_row = ledger_last_id(parts->ledger);
	r = fleet_init(core);
	if (r == 0)
		r = input_init(core);
	if (r < 0) {
		fleet_fini(core);
		free(core);
		return r;
	}
	locks_init(core);
	*ret = core;
	return 0;
}

static void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	loop_io_remove(w->core->parts.loop, &w->io);
	/* a daemon that stops forgets the session, and the next one wants it */
	if (!w->core->closing)
		fdstore_drop(w->core->parts.fdstore, &w->session->sid);
	close(w->pidfd);
	free(w);
}

void core_free(struct core *core)
{
	struct session *s;
	uint32_t slot = 0;

	if (core == NULL)
		return;
	core->closing = true;
	while ((s = session_next(&core->table, &slot)) != NULL) {
		free(s->cgroup);
		s->cgroup = NULL;
		core_drop(core, s);
	}
	session_table_fini(&core->table);
	ending_forget(core);
	logouts_forget(core);
	rounds_forget(core);
	hunts_forget(core);
	leftovers_forget(core);
	extension_forget(core);
	password_forget(core);
	condemned_forget(core);
	idleness_forget(core);
	locks_fini(core);
	fleet_fini(core);
	input_fini(core);
	garbage_forget(core);
	loop_timer_cancel(core->parts.loop, &core->due);
	free(core);
}

void answer_error(struct answer *a, enum wire_errno code, const char *text)
{
	struct wire_error msg = {.code = code};

	snprintf(msg.text, sizeof(msg.text), "%s", text ? text : wire_error_words(code));
	answer_send(a, WIRE_error, &msg, true);
}

void caller_name(const struct core *core, const struct caller *caller, char *out, size_t size,
	struct sid *ret_sid)
{
	const struct session *s = NULL;

	if (caller->audit_session != PROC_NO_AUDIT)
		s = session_by_audit(&core->table, caller->audit_session);
	if (caller->name[0] != '\0') {
		snprintf(out, size, "%s", caller->name);
	} else if (s != NULL) {
		*ret_sid = s->sid;
		snprintf(out, size, "%s", text_or_empty(s->user));
	} else if (caller->uid == 0) {
		snprintf(out, size, "root");
	} else {
		snprintf(out, size, "uid %u", (unsigned)caller->uid);
	}
}

static void entry_fill(const struct core *core, struct entry *e, const struct session *s,
	const struct remark *remark)
{
	struct wire_session rec;

	session_record(s, &rec);
	e->sid = rec.sid;
	e->parent = rec.parent;
	e->class = rec.class;
	e->uid = (struct opt_uid){.set = true, .uid = s->uid};
	e->leader_pid = rec.leader_pid;
	e->audit_session = rec.audit_session;
	e->opened_at = rec.opened_at;
	e->expires_at = rec.expires_at;
	e->reason = remark->reason ? remark->reason : rec.reason;
	/* that it came says nothing yet of why it goes, although that may be decided already */
	if (s->phase == PHASE_OPENING && !remark->reason)
		e->reason = REASON_NONE;
	e->limit = remark->limit;
	e->count = remark->count;
	e->old_expires_at = remark->old_expires_at;
	e->grace = remark->grace;
	memcpy(e->user, rec.user, sizeof(e->user));
	memcpy(e->service, rec.service, sizeof(e->service));
	memcpy(e->tty, rec.tty, sizeof(e->tty));
	memcpy(e->rhost, rec.rhost, sizeof(e->rhost));
	memcpy(e->ruser, rec.ruser, sizeof(e->ruser));
	memcpy(e->auth, rec.auth, sizeof(e->auth));
	snprintf(e->policy, sizeof(e->policy), "%s", remark->policy ? remark->policy : rec.policy);
	snprintf(e->message, sizeof(e->message), "%s", text_or_empty(remark->message));
	/* what is recorded on the session is of the order that ends it, not of another one */
	if (remark->text != NULL)
		snprintf(e->text, sizeof(e->text), "%s", remark->text);
	else if (s->phase != PHASE_OPENING && !remark->reason)
		memcpy(e->text, rec.text, sizeof(e->text));
	if (s->phase != PHASE_OPENING && !remark->reason)
		memcpy(e->by, rec.ended_by, sizeof(e->by));
	snprintf(e->lock, sizeof(e->lock), "%s", text_or_empty(remark->lock));
	if (remark->auth != NULL)
		snprintf(e->auth, sizeof(e->auth), "%s", remark->auth);
	if (remark->other != NULL)
		e->other_sid = *remark->other;
	if (remark->by_sid != NULL)
		e->by_sid = *remark->by_sid;
	if (remark->by != NULL)
		caller_name(core, remark->by, e->by, sizeof(e->by), &e->by_sid);
	if (remark->reaped != NULL) {
		e->signalled = remark->reaped->signalled;
		e->elapsed = remark->reaped->elapsed;
		e->survivors = remark->reaped->survivors;
		memcpy(e->survivor_list, remark->reaped->survivor_list, sizeof(e->survivor_list));
	}
}

static int row_fill(struct core *core, const struct session *s, struct ledger_row *row)
{
	struct wire_stored stored;
	int r;

	session_stored(s, core->parts.boot_id, &stored);
	/* the row says what is true once it is on disk */
	if (stored.phase == PHASE_OPENING)
		stored.phase = s->ending != NULL ? PHASE_ENDING : PHASE_ACTIVE;
	r = wire_encode(WIRE_stored, 0, &stored, core->record, sizeof(core->record), &row->len);
	row->lock = false;
	row->record = core->record;
	row->id = s->row_id;
	row->uid = s->uid;
	row->live = s->phase != PHASE_ENDED;
	/* one that was taken back was no login */
	row->login = s->class == CLASS_LOGIN && s->reason != REASON_UNAVAILABLE;
	return r;
}

static void not_recorded(const struct session *s, enum entry_kind kind, int r)
{
	log_error("%s of %s (uid %u): not recorded: %s", entry_name(kind), text_or_empty(s->user),
		(unsigned)s->uid, strerror(-r));
}

void core_append(struct core *core, const struct session *s, enum entry_kind kind,
	const struct remark *remark, bool row, ledger_done_fn *done, void *ctx)
{
	static const struct remark none;
	struct ledger_row r;
	struct entry e;
	int rc = 0;

	entry_init(&e, kind, clock_wall());
	entry_fill(core, &e, s, remark ? remark : &none);
	if (row)
		rc = row_fill(core, s, &r);
	if (rc == 0)
		rc = ledger_append(core->parts.ledger, &e, s->uid, row ? &r : NULL, done, ctx);
	if (rc < 0) {
		not_recorded(s, kind, rc);
		if (done != NULL)
			done(ctx, rc);
	}
}

void core_append_login(
	struct core *core, const struct session *s, uint64_t live, ledger_past_fn *done, void *ctx)
{
	static const struct remark none;
	struct ledger_row row;
	struct entry e;
	int r;

	entry_init(&e, ENTRY_SESSION_OPENED, clock_wall());
	entry_fill(core, &e, s, &none);
	r = row_fill(core, s, &row);
	if (r == 0)
		r = ledger_append_login(core->parts.ledger, &e, &row, live, done, ctx);
	if (r < 0) {
		not_recorded(s, ENTRY_SESSION_OPENED, r);
		done(ctx, r, NULL);
	}
}

void core_record(struct core *core, const struct entry *e)
{
	int r = ledger_append(core->parts.ledger, e, LEDGER_ALL_UIDS, NULL, NULL, NULL);

	if (r < 0)
		log_error("%s: not recorded: %s", e->event, strerror(-r));
}

void core_note(struct core *core, enum entry_kind kind, const char *text)
{
	struct entry e;

	entry_init(&e, kind, clock_wall());
	snprintf(e.text, sizeof(e.text), "%s", text);
	snprintf(e.boot_id, sizeof(e.boot_id), "%s", core->parts.boot_id);
	core_record(core, &e);
}

void core_note_read(struct core *core, const struct caller *caller, const struct core_read *what)
{
	struct entry e;

	entry_init(&e, ENTRY_LEDGER_READ, clock_wall());
	caller_name(core, caller, e.by, sizeof(e.by), &e.by_sid);
	e.first = what->first;
	e.last = what->last;
	e.count = what->count;
	core_record(core, &e);
}

void core_note_refusal(struct core *core, const char *by, const char *text)
{
	struct entry e;

	entry_init(&e, ENTRY_ORDER_REFUSED, clock_wall());
	snprintf(e.by, sizeof(e.by), "%s", by);
	snprintf(e.text, sizeof(e.text), "%s", text);
	core_record(core, &e);
}

void core_drop(struct core *core, struct session *s)
{
	/* before its heir is told, who may seek a place there */
	fleet_left(core, s);
	if (s->heir != NULL)
		admission_gave_place(core, s->heir);
	if (s->phase == PHASE_OPENING)
		cap_give_up(s);
	if (s->cgroup != NULL)
		garbage_collect(core, s->cgroup);
	ending_void(core, s);
	input_forget(s);
	session_table_remove(&core->table, s);
	watch_free(s->watch);
	session_free(s);
	core_arm(core);
}

static void leader_died(void *ctx, uint32_t events)
{
	struct watch *w = ctx;
	struct event event = {.type = EVENT_LEADER_GONE, .u.session = w->session};

	(void)events;
	loop_io_remove(w->core->parts.loop, &w->io);
	w->gone = true;
	core_handle(w->core, &event);
}

int core_watch(struct core *core, struct session *s, int pidfd)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (w != NULL) {
		*w = (struct watch){.core = core, .session = s, .pidfd = pidfd};
		r = loop_io_add(core->parts.loop, &w->io, pidfd, EPOLLIN, leader_died, w);
	}
	if (r < 0) {
		close(pidfd);
		free(w);
		return r;
	}
	s->watch = w;
	fdstore_keep(core->parts.fdstore, &s->sid, pidfd);
	return 0;
}

static void deadline_passed(void *ctx)
{
	struct core *core = ctx;
	struct session *s;
	unsigned n;

	/* the rest in the next turn: thousands that are due together must not hold up a login */
	for (n = 0; n < DUE_BATCH; n++) {
		struct event event = {.type = EVENT_DUE};

		s = session_first_due(&core->table);
		if (s == NULL || s->deadline.key > clock_boot())
			break;
		event.u.session = s;
		session_clear_deadline(&core->table, s);
		core_handle(core, &event);
	}
	core_arm(core);
}

void core_arm(struct core *core)
{
	const struct session *s = session_first_due(&core->table);

	if (s == NULL)
		loop_timer_cancel(core->parts.loop, &core->due);
	else if (loop_timer_set(
			 core->parts.loop, &core->due, s->deadline.key, deadline_passed, core) < 0)
		log_error("out of memory: deadlines are late");
}

static void handle_due(struct core *core, struct session *s)
{
	if (s->phase == PHASE_OPENING)
		admission_waited_too_long(core, s);
	else if (s->phase == PHASE_ENDING)
		ending_said(core, s);
	else
		expiry_due(core, s);
}

static void handle_leader_gone(struct core *core, struct session *s)
{
	static const struct remark none;

	if (s->phase == PHASE_OPENING)
		admission_leader_gone(core, s);
	else if (s->phase == PHASE_ACTIVE)
		ending_begin(core, s, REASON_LEADER_GONE, &none);
}

void core_handle(struct core *core, const struct event *event)
{
	switch (event->type) {
	case EVENT_ACCT:
		preview_acct(core, event);
		break;
	case EVENT_OPEN:
		admission_open(core, event);
		break;
	case EVENT_SPOOLED:
		adoption_spooled(core, event);
		break;
	case EVENT_CLOSE:
		ending_close(core, event);
		break;
	case EVENT_REVOKE:
		revocation_revoke(core, event);
		break;
	case EVENT_EXTEND:
		extension_extend(core, event);
		break;
	case EVENT_LOCK:
		locks_set(core, event);
		break;
	case EVENT_UNLOCK:
		locks_lift(core, event);
		break;
	case EVENT_REAUTH:
		claim_begin(core, event);
		break;
	case EVENT_REAUTH_TRIED:
		claim_settle(core, event);
		break;
	case EVENT_PASSWORD_CHANGED:
		password_changed(core, event);
		break;
	case EVENT_LEADER_GONE:
		handle_leader_gone(core, event->u.session);
		break;
	case EVENT_DUE:
		handle_due(core, event->u.session);
		break;
	case EVENT_REAPED:
		ending_reaped(core, event);
		break;
	case EVENT_ATTEND:
		fleet_attend(core, event);
		break;
	case EVENT_STANDING:
		fleet_standing(core, event);
		break;
	case EVENT_PLACED:
		fleet_placed(core, event);
		break;
	case EVENT_RELAY:
		fleet_relay(core, event);
		break;
	case EVENT_ERRAND:
		fleet_ask(core, event);
		break;
	case EVENT_OVERSHOOT:
		fleet_overshoot(core, event);
		break;
	}
}

void core_set_config(struct core *core, const struct config *config)
{
	core->parts.config = config;
	expiry_arm_all(core);
	fleet_policies(core);
}

const struct session_table *core_sessions(const struct core *core)
{
	return &core->table;
}

bool core_permits(const struct caller *caller, const struct session *s)
{
	return caller->admin || caller->uid == s->uid;
}

struct session *core_find(const struct core *core, const struct caller *caller, const char *prefix,
	enum wire_errno *ret_why)
{
	struct session *s, *found = NULL;
	bool hidden = false;
	uint32_t slot = 0;
	struct sid sid;

	if (!sid_prefix_valid(prefix)) {
		*ret_why = WIRE_E_INVALID;
		return NULL;
	}
	if (sid_parse(prefix, &sid)) {
		found = session_by_sid(&core->table, &sid);
		hidden = found != NULL && !core_permits(caller, found);
	} else {
		while ((s = session_next(&core->table, &slot)) != NULL) {
			if (!sid_has_prefix(&s->sid, prefix))
				continue;
			if (!core_permits(caller, s)) {
				hidden = true;
				continue;
			}
			if (found != NULL) {
				*ret_why = WIRE_E_AMBIGUOUS;
				return NULL;
			}
			found = s;
		}
	}
	if (found != NULL && core_permits(caller, found))
		return found;
	*ret_why = hidden ? WIRE_E_NOT_PERMITTED : WIRE_E_NO_SESSION;
	return NULL;
}
