/*
 * By what a process proves which session it belongs to. The kernel's word comes first: the audit
 * session, which is inherited and cannot be forged. The token is the second witness, and the only
 * one where the kernel gives no audit session.
 *
 *	kernel says          token                              su and sudo
 *	live session S       of S, or S has none                go on
 *	                     none, or of no live session        go on, recorded; token = required
 *								refuses
 *			     of another session, or forged	refused
 *			     one that was replaced since	refused
 *	no live session      any                                go on, recorded; orphans = deny
 *								refuses
 *	no audit session     of a live session                  go on
 *	                     any other                          as in no live session
 *
 * A token of no live session is none, and not another's: the one who shows it could as well unlink
 * it, and those of all sessions become so where the key of the hashes is lost.
 */
#include <stdio.h>
#include <string.h>

#include "common/timestamp.h"
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
	if (s->authenticated != 0)
		rec.authenticated_age = clock_boot() - s->authenticated;
	answer_send(answer, WIRE_session, &rec, true);
}

/* What a caller has to show. */
enum shown {
	SHOWN_PROOF,
	SHOWN_NO_TOKEN, /* or one of no live session */
	SHOWN_ANOTHER,
	SHOWN_FORGED,
	SHOWN_OUTDATED, /* his own one, as it was before the last rotation */
	SHOWN_NO_SESSION,
};

/* Whose token it is, or was until the last rotation. */
static const struct session *owner_of(
	const struct core *core, const struct token *token, bool *ret_outdated)
{
	const struct session *s;
	struct token hash;

	*ret_outdated = false;
	if (token_is_zero(token))
		return NULL;
	admission_hash_token(core, token, &hash);
	s = session_by_token_hash(&core->table, &hash);
	if (s == NULL) {
		s = session_by_old_token_hash(&core->table, &hash);
		*ret_outdated = s != NULL;
	}
	return s != NULL && s->phase == PHASE_ACTIVE ? s : NULL;
}

/* A caller, and what he has. */
struct showing {
	const struct session *parent; /* that he is in, or NULL */
	const struct session *owner;  /* of the token that he has, or NULL */
	bool by_audit;		      /* the kernel says what he is in */
	bool outdated;		      /* the token */
	bool forged;
};

/*
 * What is shown. Where several logins have one audit session, because nothing gave them their own,
 * the kernel cannot tell them apart, and the token may be of each.
 */
static enum shown judge(const struct showing *s)
{
	if (s->parent == NULL)
		return !s->by_audit && s->owner != NULL ? SHOWN_OUTDATED : SHOWN_NO_SESSION;
	/* cron jobs have none, and may have inherited somebody's keyring */
	if (!s->by_audit || token_is_zero(&s->parent->token_hash))
		return SHOWN_PROOF;
	if (s->owner == NULL)
		return s->forged ? SHOWN_FORGED : SHOWN_NO_TOKEN;
	if (s->owner->audit_session != s->parent->audit_session)
		return SHOWN_ANOTHER;
	return s->outdated ? SHOWN_OUTDATED : SHOWN_PROOF;
}

/* The token may have been replaced while the request was under way. */
static bool may_be_renewed(
	const struct wire_acct *acct, const struct showing *showing, enum shown shown)
{
	return !acct->again && !token_is_zero(&acct->token) &&
	       (shown == SHOWN_OUTDATED || shown == SHOWN_NO_TOKEN ||
		       (shown == SHOWN_NO_SESSION && !showing->by_audit));
}

static bool is_refused(const struct config *config, enum shown shown)
{
	switch (shown) {
	case SHOWN_PROOF:
		return false;
	case SHOWN_NO_TOKEN:
		return config->token_required;
	case SHOWN_NO_SESSION:
		return config->orphans_denied;
	case SHOWN_ANOTHER:
	case SHOWN_FORGED:
	case SHOWN_OUTDATED:
		break;
	}
	return true;
}

static bool breaks_glass(const struct core *core, const uint32_t *gids, size_t n)
{
	gid_t gid = core->parts.config->breakglass_gid;
	size_t i;

	for (i = 0; gid != CONFIG_NO_GID && i < n; i++)
		if (gids[i] == gid)
			return true;
	return false;
}

/*
 * Whom no want of proof may keep out: who is exempt or breaks glass, be it the one who logged in or
 * the one whom PAM asks about; and who is root already, for he needs no su, and what breaks is the
 * machine's own services.
 */
bool proof_spares(const struct core *core, const struct caller *caller,
	const struct wire_acct *acct, const struct session *parent)
{
	const struct subject asked = {.user = acct->user,
		.service = acct->service,
		.rhost = acct->rhost,
		.gids = acct->gids.gid,
		.n_gids = acct->gids.n};
	struct proc_owner owner = {.size = 0};
	struct subject login;

	if (breaks_glass(core, acct->gids.gid, acct->gids.n) || cap_exempts(core, &asked))
		return true;
	if (proc_owner(caller->pid, &owner) == 0 && owner.uid == 0)
		return true;
	if (parent == NULL)
		return false;
	session_subject(parent, &login);
	return breaks_glass(core, parent->gids, parent->n_gids) || cap_exempts(core, &login);
}

static const struct {
	const char *refused; /* for the user */
	const char *allowed; /* for the ledger */
} words[] = {
	[SHOWN_NO_TOKEN] = {"this shell has no token of its login; log in again",
		"its caller has no token of his login"},
	[SHOWN_ANOTHER] = {"this shell has the token of another login; log in again",
		"its caller has the token of another login, and is spared"},
	[SHOWN_FORGED] = {"this shell has a forged token; log in again",
		"its caller has a forged token, and is spared"},
	[SHOWN_OUTDATED] = {"this shell has an outdated token; log in again",
		"its caller has an outdated token, and is spared"},
	[SHOWN_NO_SESSION] = {"this shell outlived the login that it belongs to; authenticate "
			      "again",
		"its caller is in no live session"},
};

struct proof proof_judge(
	const struct core *core, const struct caller *caller, const struct wire_acct *acct)
{
	struct showing showing = {
		.by_audit = caller->audit_session != PROC_NO_AUDIT, .forged = acct->forged};
	struct proof p = {.refused = false};
	enum shown shown;

	showing.owner = owner_of(core, &acct->token, &showing.outdated);
	if (showing.by_audit)
		showing.parent = session_by_audit(&core->table, caller->audit_session);
	else if (!showing.outdated)
		showing.parent = showing.owner;
	p.parent = showing.parent;
	shown = judge(&showing);
	if (shown == SHOWN_PROOF)
		return p;
	p.ask_again = may_be_renewed(acct, &showing, shown);
	p.refused = is_refused(core->parts.config, shown) &&
		    !proof_spares(core, caller, acct, p.parent);
	p.text = p.refused ? words[shown].refused : words[shown].allowed;
	p.other = showing.owner;
	return p;
}
