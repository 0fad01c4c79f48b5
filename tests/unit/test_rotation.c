/* The token of a session is replaced, in a real key: when, by what, and what is left where it
 * cannot be. */
#include <errno.h>
#include <keyutils.h>

#include "common/token_key.h"
#include "pam_module/keyring.h"
#include "tests/unit/elevation_fixture.h"

/* A login whose token is in a key, in a keyring of its own. */
static struct login *log_in_with_key(struct world *w, uint32_t audit_session)
{
	struct login *l = arrive(w, ANNA, sshd);
	char name[32];
	int32_t key;
	long ring;

	assert_int_equal(keyring_make(&l->open.new_token, &key), 0);
	snprintf(name, sizeof(name), "login-%d", (int)l->caller.pid);
	ring = add_key("keyring", name, NULL, 0, KEY_SPEC_THREAD_KEYRING);
	assert_true(ring > 0);
	assert_int_equal(keyctl_link(key, (key_serial_t)ring), 0);
	keyring_drop(key);
	l->open.token_key = (uint64_t)key;
	l->caller.audit_session = audit_session;
	ask(w, l);
	assert_granted(w, l);
	return l;
}

static struct token in_key(const struct login *l)
{
	struct token token;

	assert_int_equal(token_key_read((int32_t)l->open.token_key, &token), 0);
	return token;
}

static bool same(struct token a, struct token b)
{
	return memcmp(a.b, b.b, TOKEN_BYTES) == 0;
}

/* The account phase of a sudo of anna's, with that token. */
static struct login *sudo_with(struct world *w, struct token token, bool authenticated)
{
	struct login *l = caller_of(w, sudo, HERE);
	struct wire_acct acct = {.token = token, .authenticated = authenticated};

	ask_account(w, l, &acct);
	return l;
}

/* The whole of it. */
static void elevate(struct world *w, const struct login *in, bool authenticated)
{
	struct login *l = sudo_with(w, in_key(in), authenticated);

	assert_int_equal(l->type, WIRE_granted);
	l->open.token = in_key(in);
	ask(w, l);
	assert_granted(w, l);
}

static void assert_goes_on(struct world *w, struct token token)
{
	assert_int_equal(sudo_with(w, token, false)->type, WIRE_granted);
}

static void assert_outdated(struct world *w, struct token token)
{
	struct login *l = sudo_with(w, token, false);

	assert_int_equal(l->type, WIRE_refused);
	assert_int_equal(l->reason, REASON_TOKEN_MISMATCH);
	assert_string_equal(l->text, "this shell has an outdated token; log in again");
}

static bool no_keys(void)
{
	return geteuid() != 0 || keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, 1) < 0;
}

static void at_an_elevation(void **state)
{
	struct world *w = *state;
	struct token first, second;
	struct login *l, *other;

	if (no_keys())
		skip();
	l = log_in_with_key(w, HERE);
	other = log_in_with_key(w, THERE);
	first = in_key(l);
	assert_true(same(first, l->open.new_token));
	elevate(w, l, false);
	second = in_key(l);
	assert_false(same(first, second));
	assert_goes_on(w, second);
	assert_outdated(w, first);
	assert_true(same(in_key(other), other->open.new_token));
	elevate(w, l, false);
	assert_false(same(second, in_key(l)));
	assert_outdated(w, second);
	assert_goes_on(w, in_key(l));
	assert_int_equal(w->metrics.refused[REASON_TOKEN_MISMATCH], 2);
}

/* What is asked before the daemon says that it is outdated is not judged, so nothing is recorded.
 */
static void asked_again_first(void **state)
{
	struct world *w = *state;
	struct wire_acct acct = {.uid = ANNA, .user = "anna", .service = "sudo"};
	struct event event = {.type = EVENT_ACCT, .u.acct = &acct};
	struct login *l, *caller;
	struct token twice;

	if (no_keys())
		skip();
	l = log_in_with_key(w, HERE);
	acct.token = in_key(l);
	elevate(w, l, false);
	caller = caller_of(w, sudo, HERE);
	event.caller = &caller->caller;
	event.answer = &caller->answer;
	core_handle(w->core, &event);
	assert_int_equal(caller->type, WIRE_outdated);
	/* of the one before that, too */
	twice = in_key(l);
	elevate(w, l, false);
	caller->answers = 0;
	core_handle(w->core, &event);
	assert_int_equal(caller->type, WIRE_outdated);
	assert_int_equal(w->metrics.refused[REASON_TOKEN_MISMATCH], 0);
	/* one without any has nothing newer to show, and is told at once */
	assert_outdated(w, twice);
	memset(&acct.token, 0, sizeof(acct.token));
	caller->answers = 0;
	core_handle(w->core, &event);
	assert_int_equal(caller->type, WIRE_granted);
}

/* One password, one sudo, one new token: the one before it is remembered. */
static void at_an_authentication(void **state)
{
	struct world *w = *state;
	struct token first, second;
	struct login *l;

	if (no_keys())
		skip();
	l = log_in_with_key(w, HERE);
	first = in_key(l);
	assert_int_equal(sudo_with(w, first, true)->type, WIRE_granted);
	second = in_key(l);
	assert_false(same(first, second));
	assert_outdated(w, first);
	elevate(w, l, true);
	assert_outdated(w, second);
	assert_goes_on(w, in_key(l));
	assert_string_equal(seen(session_of(w, l))->authenticated_by, "sudo");
}

/* Where there is no audit session, the token is all that says whose it is. */
static void without_audit_session(void **state)
{
	struct world *w = *state;
	struct wire_acct acct = {.uid = ANNA};
	struct login *l, *caller;

	if (no_keys())
		skip();
	l = log_in_with_key(w, PROC_NO_AUDIT);
	acct.token = in_key(l);
	caller = caller_of(w, sudo, PROC_NO_AUDIT);
	ask_account(w, caller, &acct);
	assert_int_equal(caller->type, WIRE_granted);
	caller->open.token = in_key(l);
	ask(w, caller);
	assert_granted(w, caller);
	assert_true(sid_equal(&session_of(w, caller)->parent, &l->open.sid));
	assert_false(same(acct.token, in_key(l)));
	caller = caller_of(w, sudo, PROC_NO_AUDIT);
	ask_account(w, caller, &acct);
	assert_int_equal(caller->type, WIRE_refused);
	/* an open that has come too late for it is known by it all the same */
	caller->open.token = acct.token;
	ask(w, caller);
	assert_granted(w, caller);
	assert_true(sid_equal(&session_of(w, caller)->parent, &l->open.sid));
	/* but it does not say whose authentication that is */
	acct = (struct wire_acct){.uid = ANNA, .token = acct.token, .authenticated = true};
	caller = caller_of(w, "locker", PROC_NO_AUDIT);
	ask_account(w, caller, &acct);
	assert_string_equal(seen(session_of(w, l))->authenticated_by, sshd);
	acct = (struct wire_acct){.uid = ANNA, .token = in_key(l), .authenticated = true};
	ask_account(w, caller, &acct);
	assert_string_equal(seen(session_of(w, l))->authenticated_by, "locker");
	/* of one that was replaced twice it is asked whether there is a newer one */
	acct = (struct wire_acct){.uid = ANNA, .token = l->open.new_token};
	caller = caller_of(w, sudo, PROC_NO_AUDIT);
	ask_account(w, caller, &acct);
	assert_true(acct.again);
	assert_int_equal(caller->type, WIRE_granted);
}

/* It goes on with the token that it had, and nothing is lost but that. */
static void its_key_is_gone(void **state)
{
	struct world *w = *state;
	struct token before;
	struct login *l;

	if (no_keys())
		skip();
	l = log_in_with_key(w, HERE);
	before = in_key(l);
	assert_int_equal(keyctl_revoke((key_serial_t)l->open.token_key), 0);
	assert_int_equal(sudo_with(w, before, true)->type, WIRE_granted);
	assert_string_equal(seen(session_of(w, l))->authenticated_by, "sudo");
	assert_goes_on(w, before);
}

/* Another key has its number, or somebody else wrote into it: that is not ours to write. */
static void its_key_is_another(void **state)
{
	struct world *w = *state;
	struct token got, stranger = {{7}};
	struct session *s;
	struct login *l;
	long other;

	if (no_keys())
		skip();
	l = log_in_with_key(w, HERE);
	s = (struct session *)(uintptr_t)session_of(w, l);
	other = add_key("user", "sessd:other", stranger.b, TOKEN_BYTES, KEY_SPEC_THREAD_KEYRING);
	assert_true(other > 0);
	s->token_key = (int32_t)other;
	elevate(w, l, false);
	assert_int_equal(keyctl_read((key_serial_t)other, (char *)got.b, TOKEN_BYTES), TOKEN_BYTES);
	assert_true(same(got, stranger));
	s->token_key = (int32_t)l->open.token_key;
	assert_int_equal(token_key_write(s->token_key, &stranger), 0);
	elevate(w, l, false);
	assert_true(same(in_key(l), stranger));
	assert_goes_on(w, l->open.new_token);
}

/* A daemon that died after any number of rotations finds the last one. */
static void after_a_restart(void **state)
{
	struct world *w = *state;
	struct token first, last;
	struct login *l;
	uint64_t when;

	if (no_keys())
		skip();
	l = log_in_with_key(w, HERE);
	first = in_key(l);
	elevate(w, l, false);
	elevate(w, l, false);
	last = in_key(l);
	when = session_of(w, l)->authenticated;
	start_again(w, "test", NULL);
	assert_goes_on(w, last);
	/* the row is older than the key */
	assert_outdated(w, first);
	assert_int_equal(session_of(w, l)->authenticated, when);
	/* an authentication is in the row, and with it the token before */
	assert_int_equal(sudo_with(w, last, true)->type, WIRE_granted);
	assert_true(session_of(w, l)->authenticated > when);
	when = session_of(w, l)->authenticated;
	start_again(w, "test", NULL);
	assert_outdated(w, last);
	assert_goes_on(w, in_key(l));
	assert_int_equal(session_of(w, l)->authenticated, when);
	assert_string_equal(seen(session_of(w, l))->authenticated_by, "sudo");
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(at_an_elevation),
		WITH_WORLD(asked_again_first),
		WITH_WORLD(at_an_authentication),
		WITH_WORLD(without_audit_session),
		WITH_WORLD(its_key_is_gone),
		WITH_WORLD(its_key_is_another),
		WITH_WORLD(after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
