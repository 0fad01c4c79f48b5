/* What core says of a su or sudo, by the audit session and the token of who asks. */
#include "tests/unit/core_fixture.h"

#define HERE  UINT32_C(3000000001) /* audit sessions that no process has */
#define THERE UINT32_C(3000000002)
#define OVER  UINT32_C(3000000003)

static struct login *log_in(struct world *w, uid_t uid, const char *service, uint32_t audit_session)
{
	struct login *l = arrive(w, uid, service);

	l->caller.audit_session = audit_session;
	ask(w, l);
	assert_granted(w, l);
	return l;
}

/* As sudo runs: its real user is who called it. */
static void live_as_anna(struct shared *shared)
{
	if (setresuid(ANNA, ANNA, ANNA) == 0)
		live_on(shared);
}

static bool is_anna(pid_t pid)
{
	struct proc_owner owner = {.size = 0};

	return proc_owner(pid, &owner) == 0 && owner.uid == ANNA;
}

/* Somebody who is not root and calls sudo, there, with that token; he is let through, or not. */
static struct login *call_sudo(
	struct world *w, uint32_t audit_session, const struct login *token_of, bool forged)
{
	struct login *l = arrive_as(w, ANNA, sudo, live_as_anna);
	struct wire_acct acct = {.uid = ANNA, .forged = forged};
	const struct event event = {
		.type = EVENT_ACCT, .caller = &l->caller, .answer = &l->answer, .u.acct = &acct};

	await(is_anna(l->caller.pid));
	l->caller.audit_session = audit_session;
	memcpy(acct.user, l->open.user, sizeof(acct.user));
	memcpy(acct.service, l->open.service, sizeof(acct.service));
	if (token_of != NULL)
		acct.token = token_of->open.new_token;
	core_handle(w->core, &event);
	/* as the module does, which finds the same token once more */
	if (l->type == WIRE_outdated) {
		acct.again = true;
		l->answers = 0;
		core_handle(w->core, &event);
	}
	assert_int_equal(l->answers, 1);
	assert_true(l->type == WIRE_granted ||
		    (l->type == WIRE_refused && l->reason == REASON_TOKEN_MISMATCH));
	return l;
}

static bool goes_on(
	struct world *w, uint32_t audit_session, const struct login *token_of, bool forged)
{
	return call_sudo(w, audit_session, token_of, forged)->type == WIRE_granted;
}

static void strict(struct world *w, bool token, bool orphans)
{
	w->config.token_required = token;
	w->config.orphans_denied = orphans;
}

static void live_session(void **state)
{
	struct world *w = *state;
	struct login *mine, *other;

	if (geteuid() != 0)
		skip();
	mine = log_in(w, ANNA, sshd, HERE);
	other = log_in(w, ANNA, sshd, THERE);
	assert_true(goes_on(w, HERE, mine, false));
	assert_true(goes_on(w, HERE, NULL, false));
	assert_false(goes_on(w, HERE, other, false));
	assert_string_equal(call_sudo(w, HERE, other, false)->text,
		"this shell has the token of another login; log in again");
	assert_false(goes_on(w, HERE, NULL, true));
	strict(w, true, true);
	assert_true(goes_on(w, HERE, mine, false));
	assert_false(goes_on(w, HERE, NULL, false));
	assert_int_equal(w->metrics.refused[REASON_TOKEN_MISMATCH], 4);
}

static void no_live_session(void **state)
{
	struct world *w = *state;
	struct login *other;

	if (geteuid() != 0)
		skip();
	other = log_in(w, ANNA, sshd, THERE);
	assert_true(goes_on(w, OVER, NULL, false));
	assert_true(goes_on(w, OVER, other, false));
	strict(w, true, false);
	assert_true(goes_on(w, OVER, NULL, false));
	strict(w, false, true);
	assert_string_equal(call_sudo(w, OVER, NULL, false)->text,
		"this shell outlived the login that it belongs to; authenticate again");
	assert_false(goes_on(w, OVER, other, false));
}

static void no_audit_session(void **state)
{
	struct world *w = *state;
	struct login *mine, *stranger;

	if (geteuid() != 0)
		skip();
	mine = log_in(w, ANNA, sshd, PROC_NO_AUDIT);
	stranger = arrive(w, ANNA, sshd);
	assert_true(goes_on(w, PROC_NO_AUDIT, mine, false));
	assert_true(goes_on(w, PROC_NO_AUDIT, NULL, true));
	strict(w, true, true);
	assert_true(goes_on(w, PROC_NO_AUDIT, mine, false));
	assert_false(goes_on(w, PROC_NO_AUDIT, NULL, false));
	assert_false(goes_on(w, PROC_NO_AUDIT, stranger, false));
	assert_false(goes_on(w, PROC_NO_AUDIT, NULL, true));
}

/* A token that sessd does not know is none, not another's. */
static void unknown_token(void **state)
{
	struct world *w = *state;
	struct login *stranger;

	if (geteuid() != 0)
		skip();
	log_in(w, ANNA, sshd, HERE);
	stranger = arrive(w, ANNA, sshd);
	assert_true(goes_on(w, HERE, stranger, false));
	strict(w, true, false);
	assert_false(goes_on(w, HERE, stranger, false));
}

/* A cron job has no token, and that of whoever started crond says nothing of it. */
static void background(void **state)
{
	struct world *w = *state;
	struct login *other;

	if (geteuid() != 0)
		skip();
	log_in(w, ANNA, cron, HERE);
	other = log_in(w, BEN, sshd, THERE);
	strict(w, true, true);
	assert_true(goes_on(w, HERE, NULL, false));
	assert_true(goes_on(w, HERE, other, false));
}

/* Logins without an audit session of their own, as where pam_loginuid is missing. */
static void one_audit_session(void **state)
{
	struct world *w = *state;
	struct login *first, *second;

	if (geteuid() != 0)
		skip();
	first = log_in(w, ANNA, sshd, HERE);
	second = log_in(w, BEN, sshd, HERE);
	assert_true(goes_on(w, HERE, first, false));
	assert_true(goes_on(w, HERE, second, false));
	assert_int_equal(w->metrics.refused[REASON_TOKEN_MISMATCH], 0);
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(live_session),
		WITH_WORLD(no_live_session),
		WITH_WORLD(no_audit_session),
		WITH_WORLD(unknown_token),
		WITH_WORLD(background),
		WITH_WORLD(one_audit_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
