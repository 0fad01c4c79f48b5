#include <errno.h>
#include <security/pam_ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/timestamp.h"
#include "pam_module/ask.h"
#include "pam_module/attempt.h"
#include "pam_module/handle.h"
#include "pam_module/keyring.h"
#include "pam_module/leader.h"
#include "pam_module/login.h"
#include "pam_module/notice.h"
#include "pam_module/runtime.h"
#include "pam_module/spool.h"

static void request_open(struct wire_open *ret, const struct wire_spooled *record)
{
	WIRE_FIELDS_open(ATTEMPT_COPY, ret)
}

static void keyring_failed(const struct visit *visit, const struct wire_spooled *record, int r)
{
	if (r == -ENOSYS || r == -EPERM) {
		if (visit->args.debug)
			pam_syslog(visit->pamh, LOG_DEBUG, "there are no keyrings here: %s",
				strerrordesc_np(-r));
	} else {
		pam_syslog(visit->pamh, LOG_WARNING,
			"the token of %s (uid %u) is not in its session keyring: %s", record->user,
			(unsigned)record->uid, strerrordesc_np(-r));
	}
}

/* Before anybody is asked: the daemon is told which key it is that it may write to later. */
static void make_key(const struct visit *visit, struct wire_spooled *record)
{
	int32_t key;
	int r = keyring_make(&record->new_token, &key);

	if (r == 0)
		record->token_key = (uint64_t)key;
	else
		keyring_failed(visit, record, r);
}

static void keep_token(const struct visit *visit, const struct wire_spooled *record)
{
	int32_t key = (int32_t)record->token_key;
	uid_t uid = (uid_t)record->uid;
	int r;

	if (key == 0)
		return;
	r = visit->args.sealed ? keyring_seal(key, uid)
			       : keyring_keep(key, uid, (gid_t)record->gids.gid[0]);
	if (r < 0)
		keyring_failed(visit, record, r);
}

/* What an admitted session leaves behind: the handle's data, SESSD_SID, what systemd shall know,
 * the token, the words to the user. Want of memory for them is logged, not held against a user who
 * is already admitted. */
static int admit(const struct visit *visit, const struct attempt *a, bool with_token)
{
	char hex[SID_HEX + 1], env[sizeof("SESSD_SID=") + SID_HEX];

	snprintf(env, sizeof(env), "SESSD_SID=%s", sid_hex(&a->record.sid, hex));
	if (handle_put(visit->pamh, &a->record) != PAM_SUCCESS ||
		pam_putenv(visit->pamh, env) != PAM_SUCCESS ||
		(a->answer.runtime_max != 0 &&
			runtime_limit(visit->pamh, a->answer.runtime_max) != PAM_SUCCESS))
		pam_syslog(visit->pamh, LOG_ERR, "session %s: the PAM handle has no room", hex);
	if (with_token)
		keep_token(visit, &a->record);
	if (a->record.notice)
		notice_show(visit->pamh, a->answer.notice);
	if (visit->args.debug)
		pam_syslog(visit->pamh, LOG_DEBUG, "session %s of %s (uid %u) opened", hex,
			a->record.user, (unsigned)a->record.uid);
	return PAM_SUCCESS;
}

static void spool(const struct visit *visit, const struct attempt *a)
{
	int r = spool_keep(visit->args.dir, &a->record);

	if (r < 0)
		pam_syslog(visit->pamh, LOG_ERR, "%s of %s (uid %u) cannot be kept in %s/%s: %s",
			a->what, a->record.user, (unsigned)a->record.uid, visit->args.dir,
			SPOOL_FOLDER, strerrordesc_np(-r));
}

static int open_without(const struct visit *visit, struct attempt *a)
{
	bool locked = attempt_is_locked(visit, a);

	if (!locked && attempt_goes_on(visit, a)) {
		spool(visit, a);
		return admit(visit, a, login_keeps_token(&a->record));
	}
	/* An outage may have admitted it before it began, and is told to undo that. To whoever
	 * forged an answer nothing was admitted. */
	if (a->answer.verdict == VERDICT_UNAVAILABLE) {
		a->record.closed_at = a->record.opened_at;
		a->record.was_refused = true;
		spool(visit, a);
	}
	return locked ? attempt_refuse(visit, a, a->answer.text) : attempt_refuse_without(visit, a);
}

static int ask_open(const struct visit *visit, struct attempt *a)
{
	request_open(&a->request.open, &a->record);
	ask_daemon(
		&visit->args, attempt_deadline(visit, a), WIRE_open, &a->request.open, &a->answer);
	switch (a->answer.verdict) {
	case VERDICT_GRANTED:
		return admit(visit, a, a->answer.keep_token);
	case VERDICT_UNTRACKED:
		return PAM_IGNORE;
	case VERDICT_REFUSED:
		return attempt_refuse(visit, a, a->answer.text);
	case VERDICT_UNAVAILABLE:
	case VERDICT_HOSTILE:
	case VERDICT_UNKNOWN: /* never answers to open */
	case VERDICT_OUTDATED:
	case VERDICT_CLOSED:
		break;
	}
	return open_without(visit, a);
}

static int open_attempt(const struct visit *visit, struct attempt *a)
{
	int r;

	if (sid_random(&a->record.sid) < 0 || token_random(&a->record.new_token) < 0) {
		pam_syslog(visit->pamh, LOG_CRIT, "the kernel gives no random numbers");
		return PAM_SESSION_ERR;
	}
	r = leader_fill(&a->record);
	if (r < 0)
		pam_syslog(visit->pamh, LOG_WARNING, "/proc does not tell this process: %s",
			strerrordesc_np(-r));
	a->record.opened_at = clock_wall();
	a->record.began = clock_boot();
	a->record.notice = notice_wanted(visit, &a->record);
	make_key(visit, &a->record);
	r = ask_open(visit, a);
	if (a->record.token_key != 0)
		keyring_drop((int32_t)a->record.token_key);
	return r;
}

int visit_auth(const struct visit *visit)
{
	if (handle_note(visit->pamh) != PAM_SUCCESS)
		pam_syslog(visit->pamh, LOG_ERR,
			"the PAM handle has no room: that somebody authenticated is not told");
	return PAM_IGNORE;
}

int visit_open(const struct visit *visit)
{
	struct handle_session *session = handle_get(visit->pamh);
	struct attempt *a;
	int r;

	if (session != NULL) {
		session->depth++;
		return PAM_SUCCESS;
	}
	r = attempt_new(visit, "session", &a);
	if (r != PAM_SUCCESS)
		return r;
	r = open_attempt(visit, a);
	attempt_free(a);
	return r;
}

/* The daemon did not take the close. Where it does not even know the session, only what waits in
 * the spool matters; where it is away, the close is kept there whatever is. */
static void close_spooled(
	const struct visit *visit, struct wire_spooled *record, const struct answer *answer)
{
	char hex[SID_HEX + 1], shown[TEXT_LONG_MAX + 1];
	int r;

	record->closed_at = clock_wall();
	if (answer->verdict == VERDICT_UNKNOWN) {
		r = spool_mark_closed(visit->args.dir, record);
		if (r == -ENOENT)
			return;
	} else {
		/* the true one is wiped; the record needs some, which nobody shall ever present */
		r = token_random(&record->new_token);
		if (r == 0)
			r = spool_keep_closed(visit->args.dir, record);
	}
	text_escape(answer->text, strlen(answer->text), shown, sizeof(shown));
	sid_hex(&record->sid, hex);
	if (r < 0)
		pam_syslog(visit->pamh, LOG_ERR,
			"the end of session %s is not told (%s) and cannot be kept in %s/%s: %s",
			hex, shown, visit->args.dir, SPOOL_FOLDER, strerrordesc_np(-r));
	else
		pam_syslog(visit->pamh, LOG_WARNING, "the end of session %s is kept for sessd: %s",
			hex, shown);
}

int visit_close(const struct visit *visit)
{
	struct handle_session *session = handle_get(visit->pamh);
	struct wire_close request;
	struct answer answer;

	if (session == NULL)
		return PAM_IGNORE;
	if (--session->depth > 0)
		return PAM_SUCCESS;
	request.sid = session->record.sid;
	ask_daemon(&visit->args, visit->deadline, WIRE_close, &request, &answer);
	if (answer.verdict != VERDICT_CLOSED)
		close_spooled(visit, &session->record, &answer);
	handle_drop(visit->pamh);
	return PAM_SUCCESS;
}
