#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "pam_module/ask.h"
#include "pam_module/attempt.h"
#include "pam_module/handle.h"
#include "pam_module/login.h"

static void request_acct(struct wire_acct *ret, const struct wire_spooled *record)
{
	WIRE_FIELDS_LOGIN(ATTEMPT_COPY, ret)
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
	ask_daemon(&visit->args, attempt_deadline(visit, a), WIRE_acct, request, &a->answer);
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
		r = attempt_refuse(visit, a, a->answer.text);
		break;
	case VERDICT_UNAVAILABLE:
	case VERDICT_HOSTILE:
	case VERDICT_UNKNOWN: /* never answers to acct */
	case VERDICT_OUTDATED:
	case VERDICT_CLOSED:
		if (attempt_is_locked(visit, a) || is_stale(visit, a))
			r = attempt_refuse(visit, a, a->answer.text);
		else
			r = attempt_goes_on(visit, a) ? PAM_IGNORE
						      : attempt_refuse_without(visit, a);
		break;
	}
	attempt_free(a);
	return r;
}
