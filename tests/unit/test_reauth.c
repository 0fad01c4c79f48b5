/* When the user of a session last proved who he is: what counts as that, and what needs it. */
#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "tests/unit/elevation_fixture.h"

#define MINUTE (60 * NS_PER_SEC)

/* One request of somebody who has seen the user of that session prove himself. */
struct request {
	struct answer answer;
	unsigned answers;
	enum wire_type type;
	enum wire_errno error;
};

static void note(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct request *r = (struct request *)(void *)answer;

	assert_true(last);
	assert_int_equal(r->answers++, 0);
	r->type = type;
	if (type == WIRE_error)
		r->error = (enum wire_errno)((const struct wire_error *)msg)->code;
}

static void tell(struct world *w, struct request *r, const struct login *l)
{
	static const struct caller root = {.audit_session = PROC_NO_AUDIT, .admin = true};

	*r = (struct request){.answer.fn = note};
	reauth_renew(w->core, session_by_sid(core_sessions(w->core), &l->open.sid), &root,
		"a key of his", &r->answer);
}

/* Time cannot be moved here, but what is known of the past can. */
static struct session *long_ago(const struct world *w, const struct login *l, uint64_t age)
{
	struct session *s = (struct session *)(uintptr_t)session_of(w, l);

	s->authenticated = clock_boot() - age;
	return s;
}

/* anna calls a service there; what it was answered. */
static struct login *call(
	struct world *w, const char *service, uint32_t audit_session, const struct wire_acct *with)
{
	struct login *l = caller_of(w, service, audit_session);
	struct wire_acct acct = *with;

	ask_account(w, l, &acct);
	return l;
}

static const struct wire_acct plain, authenticated = {.authenticated = true};

static void assert_stale(const struct login *l, const char *words)
{
	assert_int_equal(l->type, WIRE_refused);
	assert_int_equal(l->reason, REASON_REAUTH);
	if (strstr(l->text, words) == NULL)
		fail_msg("`%s` is not in `%s`", words, l->text);
}

static void a_login_is_the_first(void **state)
{
	struct world *w = *state;
	uint64_t before = clock_boot(), began;
	const struct session *s;
	struct login *l;

	l = arrive(w, ANNA, sshd);
	strcpy(l->open.auth, "password");
	ask(w, l);
	assert_granted(w, l);
	s = session_of(w, l);
	assert_true(s->authenticated >= before && s->authenticated <= clock_boot());
	assert_int_equal(seen(s)->authenticated_at, s->opened_at);
	assert_string_equal(seen(s)->authenticated_by, "password");
	assert_string_equal(
		seen(session_of(w, enter(w, ANNA, console)))->authenticated_by, console);
	/* one that is taken in had his then; or nobody knows when */
	began = clock_boot() - 5 * MINUTE;
	l = arrive(w, ANNA, sshd);
	adopt(w, l, 1000, began);
	s = session_of(w, l);
	assert_int_equal(s->authenticated, began);
	assert_int_equal(seen(s)->authenticated_at, 1000);
	l = arrive(w, ANNA, sshd);
	adopt(w, l, 1000, 0);
	assert_int_equal(session_of(w, l)->authenticated, 0);
	l = arrive(w, ANNA, sshd);
	adopt(w, l, 1000, clock_boot() + 60 * MINUTE);
	assert_int_equal(session_of(w, l)->authenticated, 0);
	/* nobody typed anything at a cron job */
	l = enter(w, ANNA, cron);
	assert_int_equal(session_of(w, l)->authenticated, 0);
}

static void who_proves_himself(void **state)
{
	struct wire_acct as_ben = {.user = "ben", .uid = BEN, .authenticated = true};
	struct world *w = *state;
	const struct session *s;
	struct login *l;

	if (geteuid() != 0)
		skip();
	l = log_in(w, ANNA, sshd, HERE);
	s = long_ago(w, l, 100 * MINUTE);
	/* nobody did; or not here; or somebody else; or he begins another login */
	call(w, sudo, HERE, &plain);
	call(w, sudo, THERE, &authenticated);
	call(w, sudo, HERE, &as_ben);
	call(w, sshd, HERE, &authenticated);
	assert_true(clock_boot() - s->authenticated >= 100 * MINUTE);
	call(w, sudo, HERE, &authenticated);
	assert_true(clock_boot() - s->authenticated < 10 * MINUTE);
	assert_string_equal(seen(s)->authenticated_by, sudo);
	/* a lock of his screen */
	long_ago(w, l, 100 * MINUTE);
	call(w, "locker", HERE, &authenticated);
	assert_true(clock_boot() - s->authenticated < 10 * MINUTE);
	assert_string_equal(seen(s)->authenticated_by, "locker");
	/* who shows a token that is none of his has proved nothing */
	w->config.token_required = true;
	long_ago(w, l, 100 * MINUTE);
	assert_int_equal(call(w, sudo, HERE, &authenticated)->type, WIRE_refused);
	assert_true(clock_boot() - s->authenticated >= 100 * MINUTE);
}

static void who_is_told_of_by_others(void **state)
{
	struct world *w = *state;
	const struct session *s;
	struct request r;
	struct login *l;

	l = enter(w, ANNA, sshd);
	s = long_ago(w, l, 100 * MINUTE);
	tell(w, &r, l);
	/* it counts at once, and is answered when it is on disk */
	assert_true(clock_boot() - s->authenticated < 10 * MINUTE);
	assert_int_equal(r.answers, 0);
	WAIT_UNTIL(w->f, r.answers > 0);
	assert_int_equal(r.type, WIRE_done);
	assert_string_equal(seen(s)->authenticated_by, "a key of his");
	/* while it opens there is nothing to refresh yet */
	l = start(w, ANNA, sshd);
	tell(w, &r, l);
	assert_int_equal(r.error, WIRE_E_NO_SESSION);
	assert_granted(w, l);
}

static void what_needs_it(void **state)
{
	struct world *w = *state;
	struct login *l;

	if (geteuid() != 0)
		skip();
	l = log_in(w, ANNA, sshd, HERE);
	assert_int_equal(call(w, sudo, OVER, &plain)->type, WIRE_granted);
	POLICIES(w, {.name = one, .any_group = true, .reauth = 15 * MINUTE});
	assert_int_equal(call(w, sudo, HERE, &plain)->type, WIRE_granted);
	long_ago(w, l, 14 * MINUTE);
	assert_int_equal(call(w, sudo, HERE, &plain)->type, WIRE_granted);
	long_ago(w, l, 16 * MINUTE);
	assert_stale(call(w, sudo, HERE, &plain), "the last authentication in this session was 16m "
						  "ago, and here one within 15m is needed: run "
						  "`sessctl reauth` first, or `sudo -k`");
	/* only su and sudo, not a login that comes from there, nor a service that is none of both
	 */
	assert_int_equal(call(w, sshd, HERE, &plain)->type, WIRE_granted);
	assert_int_equal(call(w, "locker", HERE, &plain)->type, WIRE_granted);
	/* nobody knows when */
	((struct session *)(uintptr_t)session_of(w, l))->authenticated = 0;
	assert_stale(call(w, sudo, HERE, &plain), "nobody has authenticated in this session");
	assert_stale(call(w, sudo, OVER, &plain), "this shell outlived the login that it belongs");
	/* who does it right now */
	assert_int_equal(call(w, sudo, OVER, &authenticated)->type, WIRE_granted);
	assert_int_equal(call(w, sudo, HERE, &authenticated)->type, WIRE_granted);
	assert_int_equal(call(w, sudo, HERE, &plain)->type, WIRE_granted);
	assert_int_equal(w->metrics.refused[REASON_REAUTH], 3);
}

/* The module's, that of the login, that of the su or sudo, and where the login is forgotten all
 * that it could have been. */
static void whose_limit(void **state)
{
	static const struct wire_acct short_one = {.reauth = 5 * MINUTE};
	static char *only_sudo[] = {sudo, NULL};
	struct wire_acct as_ben = {.user = "ben", .uid = BEN};
	struct world *w = *state;
	struct login *l;

	if (geteuid() != 0)
		skip();
	l = log_in(w, ANNA, sshd, HERE);
	long_ago(w, l, 6 * MINUTE);
	assert_stale(call(w, sudo, HERE, &short_one), "one within 5m is needed");
	{
		POLICIES(w, {.name = one,
				    .any_group = true,
				    .services = only_sshd,
				    .reauth = 3 * MINUTE});
		assert_stale(call(w, sudo, HERE, &short_one), "one within 3m is needed");
		assert_stale(call(w, sudo, OVER, &plain), "one within 3m is needed");
		assert_stale(call(w, sudo, HERE, &as_ben), "one within 3m is needed");
		policies_[0].services = only_sudo;
		assert_stale(call(w, sudo, HERE, &plain), "one within 3m is needed");
		policies_[0].services = NULL;
		policies_[0].users = only_anna;
		assert_stale(call(w, sudo, HERE, &as_ben), "one within 3m is needed");
		assert_int_equal(call(w, sudo, OVER, &as_ben)->type, WIRE_granted);
		policies_[0].reauth = 7 * MINUTE;
		assert_int_equal(call(w, sudo, HERE, &plain)->type, WIRE_granted);
		assert_stale(call(w, sudo, HERE, &short_one), "one within 5m is needed");
	}
}

static void who_is_spared(void **state)
{
	static const struct wire_acct limit = {.reauth = MINUTE};
	struct wire_acct glass = {.reauth = MINUTE, .gids = {.n = 1, .gid = {77}}};
	struct world *w = *state;
	struct login *l, *root;

	if (geteuid() != 0)
		skip();
	l = log_in(w, ANNA, sshd, HERE);
	long_ago(w, l, 6 * MINUTE);
	assert_stale(call(w, sudo, HERE, &limit), "within 1m");
	w->config.breakglass_gid = 77;
	assert_int_equal(call(w, sudo, HERE, &glass)->type, WIRE_granted);
	w->config.breakglass_gid = CONFIG_NO_GID;
	assert_stale(call(w, sudo, HERE, &glass), "within 1m");
	root = arrive(w, ANNA, sudo);
	root->caller.audit_session = HERE;
	glass = limit;
	ask_account(w, root, &glass);
	assert_int_equal(root->type, WIRE_granted);
	POLICIES(w, {.name = one, .any_group = true, .services = only_sshd, .exempt = true});
	assert_int_equal(call(w, sudo, HERE, &limit)->type, WIRE_granted);
	assert_stale(call(w, sudo, OVER, &limit), "within 1m");
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_WORLD(a_login_is_the_first),
		WITH_WORLD(who_proves_himself),
		WITH_WORLD(who_is_told_of_by_others),
		WITH_WORLD(what_needs_it),
		WITH_WORLD(whose_limit),
		WITH_WORLD(who_is_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
