/*
 * Would this login be let in? The module asks in PAM's account phase, so that the user reads why
 * not, and for a su or sudo it is the only phase that always comes. Nothing is held for who is told
 * yes: what counts is admission.c's, when the session begins.
 */
#include <stdio.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* What is found out about a login that asks whether it would be let in. */
struct finding {
	struct verdict v;
	enum reason reason; /* of a refusal */
	struct proof proof; /* of a su or sudo */
	char lock[LOCK_TITLE];
	char words[TEXT_LONG_MAX + 1];
};

static void find_out(const struct core *core, const struct caller *caller,
	const struct wire_acct *acct, enum session_class class, struct finding *f)
{
	const struct subject subject = {.user = acct->user,
		.service = acct->service,
		.rhost = acct->rhost,
		.gids = acct->gids.gid,
		.n_gids = acct->gids.n};
	const struct lock_subject lockable = {.user = acct->user,
		.uid = (uint32_t)acct->uid,
		.gids = acct->gids.gid,
		.n_gids = acct->gids.n,
		.rhost = acct->rhost,
		.auth = acct->auth};
	const struct wire_locked *lock = denial_of_login(core, &lockable, acct->service, class);

	if (lock != NULL) {
		f->v.lock = lock_title(lock->kind, lock->name, f->lock);
		f->reason = REASON_LOCKED;
		snprintf(f->words, sizeof(f->words), "%s", lock_words(lock));
		return;
	}
	f->v.admitted = true;
	if (class == CLASS_ELEVATION) {
		f->proof = proof_judge(core, caller, acct);
		f->v.admitted = !f->proof.refused;
		f->v.other = f->proof.other != NULL ? &f->proof.other->sid : NULL;
		f->reason = REASON_TOKEN_MISMATCH;
		snprintf(f->words, sizeof(f->words), "%s", text_or_empty(f->proof.text));
		if (f->v.admitted &&
			!reauth_suffices(core, caller, acct, f->proof.parent, f->words)) {
			f->v.admitted = false;
			f->reason = REASON_REAUTH;
		}
	} else if (class == CLASS_LOGIN && !cap_exempts(core, &subject)) {
		f->v = cap_judge(core, &subject, (uid_t)acct->uid, true);
		f->reason = REASON_CAP;
		if (!f->v.admitted)
			cap_words(core, (uid_t)acct->uid, &f->v, f->words, sizeof(f->words));
	}
}

/* A refusal; or that somebody was let through who could not prove his session. */
static void record_finding(struct core *core, const struct event *event, enum session_class class,
	const struct finding *f)
{
	const struct remark lacking = {.text = f->words, .other = f->v.other};
	struct wire_stored rec = {.class = class,
		.opened_at = clock_wall(),
		.leader_pid = (uint64_t)event->caller->pid};
	struct session *s;

	RECORD_OF_LOGIN(event->u.acct, &rec);
	if (class == CLASS_ELEVATION && event->caller->audit_session != PROC_NO_AUDIT)
		rec.audit_session = event->caller->audit_session;
	if (f->proof.parent != NULL)
		rec.parent = f->proof.parent->sid;
	s = session_new(&rec);
	if (s == NULL)
		log_error("what %s asked is not recorded: out of memory", rec.user);
	else if (!f->v.admitted)
		refusal_record(core, s, f->reason, &f->v, f->words);
	else
		core_append(core, s, ENTRY_PROOF_LACKING, &lacking, false, NULL, NULL);
	session_free(s);
}

void preview_acct(struct core *core, const struct event *event)
{
	const struct wire_acct *acct = event->u.acct;
	enum session_class class = policy_class(&core->parts.config->policies, acct->service);
	struct wire_granted granted = {.tracked = class != CLASS_IGNORED};
	static const struct wire_outdated outdated;
	struct finding f = {.reason = REASON_NONE};

	find_out(core, event->caller, acct, class, &f);
	if (f.proof.ask_again) {
		answer_send(event->answer, WIRE_outdated, &outdated, true);
		return;
	}
	if (!f.v.admitted || f.proof.text != NULL)
		record_finding(core, event, class, &f);
	if (f.v.admitted && acct->authenticated)
		reauth_proved(core, event->caller, acct, class);
	if (f.v.admitted)
		answer_send(event->answer, WIRE_granted, &granted, true);
	else
		refusal_answer(event->answer, f.reason, f.words);
}
