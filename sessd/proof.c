/*
 * By what a process proves which session it belongs to. The kernel's word comes first: the audit
 * session, which is inherited and cannot be forged. The token is the second witness, and the only
 * one where the kernel gives no audit session.
 */
#include <stdio.h>
#include <string.h>

#include "sessd/core_state.h"

/* What everybody in a session may know of it, also who has become another user there. */
static void record_for_stranger(const struct session *s, struct wire_session *ret)
{
	*ret = (struct wire_session){
		.sid = s->sid,
		.class = s->class,
		.phase = s->phase,
		.uid = s->uid,
		.opened_at = s->opened_at,
	};
	snprintf(ret->user, sizeof(ret->user), "%s", text_or_empty(s->user));
	snprintf(ret->service, sizeof(ret->service), "%s", text_or_empty(s->service));
}

void core_check(const struct core *core, const struct caller *caller, struct answer *answer)
{
	const struct session *s;
	struct wire_session rec;

	if (caller->audit_session == PROC_NO_AUDIT) {
		answer_error(answer, WIRE_E_NO_SESSION,
			"this process has no audit session, by which its session would be known");
		return;
	}
	s = session_by_audit(&core->table, caller->audit_session);
	if (s == NULL) {
		answer_error(answer, WIRE_E_NO_SESSION,
			session_owns_audit(&core->table, caller->audit_session)
				? "the session of this process is not active: it begins or ends"
				: "the session of this process has ended, or sessd never had it");
		return;
	}
	if (core_permits(caller, s))
		session_record(s, &rec);
	else
		record_for_stranger(s, &rec);
	answer_send(answer, WIRE_session, &rec, true);
}
