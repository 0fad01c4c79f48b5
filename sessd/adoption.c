/*
 * Logins that happened while the daemon was away or hung. The module wrote down who and by which
 * process; where that process still lives, the session is taken in, caps and all; where it does
 * not, the ledger hears what happened.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"

/* The leader of a spooled login, if it is still the process that it was. pidfd or -ESRCH. */
static int spooled_leader(const struct core *core, const struct wire_spooled *r, struct caller *ret)
{
	struct proc_stat st;
	int pidfd;

	if (strcmp(r->boot_id, core->parts.boot_id) != 0 || r->leader_pid == 0 ||
		r->leader_pid > INT32_MAX)
		return -ESRCH;
	*ret = (struct caller){
		.pidfd = -1, .pid = (pid_t)r->leader_pid, .start = r->leader_start, .admin = true};
	pidfd = pidfd_open_pid(ret->pid);
	if (pidfd < 0)
		return -ESRCH;
	if (proc_stat(ret->pid, &st) < 0 || st.start != r->leader_start || st.state == 'Z' ||
		proc_audit_session(ret->pid, &ret->audit_session) < 0) {
		close(pidfd);
		return -ESRCH;
	}
	ret->pidfd = pidfd;
	return pidfd;
}

static void spool_answered(void *ctx, int result)
{
	static const struct wire_done done;

	/* not on disk: the file stays, and is read again after the next start */
	if (result < 0)
		answer_error(ctx, WIRE_E_UNAVAILABLE, NULL);
	else
		answer_send(ctx, WIRE_done, &done, true);
}

/* What was spooled is over already: two entries tell it, and the table never sees it. */
static void record_history(
	struct core *core, const struct wire_spooled *r, struct session *s, struct answer *answer)
{
	struct remark remark = {.text = "while sessd was not available"};
	bool rebooted = strcmp(r->boot_id, core->parts.boot_id) != 0;

	if (r->was_refused) {
		remark.reason = denial_of_session(core, s) ? REASON_LOCKED : REASON_UNAVAILABLE;
		core->parts.metrics->refused[remark.reason]++;
		core_append(core, s, ENTRY_SESSION_REFUSED, &remark, false, spool_answered, answer);
		return;
	}
	core_append(core, s, ENTRY_SESSION_ADOPTED, &remark, false, NULL, NULL);
	s->row_id = ++core->last_row;
	s->reason = r->closed_at ? REASON_LOGOUT : rebooted ? REASON_REBOOT : REASON_LEADER_GONE;
	s->ended_at = r->closed_at ? r->closed_at : clock_wall();
	s->phase = PHASE_ENDED;
	core->parts.metrics->adopted++;
	core->parts.metrics->ended[s->reason]++;
	core_append(core, s, ENTRY_SESSION_ENDED, &remark, true, spool_answered, answer);
}

/* The table has it already: the request reached the daemon although the module did not hear so. */
static void spooled_again(
	struct core *core, const struct wire_spooled *r, struct session *s, struct answer *answer)
{
	struct remark remark = {.text = "while sessd was not available"};

	if (r->was_refused) {
		ending_begin(core, s, REASON_UNAVAILABLE, &remark);
		ending_tell(s, answer);
		return;
	}
	if (r->closed_at != 0 && s->phase == PHASE_ACTIVE) {
		s->ended_at = r->closed_at;
		ending_finish(core, s, REASON_LOGOUT, &remark, spool_answered, answer);
		return;
	}
	spool_answered(answer, 0);
}

/* Its lifetime began with its login, not when we heard of it; no clock that can be set says when
 * that was. */
static void count_from_login(const struct wire_spooled *r, struct wire_stored *rec)
{
	if (rec->deadline != 0 && r->began != 0 && r->began <= clock_boot())
		rec->deadline = r->began + (rec->expires_at - rec->opened_at);
}

void adoption_spooled(struct core *core, const struct event *event)
{
	const struct wire_spooled *r = event->u.spooled;
	struct session *s = session_by_sid(&core->table, &r->sid);
	struct wire_stored rec = {.sid = r->sid, .opened_at = r->opened_at, .adopted = true};
	struct caller leader = {.pidfd = -1, .audit_session = PROC_NO_AUDIT};
	const struct session *parent;
	bool alive;

	if (s != NULL) {
		spooled_again(core, r, s, event->answer);
		return;
	}
	rec.class = policy_class(&core->parts.config->policies, r->service);
	if (rec.class == CLASS_IGNORED) {
		spool_answered(event->answer, 0);
		return;
	}
	RECORD_OF_LOGIN(r, &rec);
	alive = spooled_leader(core, r, &leader) >= 0;
	if (alive) {
		admission_complete(core, &leader, &rec);
		count_from_login(r, &rec);
	}
	reauth_begin(&rec, r->began);
	if (rec.class == CLASS_LOGIN) {
		admission_hash_token(core, &r->new_token, &rec.token_hash);
		rec.token_key = r->token_key;
	}
	parent = alive && rec.class == CLASS_ELEVATION ? admission_parent(core, &leader, &r->token)
						       : NULL;
	if (parent != NULL)
		rec.parent = parent->sid;
	rec.leader_pid = r->leader_pid;
	rec.leader_start = r->leader_start;
	rec.phase = PHASE_OPENING;
	s = session_new(&rec);
	if (s == NULL) {
		spool_answered(event->answer, -ENOMEM);
	} else if (alive && r->closed_at == 0) {
		admission_begin(core, s, leader.pidfd, event->answer);
	} else {
		if (alive && r->was_refused && rec.class == CLASS_LOGIN)
			condemn(core, leader.pidfd, leader.pid,
				rec.sweep ? leader.audit_session : PROC_NO_AUDIT);
		record_history(core, r, s, event->answer);
		session_free(s);
	}
	if (leader.pidfd >= 0)
		close(leader.pidfd);
}
