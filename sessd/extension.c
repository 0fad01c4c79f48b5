/*
 * An administrator moves the end of a session by lifetime. The new end holds at once, and is
 * answered when it is on disk; a daemon that dies before that has answered nothing, and finds the
 * old one.
 *
 * The length of a session is the difference of two times that were written together, so that it
 * stays right when somebody sets the clock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* One that waits for the ledger; the session may be gone before that. */
struct extension {
	struct answer *answer;
	struct wire_extended msg;
	LIST_ENTRY(extension) link; /* core.extensions */
};

void extension_forget(struct core *core)
{
	struct extension *e;

	while ((e = LIST_FIRST(&core->extensions)) != NULL) {
		LIST_REMOVE(e, link);
		free(e);
	}
}

static void committed(void *ctx, int result)
{
	struct extension *e = ctx;

	LIST_REMOVE(e, link);
	if (result < 0)
		answer_error(e->answer, WIRE_E_UNAVAILABLE,
			"the session is extended, but the ledger cannot be written: a restart of "
			"sessd may undo it");
	else
		answer_send(e->answer, WIRE_extended, &e->msg, true);
	free(e);
}

/* How long a session may last that has a scope of logind's: systemd ends that when it was told at
 * the login, whatever is extended, and the grace must fit in. UINT64_MAX: it has none. */
static uint64_t scope_max(const struct core *core, const struct session *s, uint64_t grace)
{
	uint64_t apart = RUNTIME_SLACK + grace;
	char path[PROC_CGROUP];

	if (s->runtime_max == 0 || s->cgroup != NULL ||
		cgroup_find(core->parts.cgroups, s->leader, s->uid,
			s->audit_session != 0 ? s->audit_session : PROC_NO_AUDIT, path) < 0)
		return UINT64_MAX;
	return s->runtime_max > apart ? s->runtime_max - apart : 0;
}

/* May it last that much longer? False: `words` says why not. */
static bool may_last(
	const struct core *core, const struct session *s, uint64_t time, char *words, size_t size)
{
	uint64_t lasts = s->expires_at - s->opened_at, scope, policy, max;
	char longest[DURATION_TEXT], left[DURATION_TEXT];
	struct subject subject;
	struct limits limits;

	session_subject(s, &subject);
	policy_resolve(&core->parts.config->policies, &subject, &limits);
	scope = scope_max(core, s, limits.grace);
	/* sums of times must not overflow, whoever asks how often */
	policy = limits.max_lifetime != 0 ? limits.max_lifetime : DURATION_MAX;
	max = scope < policy ? scope : policy;
	if (time <= max && lasts <= max - time)
		return true;
	duration_format(max, longest);
	duration_format(lasts < max ? max - lasts : 0, left);
	if (scope < policy)
		snprintf(words, size,
			"systemd was told at the login to end this session's scope after %s: it "
			"can be extended by %s; for sessions to come, set max_lifetime first",
			longest, left);
	else if (limits.max_lifetime != 0)
		snprintf(words, size,
			"policy \"%s\" allows a session to last %s at most: it can be extended by "
			"%s",
			limits.max_lifetime_policy, longest, left);
	else
		snprintf(words, size,
			"no session can last longer than %s: it can be extended by %s", longest,
			left);
	return false;
}

/* The session that may be extended, or NULL, and the answer is given. */
static struct session *judge(struct core *core, const struct event *event)
{
	const struct wire_extend *ask = event->u.extend;
	char words[TEXT_LONG_MAX + 1];
	enum wire_errno why = WIRE_E_REFUSED;
	const char *text = NULL;
	struct session *s;

	if (!event->caller->admin) {
		answer_error(event->answer, WIRE_E_NOT_PERMITTED, NULL);
		return NULL;
	}
	if (ask->time == 0 || ask->time > DURATION_MAX) {
		answer_error(event->answer, WIRE_E_INVALID, "there is no such time");
		return NULL;
	}
	s = core_find(core, event->caller, ask->prefix, &why);
	if (s == NULL) {
		answer_error(event->answer, why, NULL);
		return NULL;
	}
	if (s->phase == PHASE_OPENING)
		text = "the session is not open yet";
	else if (s->phase != PHASE_ACTIVE || s->ending != NULL)
		text = "the session is being ended";
	else if (s->deadline_at == 0)
		text = "the session has no lifetime: it does not end by itself";
	else if (!may_last(core, s, ask->time, words, sizeof(words)))
		text = words;
	if (text == NULL)
		return s;
	answer_error(event->answer, WIRE_E_REFUSED, text);
	return NULL;
}

void extension_extend(struct core *core, const struct event *event)
{
	const struct wire_extend *ask = event->u.extend;
	struct session *s = judge(core, event);
	struct remark remark = {.by = event->caller, .text = ask->text[0] ? ask->text : NULL};
	struct extension *e;
	char by[DURATION_TEXT], sid[SID_HEX + 1];

	if (s == NULL)
		return;
	e = calloc(1, sizeof(*e));
	if (e == NULL) {
		answer_error(event->answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	remark.old_expires_at = s->expires_at;
	s->deadline_at += ask->time;
	s->expires_at += ask->time;
	s->warned_lifetime = false;
	expiry_arm(core, s);
	log_info("session %.8s of %s (uid %u) is extended by %s", sid_hex(&s->sid, sid),
		text_or_empty(s->user), (unsigned)s->uid, duration_format(ask->time, by));
	e->answer = event->answer;
	e->msg = (struct wire_extended){.sid = s->sid,
		.old_expires_at = remark.old_expires_at,
		.expires_at = s->expires_at};
	snprintf(e->msg.user, sizeof(e->msg.user), "%s", text_or_empty(s->user));
	snprintf(e->msg.service, sizeof(e->msg.service), "%s", text_or_empty(s->service));
	LIST_INSERT_HEAD(&core->extensions, e, link);
	core_append(core, s, ENTRY_SESSION_EXTENDED, &remark, true, committed, e);
}
