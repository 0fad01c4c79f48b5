/* Who is counted under the caps, and who is refused. */
#include "tests/unit/core_fixture.h"

/* --- Who counts --- */

static void deny_at_the_cap(void **state)
{
	struct world *w = *state;
	struct login *a, *b, *c;

	POLICIES(w, {.name = two, .any_group = true, .max_sessions = 2});
	a = enter(w, ANNA, sshd);
	/* one that is not on disk yet holds its place already */
	b = start(w, ANNA, console);
	c = refuse(w, ANNA, sshd);
	assert_non_null(strstr(c->text, "2 of 2 sessions (policy \"two\")"));
	assert_granted(w, b);
	refuse(w, ANNA, sshd);
	/* another user's are his own */
	enter(w, BEN, sshd);
	assert_active(w, a);
	assert_active(w, b);
	assert_int_equal(w->metrics.refused[REASON_CAP], 2);
	/* the refused one is not in the way, and its process is ended */
	assert_null(session_of(w, c));
	WAIT_UNTIL(w->f, is_dead(c->caller.pid));
}

static void place_of_one_that_left(void **state)
{
	struct world *w = *state;
	struct login *a;
	struct wire_close end;
	struct event event = {.type = EVENT_CLOSE, .u.close = &end};

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1});
	a = enter(w, ANNA, sshd);
	refuse(w, ANNA, sshd);
	end.sid = a->open.sid;
	event.caller = &a->caller;
	core_handle(w->core, &event);
	enter(w, ANNA, sshd);
}

static void by_service(void **state)
{
	struct world *w = *state;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1, .services = only_sshd});
	enter(w, ANNA, console);
	enter(w, ANNA, sshd);
	refuse(w, ANNA, sshd);
	enter(w, ANNA, console);
	assert_int_equal(active(w), 3);
}

static void two_caps(void **state)
{
	struct world *w = *state;
	struct login *l;

	POLICIES(w, {.name = three, .any_group = true, .max_sessions = 3},
		{.name = two, .any_group = true, .max_sessions = 2, .services = only_sshd});
	enter(w, ANNA, sshd);
	enter(w, ANNA, sshd);
	l = refuse(w, ANNA, sshd);
	assert_non_null(strstr(l->text, "(policy \"two\")"));
	enter(w, ANNA, console);
	l = refuse(w, ANNA, console);
	assert_non_null(strstr(l->text, "3 of 3 sessions (policy \"three\")"));
}

static void exempt(void **state)
{
	struct world *w = *state;
	unsigned i;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1},
		{.name = two, .any_group = true, .users = only_anna, .exempt = true});
	for (i = 0; i < 4; i++)
		enter(w, ANNA, sshd);
	enter(w, BEN, sshd);
	refuse(w, BEN, sshd);
	assert_int_equal(active(w), 5);
}

static void only_logins_count(void **state)
{
	struct world *w = *state;
	unsigned i;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1});
	for (i = 0; i < 3; i++) {
		enter(w, ANNA, cron);
		enter(w, ANNA, sudo);
		/* a service that no row names */
		enter(w, ANNA, "backup");
	}
	enter(w, ANNA, sshd);
	refuse(w, ANNA, console);
	enter(w, ANNA, sudo);
	enter(w, ANNA, cron);
	assert_int_equal(core_sessions(w->core)->count[CLASS_ELEVATION][PHASE_ACTIVE], 4);
}

/* --- The same request again, and leaders that die --- */

static void same_sid(void **state)
{
	struct world *w = *state;
	struct login *l, *again;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1});
	l = start(w, ANNA, sshd);
	again = arrive(w, ANNA, sshd);
	again->open.sid = l->open.sid;
	/* while it opens, the later request is the one that is answered */
	ask(w, again);
	assert_int_equal(l->type, WIRE_error);
	assert_int_equal(l->error, WIRE_E_UNAVAILABLE);
	assert_int_equal(again->answers, 0);
	assert_granted(w, again);
	ask(w, l);
	assert_granted(w, l);
	assert_int_equal(active(w), 1);
	assert_int_equal(w->metrics.opened[CLASS_LOGIN], 1);
	refuse(w, ANNA, sshd);
}

static void dies_while_it_is_written(void **state)
{
	struct world *w = *state;
	struct login *l = start(w, ANNA, sshd);

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1});
	kill(l->caller.pid, SIGKILL);
	await(is_dead(l->caller.pid));
	WAIT_UNTIL(w->f, w->metrics.ended[REASON_LEADER_GONE] == 1);
	assert_int_equal(core_sessions(w->core)->by_sid.n, 0);
	enter(w, ANNA, sshd);
}

/* acct advises by the same caps, and holds no place. */
static void advice(void **state)
{
	struct world *w = *state;
	struct login *l = arrive(w, ANNA, sshd);
	struct wire_acct acct = {.uid = ANNA, .user = "anna", .service = "sshd"};
	const struct event event = {
		.type = EVENT_ACCT, .caller = &l->caller, .answer = &l->answer, .u.acct = &acct};
	unsigned i;

	POLICIES(w, {.name = one, .any_group = true, .max_sessions = 1});
	for (i = 0; i < 3; i++) {
		l->answers = 0;
		core_handle(w->core, &event);
		assert_int_equal(l->type, WIRE_granted);
	}
	enter(w, ANNA, sshd);
	l->answers = 0;
	core_handle(w->core, &event);
	assert_int_equal(l->type, WIRE_refused);
	assert_non_null(strstr(l->text, "1 of 1 sessions (policy \"one\")"));
	/* nothing that the cap does not count is advised against */
	strcpy(acct.service, "sudo");
	l->answers = 0;
	core_handle(w->core, &event);
	assert_int_equal(l->type, WIRE_granted);
	/* nor what would only have to make room */
	strcpy(acct.service, "sshd");
	w->config.policies.policies[0].at_limit = AT_LIMIT_EVICT_OLDEST;
	l->answers = 0;
	core_handle(w->core, &event);
	assert_int_equal(l->type, WIRE_granted);
	assert_int_equal(active(w), 1);
	/* an advice ends no process */
	assert_false(is_dead(l->caller.pid));
}

static int all(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(deny_at_the_cap),
		IN_WORLD(place_of_one_that_left),
		IN_WORLD(by_service),
		IN_WORLD(two_caps),
		IN_WORLD(exempt),
		IN_WORLD(only_logins_count),
		IN_WORLD(same_sid),
		IN_WORLD(dies_while_it_is_written),
		IN_WORLD(advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	return processes_main(all);
}
