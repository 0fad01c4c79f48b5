/* How a login, or an attempt to prove oneself, is turned away: what its user is told, and what is
 * recorded. */
#include <stdio.h>

#include "sessd/core_state.h"
#include "sessd/log.h"

void refusal_answer(struct answer *a, enum reason reason, const char *text)
{
	struct wire_refused msg = {.reason = reason};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	answer_send(a, WIRE_refused, &msg, true);
}

void refusal_record(struct core *core, const struct session *s, enum reason reason,
	const struct verdict *v, const char *text)
{
	struct remark remark = {.reason = reason, .text = text};

	if (v != NULL) {
		remark.lock = v->lock;
		remark.other = v->other;
	}
	if (v != NULL && v->policy != NULL) {
		remark.policy = v->policy->name;
		remark.limit = v->policy->max_sessions;
		remark.count = v->count;
	}
	core->parts.metrics->refused[reason]++;
	log_info("refused %s (uid %u, %s%s%s): %s", text_or_empty(s->user), (unsigned)s->uid,
		text_or_empty(s->service), s->rhost ? " from " : "", text_or_empty(s->rhost), text);
	core_append(core, s, ENTRY_SESSION_REFUSED, &remark, false, NULL, NULL);
}
