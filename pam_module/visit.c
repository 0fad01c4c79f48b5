#include <errno.h>
#include <security/pam_ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "pam_module/ask.h"
#include "pam_module/handle.h"
#include "pam_module/keyring.h"
#include "pam_module/leader.h"
#include "pam_module/locked.h"
#include "pam_module/login.h"
#include "pam_module/notice.h"
#include "pam_module/runtime.h"
#include "pam_module/visit.h"
#include "pam_module/spool.h"

/* A login while it is being judged. Large and full of secrets: on the heap, and wiped. */
struct attempt {
	struct wire_spooled record; /* the fullest; the requests are taken from it */
	union {
		struct wire_acct acct;
		struct wire_open open;
	} request;
	struct answer answer;
	struct wire_locked lock;
	const char *what; /* for the log */
};

#define COPY_FIELD(to, kind, name, tag, presence) \
	memcpy(&(to)->name, &record->name, sizeof((to)->name));

static void request_acct(struct wire_acct *ret, const struct wire_spooled *record)
{
	WIRE_FIELDS_LOGIN(COPY_FIELD, ret)
}

static void request_open(struct wire_open *ret, const struct wire_spooled *record)
{
	WIRE_FIELDS_open(COPY_FIELD, ret)
}

static void attempt_free(struct attempt *a)
{
	if (a != NULL)
		explicit_bzero(a, sizeof(*a));
	free(a);
}

/* A PAM code; on anything but PAM_SUCCESS there is nothing to free. */
static int attempt_new(const struct visit *visit, const char *name, struct attempt **ret)
{
	struct attempt *a = calloc(1, sizeof(*a));
	int r;

	if (a == NULL)
		return PAM_BUF_ERR;
	a->what = name;
	r = login_fill(visit->pamh, &a->record);
	if (r == PAM_SUCCESS)
		*ret = a;
	else
		attempt_free(a);
	return r;
}

/* Who called a set-user-id program himself must read why it refuses him: sudo (1.9.13) asks for
 * silence in `account` always, and shows what it is told all the same. */
static bool is_heard(const struct visit *visit)
{
	return !visit->silent || getuid() != 0;
}

/* The text may come from whatever answered on the socket, so it is escaped at both sinks. */
static int refuse(const struct visit *visit, const struct attempt *a, const char *text)
{
	char shown[TEXT_LONG_MAX + 1];

	text_escape(text, strlen(text), shown, sizeof(shown));
	pam_syslog(visit->pamh, LOG_NOTICE, "%s of %s (uid %u) refused: %s", a->what,
		a->record.user, (unsigned)a->record.uid, shown);
	if (is_heard(visit))
		pam_error(visit->pamh, "sessd: %s", shown);
	return answer_pam(a->answer.reason);
}

/*
 * Goes the login on although the daemon is not there, or not itself? Where yes, the log says why.
 */
static bool goes_on(const struct visit *visit, const struct attempt *a)
{
	const char *why = "unavailable=allow";
	char shown[TEXT_LONG_MAX + 1];
	int level = LOG_WARNING;

	text_escape(a->answer.text, strlen(a->answer.text), shown, sizeof(shown));
	if (a->answer.verdict == VERDICT_HOSTILE || visit->args.deny) {
		if (!login_breaks_glass(visit->pamh, &a->record))
			return false;
		why = "break-glass";
		level = LOG_ALERT;
	}
	pam_syslog(visit->pamh, level, "%s of %s (uid %u) goes on without sessd (%s): %s", a->what,
		a->record.user, (unsigned)a->record.uid, why, shown);
	return true;
}

/* Why a login without a daemon is refused: to the log the cause, to the user what he can grasp. */
static int refuse_without(const struct visit *visit, const struct attempt *a)
{
	if (a->answer.verdict == VERDICT_HOSTILE)
		return refuse(visit, a, a->answer.text);
	pam_syslog(visit->pamh, LOG_WARNING, "unavailable=deny: %s", a->answer.text);
	return refuse(visit, a, reason_words(REASON_UNAVAILABLE));
}

/* The daemon does not judge this login; a lock holds all the same. */
static bool is_locked(const struct visit *visit, struct attempt *a)
{
	struct wire_locked *lock = &a->lock;
	char shown[TEXT_LONG_MAX + 1];

	if (!locked_out(visit->pamh, visit->args.dir, &a->record, lock))
		return false;
	text_escape(a->answer.text, strlen(a->answer.text), shown, sizeof(shown));
	pam_syslog(visit->pamh, LOG_WARNING, "locked, and sessd is away: %s", shown);
	a->answer.reason = REASON_LOCKED;
	snprintf(a->answer.text, sizeof(a->answer.text), "%s", lock_words(lock));
	return true;
}

/* What the daemon would know cannot be asked: not known is not recent. Who is root needs no su. */
static bool is_stale(const struct visit *visit, struct attempt *a)
{
	char shown[TEXT_LONG_MAX + 1];

	if (visit->args.reauth == 0 || a->request.acct.authenticated || getuid() == 0 ||
		login_breaks_glass(visit->pamh, &a->record))
		return false;
	text_escape(a->answer.text, strlen(a->answer.text), shown, sizeof(shown));
	pam_syslog(visit->pamh, LOG_WARNING, "reauth= is set, and sessd is away: %s", shown);
	a->answer.reason = REASON_REAUTH;
	snprintf(a->answer.text, sizeof(a->answer.text),
		"the session service is not available, so it is not known when you last "
		"authenticated: do it now%s",
		strncmp(a->record.service, "sudo", 4) == 0 ? " (sudo -k makes sudo ask)" : "");
	return true;
}

/*
 * The token that was shown is not the one in force. Where there is another one by now, it was
 * replaced between our look and the daemon's, for a sudo beside this one; and may be again before
 * that one is looked at. Where there is not, the daemon judges what there is: it replaces the token
 * in the key before it calls one outdated.
 */
static void show_newer(const struct visit *visit, struct attempt *a)
{
	struct wire_acct *request = &a->request.acct;

	while (a->answer.verdict == VERDICT_OUTDATED && !request->again) {
		login_find_token(&a->record);
		request->again = memcmp(&request->token, &a->record.token, TOKEN_BYTES) == 0;
		request->token = a->record.token;
		request->forged = a->record.forged;
		ask_daemon(&visit->args, visit->deadline, WIRE_acct, request, &a->answer);
	}
	switch (a->answer.verdict) {
	case VERDICT_OUTDATED: /* no daemon says so to `again` */
		answer_of_status(CLIENT_HOSTILE, "", &a->answer);
		break;
	case VERDICT_UNAVAILABLE: /* where it only was too late, that is no outage */
		if (clock_boot() < visit->deadline || login_breaks_glass(visit->pamh, &a->record))
			break;
		a->answer.verdict = VERDICT_REFUSED;
		a->answer.reason = REASON_TOKEN_MISMATCH;
		snprintf(a->answer.text, sizeof(a->answer.text),
			"the token of this session was replaced again and again meanwhile; try "
			"again");
		break;
	case VERDICT_HOSTILE:
	case VERDICT_REFUSED:
	case VERDICT_UNKNOWN:
	case VERDICT_UNTRACKED:
	case VERDICT_GRANTED:
	case VERDICT_CLOSED:
		break;
	}
}

static void ask_acct(const struct visit *visit, struct attempt *a)
{
	struct wire_acct *request = &a->request.acct;

	request_acct(request, &a->record);
	request->reauth = visit->args.reauth;
	request->authenticated = handle_take_note(visit->pamh);
	ask_daemon(&visit->args, visit->deadline, WIRE_acct, request, &a->answer);
	if (a->answer.verdict == VERDICT_OUTDATED)
		show_newer(visit, a);
}

int visit_acct(const struct visit *visit)
{
	struct attempt *a;
	int r;

	r = attempt_new(visit, "account check", &a);
	if (r != PAM_SUCCESS)
		return r;
	ask_acct(visit, a);
	switch (a->answer.verdict) {
	case VERDICT_GRANTED:
		r = PAM_SUCCESS;
		break;
	case VERDICT_UNTRACKED:
		r = PAM_IGNORE;
		break;
	case VERDICT_REFUSED:
		r = refuse(visit, a, a->answer.text);
		break;
	case VERDICT_UNAVAILABLE:
	case VERDICT_HOSTILE:
	case VERDICT_UNKNOWN: /* never answers to acct */
	case VERDICT_OUTDATED:
	case VERDICT_CLOSED:
		if (is_locked(visit, a) || is_stale(visit, a))
			r = refuse(visit, a, a->answer.text);
		else
			r = goes_on(visit, a) ? PAM_IGNORE : refuse_without(visit, a);
		break;
	}
	attempt_free(a);
	return r;
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
	int r;

	if (record->token_key == 0)
		return;
	r = keyring_keep(
		(int32_t)record->token_key, (uid_t)record->uid, (gid_t)record->gids.gid[0]);
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
	bool locked = is_locked(visit, a);

	if (!locked && goes_on(visit, a)) {
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
	return locked ? refuse(visit, a, a->answer.text) : refuse_without(visit, a);
}

static int ask_open(const struct visit *visit, struct attempt *a)
{
	request_open(&a->request.open, &a->record);
	ask_daemon(&visit->args, visit->deadline, WIRE_open, &a->request.open, &a->answer);
	switch (a->answer.verdict) {
	case VERDICT_GRANTED:
		return admit(visit, a, a->answer.keep_token);
	case VERDICT_UNTRACKED:
		return PAM_IGNORE;
	case VERDICT_REFUSED:
		return refuse(visit, a, a->answer.text);
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
