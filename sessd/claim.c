/*
 * Somebody says that he is still the user of his session, and sessd-reauth lets him prove it by
 * PAM. Which session and which user that is says the kernel, by the process that asked; what PAM
 * said of it says sessd-reauth, which is root's. It is judged twice: before he is asked for a
 * password, and with PAM's answer, since a session may end or be locked meanwhile.
 */
#include <stdio.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* How he proved it: what his PAM service asks for only PAM knows. */
#define REAUTH_SERVICE "sessd-reauth"

/* The live session of the process, if it is its user's; else the answer says why not. */
static struct session *session_of_claimant(
	const struct core *core, const struct caller *claimant, struct answer *answer)
{
	char text[TEXT_LONG_MAX + 1];
	struct session *s;

	if (claimant->audit_session == PROC_NO_AUDIT) {
		answer_error(answer, WIRE_E_NO_SESSION,
			"this process has no audit session, by which its session would be known; "
			"authenticate to sudo instead");
		return NULL;
	}
	s = session_by_audit(&core->table, claimant->audit_session);
	if (s == NULL) {
		answer_error(answer, WIRE_E_NO_SESSION,
			"this shell outlived the login that it belongs to, or sessd never had it; "
			"log in again");
		return NULL;
	}
	if (s->uid != claimant->uid) {
		snprintf(text, sizeof(text),
			"this session is %s's, and only he can prove himself for it, not as "
			"another user",
			text_or_empty(s->user));
		answer_error(answer, WIRE_E_NOT_PERMITTED, text);
		return NULL;
	}
	return s;
}

/* What is refused once a password was asked for, or could have been. `text` is PAM's, or ours. */
static void record_refusal(
	struct core *core, const struct session *s, enum reason reason, const char *text)
{
	const struct remark remark = {.reason = reason, .text = text};

	log_info("%s (uid %u) did not prove himself again: %s", text_or_empty(s->user),
		(unsigned)s->uid, text);
	core_append(core, s, ENTRY_REAUTH_REFUSED, &remark, false, NULL, NULL);
}

/* True: a lock hits the session, which is about to end; answered and recorded. */
static bool is_locked(struct core *core, const struct session *s, struct answer *answer)
{
	const struct wire_locked *lock = denial_of_session(core, s);

	if (lock == NULL)
		return false;
	record_refusal(core, s, REASON_LOCKED, lock_words(lock));
	refusal_answer(answer, REASON_LOCKED, lock_words(lock));
	return true;
}

/* Of those that are refused for their number the first one is recorded, or they would fill the
 * ledger. */
static bool may_try(struct core *core, const struct session *s, struct answer *answer)
{
	static const char text[] = "too many tries; wait a minute";

	switch (tries_take(&core->tries, s->uid, clock_boot())) {
	case TRIES_ALLOWED:
		return true;
	case TRIES_REFUSED:
		record_refusal(core, s, REASON_REAUTH, text);
		break;
	case TRIES_NONE_LEFT:
		break;
	}
	refusal_answer(answer, REASON_REAUTH, text);
	return false;
}

void claim_begin(struct core *core, const struct event *event)
{
	const struct caller *claimant = event->caller;
	const struct session *s = session_of_claimant(core, claimant, event->answer);
	struct wire_claimant msg = {.start = claimant->start, .uid = claimant->uid};
	struct proc_stat st;

	/* in this order, or who is locked could fill the ledger */
	if (s == NULL || !may_try(core, s, event->answer) || is_locked(core, s, event->answer))
		return;
	msg.sid = s->sid;
	snprintf(msg.user, sizeof(msg.user), "%s", text_or_empty(s->user));
	if (proc_stat(claimant->pid, &st) < 0 || !terminal_path(st.tty, msg.tty, sizeof(msg.tty)))
		msg.tty[0] = '\0';
	answer_send(event->answer, WIRE_claimant, &msg, true);
}

/* Who guesses may log out at once: what he tried is recorded all the same. */
static void record_failure(struct core *core, const struct wire_reauthenticated *tried)
{
	struct session *s = session_by_sid(&core->table, &tried->sid), *gone = NULL;
	struct wire_stored rec = {.class = CLASS_LOGIN, .sid = tried->sid, .uid = tried->uid};

	if (s == NULL) {
		memcpy(rec.user, tried->user, sizeof(rec.user));
		gone = session_new(&rec);
		s = gone;
	}
	if (s != NULL)
		record_refusal(core, s, REASON_REAUTH, tried->text);
	else
		log_error("what %s tried is not recorded: out of memory", tried->user);
	session_free(gone);
}

static void settle_failure(
	struct core *core, const struct wire_reauthenticated *tried, struct answer *answer)
{
	static const struct wire_done done;

	record_failure(core, tried);
	answer_send(answer, WIRE_done, &done, true);
}

void claim_settle(struct core *core, const struct event *event)
{
	const struct wire_reauthenticated *tried = event->u.reauth_tried;
	const struct caller *claimant = event->caller;
	struct session *s;

	if (!tried->proved) {
		settle_failure(core, tried, event->answer);
		return;
	}
	if (claimant == NULL || claimant->start != tried->start) {
		answer_error(event->answer, WIRE_E_NO_SESSION, "the process that asked is gone");
		return;
	}
	s = session_of_claimant(core, claimant, event->answer);
	if (s == NULL)
		return;
	if (!sid_equal(&s->sid, &tried->sid)) {
		answer_error(event->answer, WIRE_E_NO_SESSION, "the session has ended");
		return;
	}
	if (is_locked(core, s, event->answer))
		return;
	tries_give_back(&core->tries, s->uid, clock_boot());
	reauth_renew(core, s, claimant, REAUTH_SERVICE, event->answer);
}
