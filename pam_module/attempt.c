#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/manager.h"
#include "pam_module/attempt.h"
#include "pam_module/locked.h"
#include "pam_module/login.h"

void attempt_free(struct attempt *a)
{
	if (a != NULL)
		explicit_bzero(a, sizeof(*a));
	free(a);
}

int attempt_new(const struct visit *visit, const char *name, struct attempt **ret)
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

/* A service manager is started within a login that has waited for the daemon already, so both of
 * its phases together wait no longer than one of another service. */
uint64_t attempt_deadline(const struct visit *visit, const struct attempt *a)
{
	return visit->deadline - (manager_is(a->record.service) ? visit->args.timeout / 2 : 0);
}

/* Who called a set-user-id program himself must read why it refuses him: sudo (1.9.13) asks for
 * silence in `account` always, and shows what it is told all the same. */
static bool is_heard(const struct visit *visit)
{
	return !visit->silent || getuid() != 0;
}

/* The text may come from whatever answered on the socket, so it is escaped at both sinks. */
int attempt_refuse(const struct visit *visit, const struct attempt *a, const char *text)
{
	char shown[TEXT_LONG_MAX + 1];

	text_escape(text, strlen(text), shown, sizeof(shown));
	pam_syslog(visit->pamh, LOG_NOTICE, "%s of %s (uid %u) refused: %s", a->what,
		a->record.user, (unsigned)a->record.uid, shown);
	if (is_heard(visit))
		pam_error(visit->pamh, "sessd: %s", shown);
	return answer_pam(a->answer.reason);
}

bool attempt_goes_on(const struct visit *visit, const struct attempt *a)
{
	const char *why = "unavailable=allow";
	char shown[TEXT_LONG_MAX + 1];
	int level = LOG_WARNING;

	text_escape(a->answer.text, strlen(a->answer.text), shown, sizeof(shown));
	if (manager_is(a->record.service)) {
		why = "it opens no session";
	} else if (a->answer.verdict == VERDICT_HOSTILE || visit->args.deny) {
		if (!login_breaks_glass(visit->pamh, &a->record))
			return false;
		why = "break-glass";
		level = LOG_ALERT;
	}
	pam_syslog(visit->pamh, level, "%s of %s (uid %u) goes on without sessd (%s): %s", a->what,
		a->record.user, (unsigned)a->record.uid, why, shown);
	return true;
}

int attempt_refuse_without(const struct visit *visit, const struct attempt *a)
{
	if (a->answer.verdict == VERDICT_HOSTILE)
		return attempt_refuse(visit, a, a->answer.text);
	pam_syslog(visit->pamh, LOG_WARNING, "unavailable=deny: %s", a->answer.text);
	return attempt_refuse(visit, a, reason_words(REASON_UNAVAILABLE));
}

bool attempt_is_locked(const struct visit *visit, struct attempt *a)
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
