/*
 * When, and how, the user of a session last proved who he is; and whether that is recent enough for
 * a su or sudo. What counts is CLOCK_BOOTTIME, which nobody can set; the wall clock's time is for
 * people. What is not known is not recent.
 */
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/fault.h"
#include "sessd/log.h"

void reauth_begin(struct wire_stored *rec, uint64_t began)
{
	if (rec->class != CLASS_LOGIN || began == 0 || began > clock_boot())
		return;
	rec->authenticated = began;
	rec->authenticated_at = rec->opened_at;
	snprintf(rec->authenticated_by, sizeof(rec->authenticated_by), "%s",
		rec->auth[0] != '\0' ? rec->auth : rec->service);
}

void reauth_note(struct core *core, struct session *s, const struct caller *by, const char *how,
	ledger_done_fn *done, void *ctx)
{
	const struct remark remark = {.by = by, .auth = how};

	if (session_authenticate(s, clock_boot(), clock_wall(), how) < 0)
		log_error("out of memory: that %s authenticated is forgotten",
			text_or_empty(s->user));
	rotation_rotate(core, s);
	core_append(core, s, ENTRY_REAUTHENTICATED, &remark, true, done, ctx);
	fault_point(FAULT_reauth_queued);
}

/* The session that the caller is in, if what he has proved to that service is of it. */
static struct session *session_proved(const struct core *core, const struct caller *caller,
	const struct wire_acct *acct, enum session_class class)
{
	struct session *s = NULL;
	struct token hash;

	/* a login is one of a session to come */
	if (class != CLASS_ELEVATION && class != CLASS_BACKGROUND)
		return NULL;
	if (caller->audit_session != PROC_NO_AUDIT) {
		s = session_by_audit(&core->table, caller->audit_session);
	} else if (!token_is_zero(&acct->token)) {
		admission_hash_token(core, &acct->token, &hash);
		s = session_by_token_hash(&core->table, &hash);
	}
	if (s == NULL || s->uid != acct->uid || s->phase != PHASE_ACTIVE || s->ending != NULL)
		return NULL;
	return s;
}

void reauth_proved(struct core *core, const struct caller *caller, const struct wire_acct *acct,
	enum session_class class)
{
	struct session *s = session_proved(core, caller, acct, class);

	if (s == NULL)
		return;
	s->rotated_for = caller->pid;
	reauth_note(
		core, s, caller, acct->auth[0] != '\0' ? acct->auth : acct->service, NULL, NULL);
}

void reauth_elevated(struct core *core, const struct session *s)
{
	struct session *parent;

	if (s->class != CLASS_ELEVATION || sid_is_zero(&s->parent))
		return;
	parent = session_by_sid(&core->table, &s->parent);
	if (parent == NULL || parent->phase != PHASE_ACTIVE)
		return;
	/* not twice for one sudo: the token that went before would be forgotten too soon */
	if (parent->rotated_for != s->leader)
		rotation_rotate(core, parent);
	parent->rotated_for = 0;
}

/* The shortest time that anybody sets, 0 where nobody does. */
static uint64_t limit_of(
	const struct core *core, const struct wire_acct *acct, const struct session *parent)
{
	const struct policy_set *set = &core->parts.config->policies;
	const struct subject asked = {.user = acct->user,
		.service = acct->service,
		.rhost = acct->rhost,
		.gids = acct->gids.gid,
		.n_gids = acct->gids.n};
	struct limits limits, login = {.reauth = 0};
	struct subject subject;
	uint64_t limit = acct->reauth;

	policy_resolve(set, &asked, &limits);
	if (parent != NULL) {
		session_subject(parent, &subject);
		policy_resolve(set, &subject, &login);
	} else {
		/* how he logged in is forgotten */
		login.reauth = policy_reauth_anyhow(set, &asked);
	}
	limit = duration_shorter(limit, limits.reauth);
	return duration_shorter(limit, login.reauth);
}

/* What is wrong, and since when. */
static void say_age(const struct session *parent, uint64_t age, char *out, size_t size)
{
	char text[DURATION_TEXT];

	if (parent == NULL)
		snprintf(out, size, "this shell outlived the login that it belongs to");
	else if (parent->authenticated == 0)
		snprintf(out, size, "nobody has authenticated in this session");
	else
		snprintf(out, size, "the last authentication in this session was %s ago",
			duration_format(age / NS_PER_SEC * NS_PER_SEC, text));
}

/* What helps. A session is renewed by its own user, whoever has become who in it; what is in none,
 * only by the service itself, which sudo does not ask for while it remembers an answer. */
static void say_remedy(const struct caller *caller, const struct wire_acct *acct,
	const struct session *parent, char *out, size_t size)
{
	bool sudo = strncmp(acct->service, "sudo", 4) == 0;
	struct proc_owner owner = {.size = 0};

	if (parent == NULL)
		snprintf(out, size, "%s",
			sudo ? "run `sudo -k` and authenticate to sudo, or log in again"
			     : "log in again");
	else if (proc_owner(caller->pid, &owner) == 0 && owner.uid != parent->uid)
		snprintf(
			out, size, "run `sessctl reauth` as %s first", text_or_empty(parent->user));
	else
		snprintf(out, size, "run `sessctl reauth` first%s",
			sudo ? ", or `sudo -k` if sudo asks you for a password" : "");
}

bool reauth_suffices(const struct core *core, const struct caller *caller,
	const struct wire_acct *acct, const struct session *parent, char words[TEXT_LONG_MAX + 1])
{
	uint64_t limit = limit_of(core, acct, parent), age = 0;
	char why[TEXT_STR_MAX + 1], max[DURATION_TEXT], what[2 * TEXT_STR_MAX];

	if (parent != NULL && parent->authenticated != 0)
		age = clock_boot() - parent->authenticated;
	if (limit == 0 || acct->authenticated || (age != 0 && age <= limit) ||
		proof_spares(core, caller, acct, parent))
		return true;
	say_age(parent, age, why, sizeof(why));
	say_remedy(caller, acct, parent, what, sizeof(what));
	snprintf(words, TEXT_LONG_MAX + 1, "%s, and here one within %s is needed: %s", why,
		duration_format(limit, max), what);
	return false;
}

static void recorded(void *ctx, int result)
{
	static const struct wire_done done;

	if (result < 0)
		answer_error(ctx, WIRE_E_UNAVAILABLE,
			"it counts, but the ledger cannot be written: a restart of sessd may undo "
			"it");
	else
		answer_send(ctx, WIRE_done, &done, true);
}

void reauth_renew(struct core *core, struct session *s, const struct caller *by, const char *how,
	struct answer *answer)
{
	if (s->phase != PHASE_ACTIVE || s->ending != NULL)
		answer_error(answer, WIRE_E_NO_SESSION, NULL);
	else
		reauth_note(core, s, by, how, recorded, answer);
}
