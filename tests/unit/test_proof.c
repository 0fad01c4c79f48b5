/* What core says of a su or sudo, by the audit session and the token of who asks. */
#include "tests/unit/elevation_fixture.h"

/* Somebody who is not root and calls sudo, there, with that token; he is let through, or not. */
static struct login *call_sudo(
	struct world *w, uint32_t audit_session, const struct login *token_of, bool forged)
{
	struct login *l = caller_of(w, sudo, audit_session);
	struct wire_acct acct = {.forged = forged};

	if (token_of != NULL)
		acct.token = token_of->open.new_token;
	ask_account(w, l, &acct);
	assert_true(l->type == WIRE_granted || l->reason == REASON_TOKEN_MISMATCH);
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
